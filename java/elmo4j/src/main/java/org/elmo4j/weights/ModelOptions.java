// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.weights;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.elmo4j.ElmoException;

/**
 * The structure of a model, as {@code options.json} of AllenNLP and bilm-tf states it. Immutable.
 *
 * @param charEmbeddingDim size of a character's embedding (16 in the published models)
 * @param maxCharactersPerToken slots a token has, boundaries included (50)
 * @param filters the convolution's filters, in order
 * @param activation after the convolution's maximum
 * @param highwayLayers 0 or more
 * @param lstmDim cells of one LSTM layer and direction (4096)
 * @param projectionDim P: size of the token representation and of one direction's output (512)
 * @param lstmLayers 1 or more
 * @param skipConnections from the second layer on, add a layer's input to its output
 * @param cellClip bound of the cell state; 0 for none
 * @param projectionClip bound of the projected output; 0 for none
 */
public record ModelOptions(
    int charEmbeddingDim,
    int maxCharactersPerToken,
    List<Filter> filters,
    Activation activation,
    int highwayLayers,
    int lstmDim,
    int projectionDim,
    int lstmLayers,
    boolean skipConnections,
    float cellClip,
    float projectionClip) {

  /** Rows of {@code char_embed}: the ids without 0, which stands for masked positions. */
  static final int CHARACTERS = 261;

  static final String CNN_PROJECTION_WEIGHTS = "CNN_proj/W_proj";
  static final String CNN_PROJECTION_BIAS = "CNN_proj/b_proj";

  /** Far above any model there is; keeps sums and products of sizes from running over. */
  private static final int MAX_DIM = 1 << 20;

  private static final int MAX_PARTS = 256;
  private static final int MAX_FILE_BYTES = 1 << 20;

  /** {@code count} filters over {@code width} characters. */
  public record Filter(int width, int count) {}

  /** The function after the convolution's maximum. */
  public enum Activation {
    /** max(x, 0). */
    RELU,
    /** Hyperbolic tangent. */
    TANH
  }

  /**
   * Checks all numbers.
   *
   * @throws ElmoException if one is out of range, or a tensor would have more numbers than an array
   *     can hold
   */
  public ModelOptions {
    filters = List.copyOf(filters);
    range("char_cnn.embedding.dim", charEmbeddingDim, 1, MAX_DIM);
    range("char_cnn.max_characters_per_token", maxCharactersPerToken, 3, Short.MAX_VALUE);
    range("char_cnn.filters' count", filters.size(), 1, MAX_PARTS);
    for (int i = 0; i < filters.size(); i++) {
      range("char_cnn.filters[" + i + "] width", filters.get(i).width, 1, maxCharactersPerToken);
      range("char_cnn.filters[" + i + "] count", filters.get(i).count, 1, MAX_DIM);
    }
    range("char_cnn.n_highway", highwayLayers, 0, MAX_PARTS);
    range("lstm.dim", lstmDim, 1, MAX_DIM);
    range("lstm.projection_dim", projectionDim, 1, MAX_DIM);
    range("lstm.n_layers", lstmLayers, 1, MAX_PARTS);
    clip("lstm.cell_clip", cellClip);
    clip("lstm.proj_clip", projectionClip);
    if (activation == null) {
      throw new ElmoException("char_cnn.activation: expected relu or tanh, found null");
    }
    shapes(charEmbeddingDim, filters, highwayLayers, lstmDim, projectionDim, lstmLayers, true)
        .forEach(
            (name, shape) -> {
              if (Tensors.count(shape) > Tensors.MAX_COUNT) {
                throw new ElmoException(
                    "sizes: expected at most "
                        + Tensors.MAX_COUNT
                        + " numbers a tensor, found "
                        + name
                        + " "
                        + Arrays.toString(shape));
              }
            });
  }

  private static void range(String key, int value, int min, int max) {
    if (value < min || value > max) {
      throw new ElmoException(key + ": expected " + min + " to " + max + ", found " + value);
    }
  }

  private static void clip(String key, float value) {
    if (!(value >= 0 && Float.isFinite(value))) {
      throw new ElmoException(key + ": expected a finite number, 0 for none, found " + value);
    }
  }

  /**
   * The published small model: 2 x 1024 cells, projection 128, one highway layer; 13.6 M
   * parameters.
   */
  public static ModelOptions small() {
    return published(1024, 128, 1);
  }

  /**
   * The published medium model: 2 x 2048 cells, projection 256, one highway layer; 28.0 M
   * parameters.
   */
  public static ModelOptions medium() {
    return published(2048, 256, 1);
  }

  /**
   * The published original (and 5.5B) model: 2 x 4096 cells, projection 512, two highway layers;
   * 93.6 M parameters.
   */
  public static ModelOptions original() {
    return published(4096, 512, 2);
  }

  private static ModelOptions published(int lstmDim, int projectionDim, int highwayLayers) {
    List<Filter> filters =
        List.of(
            new Filter(1, 32),
            new Filter(2, 32),
            new Filter(3, 64),
            new Filter(4, 128),
            new Filter(5, 256),
            new Filter(6, 512),
            new Filter(7, 1024));
    return new ModelOptions(
        16, 50, filters, Activation.RELU, highwayLayers, lstmDim, projectionDim, 2, true, 3, 3);
  }

  /**
   * Reads an {@code options.json} of AllenNLP or bilm-tf (where it may have more keys).
   *
   * @throws ElmoException if it cannot be read, is no JSON, lacks a key, or has a value of the
   *     wrong type or out of range
   */
  public static ModelOptions parse(Path file) {
    byte[] json;
    try (InputStream in = Files.newInputStream(file)) {
      json = in.readNBytes(MAX_FILE_BYTES + 1);
    } catch (IOException e) {
      throw new ElmoException(
          file + ": expected a readable options file, found " + Json.line(e), e);
    }
    if (json.length > MAX_FILE_BYTES) {
      throw new ElmoException(
          file + ": expected an options file of at most " + MAX_FILE_BYTES + " bytes, found more");
    }
    return parse(Json.parse(json, file.toString()), file.toString());
  }

  /**
   * As {@link #parse(Path)} from text.
   *
   * @param source where the text comes from, for messages
   */
  public static ModelOptions parse(String json, String source) {
    return parse(Json.parse(json, source), source);
  }

  private static ModelOptions parse(JsonNode root, String source) {
    try {
      return new Parser(root).options();
    } catch (ElmoException e) {
      throw new ElmoException(source + ": " + e.getMessage(), e);
    }
  }

  /** Takes values out of the tree; messages begin with the key. */
  private record Parser(JsonNode root) {
    ModelOptions options() {
      if (!root.isObject()) {
        throw new ElmoException(
            "expected a JSON object with lstm and char_cnn, found " + Json.brief(root));
      }
      find("lstm", true, "an object", JsonNode::isObject);
      find("char_cnn", true, "an object", JsonNode::isObject);
      if (!flag("bidirectional", true)) {
        throw new ElmoException("bidirectional: expected true, found false");
      }
      int characters = integer("char_cnn.n_characters", null);
      // bilm-tf trains with 261 ids; 262 counts the masked one as well. The weights are the same.
      if (characters != CHARACTERS && characters != CHARACTERS + 1) {
        throw new ElmoException("char_cnn.n_characters: expected 261 or 262, found " + characters);
      }
      return new ModelOptions(
          integer("char_cnn.embedding.dim", null),
          integer("char_cnn.max_characters_per_token", 50),
          filterList(),
          activation(),
          integer("char_cnn.n_highway", 0),
          integer("lstm.dim", null),
          integer("lstm.projection_dim", null),
          integer("lstm.n_layers", null),
          flag("lstm.use_skip_connections", false),
          clip("lstm.cell_clip"),
          clip("lstm.proj_clip"));
    }

    private interface Check {
      boolean test(JsonNode node);
    }

    /** The value at a path of keys; null if it is missing or null and need not be there. */
    private JsonNode find(String path, boolean required, String expected, Check check) {
      JsonNode node = root;
      for (String key : path.split("\\.")) {
        node = node.path(key);
      }
      if (node.isMissingNode() || node.isNull()) {
        if (required) {
          throw new ElmoException(
              path
                  + ": expected "
                  + expected
                  + ", found "
                  + (node.isNull() ? "null" : "no such key"));
        }
        return null;
      }
      if (!check.test(node)) {
        throw new ElmoException(path + ": expected " + expected + ", found " + Json.brief(node));
      }
      return node;
    }

    private static boolean isInt(JsonNode node) {
      return node.isIntegralNumber() && node.canConvertToInt();
    }

    private int integer(String path, Integer otherwise) {
      JsonNode node = find(path, otherwise == null, "a whole number", Parser::isInt);
      return node == null ? otherwise : node.intValue();
    }

    private boolean flag(String path, boolean otherwise) {
      JsonNode node = find(path, false, "true or false", JsonNode::isBoolean);
      return node == null ? otherwise : node.booleanValue();
    }

    private float clip(String path) {
      JsonNode node = find(path, false, "a number or null", JsonNode::isNumber);
      if (node == null) {
        return 0;
      }
      double value = node.doubleValue();
      if (value != 0 && (float) value == 0) {
        throw new ElmoException(path + ": expected a 32-bit float, found " + Json.brief(node));
      }
      return (float) value;
    }

    private Activation activation() {
      String name =
          find("char_cnn.activation", true, "relu or tanh", JsonNode::isTextual).textValue();
      return switch (name) {
        case "relu" -> Activation.RELU;
        case "tanh" -> Activation.TANH;
        default ->
            throw new ElmoException(
                "char_cnn.activation: expected relu or tanh, found " + Json.brief(name));
      };
    }

    private List<Filter> filterList() {
      String path = "char_cnn.filters";
      JsonNode node = find(path, true, "a list of [width, count]", JsonNode::isArray);
      List<Filter> filters = new ArrayList<>();
      for (JsonNode pair : node) {
        if (!pair.isArray() || pair.size() != 2 || !isInt(pair.get(0)) || !isInt(pair.get(1))) {
          throw new ElmoException(
              path
                  + "["
                  + filters.size()
                  + "]: expected [width, count], found "
                  + Json.brief(pair));
        }
        filters.add(new Filter(pair.get(0).intValue(), pair.get(1).intValue()));
      }
      return filters;
    }
  }

  /**
   * These options in AllenNLP's form, on one line; {@link #parse(String, String)} gives them back.
   */
  public String toJson() {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    ObjectNode lstm = root.putObject("lstm");
    lstm.put("use_skip_connections", skipConnections);
    lstm.put("projection_dim", projectionDim);
    lstm.put("cell_clip", cellClip == 0 ? null : (Float) cellClip);
    lstm.put("proj_clip", projectionClip == 0 ? null : (Float) projectionClip);
    lstm.put("dim", lstmDim);
    lstm.put("n_layers", lstmLayers);
    ObjectNode cnn = root.putObject("char_cnn");
    cnn.put("activation", activation.name().toLowerCase(Locale.ROOT));
    ArrayNode list = cnn.putArray("filters");
    filters.forEach(f -> list.addArray().add(f.width).add(f.count));
    cnn.put("n_highway", highwayLayers);
    cnn.putObject("embedding").put("dim", charEmbeddingDim);
    cnn.put("n_characters", CHARACTERS + 1);
    cnn.put("max_characters_per_token", maxCharactersPerToken);
    return root.toString();
  }

  /** All filters together: the size of a token between the convolution and the projection. */
  public int filterCount() {
    return filters.stream().mapToInt(Filter::count).sum();
  }

  /**
   * Names and shapes of the tensors a model of this structure has, in the order of the computation.
   * The projection after the convolution ({@code CNN_proj}) is among them unless the filters
   * already sum to {@link #projectionDim}; a file may have one then all the same.
   */
  public Map<String, long[]> tensorShapes() {
    return tensorShapes(filterCount() != projectionDim);
  }

  /** As {@link #tensorShapes()}, with or without {@code CNN_proj}. */
  Map<String, long[]> tensorShapes(boolean cnnProjection) {
    return shapes(
        charEmbeddingDim,
        filters,
        highwayLayers,
        lstmDim,
        projectionDim,
        lstmLayers,
        cnnProjection);
  }

  private static Map<String, long[]> shapes(
      int embedding,
      List<Filter> filters,
      int highways,
      int cells,
      int p,
      int layers,
      boolean cnnProjection) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put("char_embed", new long[] {CHARACTERS, embedding});
    long features = 0;
    for (int i = 0; i < filters.size(); i++) {
      Filter filter = filters.get(i);
      shapes.put("CNN/W_cnn_" + i, new long[] {1, filter.width, embedding, filter.count});
      shapes.put("CNN/b_cnn_" + i, new long[] {filter.count});
      features += filter.count;
    }
    for (int i = 0; i < highways; i++) {
      String prefix = "CNN_high_" + i + "/";
      shapes.put(prefix + "W_carry", new long[] {features, features});
      shapes.put(prefix + "b_carry", new long[] {features});
      shapes.put(prefix + "W_transform", new long[] {features, features});
      shapes.put(prefix + "b_transform", new long[] {features});
    }
    if (cnnProjection) {
      shapes.put(CNN_PROJECTION_WEIGHTS, new long[] {features, p});
      shapes.put(CNN_PROJECTION_BIAS, new long[] {p});
    }
    for (int direction = 0; direction < 2; direction++) {
      for (int k = 0; k < layers; k++) {
        String prefix = lstm(direction, k);
        shapes.put(prefix + "W_0", new long[] {2L * p, 4L * cells});
        shapes.put(prefix + "B", new long[] {4L * cells});
        shapes.put(prefix + "W_P_0", new long[] {cells, p});
      }
    }
    return shapes;
  }

  /** What the names of a layer's tensors begin with; direction 0 reads forward. */
  static String lstm(int direction, int layer) {
    return "RNN_" + direction + "/RNN/MultiRNNCell/Cell" + layer + "/LSTMCell/";
  }

  /**
   * Checks that these options state the sizes that weights have.
   *
   * @param found the structure after the weights' shapes; what shapes cannot show is not looked at
   * @param source of these options, for the message
   * @throws ElmoException naming the first key that does not fit
   */
  void checkSizes(ModelOptions found, String source) {
    same(source, "char_cnn.embedding.dim", charEmbeddingDim, found.charEmbeddingDim);
    same(source, "char_cnn.filters", filters, found.filters);
    same(source, "char_cnn.n_highway", highwayLayers, found.highwayLayers);
    same(source, "lstm.dim", lstmDim, found.lstmDim);
    same(source, "lstm.projection_dim", projectionDim, found.projectionDim);
    same(source, "lstm.n_layers", lstmLayers, found.lstmLayers);
  }

  private static void same(String source, String key, Object stated, Object found) {
    if (!stated.equals(found)) {
      throw new ElmoException(
          source + ": " + key + ": expected " + found + " as the weights have, found " + stated);
    }
  }

  /** The count of all trained numbers: those of {@link #tensorShapes()}. */
  public long parameters() {
    return tensorShapes().values().stream().mapToLong(Tensors::count).sum();
  }
}
