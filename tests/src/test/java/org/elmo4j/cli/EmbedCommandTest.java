// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.elmo4j.ElmoModel;
import org.elmo4j.oracle.GoldenCase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests {@code elmo embed} with every format, layer and mix, and the files that it writes. */
class EmbedCommandTest extends ToolTest {
  static List<GoldenCase> cases() {
    return GoldenCase.all();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void allLayersAreTheGoldenOnes(GoldenCase golden) throws IOException {
    done(
        embed(
            golden, "--input", sentences(golden), "--output", file("out.hdf5"), "--layers", "all"));
    List<String> lines = Files.readAllLines(Path.of(sentences(golden)));
    assertHolds(folder.resolve("out.hdf5"), lines, golden.layers());
  }

  @ParameterizedTest
  @MethodSource("cases")
  void statefulBatchesOfThreeAreTheGoldenOnes(GoldenCase golden) throws IOException {
    done(
        embed(
            golden,
            "--input",
            sentences(golden),
            "--output",
            file("out.h5"),
            "--layers",
            "all",
            "--stateful",
            "--batch-size",
            "3"));
    List<String> lines = Files.readAllLines(Path.of(sentences(golden)));
    assertHolds(folder.resolve("out.h5"), lines, golden.statefulLayers());
  }

  /** Returns the numbers that a choice of layers must give for a golden sentence, row after row. */
  static float[] wanted(String layers, int sentence) {
    float[][][] all = GOLDEN.layers()[sentence];
    int dim = all[0][0].length;
    switch (layers) {
      case "all":
        return flat(all);
      case "top":
        return flat(all[all.length - 1]);
      case "word_emb":
        float[][] words = new float[all[0].length][];
        Arrays.setAll(words, t -> Arrays.copyOf(all[0][t], dim / 2));
        return flat(words);
      case "lstm_outputs1":
        return flat(all[1]);
      case "lstm_outputs2":
        return flat(all[2]);
      default:
        float[][] mean = new float[all[0].length][dim];
        for (float[][] layer : all) {
          for (int t = 0; t < layer.length; t++) {
            for (int n = 0; n < dim; n++) {
              mean[t][n] += layer[t][n] / all.length;
            }
          }
        }
        if (!layers.equals("default")) {
          return flat(mean); // The default mix is even: it is the average of the layers.
        }
        float[] sentenceMean = new float[dim];
        for (float[] row : mean) {
          for (int n = 0; n < dim; n++) {
            sentenceMean[n] += row[n] / mean.length;
          }
        }
        return sentenceMean;
    }
  }

  static int[] shape(String layers, int sentence) {
    float[][][] all = GOLDEN.layers()[sentence];
    int dim = all[0][0].length;
    return switch (layers) {
      case "all" -> new int[] {all.length, all[0].length, dim};
      case "default" -> new int[] {dim};
      case "word_emb" -> new int[] {all[0].length, dim / 2};
      default -> new int[] {all[0].length, dim};
    };
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "all",
        "top",
        "average",
        "word_emb",
        "lstm_outputs1",
        "lstm_outputs2",
        "elmo",
        "default"
      })
  void everyFormatHoldsEveryChoiceOfLayers(String layers) throws IOException {
    for (String name : List.of("out.hdf5", "out.npz", "out.jsonl")) {
      done(embed(GOLDEN, "--input", sentences(GOLDEN), "--output", file(name), "--layers", layers));
    }
    int count = GOLDEN.sentences().size();
    List<String> lines = Files.readAllLines(folder.resolve("out.jsonl"));
    assertEquals(count, lines.size());
    try (HdfFile hdf = new HdfFile(folder.resolve("out.hdf5"));
        ZipFile npz = new ZipFile(file("out.npz"))) {
      assertEquals(count, npz.size());
      for (int i = 0; i < count; i++) {
        float[] wanted = wanted(layers, i);
        int[] shape = shape(layers, i);
        String what = layers + " of sentence " + i;

        Dataset dataset = hdf.getDatasetByPath(Integer.toString(i));
        assertArrayEquals(shape, dataset.getDimensions(), what);
        assertClose(what + " in HDF5", wanted, flat(dataset.getData()));

        ByteBuffer npy = npy(npz, i);
        assertEquals(
            "{'descr': '<f4', 'fortran_order': False, 'shape': ("
                + Arrays.stream(shape).mapToObj(n -> n + ",").reduce((a, b) -> a + " " + b).get()
                + "), }",
            npyHeader(npy));
        float[] values = new float[npy.remaining() / 4];
        npy.asFloatBuffer().get(values);
        assertClose(what + " in npz", wanted, values);

        JsonNode json = new ObjectMapper().readTree(lines.get(i));
        assertEquals(List.of("index", "tokens", "values"), names(json));
        assertEquals(i, json.get("index").intValue());
        assertEquals(new ObjectMapper().valueToTree(GOLDEN.sentences().get(i)), json.get("tokens"));
        List<Float> numbers = new ArrayList<>();
        assertArrayEquals(shape, numbers(json.get("values"), numbers), what);
        float[] floats = new float[numbers.size()];
        for (int n = 0; n < floats.length; n++) {
          floats[n] = numbers.get(n);
        }
        assertArrayEquals(values, floats, what + " in JSON"); // The floats must have the same bits.
      }
    }
  }

  private static ByteBuffer npy(ZipFile npz, int index) throws IOException {
    ZipEntry entry = npz.getEntry(index + ".npy");
    try (InputStream in = npz.getInputStream(entry)) {
      return ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  /**
   * Returns the text of the header. The buffer is then positioned at the numbers, which begin at a
   * multiple of 64.
   */
  private static String npyHeader(ByteBuffer npy) {
    byte[] magic = new byte[8];
    npy.get(magic);
    assertArrayEquals(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0}, magic);
    byte[] header = new byte[npy.getShort()];
    npy.get(header);
    assertEquals(0, npy.position() % 64);
    assertEquals('\n', header[header.length - 1]);
    return new String(header, StandardCharsets.US_ASCII).strip();
  }

  private static List<String> names(JsonNode json) {
    List<String> names = new ArrayList<>();
    json.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /**
   * Adds the numbers of nested lists to {@code numbers} and returns the shape, which must be the
   * same for all lists.
   */
  private static int[] numbers(JsonNode node, List<Float> numbers) {
    if (node.isNumber()) {
      numbers.add(node.floatValue());
      return new int[0];
    }
    int[] inner = null;
    for (JsonNode part : node) {
      int[] shape = numbers(part, numbers);
      if (inner != null) {
        assertArrayEquals(inner, shape);
      }
      inner = shape;
    }
    int[] shape = new int[inner.length + 1];
    shape[0] = node.size();
    System.arraycopy(inner, 0, shape, 1, inner.length);
    return shape;
  }

  @Test
  void aMixOfOnesOwnIsTheGoldenOne() throws IOException {
    float[] weights = GOLDEN.mix().weights();
    String list = Arrays.toString(weights).replaceAll("[\\[\\] ]", "");
    String gamma = Float.toString(GOLDEN.mix().gamma());
    for (String layers : List.of("elmo", "default")) {
      done(
          embed(
              GOLDEN,
              "--input",
              sentences(GOLDEN),
              "--output",
              file(layers + ".h5"),
              "--layers",
              layers,
              "--mix-weights=" + list,
              "--gamma=" + gamma));
    }
    float[][][] mixed = GOLDEN.mixed();
    try (HdfFile elmo = new HdfFile(folder.resolve("elmo.h5"));
        HdfFile mean = new HdfFile(folder.resolve("default.h5"))) {
      for (int i = 0; i < mixed.length; i++) {
        assertClose("elmo " + i, flat(mixed[i]), flat(elmo.getDatasetByPath("" + i).getData()));
        float[] wanted = new float[mixed[i][0].length];
        for (float[] row : mixed[i]) {
          for (int n = 0; n < wanted.length; n++) {
            wanted[n] += row[n] / mixed[i].length;
          }
        }
        assertClose("default " + i, wanted, flat(mean.getDatasetByPath("" + i).getData()));
      }
    }
  }

  @Test
  void aBlankLineIsASentenceOfNoTokens() throws IOException {
    String input = text("a b\n\n  \nc\r\n");
    for (String name : List.of("out.hdf5", "out.npz", "out.jsonl")) {
      done(embed(GOLDEN, "--input", input, "--output", file(name), "--layers", "all"));
    }
    int dim = shape("top", 0)[1];
    int[][] shapes = {{3, 2, dim}, {3, 0, dim}, {3, 0, dim}, {3, 1, dim}};
    List<String> lines = Files.readAllLines(folder.resolve("out.jsonl"));
    try (HdfFile hdf = new HdfFile(folder.resolve("out.hdf5"));
        ZipFile npz = new ZipFile(file("out.npz"))) {
      for (int i = 0; i < shapes.length; i++) {
        assertArrayEquals(shapes[i], hdf.getDatasetByPath("" + i).getDimensions());
        assertTrue(npyHeader(npy(npz, i)).contains("(3, " + shapes[i][1] + ", " + dim + ",)"));
      }
      String index = ((String[]) hdf.getDatasetByPath("sentence_to_index").getData())[0];
      assertEquals("{\"a b\": \"0\", \"\": \"1\", \"\": \"2\", \"c\": \"3\"}", index);
    }
    assertEquals("{\"index\":1,\"tokens\":[],\"values\":[[],[],[]]}", lines.get(1));
    assertEquals(4, lines.size());
  }

  @Test
  void anEmptyFileGivesAnEmptyOutput() throws IOException {
    String input = text("");
    for (String name : List.of("out.hdf5", "out.npz", "out.jsonl")) {
      done(embed(GOLDEN, "--input", input, "--output", file(name)));
    }
    try (HdfFile hdf = new HdfFile(folder.resolve("out.hdf5"));
        ZipFile npz = new ZipFile(file("out.npz"))) {
      assertEquals(List.of("sentence_to_index"), List.copyOf(hdf.getChildren().keySet()));
      assertEquals(0, npz.size());
    }
    assertEquals(0, Files.size(folder.resolve("out.jsonl")));
  }

  /** These sentences would take 1 GB if they were padded to the longest one. */
  @Test
  void oneLongSentenceDoesNotMakeTheOthersLong() throws Exception {
    String input = file("in.txt");
    Files.writeString(Path.of(input), "word\n".repeat(1000) + "word ".repeat(999) + "word\n");
    AtomicBoolean running = new AtomicBoolean(true);
    AtomicLong most = new AtomicLong();
    Thread watch =
        new Thread(
            () -> {
              while (running.get()) {
                most.accumulateAndGet(ElmoModel.liveBytes(), Math::max);
                LockSupport.parkNanos(1_000_000);
              }
            });
    watch.start();
    try {
      done("embed", "--tokenized", "--input", input, "--output", file("out.npz"));
    } finally {
      running.set(false);
      watch.join();
    }
    assertTrue(most.get() < 400 << 20, () -> most + " bytes");
    try (ZipFile npz = new ZipFile(file("out.npz"))) {
      assertEquals(1001, npz.size());
    }
  }

  @Test
  void batchesAndThreadsChangeNothing() throws IOException {
    String input = sentences(GOLDEN);
    done(embed(GOLDEN, "--input", input, "--output", file("a.jsonl")));
    done(embed(GOLDEN, "--input", input, "--output", file("b.jsonl"), "--batch-size", "1"));
    done(
        embed(
            GOLDEN,
            "--input",
            input,
            "--output",
            file("c.jsonl"),
            "--threads",
            "1",
            "--device",
            "cpu"));
    assertEquals(-1, Files.mismatch(folder.resolve("a.jsonl"), folder.resolve("b.jsonl")));
    assertEquals(-1, Files.mismatch(folder.resolve("a.jsonl"), folder.resolve("c.jsonl")));
  }

  @Test
  void theTableShowsTokensAndTheirFirstValues() {
    Result result = done("embed", "I love NLP");
    List<String> lines = result.out().lines().toList();
    assertEquals("token  elmo [256]", lines.get(0));
    assertEquals(4, lines.size(), result.out());
    for (int t = 0; t < 3; t++) {
      String token = List.of("I", "love", "NLP").get(t);
      assertTrue(
          lines.get(t + 1).matches(token + " +( +-?[0-9]+\\.[0-9]{4}){6} \\.\\.\\."),
          lines.get(t + 1));
    }
    Result all = done("embed", "--tokenized", "--layers", "all", "I love NLP");
    assertEquals(12, all.out().lines().count(), all.out());
    Result mean = done("embed", "--layers", "default", "I love NLP");
    assertEquals(2, mean.out().lines().count(), mean.out());
    assertTrue(mean.out().lines().toList().get(1).startsWith("(mean)"), mean.out());
  }

  @Test
  void standardInputFilesAndArgumentsAreTheSameText() throws IOException {
    String text = "It's late. They don't care!\n\nNaïve café?\n";
    Result argument = done("embed", text);
    Result input = run(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)), "embed");
    assertEquals(argument, input);
    assertEquals(argument, done("embed", "--text", text(text)));
    assertTrue(argument.out().contains("n't"), argument.out());
    assertTrue(argument.out().contains("Naïve"), argument.out());
    assertEquals(2, argument.out().lines().filter(String::isEmpty).count(), argument.out());
  }

  @Test
  void jsonLinesGoToStandardOutputWhereNoFileIsNamed() throws IOException {
    Result result = done(embed(GOLDEN, "--format", "jsonl", "I love NLP"));
    JsonNode json = new ObjectMapper().readTree(result.out());
    List<Float> numbers = new ArrayList<>();
    numbers(json.get("values"), numbers);
    assertEquals(3, json.get("tokens").size());
    assertEquals(shape("elmo", 0)[1] * 3, numbers.size());
  }

  @Test
  void formatOverridesTheEndingOfTheName() throws IOException {
    done(embed(GOLDEN, "--format", "jsonl", "--output", file("out.npz"), "I"));
    assertEquals('{', Files.readAllBytes(folder.resolve("out.npz"))[0]);
    done(embed(GOLDEN, "--format", "HDF5", "--forget-sentences", "--output", file("out"), "I"));
    try (HdfFile hdf = new HdfFile(folder.resolve("out"))) {
      assertEquals(List.of("0"), List.copyOf(hdf.getChildren().keySet()));
    }
  }

  @Test
  void bytesThatAreNoUtf8AreNamedByFileAndLineAndLeaveTheOldOutput() throws IOException {
    Path input = folder.resolve("in.txt");
    Files.write(input, new byte[] {'a', '\n', 'b', ' ', (byte) 0xC3, '(', '\n'});
    Path output = Files.writeString(folder.resolve("out.hdf5"), "old");
    String message =
        failed(1, embed(GOLDEN, "--input", input.toString(), "--output", output.toString()));
    assertTrue(message.contains(input + ", line 2: expected UTF-8, found byte 0xc3"), message);
    assertEquals("old", Files.readString(output));
    assertEquals(List.of("in.txt", "out.hdf5"), left());
  }

  @Test
  void anOutputThatIsThereIsReplacedAndALinkStaysALink() throws IOException {
    Path file = Files.writeString(folder.resolve("real.jsonl"), "old");
    Path link = Files.createSymbolicLink(folder.resolve("link.jsonl"), file);
    done(embed(GOLDEN, "--output", link.toString(), "a b"));
    assertTrue(Files.isSymbolicLink(link));
    assertTrue(Files.readString(file).startsWith("{\"index\":0,"));
    assertEquals(List.of("link.jsonl", "real.jsonl"), left());
    done(embed(GOLDEN, "--output", "/dev/null", "--format", "hdf5", "a"));
    assertFalse(Files.isRegularFile(Path.of("/dev/null")));
    Path sub = Files.createDirectory(folder.resolve("sub.npz"));
    assertTrue(failed(1, embed(GOLDEN, "--output", sub.toString(), "a")).contains("sub.npz"));
  }

  @Test
  void aLineOfTenMegabytesWorks() throws IOException {
    String token = "x".repeat(10_000_000);
    done(embed(GOLDEN, "--input", text("y\n" + token + "\nz\n"), "--output", file("long.npz")));
    String words = (("w".repeat(999) + " ").repeat(10_000)).strip();
    done(embed(GOLDEN, "--input", text(words), "--output", file("words.npz")));
    try (ZipFile npz = new ZipFile(file("long.npz"));
        ZipFile many = new ZipFile(file("words.npz"))) {
      assertTrue(npyHeader(npy(npz, 1)).contains("(1, "));
      assertEquals(3, npz.size());
      assertTrue(npyHeader(npy(many, 0)).contains("(10000, "));
    }
  }

  /**
   * Compares the output with files that ELMoForManyLangs' command wrote, which has its own names
   * for sentences.
   */
  @Test
  void aModelOfElmoForManyLangsIsNamedByItsFolder() throws IOException {
    Path golden =
        Path.of(
            System.getProperty("elmo4j.root"), "tests", "golden-formats", "manylangs-word-char");
    List<String> lines = Files.readAllLines(golden.resolve("cli-input.txt"));
    // The lines show that it is separated by tabs.
    String input = golden.resolve("cli-input.txt").toString();
    String model = golden.resolve("model-legacy").toString();
    for (int layer : new int[] {-2, -1, 0, 1, 2}) {
      done(
          "embed",
          "--model",
          model,
          "--tokenized",
          "--input",
          input,
          "--output",
          file(layer + ".h5"),
          "--output-layer",
          Integer.toString(layer));
    }
    try (HdfFile words = new HdfFile(golden.resolve("cli-output.ly0.hdf5"));
        HdfFile means = new HdfFile(golden.resolve("cli-output.ly-1.hdf5"));
        HdfFile all = new HdfFile(folder.resolve("-2.h5"));
        HdfFile mean = new HdfFile(folder.resolve("-1.h5"));
        HdfFile zero = new HdfFile(folder.resolve("0.h5"));
        HdfFile one = new HdfFile(folder.resolve("1.h5"));
        HdfFile two = new HdfFile(folder.resolve("2.h5"))) {
      for (int i = 0; i < lines.size(); i++) {
        String key = lines.get(i).replace(".", "$period$").replace("/", "$backslash$");
        Dataset ofWords = (Dataset) words.getChild(key);
        float[] wanted = flat(ofWords.getData());
        assertArrayEquals(
            ofWords.getDimensions(), zero.getDatasetByPath("" + i).getDimensions(), key);
        assertClose(key, wanted, flat(zero.getDatasetByPath("" + i).getData()));
        float[] average = flat(mean.getDatasetByPath("" + i).getData());
        assertClose(key, flat(((Dataset) means.getChild(key)).getData()), average);
        float[] layers = flat(all.getDatasetByPath("" + i).getData());
        int size = wanted.length;
        assertClose(key, wanted, Arrays.copyOf(layers, size));
        assertClose(
            key,
            Arrays.copyOfRange(layers, size, 2 * size),
            flat(one.getDatasetByPath("" + i).getData()));
        assertClose(
            key,
            Arrays.copyOfRange(layers, 2 * size, 3 * size),
            flat(two.getDatasetByPath("" + i).getData()));
      }
    }
    String info = done("info", model).out();
    assertTrue(info.contains("dictionary       137 characters, 102 words of 7"), info);
    done("convert", model, file("converted.safetensors"));
    assertEquals(info, done("info", file("converted.safetensors")).out());
  }
}
