// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.kernels;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.Models;
import org.elmo4j.internal.weights.RandomWeights;

/**
 * A process that embeds twice with a small model and prints which of this project's native
 * libraries it has mapped.
 */
final class EmbedMain {
  private EmbedMain() {}

  /** Returns a number of the model's result. */
  static float value() {
    try (ElmoModel model = ElmoModel.builder().weights(new RandomWeights(Models.TINY, 1)).load();
        Embeddings result = model.embed(List.of(List.of("I", "love", "NLP")))) {
      return result.get(Layer.ELMO).get(0, 0, 0);
    }
  }

  public static void main(String[] args) throws Exception {
    // After a failure, the second attempt must fail with the same message.
    for (int i = 0; i < 2; i++) {
      try {
        System.out.println("elmo " + value());
      } catch (ElmoException e) {
        System.out.println("failed " + e.getMessage());
      }
    }
    Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .map(line -> line.replaceFirst("^[^/]*", ""))
        .filter(path -> path.matches(".*/lib(jni\\w+|openblas)\\.so.*"))
        .distinct()
        .sorted()
        .forEach(path -> System.out.println("mapped " + path));
  }
}
