// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.elmo4j.internal.weights.TinyModel.assertContains;
import static org.elmo4j.internal.weights.TinyModel.failure;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jhdf.HdfFile;
import io.jhdf.WritableHdfFile;
import io.jhdf.api.WritableGroup;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AllenNlpReaderTest {
  private static final Path GOLDEN = Path.of(System.getProperty("elmo4j.root"), "tests", "golden");

  @TempDir Path dir;

  /** Writes tensors with jHDF and opens them as a model with these options. */
  private WeightStore open(ModelOptions options, Map<String, Object> tensors) throws IOException {
    Path o = Files.writeString(dir.resolve("options.json"), OptionsJson.write(options));
    Path w = dir.resolve("weights.hdf5");
    try (WritableHdfFile file = HdfFile.write(w)) {
      Map<String, WritableGroup> groups = new HashMap<>();
      tensors.forEach(
          (name, data) -> {
            WritableGroup group = file;
            String path = "";
            String[] parts = name.split("/");
            for (int i = 0; i < parts.length - 1; i++) {
              path += "/" + parts[i];
              WritableGroup parent = group;
              String part = parts[i];
              group = groups.computeIfAbsent(path, p -> parent.putGroup(part));
            }
            group.putDataset(parts[parts.length - 1], data);
          });
    }
    return WeightStores.open(o, w);
  }

  private static Object nested(float[] values, long[] shape, int dimension, int from) {
    int n = (int) shape[dimension];
    if (dimension == shape.length - 1) {
      return Arrays.copyOfRange(values, from, from + n);
    }
    int size = (int) TensorShapes.count(Arrays.copyOfRange(shape, dimension + 1, shape.length));
    int[] dims = new int[shape.length - dimension];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = (int) shape[dimension + i];
    }
    Object[] array = (Object[]) java.lang.reflect.Array.newInstance(float.class, dims);
    for (int i = 0; i < n; i++) {
      array[i] = nested(values, shape, dimension + 1, from + i * size);
    }
    return array;
  }

  private static Map<String, Object> tiny() {
    Map<String, Object> tensors = new HashMap<>();
    TinyModel.values()
        .forEach(
            (name, values) ->
                tensors.put(
                    name, nested(values, TensorShapes.of(TinyModel.options(2)).get(name), 0, 0)));
    return tensors;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "float32",
        "float16",
        "float64",
        "big-endian",
        "chunked",
        "gzip-shuffle",
        "latest",
        "user-block",
        "one-layer-names",
        "compact",
        "soft-links",
        "resizable",
        "resizable-latest",
        "links-dense",
        "lzf-fletcher",
        "chunked-latest"
      })
  void everyWayToStoreThemGivesTheSameNumbers(String file) throws IOException {
    byte[] weights = TinyModel.resource(file + ".hdf5");
    try (WeightStore store = WeightStores.open(TinyModel.folder(dir, 2, weights))) {
      assertEquals(TinyModel.options(2), store.options());
      assertEquals(Optional.empty(), store.mix());
      TinyModel.check(store);
      TinyModel.check(store);
    }
  }

  @Test
  void aLargeTensorInManyChunksIsReadWhole() throws IOException {
    byte[] weights = TinyModel.resource("embedding-6000.hdf5");
    try (WeightStore store = WeightStores.open(TinyModel.folder(dir, 6000, weights))) {
      TinyModel.check(store);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"relu-skip", "tanh-noskip", "clips-bind", "three-layers", "no-cnn-projection"})
  void goldenModelsHoldWhatTheFileHolds(String name) {
    Path folder = GOLDEN.resolve(name);
    try (WeightStore store = WeightStores.open(folder);
        HdfFile file = new HdfFile(folder.resolve("weights.hdf5"))) {
      assertEquals(folder.resolve("weights.hdf5").toString(), store.source());
      assertEquals(!name.equals("no-cnn-projection"), store.names().contains("CNN_proj/W_proj"));
      for (String tensor : store.names()) {
        float[] wanted = (float[]) file.getDatasetByPath(tensor).getDataFlat();
        assertArrayEquals(wanted, TinyModel.read(store, tensor), 0f, tensor);
      }
    }
  }

  @Test
  void readingGoesOnFromTheTargetsPosition() throws IOException {
    try (WeightStore store =
        WeightStores.open(TinyModel.folder(dir, 2, TinyModel.resource("float32.hdf5")))) {
      FloatBuffer target = FloatBuffer.allocate(5).put(9).limit(4);
      store.read("CNN/b_cnn_1", target);
      assertEquals(3, target.position());
      assertEquals(TinyModel.value(4, 1), target.get(2));
      assertContains(
          "tensor CNN/b_cnn_1: expected room for 2 numbers, found 1",
          failure(() -> store.read("CNN/b_cnn_1", target)));
      assertContains(
          "tensor none: found no such tensor", failure(() -> store.read("none", target)));
      assertContains("tensor none: found no such tensor", failure(() -> store.shape("none")));
    }
  }

  @Test
  void extraTensorsAreIgnored() throws IOException {
    Map<String, Object> tensors = tiny();
    tensors.put("softmax/W", new float[] {Float.NaN});
    try (WeightStore store = open(TinyModel.options(2), tensors)) {
      TinyModel.check(store);
    }
  }

  @Test
  void aMissingTensorIsNamed() throws IOException {
    Map<String, Object> tensors = tiny();
    tensors.remove("CNN_high_0/b_carry");
    assertEquals(
        dir.resolve("weights.hdf5")
            + ": tensor CNN_high_0/b_carry: expected shape [3], found no such tensor",
        failure(() -> open(TinyModel.options(2), tensors)));
  }

  @Test
  void aWrongShapeIsNamed() throws IOException {
    Map<String, Object> tensors = tiny();
    tensors.put("CNN_high_0/W_carry", new float[3][4]);
    assertEquals(
        dir.resolve("weights.hdf5")
            + ": tensor CNN_high_0/W_carry: expected shape [3, 3], found [3, 4]",
        failure(() -> open(TinyModel.options(2), tensors)));
  }

  @Test
  void aGroupInPlaceOfATensorIsNamed() throws IOException {
    Map<String, Object> tensors = tiny();
    tensors.remove("char_embed");
    tensors.put("char_embed/x", new float[1]);
    assertContains(
        "tensor char_embed: expected a dataset, found a group",
        failure(() -> open(TinyModel.options(2), tensors)));
  }

  @Test
  void integersAreNoWeights() throws IOException {
    Path folder = TinyModel.folder(dir, 2, TinyModel.resource("integers.hdf5"));
    assertContains(
        "tensor char_embed: expected 16, 32 or 64-bit floats, found integers of 4 bytes",
        failure(() -> WeightStores.open(folder)));
  }

  @Test
  void numbersThatAreNotFiniteAreNamedWithTheirIndex() throws IOException {
    Map<String, Object> tensors = tiny();
    ((float[][]) tensors.get("char_embed"))[7][1] = Float.NaN;
    ((float[][]) tensors.get("CNN_proj/W_proj"))[2][0] = Float.NEGATIVE_INFINITY;
    tensors.put("CNN/b_cnn_0", new double[] {1e300});
    try (WeightStore store = open(TinyModel.options(2), tensors)) {
      String source = dir.resolve("weights.hdf5").toString();
      assertEquals(
          source + ": tensor char_embed [7, 1]: expected a finite 32-bit float, found NaN",
          failure(() -> TinyModel.read(store, "char_embed")));
      assertContains(
          "tensor CNN_proj/W_proj [2, 0]: expected a finite 32-bit float, found -Infinity",
          failure(() -> TinyModel.read(store, "CNN_proj/W_proj")));
      assertContains(
          "tensor CNN/b_cnn_0 [0]: expected a finite 32-bit float, found Infinity",
          failure(() -> TinyModel.read(store, "CNN/b_cnn_0")));
    }
  }

  /** Returns options whose filters sum to the projection's size: 3. */
  private static ModelOptions square() {
    return TinyModel.options(2).toBuilder().projectionDim(3).build();
  }

  private static Map<String, Object> squareTensors() {
    Map<String, Object> tensors = tiny();
    for (int r = 0; r < 2; r++) {
      String p = "RNN_" + r + "/RNN/MultiRNNCell/Cell0/LSTMCell/";
      tensors.put(p + "W_0", new float[6][20]);
      tensors.put(p + "W_P_0", new float[5][3]);
    }
    tensors.remove("CNN_proj/W_proj");
    tensors.remove("CNN_proj/b_proj");
    return tensors;
  }

  @Test
  void theProjectionMayBeAbsentOrPresentWhereTheFiltersSumToIt() throws IOException {
    Map<String, Object> tensors = squareTensors();
    try (WeightStore store = open(square(), tensors)) {
      assertFalse(store.names().contains("CNN_proj/W_proj"));
    }
    tensors.put("CNN_proj/W_proj", new float[3][3]);
    assertContains(
        "tensor CNN_proj/b_proj: expected shape [3], found no such tensor",
        failure(() -> open(square(), tensors)));
    tensors.put("CNN_proj/b_proj", new float[3]);
    try (WeightStore store = open(square(), tensors)) {
      assertTrue(store.names().contains("CNN_proj/W_proj"));
    }
  }

  @Test
  void theProjectionMustBeThereWhereTheFiltersDoNotSumToIt() {
    Map<String, Object> tensors = tiny();
    tensors.remove("CNN_proj/W_proj");
    assertContains(
        "tensor CNN_proj/W_proj: expected shape [3, 2], found no such tensor",
        failure(() -> open(TinyModel.options(2), tensors)));
  }

  @Test
  void aFileCutAnywhereIsRefusedOrReadsRight() throws IOException {
    byte[] whole = TinyModel.resource("float32.hdf5");
    for (int size = 0; size < whole.length; size += 97) {
      Path folder = TinyModel.folder(dir, 2, Arrays.copyOf(whole, size));
      Path weights = folder.resolve("weights.hdf5");
      try (WeightStore store = WeightStores.open(folder.resolve("options.json"), weights)) {
        TinyModel.check(store);
      } catch (ElmoException e) {
        assertContains(weights.toString(), e.getMessage());
      }
    }
  }

  @Test
  void aFileThatIsNotThereIsNamed() throws IOException {
    Path options =
        Files.writeString(dir.resolve("o.json"), OptionsJson.write(TinyModel.options(2)));
    Path weights = dir.resolve("none.hdf5");
    assertContains(
        weights + ": expected a readable model, found no such file",
        failure(() -> WeightStores.open(options, weights)));
  }

  @Test
  void closingTwiceIsHarmlessAndReadingAfterwardsFails() throws IOException {
    WeightStore store =
        WeightStores.open(TinyModel.folder(dir, 2, TinyModel.resource("float32.hdf5")));
    store.close();
    store.close();
    assertContains("char_embed", failure(() -> TinyModel.read(store, "char_embed")));
  }
}
