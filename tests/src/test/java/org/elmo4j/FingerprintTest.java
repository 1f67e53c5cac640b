// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Map;
import org.elmo4j.internal.weights.Dtype;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.internal.weights.SafetensorsWriter;
import org.elmo4j.weights.ModelOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests that the fingerprint is equal for models with the same weights and differs for all others.
 */
class FingerprintTest {
  @TempDir Path folder;

  private static String of(ElmoModelBuilder builder) {
    try (ElmoModel model = builder.load()) {
      return model.fingerprint();
    }
  }

  private static ElmoModelBuilder random(ModelOptions options, long seed) {
    return ElmoModel.builder().weights(new RandomWeights(options, seed));
  }

  @Test
  void theSameWeightsGiveTheSameAndOthersAnother() {
    String one = of(random(Models.TINY, 1));
    assertTrue(one.matches("[0-9a-f]{64}"), one);
    assertEquals(one, of(random(Models.TINY, 1)));
    assertEquals(one, of(random(Models.TINY, 1).precision(Precision.INT8)));
    assertEquals(one, of(random(Models.TINY, 1).mix(ScalarMix.even(3))));
    assertNotEquals(one, of(random(Models.TINY, 2)));
    assertNotEquals(one, of(random(Models.TINY, 1).mix(new ScalarMix(new float[] {0, 1, 2}, 1))));
    ModelOptions clipped = Models.TINY.toBuilder().cellClip(2).build();
    assertNotEquals(one, of(random(clipped, 1)));
    Path file = folder.resolve("tiny.safetensors");
    SafetensorsWriter.write(new RandomWeights(Models.TINY, 1), file, Dtype.F32, Map.of());
    assertEquals(one, of(ElmoModel.builder().path(file)));
  }
}
