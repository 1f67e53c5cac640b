#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Perplexity on the held-out works, and accuracy of part-of-speech tags with `elmo fit`.

    evaluate.py --checkpoint build/model/checkpoint.pt --model build/export/mini-en.safetensors

Each sentence starts from a zero state, like elmo4j's default. Every token and the last boundary are predicted;
words outside the vocabulary count as one unknown word. There are two perplexities, both of the full softmax:

own     of the checkpoint, with the softmax that it was trained with.
probe   of any model (published models have no softmax): the encoder is not changed, and a new softmax for each
        direction is trained on the same --probe-tokens of the training text, in the same order. It serves to
        compare models (--compare) and says less about a single one.
"""
import argparse
import json
import lzma
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

import bilm
import train

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
UD = ROOT / "tests" / "data" / "ud-ewt"
LAYERS = ("word_emb", "lstm_outputs1", "lstm_outputs2", "even mix", "learned mix")


def die(message):
    sys.exit(f"evaluate: {message}")


def sentences_of(path, tokens, seed=1):
    """Sentences with their boundaries in an order drawn by the seed, `tokens` in all at most."""
    ids = np.load(path).astype(np.int64)
    sentences = np.split(ids, np.flatnonzero(ids == 0)[1:])
    sentences = [sentences[i] for i in np.random.default_rng(seed).permutation(len(sentences))]
    ends = np.cumsum([len(s) for s in sentences])
    return sentences[: max(1, int(np.searchsorted(ends, tokens, side="right")))]


def predictions(model, words, sentences, vocabulary, compute):
    """Yields per batch ([top layer forward [N, P], backward], [targets forward [N], backward])."""
    options, parameters = model
    for _, ids, lengths, layers in bilm.encode(parameters, options, words, sentences, compute):
        steps = np.arange(len(ids) - 1)[:, None]
        real = steps < lengths[None] - 1
        hs, targets = [], []
        for direction in range(2):
            # Step t of the backward direction has read word n - 1 - t, and predicts the one before.
            at = steps + 1 if direction == 0 else lengths[None] - 2 - steps
            target = np.take_along_axis(ids, np.clip(at, 0, len(ids) - 1), 0)[real]
            targets.append(torch.from_numpy(np.where(target < vocabulary, target, train.UNKNOWN)))
            hs.append(layers[direction][-1][:-1][torch.from_numpy(real)])
        yield hs, targets


def full_softmax(h, targets, table, compute):
    """Sum of the negative log likelihoods of all words [N], table [vocabulary, P + 1] with the bias last."""
    w, total = table[:, :-1].to(compute).t(), 0.0
    for rows in torch.arange(len(h)).split(128):  # So few that their logits stay in the cache.
        logits = (h[rows].to(compute) @ w).float().add_(table[:, -1])
        top = logits.amax(1)
        likelihood = logits.sub_(top[:, None]).exp_().sum(1).log_().add_(top)
        true = (h[rows] * table[targets[rows], :-1]).sum(1) + table[targets[rows], -1]
        total += float((likelihood - true).double().sum())
    return total


def perplexity(model, words, sentences, tables, compute):
    """Perplexity forward and backward; tables: a softmax for each direction."""
    loss, count = [0.0, 0.0], 0
    for hs, targets in predictions(model, words, sentences, len(tables[0]), compute):
        for direction in range(2):
            loss[direction] += full_softmax(hs[direction], targets[direction], tables[direction], compute)
        count += len(targets[0])
    return [math.exp(total / count) for total in loss]


def fit_softmax(model, words, sentences, vocabulary, compute, rate=4e-3, batch=2048, samples=2048, seed=1):
    """A new softmax for each direction of a model that stays as it is: it begins as the words' frequencies."""
    counts = np.bincount(np.concatenate(sentences), minlength=vocabulary)
    rest, counts = counts[vocabulary:].sum(), counts[:vocabulary].astype(np.float64)
    counts[train.UNKNOWN] += rest
    bias = np.log((counts + 0.5) / (counts + 0.5).sum())
    tables = []
    for _ in range(2):
        table = torch.zeros(vocabulary, model[0]["lstm"]["projection_dim"] + 1)
        table[:, -1] = torch.from_numpy(bias)
        tables.append(train.SparseAdam(table, betas=(0.9, 0.999)))
    sampler, generator = bilm.LogUniformSampler(vocabulary, seed), torch.Generator().manual_seed(seed)
    tokens, done, start, reported = sum(map(len, sentences)) - len(sentences), 0, time.monotonic(), 0
    # Sentences come in batches of one length; so many of them are mixed that a step sees all lengths.
    for at in range(0, len(sentences), 4000):
        batches = list(predictions(model, words, sentences[at : at + 4000], vocabulary, compute))
        hs = [torch.cat([b[0][d] for b in batches]) for d in range(2)]
        targets = [torch.cat([b[1][d] for b in batches]) for d in range(2)]
        for chosen in torch.randperm(len(hs[0]), generator=generator).split(batch):
            now = rate * 0.5 * (1 + math.cos(math.pi * min(1, done / tokens))) + 1e-5
            sample, log_expected = sampler.draw(min(samples, vocabulary // 2))
            place = torch.full((vocabulary,), -1)
            place[sample] = torch.arange(len(sample))
            for direction, adam in enumerate(tables):
                h, target = hs[direction][chosen], targets[direction][chosen]
                leaves = [adam.table[target].requires_grad_(), adam.table[sample].requires_grad_()]
                true, others = leaves
                loss = bilm.SampledSoftmax.apply(
                    h, target, true[:, :-1], true[:, -1] - log_expected[target],
                    others[:, :-1], others[:, -1] - log_expected[sample], place, compute,
                )  # fmt: skip
                d_true, d_others = torch.autograd.grad(loss, leaves)
                rows, index = torch.unique(torch.cat([sample, target]), return_inverse=True)
                d_rows = torch.zeros(len(rows), adam.table.shape[1])
                d_rows.index_add_(0, index[: len(sample)], d_others)
                d_rows.index_add_(0, index[len(sample) :], d_true)
                adam.step(rows, d_rows, now)
            done += len(chosen)
            if time.monotonic() - reported > 30:
                reported = time.monotonic()
                speed = done / (reported - start)
                print(
                    f"evaluate: softmax fitted to {done:,} of {tokens:,} tokens, loss {float(loss):.3f},"
                    f" {speed:,.0f} tokens/s, {(tokens - done) / speed / 60:.1f} min to go",
                    flush=True,
                )
    return [adam.table for adam in tables]


def tags(elmo, model, seeds):
    """Per cent of tags that are right on UD English EWT's test part, by layers: a mean over the seeds."""
    scores = {layers: [] for layers in LAYERS}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for part in ("dev", "test"):
            files[part] = pathlib.Path(folder) / f"{part}.conllu"
            files[part].write_bytes(lzma.decompress((UD / f"en_ewt-ud-{part}.conllu.xz").read_bytes()))
        for seed in seeds:
            command = [
                str(elmo), "fit", "--model", str(model), "--task", "tokens", "--seed", str(seed),
                "--train", str(files["dev"]), "--test", str(files["test"]), "--output", f"{folder}/{seed}",
            ]  # fmt: skip
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode:
                die(f"elmo fit: {result.stderr.strip().splitlines()[-1:]}")
            for layers in LAYERS:
                line = re.search(rf"^{layers} +([\d.]+) +([\d.]+) +\d+", result.stdout + result.stderr, re.MULTILINE)
                if not line:
                    die(f"elmo fit: expected a score of {layers}, found none in its table")
                scores[layers].append(float(line.group(2)))
    return scores


def main():
    bilm.restart_for_speed()
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--checkpoint", type=pathlib.Path, help="train.py's, for its own perplexity")
    p.add_argument("--model", type=pathlib.Path, help="what export.py wrote, or any folder or safetensors file")
    p.add_argument("--compare", type=pathlib.Path, help="a second model for probe and tags")
    p.add_argument("--data", type=pathlib.Path, default=HERE / "build" / "data", help="what prepare.py wrote")
    p.add_argument("--vocabulary", type=int, default=40000)
    p.add_argument("--tokens", type=int, default=1 << 30, help="held-out tokens to use at most")
    p.add_argument("--probe-tokens", type=int, default=1_000_000, help="to fit the new softmax; 0 for no probe")
    p.add_argument("--seeds", type=int, default=3, help="runs of elmo fit; 0 for no tags")
    p.add_argument("--elmo", type=pathlib.Path, default=ROOT / "elmo", help="the elmo4j tool")
    p.add_argument("--compute", choices=["auto", "bfloat16", "float32"], default="auto", help="of large products")
    p.add_argument("--out", type=pathlib.Path, help="JSON file for the figures")
    args = p.parse_args()
    if not args.checkpoint and not args.model:
        die("expected --checkpoint or --model, found neither")
    for file in [args.data / "held-out.npy", args.checkpoint, args.model, args.compare]:
        if file and not file.exists():
            die(f"{file}: expected a file, found none")
    compute = bilm.fastest_compute("cpu") if args.compute == "auto" else getattr(torch, args.compute)
    torch.set_num_threads(2)
    names = (args.data / "words.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    words = bilm.Words(names)
    vocabulary = min(args.vocabulary + 3, len(names))
    held_out = sentences_of(args.data / "held-out.npy", args.tokens)
    predicted = sum(map(len, held_out)) - len(held_out)
    known = sum(int((s[1:] < vocabulary).sum()) for s in held_out)
    print(
        f"evaluate: {predicted:,} tokens held out in {len(held_out):,} sentences, "
        f"{100 * (1 - known / predicted):.1f} % unknown; products in {compute}",
        flush=True,
    )
    figures = {"held_out_tokens": predicted}
    if args.checkpoint:
        saved = torch.load(args.checkpoint, map_location="cpu")
        table = saved["softmax"].float()
        own = perplexity((saved["options"], saved["parameters"]), words, held_out, [table, table], compute)
        figures["own"] = {"perplexity": own, "tokens_seen": saved["tokens"], "minutes": saved["seconds"] / 60}
        print(
            f"evaluate: own perplexity forward {own[0]:.1f}, backward {own[1]:.1f} "
            f"after {saved['tokens']:,} tokens in {saved['seconds'] / 60:.0f} min",
            flush=True,
        )
    for path in filter(None, (args.model, args.compare)):
        found = figures[str(path)] = {}
        if args.probe_tokens:
            model = bilm.load_model(path)
            text = sentences_of(args.data / "train.npy", args.probe_tokens)
            tables = fit_softmax(model, words, text, vocabulary, compute)
            found["probe_perplexity"] = probe = perplexity(model, words, held_out, tables, compute)
            print(f"evaluate: {path}: probe perplexity forward {probe[0]:.1f}, backward {probe[1]:.1f}", flush=True)
        if args.seeds:
            found["tags"] = tags(args.elmo, path, range(1, args.seeds + 1))
            for layers, scores in found["tags"].items():
                each = " ".join(f"{s:.2f}" for s in scores)
                print(f"evaluate: {path}: tags by {layers:13}  {np.mean(scores):.2f} %  ({each})", flush=True)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
