// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.jhdf.HdfFile;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.elmo4j.cli.Main;
import org.elmo4j.oracle.GoldenCase;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Tests that model files written by other software, in its own formats, give the golden numbers.
 */
@Tag("long")
class FormatsTest {
  private static final Path ROOT =
      Path.of(System.getProperty("elmo4j.root"), "tests", "golden-formats");

  @TempDir Path dir;

  /**
   * @param name the name of a folder in golden-formats
   * @param hasMix whether the file carries the golden mix
   */
  private record Case(String name, GoldenCase golden, boolean hasMix) {
    Path model() {
      return ROOT.resolve(name).resolve("model");
    }

    Path options() {
      return golden.folder().resolve("options.json");
    }

    @Override
    public String toString() {
      return name;
    }
  }

  static List<Case> cases() {
    GoldenCase relu = GoldenCase.named("relu-skip");
    return List.of(
        new Case("tf-hub", relu, true),
        new Case("tf-hub-sharded", GoldenCase.named("three-layers"), true),
        new Case("tf-savedmodel", relu, true),
        new Case("tf-deeppavlov", GoldenCase.named("no-cnn-projection"), true),
        new Case("bilm-checkpoint", GoldenCase.named("tanh-noskip"), false),
        new Case("spark-nlp", relu, true),
        new Case("spark-nlp-2.7.4", relu, true),
        new Case("spark-nlp-parts", relu, true));
  }

  private static void assertGolden(Case form, ElmoModel model) {
    GoldenCase golden = form.golden;
    List<Layer> layers = new ArrayList<>(List.of(Layer.WORD_EMB));
    for (int k = 1; k <= golden.options().lstmLayers(); k++) {
      layers.add(Layer.lstm(k));
    }
    layers.add(Layer.ELMO);
    assertEquals(golden.options(), model.options());
    float[][][][] wanted = golden.layers();
    float[][][] mixed = golden.mixed();
    try (Embeddings got = model.embed(golden.sentences(), layers.toArray(Layer[]::new))) {
      for (int s = 0; s < wanted.length; s++) {
        for (int k = 0; k < wanted[s].length; k++) {
          float[][] rows = wanted[s][k];
          if (k == 0) { // The file stores layer 0 as two equal halves.
            rows = Stream.of(rows).map(r -> Arrays.copyOf(r, r.length / 2)).toArray(float[][]::new);
          }
          Expected.assertClose(
              form + ", sentence " + s + ", layer " + k,
              rows,
              got.get(layers.get(k), s).toArray(),
              Expected.TOLERANCE);
        }
        if (form.hasMix) {
          Expected.assertClose(
              form + ", sentence " + s + ", mix",
              mixed[s],
              got.get(Layer.ELMO, s).toArray(),
              Expected.TOLERANCE);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void theLibraryGivesTheGoldenNumbers(Case form) {
    try (ElmoModel model = ElmoModel.load(form.model())) {
      assertGolden(form, model);
      assertEquals(
          form.hasMix ? form.golden.mix() : ScalarMix.even(form.golden.options().lstmLayers() + 1),
          model.mix());
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void soItDoesWithAnOptionsFile(Case form) {
    try (ElmoModel model = ElmoModel.builder().path(form.model()).options(form.options()).load()) {
      assertGolden(form, model);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void theToolGivesTheGoldenNumbers(Case form) throws IOException {
    for (String layers : form.hasMix ? List.of("all", "elmo") : List.of("all")) {
      for (boolean options : new boolean[] {false, true}) {
        Path output = dir.resolve(layers + options + ".hdf5");
        List<String> args =
            new ArrayList<>(
                List.of("embed", "--model", form.model().toString(), "--tokenized", "--input"));
        args.add(form.golden.folder().resolve("sentences.txt").toString());
        args.addAll(List.of("--layers", layers, "--output", output.toString()));
        if (options) {
          args.addAll(List.of("--options-file", form.options().toString()));
        }
        tool(args);
        try (HdfFile file = new HdfFile(output)) {
          for (int s = 0; s < form.golden.sentences().size(); s++) {
            Object got = file.getDatasetByPath("/" + s).getData();
            float[][][] blocks =
                layers.equals("all") ? (float[][][]) got : new float[][][] {(float[][]) got};
            float[][][] wanted =
                layers.equals("all")
                    ? form.golden.layers()[s]
                    : new float[][][] {form.golden.mixed()[s]};
            assertEquals(wanted.length, blocks.length);
            for (int k = 0; k < wanted.length; k++) {
              for (int t = 0; t < wanted[k].length; t++) {
                Expected.assertClose(
                    form + ", sentence " + s + ", layer " + k,
                    new float[][] {wanted[k][t]},
                    blocks[k][t],
                    Expected.TOLERANCE);
              }
            }
          }
        }
      }
    }
  }

  private static void tool(List<String> args) {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int code =
        Main.run(
            new ByteArrayInputStream(new byte[0]),
            new ByteArrayOutputStream(),
            err,
            args.toArray(String[]::new));
    assertEquals("", err.toString(StandardCharsets.UTF_8));
    assertEquals(0, code);
  }

  /**
   * Asserts that every tensor has the bits of the golden HDF5 file, both when read and after {@code
   * convert}.
   */
  @ParameterizedTest
  @MethodSource("cases")
  void convertingToElmo4jsFormChangesNoBit(Case form) throws IOException {
    Path file = dir.resolve("model.safetensors");
    tool(List.of("convert", form.model().toString(), file.toString()));
    try (WeightStore golden = WeightStores.open(form.golden.folder());
        WeightStore source = WeightStores.open(form.model());
        WeightStore converted = WeightStores.open(file)) {
      assertEquals(golden.names(), source.names());
      assertEquals(golden.names(), converted.names());
      assertEquals(source.options(), converted.options());
      assertEquals(source.mix(), converted.mix());
      assertEquals(form.hasMix ? Optional.of(form.golden.mix()) : Optional.empty(), source.mix());
      for (String name : golden.names()) {
        assertArrayEquals(bits(golden, name), bits(source, name), name);
        assertArrayEquals(bits(golden, name), bits(converted, name), name);
      }
    }
    try (Stream<Path> left = Files.list(dir)) {
      assertEquals(List.of(file), left.toList());
    }
  }

  private static int[] bits(WeightStore store, String name) {
    long count = 1;
    for (long n : store.shape(name)) {
      count *= n;
    }
    FloatBuffer values = FloatBuffer.allocate((int) count);
    store.read(name, values);
    int[] bits = new int[values.position()];
    assertEquals(count, bits.length);
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values.get(i));
    }
    return bits;
  }

  @Test
  void halfPrecisionRoundsAndLoadsAgain() throws IOException {
    Case form = cases().get(0);
    for (String dtype : List.of("fp16", "bf16")) {
      Path file = dir.resolve(dtype);
      tool(List.of("convert", form.model().toString(), file.toString(), "--dtype", dtype));
      double unit = dtype.equals("fp16") ? 0x1p-11 : 0x1p-8;
      try (WeightStore source = WeightStores.open(form.model());
          WeightStore rounded = WeightStores.open(file)) {
        for (String name : source.names()) {
          int[] wanted = bits(source, name);
          int[] got = bits(rounded, name);
          for (int i = 0; i < wanted.length; i++) {
            float w = Float.intBitsToFloat(wanted[i]);
            assertEquals(w, Float.intBitsToFloat(got[i]), Math.max(Math.abs(w) * unit, 0x1p-24));
          }
        }
      }
    }
  }
}
