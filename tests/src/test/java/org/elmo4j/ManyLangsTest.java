// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import io.jhdf.api.Node;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.elmo4j.internal.weights.Dtype;
import org.elmo4j.internal.weights.SafetensorsWriter;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compares the results of ELMoForManyLangs models with the numbers that ELMoForManyLangs computed.
 */
class ManyLangsTest {
  private static final Path ROOT =
      Path.of(System.getProperty("elmo4j.root"), "tests", "golden-formats");
  private static final double TOLERANCE = 2e-5;
  private static final double STATEFUL_TOLERANCE = 1e-4;
  private static final Layer[] LAYERS = {Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2)};

  @TempDir Path temporary;

  /** The folders of both models, each in both of torch's file formats. */
  static Stream<Path> models() {
    return Stream.of("manylangs-word-char", "manylangs-char-only")
        .flatMap(name -> Stream.of("model-legacy", "model-zip").map(ROOT.resolve(name)::resolve));
  }

  private static List<List<String>> sentences(Path model) {
    try {
      String[][] tokens =
          new ObjectMapper()
              .readValue(model.resolveSibling("sentences.json").toFile(), String[][].class);
      return Stream.of(tokens).map(List::of).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the numbers of a dataset, row-major. */
  private static float[] numbers(HdfFile file, String path) {
    Node node = file.getByPath(path);
    Dataset dataset = (Dataset) node;
    if (dataset.getSize() == 0) {
      return new float[0];
    }
    return (float[]) dataset.getDataFlat();
  }

  private static void assertClose(String what, float[] wanted, float[] got, double tolerance) {
    assertEquals(wanted.length, got.length, what + ": numbers");
    int worst = -1;
    double most = tolerance;
    for (int i = 0; i < got.length; i++) {
      double off = Math.abs((double) got[i] - wanted[i]);
      if (!(off <= most)) {
        most = off;
        worst = i;
      }
    }
    if (worst >= 0) {
      assertEquals(wanted[worst], got[worst], what + ", number " + worst);
    }
  }

  /** Repeats each row: layer 0 of ELMoForManyLangs is two copies of the token representation. */
  private static float[] twice(float[] rows, int dim) {
    float[] twice = new float[2 * rows.length];
    for (int t = 0; t < rows.length / dim; t++) {
      System.arraycopy(rows, t * dim, twice, 2 * t * dim, dim);
      System.arraycopy(rows, t * dim, twice, (2 * t + 1) * dim, dim);
    }
    return twice;
  }

  /**
   * Returns all layers of one sentence in the form of ELMoForManyLangs' output -2: [layers, tokens,
   * 2P].
   */
  private static float[] layers(ElmoModel model, Embeddings embeddings, int row) {
    float[] words = embeddings.get(Layer.WORD_EMB, row).toArray();
    List<float[]> parts =
        List.of(
            twice(words, model.dim(Layer.WORD_EMB)),
            embeddings.get(Layer.lstm(1), row).toArray(),
            embeddings.get(Layer.lstm(2), row).toArray());
    float[] all = new float[3 * parts.get(0).length];
    for (int k = 0; k < 3; k++) {
      System.arraycopy(parts.get(k), 0, all, k * parts.get(0).length, parts.get(k).length);
    }
    return all;
  }

  private static void assertOutputs(ElmoModel model, Path golden) {
    List<List<String>> sentences = sentences(golden);
    Layer[] layers = {LAYERS[0], LAYERS[1], LAYERS[2], Layer.ELMO};
    try (HdfFile file = new HdfFile(golden.resolveSibling("outputs.hdf5"));
        Embeddings embeddings = model.embed(sentences, layers)) {
      int p = model.dim(Layer.WORD_EMB);
      for (int s = 0; s < sentences.size(); s++) {
        String what = golden + ", sentence " + s + ", output ";
        float[] words = twice(embeddings.get(Layer.WORD_EMB, s).toArray(), p);
        assertClose(what + "0", numbers(file, "0/" + s), words, TOLERANCE);
        for (int k = 1; k <= 2; k++) {
          assertClose(
              what + k,
              numbers(file, k + "/" + s),
              embeddings.get(Layer.lstm(k), s).toArray(),
              TOLERANCE);
        }
        assertClose(what + "-2", numbers(file, "-2/" + s), layers(model, embeddings, s), TOLERANCE);
        if (sentences.get(s).isEmpty()) {
          assertEquals(0, embeddings.get(Layer.ELMO, s).toArray().length);
        } else {
          float[] mean = embeddings.get(Layer.ELMO, s).toArray();
          assertClose(what + "-1", numbers(file, "-1/" + s), mean, TOLERANCE);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void everyOutputOfEverySentenceInOneCall(Path golden) {
    try (ElmoModel model = ElmoModel.load(golden)) {
      assertOutputs(model, golden);
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void eachSentenceAlone(Path golden) {
    List<List<String>> sentences = sentences(golden);
    try (ElmoModel model = ElmoModel.load(golden);
        HdfFile file = new HdfFile(golden.resolveSibling("outputs.hdf5"))) {
      for (int s = 0; s < sentences.size(); s++) {
        try (Embeddings embeddings = model.embed(sentences.subList(s, s + 1), LAYERS)) {
          assertClose(
              golden + " " + s, numbers(file, "-2/" + s), layers(model, embeddings, 0), TOLERANCE);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void stateIsCarriedBetweenCallsFromRowsByLength(Path golden) {
    List<List<String>> sentences = sentences(golden);
    try (ElmoModel model = ElmoModel.load(golden);
        ElmoSession session = model.session();
        HdfFile file = new HdfFile(golden.resolveSibling("outputs-stateful-batch3.hdf5"))) {
      for (int first = 0; first < sentences.size(); first += 3) {
        List<List<String>> batch = sentences.subList(first, Math.min(first + 3, sentences.size()));
        try (Embeddings embeddings = session.embed(batch, LAYERS)) {
          assertStateful(file, model, embeddings, first);
        }
      }
      assertEquals(3, session.rows());
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void theSecondOfTwoCallsGoesOnFromTheFirst(Path golden) {
    List<List<String>> sentences = sentences(golden);
    // The number of threads changes how a call is split into batches, which must not change its
    // rows.
    for (int threads : new int[] {1, 4}) {
      try (ElmoModel model = ElmoModel.builder().path(golden).threads(threads).load();
          ElmoSession session = model.session();
          HdfFile file = new HdfFile(golden.resolveSibling("outputs-second-call.hdf5"))) {
        session.embed(sentences, LAYERS).close();
        try (Embeddings embeddings = session.embed(sentences, LAYERS)) {
          assertStateful(file, model, embeddings, 0);
        }
      }
    }
  }

  private static void assertStateful(
      HdfFile file, ElmoModel model, Embeddings embeddings, int first) {
    for (int row = 0; row < embeddings.batchSize(); row++) {
      String name = String.valueOf(first + row);
      Node node = file.getChildren().containsKey(name) ? file.getChild(name) : null;
      String path = node != null ? name : "-2/" + name;
      assertClose(
          file.getFile() + " " + path,
          numbers(file, path),
          layers(model, embeddings, row),
          STATEFUL_TOLERANCE);
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void aConvertedModelComputesTheSame(Path golden) {
    Path file = temporary.resolve("converted.safetensors");
    try (WeightStore store = WeightStores.open(golden)) {
      SafetensorsWriter.write(store, file, Dtype.F32, Map.of());
    }
    List<List<String>> sentences = sentences(golden);
    try (ElmoModel model = ElmoModel.load(golden);
        ElmoModel converted = ElmoModel.load(file);
        Embeddings wanted = model.embed(sentences, LAYERS);
        Embeddings got = converted.embed(sentences, LAYERS)) {
      assertEquals(model.options(), converted.options());
      for (int s = 0; s < sentences.size(); s++) {
        Expected.assertSameBits(golden + " " + s, wanted, s, got, s);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("org.elmo4j.Isa#all")
  void everyInstructionSetGivesTheSameNumbers(String isa) {
    Isa.with(
        isa,
        () ->
            models()
                .forEach(
                    golden -> {
                      try (ElmoModel model = ElmoModel.load(golden)) {
                        assertOutputs(model, golden);
                      }
                    }));
  }

  /** The sizes of this model fill some tiles of the bfloat16 kernels only partly. */
  @Test
  void bfloat16WeightsGiveNearlyTheSame() {
    Path golden = ROOT.resolve("manylangs-word-char").resolve("model-zip");
    List<List<String>> sentences = sentences(golden);
    ElmoModel rounded;
    try {
      rounded = ElmoModel.builder().path(golden).precision(Precision.BF16).load();
    } catch (ElmoException e) {
      assumeTrue(false, e.getMessage()); // This processor has no bfloat16 kernels.
      return;
    }
    try (rounded;
        ElmoModel model = ElmoModel.load(golden);
        Embeddings wanted = model.embed(sentences, Layer.WORD_EMB, Layer.lstm(1));
        Embeddings got = rounded.embed(sentences, Layer.WORD_EMB, Layer.lstm(1))) {
      for (int s = 0; s < sentences.size(); s++) {
        for (Layer layer : wanted.layers()) {
          float[] w = wanted.get(layer, s).toArray();
          assertClose(layer + " " + s, w, got.get(layer, s).toArray(), 0.05);
        }
      }
    }
  }

  @Test
  void boundariesAreKeptWhereAskedFor() {
    Path golden = ROOT.resolve("manylangs-word-char").resolve("model-zip");
    List<List<String>> sentences = List.of(List.of("the", "bank"), List.of());
    EmbedOptions options = EmbedOptions.layers(Layer.WORD_EMB).withBoundaries(true);
    try (ElmoModel model = ElmoModel.load(golden);
        Embeddings with = model.embed(sentences, options);
        // A token with a boundary's spelling is treated as that boundary.
        Embeddings without =
            model.embed(List.of(List.of("<bos>", "the", "bank", "<eos>")), Layer.WORD_EMB)) {
      assertArrayEquals(new int[] {4, 2}, with.lengths());
      assertArrayEquals(
          without.get(Layer.WORD_EMB, 0).toArray(), with.get(Layer.WORD_EMB, 0).toArray());
    }
  }

  @Test
  void parametersAreThoseOfTheOriginalsTensors() {
    try (ElmoModel model =
        ElmoModel.load(ROOT.resolve("manylangs-word-char").resolve("model-zip"))) {
      assertEquals(102, model.options().words());
      assertEquals(137, model.options().characters());
      // The two zip files hold the parameters under data/, four bytes each.
      assertEquals((stored("token_embedder") + stored("encoder")) / 4, model.parameters());
    }
  }

  private static long stored(String stem) {
    Path file = ROOT.resolve("manylangs-word-char").resolve("model-zip").resolve(stem + ".pkl");
    try (ZipFile zip = new ZipFile(file.toFile())) {
      return zip.stream()
          .filter(entry -> entry.getName().startsWith(stem + "/data/"))
          .mapToLong(ZipEntry::getSize)
          .sum();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
