// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.elmo4j.internal.weights.TinyModel.assertContains;
import static org.elmo4j.internal.weights.TinyModel.failure;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.elmo4j.ScalarMix;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SafetensorsTest {
  private static final String B_0 = "CNN/b_cnn_0";

  @TempDir Path dir;

  private byte[] tiny(Dtype dtype) throws IOException {
    Path file = dir.resolve("tiny.safetensors");
    SafetensorsWriter.write(
        TinyModel.store(TinyModel.values(), null), file, dtype, Map.of("licence", "CC0-1.0"));
    return Files.readAllBytes(file);
  }

  /** Returns the file with a changed header and the same tensors. */
  private byte[] changed(Consumer<ObjectNode> change) throws IOException {
    ByteBuffer file = ByteBuffer.wrap(tiny(Dtype.F32)).order(ByteOrder.LITTLE_ENDIAN);
    int length = (int) file.getLong();
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode header = (ObjectNode) mapper.readTree(file.array(), 8, length);
    change.accept(header);
    return file(
        mapper.writeValueAsString(header),
        Arrays.copyOfRange(file.array(), 8 + length, file.capacity()));
  }

  private static byte[] file(String header, byte[] data) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + json.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .put(data)
        .array();
  }

  private static SafetensorsReader open(byte[] bytes) {
    return SafetensorsReader.open(ByteBuffer.wrap(bytes), "m");
  }

  private String headerFailure(Consumer<ObjectNode> change) {
    return failure(() -> open(changed(change)));
  }

  @ParameterizedTest
  @EnumSource(Dtype.class)
  void whatIsWrittenIsReadBack(Dtype dtype) throws IOException {
    try (SafetensorsReader store = open(tiny(dtype))) {
      assertEquals("m", store.source());
      assertEquals(TinyModel.options(2), store.options());
      assertEquals(Optional.empty(), store.mix());
      assertEquals("CC0-1.0", store.metadata().get("licence"));
      if (dtype == Dtype.BF16) {
        float[] got = TinyModel.read(store, B_0);
        assertEquals(
            Float.intBitsToFloat(Dtype.floatToBfloat(TinyModel.value(2, 0)) << 16), got[0]);
      }
      TinyModel.check(store);
      store.verify();
    }
    try (WeightStore store = WeightStores.open(dir.resolve("tiny.safetensors"))) {
      TinyModel.check(store);
    }
  }

  @Test
  void theMixGoesAlong() throws IOException {
    ScalarMix mix = new ScalarMix(new float[] {0.1f, -1e-9f}, 1.5f);
    Path file = dir.resolve("mix.safetensors");
    SafetensorsWriter.write(TinyModel.store(TinyModel.values(), mix), file, Dtype.F32, Map.of());
    try (SafetensorsReader store = SafetensorsReader.open(file)) {
      assertEquals(Optional.of(mix), store.mix());
    }
  }

  @Test
  void tensorsBeginAligned() throws IOException {
    ByteBuffer file = ByteBuffer.wrap(tiny(Dtype.F16)).order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(0, (8 + file.getLong()) % 64);
  }

  @Test
  void aNumberTooLargeIsRefusedAndNothingIsLeftBehind() throws IOException {
    Map<String, float[]> values = TinyModel.values();
    values.get("CNN_proj/W_proj")[3] = 70000;
    Path file = Files.writeString(dir.resolve("old.safetensors"), "old");
    assertEquals(
        "tiny: tensor CNN_proj/W_proj [1, 1]: expected a number that F16 can hold, found 70000.0",
        failure(
            () ->
                SafetensorsWriter.write(TinyModel.store(values, null), file, Dtype.F16, Map.of())));
    assertEquals("old", Files.readString(file));
    try (Stream<Path> files = Files.list(dir)) {
      assertEquals(List.of(file), files.toList());
    }
    SafetensorsWriter.write(TinyModel.store(values, null), file, Dtype.BF16, Map.of());
    SafetensorsReader.open(file).close();
  }

  @Test
  void aPlaceThatCannotBeWrittenIsNamed() {
    Path file = dir.resolve("no/such/folder/x.safetensors");
    assertContains(
        file + ": expected an existing folder, found no folder " + file.getParent(),
        failure(
            () ->
                SafetensorsWriter.write(
                    TinyModel.store(TinyModel.values(), null), file, Dtype.F32, Map.of())));
  }

  @Test
  void aDamagedTensorIsFoundWhenASmallFileIsOpened() throws IOException {
    byte[] bytes = tiny(Dtype.F32);
    bytes[bytes.length - 1] ^= 1;
    assertContains("m: expected tensors of sha256", failure(() -> open(bytes)));
  }

  @Test
  void badHeadersAreRefused() throws IOException {
    byte[] good = tiny(Dtype.F32);
    for (long length : new long[] {-1, 0, 1, good.length - 7, Long.MAX_VALUE, Long.MIN_VALUE}) {
      byte[] bytes = good.clone();
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
      assertContains("m: expected a safetensors file", failure(() -> open(bytes)));
    }
    assertContains("m: expected a safetensors file", failure(() -> open(new byte[0])));
    assertContains("m: header: expected JSON", failure(() -> open(file("{\"a\": [", new byte[0]))));
    assertContains("m: header: expected JSON", failure(() -> open(file("{} {}", new byte[0]))));
    assertEquals(
        "m: __metadata__: expected an object, found no such key",
        failure(() -> open(file("{}", new byte[0]))));
    assertContains(
        "expected 3148 bytes of tensors after the header, found 3147",
        failure(() -> open(Arrays.copyOf(good, good.length - 1))));
    assertContains(
        "expected 3148 bytes of tensors after the header, found 3149",
        failure(() -> open(Arrays.copyOf(good, good.length + 1))));
  }

  @Test
  void moreFiltersAndLayersThanTheOptionsStateAreRefused() {
    assertEquals(
        "m: options: char_cnn.filters: expected [Filter[width=1, count=1], Filter[width=2,"
            + " count=2], Filter[width=3, count=4]] as the weights have, found [Filter[width=1,"
            + " count=1], Filter[width=2, count=2]]",
        headerFailure(h -> addEmpty(h, "CNN/W_cnn_2", 1, 3, 0, 4)));
    for (String direction : List.of("RNN_0", "RNN_1")) {
      assertEquals(
          "m: options: lstm.n_layers: expected 2 as the weights have, found 1",
          headerFailure(
              h -> addEmpty(h, direction + "/RNN/MultiRNNCell/Cell1/LSTMCell/W_0", 0, 20)));
    }
    assertEquals(
        "m: options: char_cnn.n_highway: expected 2 as the weights have, found 1",
        headerFailure(h -> addEmpty(h, "CNN_high_1/W_carry", 0, 3)));
  }

  @Test
  void tensorsWithOtherNamesAreIgnored() throws IOException {
    try (SafetensorsReader store = open(changed(h -> addEmpty(h, "head/weight", 0, 2)))) {
      TinyModel.check(store);
    }
  }

  /** Adds a tensor without numbers behind all others. */
  private static void addEmpty(ObjectNode header, String name, int... shape) {
    ObjectNode entry = header.putObject(name).put("dtype", "F32");
    for (int dimension : shape) {
      entry.withArray("shape").add(dimension);
    }
    entry.putArray("data_offsets").add(3148).add(3148);
  }

  @Test
  void badMetadataIsNamed() {
    assertEquals(
        "m: __metadata__.format: expected elmo4j, found \"pt\"",
        headerFailure(h -> h.withObject("/__metadata__").put("format", "pt")));
    assertEquals(
        "m: __metadata__.format_version: expected 1, found \"2\"",
        headerFailure(h -> h.withObject("/__metadata__").put("format_version", "2")));
    assertEquals(
        "m: __metadata__.options: found no such key",
        headerFailure(h -> h.withObject("/__metadata__").remove("options")));
    assertEquals(
        "m: __metadata__.sha256: found no such key",
        headerFailure(h -> h.withObject("/__metadata__").remove("sha256")));
    assertEquals(
        "m: options: lstm: expected an object, found no such key",
        headerFailure(h -> h.withObject("/__metadata__").put("options", "{}")));
    assertEquals(
        "m: __metadata__.\"licence\": expected a string, found 3",
        headerFailure(h -> h.withObject("/__metadata__").put("licence", 3)));
    assertEquals(
        "m: __metadata__.mix_gamma: found no such key",
        headerFailure(h -> h.withObject("/__metadata__").put("mix_weights", "[0, 0]")));
    for (String weights : List.of("[0]", "[0, \"a\"]", "3", "[0, 0, 0]")) {
      assertContains(
          "m: __metadata__: expected 2 numbers as mix_weights and one as mix_gamma",
          headerFailure(
              h ->
                  h.withObject("/__metadata__").put("mix_weights", weights).put("mix_gamma", "1")));
    }
    assertContains(
        "m: __metadata__: mix weights: expected finite numbers",
        headerFailure(
            h ->
                h.withObject("/__metadata__")
                    .put("mix_weights", "[0, 1e99]")
                    .put("mix_gamma", "1")));
  }

  @Test
  void badTensorsAreNamed() {
    assertEquals(
        "m: tensor " + B_0 + ": expected shape [1], found no such tensor",
        headerFailure(h -> h.set("other", h.remove(B_0))));
    assertEquals(
        "m: tensor " + B_0 + ": expected shape [1], found [1, 1]",
        headerFailure(h -> h.withObject("/CNN~1b_cnn_0").putArray("shape").add(1).add(1)));
    assertEquals(
        "m: tensor " + B_0 + ": expected F16, BF16, F32 or F64, found \"I32\"",
        headerFailure(h -> h.withObject("/CNN~1b_cnn_0").put("dtype", "I32")));
    assertEquals(
        "m: tensor " + B_0 + ": expected 2 bytes, found 4",
        headerFailure(h -> h.withObject("/CNN~1b_cnn_0").put("dtype", "F16")));
    for (Consumer<ObjectNode> change :
        List.<Consumer<ObjectNode>>of(
            t -> t.put("dtype", 1),
            t -> t.remove("shape"),
            t -> t.putArray("shape").add(-1),
            t -> t.putArray("shape").add(1.0),
            t -> t.putArray("data_offsets").add(0),
            t -> t.put("data_offsets", "0"))) {
      assertContains(
          "m: tensor \"" + B_0 + "\": expected dtype, shape and two data_offsets, found",
          headerFailure(h -> change.accept(h.withObject("/CNN~1b_cnn_0"))));
    }
  }

  @Test
  void matricesOfIntegersNeedTheirScales() throws IOException {
    Path file = dir.resolve("integers");
    SafetensorsWriter.writeInt8(TinyModel.store(TinyModel.values(), null), file, Map.of());
    String good = Files.readString(file, StandardCharsets.ISO_8859_1);
    String name = "RNN_0/RNN/MultiRNNCell/Cell0/LSTMCell/W_0";
    for (String[] change :
        new String[][] {
          {name + ".scale\":", name + ".scalf\":", "no such tensor"},
          {".scale\":{\"dtype\":\"F32\"", ".scale\":{\"dtype\":\"I32\"", "\"I32\""}
        }) {
      assertEquals(true, good.contains(change[0]), good);
      byte[] bad = good.replace(change[0], change[1]).getBytes(StandardCharsets.ISO_8859_1);
      String message = failure(() -> open(bad));
      assertContains("m: tensor " + name + ".scale: expected F32 of shape [blocks", message);
      assertContains(change[2], message);
    }
  }

  @Test
  void holesOverlapsAndOffsetsOutOfRangeAreRefused() {
    long[][] offsets = {
      {2095, 2100}, {2100, 2104}, {2096, 2096}, {2096, 1L << 62}, {5000, 2}, {0, 4}
    };
    for (long[] pair : offsets) {
      assertContains(
          "expected data from",
          headerFailure(
              h ->
                  h.withObject("/CNN~1b_cnn_0")
                      .putArray("data_offsets")
                      .add(pair[0])
                      .add(pair[1])));
    }
  }

  @Test
  void closingTheFileEndsReading() throws IOException {
    tiny(Dtype.F32);
    SafetensorsReader store = SafetensorsReader.open(dir.resolve("tiny.safetensors"));
    store.close();
    store.close();
    assertContains("char_embed", failure(() -> TinyModel.read(store, "char_embed")));
  }

  @Test
  void aFileOfMoreThan64MegabytesIsVerifiedOnRequest() throws IOException {
    Path file = dir.resolve("large.safetensors");
    ModelOptions options = ModelOptions.small().toBuilder().lstmDim(16).build();
    SafetensorsWriter.write(new RandomWeights(options, 1), file, Dtype.F64, Map.of());
    assertTrue(Files.size(file) > 64 << 20);
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 8] ^= 1;
    Files.write(file, bytes);
    try (SafetensorsReader store = SafetensorsReader.open(file)) {
      assertContains("expected tensors of sha256", failure(store::verify));
      try (WeightStore random = new RandomWeights(options, 1)) {
        assertArrayEquals(
            TinyModel.read(random, "CNN_high_0/W_carry"),
            TinyModel.read(store, "CNN_high_0/W_carry"));
      }
    }
  }
}
