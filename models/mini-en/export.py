#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoint -> options.json and weights.hdf5 as AllenNLP writes them -> one 16-bit file by `elmo convert`.

    export.py --model build/model/checkpoint.pt --out build/export

Then elmo4j embeds sentences with the 32-bit weights. The export fails if a number differs by more than 1e-4 from
that of the training code.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

import h5py
import numpy as np
import torch

import bilm

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-4


def die(message):
    sys.exit(f"export: {message}")


def run(elmo, *args):
    result = subprocess.run([str(elmo), *map(str, args)], check=False)
    if result.returncode:
        die(f"{elmo} {args[0]} ended with exit code {result.returncode}")


def write(options, parameters, folder):
    """In a folder beside, then moved: a folder of that name is whole."""
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    (beside / "options.json").write_text(json.dumps(options, indent=2) + "\n", encoding="utf-8")
    with h5py.File(beside / "weights.hdf5", "w") as f:
        for name, value in parameters.items():
            f.create_dataset(name, data=value.numpy().astype("<f4"))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(beside, folder)


def training_code(options, parameters, sentences):
    """What the training code computes, in double precision: per sentence [layers + 1, tokens, 2 P]."""
    p = {name: value.double() for name, value in parameters.items()}
    tokens = ["<S>", "</S>"] + sorted({t for s in sentences for t in s} - {"<S>", "</S>"})
    number = {t: i for i, t in enumerate(tokens)}
    framed = [np.array([0] + [number[t] for t in s] + [1]) for s in sentences]
    out = [None] * len(sentences)
    for batch, _, lengths, layers in bilm.encode(p, options, bilm.Words(tokens), framed, torch.float64):
        for b, (i, n) in enumerate(zip(batch, lengths)):
            both = [
                torch.cat([fwd[:n, b], bwd[:n, b].flip(0)], 1)[1 : n - 1] for fwd, bwd in zip(layers[0], layers[1])
            ]
            out[i] = torch.stack(both).numpy()
    return out


def check(elmo, folder, options, parameters, sentences_file):
    """The greatest difference between elmo4j and the training code."""
    lines = sentences_file.read_text(encoding="utf-8").rstrip("\n").split("\n")
    sentences = [line.split(" ") for line in lines]
    embedded = folder / "check.hdf5"
    run(
        elmo, "embed", "--options-file", folder / "options.json", "--weight-file", folder / "weights.hdf5",
        "--tokenized", "--input", sentences_file, "--output", embedded, "--layers", "all",
    )  # fmt: skip
    worst = 0.0
    with h5py.File(embedded, "r") as f:
        for i, want in enumerate(training_code(options, parameters, sentences)):
            got = f[str(i)][...]
            if got.shape != want.shape:
                die(f"sentence {i}: expected {list(want.shape)} from elmo4j, found {list(got.shape)}")
            difference = np.abs(got - want).max()
            if not difference <= TOLERANCE:
                die(f"sentence {i}: elmo4j and the training code differ by {difference:.1e}, expected {TOLERANCE:.0e}")
            worst = max(worst, difference)
    embedded.unlink()
    return worst, sum(map(len, sentences))


def set_metadata(path, **texts):
    """Puts texts such as provenance and licence into the header of a safetensors file."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    header["__metadata__"].update(texts)
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)  # The tensors begin at a multiple of 64.
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(len(text).to_bytes(8, "little") + text + data[begin:])
    os.replace(beside, path)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=pathlib.Path, default=HERE / "build" / "model" / "checkpoint.pt")
    p.add_argument("--out", type=pathlib.Path, default=HERE / "build" / "export", help="folder to write")
    p.add_argument("--sentences", type=pathlib.Path, default=HERE / "check.txt", help="a sentence a line, tokens")
    p.add_argument("--provenance", help="what the file says of its origin")
    p.add_argument("--licence", default="CC0-1.0", help="what the file says of its licence")
    p.add_argument("--elmo", type=pathlib.Path, default=HERE.parent.parent / "elmo", help="the elmo4j tool")
    args = p.parse_args()
    for file in (args.model, args.sentences):
        if not file.is_file():
            die(f"{file}: expected a file, found none")
    options, parameters = bilm.load_model(args.model)
    write(options, parameters, args.out)
    worst, tokens = check(args.elmo, args.out, options, parameters, args.sentences)
    print(f"export: elmo4j equals the training code to {worst:.1e} on {tokens} tokens", flush=True)
    file = args.out / "mini-en.safetensors"
    run(args.elmo, "convert", "--dtype", "fp16", args.out, file)
    saved = torch.load(args.model, map_location="cpu")
    seen = f"Trained by models/mini-en of elmo4j on {saved['tokens']:,} tokens; 32-bit floats rounded to 16."
    set_metadata(file, provenance=args.provenance or seen, licence=args.licence)
    run(args.elmo, "info", file)


if __name__ == "__main__":
    main()
