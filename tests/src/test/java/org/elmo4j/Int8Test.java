// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.elmo4j.internal.weights.Dtype;
import org.elmo4j.internal.weights.SafetensorsWriter;
import org.elmo4j.oracle.GoldenCase;
import org.elmo4j.train.EnglishWebTreebank;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compares the results of 8-bit weights with those of 32-bit weights on every instruction set, and
 * tests files with 8-bit weights.
 */
class Int8Test {
  private static final Layer[] LAYERS = {
    Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2), Layer.ELMO, Layer.DEFAULT
  };

  @TempDir private Path folder;

  private static ElmoModelBuilder builder(Precision precision) {
    return ElmoModel.builder().device(Device.cpu()).precision(precision).threads(2);
  }

  private static ElmoModel miniEnglish(Precision precision) {
    return builder(precision).miniEnglish().load();
  }

  static List<GoldenCase> cases() {
    return GoldenCase.all();
  }

  private List<List<String>> treebank(int sentences) throws IOException {
    List<List<String>> all = new ArrayList<>();
    List<String> tokens = new ArrayList<>();
    for (String line : Files.readAllLines(EnglishWebTreebank.head("dev", sentences, folder))) {
      String[] columns = line.split("\t");
      if (line.isEmpty()) {
        all.add(List.copyOf(tokens));
        tokens.clear();
      } else if (columns[0].matches("\\d+")) {
        tokens.add(columns[1]);
      }
    }
    return all;
  }

  /**
   * The first 900 sentences of that file, 11,947 tokens, have these cosines: lstm_outputs1 0.99903
   * at worst and 0.99987 on average, lstm_outputs2 0.99910 and 0.99985. -Delmo4j.int8.sentences=N
   * sets the number of sentences.
   */
  @Test
  void tokensPointWhereTheyDoInFp32() throws IOException {
    int count = Integer.getInteger("elmo4j.int8.sentences", 60);
    List<List<String>> sentences = treebank(count);
    assertEquals(count, sentences.size());
    try (ElmoModel fp32 = miniEnglish(Precision.FP32);
        ElmoModel int8 = miniEnglish(Precision.INT8);
        Embeddings wanted = fp32.embed(sentences, LAYERS);
        Embeddings got = int8.embed(sentences, LAYERS)) {
      assertEquals(Precision.INT8, int8.precision());
      assertTrue(
          int8.weightBytes() < 0.65 * fp32.weightBytes(),
          int8.weightBytes() + " bytes against " + fp32.weightBytes());
      for (Layer layer : List.of(Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2), Layer.ELMO)) {
        double worst = 1;
        double sum = 0;
        int tokens = 0;
        for (int s = 0; s < sentences.size(); s++) {
          for (int t = 0; t < wanted.length(s); t++, tokens++) {
            double cosine =
                Expected.cosine(
                    wanted.get(layer, s).slice(t).toArray(), got.get(layer, s).slice(t).toArray());
            worst = Math.min(worst, cosine);
            sum += cosine;
          }
        }
        String found = layer + ", " + tokens + " tokens: worst " + worst + ", mean " + sum / tokens;
        if (count > 60) {
          System.out.println(found);
        }
        assertTrue(worst >= (layer == Layer.WORD_EMB ? 0.999999 : 0.999), found);
        assertTrue(sum / tokens >= 0.9998, found);
      }
    }
  }

  /**
   * These models have random weights, and in some the clips bind, so their errors are larger than a
   * trained model's.
   */
  @ParameterizedTest
  @MethodSource("cases")
  void goldenCasesAreMetToItsRounding(GoldenCase golden) {
    float[][][][] expected = golden.layers();
    List<Layer> layers = new ArrayList<>();
    for (int k = 1; k <= golden.options().lstmLayers(); k++) {
      layers.add(Layer.lstm(k));
    }
    try (ElmoModel model = builder(Precision.INT8).path(golden.folder()).load();
        Embeddings embeddings = model.embed(golden.sentences(), layers.toArray(Layer[]::new))) {
      double worst = 1;
      double largest = 0;
      int clipped = 0;
      for (int s = 0; s < expected.length; s++) {
        for (int k = 1; k <= layers.size(); k++) {
          for (int t = 0; t < expected[s][k].length; t++) {
            float[] wanted = expected[s][k][t];
            float[] got = embeddings.get(Layer.lstm(k), s).slice(t).toArray();
            worst = Math.min(worst, Expected.cosine(wanted, got));
            for (int i = 0; i < wanted.length; i++) {
              largest = Math.max(largest, Math.abs(wanted[i] - got[i]));
              clipped += k == 1 && Math.abs(got[i]) == golden.options().projectionClip() ? 1 : 0;
            }
          }
        }
      }
      assertTrue(worst >= 0.995, "worst cosine " + worst);
      assertTrue(largest <= 0.1, "largest difference " + largest);
      assertTrue(clipped > 0 || !golden.toString().contains("clips"), clipped + " at the clip");
    }
  }

  @Test
  void aFileOfIntegersIsWhatThePrecisionComputesWith() throws IOException {
    for (String name : List.of("clips-bind", "relu-skip")) {
      GoldenCase golden = GoldenCase.named(name);
      Path file = folder.resolve(name);
      Path again = folder.resolve(name + "-again");
      try (WeightStore store = WeightStores.open(golden.folder())) {
        SafetensorsWriter.writeInt8(store, file, Map.of());
      }
      try (WeightStore store = WeightStores.open(file)) {
        SafetensorsWriter.writeInt8(store, again, Map.of());
      }
      assertEquals(-1, Files.mismatch(file, again), "quantised twice");
      Layer[] layers = {Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2)};
      try (ElmoModel a = builder(Precision.INT8).path(golden.folder()).load();
          ElmoModel b = builder(Precision.INT8).path(file).load();
          ElmoModel floats = builder(Precision.FP32).path(file).load();
          Embeddings ofA = a.embed(golden.sentences(), layers);
          Embeddings ofB = b.embed(golden.sentences(), layers);
          Embeddings ofFloats = floats.embed(golden.sentences(), layers)) {
        for (int s = 0; s < golden.sentences().size(); s++) {
          Expected.assertSameBits("sentence " + s, ofA, s, ofB, s);
          for (int t = 0; t < ofA.length(s); t++) {
            double cosine =
                Expected.cosine(
                    ofA.get(Layer.lstm(2), s).slice(t).toArray(),
                    ofFloats.get(Layer.lstm(2), s).slice(t).toArray());
            assertTrue(cosine >= 0.995 && cosine < 1, "cosine " + cosine);
          }
        }
      }
    }
  }

  @Test
  void integersTakeAQuarterAndStandForNearNumbers() throws IOException {
    Path floats = folder.resolve("floats");
    Path integers = folder.resolve("integers");
    try (WeightStore store = WeightStores.open(GoldenCase.named("relu-skip").folder())) {
      SafetensorsWriter.write(store, floats, Dtype.F32, Map.of());
      SafetensorsWriter.writeInt8(store, integers, Map.of());
    }
    try (WeightStore wanted = WeightStores.open(floats);
        WeightStore got = WeightStores.open(integers)) {
      long saved = 0;
      for (String name : wanted.names()) {
        float[] a = values(wanted, name);
        float[] b = values(got, name);
        boolean quantised = name.endsWith("/W_0") || name.endsWith("/W_P_0");
        int columns = (int) wanted.shape(name)[wanted.shape(name).length - 1];
        int block = a.length / (name.endsWith("/W_0") ? 2 : 1);
        saved += quantised ? 3L * a.length : 0;
        float[] most = new float[a.length];
        for (int i = 0; i < a.length; i++) {
          int at = i / block * columns + i % columns;
          most[at] = Math.max(most[at], Math.abs(a[i]));
        }
        for (int i = 0; i < a.length; i++) {
          float unit = quantised ? most[i / block * columns + i % columns] / 127 : 0;
          assertEquals(a[i], b[i], 0.502 * unit, name + " " + i);
        }
      }
      long difference = Files.size(floats) - Files.size(integers);
      assertTrue(
          difference > 0.8 * saved && difference <= saved, difference + " bytes saved of " + saved);
    }
  }

  private static float[] values(WeightStore store, String name) {
    int count = 1;
    for (long n : store.shape(name)) {
      count *= (int) n;
    }
    FloatBuffer values = FloatBuffer.allocate(count);
    store.read(name, values);
    return values.array();
  }

  @Test
  void itsNameIsRead() {
    assertThrows(ElmoException.class, () -> Precision.parse("int4"));
    assertEquals(Precision.INT8, Precision.parse("Int8"));
  }
}
