// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.elmo4j.oracle.GoldenCase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compares the results of half precision on a CUDA device with golden numbers that another program
 * computed.
 */
class CudaPrecisionTest {
  private static final double TOLERANCE = 2e-2;
  private static final double COSINE = 0.9995;

  static List<GoldenCase> cases() {
    return GoldenCase.all();
  }

  private static ElmoModel model(GoldenCase golden) {
    return ElmoModel.builder()
        .path(golden.folder())
        .device(Cuda.device())
        .precision(Precision.FP16)
        .load();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void layersOfHalfPrecisionStayClose(GoldenCase golden) {
    float[][][][] expected = golden.layers();
    Layer[] layers = new Layer[golden.options().lstmLayers()];
    for (int k = 1; k <= layers.length; k++) {
      layers[k - 1] = Layer.lstm(k);
    }
    try (ElmoModel model = model(golden);
        Embeddings embeddings = model.embed(golden.sentences(), layers)) {
      assertEquals(Precision.FP16, model.precision());
      for (int s = 0; s < expected.length; s++) {
        for (int k = 1; k < expected[s].length; k++) {
          String what = golden + ", sentence " + s + ", layer " + k;
          float[][] wanted = expected[s][k];
          Expected.assertClose(what, wanted, embeddings.get(Layer.lstm(k), s).toArray(), TOLERANCE);
          for (int t = 0; t < wanted.length; t++) {
            double cosine =
                Expected.cosine(wanted[t], embeddings.get(Layer.lstm(k), s).slice(t).toArray());
            assertTrue(cosine >= COSINE, what + ", token " + t + ": cosine " + cosine);
          }
        }
      }
    }
  }

  /**
   * Devices other than Hopper use mma. The emulated device is a Hopper and uses wgmma by default.
   */
  @Test
  void layersByTheOtherWayOfProductsStayClose() {
    GoldenCase golden = GoldenCase.named("clips-bind");
    try {
      System.setProperty("elmo4j.cuda.products", "mma");
      layersOfHalfPrecisionStayClose(golden);
      System.setProperty("elmo4j.cuda.products", "fma");
      ElmoModelBuilder builder = ElmoModel.builder().path(golden.folder()).device(Cuda.device());
      ElmoException e = assertThrows(ElmoException.class, builder::load);
      assertEquals("elmo4j.cuda.products: expected wgmma or mma, found \"fma\"", e.getMessage());
    } finally {
      System.clearProperty("elmo4j.cuda.products");
    }
  }

  @Test
  void halfPrecisionIsWhatAModelHasByDefault() {
    Device device = Cuda.device();
    String before = System.clearProperty("elmo4j.precision");
    try (ElmoModel model = ElmoModel.builder().miniEnglish().device(device).load()) {
      assertEquals(Precision.FP16, model.precision());
      assertEquals(device, model.device());
    } finally {
      if (before != null) {
        System.setProperty("elmo4j.precision", before);
      }
    }
  }

  @Test
  void stateOfHalfPrecisionIsCarriedAndRead() {
    GoldenCase golden = GoldenCase.named("relu-skip");
    float[][][][] expected = golden.statefulLayers();
    try (ElmoModel model = model(golden);
        ElmoSession session = model.session()) {
      for (int start = 0; start < expected.length; start += 3) {
        int end = Math.min(start + 3, expected.length);
        try (Embeddings embeddings =
            session.embed(golden.sentences().subList(start, end), Layer.lstm(2))) {
          for (int s = start; s < end; s++) {
            Expected.assertClose(
                "sentence " + s,
                expected[s][2],
                embeddings.get(Layer.lstm(2), s - start).toArray(),
                TOLERANCE);
          }
        }
      }
      assertEquals(3, session.hidden(1, true).length);
      assertEquals(model.options().projectionDim(), session.hidden(1, true)[2].length);
      assertTrue(session.hidden(2, false)[0][0] != 0);
      assertEquals(model.options().lstmDim(), session.cell(2, false)[0].length);
    }
  }

  @Test
  void precisionsThatADeviceLacksAreRefused() {
    ElmoException e =
        assertThrows(
            ElmoException.class,
            () ->
                ElmoModel.builder()
                    .miniEnglish()
                    .device(Device.cpu())
                    .precision(Precision.FP16)
                    .load());
    assertEquals("precision fp16: expected a CUDA device, found cpu", e.getMessage());
    Device device = Cuda.device();
    assertThrows(
        ElmoException.class,
        () -> ElmoModel.builder().miniEnglish().device(device).precision(Precision.BF16).load());
  }
}
