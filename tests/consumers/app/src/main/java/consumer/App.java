// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package consumer;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;

/**
 * Embeds a sentence in three ways and prints the sum of the bits of each result: one line if all
 * are equal.
 */
public final class App {
  private App() {}

  public static void main(String[] args) throws Exception {
    Path file = Files.createTempFile("mini-en", ".safetensors");
    try (InputStream in =
        ElmoModel.class.getClassLoader()
            .getResourceAsStream("org/elmo4j/models/mini-en.safetensors")) {
      Files.write(file, in.readAllBytes());
    }
    int inTheBox;
    int text;
    int fromFile;
    try (ElmoModel model = ElmoModel.miniEnglish();
        Embeddings tokens = model.embed(List.of(List.of("I", "love", "NLP")), Layer.ELMO);
        Embeddings running = model.embedText("I love NLP", Layer.ELMO)) {
      inTheBox = Arrays.hashCode(tokens.get(Layer.ELMO).toArray());
      text = Arrays.hashCode(running.get(Layer.ELMO).toArray());
    }
    try (ElmoModel model = ElmoModel.load(file);
        Embeddings tokens = model.embed(List.of(List.of("I", "love", "NLP")), Layer.ELMO)) {
      fromFile = Arrays.hashCode(tokens.get(Layer.ELMO).toArray());
    }
    Files.delete(file);
    System.out.println(
        inTheBox == text && text == fromFile
            ? "bits " + Integer.toHexString(inTheBox)
            : "differ: " + inTheBox + ", " + text + ", " + fromFile);
  }
}
