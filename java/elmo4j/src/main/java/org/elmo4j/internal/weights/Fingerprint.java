// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.WeightStore;

/** Computes a text that tells a model from others. */
public final class Fingerprint {
  /**
   * Larger tensors do not count. The embeddings of characters, the convolution and all biases are
   * smaller; two models that were trained differ in them, and reading them twice takes no time that
   * is noticed when a model is loaded.
   */
  private static final int MAX_NUMBERS = 1 << 17;

  private Fingerprint() {}

  /**
   * Computes the SHA-256 of the structure, the mix and all smaller tensors, in 64 hexadecimal
   * digits.
   *
   * @param mix the mix behind the layer {@code elmo}
   */
  public static String of(WeightStore store, ScalarMix mix) {
    MessageDigest digest = SafetensorsReader.sha256();
    add(digest, OptionsJson.write(store.options()));
    add(digest, mix.toString());
    store
        .shapes()
        .forEach(
            (name, shape) -> {
              long count = TensorShapes.count(shape);
              if (count <= MAX_NUMBERS) {
                add(digest, name);
                ByteBuffer bytes =
                    ByteBuffer.allocate((int) count * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
                FloatBuffer values = bytes.asFloatBuffer();
                store.read(name, values);
                digest.update(bytes);
              }
            });
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void add(MessageDigest digest, String text) {
    digest.update(text.getBytes(StandardCharsets.UTF_8));
    digest.update((byte) 0);
  }
}
