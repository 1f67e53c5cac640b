#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Measures a straightforward ELMo in PyTorch on this machine's GPU, for comparison.

It has the structure of the published model with random weights. All sentences have the same length, so there is no padding,
which is PyTorch's best case. Measured in 32-bit floats (without TF32) and in 16-bit floats:

  char_cnn   embedding, seven convolutions, maximum, two highway layers, projection: words/s
  lstm       nn.LSTM(proj_size=...) on cuDNN, one call for each layer and direction, with the directions
             on separate streams and without the two clips: tokens/s of the biLM
  steps      the same step by step, with both clips, as in the original: tokens/s
  elmo       char_cnn of every token, then lstm, then the mix: tokens/s end to end

For comparison it also measures the limits of the GPU: a product of 8192 x 8192 halves and a copy. Prints one JSON object on
each line; --output also writes them to a file. Needs only PyTorch.
"""

import argparse
import json
import statistics
import sys
import time

import torch
from torch import nn

SIZES = {
    "original": dict(filters=[32, 32, 64, 128, 256, 512, 1024], cells=4096, projection=512),
    "tiny": dict(filters=[4, 4, 8, 8, 16, 16, 32], cells=64, projection=16),
}
CHARACTERS, CHARACTER_DIM, SLOTS = 262, 16, 50
HIGHWAYS, LAYERS, CLIP = 2, 2, 3.0


class CharCnn(nn.Module):
    """Computes token representations from character ids [words, slots] (Kim et al. 2016)."""

    def __init__(self, filters, projection, **_):
        super().__init__()
        features = sum(filters)
        self.embedding = nn.Embedding(CHARACTERS, CHARACTER_DIM)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(CHARACTER_DIM, count, width) for width, count in enumerate(filters, 1))
        self.highways = nn.ModuleList(nn.Linear(features, 2 * features) for _ in range(HIGHWAYS))
        self.projection = nn.Linear(features, projection)

    def forward(self, ids):
        x = self.embedding(ids).transpose(1, 2)
        x = torch.cat([torch.relu(c(x).amax(-1)) for c in self.convolutions], -1)
        for highway in self.highways:
            carry, transform = highway(x).chunk(2, -1)
            gate = torch.sigmoid(carry)
            x = gate * x + (1 - gate) * torch.relu(transform)
        return self.projection(x)


class Lstm(nn.Module):
    """The biLM on cuDNN: maps [steps, sentences, projection] to [.., 2 * projection] for each layer."""

    def __init__(self, cells, projection, **_):
        super().__init__()
        self.cells = nn.ModuleList(
            nn.LSTM(projection, cells, proj_size=projection) for _ in range(2 * LAYERS))

    def layer(self, cell, x):
        return cell(x)[0]

    def direction(self, d, x):
        outputs = []
        for k in range(LAYERS):
            y = self.layer(self.cells[2 * k + d], x)
            x = y if k == 0 else y + x
            outputs.append(x)
        return outputs

    def forward(self, x):
        if x.is_cuda:
            here = torch.cuda.current_stream()
            other = side_stream()
            other.wait_stream(here)
            with torch.cuda.stream(other):
                backward = self.direction(1, x.flip(0))
            forward = self.direction(0, x)
            here.wait_stream(other)
        else:
            forward, backward = self.direction(0, x), self.direction(1, x.flip(0))
        return [torch.cat([f, b.flip(0)], -1) for f, b in zip(forward, backward)]


class Steps(Lstm):
    """The same biLM step by step, with the clips of Peters et al. (2018)."""

    def layer(self, cell, x):
        inputs = x @ cell.weight_ih_l0.T + (cell.bias_ih_l0 + cell.bias_hh_l0)
        recurrent, projector = cell.weight_hh_l0.T, cell.weight_hr_l0.T
        h = x.new_zeros(x.shape[1], projector.shape[1])
        c = x.new_zeros(x.shape[1], projector.shape[0])
        outputs = []
        for gates in inputs:
            i, f, j, o = torch.addmm(gates, h, recurrent).chunk(4, -1)
            c = torch.clamp(torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(j), -CLIP, CLIP)
            h = torch.clamp((torch.sigmoid(o) * torch.tanh(c)) @ projector, -CLIP, CLIP)
            outputs.append(h)
        return torch.stack(outputs)


_side_stream = None


def side_stream():
    global _side_stream
    if _side_stream is None:
        _side_stream = torch.cuda.Stream()
    return _side_stream


class Yardstick:
    def __init__(self, device, size, seconds, output):
        self.device, self.size, self.seconds, self.output = device, size, seconds, output

    def report(self, name, **figures):
        line = json.dumps(dict(name=name, **figures))
        print(line, flush=True)
        if self.output:
            self.output.write(line + "\n")
            self.output.flush()

    def synchronize(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def time(self, call):
        """Returns the median seconds of a call, on host and device, after two calls to warm up."""
        taken = []
        until = None
        while until is None or len(taken) < 3 or (time.perf_counter() < until and len(taken) < 200):
            self.synchronize()
            before = time.perf_counter()
            call()
            self.synchronize()
            taken.append(time.perf_counter() - before)
            if until is None and len(taken) == 2:
                taken.clear()
                until = time.perf_counter() + self.seconds
        return statistics.median(taken)

    def ceilings(self):
        n, count = (8192, 1 << 28) if self.device == "cuda" else (256, 1 << 20)
        dtype = torch.float16 if self.device == "cuda" else torch.float32
        a = torch.randn(n, n, device=self.device, dtype=dtype)
        b = torch.randn(n, n, device=self.device, dtype=dtype)
        self.report("product", type=str(dtype)[6:], flops=2 * n**3 / self.time(lambda: a @ b))
        x = torch.randn(count, device=self.device)
        y = torch.empty_like(x)
        self.report("copy", bytes_per_second=8 * count / self.time(lambda: y.copy_(x)))

    def check(self, lstm, steps, dtype):
        """Checks that both biLMs compute the same if no clip has an effect, so that both are valid for comparison."""
        x = 0.1 * torch.randn(5, 3, lstm.cells[0].input_size, device=self.device, dtype=dtype)
        for want, got in zip(lstm(x), steps(x)):
            worst = (want - got).abs().max().item()
            if not worst < (1e-5 if dtype == torch.float32 else 1e-2):
                sys.exit(f"torch_baseline: cuDNN and the steps differ by {worst} in {dtype}")

    def run(self, dtype, rows, length):
        kind = dict(type=str(dtype)[6:])
        torch.manual_seed(20180610)
        make = dict(device=self.device, dtype=dtype)
        cnn, lstm, steps = (m(**self.size).to(**make) for m in (CharCnn, Lstm, Steps))
        steps.load_state_dict(lstm.state_dict())
        for cell in lstm.cells:
            cell.flatten_parameters()
        self.check(lstm, steps, dtype)
        for n in rows:
            where = dict(kind, sentences=n, tokens=n * length)
            try:
                ids = torch.randint(1, CHARACTERS, (n * (length + 2), SLOTS), device=self.device)
                x = torch.randn(length + 2, n, self.size["projection"], **make)

                def elmo():
                    words = cnn(ids).view(n, length + 2, -1).transpose(0, 1).contiguous()
                    layers = [torch.cat([words, words], -1)] + lstm(words)
                    return sum(layer.float() / 3 for layer in layers)[1:-1]

                seconds = self.time(lambda: cnn(ids))
                self.report("char_cnn", **where, seconds=seconds, words_per_second=len(ids) / seconds)
                for name, call in (("lstm", lambda: lstm(x)), ("steps", lambda: steps(x)),
                                   ("elmo", elmo)):
                    seconds = self.time(call)
                    self.report(name, **where, seconds=seconds,
                                tokens_per_second=n * length / seconds)
            except torch.cuda.OutOfMemoryError as error:
                self.report("out of memory", **where, message=str(error).split("\n")[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--size", default="original", choices=SIZES)
    parser.add_argument("--sentences", type=int, nargs="+", default=[8, 32, 128, 512, 2048])
    parser.add_argument("--length", type=int, default=20, help="tokens in each sentence")
    parser.add_argument("--seconds", type=float, default=0.5, help="seconds for each measurement")
    parser.add_argument("--output", help="a file for the results")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch_baseline: PyTorch sees no GPU")
    # Without TF32, which would round 32-bit floats in products.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    output = open(arguments.output, "w", encoding="utf-8") if arguments.output else None
    with torch.inference_mode():
        yardstick = Yardstick(arguments.device, SIZES[arguments.size], arguments.seconds, output)
        name = torch.cuda.get_device_name() if arguments.device == "cuda" else "cpu"
        yardstick.report("setting", device=name, torch=torch.__version__,
                         cudnn=torch.backends.cudnn.version())
        yardstick.ceilings()
        for dtype in (torch.float16, torch.float32) if arguments.device == "cuda" else (
                torch.float32,):
            yardstick.run(dtype, arguments.sentences, arguments.length)


if __name__ == "__main__":
    main()
