// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.fail;

import com.sun.management.ThreadMXBean;
import io.jhdf.HdfFile;
import io.jhdf.WritableHdfFile;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.train.Classifier;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Changes small valid files at random. Each must be read or refused by an {@link ElmoException}
 * with one short line, within limits of time and memory. {@code -Delmo4j.fuzz.cases=n} sets the
 * number of cases for each reader.
 */
class ReaderFuzzTest {
  private static final int CASES = Integer.getInteger("elmo4j.fuzz.cases", 200);

  /** The limits of CPU time and of allocations for one file of a few thousand bytes. */
  private static final long MAX_NANOS = 5_000_000_000L;

  private static final long MAX_BYTES = 64L << 20;

  /** No limit, because this library cannot limit what jHDF allocates. */
  private static final long ANY = Long.MAX_VALUE;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** Wrong values for sizes, counts and offsets. */
  private static final long[] EXTREMES = {
    0,
    1,
    -1,
    127,
    128,
    255,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000L,
    0xFFFFFFFFL,
    1L << 40,
    Long.MAX_VALUE,
    Long.MIN_VALUE
  };

  private static final Pattern NUMBER = Pattern.compile("-?[0-9]+(\\.[0-9]+)?");

  @TempDir Path dir;

  private interface Opener {
    WeightStore open(byte[] bytes) throws IOException;
  }

  private interface Case {
    void run(byte[] bytes) throws IOException;
  }

  /**
   * Returns the bytes with one to four changes: of bits and bytes, of possible numbers, and of
   * repeated or removed parts.
   */
  private static byte[] mutate(byte[] bytes, Random random, int focus) {
    byte[] changed = bytes.clone();
    for (int n = 1 + random.nextInt(4); n > 0; n--) {
      int at =
          random.nextInt(random.nextBoolean() ? Math.min(focus, changed.length) : changed.length);
      switch (random.nextInt(9)) {
        case 0 -> changed[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> changed[at] = (byte) random.nextInt(256);
        case 2 ->
            Arrays.fill(
                changed,
                at,
                Math.min(changed.length, at + 8),
                (byte) (random.nextBoolean() ? 0 : -1));
        case 3 -> { // Copies a part over another, which may duplicate a reference.
          int from = random.nextInt(changed.length);
          int count = Math.min(random.nextInt(64), changed.length - Math.max(at, from));
          System.arraycopy(changed, from, changed, at, count);
        }
        case 4, 5 -> number(changed, at, random);
        case 6 -> changed = digits(changed, at, random);
        case 7 -> { // Duplicates or removes a part.
          int count = Math.min(1 + random.nextInt(96), changed.length - at);
          byte[] part = Arrays.copyOfRange(changed, at, at + count);
          changed = replaced(changed, at, at + count, random.nextBoolean() ? twice(part) : NONE);
        }
        default -> {
          if (random.nextInt(4) == 0) {
            changed = Arrays.copyOf(changed, 1 + random.nextInt(changed.length));
          }
        }
      }
      if (changed.length == 0) {
        return bytes.clone();
      }
    }
    return changed;
  }

  private static final byte[] NONE = {};

  private static byte[] twice(byte[] part) {
    byte[] two = Arrays.copyOf(part, 2 * part.length);
    System.arraycopy(part, 0, two, part.length, part.length);
    return two;
  }

  private static byte[] replaced(byte[] bytes, int from, int to, byte[] by) {
    byte[] changed = Arrays.copyOf(bytes, bytes.length - (to - from) + by.length);
    System.arraycopy(by, 0, changed, from, by.length);
    System.arraycopy(bytes, to, changed, from + by.length, bytes.length - to);
    return changed;
  }

  /** Writes a number of 1 to 8 bytes: an extreme, or one near the file's size or the old number. */
  private static void number(byte[] bytes, int at, Random random) {
    int width = 1 << random.nextInt(4);
    if (at + width > bytes.length) {
      return;
    }
    boolean little = random.nextInt(4) > 0;
    long before = 0;
    for (int i = 0; i < width; i++) {
      before |= (bytes[at + (little ? i : width - 1 - i)] & 0xFFL) << 8 * i;
    }
    long value = extreme(before, bytes.length, random);
    for (int i = 0; i < width; i++) {
      bytes[at + (little ? i : width - 1 - i)] = (byte) (value >>> 8 * i);
    }
  }

  private static long extreme(long before, int size, Random random) {
    return switch (random.nextInt(4)) {
      case 0 -> before + random.nextInt(17) - 8;
      case 1 -> before * (2 + random.nextInt(255));
      case 2 -> size + random.nextInt(9) - 4;
      default -> EXTREMES[random.nextInt(EXTREMES.length)];
    };
  }

  /** Changes the next number that is written in digits, as in JSON and dictionaries. */
  private static byte[] digits(byte[] bytes, int at, Random random) {
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    Matcher number = NUMBER.matcher(text);
    if (!number.find(at)) {
      return bytes;
    }
    String by =
        switch (random.nextInt(8)) {
          case 0 -> "1e999";
          case 1 -> "9".repeat(1 + random.nextInt(2000));
          case 2 -> "[".repeat(1 + random.nextInt(2000));
          case 3 -> "null";
          default -> String.valueOf(extreme(number.group().length(), bytes.length, random));
        };
    return replaced(bytes, number.start(), number.end(), by.getBytes(StandardCharsets.ISO_8859_1));
  }

  private static void fuzz(byte[] valid, int focus, int cases, Opener opener) {
    fuzz(valid, focus, cases, MAX_BYTES, opener);
  }

  private static void fuzz(byte[] valid, int focus, int cases, long maxBytes, Opener opener) {
    fuzzCases(
        valid,
        focus,
        cases,
        maxBytes,
        bytes -> {
          try (WeightStore store = opener.open(bytes)) {
            TinyModel.readAll(store);
          }
        });
  }

  private static void fuzzCases(byte[] valid, int focus, int cases, long maxBytes, Case item) {
    AtomicInteger seed = new AtomicInteger();
    assertTimeoutPreemptively(
        Duration.ofSeconds(60 + cases),
        () -> {
          for (; seed.get() < cases; seed.incrementAndGet()) {
            byte[] bytes = mutate(valid, new Random(seed.get()), focus);
            String name = "seed " + seed;
            long nanos = THREADS.getCurrentThreadCpuTime();
            long allocated = THREADS.getCurrentThreadAllocatedBytes();
            try {
              item.run(bytes);
            } catch (ElmoException e) {
              String message = e.getMessage();
              if (message.lines().count() != 1 || message.length() >= 500) {
                fail(name + ": expected one short line, found " + message);
              }
            } catch (Throwable e) {
              fail(name + ": expected a store or an ElmoException, found " + e, e);
            }
            nanos = THREADS.getCurrentThreadCpuTime() - nanos;
            allocated = THREADS.getCurrentThreadAllocatedBytes() - allocated;
            if (nanos > MAX_NANOS || allocated > maxBytes) {
              fail(name + ": " + nanos + " ns, " + allocated + " bytes");
            }
          }
        },
        () -> "seed " + seed);
  }

  private void fuzzHdf5(String resource, int cases) throws IOException {
    byte[] valid = TinyModel.resource(resource);
    Path folder = TinyModel.folder(dir, 2, valid);
    Path options = folder.resolve("options.json");
    Path weights = folder.resolve("weights.hdf5");
    fuzz(
        valid,
        3000,
        cases,
        ANY,
        bytes -> {
          Files.write(weights, bytes);
          return WeightStores.open(options, weights);
        });
  }

  @Test
  void damagedHdf5FilesAreRefused() throws IOException {
    fuzzHdf5("float32.hdf5", CASES);
  }

  @Test
  void damagedHdf5FilesOfTheLatestFormatAreRefused() throws IOException {
    fuzzHdf5("latest.hdf5", CASES / 2);
  }

  @Test
  void damagedCompressedHdf5FilesAreRefused() throws IOException {
    fuzzHdf5("gzip-shuffle.hdf5", CASES / 2);
  }

  @Test
  void damagedSafetensorsFilesAreRefused() throws IOException {
    Path file = dir.resolve("m");
    SafetensorsWriter.write(TinyModel.store(TinyModel.values(), null), file, Dtype.F32, Map.of());
    byte[] valid = Files.readAllBytes(file);
    fuzz(valid, 2000, CASES, bytes -> SafetensorsReader.open(ByteBuffer.wrap(bytes), "m"));
    // A wrong checksum ends reading early. With a right one, tensors are read from damaged bytes.
    fuzz(
        valid,
        valid.length,
        CASES,
        bytes -> SafetensorsReader.open(ByteBuffer.wrap(signed(bytes)), "m"));
  }

  /**
   * Damages each file of an ELMoForManyLangs model in turn, the pickles of both formats most often.
   */
  @Test
  void damagedModelsOfElmoForManyLangsAreRefused() throws IOException {
    List<String> files =
        List.of(
            "token_embedder.pkl",
            "encoder.pkl",
            "char.dic",
            "word.dic",
            "config.json",
            "cnn_5_7_16_24_sample.json");
    for (String form : List.of("model-legacy", "model-zip")) {
      Path folder = ManyLangsReaderTest.copy(dir, "manylangs-word-char", form);
      for (String name : files) {
        Path file = folder.resolve(name);
        byte[] valid = Files.readAllBytes(file);
        boolean pickle = name.endsWith(".pkl");
        // In a zip file, the pickle comes first and the directory last; both are about as large.
        fuzz(
            valid,
            3000,
            CASES / (pickle ? 4 : 16),
            bytes -> {
              Files.write(file, bytes);
              return WeightStores.open(folder);
            });
        Files.write(file, valid);
      }
    }
  }

  /** Returns the bytes with the right checksum if they still have a header. */
  private static byte[] signed(byte[] bytes) throws IOException {
    long length = SafetensorsHeader.length(DataFile.of(ByteBuffer.wrap(bytes)));
    if (length > 0) {
      int start = (int) length + 8;
      var digest = SafetensorsReader.sha256();
      digest.update(bytes, start, bytes.length - start);
      String header = new String(bytes, 8, (int) length, StandardCharsets.ISO_8859_1);
      int at = header.indexOf("\"sha256\":\"");
      if (at >= 0 && at + 74 <= length) {
        byte[] sum = HexFormat.of().formatHex(digest.digest()).getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(sum, 0, bytes, 8 + at + 10, sum.length);
      }
    }
    return bytes;
  }

  private WeightStore open(String name, byte[] bytes) throws IOException {
    return WeightStores.open(Files.write(dir.resolve(name), bytes));
  }

  @Test
  void damagedTensorFlowIndexesAreRefused() throws IOException {
    CheckpointWriter writer = CheckpointWriter.hub(2, "module/");
    writer.write(dir.resolve("variables"));
    for (boolean snappy : new boolean[] {false, true}) {
      writer.snappy = snappy;
      writer.entriesPerBlock = snappy ? 4 : 1000;
      byte[] valid = writer.index();
      List<int[]> blocks = List.copyOf(writer.blocks);
      fuzz(valid, valid.length, CASES / 2, bytes -> open("variables.index", bytes));
      // Wrong checksums end reading early, so these are right.
      fuzz(
          valid,
          valid.length,
          CASES,
          bytes -> {
            for (int[] block : blocks) {
              if (block[0] + block[1] + 5 <= bytes.length) {
                TensorFlowReaderTest.resign(bytes, block);
              }
            }
            return open("variables.index", bytes);
          });
    }
  }

  @Test
  void damagedTensorFlowDataAreRefused() throws IOException {
    CheckpointWriter writer = CheckpointWriter.hub(1, "");
    writer.write(dir.resolve("variables"));
    Path data = dir.resolve("variables.data-00000-of-00001");
    fuzz(
        writer.shards.get(0).toByteArray(),
        1000,
        CASES / 2,
        bytes -> {
          Files.write(data, bytes);
          return WeightStores.open(dir);
        });
  }

  @Test
  void damagedArchivesAreRefused() throws IOException {
    CheckpointWriter writer = CheckpointWriter.hub(1, "");
    Path model = Files.createDirectories(dir.resolve("model"));
    writer.write(model.resolve("variables"));
    for (ArchiveReaderTest.Kind kind : ArchiveReaderTest.Kind.values()) {
      byte[] valid = kind.of(ArchiveReaderTest.tree(model, "m/"));
      fuzz(valid, 1200, CASES / 4, bytes -> open("archive", bytes));
      if (kind == ArchiveReaderTest.Kind.ZIP) { // A zip file's directory comes last.
        fuzz(
            valid,
            300,
            CASES / 4,
            bytes -> {
              int from = Math.max(0, valid.length - 300);
              byte[] directory = Arrays.copyOfRange(valid, from, valid.length);
              byte[] by = mutate(directory, new Random(Arrays.hashCode(bytes)), directory.length);
              byte[] changed = replaced(valid, from, valid.length, by);
              return open("archive", changed);
            });
      }
    }
  }

  @Test
  void damagedTokenEmbeddingsAreRefused() throws IOException {
    Path file = dir.resolve("e.hdf5");
    try (WritableHdfFile out = HdfFile.write(file)) {
      out.putDataset("embedding", new float[][] {{1, 2}, {3, 4}, {5, 6}});
    }
    Path vocabulary = Files.writeString(dir.resolve("v"), "a\nb\nc\n");
    byte[] valid = Files.readAllBytes(file);
    fuzzCases(
        valid,
        valid.length,
        CASES / 2,
        ANY,
        bytes -> {
          Files.write(file, bytes);
          try (TokenEmbeddings rows =
              TokenEmbeddings.open(vocabulary, file, TinyModel.options(2))) {
            rows.read(0, 3, FloatBuffer.allocate(6));
          }
        });
  }

  @Test
  void damagedOptionsAreRefused() {
    byte[] valid = OptionsJson.write(TinyModel.options(2)).getBytes(StandardCharsets.UTF_8);
    fuzzCases(
        valid,
        valid.length,
        2 * CASES,
        MAX_BYTES,
        bytes -> {
          String text = new String(bytes, StandardCharsets.ISO_8859_1);
          ModelOptions options = OptionsJson.parse(text, "o");
          List.copyOf(TensorShapes.of(options).values());
        });
  }

  @Test
  void damagedMixesAndClassifiersAreRefused() throws IOException {
    String json = "{\"format\": \"elmo4j-mix\", \"weights\": [0.1, 2, -0.3], \"gamma\": 1.2}";
    byte[] mix = json.getBytes(StandardCharsets.UTF_8);
    Path file = dir.resolve("mix.json");
    fuzzCases(
        mix, mix.length, CASES / 2, MAX_BYTES, bytes -> MixJson.read(Files.write(file, bytes)));
    Files.write(file, mix);
    Path model = dir.resolve("model.json");
    byte[] classifier =
        ("{\"format\":\"elmo4j-classifier\",\"format_version\":1,\"task\":\"tokens\","
                + "\"labels\":[\"a\",\"b\"],\"hidden\":2,\"inputs\":4,"
                + "\"model\":{\"source\":\"m\",\"probe\":[0.5,1]}}")
            .getBytes(StandardCharsets.UTF_8);
    Path weights = dir.resolve("weights.safetensors");
    Map<String, TensorFile.Tensor> tensors = new LinkedHashMap<>();
    tensors.put("hidden.weight", new TensorFile.Tensor(new long[] {4, 2}, new float[8]));
    tensors.put("hidden.bias", new TensorFile.Tensor(new long[] {2}, new float[2]));
    tensors.put("weight", new TensorFile.Tensor(new long[] {2, 2}, new float[4]));
    tensors.put("bias", new TensorFile.Tensor(new long[] {2}, new float[2]));
    TensorFile.write(weights, tensors);
    fuzzCases(
        classifier,
        classifier.length,
        CASES / 2,
        MAX_BYTES,
        bytes -> {
          Files.write(model, bytes);
          Classifier.load(dir);
        });
    Files.write(model, classifier);
    Classifier.load(dir);
    byte[] valid = Files.readAllBytes(weights);
    fuzzCases(
        valid,
        valid.length,
        CASES / 2,
        MAX_BYTES,
        bytes -> {
          Files.write(weights, bytes);
          Classifier.load(dir);
        });
  }
}
