// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.elmo4j.internal.weights.TinyModel.assertContains;
import static org.elmo4j.internal.weights.TinyModel.failure;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.elmo4j.ElmoException;
import org.elmo4j.ScalarMix;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TensorFlowReaderTest {
  @TempDir Path dir;

  private Path prefix() {
    return dir.resolve("variables");
  }

  private WeightStore open(CheckpointWriter writer) throws IOException {
    writer.write(prefix());
    return WeightStores.open(dir);
  }

  private void reads(CheckpointWriter writer) throws IOException {
    try (WeightStore store = open(writer)) {
      TinyModel.check(store);
    }
  }

  private String refused(CheckpointWriter writer) {
    return failure(() -> open(writer).close());
  }

  /** Falsifies an entry and returns the message with which the checkpoint is refused. */
  private String refused(String name, Consumer<CheckpointWriter.Entry> change) {
    CheckpointWriter writer = CheckpointWriter.hub(2, "");
    change.accept(writer.entries.get("bilm/" + name));
    String message = refused(writer);
    assertContains("variables.index: tensor ", message);
    assertContains(name, message);
    return message;
  }

  @ParameterizedTest
  @CsvSource({"1000,false", "1,false", "3,false", "1000,true", "1,true", "4,true"})
  void tablesOfManyBlocksAndCompressedOnesAreRead(int entriesPerBlock, boolean snappy)
      throws IOException {
    CheckpointWriter writer = CheckpointWriter.hub(3, "module/");
    writer.entriesPerBlock = entriesPerBlock;
    writer.snappy = snappy;
    if (snappy) {
      int raw = writer.blocks.size();
      assertTrue(CheckpointWriter.snappy(new byte[1000]).length < 100, "compresses " + raw);
    }
    reads(writer);
  }

  @Test
  void copiesThatReachFurtherBackThanABlockOfSnappysOwnAreRead() throws IOException {
    CheckpointWriter writer = CheckpointWriter.hub(1, "");
    writer.snappy = true;
    for (int i = 0; i < 3000; i++) {
      String filler = Integer.toString(i * 7919, 36) + "/" + i;
      writer.add("filler/" + filler.repeat(4), CheckpointWriter.FLOAT, new float[] {i}, 1);
    }
    reads(writer);
    assertTrue(writer.blocks.get(0)[1] > 1 << 16);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 14, 19})
  void otherFloatsAreRead(int type) throws IOException {
    reads(CheckpointWriter.fill(new CheckpointWriter(1), "", "bilm/", type));
  }

  /** These locales have other digits or letters, which the names of the data files must not use. */
  @ParameterizedTest
  @ValueSource(strings = {"ar-EG", "fa-IR", "bn", "mr", "ne", "tr"})
  void theLocaleDoesNotMatter(String tag) throws IOException {
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.forLanguageTag(tag));
    try {
      CheckpointWriter writer = CheckpointWriter.hub(3, "module/");
      reads(writer);
      byte[] index = writer.index();
      index[0] ^= 1;
      Files.write(dir.resolve("variables.index"), index);
      String message = failure(() -> WeightStores.open(dir.resolve("variables.index")));
      assertTrue(message.matches("\\p{ASCII}*"), message);
    } finally {
      Locale.setDefault(before);
    }
  }

  @Test
  void bigEndianDataAreRead() throws IOException {
    CheckpointWriter writer = new CheckpointWriter(1);
    writer.bigEndian = true;
    reads(CheckpointWriter.fill(writer, "", "bilm/", CheckpointWriter.FLOAT));
  }

  @Test
  void aCharacterTableWithoutTheMaskedRowIsRead() throws IOException {
    CheckpointWriter writer = CheckpointWriter.hub(1, "");
    float[] rows = TinyModel.values().get("char_embed");
    writer.add("bilm/char_embed", CheckpointWriter.FLOAT, rows, 261, 2);
    reads(writer);
    writer.add("bilm/char_embed", CheckpointWriter.FLOAT, new float[260 * 2], 260, 2);
    assertContains("char_embed: expected shape [261, 2], found [260, 2]", refused(writer));
  }

  @Test
  void whatTheCheckpointDoesNotSayIsThatOfThePublishedModules() throws IOException {
    try (WeightStore store = open(CheckpointWriter.hub(1, ""))) {
      ModelOptions tiny = TinyModel.options(2);
      assertEquals(
          ModelOptions.builder()
              .charEmbeddingDim(2)
              .maxCharactersPerToken(50)
              .filters(tiny.filters())
              .activation(ModelOptions.Activation.RELU)
              .highwayLayers(1)
              .lstmDim(tiny.lstmDim())
              .projectionDim(tiny.projectionDim())
              .lstmLayers(1)
              .skipConnections(true)
              .cellClip(3)
              .projectionClip(3)
              .build(),
          store.options());
      assertEquals(Optional.empty(), store.mix());
      assertEquals(prefix() + ".index", store.source());
    }
  }

  private static String tanh(ModelOptions options) {
    return OptionsJson.write(options)
        .replace("relu", "tanh")
        .replace("\"cell_clip\":3.0", "\"cell_clip\":1.5");
  }

  @Test
  void anOptionsFileIsUsedWhereverItLies() throws IOException {
    Path module = Files.createDirectories(dir.resolve("module"));
    Path variables = Files.createDirectories(module.resolve("variables"));
    CheckpointWriter.hub(1, "").write(variables.resolve("variables"));
    Path elsewhere = Files.createDirectories(dir.resolve("elsewhere")).resolve("o");
    for (Path options :
        List.of(elsewhere, module.resolve("a.json"), variables.resolve("options.json"))) {
      Files.writeString(options, tanh(TinyModel.options(2)));
      try (WeightStore store =
          options == elsewhere ? WeightStores.open(options, module) : WeightStores.open(module)) {
        TinyModel.check(store);
        assertEquals(ModelOptions.Activation.TANH, store.options().activation());
        assertEquals(1.5f, store.options().cellClip());
      }
      Files.delete(options);
    }
    Path index = variables.resolve("variables.index");
    Files.writeString(variables.resolve("options.json"), tanh(TinyModel.options(2)));
    for (Path path : List.of(index, variables.resolve("variables"))) {
      try (WeightStore store = WeightStores.open(path)) {
        assertEquals(ModelOptions.Activation.TANH, store.options().activation());
      }
    }
    Files.writeString(variables.resolve("options.json"), "{}");
    assertContains(
        "options.json: lstm: expected an object", failure(() -> WeightStores.open(module)));
  }

  @Test
  void optionsThatContradictTheShapesAreRefused() throws IOException {
    CheckpointWriter.hub(1, "").write(prefix());
    String json = OptionsJson.write(TinyModel.options(2));
    Path options = dir.resolve("o");
    for (String[] change :
        new String[][] {
          {"\"dim\":5", "\"dim\":6", "lstm.dim: expected 5 as the weights have, found 6"},
          {"\"n_layers\":1", "\"n_layers\":2", "lstm.n_layers: expected 1"},
          {"\"projection_dim\":2", "\"projection_dim\":3", "lstm.projection_dim: expected 2"},
          {"\"n_highway\":1", "\"n_highway\":0", "char_cnn.n_highway: expected 1"},
          {
            "\"embedding\":{\"dim\":2}",
            "\"embedding\":{\"dim\":4}",
            "char_cnn.embedding.dim: expected 2"
          },
          {"[1,1],", "", "char_cnn.filters: expected"}
        }) {
      assertTrue(json.contains(change[0]), change[0]);
      Files.writeString(options, json.replace(change[0], change[1]));
      String message = failure(() -> WeightStores.open(options, dir));
      assertContains(options + " for " + prefix() + ".index: " + change[2], message);
    }
  }

  @Test
  void aTrainingCheckpointNeedsItsOptionsFileAndTheLatestIsTaken() throws IOException {
    CheckpointWriter old = new CheckpointWriter(1);
    CheckpointWriter.fill(old, "", "lm/", CheckpointWriter.FLOAT);
    old.add("lm/char_embed", CheckpointWriter.FLOAT, new float[262 * 2], 261, 2);
    CheckpointWriter writer = new CheckpointWriter(1);
    CheckpointWriter.fill(writer, "", "lm/", CheckpointWriter.FLOAT);
    writer.add("lm/char_embed/Adagrad", CheckpointWriter.FLOAT, new float[2], 2);
    writer.add("lm/softmax/W", CheckpointWriter.FLOAT, new float[2], 2);
    writer.write(dir.resolve("model.ckpt-2"));
    assertContains(
        "expected an options file with a training checkpoint",
        failure(() -> WeightStores.open(dir)));
    Files.writeString(dir.resolve("options.json"), OptionsJson.write(TinyModel.options(2)));
    try (WeightStore store = WeightStores.open(dir)) {
      TinyModel.check(store);
      assertEquals(TinyModel.options(2), store.options());
    }
    old.write(dir.resolve("model.ckpt-1"));
    assertContains(
        "expected one model, found [model.ckpt-1.index, model.ckpt-2.index]",
        failure(() -> WeightStores.open(dir)));
    Files.writeString(
        dir.resolve("checkpoint"),
        "model_checkpoint_path: \"/somewhere/model.ckpt-2\"\n"
            + "all_model_checkpoint_paths: \"/somewhere/model.ckpt-1\"\n");
    try (WeightStore store = WeightStores.open(dir)) {
      TinyModel.check(store);
    }
  }

  @Test
  void theMixIsRead() throws IOException {
    for (String[] names :
        new String[][] {{"weights", "scaling"}, {"elmo_output_ELMo_W", "elmo_output_ELMo_gamma"}}) {
      CheckpointWriter writer = CheckpointWriter.hub(1, "m_1/");
      writer.add("m_1/aggregation/" + names[0], 1, new float[] {0.5f, -1}, 2);
      writer.add("m_1/aggregation/" + names[0] + "/Adam", 1, new float[] {9, 9}, 2);
      writer.add("other/aggregation/weights", 1, new float[] {7, 7}, 2);
      assertContains("mix gamma: expected 1 numbers, found no such tensor", refused(writer));
      writer.add("m_1/aggregation/" + names[1], 1, new float[] {2});
      try (WeightStore store = open(writer)) {
        assertEquals(Optional.of(new ScalarMix(new float[] {0.5f, -1}, 2)), store.mix());
      }
      writer.add("m_1/aggregation/" + names[1], 1, new float[] {3}, 1);
      try (WeightStore store = open(writer)) {
        assertEquals(3, store.mix().orElseThrow().gamma());
      }
      writer.add("m_1/aggregation/" + names[1], 1, new float[] {Float.NaN});
      assertContains("mix gamma: expected a finite number, found NaN", refused(writer));
      writer.add("m_1/aggregation/" + names[0], 1, new float[3], 3);
      assertContains("mix weights: expected 2 numbers, found shape [3]", refused(writer));
    }
  }

  @Test
  void twoModelsOrNoneAreRefused() {
    CheckpointWriter writer = CheckpointWriter.hub(1, "module/");
    CheckpointWriter.fill(writer, "module_1/", "bilm/", 1);
    assertContains("found scopes \"[module/, module_1/]\"", refused(writer));
    CheckpointWriter none = new CheckpointWriter(1);
    none.add("my/char_embed", 1, new float[2], 2);
    assertContains("expected one tensor whose name ends in bilm/char_embed", refused(none));
    CheckpointWriter twin = CheckpointWriter.hub(1, "");
    twin.add("bilm/RNN_0/RNN/rnn/lstm_cell/bias", 1, new float[20], 20);
    assertContains("expected one tensor for RNN_0", refused(twin));
    CheckpointWriter lacking = CheckpointWriter.hub(1, "");
    lacking.entries.remove("bilm/CNN_proj/b_proj");
    assertContains(
        "tensor CNN_proj/b_proj: expected shape [2], found no such tensor", refused(lacking));
  }

  @Test
  void falseEntriesAreRefused() {
    String carry = "CNN_high_0/W_carry";
    assertContains(
        "expected floats (type 1, 2, 14 or 19), found type 7", refused(carry, e -> e.type = 7));
    assertContains("found slices", refused(carry, e -> e.sliced = true));
    assertContains("expected 36 bytes, found 40", refused(carry, e -> e.size = 40));
    assertContains("expected 36 bytes, found -1", refused(carry, e -> e.size = -1));
    assertContains("expected a data file of 0 to 1, found 2", refused(carry, e -> e.shard = 2));
    assertContains("found -1", refused(carry, e -> e.shard = -1));
    assertContains("expected 36 bytes at -4", refused(carry, e -> e.offset = -4));
    assertContains("expected 36 bytes at 1000000", refused(carry, e -> e.offset = 1_000_000));
    assertContains(
        "expected 36 bytes at 9223372036854775807", refused(carry, e -> e.offset = Long.MAX_VALUE));
    assertContains("expected data of its own", refused(carry, e -> e.offset -= 4));
    for (long n : new long[] {-3, 0, 1L << 31, 1L << 62, Long.MAX_VALUE}) {
      String message =
          refused(
              carry,
              e -> {
                e.shape = List.of(n, n);
                e.size = n * n * 4;
              });
      assertContains("expected a shape of 1 to ", message);
    }
    assertContains(
        "at most 8 dimensions",
        failure(
            () -> {
              CheckpointWriter writer = CheckpointWriter.hub(1, "");
              writer.entries.get("bilm/" + carry).shape =
                  new ArrayList<>(List.of(1L, 1L, 1L, 1L, 1L, 1L, 1L, 1L, 9L));
              open(writer);
            }));
    CheckpointWriter writer = CheckpointWriter.hub(1, "");
    writer.claimedShards = 0;
    assertContains("expected 1 to 100000 data files, found 0", refused(writer));
    writer.claimedShards = 2;
    assertContains("variables.data-00000-of-00002", refused(writer));
  }

  @Test
  void tablesThatAreNoneAreRefused() throws IOException {
    Path index = dir.resolve("t.index");
    CheckpointWriter writer = new CheckpointWriter(1);
    byte[] a = {'a'};
    byte[] b = {'b'};
    byte[] header = new CheckpointWriter.Bytes().field(1, 1).bytes();
    Map.Entry<byte[], byte[]> first = Map.entry(new byte[0], header);

    Files.write(index, writer.table(List.of()));
    assertContains(
        "expected a header, found an empty table", failure(() -> WeightStores.open(index)));
    Files.write(index, writer.table(List.of(Map.entry(a, a))));
    assertContains("expected a header before the tensors", failure(() -> WeightStores.open(index)));
    Files.write(index, writer.table(List.of(first, Map.entry(b, a), Map.entry(a, a))));
    assertContains(
        "expected keys in ascending order, found \"a\" after \"b\"",
        failure(() -> WeightStores.open(index)));
    Files.write(index, writer.table(List.of(first, Map.entry(a, a), Map.entry(a, a))));
    assertContains("expected keys in ascending order", failure(() -> WeightStores.open(index)));
    Files.write(index, writer.table(List.of(first, Map.entry(new byte[5000], a))));
    assertContains("expected an entry within", failure(() -> WeightStores.open(index)));

    byte[] bytes = CheckpointWriter.hub(1, "").index();
    bytes[3] ^= 1;
    Files.write(index, bytes);
    assertContains(" of the block at 0, found ", failure(() -> WeightStores.open(index)));
  }

  /** A compressed block of few bytes states, or really has, a very large size. */
  @Test
  void compressedBombsAreRefused() throws IOException {
    Path index = dir.resolve("t.index");
    CheckpointWriter writer = CheckpointWriter.hub(1, "");
    writer.snappy = true;
    byte[] bytes = writer.index();
    int[] block = writer.blocks.get(0);
    for (long claim : new long[] {1L << 35, Integer.MAX_VALUE, block[1] * 50L}) {
      byte[] changed = bytes.clone();
      byte[] varint = new CheckpointWriter.Bytes().varint(claim).bytes();
      System.arraycopy(varint, 0, changed, block[0], varint.length);
      resign(changed, block);
      Files.write(index, changed);
      assertContains("compressed", failure(() -> WeightStores.open(index)));
    }
  }

  static void resign(byte[] table, int[] block) {
    byte[] part = Arrays.copyOfRange(table, block[0], block[0] + block[1] + 1);
    int crc = CheckpointWriter.masked(part, part.length);
    for (int i = 0; i < 4; i++) {
      table[block[0] + block[1] + 1 + i] = (byte) (crc >>> 8 * i);
    }
  }

  @Test
  void anIndexCutAnywhereIsRefused() throws IOException {
    CheckpointWriter writer = CheckpointWriter.hub(1, "");
    writer.write(prefix());
    byte[] bytes = writer.index();
    Path index = Path.of(prefix() + ".index");
    for (int n = 0; n < bytes.length; n++) {
      Files.write(index, Arrays.copyOf(bytes, n));
      failure(() -> WeightStores.open(index));
      failure(() -> WeightStores.open(dir));
    }
  }

  @Test
  void anyByteChangedInTheIndexIsSeenOrDoesNotMatter() throws IOException {
    CheckpointWriter writer = CheckpointWriter.hub(1, "");
    writer.write(prefix());
    byte[] bytes = writer.index();
    int footer = bytes.length - 48;
    for (int at = 0; at < bytes.length; at++) {
      bytes[at] ^= 0x41;
      Files.write(Path.of(prefix() + ".index"), bytes);
      try (WeightStore store = WeightStores.open(dir)) {
        TinyModel.check(store);
        // The reader ignores the empty metaindex block and the padding.
        int at1 = at;
        int metaindex = writer.blocks.get(writer.blocks.size() - 2)[0];
        int end = writer.blocks.get(writer.blocks.size() - 1)[0];
        assertTrue(at >= footer || at >= metaindex && at < end, () -> "byte " + at1);
      } catch (ElmoException e) {
        assertEquals(1, e.getMessage().lines().count());
      }
      bytes[at] ^= 0x41;
    }
  }

  @Test
  void dataCutOrChangedAnywhereAreRefused() throws IOException {
    CheckpointWriter writer = CheckpointWriter.hub(1, "");
    writer.write(prefix());
    Path file = Path.of(prefix() + ".data-00000-of-00001");
    byte[] bytes = writer.shards.get(0).toByteArray();
    // Every third byte is one of each number; with more cases in the fuzz tests, it is every byte.
    int step = System.getProperty("elmo4j.fuzz.cases") == null ? 3 : 1;
    for (int n = bytes.length - 1; n >= 0; n -= step) {
      Files.write(file, Arrays.copyOf(bytes, n));
      assertContains("bytes at ", failure(() -> WeightStores.open(dir)));
    }
    for (int at = 0; at < bytes.length; at += step) {
      bytes[at] ^= 0x10;
      Files.write(file, bytes);
      try (WeightStore store = WeightStores.open(dir)) {
        assertContains(
            " of its bytes in " + file + ", found ", failure(() -> TinyModel.readAll(store)));
      }
      bytes[at] ^= 0x10;
    }
  }

  @Test
  void valuesThatAreNotFiniteAreRefused() throws IOException {
    CheckpointWriter writer = CheckpointWriter.hub(1, "");
    writer.add("bilm/CNN_proj/b_proj", 1, new float[] {1, Float.POSITIVE_INFINITY}, 2);
    try (WeightStore store = open(writer)) {
      assertContains(
          "tensor CNN_proj/b_proj [1]: expected a finite 32-bit float, found Infinity",
          failure(() -> TinyModel.readAll(store)));
    }
  }

  @Test
  void anIndexOfAnotherNameIsRefusedForItsDataCannotBeFound() throws IOException {
    Path other = Files.write(dir.resolve("renamed"), CheckpointWriter.hub(1, "").index());
    assertContains("expected a name that ends in .index", failure(() -> WeightStores.open(other)));
    String text = new String(CheckpointWriter.hub(1, "").index(), StandardCharsets.ISO_8859_1);
    assertTrue(text.contains("bilm/char_embed"));
  }
}
