// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.hub.FileServer;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.internal.weights.Dtype;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.internal.weights.SafetensorsWriter;
import org.elmo4j.oracle.GoldenCase;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.ModelOptions.Activation;
import org.elmo4j.weights.ModelOptions.Filter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests the tool with names of models, which it downloads from a mirror on this machine. */
class ModelNamesTest {
  private static final GoldenCase GOLDEN = GoldenCase.named("relu-skip");

  @TempDir Path home;
  private FileServer server;

  @BeforeEach
  void start() throws IOException {
    server = new FileServer();
    server.put("pt", GOLDEN);
    System.setProperty("elmo4j.home", home.toString());
    System.setProperty("elmo4j.mirror", server.address());
  }

  @AfterEach
  void stop() {
    server.close();
    System.clearProperty("elmo4j.home");
    System.clearProperty("elmo4j.mirror");
  }

  private record Result(int code, String out, String err) {}

  private static Result run(String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int code = Main.run(InputStream.nullInputStream(), out, err, args);
    return new Result(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  private static String done(String... args) {
    Result result = run(args);
    assertEquals("", result.err);
    assertEquals(0, result.code);
    return result.out;
  }

  private static String failed(String... args) {
    Result result = run(args);
    assertEquals(1, result.code);
    assertEquals("", result.out);
    assertEquals(1, result.err.lines().count(), result.err);
    return result.err;
  }

  private static String row(String table, String begin) {
    return table.lines().filter(line -> line.startsWith(begin)).findFirst().orElseThrow();
  }

  @Test
  void modelsTellsNamesSizesAndWhatIsHere() {
    String table = done("models");
    assertTrue(
        row(table, "mini-en").matches("mini-en +en +3\\.0 M +\\d\\.\\d MB +in the box .*CC0-1.0"));
    assertTrue(row(table, "small").matches("small +en +13\\.6 M +54\\.4 MB +- .*"), table);
    assertTrue(row(table, "medium").matches("medium +en +28\\.0 M +\\? +- .*"), table);
    assertTrue(
        row(table, "original, elmo").matches("original, elmo +en +93\\.6 M +374\\.4 MB +- .*"),
        table);
    assertTrue(row(table, "pt, elmo").contains(" pt "), table);
    assertEquals("cache: " + home, row(table, "cache"));
    done("info", "pt");
    table = done("models");
    assertTrue(row(table, "pt").matches("pt, elmo +pt +\\? +0\\.5 MB +in the cache .*"), table);
    assertEquals(2, server.requests.size());
  }

  @Test
  void modelsAsJsonTellsAddressesAndSums() throws IOException {
    done("info", "--model", "pt");
    JsonNode models = new ObjectMapper().readTree(done("models", "--json"));
    assertEquals(7, models.size());
    JsonNode small = models.get(1);
    assertEquals("small", small.get("name").textValue());
    assertEquals("en", small.get("language").textValue());
    assertFalse(small.get("cached").booleanValue());
    assertTrue(small.get("folder").isNull());
    assertEquals(13_593_296, small.get("parameters").intValue());
    assertTrue(models.get(6).get("parameters").isNull());
    JsonNode weights = small.get("files").get(1);
    assertEquals(54_402_456, weights.get("size").intValue());
    assertTrue(weights.get("sha256").textValue().startsWith("747ba97abce8"));
    assertTrue(weights.get("url").textValue().startsWith("https://"));
    JsonNode pt = models.get(6);
    assertTrue(pt.get("cached").booleanValue());
    assertEquals(home.resolve("pt").toString(), pt.get("folder").textValue());
    assertTrue(pt.get("files").get(1).get("size").isNull());
    assertEquals("elmo", models.get(3).get("aliases").get(0).textValue());
  }

  @Test
  void aNamedModelEmbedsAsItsFilesDo() {
    String[] local = {
      "embed",
      "--options-file",
      GOLDEN.folder().resolve("options.json").toString(),
      "--weight-file",
      GOLDEN.folder().resolve("weights.hdf5").toString(),
      "I love NLP"
    };
    assertEquals(done(local), done("embed", "--model", "pt", "I love NLP"));
    server.close();
    assertEquals(done(local), done("embed", "--offline", "--model", "PT", "I love NLP"));
    try (ElmoModel model = ElmoModel.pretrained("pt", "pt");
        Embeddings got = model.embed(GOLDEN.sentences(), Layer.lstm(2))) {
      float[][] wanted = GOLDEN.layers()[0][2];
      for (int t = 0; t < wanted.length; t++) {
        float[] row = got.get(Layer.lstm(2), 0).slice(t).toArray();
        assertArrayEquals(wanted[t], row, 2e-5f);
      }
    }
  }

  @Test
  void aNamedModelIsConverted() {
    String file = home.resolve("converted.safetensors").toString();
    done("convert", "pt", file);
    assertEquals(done("info", "pt"), done("info", file));
  }

  @Test
  void offlineNothingIsFetched() {
    assertTrue(failed("embed", "--offline", "--model", "elmo", "x").contains("offline"));
    System.setProperty("elmo4j.offline", "1");
    try {
      assertTrue(failed("verify", "elmo").contains("offline"));
    } finally {
      System.clearProperty("elmo4j.offline");
    }
    assertEquals(List.of(), server.requests);
  }

  @Test
  void aNameThatIsNoneIsSaid() {
    String message = failed("embed", "--model", "tiny", "x");
    assertTrue(message.contains("tiny: expected a model's name, folder or file"), message);
    assertTrue(failed("info", "small").contains("HTTP status 404"));
  }

  @Test
  void aLargeDownloadIsAnnounced() throws IOException {
    byte[] weights = server.get("/pt/weights.hdf5");
    server.put("/pt/weights.hdf5", Arrays.copyOf(weights, 2_000_000));
    Result result = run("info", "pt");
    assertEquals(0, result.code, result.err);
    assertEquals("elmo: downloading the model pt, 2.0 MB", result.err.strip());
  }

  @Test
  void onATerminalABarTellsHowFarItIs() throws InterruptedException {
    assertEquals(
        "[##########----------]  50%  27 of it, 0:00:03 left", Progress.text(3, 0.5, "27 of it"));
    assertEquals("27 of it", Progress.text(3, 0, "27 of it"));
    StringWriter terminal = new StringWriter();
    PrintWriter err = new PrintWriter(terminal);
    ModelHub.Progress progress = Progress.ofDownloads(err, err, "small");
    progress.update("options.json", 0, 300);
    progress.update("weights.hdf5", 4_000_000, 54_000_000); // downloaded by an earlier attempt
    assertEquals("", terminal.toString());
    Thread.sleep(1_050);
    progress.update("weights.hdf5", 29_000_000, 54_000_000);
    assertTrue(
        terminal
            .toString()
            .matches("\\r\\[#{10}-{10}]  50%  small 29\\.0 MB of 54\\.0 MB, .* MB/s, 0:00:01 left"),
        terminal.toString());
    progress.ended();
    assertTrue(terminal.toString().endsWith("\r"), terminal.toString());
  }

  @Test
  void verifyShowsFilesAndTheFirstValuesOfEachLayer() throws IOException {
    String out = done("verify", "pt");
    assertTrue(row(out, home + "/pt/weights.hdf5").contains("none published"), out);
    List<String> lines = out.lines().filter(line -> !line.startsWith("/")).toList();
    assertEquals(16, lines.size(), out); // four layers, each a heading and three tokens
    try (ElmoModel model = ElmoModel.load(home.resolve("pt"));
        Embeddings wanted = model.embed(List.of(List.of("I", "love", "NLP")), Layer.lstm(2))) {
      assertEquals("lstm_outputs2 [" + model.dim(Layer.lstm(2)) + "]", lines.get(8));
      for (int t = 0; t < 3; t++) {
        String[] cells = lines.get(9 + t).strip().split(" +");
        assertEquals(List.of("I", "love", "NLP").get(t), cells[0]);
        for (int i = 0; i < 4; i++) {
          assertEquals(
              wanted.get(Layer.lstm(2), 0).get(t, i), Float.parseFloat(cells[1 + i]), 1e-6f);
        }
      }
    }
    assertEquals(16, done("verify").lines().count());
  }

  @Test
  void verifyRefusesFilesThatAreNotThePublishedOnes() throws IOException {
    Path small = Files.createDirectory(home.resolve("small"));
    Files.copy(GOLDEN.folder().resolve("options.json"), small.resolve("options.json"));
    byte[] wrong = new byte[54_402_456]; // the published size
    Files.write(small.resolve("weights.hdf5"), wrong);
    String message = run("verify", "small").err;
    assertTrue(message.contains("expected sha256 747ba97abce8"), message);
    assertEquals(1, run("verify", "small").code);
  }

  @Test
  void verifyComparesAModelOfTheOriginalSizeWithPublishedValues() {
    // The model has as many cells as the published one; all else is small, so that the test is
    // fast.
    ModelOptions options =
        ModelOptions.builder()
            .charEmbeddingDim(4)
            .maxCharactersPerToken(50)
            .filters(List.of(new Filter(1, 4)))
            .activation(Activation.RELU)
            .highwayLayers(0)
            .lstmDim(4096)
            .projectionDim(4)
            .lstmLayers(2)
            .skipConnections(true)
            .cellClip(3)
            .projectionClip(3)
            .build();
    Path file = home.resolve("model.safetensors");
    try (RandomWeights weights = new RandomWeights(options, 1)) {
      SafetensorsWriter.write(weights, file, Dtype.F32, Map.of());
    }
    String out = done("verify", file.toString());
    assertTrue(row(out, "  NLP").matches("  NLP( +-?\\d\\.\\d{7}){4}"), out);
    assertTrue(out.contains("  love   -0.7348151  -0.0964558"), out);
    assertTrue(out.contains("no layer matches"), out);
  }

  @Test
  void theMatchingLayersAreNamed() {
    double[][] near = new double[3][];
    for (int t = 0; t < 3; t++) {
      near[t] = Arrays.stream(VerifyCommand.PUBLISHED[t]).map(x -> x + 5e-4).toArray();
    }
    double[][] far = near.clone();
    far[2] = new double[] {near[2][0], near[2][1] + 0.1};
    assertEquals(5e-4, VerifyCommand.distance(near), 1e-9);
    assertEquals(
        "they are lstm_outputs1",
        VerifyCommand.verdict(Map.of("elmo", far, "lstm_outputs1", near)));
    assertTrue(VerifyCommand.verdict(Map.of("elmo", far)).startsWith("no layer matches"));
  }
}
