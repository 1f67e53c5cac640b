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

/**
 * A process that embeds twice with mini-en and prints which of this project's native libraries it
 * has mapped.
 */
final class EmbedMain {
  private EmbedMain() {}

  public static void main(String[] args) throws Exception {
    // After a failure, the second attempt must fail with the same message.
    for (int i = 0; i < 2; i++) {
      try (ElmoModel model = ElmoModel.miniEnglish();
          Embeddings result = model.embed(List.of(List.of("I", "love", "NLP")))) {
        System.out.println("elmo " + result.get(Layer.ELMO).get(0, 0, 0));
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
