// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.ModelOptions.Activation;
import org.elmo4j.weights.ModelOptions.Dictionary;
import org.elmo4j.weights.ModelOptions.Filter;

/** Reads and writes model options as JSON. */
public final class OptionsJson {
  private static final int MAX_FILE_BYTES = 1 << 20;

  /** The key of each option in files of AllenNLP and bilm-tf. */
  private static final Map<String, String> ALLENNLP =
      Map.ofEntries(
          Map.entry("charEmbeddingDim", "char_cnn.embedding.dim"),
          Map.entry("maxCharactersPerToken", "char_cnn.max_characters_per_token"),
          Map.entry("filters", "char_cnn.filters"),
          Map.entry("activation", "char_cnn.activation"),
          Map.entry("highwayLayers", "char_cnn.n_highway"),
          Map.entry("lstmDim", "lstm.dim"),
          Map.entry("projectionDim", "lstm.projection_dim"),
          Map.entry("lstmLayers", "lstm.n_layers"),
          Map.entry("skipConnections", "lstm.use_skip_connections"),
          Map.entry("cellClip", "lstm.cell_clip"),
          Map.entry("projectionClip", "lstm.proj_clip"));

  /** The key of each option in files of ELMoForManyLangs. */
  private static final Map<String, String> MANY_LANGS =
      Map.ofEntries(
          Map.entry("charEmbeddingDim", "token_embedder.char_dim"),
          Map.entry("maxCharactersPerToken", "token_embedder.max_characters_per_token"),
          Map.entry("filters", "token_embedder.filters"),
          Map.entry("activation", "token_embedder.activation"),
          Map.entry("highwayLayers", "token_embedder.n_highway"),
          Map.entry("lstmDim", "encoder.dim"),
          Map.entry("projectionDim", "encoder.projection_dim"),
          Map.entry("lstmLayers", "encoder.n_layers"),
          Map.entry("cellClip", "encoder.cell_clip"),
          Map.entry("projectionClip", "encoder.proj_clip"));

  private OptionsJson() {}

  /**
   * Reads an {@code options.json} of AllenNLP or bilm-tf. Unknown keys are ignored.
   *
   * @throws ElmoException if it cannot be read, is not JSON, lacks a key, or has a value of the
   *     wrong type or out of range
   */
  public static ModelOptions parse(Path file) {
    return parse(readJson(file), file.toString());
  }

  /** Reads a small JSON file. */
  static JsonNode readJson(Path file) {
    byte[] json;
    try (InputStream in = Files.newInputStream(file)) {
      json = in.readNBytes(MAX_FILE_BYTES + 1);
    } catch (IOException e) {
      throw new ElmoException(
          file + ": expected a readable options file, found " + FoundFile.unreadable(file, e), e);
    }
    if (json.length > MAX_FILE_BYTES) {
      throw new ElmoException(
          file + ": expected an options file of at most " + MAX_FILE_BYTES + " bytes, found more");
    }
    if (DataFile.isPointer(json)) {
      throw DataFile.pointer(file);
    }
    return Json.parse(json, file.toString());
  }

  /**
   * Like {@link #parse(Path)} from text.
   *
   * @param source the origin of the text, for messages
   */
  public static ModelOptions parse(String json, String source) {
    return parse(Json.parse(json, source), source);
  }

  private static ModelOptions parse(JsonNode root, String source) {
    return read(source, ALLENNLP, () -> new Parser(root).options());
  }

  /** Reads options. Messages name a wrong option by the key in the file. */
  private static ModelOptions read(
      String source, Map<String, String> keys, Supplier<ModelOptions> parser) {
    try {
      return parser.get();
    } catch (ModelOptions.InvalidException e) {
      String key = keys.getOrDefault(e.option(), e.option());
      throw new ElmoException(source + ": " + key + e.problem(), e);
    } catch (ElmoException e) {
      throw new ElmoException(source + ": " + e.getMessage(), e);
    }
  }

  /**
   * Reads the structure of an ELMoForManyLangs model from the file that its {@code config.json}
   * names.
   *
   * @param characters rows of the character table
   * @param words rows of the word table; 0 if there is none
   */
  static ModelOptions parseManyLangs(JsonNode root, String source, int characters, int words) {
    return read(source, MANY_LANGS, () -> new Parser(root).manyLangs(characters, words));
  }

  /** Gets values from the tree. Messages begin with the key. */
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
      // This key is missing in some files of bilm-tf, and so is n_layers below.
      int characters = integer("char_cnn.n_characters", ModelOptions.BYTE_CHARACTERS);
      Dictionary dictionary = null;
      if (find("dictionary", false, "an object", JsonNode::isObject) != null) {
        dictionary =
            new Dictionary(
                integer("dictionary.characters", null),
                integer("dictionary.words", null),
                integer("dictionary.word_dim", null));
        if (characters - 1 != dictionary.characters()) {
          throw new ElmoException(
              "char_cnn.n_characters: expected dictionary.characters, "
                  + dictionary.characters()
                  + ", and 1, found "
                  + characters);
        }
        // bilm-tf trains with 261 ids; 262 also counts the masked one. The weights are the same.
      } else if (characters != ModelOptions.BYTE_CHARACTERS
          && characters != ModelOptions.BYTE_CHARACTERS + 1) {
        throw new ElmoException("char_cnn.n_characters: expected 261 or 262, found " + characters);
      }
      return ModelOptions.builder()
          .charEmbeddingDim(integer("char_cnn.embedding.dim", null))
          .maxCharactersPerToken(integer("char_cnn.max_characters_per_token", 50))
          .filters(filterList("char_cnn.filters"))
          .activation(activation("char_cnn.activation"))
          .highwayLayers(integer("char_cnn.n_highway", 0))
          .lstmDim(integer("lstm.dim", null))
          .projectionDim(integer("lstm.projection_dim", null))
          .lstmLayers(integer("lstm.n_layers", 1))
          .skipConnections(flag("lstm.use_skip_connections", false))
          .cellClip(clip("lstm.cell_clip"))
          .projectionClip(clip("lstm.proj_clip"))
          .dictionary(dictionary)
          .build();
    }

    ModelOptions manyLangs(int characters, int words) {
      name("encoder.name", "elmo");
      name("token_embedder.name", "cnn");
      int wordDim = integer("token_embedder.word_dim", null);
      if (wordDim > 0 != words > 0) {
        throw new ElmoException(
            "token_embedder.word_dim: expected "
                + (words > 0 ? "that of a table of " + words + " words" : "0 without a word table")
                + ", found "
                + wordDim);
      }
      return ModelOptions.builder()
          .charEmbeddingDim(integer("token_embedder.char_dim", null))
          .maxCharactersPerToken(integer("token_embedder.max_characters_per_token", null))
          .filters(filterList("token_embedder.filters"))
          .activation(activation("token_embedder.activation"))
          .highwayLayers(integer("token_embedder.n_highway", null))
          .lstmDim(integer("encoder.dim", null))
          .projectionDim(integer("encoder.projection_dim", null))
          .lstmLayers(integer("encoder.n_layers", null))
          .skipConnections(true)
          .cellClip(clip("encoder.cell_clip"))
          .projectionClip(clip("encoder.proj_clip"))
          .dictionary(new Dictionary(characters, words, wordDim))
          .build();
    }

    private void name(String path, String expected) {
      String found = find(path, true, expected, JsonNode::isTextual).textValue();
      if (!found.equals(expected)) {
        throw new ElmoException(path + ": expected " + expected + ", found " + Json.brief(found));
      }
    }

    private interface Check {
      boolean test(JsonNode node);
    }

    /** The value at a path of keys; null if it is optional and missing or null. */
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

    private Activation activation(String path) {
      String name = find(path, true, "relu or tanh", JsonNode::isTextual).textValue();
      return switch (name) {
        case "relu" -> Activation.RELU;
        case "tanh" -> Activation.TANH;
        default ->
            throw new ElmoException(path + ": expected relu or tanh, found " + Json.brief(name));
      };
    }

    private List<Filter> filterList(String path) {
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
   * Writes options in AllenNLP's format, on one line, for {@link #parse(String, String)}. The
   * tables of an ELMoForManyLangs model are under the key {@code dictionary}, which only elmo4j
   * uses.
   */
  public static String write(ModelOptions options) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    ObjectNode lstm = root.putObject("lstm");
    lstm.put("use_skip_connections", options.skipConnections());
    lstm.put("projection_dim", options.projectionDim());
    lstm.put("cell_clip", options.cellClip() == 0 ? null : (Float) options.cellClip());
    lstm.put("proj_clip", options.projectionClip() == 0 ? null : (Float) options.projectionClip());
    lstm.put("dim", options.lstmDim());
    lstm.put("n_layers", options.lstmLayers());
    ObjectNode cnn = root.putObject("char_cnn");
    cnn.put("activation", options.activation().name().toLowerCase(Locale.ROOT));
    ArrayNode list = cnn.putArray("filters");
    options.filters().forEach(f -> list.addArray().add(f.width()).add(f.count()));
    cnn.put("n_highway", options.highwayLayers());
    cnn.putObject("embedding").put("dim", options.charEmbeddingDim());
    cnn.put("n_characters", options.characters() + 1);
    cnn.put("max_characters_per_token", options.maxCharactersPerToken());
    if (options.dictionary().isPresent()) {
      root.putObject("dictionary")
          .put("characters", options.characters())
          .put("words", options.words())
          .put("word_dim", options.wordDim());
    }
    return root.toString();
  }

  /**
   * Checks that options state the sizes that the weights have.
   *
   * @param options the options of a file
   * @param found the structure that follows from the shapes of the weights; options that shapes
   *     cannot show are not compared
   * @param source the origin of the options, for messages
   * @throws ElmoException if a size differs; the message names the first key
   */
  static void checkSizes(ModelOptions options, ModelOptions found, String source) {
    same(source, "char_cnn.embedding.dim", options.charEmbeddingDim(), found.charEmbeddingDim());
    same(source, "char_cnn.filters", options.filters(), found.filters());
    same(source, "char_cnn.n_highway", options.highwayLayers(), found.highwayLayers());
    same(source, "lstm.dim", options.lstmDim(), found.lstmDim());
    same(source, "lstm.projection_dim", options.projectionDim(), found.projectionDim());
    same(source, "lstm.n_layers", options.lstmLayers(), found.lstmLayers());
  }

  private static void same(String source, String key, Object stated, Object found) {
    if (!stated.equals(found)) {
      throw new ElmoException(
          source + ": " + key + ": expected " + found + " as the weights have, found " + stated);
    }
  }
}
