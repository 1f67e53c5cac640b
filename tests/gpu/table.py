#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Prints the results of tests/gpu/run as one Markdown table: table.py RESULTS COMMIT_FILE."""

import json
import pathlib
import sys

UNITS = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
TYPES = {"0": "f32", "2": "f16"}
PRODUCTS = {"0": "wgmma", "1": "mma", "2": "wgmma gates", "3": "wgmma early",
            "4": "wgmma split"}


def scaled(value, unit):
    for factor, prefix in UNITS:
        if value >= factor:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def seconds(value):
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} us"


def stages(folder):
    last = {}
    for line in (folder / "stages.tsv").read_text(encoding="utf-8").splitlines():
        name, *rest = line.split("\t", 3)
        last[name] = rest
    for name, (status, took, remark) in last.items():
        if status == "planned":
            yield f"stage {name}", "**missing**", "it did not finish"
        else:
            yield (f"stage {name}", status if status in ("passed", "skipped") else f"**{status}**",
                   f"{took} s; {remark}")


def kernel_name(name):
    """Shortens the name of a benchmark: lstm/type:2/products:0/sentences:8/manual_time to "lstm f16 wgmma, sentences 8"."""
    kernel, *arguments = name.split("/")
    words = []
    for key, _, value in (a.partition(":") for a in arguments):
        if key == "type":
            kernel += " " + TYPES[value]
        elif key == "products":
            kernel += "" if kernel.endswith("f32") else " " + PRODUCTS[value]
        elif value and key != "min_time":
            words.append(f"{key} {value}")
    return ", ".join([kernel] + words)


def after(text, key):
    """Returns the JSON value after a key; None if the key is missing or the text ends within the value."""
    at = text.find(key)
    try:
        return None if at < 0 else json.JSONDecoder().raw_decode(text[at + len(key):].lstrip())[0]
    except ValueError:
        return None


def rows_of(text):
    """Yields the complete rows of a benchmark, which may have been stopped in the middle of a row."""
    at = text.find('"benchmarks": [')
    decoder = json.JSONDecoder()
    at = text.find("{", at) if at >= 0 else -1
    while at >= 0:
        try:
            row, at = decoder.raw_decode(text, at)
        except ValueError:
            return
        yield row
        at = text.find("{", at)


def kernels(path):
    text = path.read_text(encoding="utf-8")
    context = after(text, '"context":')
    if context is None:
        raise ValueError("the file ends within its context")
    yield "ceiling: copy", scaled(float(context["copy_bytes_per_second"]), "B/s"), "1 GiB, read and written"
    product = float(context["product_f16_flops"])
    yield ("ceiling: product f16", scaled(product, "FLOP/s") if product else "not measured",
           "8192^3, cuBLAS")
    for row in rows_of(text):
        name = "kernel " + kernel_name(row["name"])
        if row.get("error_occurred"):
            yield name, "**failed**", row["error_message"]
            continue
        unit = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}[row["time_unit"]]
        took = seconds(row["real_time"] * unit)
        if "FLOP/s" in row:
            share = f"; {row['of_product']:.1%} of product" if "of_product" in row else ""
            yield name, scaled(row["FLOP/s"], "FLOP/s"), took + share
        else:
            yield name, scaled(row["bytes/s"], "B/s"), f"{took}; {row['of_copy']:.1%} of copy"


def product_of(folder):
    """FLOP/s of the large product in whichever benchmark was run; 0 where neither has measured it."""
    for name in ("kernels-lstm.json", "kernels.json"):
        path = folder / name
        context = after(path.read_text(encoding="utf-8"), '"context":') if path.exists() else None
        if context:
            return float(context["product_f16_flops"])
    return 0.0


def elmo(path):
    product = product_of(path.parent)
    for line in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(line)
        run = line["run"]
        name = f"elmo bench {run['precision']}, biLM {line['bilm']}"
        for key, title in (("tokens_per_second", "word cache empty"),
                           ("warm_tokens_per_second", "word cache full"),
                           ("tokens_per_second_16_callers", "16 callers")):
            if key in run:
                yield f"{name}, {title}", scaled(run[key], "tokens/s"), f"text of {run['tokens']} tokens"
        if "lstm_flops" in run:
            share = f"{run['lstm_flops'] / product:.1%} of product f16; " if product else ""
            yield f"{name}, LSTM", scaled(run["lstm_flops"], "FLOP/s"), f"{share}word cache full"
        if "host_share" in run:
            yield (f"{name}, host and GPU", f"{run['host_share']:.1%} host",
                   f"{run['device_wait_share']:.1%} waiting for the GPU; word cache full")
        if "latency_p50_seconds" in run:
            yield f"{name}, 10 tokens", seconds(run["latency_p50_seconds"]), "p50"
        if "worst_cosine_to_fp32" in run:
            yield f"{name}, worst cosine to fp32", f"{run['worst_cosine_to_fp32']:.6f}", ""


def torch(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        kind, name = row.get("type", "").replace("float", "f"), row.pop("name")
        if name == "setting":
            yield "PyTorch", row["torch"], f"cuDNN {row['cudnn']}, {row['device']}"
        elif name == "product":
            yield f"PyTorch product {kind}", scaled(row["flops"], "FLOP/s"), ""
        elif name == "copy":
            yield "PyTorch copy", scaled(row["bytes_per_second"], "B/s"), ""
        else:
            what = f"PyTorch {name} {kind}, sentences {row['sentences']}"
            for key, unit in (("tokens_per_second", "tokens/s"), ("words_per_second", "words/s")):
                if key in row:
                    yield what, scaled(row[key], unit), seconds(row["seconds"])
            if "message" in row:
                yield what, "-", row["message"]


def main():
    folder = pathlib.Path(sys.argv[1])
    commit = pathlib.Path(sys.argv[2])
    if commit.exists():
        print(f"elmo4j {commit.read_text(encoding='utf-8').strip()}\n")
    print("| what | result | |\n|---|---|---|")
    for name, rows in (("stages.tsv", lambda _: stages(folder)), ("kernels-lstm.json", kernels),
                       ("kernels.json", kernels), ("elmo.jsonl", elmo), ("torch.jsonl", torch)):
        path = folder / name
        if not path.exists() or path.stat().st_size == 0:
            print(f"| {name} | none | |")
            continue
        try:
            for row in rows(path):
                print("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |")
        except (ValueError, KeyError, IndexError) as error:  # The stage was stopped.
            print(f"| {name} | **incomplete** | {type(error).__name__}: {error} |".replace("\n", " "))


if __name__ == "__main__":
    main()
