# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""The bidirectional language model of Peters et al. 2018 (https://arxiv.org/abs/1802.05365).

Parameters have the names and shapes of AllenNLP's HDF5 files, so the export writes them unchanged.
Large products run in the precision `compute` (bfloat16 where the processor is fast at it); parameters,
cell states and sums keep the precision of the parameters.
"""
import json
import math
import os
import pathlib
import sys
import time

import numpy as np
import torch

MAX_CHARS = 50
BOS, EOS, BOW, EOW, PAD = 256, 257, 258, 259, 260


def restart_for_speed():
    """Restarts the program if variables that a process reads only at its start are missing in the environment."""
    # glibc must keep freed memory: returning it and requesting it again costs more than the arithmetic. Waiting
    # threads must sleep. PyTorch uses AVX-512 only if a variable tells it to.
    needed = {
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
        "MALLOC_ARENA_MAX": "4",
        "OMP_WAIT_POLICY": "passive",
        "OPENBLAS_NUM_THREADS": "1",
    }
    cpu = pathlib.Path("/proc/cpuinfo")
    if cpu.exists() and " avx512bw" in cpu.read_text():
        needed["ATEN_CPU_CAPABILITY"] = "avx512"
    if any(name not in os.environ for name in needed):
        os.execve(sys.executable, [sys.executable] + sys.argv, {**needed, **os.environ})


def char_ids(word):
    """Ids of a word without padding: at most 48 bytes between begin and end of word."""
    body = {"<S>": [BOS], "</S>": [EOS]}.get(word)
    if body is None:
        body = list(word.encode("utf-8", "ignore"))[: MAX_CHARS - 2]
    return [BOW] + body + [EOW]


class Words:
    """The characters of every known word: `ids` [words, 56] with PAD behind, `lengths` [words]."""

    # Windows as wide as the widest filter may begin at any slot.
    SLOTS = MAX_CHARS + 6

    def __init__(self, words, device="cpu"):
        ids = np.full((len(words), self.SLOTS), PAD, np.int64)
        lengths = np.empty(len(words), np.int64)
        for i, word in enumerate(words):
            chars = char_ids(word)
            ids[i, : len(chars)] = chars
            lengths[i] = len(chars)
        self.ids = torch.from_numpy(ids.astype(np.int16)).to(device)
        self.lengths = torch.from_numpy(lengths).to(device)


def fastest_compute(device):
    """bfloat16 where its products are faster than float32's, else float32; measured."""

    def seconds(dtype):
        a, b = torch.ones(512, 512, dtype=dtype, device=device), torch.ones(512, 2048, dtype=dtype, device=device)
        best = math.inf
        for _ in range(20):  # Others may be using the machine: the best counts.
            start = time.perf_counter()
            (a @ b)[0, 0].item()
            best = min(best, time.perf_counter() - start)
        return best

    return torch.bfloat16 if seconds(torch.bfloat16) < seconds(torch.float32) else torch.float32


def new_parameters(options, generator):
    """name -> float32 tensor, drawn as bilm-tf draws them."""
    cnn, lstm = options["char_cnn"], options["lstm"]
    dim, cells, proj = cnn["embedding"]["dim"], lstm["dim"], lstm["projection_dim"]

    def normal(*shape, std):
        return torch.randn(*shape, generator=generator) * std

    def uniform(*shape, fan):
        return (torch.rand(*shape, generator=generator) * 2 - 1) * math.sqrt(3.0 / fan)

    p = {"char_embed": normal(261, dim, std=1.0)}
    total = 0
    for i, (width, n) in enumerate(cnn["filters"]):
        p[f"CNN/W_cnn_{i}"] = normal(1, width, dim, n, std=1 / math.sqrt(width * dim))
        p[f"CNN/b_cnn_{i}"] = torch.zeros(n)
        total += n
    for i in range(cnn.get("n_highway") or 0):
        p[f"CNN_high_{i}/W_carry"] = normal(total, total, std=1 / math.sqrt(total))
        p[f"CNN_high_{i}/b_carry"] = torch.full((total,), -2.0)
        p[f"CNN_high_{i}/W_transform"] = normal(total, total, std=1 / math.sqrt(total))
        p[f"CNN_high_{i}/b_transform"] = torch.zeros(total)
    p["CNN_proj/W_proj"] = normal(total, proj, std=1 / math.sqrt(total))
    p["CNN_proj/b_proj"] = torch.zeros(proj)
    for direction in range(2):
        for layer in range(lstm["n_layers"]):
            name = f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell/"
            p[name + "W_0"] = uniform(2 * proj, 4 * cells, fan=2 * proj)
            p[name + "B"] = torch.zeros(4 * cells)
            p[name + "W_P_0"] = uniform(cells, proj, fan=cells)
    return p


def token_representations(p, options, words, which, compute):
    """The char-CNN: [len(which), projection_dim] for the words numbered `which`."""
    cnn = options["char_cnn"]
    dim, filters = cnn["embedding"]["dim"], cnn["filters"]
    width = max(w for w, _ in filters)
    assert width <= 7
    activation = {"relu": torch.relu, "tanh": torch.tanh}[cnn["activation"]]
    # One product for all filters: the narrow ones end in rows of zeros.
    kernel = torch.cat(
        [
            torch.nn.functional.pad(p[f"CNN/W_cnn_{i}"][0].reshape(w * dim, n), (0, 0, 0, (width - w) * dim))
            for i, (w, n) in enumerate(filters)
        ],
        dim=1,
    ).to(compute)
    bias = torch.cat([p[f"CNN/b_cnn_{i}"] for i in range(len(filters))])
    # Short words first, in groups of similar length, as each group is as long as its longest word.
    lengths = words.lengths[which]
    order = torch.argsort(lengths)
    features = []
    for group in torch.tensor_split(order, 6 if len(which) >= 64 else 1):
        if not len(group):
            continue
        # All windows in the PAD tail are alike: one of them is enough.
        positions = min(int(lengths[group].max()) + 1, MAX_CHARS)
        ids = words.ids[which[group], : positions + width - 1].long()
        x = p["char_embed"].to(compute)[ids].reshape(len(group), -1)
        y = x.unfold(1, width * dim, dim).reshape(-1, width * dim) @ kernel
        y = y.view(len(group), positions, -1)
        if positions + width - 1 > MAX_CHARS:
            # Windows that would begin too late in the 50 slots do not exist.
            late = torch.cat([torch.arange(positions)[:, None].gt(MAX_CHARS - w).expand(-1, n) for w, n in filters], 1)
            y = y.masked_fill(late.to(y.device), -math.inf)
        features.append(y.max(dim=1).values.to(bias.dtype))
    h = torch.empty_like(torch.cat(features)).index_copy(0, order, torch.cat(features))
    h = activation(h + bias)
    for i in range(cnn.get("n_highway") or 0):
        q, hc = f"CNN_high_{i}/", h.to(compute)
        carry = torch.sigmoid((hc @ p[q + "W_carry"].to(compute)).to(h.dtype) + p[q + "b_carry"])
        transform = torch.relu((hc @ p[q + "W_transform"].to(compute)).to(h.dtype) + p[q + "b_transform"])
        h = carry * transform + (1 - carry) * h
    return (h.to(compute) @ p["CNN_proj/W_proj"].to(compute)).to(h.dtype) + p["CNN_proj/b_proj"]


class ClippedLstm(torch.autograd.Function):
    """A clipped LSTM with projection over a whole chunk; its backward pass is written out below.

    x [T, B, P]; keep [T, B, 1] is 0 where a row begins anew from zero state; h0 [B, P] and c0 [B, C] carried
    in. Returns h [T, B, P] without skip connection, and h and c after the last step, which have no gradient.

    Gates as in AllenNLP's files: i, j, f, o, the forget bias of 1 not in B. With tanh(j) = 2 sigmoid(2j) - 1
    one sigmoid serves all four, so the columns of j are doubled.
    """

    @staticmethod
    def forward(ctx, x, keep, h0, c0, w, b, w_p, cell_clip, proj_clip, compute):
        steps, batch, proj = x.shape
        cells = w_p.shape[0]
        scale = torch.ones(4 * cells, dtype=w.dtype, device=w.device)
        scale[cells : 2 * cells] = 2
        shift = torch.zeros_like(scale)
        shift[2 * cells : 3 * cells] = 1
        w_c, w_pc, bias = (w * scale).to(compute), w_p.to(compute), b * scale + shift
        xh = torch.empty(steps, batch, 2 * proj, dtype=compute, device=x.device)
        xh[:, :, :proj] = x
        gates = torch.empty(steps, batch, 4 * cells, dtype=x.dtype, device=x.device)
        c_in, c, tanh_c = torch.empty(3, steps, batch, cells, dtype=x.dtype, device=x.device)
        m = torch.empty(steps, batch, cells, dtype=compute, device=x.device)
        h = torch.empty(steps, batch, proj, dtype=x.dtype, device=x.device)
        h_before, c_before = h0, c0
        for t in range(steps):
            xh[t, :, proj:] = h_before * keep[t]
            torch.mul(c_before, keep[t], out=c_in[t])
            g = gates[t]
            g.copy_(xh[t] @ w_c)
            g += bias
            g.sigmoid_()
            i, j, f, o = g.split(cells, dim=1)
            # c = f c + i (2 j - 1)
            torch.mul(i, j, out=c[t]).mul_(2).sub_(i).addcmul_(f, c_in[t])
            if cell_clip:
                c[t].clamp_(-cell_clip, cell_clip)
            torch.mul(c[t], 2, out=tanh_c[t]).sigmoid_().mul_(2).sub_(1)
            m[t] = o * tanh_c[t]
            h[t] = m[t] @ w_pc
            if proj_clip:
                h[t].clamp_(-proj_clip, proj_clip)
            h_before, c_before = h[t], c[t]
        ctx.save_for_backward(xh, gates, c_in, c, tanh_c, m, h, keep, w_c, w_pc, scale)
        ctx.clips = cell_clip, proj_clip
        h_last, c_last = h_before.clone(), c_before.clone()
        ctx.mark_non_differentiable(h_last, c_last)
        return h, h_last, c_last

    @staticmethod
    def backward(ctx, d_out, _h, _c):
        xh, gates, c_in, c, tanh_c, m, h, keep, w_c, w_pc, scale = ctx.saved_tensors
        cell_clip, proj_clip = ctx.clips
        steps, batch, cells = tanh_c.shape
        proj, compute = h.shape[2], w_c.dtype
        d_gates = torch.empty(steps, batch, 4 * cells, dtype=compute, device=h.device)
        d_h = torch.empty(steps, batch, proj, dtype=compute, device=h.device)
        d_x = torch.empty_like(d_out)
        d_s = torch.empty_like(gates[0])
        w_t, w_pt = w_c.t(), w_pc.t()
        within = torch.ops.aten.hardtanh_backward  # (gradient, value, -clip, clip): 0 where the clip had work to do.
        d_h_next, d_c_next = torch.zeros_like(d_out[0]), torch.zeros_like(c[0])
        for t in reversed(range(steps)):
            d = d_out[t] + d_h_next
            if proj_clip:
                d = within(d, h[t], -proj_clip, proj_clip)
            d_h[t] = d
            d_m = (d_h[t] @ w_pt).to(d.dtype)
            i, j, f, o = gates[t].split(cells, dim=1)
            d_i, d_j, d_f, d_o = d_s.split(cells, dim=1)
            torch.mul(d_m, tanh_c[t], out=d_o)
            d_tanh = d_m.mul_(o)
            d_c = d_tanh.addcmul_(d_tanh * tanh_c[t], tanh_c[t], value=-1).add_(d_c_next)
            if cell_clip:
                d_c = within(d_c, c[t], -cell_clip, cell_clip)
            torch.mul(d_c, j, out=d_i).mul_(2).sub_(d_c)
            torch.mul(d_c, i, out=d_j).mul_(2)
            torch.mul(d_c, c_in[t], out=d_f)
            d_c_next = d_c.mul_(f).mul_(keep[t])
            d_gates[t] = torch.ops.aten.sigmoid_backward(d_s, gates[t])
            d_xh = d_gates[t] @ w_t
            d_x[t] = d_xh[:, :proj]
            d_h_next = d_xh[:, proj:] * keep[t]
        rows = d_gates.view(-1, 4 * cells)
        d_w = (xh.view(-1, 2 * proj).t() @ rows).to(h.dtype) * scale
        ones = torch.ones(1, len(rows), dtype=compute, device=h.device)
        d_b = (ones @ rows).view(-1).to(h.dtype) * scale
        d_w_p = (m.view(-1, cells).t() @ d_h.view(-1, proj)).to(h.dtype)
        return d_x, None, None, None, d_w, d_b, d_w_p, None, None, None


def zero_state(options, batch, device="cpu", dtype=torch.float32):
    """Of one direction: (h, c) per layer."""
    lstm = options["lstm"]
    return [
        tuple(torch.zeros(batch, n, device=device, dtype=dtype) for n in (lstm["projection_dim"], lstm["dim"]))
        for _ in range(lstm["n_layers"])
    ]


def dropped(x, rate):
    """x [T, B, P] with dropout, the same features of a row through all T steps (Gal & Ghahramani 2016)."""
    if not rate:
        return x
    return x * (torch.rand_like(x[0]) >= rate).to(x.dtype).div_(1 - rate)


def lstm_layers(p, options, direction, x, keep, state, compute, dropout=0.0):
    """x [T, B, P] in this direction's reading order -> ([h of each layer, skip connection included], state)."""
    lstm = options["lstm"]
    outputs, after = [], []
    for layer in range(lstm["n_layers"]):
        name = f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell/"
        into = dropped(x, dropout)
        h, h_last, c_last = ClippedLstm.apply(
            into,
            keep,
            *state[layer],
            p[name + "W_0"],
            p[name + "B"],
            p[name + "W_P_0"],
            lstm.get("cell_clip"),
            lstm.get("proj_clip"),
            compute,
        )
        x = h + x if layer and lstm.get("use_skip_connections") else h
        outputs.append(x)
        after.append((h_last, c_last))
    return outputs, after


class LogUniformSampler:
    """Distinct word numbers in [0, n), P(k) = log((k + 2) / (k + 1)) / log(n + 1), as TensorFlow draws them."""

    def __init__(self, n, seed):
        self.n, self.rng = n, np.random.default_rng(seed)
        k = np.arange(n)
        self.log1m = np.log1p(-(np.log((k + 2) / (k + 1)) / math.log(n + 1)))

    def draw(self, count):
        """(numbers [count], log of each one's expected count, that of all words [n])."""
        seen = np.empty(0, np.int64)
        tries = 0
        while len(seen) < count:
            more = np.exp(self.rng.random(2 * count) * math.log(self.n + 1)).astype(np.int64) - 1
            tries += len(more)
            seen = np.unique(np.concatenate([seen, np.clip(more, 0, self.n - 1)]))
        seen = self.rng.permutation(seen)[:count]
        # Scaled so that the expected counts of all words sum to the number drawn.
        expected = -np.expm1(tries * self.log1m)
        expected *= count / expected.sum()
        return torch.from_numpy(seen), torch.from_numpy(np.log(expected).astype(np.float32))


class SampledSoftmax(torch.autograd.Function):
    """Mean cross entropy of the true word among itself and sampled words (Jean et al. 2015).

    h [N, P]; targets [N]; w_true [N, P], b_true [N] the targets' rows; w [S, P], b [S] the sampled ones'. The
    biases have the log expected counts taken off already. place [vocabulary]: a word's place in the sample, or -1.
    """

    @staticmethod
    def forward(ctx, h, targets, w_true, b_true, w, b, place, compute):
        h_c, w_c = h.to(compute), w.to(compute)
        p = (h_c @ w_c.t()).to(h.dtype)
        p += b
        hit = place[targets]
        rows = torch.nonzero(hit >= 0).view(-1)
        p[rows, hit[rows]] = -math.inf  # The true word is not its own rival.
        true = (h * w_true).sum(1) + b_true
        # Both clips bound the logits far below 88, where exp would overflow; so no maximum is taken off.
        p.exp_()
        p_true = true.exp()
        total = p.sum(1) + p_true
        loss = (total.log() - true).mean()
        ctx.save_for_backward(h, w_true, w_c, p.to(compute), p_true / total - 1, total)
        return loss

    @staticmethod
    def backward(ctx, d_loss):
        h, w_true, w_c, p, d_true, total = ctx.saved_tensors
        compute = p.dtype
        share = d_loss / len(h)
        d_true, by_row = d_true * share, (share / total)[:, None]
        d_h = ((p @ w_c).to(h.dtype) * by_row).addcmul_(d_true[:, None], w_true)
        d_w = (p.t() @ (h * by_row).to(compute)).to(h.dtype)
        d_b = (by_row.t().to(compute) @ p).view(-1).to(h.dtype)
        return d_h, None, d_true[:, None] * h, d_true, d_w, d_b, None, None


def load_options(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def load_model(path):
    """(options, parameters) of train.py's checkpoint, a folder in AllenNLP's form, or elmo4j's safetensors."""
    path = pathlib.Path(path)
    if path.suffix == ".pt":
        saved = torch.load(path, map_location="cpu")
        return saved["options"], saved["parameters"]
    if path.suffix == ".safetensors":
        data = path.read_bytes()
        begin = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:begin])
        options = json.loads(header.pop("__metadata__")["options"])
        parameters = {}
        for name, tensor in header.items():
            first, end = (begin + n for n in tensor["data_offsets"])
            values = np.frombuffer(data[first:end], {"F16": "<f2", "F32": "<f4"}[tensor["dtype"]])
            parameters[name] = torch.from_numpy(values.reshape(tensor["shape"]).astype(np.float32))
        return options, parameters
    import h5py

    parameters = {}

    def take(name, item):
        if isinstance(item, h5py.Dataset):
            parameters[name] = torch.from_numpy(item[...].astype(np.float32))

    with h5py.File(path / "weights.hdf5", "r") as f:
        f.visititems(take)
    return load_options(path / "options.json"), parameters


@torch.no_grad()
def encode(p, options, words, sentences, compute, batch_tokens=4096):
    """Runs each sentence from zero state. sentences: word numbers [n], their boundaries included.

    Yields (indices of the batch's sentences, word numbers [T, B], lengths [B], layers). layers[direction][k] is
    [T, B, P] in that direction's reading order, k = 0 the token representations; row b holds lengths[b] steps.
    """
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    while order:
        longest = len(sentences[order[-1]])
        batch = order[-max(1, batch_tokens // longest) :]
        del order[-len(batch) :]
        lengths = np.array([len(sentences[i]) for i in batch])
        ids = np.zeros((longest, len(batch)), np.int64)
        for b, i in enumerate(batch):
            ids[: lengths[b], b] = sentences[i]
        distinct, inverse = np.unique(ids, return_inverse=True)
        inverse = inverse.reshape(ids.shape)
        table = token_representations(p, options, words, torch.from_numpy(distinct), compute)
        keep = torch.ones(longest, len(batch), 1)
        layers = []
        for direction in range(2):
            read = inverse
            if direction:
                read = np.zeros_like(inverse)
                for b, n in enumerate(lengths):
                    read[:n, b] = inverse[:n, b][::-1]
            x = table[torch.from_numpy(read)]
            state = zero_state(options, len(batch), dtype=table.dtype)
            layers.append([x] + lstm_layers(p, options, direction, x, keep, state, compute)[0])
        yield batch, ids, lengths, layers
