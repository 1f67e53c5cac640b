#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Trains the language model for a given time and leaves a checkpoint every few minutes.

    train.py --data build/data --out build/model --minutes 120

Run again with the same --out, it goes on where the last checkpoint was; the learning rate follows the share of
--minutes that has passed, so that it reaches its floor at the end however fast the machine is. One thread reads
forward, one backward. With --init it begins with the weights of a model that is there, which stand still until a
new softmax (a published model comes without its own) has settled.
"""
import argparse
import concurrent.futures
import math
import os
import pathlib
import signal
import sys
import time

import numpy as np
import torch

import bilm

HERE = pathlib.Path(__file__).resolve().parent
UNKNOWN = 2


def die(message):
    sys.exit(f"train: {message}")


def initial_parameters(path, like):
    """A model's parameters, with the names and shapes of `like`."""
    try:
        _, parameters = bilm.load_model(path)
    except (OSError, KeyError, ValueError) as e:
        die(f"{path}: expected a checkpoint, a folder in AllenNLP's form or a safetensors file, found: {e}")
    for name, value in like.items():
        found = list(parameters[name].shape) if name in parameters else "none"
        if found != list(value.shape):
            die(f"{path}: expected {name} {list(value.shape)} as in --options, found {found}")
    return {name: parameters[name] for name in like}


def reversed_sentences(ids):
    """Each sentence's tokens in reverse order, the sentences in theirs."""
    first = ids == 0
    sentence = np.cumsum(first) - 1
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(ids)) - 1
    return ids[starts[sentence] + ends[sentence] - np.arange(len(ids))]


class Streams:
    """Rows that each read on through their part of the text; every pass divides the text elsewhere."""

    def __init__(self, ids, rows, seed):
        self.forward, self.backward = ids, reversed_sentences(ids)
        self.rows, self.seed = rows, seed
        self.length = len(ids) // rows

    def chunk(self, position, steps):
        """Tokens and their successors [steps, rows] per direction from the running number `position` on."""
        lap, at = divmod(position, self.length - steps)
        shift = np.random.default_rng((self.seed, lap)).integers(len(self.forward))
        start = shift + np.arange(self.rows)[None] * self.length + at
        where = (start + np.arange(steps + 1)[:, None]) % len(self.forward)
        return [(ids[where[:-1]], ids[where[1:]]) for ids in (self.forward, self.backward)]


class Adam:
    """Adam (Kingma & Ba 2015) over all of the encoder's parameters as one vector."""

    def __init__(self, parameters, betas=(0.9, 0.99), eps=1e-8):
        self.names = list(parameters)
        self.flat = torch.cat([v.reshape(-1) for v in parameters.values()])
        self.views, at = {}, 0
        for name, v in parameters.items():
            self.views[name] = self.flat[at : at + v.numel()].view(v.shape)
            at += v.numel()
        self.m, self.v = torch.zeros_like(self.flat), torch.zeros_like(self.flat)
        self.betas, self.eps, self.t = betas, eps, 0

    def step(self, gradient, rate):
        b1, b2 = self.betas
        self.t += 1
        self.m.lerp_(gradient, 1 - b1)
        self.v.mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
        correction = math.sqrt(1 - b2**self.t)
        root = self.v.sqrt().add_(self.eps * correction)
        self.flat.addcdiv_(self.m, root, value=-rate * correction / (1 - b1**self.t))


class SparseAdam:
    """Adam over rows [n, k], of which each step moves a few; the others' moments wait."""

    def __init__(self, table, betas=(0.9, 0.99), eps=1e-8):
        self.table, self.m, self.v = table, torch.zeros_like(table), torch.zeros_like(table)
        self.t = torch.zeros(len(table), device=table.device)
        self.betas, self.eps = betas, eps

    def step(self, rows, gradient, rate):
        """rows: distinct numbers [k]; gradient [k, width]."""
        b1, b2 = self.betas
        t = self.t[rows] + 1
        m = self.m[rows].lerp_(gradient, 1 - b1)
        v = self.v[rows].mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
        self.t[rows], self.m[rows], self.v[rows] = t, m, v
        m = m / (1 - b1**t)[:, None]
        root = v.div_((1 - b2**t)[:, None]).sqrt_().add_(self.eps)
        self.table.index_put_((rows,), m.div_(root).mul_(-rate), accumulate=True)


class Trainer:
    def __init__(self, args, options, words, ids):
        self.args, self.options, self.device = args, options, args.device
        if args.compute == "auto":
            self.compute = bilm.fastest_compute(args.device)
        else:
            self.compute = getattr(torch, args.compute)
        self.words = bilm.Words(words, args.device)
        self.vocabulary = min(args.vocabulary + 3, len(words))
        generator = torch.Generator().manual_seed(args.seed)
        parameters = bilm.new_parameters(options, generator)
        if args.init:
            parameters = initial_parameters(args.init, parameters)
        parameters = {k: v.to(args.device) for k, v in parameters.items()}
        self.adam = Adam(parameters)
        proj = options["lstm"]["projection_dim"]
        # Weights and, last, the bias of the softmax; both directions share it.
        softmax = torch.randn(self.vocabulary, proj + 1, generator=generator) / math.sqrt(proj)
        softmax[:, proj] = 0
        self.softmax = SparseAdam(softmax.to(args.device))
        self.streams = Streams(ids, args.batch, args.seed)
        self.state = [bilm.zero_state(options, args.batch, args.device) for _ in range(2)]
        self.position = self.tokens = self.updates = 0
        self.seconds = 0.0
        torch.manual_seed(args.seed)
        self.cnn_names = [n for n in self.adam.names if not n.startswith("RNN_")]
        self.pool = concurrent.futures.ThreadPoolExecutor(2)

    def save(self, path):
        beside = path.with_name(path.name + ".part")
        torch.save(
            {
                "options": self.options,
                "parameters": {k: v.clone() for k, v in self.adam.views.items()},
                "softmax": self.softmax.table,
                "adam": (self.adam.m, self.adam.v, self.adam.t),
                "sparse_adam": (self.softmax.m, self.softmax.v, self.softmax.t),
                "state": self.state,
                "position": self.position,
                "tokens": self.tokens,
                "updates": self.updates,
                "seconds": self.seconds,
                "args": {k: str(v) for k, v in vars(self.args).items()},
            },
            beside,
        )
        os.replace(beside, path)

    def restore(self, path):
        saved = torch.load(path, map_location=self.device)
        if saved["options"] != self.options:
            die(f"{path}: expected the structure of {self.args.options}, found another; name another --out")
        if saved["softmax"].shape != self.softmax.table.shape or len(saved["state"][0][0][0]) != self.args.batch:
            die(f"{path}: expected the same --data, --vocabulary and --batch as before, found others")
        for name, value in saved["parameters"].items():
            self.adam.views[name].copy_(value)
        self.softmax.table.copy_(saved["softmax"])
        self.adam.m, self.adam.v, self.adam.t = saved["adam"]
        self.softmax.m, self.softmax.v, self.softmax.t = saved["sparse_adam"]
        self.state = saved["state"]
        self.position, self.tokens, self.updates = saved["position"], saved["tokens"], saved["updates"]
        self.seconds = saved["seconds"]

    def direction(self, which, chunk, representations, place, sample, log_expected, keep_coin):
        """Loss and gradients of one direction: (loss, of the parameters, of the representations, of the softmax)."""
        args, proj = self.args, self.options["lstm"]["projection_dim"]
        index, first, targets = chunk
        names = [n for n in self.adam.names if n.startswith(f"RNN_{which}/")]
        p = {n: self.adam.views[n].detach().requires_grad_() for n in names}
        table = representations.detach().requires_grad_()
        x = table.index_select(0, index.view(-1)).view(*index.shape, -1)
        keep = (~(first & keep_coin)).to(x.dtype)[:, :, None]
        outputs, self.state[which] = bilm.lstm_layers(
            p, self.options, which, x, keep, self.state[which], self.compute, args.dropout
        )
        h = bilm.dropped(outputs[-1], args.dropout).view(-1, proj)
        rows = self.softmax.table[sample].requires_grad_()
        true = self.softmax.table[targets].requires_grad_()
        loss = bilm.SampledSoftmax.apply(
            h,
            targets,
            true[:, :proj],
            true[:, proj] - log_expected[targets],
            rows[:, :proj],
            rows[:, proj] - log_expected[sample],
            place,
            self.compute,
        )
        gradients = torch.autograd.grad(loss, [table, rows, true] + list(p.values()))
        return loss.item(), dict(zip(names, gradients[3:])), *gradients[:3]

    def represent(self, which):
        """The char-CNN's parameters, as leaves of a graph, and the representations of the words `which`."""
        cnn = {n: self.adam.views[n].detach().requires_grad_() for n in self.cnn_names}
        return list(cnn.values()), bilm.token_representations(cnn, self.options, self.words, which, self.compute)

    def update(self, rate, sampler):
        args, device = self.args, self.device
        chunks = self.streams.chunk(self.position, args.steps)
        distinct, inverse = np.unique(np.stack([c[0] for c in chunks]), return_inverse=True)
        inverse = inverse.reshape(2, args.steps, args.batch)
        # Two threads, each with every other word. They share nothing, so they need no barrier within an operation.
        inverse = torch.from_numpy(inverse // 2 + inverse % 2 * ((len(distinct) + 1) // 2)).to(device)
        distinct = torch.from_numpy(distinct.astype(np.int64)).to(device)
        halves = list(self.pool.map(self.represent, (distinct[::2], distinct[1::2])))
        representations = torch.cat([half[1].detach() for half in halves])

        sample, log_expected = sampler.draw(min(args.samples, self.vocabulary // 2))
        sample, log_expected = sample.to(device), log_expected.to(device)
        place = torch.full((self.vocabulary,), -1, device=device)
        place[sample] = torch.arange(len(sample), device=device)
        jobs, all_targets = [], []
        for which, (inputs, targets) in enumerate(chunks):
            # Each direction's sentences begin with their own boundary. Some begin from zero state, as in use.
            first = torch.from_numpy(inputs == which).to(device)
            coin = torch.rand(args.steps, args.batch, device=device) < args.fresh
            targets = torch.from_numpy(np.where(targets < self.vocabulary, targets, UNKNOWN).astype(np.int64).ravel())
            all_targets.append(targets.to(device))
            jobs.append(
                self.pool.submit(
                    self.direction,
                    which,
                    (inverse[which], first, all_targets[-1]),
                    representations,
                    place,
                    sample,
                    log_expected,
                    coin,
                )
            )
        results = [job.result() for job in jobs]
        d_representations = (results[0][2] + results[1][2]) / 2
        d_halves = torch.split(d_representations, [len(half[1]) for half in halves])
        d_cnn = list(self.pool.map(lambda half, d: torch.autograd.grad(half[1], half[0], d), halves, d_halves))
        gradients = dict(zip(self.cnn_names, (one + other for one, other in zip(*d_cnn))))
        for result in results:
            gradients.update({n: g / 2 for n, g in result[1].items()})
        flat = torch.cat([gradients[n].reshape(-1) for n in self.adam.names])
        # The true words' rows and the sampled ones', each once.
        rows, index = torch.unique(torch.cat([sample] + all_targets), return_inverse=True)
        d_rows = torch.zeros(len(rows), self.softmax.table.shape[1], device=device)
        d_rows.index_add_(0, index[: len(sample)], results[0][3] + results[1][3])
        d_rows.index_add_(0, index[len(sample) :], torch.cat([results[0][4], results[1][4]]))
        d_rows /= 2
        norm = math.hypot(float(flat.norm()), float(d_rows.norm()))
        if not math.isfinite(norm):
            die("expected finite gradients, found others; the last checkpoint stands")
        scale = min(1.0, args.clip / (norm + 1e-12))
        moved = None
        if not args.init or self.updates >= args.settle:
            moved = self.pool.submit(self.adam.step, flat.mul_(scale), rate)
        self.softmax.step(rows, d_rows.mul_(scale), rate)
        if moved:
            moved.result()
        self.position += args.steps
        self.updates += 1
        self.tokens += args.steps * args.batch
        return results[0][0], results[1][0], norm


def learning_rate(args, share, updates):
    warm = min(1.0, (updates + 1) / args.warm_up)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    return warm * (args.rate * cosine + args.floor * (1 - cosine))


def main():
    bilm.restart_for_speed()
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, default=HERE / "build" / "data", help="what prepare wrote")
    p.add_argument("--out", type=pathlib.Path, default=HERE / "build" / "model", help="folder of the checkpoint")
    p.add_argument("--options", type=pathlib.Path, default=HERE / "options.json", help="structure, as AllenNLP's")
    p.add_argument("--init", type=pathlib.Path, help="a model to begin with instead of random weights")
    p.add_argument("--settle", type=int, default=400, help="updates of the softmax alone, with --init")
    p.add_argument("--minutes", type=float, default=120, help="wall-clock time of all runs together")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--compute", choices=["auto", "bfloat16", "float32"], default="auto", help="of large products")
    p.add_argument("--vocabulary", type=int, default=40000, help="words of the softmax")
    p.add_argument("--samples", type=int, default=2048, help="words drawn for each chunk's softmax")
    p.add_argument("--batch", type=int, default=128, help="streams")
    p.add_argument("--steps", type=int, default=20, help="tokens of a stream that gradients flow through")
    p.add_argument("--rate", type=float, default=3e-3, help="highest learning rate")
    p.add_argument("--floor", type=float, default=3e-5, help="last learning rate")
    p.add_argument("--warm-up", type=int, default=300, help="updates until the highest learning rate")
    p.add_argument("--dropout", type=float, default=0.05)
    p.add_argument("--fresh", type=float, default=0.25, help="share of sentences that begin from zero state")
    p.add_argument("--clip", type=float, default=1.0, help="highest norm of the gradient")
    p.add_argument("--save-every", type=float, default=4, help="minutes between checkpoints")
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    for name in ("words.txt", "train.npy"):
        if not (args.data / name).is_file():
            die(f"{args.data / name}: expected a file that prepare.py wrote, found none")
    words = (args.data / "words.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    ids = np.load(args.data / "train.npy")
    if len(ids) < args.batch * (args.steps + 2) * 2:
        die(f"{args.data}: expected more text than {len(ids):,} tokens for {args.batch} streams")
    if args.device == "cpu":
        torch.set_num_threads(1)  # The two directions run beside each other.
    trainer = Trainer(args, bilm.load_options(args.options), words, ids)
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        trainer.restore(checkpoint)
        print(f"train: going on from {checkpoint}: {trainer.tokens:,} tokens, {trainer.seconds / 60:.1f} min", flush=True)
    sampler = bilm.LogUniformSampler(trainer.vocabulary, args.seed + trainer.updates)
    limit = args.minutes * 60
    print(
        f"train: {trainer.adam.flat.numel():,} parameters and a softmax over {trainer.vocabulary:,} words; "
        f"{len(ids):,} tokens a pass; products in {trainer.compute}",
        flush=True,
    )
    origin = time.monotonic() - trainer.seconds
    reported, saved = trainer.seconds, trainer.seconds
    reported_tokens, losses = trainer.tokens, []
    stop = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.append(1))  # Ctrl-C leaves a checkpoint too.
    while trainer.seconds < limit and not stop:
        share = trainer.seconds / limit
        losses.append(trainer.update(learning_rate(args, share, trainer.updates), sampler))
        trainer.seconds = time.monotonic() - origin
        last = trainer.seconds >= limit or bool(stop)
        if trainer.seconds - reported >= 30 or last:
            forward, backward, norm = np.mean(losses, axis=0)
            speed = (trainer.tokens - reported_tokens) / (trainer.seconds - reported)
            print(
                f"train: {trainer.seconds / 60:6.1f} min  {trainer.tokens:,} tokens ({trainer.tokens / len(ids):.2f}"
                f" passes)  {speed:,.0f} tokens/s  sampled loss {forward:.3f} {backward:.3f}  gradient {norm:.2f}"
                f"  rate {learning_rate(args, share, trainer.updates):.2e}"
                f"  {max(0, limit - trainer.seconds) / 60:.1f} min to go",
                flush=True,
            )
            reported, reported_tokens, losses = trainer.seconds, trainer.tokens, []
        if trainer.seconds - saved >= args.save_every * 60 or last:
            trainer.save(checkpoint)
            saved = trainer.seconds
    print(f"train: {'stopped' if stop else 'done'}; {checkpoint}", flush=True)


if __name__ == "__main__":
    main()
