// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.ModelOptions.Activation;
import org.elmo4j.weights.ModelOptions.Filter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelOptionsTest {
  private static final String ALLENNLP =
      """
      {"lstm": {"use_skip_connections": true, "projection_dim": 16, "cell_clip": 0.6,
                "proj_clip": 3, "dim": 64, "n_layers": 2},
       "char_cnn": {"activation": "tanh", "filters": [[1, 4], [3, 8]], "n_highway": 1,
                    "embedding": {"dim": 5}, "n_characters": 262,
                    "max_characters_per_token": 40}}
      """;

  private static ModelOptions parse(String json) {
    return OptionsJson.parse(json, "o.json");
  }

  private static String failure(String json) {
    String message = assertThrows(ElmoException.class, () -> parse(json)).getMessage();
    assertTrue(message.startsWith("o.json: "), message);
    assertFalse(message.contains("\n"), message);
    return message.substring("o.json: ".length());
  }

  @Test
  void allenNlpOptionsAreRead() {
    assertEquals(
        ModelOptions.builder()
            .charEmbeddingDim(5)
            .maxCharactersPerToken(40)
            .filters(List.of(new Filter(1, 4), new Filter(3, 8)))
            .activation(Activation.TANH)
            .highwayLayers(1)
            .lstmDim(64)
            .projectionDim(16)
            .lstmLayers(2)
            .skipConnections(true)
            .cellClip(0.6f)
            .projectionClip(3)
            .build(),
        parse(ALLENNLP));
  }

  @Test
  void bilmTrainingOptionsAreRead() {
    ModelOptions options =
        parse(
            """
            {"bidirectional": true, "dropout": 0.1, "all_clip_norm_val": 10.0, "n_epochs": 10,
             "n_train_tokens": 768648884, "batch_size": 128, "n_tokens_vocab": 793471,
             "unroll_steps": 20, "n_negative_samples_batch": 8192,
             "char_cnn": {"activation": "relu", "embedding": {"dim": 16}, "filters": [[1, 32]],
                          "max_characters_per_token": 50, "n_characters": 261, "n_highway": 2},
             "lstm": {"cell_clip": 3, "dim": 4096, "n_layers": 2, "proj_clip": 3,
                      "projection_dim": 512, "use_skip_connections": true}}
            """);
    assertEquals(
        ModelOptions.builder()
            .charEmbeddingDim(16)
            .maxCharactersPerToken(50)
            .filters(List.of(new Filter(1, 32)))
            .activation(Activation.RELU)
            .highwayLayers(2)
            .lstmDim(4096)
            .projectionDim(512)
            .lstmLayers(2)
            .skipConnections(true)
            .cellClip(3)
            .projectionClip(3)
            .build(),
        options);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", ", \"cell_clip\": null, \"proj_clip\": null, \"use_skip_connections\": null"})
  void whatMayBeMissingHasItsDefault(String nulls) {
    assertEquals(
        ModelOptions.builder()
            .charEmbeddingDim(16)
            .maxCharactersPerToken(50)
            .filters(List.of(new Filter(1, 32)))
            .activation(Activation.RELU)
            .highwayLayers(0)
            .lstmDim(8)
            .projectionDim(4)
            .lstmLayers(1)
            .skipConnections(false)
            .cellClip(0)
            .projectionClip(0)
            .build(),
        parse(
            "{\"lstm\": {\"dim\": 8, \"projection_dim\": 4, \"n_layers\": 1"
                + nulls
                + "}, \"char_cnn\": {\"activation\": \"relu\", \"filters\": [[1, 32]],"
                + " \"embedding\": {\"dim\": 16}, \"n_characters\": 262}}"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"tanh\"|\"gelu\"|char_cnn.activation: expected relu or tanh, found \"gelu\"",
        "\"tanh\"|\"TANH\"|char_cnn.activation: expected relu or tanh, found \"TANH\"",
        "\"tanh\"|3|char_cnn.activation: expected relu or tanh, found 3",
        "262|260|char_cnn.n_characters: expected 261 or 262, found 260",
        "\"n_layers\": 2|\"n_layers\": 0|lstm.n_layers: expected 1 to 256, found 0",
        "\"n_layers\": 2|\"n_layers\": 257|lstm.n_layers: expected 1 to 256, found 257",
        "\"n_layers\": 2|\"n_layers\": 2.0|lstm.n_layers: expected a whole number, found 2.0",
        "\"dim\": 64|\"dim\": -64|lstm.dim: expected 1 to 1048576, found -64",
        "\"dim\": 64|\"dim\": \"64\"|lstm.dim: expected a whole number, found \"64\"",
        "\"dim\": 64|\"dim\": 99999999999|lstm.dim: expected a whole number, found 99999999999",
        "\"dim\": 64|\"dim\": null|lstm.dim: expected a whole number, found null",
        "16|0|lstm.projection_dim: expected 1 to 1048576, found 0",
        "{\"dim\": 5}|5|char_cnn.embedding.dim: expected a whole number, found no such key",
        "\"dim\": 5|\"dim\": 0|char_cnn.embedding.dim: expected 1 to 1048576, found 0",
        "0.6|-1|lstm.cell_clip: expected a finite number, 0 for none, found -1.0",
        "0.6|1e60|lstm.cell_clip: expected a finite number, 0 for none, found Infinity",
        "0.6|1e-60|lstm.cell_clip: expected a 32-bit float, found 1.0E-60",
        "0.6|\"3\"|lstm.cell_clip: expected a number or null, found \"3\"",
        "\"proj_clip\": 3|\"proj_clip\": false|lstm.proj_clip: expected a number or null, found"
            + " false",
        "true|1|lstm.use_skip_connections: expected true or false, found 1",
        "\"n_highway\": 1|\"n_highway\": -1|char_cnn.n_highway: expected 0 to 256, found -1",
        "40|2|char_cnn.max_characters_per_token: expected 3 to 32767, found 2",
        "[[1, 4], [3, 8]]|[]|char_cnn.filters' count: expected 1 to 256, found 0",
        "[[1, 4], [3, 8]]|{}|char_cnn.filters: expected a list of [width, count], found {}",
        "[3, 8]|[3]|char_cnn.filters[1]: expected [width, count], found [3]",
        "[3, 8]|[3, 8.5]|char_cnn.filters[1]: expected [width, count], found [3,8.5]",
        "[3, 8]|[41, 8]|char_cnn.filters[1] width: expected 1 to 40, found 41",
        "[3, 8]|[3, -8]|char_cnn.filters[1] count: expected 1 to 1048576, found -8",
        "{\"lstm\"|{\"bidirectional\": false, \"lstm\"|bidirectional: expected true, found false",
      })
  void badValuesAreNamed(String from, String to, String message) {
    assertEquals(message, failure(ALLENNLP.replace(from, to == null ? "" : to)));
  }

  @Test
  void missingPartsAreNamed() {
    assertEquals("lstm: expected an object, found no such key", failure("{}"));
    assertEquals(
        "char_cnn: expected an object, found []", failure("{\"lstm\": {}, \"char_cnn\": []}"));
    assertEquals("expected a JSON object with lstm and char_cnn, found []", failure("[]"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "{",
        "no json",
        "{\"lstm\": NaN}",
        "{\"a\": 1, \"a\": 2}",
        "{} {}",
        "\u0000"
      })
  void whatIsNoJsonIsRefused(String text) {
    String message = failure(text);
    assertTrue(message.contains("expected"), message);
  }

  @Test
  void aDeepNestOfBracketsIsRefused() {
    assertTrue(failure("[".repeat(500_000)).startsWith("expected JSON, found an error"));
  }

  @Test
  void tensorsTooLargeForAnArrayAreRefused() {
    assertEquals(
        "lstm.dim: expected at most 2147483639 numbers a tensor, found 1024 x 4194304",
        failure(ALLENNLP.replace("64", "1048576").replace(": 16", ": 512")));
  }

  @Test
  void filesThatCannotBeReadAreNamed(@TempDir Path dir) throws IOException {
    Path missing = dir.resolve("missing.json");
    ElmoException e = assertThrows(ElmoException.class, () -> OptionsJson.parse(missing));
    assertTrue(
        e.getMessage()
            .startsWith(missing + ": expected a readable options file, found no such file"));
    assertThrows(ElmoException.class, () -> OptionsJson.parse(dir));
    Path huge = Files.write(dir.resolve("huge.json"), new byte[(1 << 20) + 1]);
    assertEquals(
        huge + ": expected an options file of at most 1048576 bytes, found more",
        assertThrows(ElmoException.class, () -> OptionsJson.parse(huge)).getMessage());
  }

  @Test
  void jsonGoesThereAndBack() {
    for (ModelOptions options :
        List.of(
            parse(ALLENNLP),
            ModelOptions.original(),
            ModelOptions.builder()
                .charEmbeddingDim(1)
                .maxCharactersPerToken(3)
                .filters(List.of(new Filter(3, 1)))
                .activation(Activation.TANH)
                .highwayLayers(0)
                .lstmDim(1)
                .projectionDim(1)
                .lstmLayers(1)
                .skipConnections(false)
                .cellClip(0)
                .projectionClip(1e-3f)
                .build())) {
      assertEquals(options, parse(OptionsJson.write(options)));
      assertFalse(OptionsJson.write(options).contains("\n"));
    }
  }

  @Test
  void publishedStructuresHaveTheirPublishedSizes() {
    assertEquals(93_600_848L, TensorShapes.parameters(ModelOptions.original()));
    assertEquals(13_593_296L, TensorShapes.parameters(ModelOptions.small()));
    assertEquals(28_027_728L, TensorShapes.parameters(ModelOptions.medium()));
    assertEquals(2048, ModelOptions.medium().filterCount());
  }

  @Test
  void tensorShapesAreThoseOfTheFile() {
    Map<String, long[]> shapes = TensorShapes.of(parse(ALLENNLP));
    assertArrayEquals(new long[] {261, 5}, shapes.get("char_embed"));
    assertArrayEquals(new long[] {1, 3, 5, 8}, shapes.get("CNN/W_cnn_1"));
    assertArrayEquals(new long[] {8}, shapes.get("CNN/b_cnn_1"));
    assertArrayEquals(new long[] {12, 12}, shapes.get("CNN_high_0/W_transform"));
    assertArrayEquals(new long[] {12}, shapes.get("CNN_high_0/b_carry"));
    assertArrayEquals(new long[] {12, 16}, shapes.get("CNN_proj/W_proj"));
    assertArrayEquals(new long[] {16}, shapes.get("CNN_proj/b_proj"));
    String cell = "RNN_1/RNN/MultiRNNCell/Cell1/LSTMCell/";
    assertArrayEquals(new long[] {32, 256}, shapes.get(cell + "W_0"));
    assertArrayEquals(new long[] {256}, shapes.get(cell + "B"));
    assertArrayEquals(new long[] {64, 16}, shapes.get(cell + "W_P_0"));
    assertEquals(1 + 4 + 4 + 2 + 12, shapes.size());
  }

  @Test
  void noProjectionWhereTheFiltersSumToIt() {
    assertFalse(
        TensorShapes.of(parse(ALLENNLP.replace("16", "12"))).containsKey("CNN_proj/W_proj"));
  }
}
