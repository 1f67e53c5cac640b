#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Text -> sentences and tokens by elmo4j's own tokenizer -> arrays of word numbers.

    prepare.py --out data text/*.txt.xz

A text has one paragraph on each line. The works named in held-out.tsv go completely to the held-out set.
Users write straight and curly quotes, hyphens and dashes, and not always in sentence case. Each paragraph
therefore gets one of these forms, chosen at random with --seed.
"""
import argparse
import collections
import lzma
import os
import pathlib
import random
import re
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ELMO = HERE.parent.parent / "elmo"
BOUNDARIES = ["<S>", "</S>", "<UNK>"]  # Word numbers 0, 1, 2; words follow, most frequent first.
STRAIGHT = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "…": "..."})
DASHES = {"keep": "—", "double": " -- ", "single": " - "}


def die(message):
    sys.exit(f"prepare: {message}")


def paragraphs(path):
    opener = lzma.open if path.suffix == ".xz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                # Word joiners say where not to break a line; other spaces than U+0020 are for print.
                line = re.sub(r"\s+", " ", line.replace("\u2060", "").replace("\ufeff", "")).strip()
                if line:
                    yield line
    except (OSError, lzma.LZMAError, UnicodeDecodeError) as e:
        die(f"{path}: expected UTF-8 text, one paragraph a line, found: {e}")


def held_out_works(path):
    works = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if len(fields) != 3:
            die(f"{path}: expected title, first and last paragraph's beginning with tabs between, found {line!r}")
        works.append(fields)
    return works


def as_typed(text, rng, change_case):
    """A paragraph as one of its readers might have typed it."""
    if rng.random() < 0.8:
        text = text.translate(STRAIGHT)
    dash = rng.choices(["keep", "double", "single"], [0.4, 0.35, 0.25])[0]
    if dash != "keep":
        text = text.replace("—", DASHES[dash]).replace("―", DASHES[dash])
    case = rng.random()
    if change_case and case < 0.06:
        text = text.lower()
    elif change_case and case < 0.07:
        text = text.upper()
    return text


def tokenize(elmo, raw, tokens):
    result = subprocess.run([str(elmo), "tokens", str(raw), "--output", str(tokens)], check=False)
    if result.returncode:
        die(f"{elmo} tokens ended with exit code {result.returncode}")


def numbers(path, ids, length):
    """All sentences one after another, boundaries included: int32 [tokens]."""
    out = np.empty(length, np.int32)
    n = 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words = line.rstrip("\n").split(" ")
            out[n] = 0
            out[n + 1 : n + 1 + len(words)] = [ids[w] for w in words]
            out[n + 1 + len(words)] = 1
            n += len(words) + 2
    assert n == length
    return out


def count(path):
    words, length = collections.Counter(), 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            sentence = line.rstrip("\n").split(" ")
            words.update(sentence)
            length += len(sentence) + 2
    return words, length


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("text", nargs="+", type=pathlib.Path, help="text, one paragraph a line; .xz is unpacked")
    p.add_argument("--out", type=pathlib.Path, default=HERE / "build" / "data", help="folder to write to")
    p.add_argument("--held-out", type=pathlib.Path, default=HERE / "held-out.tsv")
    p.add_argument("--elmo", type=pathlib.Path, default=ELMO, help="the elmo4j tool")
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    if args.out.exists() and not args.out.is_dir():
        die(f"{args.out}: expected a folder, found a file")
    args.out.mkdir(parents=True, exist_ok=True)

    works = held_out_works(args.held_out)
    rng = random.Random(args.seed)
    found, inside = [], None
    raw = {name: args.out / f"{name}.raw.txt" for name in ("train", "held-out")}
    with open(raw["train"], "w", encoding="utf-8") as train, open(raw["held-out"], "w", encoding="utf-8") as held:
        for path in args.text:
            for text in paragraphs(path):
                if inside is None:
                    inside = next((w for w in works if text.startswith(w[1])), None)
                out = train if inside is None else held
                # A blank line ends a sentence.
                out.write(as_typed(text, rng, change_case=inside is None) + "\n\n")
                if inside is not None and text.startswith(inside[2]):
                    found.append(inside[0])
                    inside = None
            if inside is not None:
                die(f"{path}: expected the end of {inside[0]!r} ({inside[2]!r}), found none")
    if not found:
        die(f"expected at least one work of {args.held_out} in the text, found none")
    print(f"prepare: held out: {', '.join(found)}", flush=True)

    tokens = {name: args.out / f"{name}.txt" for name in raw}
    for name in raw:
        tokenize(args.elmo, raw[name], tokens[name])
        raw[name].unlink()
    train_words, train_length = count(tokens["train"])
    held_words, held_length = count(tokens["held-out"])
    by_frequency = sorted(train_words.items(), key=lambda kv: (-kv[1], kv[0]))
    words = BOUNDARIES + [w for w, _ in by_frequency]
    words += sorted(set(held_words) - set(train_words))  # They have characters, though no place in the vocabulary.
    ids = {w: i for i, w in enumerate(words) if i >= len(BOUNDARIES)}
    (args.out / "words.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    np.save(args.out / "train.npy", numbers(tokens["train"], ids, train_length))
    np.save(args.out / "held-out.npy", numbers(tokens["held-out"], ids, held_length))
    print(
        f"prepare: {train_length:,} tokens to train on, {held_length:,} held out (boundaries included), "
        f"{len(train_words):,} distinct words",
        flush=True,
    )


if __name__ == "__main__":
    main()
