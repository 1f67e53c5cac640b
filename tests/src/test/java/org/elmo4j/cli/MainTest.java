// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.elmo4j.oracle.GoldenCase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The tool, run in this JVM as its launcher runs it. */
class MainTest {
  private static final double TOLERANCE = 2e-5;
  private static final GoldenCase GOLDEN = GoldenCase.named("relu-skip");

  @TempDir Path folder;

  private record Result(int code, String out, String err) {}

  private static Result run(InputStream in, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int code = Main.run(in, out, err, args);
    return new Result(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  private static Result run(String... args) {
    return run(InputStream.nullInputStream(), args);
  }

  private static Result done(String... args) {
    Result result = run(args);
    assertEquals("", result.err);
    assertEquals(0, result.code);
    return result;
  }

  /** A failure: the code, one line on standard error, nothing on standard output. */
  private static String failed(int code, String... args) {
    Result result = run(args);
    assertEquals(code, result.code, result.err);
    assertEquals("", result.out);
    assertEquals(1, result.err.lines().count(), result.err);
    return result.err.strip();
  }

  private static String[] embed(GoldenCase golden, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "embed",
                "--options-file",
                golden.folder().resolve("options.json").toString(),
                "--weight-file",
                golden.folder().resolve("weights.hdf5").toString(),
                "--tokenized"));
    args.addAll(List.of(more));
    return args.toArray(new String[0]);
  }

  private String file(String name) {
    return folder.resolve(name).toString();
  }

  private String sentences(GoldenCase golden) {
    return golden.folder().resolve("sentences.txt").toString();
  }

  private String text(String text) throws IOException {
    return Files.writeString(folder.resolve("in.txt"), text).toString();
  }

  private List<String> left() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  private static float[] flat(Object array) {
    if (array instanceof float[] floats) {
      return floats;
    }
    List<float[]> parts = new ArrayList<>();
    int size = 0;
    for (Object part : (Object[]) array) {
      parts.add(flat(part));
      size += parts.get(parts.size() - 1).length;
    }
    ByteBuffer all = ByteBuffer.allocate(4 * size);
    for (float[] part : parts) {
      for (float value : part) {
        all.putFloat(value);
      }
    }
    float[] flat = new float[size];
    all.flip().asFloatBuffer().get(flat);
    return flat;
  }

  private static void assertClose(String what, float[] wanted, float[] got) {
    assertEquals(wanted.length, got.length, what);
    for (int i = 0; i < wanted.length; i++) {
      if (!(Math.abs(got[i] - wanted[i]) <= TOLERANCE + TOLERANCE * Math.abs(wanted[i]))) {
        fail(what + ", index " + i + ": wanted " + wanted[i] + ", got " + got[i]);
      }
    }
  }

  /** Holds an HDF5 file to what each line must give, and its index to the lines. */
  private static void assertHolds(Path file, List<String> lines, float[][][][] wanted)
      throws IOException {
    try (HdfFile hdf = new HdfFile(file)) {
      assertEquals(lines.size() + 1, hdf.getChildren().size());
      Dataset index = hdf.getDatasetByPath("sentence_to_index");
      assertArrayEquals(new int[] {1}, index.getDimensions());
      JsonNode json = new ObjectMapper().readTree(((String[]) index.getData())[0]);
      for (int i = 0; i < lines.size(); i++) {
        Dataset dataset = hdf.getDatasetByPath(Integer.toString(i));
        assertEquals(float.class, dataset.getJavaType());
        assertArrayEquals(
            new int[] {wanted[i].length, wanted[i][0].length, wanted[i][0][0].length},
            dataset.getDimensions());
        assertClose("sentence " + i, flat(wanted[i]), flat(dataset.getData()));
        assertEquals(Integer.toString(i), json.get(lines.get(i)).textValue());
      }
      assertEquals(lines.size(), json.size());
    }
  }

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

  /** What a choice of layers must give for a golden sentence, row after row. */
  private static float[] wanted(String layers, int sentence) {
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
          return flat(mean); // An even mix is the average.
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

  private static int[] shape(String layers, int sentence) {
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
        assertArrayEquals(values, floats, what + " in JSON"); // The same bits.
      }
    }
  }

  private static ByteBuffer npy(ZipFile npz, int index) throws IOException {
    ZipEntry entry = npz.getEntry(index + ".npy");
    try (InputStream in = npz.getInputStream(entry)) {
      return ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  /** The header's text; the buffer stands at the numbers then, on a multiple of 64. */
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

  /** Adds the numbers of nested lists, which must all be of one shape; returns that. */
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
      assertEquals("{\"a b\": \"0\", \"\": \"1\", \"  \": \"2\", \"c\": \"3\"}", index);
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
    List<String> lines = result.out.lines().toList();
    assertEquals("token  elmo [256]", lines.get(0));
    assertEquals(4, lines.size(), result.out);
    for (int t = 0; t < 3; t++) {
      String token = List.of("I", "love", "NLP").get(t);
      assertTrue(
          lines.get(t + 1).matches(token + " +( +-?[0-9]+\\.[0-9]{4}){6} \\.\\.\\."),
          lines.get(t + 1));
    }
    Result all = done("embed", "--tokenized", "--layers", "all", "I", "love", "NLP");
    assertEquals(12, all.out.lines().count(), all.out);
    Result mean = done("embed", "--layers", "default", "I love NLP");
    assertEquals(2, mean.out.lines().count(), mean.out);
    assertTrue(mean.out.lines().toList().get(1).startsWith("(mean)"), mean.out);
  }

  @Test
  void standardInputFilesAndArgumentsAreTheSameText() throws IOException {
    String text = "It's late. They don't care!\n\nNaïve café?\n";
    Result argument = done("embed", text);
    Result input = run(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)), "embed");
    assertEquals(argument, input);
    assertEquals(argument, done("embed", "--text", text(text)));
    assertTrue(argument.out.contains("n't"), argument.out);
    assertTrue(argument.out.contains("Naïve"), argument.out);
    assertEquals(2, argument.out.lines().filter(String::isEmpty).count(), argument.out);
  }

  @Test
  void jsonLinesGoToStandardOutputWhereNoFileIsNamed() throws IOException {
    Result result = done(embed(GOLDEN, "--format", "jsonl", "I love NLP"));
    JsonNode json = new ObjectMapper().readTree(result.out);
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

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''",
        "--nonsense",
        "nonsense",
        "embed --nonsense",
        "embed --layers bottom x",
        "embed --layers lstm_outputs0 x",
        "embed --threads 0 x",
        "embed --threads many x",
        "embed --device tpu x",
        "embed --device cuda:0,tpu x",
        "embed --device cuda:all, x",
        "embed --model a --options-file b --weight-file c x",
        "embed --options-file b x",
        "embed --weight-file b x",
        "embed --input a x",
        "embed --stateful x",
        "embed --batch-size 0 --tokenized x",
        "embed --batch-size 3 x",
        "embed --gamma 2 x",
        "embed --layers top --mix-weights 1,2,3 x",
        "embed --mix-weights 1,b,3 x",
        "embed --output a.txt x",
        "embed --format xml x",
        "embed --format npz x",
        "embed --forget-sentences x",
        "info a b",
        "info --model a b",
        "random-model --size huge a",
        "random-model",
        "convert a",
        "convert --dtype int4 a b",
      })
  void wrongUsageExitsWithTwoAndOneLine(String args) {
    String message = failed(2, args.isEmpty() ? new String[0] : args.split(" "));
    assertTrue(message.startsWith("elmo"), message);
  }

  @Test
  void whatFailsExitsWithOneAndOneLineThatNamesIt() throws IOException {
    String missing = file("missing");
    String in = text("a b\n");
    assertTrue(failed(1, "embed", "--input", missing).contains(missing));
    assertTrue(failed(1, "embed", "--input", folder.toString()).contains("found a folder"));
    assertTrue(failed(1, "embed", "--model", missing, "x").contains(missing));
    assertTrue(failed(1, "info", missing).contains(missing));
    assertTrue(failed(1, "convert", missing, file("out")).contains(missing));
    assertTrue(failed(1, "embed", "--device", "cuda:999", "x").contains("cuda:999"));
    assertTrue(failed(1, "embed", "--layers", "lstm_outputs9", "x").contains("lstm_outputs9"));
    assertTrue(failed(1, "embed", "--mix-weights", "1,2", "x").contains("--mix-weights"));
    String nowhere = folder.resolve("no/such/out.npz").toString();
    assertTrue(failed(1, "embed", "--input", in, "--output", nowhere).contains(nowhere));
    assertTrue(failed(1, "random-model", in).contains(in));
    assertEquals(List.of("in.txt"), left());
  }

  @Test
  void anUnwritableOutputIsSaidBeforeTheModelLoads() throws IOException {
    String out = folder.resolve("no/out.npz").toString();
    String message = failed(1, "embed", "--model", file("missing"), "--output", out, "x");
    assertTrue(message.contains(out), message);
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
  void aClosedStandardOutputIsAFailure() {
    OutputStream closed =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("No space left on device");
          }
        };
    for (String[] args : new String[][] {{"embed", "a b"}, {"embed", "--format", "jsonl", "a b"}}) {
      ByteArrayOutputStream err = new ByteArrayOutputStream();
      assertEquals(1, Main.run(InputStream.nullInputStream(), closed, err, args));
      String message = err.toString(StandardCharsets.UTF_8);
      assertTrue(message.matches("elmo: standard output: .*\\R"), message);
    }
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

  @Test
  void aStackTraceIsShownWithDebugOnly() {
    Result result = run("embed", "--debug", "--model", file("missing"), "x");
    assertEquals(1, result.code);
    assertTrue(result.err.lines().anyMatch(line -> line.startsWith("\tat org.elmo4j")), result.err);
  }

  @Test
  void infoTellsTheStructureOfAModel() {
    String out = done("info").out;
    assertEquals(out, done("info", "mini-en").out);
    assertTrue(out.contains("2 layers of 512 cells, with skip connections"), out);
    assertTrue(out.lines().anyMatch(line -> line.matches("elmo +256 values a token")), out);
    assertTrue(out.lines().anyMatch(line -> line.matches("word_emb +128 values a token")), out);
    String devices = done("info", "--devices").out;
    assertTrue(
        devices
            .lines()
            .anyMatch(
                line -> line.matches("cpu +(portable|avx2|avx512|avx512vnni|avx512bf16|amx).*")));
    assertTrue(devices.lines().anyMatch(line -> line.startsWith("cuda")), devices);
  }

  /** Against the files that the original's command wrote, whose names for sentences are its own. */
  @Test
  void aModelOfElmoForManyLangsIsNamedByItsFolder() throws IOException {
    Path golden =
        Path.of(
            System.getProperty("elmo4j.root"), "tests", "golden-formats", "manylangs-word-char");
    List<String> lines = Files.readAllLines(golden.resolve("cli-input.txt"));
    String input = text(String.join("\n", lines).replace('\t', ' ') + "\n");
    String model = golden.resolve("model-legacy").toString();
    done(
        "embed",
        "--model",
        model,
        "--tokenized",
        "--input",
        input,
        "--output",
        file("all.h5"),
        "--layers",
        "all");
    done(
        "embed",
        "--model",
        model,
        "--tokenized",
        "--input",
        input,
        "--output",
        file("mean.h5"),
        "--layers",
        "average");
    try (HdfFile words = new HdfFile(golden.resolve("cli-output.ly0.hdf5"));
        HdfFile means = new HdfFile(golden.resolve("cli-output.ly-1.hdf5"));
        HdfFile all = new HdfFile(folder.resolve("all.h5"));
        HdfFile mean = new HdfFile(folder.resolve("mean.h5"))) {
      for (int i = 0; i < lines.size(); i++) {
        String key = lines.get(i).replace(".", "$period$").replace("/", "$backslash$");
        float[] wanted = flat(((Dataset) words.getChild(key)).getData());
        float[] got = flat(all.getDatasetByPath("" + i).getData());
        assertClose(key, wanted, Arrays.copyOf(got, wanted.length));
        float[] average = flat(mean.getDatasetByPath("" + i).getData());
        assertClose(key, flat(((Dataset) means.getChild(key)).getData()), average);
      }
    }
    String info = done("info", model).out;
    assertTrue(info.contains("dictionary       137 characters, 102 words of 7"), info);
    done("convert", model, file("converted.safetensors"));
    assertEquals(info, done("info", file("converted.safetensors")).out);
  }

  @Test
  void aRandomModelOfAPublishedSizeIsTheSameForTheSameSeed() throws IOException {
    done("random-model", "--size", "small", "--seed", "7", file("a/b"));
    done("random-model", "--size", "small", "--seed", "7", file("c"));
    done("random-model", "--size", "small", "--seed", "8", file("d"));
    Path a = folder.resolve("a/b/model.safetensors");
    assertEquals(-1, Files.mismatch(a, folder.resolve("c/model.safetensors")));
    // Its weights differ, not only what its header says of the seed.
    byte[] other = Files.readAllBytes(folder.resolve("d/model.safetensors"));
    byte[] last = Arrays.copyOfRange(other, other.length - 1000, other.length);
    byte[] first = Files.readAllBytes(a);
    assertFalse(Arrays.equals(last, Arrays.copyOfRange(first, first.length - 1000, first.length)));
    String info = done("info", file("a/b")).out;
    assertTrue(info.lines().anyMatch(line -> line.matches("parameters +13,[0-9,]{7}")), info);
    assertEquals(4, done("embed", "--model", file("c"), "I love NLP").out.lines().count());
  }

  @ParameterizedTest
  @CsvSource({"fp32,0", "fp16,2e-2", "bf16,2e-1", "int8,1e-1"})
  void aConvertedModelGivesTheSameUpToItsRounding(String dtype, double tolerance)
      throws IOException {
    Path model = folder.resolve("model.safetensors");
    Path source = Files.createDirectory(folder.resolve("source"));
    for (String name : List.of("options.json", "weights.hdf5")) {
      Files.copy(GOLDEN.folder().resolve(name), source.resolve(name));
    }
    done("convert", "--dtype", dtype, source.toString(), model.toString());
    String input = sentences(GOLDEN);
    done(embed(GOLDEN, "--input", input, "--output", file("a.h5")));
    done(
        "embed",
        "--model",
        model.toString(),
        "--tokenized",
        "--input",
        input,
        "--output",
        file("b.h5"));
    try (HdfFile a = new HdfFile(folder.resolve("a.h5"));
        HdfFile b = new HdfFile(folder.resolve("b.h5"))) {
      for (int i = 0; i < GOLDEN.sentences().size(); i++) {
        assertArrayEquals(
            flat(a.getDatasetByPath("" + i).getData()),
            flat(b.getDatasetByPath("" + i).getData()),
            (float) tolerance);
      }
    }
  }

  @Test
  void helpAndVersionAreNoFailures() {
    for (String command : List.of("embed", "info", "models", "verify", "random-model", "convert")) {
      assertTrue(done(command, "--help").out.startsWith("Usage: elmo " + command));
    }
    assertTrue(done("--help").out.contains("Exit codes:"));
    assertTrue(done("--version").out.startsWith("elmo4j "));
  }

  @Test
  void tokensAreThoseThatEmbedFinds() throws IOException {
    String text = "I can\u2019t stay. \"Why?\"\r\n\r\nNo end here\n\nZ\u00fcrich";
    Path file = folder.resolve("text.txt");
    Files.writeString(file, text);
    String expected = "I ca n\u2019t stay .\n\" Why ? \"\nNo end here\nZ\u00fcrich\n";
    assertEquals(expected, done("tokens", file.toString()).out);
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    assertEquals(expected, run(new ByteArrayInputStream(utf8), "tokens").out);

    Path output = folder.resolve("tokens.txt");
    assertEquals("", done("tokens", file.toString(), "--output", output.toString()).out);
    assertEquals(expected, Files.readString(output));
    // What embed --tokenized makes of them is what embed makes of the text.
    assertEquals(
        done("embed", "--text", file.toString()).out,
        done("embed", "--tokenized", "--input", output.toString()).out);
  }

  @Test
  void tokensOfNothingAreNothing() throws IOException {
    assertEquals("", done("tokens").out);
    Path blank = folder.resolve("blank.txt");
    Files.writeString(blank, " \n\n \n");
    assertEquals("", done("tokens", blank.toString()).out);
  }

  @Test
  void tokensOfNoTextFailAndLeaveTheOutputAsItWas() throws IOException {
    Path output = folder.resolve("tokens.txt");
    Files.writeString(output, "before");
    Path missing = folder.resolve("missing.txt");
    assertEquals(
        "elmo: " + missing + ": no such file or folder",
        failed(1, "tokens", missing.toString(), "--output", output.toString()));
    Path noText = folder.resolve("no-text.bin");
    Files.write(noText, new byte[] {'a', '\n', (byte) 0xff});
    String message = failed(1, "tokens", noText.toString(), "--output", output.toString());
    assertTrue(message.contains(noText.toString()) && message.contains("2"), message);
    assertEquals("before", Files.readString(output));
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(2, files.count()); // The output and the bytes: nothing half-written.
    }
  }
}
