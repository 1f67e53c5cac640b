// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.elmo4j.internal.weights.TinyModel.assertContains;
import static org.elmo4j.internal.weights.TinyModel.failure;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jhdf.HdfFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Tests models whose files leave out or add something: missing projections, files that were not
 * fetched, weights that overflow.
 */
class ModelCasesTest {
  private static final Path GOLDEN = Path.of(System.getProperty("elmo4j.root"), "tests", "golden");
  private static final String POINTER =
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 54402456\n";

  @TempDir Path dir;

  private Path tiny() throws IOException {
    return TinyModel.folder(dir, 2, TinyModel.resource("float32.hdf5"));
  }

  private static String options() {
    return OptionsJson.write(TinyModel.options(2));
  }

  private static void checkTiny(Path path) {
    try (WeightStore store = WeightStores.open(path)) {
      assertEquals(TinyModel.options(2), store.options());
      TinyModel.check(store);
    }
  }

  /** bilm-tf projects, and clips the projection, only if the sizes differ. */
  @Test
  void aModelWithoutLstmProjectionsGivesTheOriginalsLayers() throws IOException {
    Path folder = Files.createDirectory(dir.resolve("model"));
    for (String name : List.of("options.json", "weights.hdf5")) {
      Files.write(folder.resolve(name), TinyModel.resource("no-lstm-projection/" + name));
    }
    Path expectations =
        Files.write(
            dir.resolve("expected"), TinyModel.resource("no-lstm-projection/i-love-nlp.expected"));
    try (HdfFile file = new HdfFile(expectations)) {
      float[][][] wanted = (float[][][]) file.getDatasetByPath("0").getData();
      Layer[] layers = {Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2)};
      try (ElmoModel model = ElmoModel.builder().path(folder).device(Device.cpu()).load();
          Embeddings got = model.embed(List.of(List.of("I", "love", "NLP")), layers)) {
        assertEquals(0, model.options().projectionClip());
        for (int k = 0; k < layers.length; k++) {
          for (int t = 0; t < 3; t++) {
            float[] row = got.get(layers[k], 0).slice(t).toArray();
            // The file stores the token representation as two equal halves.
            float[] expected = Arrays.copyOf(wanted[k][t], row.length);
            assertArrayEquals(expected, row, 1e-5f, layers[k] + " " + t);
          }
        }
      }
    }
  }

  /** Reads a checkpoint without projections, with and without options. */
  @Test
  void aCheckpointMayLackLstmProjections() throws IOException {
    ModelOptions options = TinyModel.options(2).toBuilder().lstmDim(2).build();
    CheckpointWriter writer = new CheckpointWriter(1);
    TensorShapes.of(options)
        .forEach(
            (name, shape) -> {
              if (!name.endsWith("W_P_0")) {
                float[] values = new float[(int) TensorShapes.count(shape)];
                Arrays.fill(values, 0.5f);
                String stored = "bilm/" + CheckpointWriter.tensorFlowName(name, "bilm/");
                writer.add(stored, CheckpointWriter.FLOAT, values, shape);
              }
            });
    writer.write(dir.resolve("variables"));
    Path file = dir.resolve("o");
    Files.writeString(file, OptionsJson.write(options));
    for (Path given : new Path[] {null, file}) {
      try (WeightStore store =
          given == null ? WeightStores.open(dir) : WeightStores.open(given, dir)) {
        assertEquals(2, store.options().lstmDim());
        assertEquals(0, store.options().projectionClip());
        String projection = "RNN_1/RNN/MultiRNNCell/Cell0/LSTMCell/W_P_0";
        assertArrayEquals(new float[] {1, 0, 0, 1}, TinyModel.read(store, projection));
        assertEquals(0.5f, TinyModel.read(store, "char_embed")[7]);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "three-layers, n_layers, 3, 2",
    "three-layers, n_layers, 3, 1",
    "relu-skip, n_highway, 2, 1",
    "tanh-noskip, n_highway, 1, 0"
  })
  void fewerLayersThanTheFileHasAreRefused(String golden, String key, int has, int says)
      throws IOException {
    Path folder = GOLDEN.resolve(golden);
    String text = Files.readString(folder.resolve("options.json"));
    String changed = text.replaceAll("\"" + key + "\": *" + has, "\"" + key + "\": " + says);
    assertTrue(!changed.equals(text), text);
    Path options = Files.writeString(dir.resolve("options.json"), changed);
    String part = key.equals("n_layers") ? "lstm." : "char_cnn.";
    assertEquals(
        options + ": " + part + key + ": expected " + has + " as the weights have, found " + says,
        failure(() -> WeightStores.open(options, folder.resolve("weights.hdf5"))));

    Path one = dir.resolve("one.safetensors");
    try (WeightStore store = WeightStores.open(folder)) {
      SafetensorsWriter.write(store, one, Dtype.F32, Map.of());
    }
    replace(one, key + "\\\":" + has, key + "\\\":" + says);
    assertEquals(
        one
            + ": options: "
            + part
            + key
            + ": expected "
            + has
            + " as the weights have, found "
            + says,
        failure(() -> WeightStores.open(one)));
  }

  /** Replaces a text in a file by one of the same length. */
  private static void replace(Path file, String text, String other) throws IOException {
    String bytes = Files.readString(file, StandardCharsets.ISO_8859_1);
    assertTrue(bytes.contains(text), text);
    Files.writeString(file, bytes.replace(text, other), StandardCharsets.ISO_8859_1);
  }

  @Test
  void layersAndCharactersHaveBilmTfsDefaults() throws IOException {
    Path folder = tiny();
    Path options = folder.resolve("options.json");
    String text = options();
    for (String absent : List.of("\"n_characters\":262,", ",\"n_layers\":1")) {
      assertTrue(text.contains(absent), text);
      Files.writeString(options, text.replace(absent, ""));
      checkTiny(folder);
    }
  }

  @Test
  void optionsMayBeginWithAByteOrderMarkAndBeNamedInCapitals() throws IOException {
    Path folder = tiny();
    Files.writeString(folder.resolve("options.json"), "\uFEFF" + options());
    checkTiny(folder);
    Files.move(folder.resolve("options.json"), folder.resolve("Options.JSON"));
    checkTiny(folder);
    Files.writeString(folder.resolve("config.json"), options());
    checkTiny(folder);
  }

  @ParameterizedTest
  @EnumSource(ArchiveReaderTest.Kind.class)
  void anArchiveOfAllenNlpHasTheModelUnderFta(ArchiveReaderTest.Kind kind) throws IOException {
    String key = "fta/model.text_field_embedder.token_embedders.elmo.";
    Map<String, byte[]> files = new LinkedHashMap<>();
    files.put("config.json", "{\"model\": {}}".getBytes(StandardCharsets.UTF_8));
    files.put("weights.th", torchZip());
    files.put("vocabulary/labels.txt", "a\n".getBytes(StandardCharsets.UTF_8));
    files.put("fta/files_to_archive.json", "{}".getBytes(StandardCharsets.UTF_8));
    files.put(key + "options_file", options().getBytes(StandardCharsets.UTF_8));
    files.put(key + "weight_file", TinyModel.resource("float32.hdf5"));
    checkTiny(Files.write(dir.resolve("model.tar.gz"), kind.of(files)));
  }

  /** Returns a file in the format of current versions of torch.save: a zip file. */
  private static byte[] torchZip() throws IOException {
    return ArchiveReaderTest.Kind.ZIP.of(Map.of("archive/data.pkl", new byte[] {1, 2}));
  }

  @Test
  void weightsDumpedIntoTheirCheckpointsFolderAreTheModel() throws IOException {
    Path folder = tiny();
    CheckpointWriter.hub(1, "").write(folder.resolve("model.ckpt-935"));
    Files.writeString(folder.resolve("checkpoint"), "model_checkpoint_path: \"model.ckpt-935\"\n");
    checkTiny(folder);
    byte[] archive = ArchiveReaderTest.Kind.TAR_GZ.of(ArchiveReaderTest.tree(folder, "m/"));
    Path outside = Files.createDirectory(dir.resolve("archives"));
    checkTiny(Files.write(outside.resolve("m.tar.gz"), archive));
  }

  @Test
  void pointersOfGitLfsAreNamed() throws IOException {
    Path folder = tiny();
    String found = ": expected a model's file, found a Git LFS pointer in its place: git lfs pull";
    Path options = folder.resolve("options.json");
    Path weights = Files.writeString(folder.resolve("weights.hdf5"), POINTER);
    assertContains(weights + found, failure(() -> WeightStores.open(folder)));
    assertContains(weights + found, failure(() -> WeightStores.open(weights)));
    assertContains(weights + found, failure(() -> WeightStores.open(options, weights)));
    Files.write(weights, TinyModel.resource("float32.hdf5"));
    Files.writeString(options, POINTER);
    assertContains(options + found, failure(() -> WeightStores.open(folder)));
    assertContains(options + found, failure(() -> WeightStores.open(options, weights)));
    Path shard = dir.resolve("ckpt").resolve("variables.data-00000-of-00001");
    Files.createDirectory(shard.getParent());
    CheckpointWriter.hub(1, "").write(shard.resolveSibling("variables"));
    Files.writeString(shard, POINTER);
    assertContains(shard + found, failure(() -> WeightStores.open(shard.getParent())));
  }

  /** Git LFS pointers beside a model do not keep it from being read. */
  @Test
  void aPointerThatIsNoPartOfAModelIsPassedOver() throws IOException {
    Path folder = tiny();
    Files.writeString(folder.resolve("test.txt"), POINTER);
    checkTiny(folder);
  }

  private static ElmoModel changed(ModelOptions options, Consumer<Map<String, float[]>> change) {
    Map<String, float[]> values = TinyModel.values();
    change.accept(values);
    return ElmoModel.builder()
        .weights(TinyModel.store(options, values, null))
        .device(Device.cpu())
        .load();
  }

  private static final List<List<String>> SENTENCES =
      List.of(List.of("a", "b", "c"), List.of("some", "words"));

  private static void assertOverflows(String layer, ElmoModel model, Layer... layers) {
    String message =
        "tiny: "
            + layer
            + ": expected finite numbers, found some beyond a float's range: the weights are too"
            + " large for these tokens";
    assertEquals(message, failure(() -> model.embed(SENTENCES, layers).close()));
    Throwable later =
        assertThrows(
            CompletionException.class, () -> model.submit(SENTENCES.get(0), layers).join());
    assertEquals(message, later.getCause().getMessage());
    assertTrue(later.getCause() instanceof ElmoException);
  }

  @Test
  void outputsBeyondAFloatsRangeNameTheLayer() {
    ModelOptions unclipped = TinyModel.options(2).toBuilder().projectionClip(0).build();
    try (ElmoModel model =
        changed(
            TinyModel.options(2),
            values -> {
              Arrays.fill(values.get("CNN/W_cnn_0"), 3e38f);
              Arrays.fill(values.get("CNN/W_cnn_1"), 3e38f);
              Arrays.fill(values.get("CNN/b_cnn_0"), 3e38f);
            })) {
      assertOverflows("word_emb", model, Layer.WORD_EMB);
      assertOverflows("word_emb", model, Layer.DEFAULT);
    }
    try (ElmoModel model =
        changed(
            unclipped,
            values ->
                values.forEach(
                    (name, numbers) -> {
                      if (name.endsWith("W_P_0")) {
                        Arrays.fill(numbers, 3e38f);
                      }
                    }))) {
      assertOverflows("lstm_outputs1", model, Layer.lstm(1));
      assertOverflows("lstm_outputs1", model, Layer.WORD_EMB, Layer.ELMO);
      // Layers with finite numbers are returned.
      model.embed(SENTENCES, Layer.WORD_EMB).close();
    }
  }
}
