// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.internal.text.TextSplitter;
import org.elmo4j.train.LabeledData;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;

/**
 * The child process of {@link OlderLibrariesTest}: uses each dependency once, in the versions on
 * its class path.
 */
final class OlderLibraries {
  private OlderLibraries() {}

  private interface Use {
    void run() throws Exception;
  }

  private static List<String> chosen;

  /**
   * The first argument is a folder with archives of a model. Further arguments are the names of the
   * uses to run; without any, all run. Prints a line for each use: its name, a tab and the outcome.
   */
  public static void main(String[] args) throws Exception {
    Path dir = Path.of(args[0]);
    chosen = List.of(args).subList(1, args.length);
    use(
        "HDF5",
        () -> check(TinyModel.folder(dir.resolve("hdf5"), 2, TinyModel.resource("float32.hdf5"))));
    use(
        "HDF5 by LZF",
        () ->
            check(
                TinyModel.folder(dir.resolve("lzf"), 2, TinyModel.resource("lzf-fletcher.hdf5"))));
    for (boolean snappy : new boolean[] {false, true}) {
      CheckpointWriter writer = CheckpointWriter.hub(1, "");
      writer.snappy = snappy;
      Path folder = Files.createDirectories(dir.resolve("checkpoint" + snappy));
      writer.write(folder.resolve("model"));
      use("checkpoint, compressed " + snappy, () -> check(folder));
    }
    for (String name : List.of("model.tar", "model.tgz", "model.zip")) {
      use(name, () -> check(dir.resolve(name)));
    }
    use("safetensors", () -> safetensors(dir.resolve("m.safetensors")));
    use(
        "text",
        () -> {
          if (TextSplitter.split("The cat sat. It slept.").size() != 2) {
            throw new IllegalStateException("another split");
          }
        });
    Path csv = Files.writeString(dir.resolve("d.csv"), "text,label\n\"a, b\",x\nc,y\n");
    use(
        "CSV",
        () -> {
          LabeledData data = LabeledData.readSentences(csv, "text", "label", List::of);
          if (!data.sentences().get(0).tokens().equals(List.of("a, b"))) {
            throw new IllegalStateException(data.sentences().toString());
          }
        });
    use(
        "model",
        () -> {
          Path file = dir.resolve("model.safetensors");
          SafetensorsWriter.write(
              TinyModel.store(TinyModel.values(), null), file, Dtype.F32, Map.of());
          try (ElmoModel model = ElmoModel.load(file);
              Embeddings some = model.embed(List.of(List.of("a", "cat")), Layer.lstm(1))) {
            some.get(Layer.lstm(1));
          }
        });
  }

  private static void use(String name, Use use) {
    if (!chosen.isEmpty() && !chosen.contains(name)) {
      return;
    }
    String outcome;
    try {
      use.run();
      outcome = "ok";
    } catch (Throwable e) {
      Throwable cause = e;
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      outcome = e + ", " + cause;
    }
    System.out.println(name + "\t" + outcome.replace('\n', '|'));
  }

  private static void check(Path path) {
    try (WeightStore store = WeightStores.open(path)) {
      TinyModel.check(store);
    }
  }

  private static void safetensors(Path file) {
    SafetensorsWriter.write(TinyModel.store(TinyModel.values(), null), file, Dtype.F32, Map.of());
    check(file);
  }
}
