// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.elmo4j.internal.weights.TinyModel.assertContains;
import static org.elmo4j.internal.weights.TinyModel.failure;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WeightStoresTest {
  @TempDir Path dir;

  @Test
  void aFolderWithOneSafetensorsFileIsOpened() throws IOException {
    SafetensorsWriter.write(
        TinyModel.store(TinyModel.values(), null), dir.resolve("any.name"), Dtype.F32, Map.of());
    Files.writeString(dir.resolve("README.md"), "hello");
    try (WeightStore store = WeightStores.open(dir)) {
      TinyModel.check(store);
    }
    Files.copy(dir.resolve("any.name"), dir.resolve("copy"));
    assertContains(
        "expected one model, found [any.name, copy]", failure(() -> WeightStores.open(dir)));
  }

  @Test
  void theFilesNamesDoNotMatterAndOtherFilesAreLeftAlone() throws IOException {
    Files.writeString(dir.resolve("a.json"), "{\"vocabulary\": []}");
    Files.writeString(dir.resolve("b.json"), OptionsJson.write(TinyModel.options(2)));
    Files.write(dir.resolve("w"), TinyModel.resource("user-block.hdf5"));
    try (WeightStore store = WeightStores.open(dir)) {
      TinyModel.check(store);
    }
  }

  @Test
  void whatIsNoModelIsNamed() throws IOException {
    Path missing = dir.resolve("missing");
    assertContains(
        missing + ": expected a readable model, found no such file",
        failure(() -> WeightStores.open(missing)));
    assertEquals(
        dir
            + ": expected a safetensors file, an options file and an HDF5 file, a TensorFlow"
            + " checkpoint, or an archive of these, found an empty folder",
        failure(() -> WeightStores.open(dir)));
    Path text = Files.writeString(dir.resolve("x.txt"), "PK34");
    assertEquals(
        text
            + ": expected a folder, or a file of safetensors, a TensorFlow checkpoint's index or an"
            + " archive, found a file that begins with the bytes 50 4b 33 34",
        failure(() -> WeightStores.open(text)));
    Path empty = Files.createFile(dir.resolve("empty"));
    assertContains("found a file of no bytes", failure(() -> WeightStores.open(empty)));
    Path json =
        Files.writeString(dir.resolve("options.json"), OptionsJson.write(TinyModel.options(2)));
    assertContains("found a JSON file", failure(() -> WeightStores.open(json)));
    assertEquals(
        dir
            + ": expected a safetensors file, an options file and an HDF5 file, a TensorFlow"
            + " checkpoint, or an archive of these, found [empty, options.json, x.txt]",
        failure(() -> WeightStores.open(dir)));
    Path hdf5 = Files.write(dir.resolve("w.hdf5"), TinyModel.resource("float32.hdf5"));
    assertContains("found an HDF5 file alone", failure(() -> WeightStores.open(hdf5)));
    Files.copy(hdf5, dir.resolve("w2.hdf5"));
    assertContains(
        "expected one model, found [w.hdf5, w2.hdf5]", failure(() -> WeightStores.open(dir)));
  }

  @Test
  void miniEnglishIsInItsArtifactAndWhole() {
    try (WeightStore store = WeightStores.miniEnglish()) {
      assertEquals(2_998_480, TensorShapes.parameters(store.options()));
      assertEquals(512, store.options().filterCount());
      assertEquals(128, store.options().projectionDim());
      assertEquals(
          OptionsJson.parse(
              Path.of(System.getProperty("elmo4j.root"), "tests/golden/mini-en/options.json")),
          store.options());
      assertEquals(31, store.names().size());
      // The wanted numbers are from the 32-bit weights of which this model is a 16-bit copy.
      String backward = "RNN_1/RNN/MultiRNNCell/Cell1/LSTMCell/";
      assertEquals(0.44736096f, TinyModel.read(store, "char_embed")[1571], 2e-4f);
      assertEquals(0.04619389f, TinyModel.read(store, "CNN/W_cnn_5")[12287], 2e-5f);
      assertEquals(-1.7752708f, TinyModel.read(store, "CNN_high_0/b_carry")[5], 5e-4f);
      assertEquals(0.18210098f, TinyModel.read(store, backward + "W_0")[524287], 2e-4f);
      TinyModel.readAll(store);
    }
  }

  @Test
  void randomWeightsAreTheSameForASeedAndOthersForAnother() {
    try (WeightStore one = new RandomWeights(ModelOptions.small(), 1);
        WeightStore again = new RandomWeights(ModelOptions.small(), 1);
        WeightStore two = new RandomWeights(ModelOptions.small(), 2)) {
      for (String name : one.names()) {
        float[] values = TinyModel.read(one, name);
        assertArrayEquals(values, TinyModel.read(again, name), name);
        assertFalse(Arrays.equals(values, TinyModel.read(two, name)), name);
      }
      float[] carry = TinyModel.read(one, "CNN_high_0/W_carry");
      assertFalse(Arrays.equals(carry, TinyModel.read(one, "CNN_high_0/W_transform")));
      double squares = 0;
      for (float value : carry) {
        squares += value * value;
      }
      assertEquals(2048, squares, 5, "variance 1 / 2048 over 2048 x 2048 numbers");
      assertEquals(
          13_593_296, one.names().stream().mapToLong(n -> TensorShapes.count(one.shape(n))).sum());
      assertEquals(
          "random weights of seed 1: tensor none: found no such tensor",
          failure(() -> one.read("none", null)));
    }
  }
}
