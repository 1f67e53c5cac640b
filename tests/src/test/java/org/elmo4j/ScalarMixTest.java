// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.elmo4j.ScalarMix.LayerNorm;
import org.elmo4j.internal.weights.MixJson;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScalarMixTest {
  @TempDir Path folder;

  @Test
  void savedAndLoadedItIsTheSame() {
    Path file = folder.resolve("mix.json");
    for (LayerNorm norm : LayerNorm.values()) {
      ScalarMix mix = new ScalarMix(new float[] {0.1f, -3e-7f, 12345.678f}, 0.3f, norm);
      WeightStores.write(mix, file);
      assertEquals(mix, WeightStores.mix(file));
    }
  }

  @Test
  void whatAFileLeavesOutHasItsDefault() {
    assertEquals(
        new ScalarMix(new float[] {1, 2}, 1),
        MixJson.parse("{\"format\": \"elmo4j-mix\", \"weights\": [1, 2]}", "here"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[1, 2]",
        "{\"weights\": [1, 2]}",
        "{\"format\": \"elmo4j-mix\", \"weights\": []}",
        "{\"format\": \"elmo4j-mix\", \"weights\": [1, \"2\"]}",
        "{\"format\": \"elmo4j-mix\", \"weights\": [1, 1e99]}",
        "{\"format\": \"elmo4j-mix\", \"weights\": [1], \"gamma\": null}",
        "{\"format\": \"elmo4j-mix\", \"weights\": [1], \"gama\": 2}",
        "{\"format\": \"elmo4j-mix\", \"weights\": [1], \"layer_norm\": \"yes\"}",
      })
  void whatIsNoMixIsRefused(String text) throws IOException {
    Path file = Files.writeString(folder.resolve("mix.json"), text);
    ElmoException e = assertThrows(ElmoException.class, () -> WeightStores.mix(file));
    assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
    assertEquals(1, e.getMessage().lines().count());
  }

  /** The wanted numbers were computed by hand, for two equal weights and gamma 2. */
  @Test
  void gradientPassesTheSoftmax() {
    ScalarMix.Gradient gradient =
        new ScalarMix(new float[] {3, 3}, 2).gradient(new double[] {5, 1});
    assertEquals(3, gradient.gamma(), 1e-12);
    assertArrayEquals(new double[] {2, -2}, gradient.weights(), 1e-12);
  }
}
