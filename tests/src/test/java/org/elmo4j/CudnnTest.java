// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import java.util.ArrayList;
import java.util.List;
import org.elmo4j.oracle.GoldenCase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compares the results of the biLM run by cuDNN with golden numbers that another program computed.
 * Each test is skipped, with the reason, if cuDNN 9 is missing or org.bytedeco:cuda is not on the
 * class path.
 */
class CudnnTest {
  private static final String PROPERTY = "elmo4j.cuda.bilm";

  /** The largest allowed error, absolute and relative to the wanted value. */
  private static final double TOLERANCE = 2e-5;

  private static final double HALF_TOLERANCE = 2e-2;

  static List<GoldenCase> cases() {
    return GoldenCase.all();
  }

  @BeforeEach
  void useCudnn() {
    Cuda.device();
    System.setProperty(PROPERTY, "cudnn");
  }

  @AfterEach
  void useOwn() {
    System.clearProperty(PROPERTY);
  }

  private static ElmoModel load(GoldenCase golden, Precision precision) {
    try {
      return ElmoModel.builder()
          .path(golden.folder())
          .device(Cuda.device())
          .precision(precision)
          .load();
    } catch (ElmoException e) {
      if (e.getMessage().startsWith("biLM by cuDNN: expected ")) {
        return abort(e.getMessage());
      }
      throw e;
    }
  }

  private static void assertGolden(GoldenCase golden, Precision precision, double tolerance) {
    float[][][][] expected = golden.layers();
    List<Layer> layers = new ArrayList<>(List.of(Layer.WORD_EMB));
    for (int k = 1; k <= golden.options().lstmLayers(); k++) {
      layers.add(Layer.lstm(k));
    }
    try (ElmoModel model = load(golden, precision);
        Embeddings embeddings = model.embed(golden.sentences(), layers.toArray(new Layer[0]))) {
      for (int s = 0; s < expected.length; s++) {
        for (int k = 1; k < layers.size(); k++) {
          Expected.assertClose(
              golden + ", sentence " + s + ", layer " + k,
              expected[s][k],
              embeddings.get(layers.get(k), s).toArray(),
              tolerance);
        }
      }
      Statistics statistics = model.statistics();
      assertTrue(
          statistics.deviceCounts().get("cudnn_whole_runs")
                  + statistics.deviceCounts().get("cudnn_stepwise_runs")
              > 0,
          statistics::toString);
      if (golden.folder().endsWith("clips-bind")) {
        assertTrue(statistics.deviceCounts().get("cudnn_stepwise_runs") > 0, statistics::toString);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void layersInSinglePrecision(GoldenCase golden) {
    assertGolden(golden, Precision.FP32, TOLERANCE);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void layersInHalfPrecision(GoldenCase golden) {
    assertGolden(golden, Precision.FP16, HALF_TOLERANCE);
  }

  @Test
  void aSessionIsRefused() {
    GoldenCase golden = GoldenCase.named("relu-skip");
    try (ElmoModel model = load(golden, Precision.FP32);
        ElmoSession session = model.session()) {
      ElmoException e =
          assertThrows(ElmoException.class, () -> session.embed(golden.sentences().subList(0, 1)));
      assertEquals(
          "session: expected elmo4j.cuda.bilm=own, found cudnn, which carries no state",
          e.getMessage());
    }
  }
}
