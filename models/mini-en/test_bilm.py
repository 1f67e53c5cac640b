#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""The hand-written gradients against autograd's, in double precision: python3 -m unittest test_bilm."""
import unittest

import torch

from bilm import ClippedLstm, LogUniformSampler, SampledSoftmax


def plain_lstm(x, keep, h, c, w, b, w_p, cell_clip, proj_clip):
    out = []
    for t in range(len(x)):
        i, j, f, o = (torch.cat([x[t], h * keep[t]], 1) @ w + b).chunk(4, 1)
        c = torch.sigmoid(f + 1) * c * keep[t] + torch.sigmoid(i) * torch.tanh(j)
        c = c.clamp(-cell_clip, cell_clip) if cell_clip else c
        h = (torch.sigmoid(o) * torch.tanh(c)) @ w_p
        h = h.clamp(-proj_clip, proj_clip) if proj_clip else h
        out.append(h)
    return torch.stack(out), h, c


class GradientTest(unittest.TestCase):
    def test_lstm_equals_autograd_with_and_without_clips(self):
        for clips in ((0.4, 0.3), (None, None)):
            torch.manual_seed(1)
            t, b, p, c = 7, 3, 4, 5
            d = dict(dtype=torch.float64)
            x = torch.randn(t, b, p, **d)
            keep = (torch.rand(t, b, 1) > 0.3).to(torch.float64)
            state = torch.randn(b, p, **d) * 0.2, torch.randn(b, c, **d) * 0.2
            weights = [torch.randn(2 * p, 4 * c, **d), torch.randn(4 * c, **d), torch.randn(c, p, **d)]
            leaves = [v.requires_grad_() for v in [x] + weights]
            up = torch.randn(t, b, p, **d)
            want = plain_lstm(x, keep, *state, *weights, *clips)
            got = ClippedLstm.apply(x, keep, *state, *weights, *clips, torch.float64)
            if clips[0]:  # Both clips must have had work to do.
                self.assertTrue((want[0].abs() == clips[1]).any() and (want[2].abs() == clips[0]).any())
            for a, e in zip(got, want):
                torch.testing.assert_close(a, e, rtol=0, atol=1e-12)
            for a, e in zip(
                torch.autograd.grad((got[0] * up).sum(), leaves), torch.autograd.grad((want[0] * up).sum(), leaves)
            ):
                torch.testing.assert_close(a, e, rtol=0, atol=1e-11)

    def test_sampled_softmax_equals_autograd(self):
        torch.manual_seed(2)
        n, p, v = 6, 4, 12
        table, bias = torch.randn(v, p, dtype=torch.float64), torch.randn(v, dtype=torch.float64)
        h, up = torch.randn(n, p, dtype=torch.float64), torch.tensor(1.7, dtype=torch.float64)
        targets, sample = torch.tensor([0, 3, 5, 5, 11, 7]), torch.tensor([3, 5, 1, 2])
        place = torch.full((v,), -1)
        place[sample] = torch.arange(len(sample))
        leaves = [u.requires_grad_() for u in (h, table, bias)]
        got = SampledSoftmax.apply(
            h, targets, table[targets], bias[targets], table[sample], bias[sample], place, torch.float64
        )
        logits = h @ table.t() + bias
        allowed = torch.zeros(n, v, dtype=torch.bool)
        allowed[:, sample] = True
        allowed[torch.arange(n), targets] = True
        want = torch.nn.functional.cross_entropy(logits.masked_fill(~allowed, -torch.inf), targets)
        torch.testing.assert_close(got, want)
        for a, e in zip(torch.autograd.grad(got * up, leaves), torch.autograd.grad(want * up, leaves)):
            torch.testing.assert_close(a, e, rtol=0, atol=1e-12)

    def test_sampler_draws_distinct_words_as_often_as_it_says(self):
        sampler = LogUniformSampler(50, seed=3)
        counts, expected = torch.zeros(50), torch.zeros(50)
        for _ in range(2000):
            drawn, log_expected = sampler.draw(10)
            self.assertEqual(10, len(set(drawn.tolist())))
            counts[drawn] += 1
            expected += log_expected.exp()
        # The last words of a draw are cut off, so the rates are near, not equal.
        torch.testing.assert_close(counts / 2000, expected / 2000, rtol=0.25, atol=0.02)


if __name__ == "__main__":
    unittest.main()
