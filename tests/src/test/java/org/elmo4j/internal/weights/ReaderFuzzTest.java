// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.fail;

import io.jhdf.HdfFile;
import io.jhdf.WritableHdfFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Small valid files, changed at random: each opens and reads, or gives an {@link ElmoException} of
 * one line, and nothing else, soon. {@code -Delmo4j.fuzz.cases=n} sets how many there are for each
 * reader.
 */
class ReaderFuzzTest {
  private static final int CASES = Integer.getInteger("elmo4j.fuzz.cases", 2000);

  @TempDir Path dir;

  private interface Opener {
    WeightStore open(byte[] bytes) throws IOException;
  }

  private static byte[] mutate(byte[] bytes, Random random, int focus) {
    byte[] changed = bytes.clone();
    for (int n = 1 + random.nextInt(4); n > 0; n--) {
      int at =
          random.nextInt(random.nextBoolean() ? Math.min(focus, changed.length) : changed.length);
      switch (random.nextInt(5)) {
        case 0 -> changed[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> changed[at] = (byte) random.nextInt(256);
        case 2 ->
            Arrays.fill(
                changed,
                at,
                Math.min(changed.length, at + 8),
                (byte) (random.nextBoolean() ? 0 : -1));
        case 3 -> {
          int from = random.nextInt(changed.length);
          int count = Math.min(random.nextInt(64), changed.length - Math.max(at, from));
          System.arraycopy(bytes, from, changed, at, count);
        }
        default -> {
          if (random.nextInt(4) == 0) {
            changed = Arrays.copyOf(changed, 1 + random.nextInt(changed.length));
          }
        }
      }
    }
    return changed;
  }

  private static void fuzz(byte[] valid, int focus, int cases, Opener opener) {
    for (int seed = 0; seed < cases; seed++) {
      byte[] bytes = mutate(valid, new Random(seed), focus);
      int at = seed;
      assertTimeoutPreemptively(
          Duration.ofSeconds(60),
          () -> {
            try (WeightStore store = opener.open(bytes)) {
              TinyModel.readAll(store);
            } catch (ElmoException e) {
              if (e.getMessage().contains("\n")) {
                fail("seed " + at + ": expected one line, found " + e.getMessage());
              }
            } catch (Throwable e) {
              fail("seed " + at + ": expected a store or an ElmoException, found " + e, e);
            }
          },
          () -> "seed " + at);
    }
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
    // The checksum hides what lies behind it: without it every tensor is read from damaged bytes.
    fuzz(
        valid,
        valid.length,
        CASES,
        bytes -> SafetensorsReader.open(ByteBuffer.wrap(signed(bytes)), "m"));
  }

  /** Each file of a model of ELMoForManyLangs in turn, the pickles of both formats most. */
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
        // A zip file's pickle comes first; its directory, last, is as large.
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

  /** With the checksum that fits the bytes, where there is still a header. */
  private static byte[] signed(byte[] bytes) throws IOException {
    long length = SafetensorsReader.headerLength(DataFile.of(ByteBuffer.wrap(bytes)));
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
      // The checksums hide what lies behind them.
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
      fuzz(valid, 1200, CASES / 2, bytes -> open("archive", bytes));
      if (kind == ArchiveReaderTest.Kind.ZIP) { // Its directory comes last.
        fuzz(
            valid,
            300,
            CASES / 2,
            bytes -> {
              int tail = Math.min(300, Math.min(bytes.length, valid.length));
              byte[] changed = valid.clone();
              System.arraycopy(bytes, 0, changed, valid.length - tail, tail);
              byte[] last = Arrays.copyOfRange(valid, valid.length - tail, valid.length);
              byte[] mutated = mutate(last, new Random(Arrays.hashCode(bytes)), tail);
              System.arraycopy(mutated, 0, changed, valid.length - tail, mutated.length);
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
    for (int seed = 0; seed < CASES / 2; seed++) {
      Files.write(file, mutate(valid, new Random(seed), valid.length));
      int at = seed;
      assertTimeoutPreemptively(
          Duration.ofSeconds(60),
          () -> {
            try (TokenEmbeddings rows =
                TokenEmbeddings.open(vocabulary, file, TinyModel.options(2))) {
              rows.read(0, 3, FloatBuffer.allocate(6));
            } catch (ElmoException e) {
              if (e.getMessage().contains("\n")) {
                fail("seed " + at + ": expected one line, found " + e.getMessage());
              }
            } catch (Throwable e) {
              fail("seed " + at + ": expected rows or an ElmoException, found " + e, e);
            }
          });
    }
  }

  @Test
  void damagedOptionsAreRefused() {
    byte[] valid = OptionsJson.write(TinyModel.options(2)).getBytes(StandardCharsets.UTF_8);
    for (int seed = 0; seed < CASES; seed++) {
      byte[] bytes = mutate(valid, new Random(seed), valid.length);
      String text = new String(bytes, StandardCharsets.ISO_8859_1);
      try {
        ModelOptions options = OptionsJson.parse(text, "o");
        List.copyOf(TensorShapes.of(options).values());
      } catch (ElmoException e) {
        if (e.getMessage().contains("\n")) {
          fail("seed " + seed + ": expected one line, found " + e.getMessage());
        }
      }
    }
  }
}
