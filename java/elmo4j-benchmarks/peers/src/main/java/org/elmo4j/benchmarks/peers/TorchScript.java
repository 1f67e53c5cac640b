// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes the LSTM as a TorchScript file: a zip of source code and a pickled object without weights,
 * which are arguments of the methods.
 */
final class TorchScript {
  /** The pickled module. Its only attribute is {@code training}, which every module must have. */
  private static final String OBJECT =
      "\u0080\u0002" // protocol 2
          + "c__torch__\nElmo\n" // the class
          + ")\u0081" // made without arguments
          + "}(X\u0008\0\0\0training\u0089u" // {"training": False}
          + "b."; // set as its attributes

  private static final String NO_CONSTANTS = "\u0080\u0002).";

  private static final String METHODS =
      """
      class Elmo(Module):
        __parameters__ = []
        __buffers__ = []
        training : bool
        def forward(self: __torch__.Elmo, x: Tensor) -> Tensor:
          return x
        def bf16_of(self: __torch__.Elmo, w: Tensor) -> Tensor:
          return torch.to(w, 15)
        def int8_of(self: __torch__.Elmo, w: Tensor, scales: Tensor, zeros: Tensor, b: Tensor) -> PACKED:
          return ops.quantized.linear_prepack(torch.quantize_per_channel(w, scales, zeros, 0, 12), b)
        def int8_alone(self: __torch__.Elmo, w: Tensor, scales: Tensor, zeros: Tensor) -> PACKED:
          return ops.quantized.linear_prepack(torch.quantize_per_channel(w, scales, zeros, 0, 12), None)
      """;

  /**
   * Computes one layer and direction over all positions [positions, P], which are ordered by step.
   * {@code starts} contains the position where each step starts, and then the number of positions.
   * A clip of 0 means none.
   */
  private static final String LSTM =
      """
        def NAME(self: __torch__.Elmo, x: Tensor, starts: List[int], wx: MATRIX, wh: MATRIX, wp: MATRIX, \
      b: Tensor, cells: int, cell_clip: float, proj_clip: float) -> Tensor:
          all = PRODUCT(x, wx, b)
          outputs = annotate(List[Tensor], [])
          h = torch.slice(x, 0, 0, 0)
          c = h
          for t in range(torch.len(starts) - 1):
            rows = starts[t + 1] - starts[t]
            z = torch.slice(all, 0, starts[t], starts[t + 1])
            if torch.gt(t, 0):
              h1 = torch.slice(h, 0, 0, rows)
              z1 = torch.add_(PRODUCT(h1, wh, None), z)
              kept = torch.mul_(torch.sigmoid(torch.narrow(z1, 1, 2 * cells, cells)), torch.slice(c, 0, 0, rows))
              z2 = z1
            else:
              kept = torch.zeros([rows, cells])
              z2 = z
            i = torch.sigmoid(torch.narrow(z2, 1, 0, cells))
            c1 = torch.add_(torch.mul_(i, torch.tanh(torch.narrow(z2, 1, cells, cells))), kept)
            if torch.gt(cell_clip, 0.):
              c2 = torch.clamp_(c1, -cell_clip, cell_clip)
            else:
              c2 = c1
            m = torch.mul_(torch.sigmoid(torch.narrow(z2, 1, 3 * cells, cells)), torch.tanh(c2))
            p = PRODUCT(m, wp, None)
            if torch.gt(proj_clip, 0.):
              p1 = torch.clamp_(p, -proj_clip, proj_clip)
            else:
              p1 = p
            _0 = torch.append(outputs, p1)
            h, c = p1, c2
          return torch.cat(outputs, 0)
      """;

  private TorchScript() {}

  /** Returns the bytes of the file. */
  static byte[] write() {
    String packed = "__torch__.torch.classes.quantized.LinearPackedParamsBase";
    StringBuilder code = new StringBuilder(METHODS.replace("PACKED", packed));
    // libtorch's element types: 6 is float, 15 is bfloat16.
    lstm(code, "fp32", "Tensor", "torch.linear($1, $2, $3)");
    lstm(code, "bf16", "Tensor", "torch.to(torch.linear(torch.to($1, 15), $2, $3), 6)");
    // True: x has 7 bits, so that sums of two products fit into 16 bits.
    lstm(code, "int8", packed, "ops.quantized.linear_dynamic($1, $2, True)");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      entry(zip, "data.pkl", OBJECT.getBytes(StandardCharsets.ISO_8859_1));
      entry(zip, "code/__torch__.py", code.toString().getBytes(StandardCharsets.UTF_8));
      entry(zip, "constants.pkl", NO_CONSTANTS.getBytes(StandardCharsets.ISO_8859_1));
      entry(zip, "version", "3\n".getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      throw new UncheckedIOException(e); // cannot happen with a stream in memory
    }
    return bytes.toByteArray();
  }

  private static void lstm(StringBuilder code, String name, String matrix, String product) {
    code.append(
        LSTM.replace("NAME", name)
            .replace("MATRIX", matrix)
            .replaceAll("PRODUCT\\((\\w+), (\\w+), (\\w+)\\)", product));
  }

  /** Writes an entry as libtorch expects it: not compressed, with its size before the content. */
  private static void entry(ZipOutputStream zip, String name, byte[] content) throws IOException {
    ZipEntry entry = new ZipEntry("elmo/" + name);
    CRC32 sum = new CRC32();
    sum.update(content);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(content.length);
    entry.setCrc(sum.getValue());
    zip.putNextEntry(entry);
    zip.write(content);
    zip.closeEntry();
  }
}
