// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import org.elmo4j.ElmoException;

/** Strict JSON: no double keys, nothing after the value; failures on one line. */
public final class Json {
  private static final ObjectMapper MAPPER =
      JsonMapper.builder()
          .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private static final int BRIEF = 80;

  private Json() {}

  private interface Reading {
    JsonNode read() throws IOException;
  }

  /** Reads bytes; {@code source} names them in messages. */
  public static JsonNode parse(byte[] json, String source) {
    return parse(source, () -> MAPPER.readTree(json));
  }

  /** Reads a string; {@code source} names it in messages. */
  public static JsonNode parse(String json, String source) {
    return parse(source, () -> MAPPER.readTree(json));
  }

  private static JsonNode parse(String source, Reading reading) {
    try {
      return reading.read();
    } catch (JsonProcessingException e) {
      String at = e.getLocation() == null ? "" : " at line " + e.getLocation().getLineNr();
      throw new ElmoException(
          source + ": expected JSON, found an error" + at + ": " + brief(e.getOriginalMessage()),
          e);
    } catch (IOException e) {
      throw new ElmoException(source + ": expected JSON, found " + line(e), e);
    }
  }

  /** A value as JSON, cut to a length fit for a message. */
  public static String brief(JsonNode node) {
    String text = node.toString();
    return text.length() <= BRIEF ? text : text.substring(0, BRIEF) + "...";
  }

  /** A string as JSON, quoted, so that whatever it holds stays on one line. */
  public static String brief(String text) {
    return brief(TextNode.valueOf(text));
  }

  /** What went wrong, on one line. */
  public static String line(Throwable e) {
    String name = e.getClass().getSimpleName();
    return e.getMessage() == null ? name : name + " " + brief(e.getMessage());
  }
}
