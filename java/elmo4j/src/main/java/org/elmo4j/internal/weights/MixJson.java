// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Set;
import org.elmo4j.ElmoException;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.files.Json;

/**
 * Reads and writes mixes as JSON: {@code {"format": "elmo4j-mix", "weights": [0.1, 0.5, -0.3],
 * "gamma": 1.2, "layer_norm": "none"}}. {@code gamma} (default 1) and {@code layer_norm} (default
 * none) may be missing.
 */
public final class MixJson {
  private MixJson() {}

  /**
   * Reads a file.
   *
   * @throws ElmoException if it cannot be read or is not a mix
   */
  public static ScalarMix read(Path file) {
    return parse(Json.read(file), file.toString());
  }

  /**
   * Reads a mix from text that {@link #write(ScalarMix)} returned.
   *
   * @param source the origin of the text, for messages
   * @throws ElmoException if it is not a mix
   */
  public static ScalarMix parse(String text, String source) {
    return parse(Json.parse(text, source), source);
  }

  private static ScalarMix parse(JsonNode json, String source) {
    JsonNode list = json.path("weights");
    JsonNode factor = json.path("gamma");
    JsonNode norm = json.path("layer_norm");
    Set<String> known = Set.of("format", "weights", "gamma", "layer_norm");
    boolean good =
        json.path("format").asText().equals("elmo4j-mix")
            && list.isArray()
            && (factor.isNumber() || factor.isMissingNode())
            && (norm.isTextual() || norm.isMissingNode())
            && known.containsAll(Json.fields(json).keySet());
    float[] values = new float[list.size()];
    for (int k = 0; good && k < values.length; k++) {
      good = list.get(k).isNumber();
      values[k] = list.get(k).floatValue();
    }
    if (!good) {
      throw new ElmoException(
          source
              + ": expected format elmo4j-mix, a list of numbers as weights, gamma and layer_norm,"
              + " found "
              + Json.brief(json));
    }
    try {
      return new ScalarMix(
          values,
          factor.isNumber() ? factor.floatValue() : 1,
          norm.isTextual()
              ? ScalarMix.LayerNorm.parse(norm.textValue())
              : ScalarMix.LayerNorm.NONE);
    } catch (ElmoException e) {
      throw new ElmoException(source + ": " + e.getMessage(), e);
    }
  }

  /** Returns the JSON of a mix. */
  public static String write(ScalarMix mix) {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("format", "elmo4j-mix");
    ArrayNode list = json.putArray("weights");
    for (float w : mix.weights()) {
      list.add(w);
    }
    return json.put("gamma", mix.gamma())
        .put("layer_norm", mix.layerNorm().toString())
        .toPrettyString();
  }

  /**
   * Writes a mix to a file. If writing fails, an existing file stays as it was.
   *
   * @throws ElmoException if it cannot be written
   */
  public static void write(ScalarMix mix, Path file) {
    byte[] json = (write(mix) + "\n").getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, channel -> AtomicFile.writeAll(channel, ByteBuffer.wrap(json)));
  }
}
