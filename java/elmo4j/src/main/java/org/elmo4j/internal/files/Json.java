// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.util.JsonParserDelegate;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.elmo4j.ElmoException;

/**
 * Parses strict JSON: no key occurs twice, and nothing follows the value. Messages of failures are
 * one line. A text may have at most 250,000 values and names, far more than any file of elmo4j has,
 * since the tree takes up to 60 bytes for each of them.
 */
public final class Json {
  private static final ObjectMapper MAPPER =
      JsonMapper.builder().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION).build();

  private static final int MAX_TOKENS = 1 << 18;
  private static final int MAX_FILE_BYTES = 1 << 20;
  private static final int BRIEF = 80;

  private Json() {}

  private interface Opening {
    JsonParser open() throws IOException;
  }

  /**
   * Counts values and names. Jackson has such a limit too, but not in the version that Spark uses.
   */
  private static final class Counted extends JsonParserDelegate {
    private int tokens;

    Counted(JsonParser parser) {
      super(parser);
    }

    @Override
    public JsonToken nextToken() throws IOException {
      if (++tokens > MAX_TOKENS) {
        throw new JsonParseException(this, "more than " + MAX_TOKENS + " values");
      }
      return super.nextToken();
    }
  }

  /** Reads bytes; {@code source} names them in messages. */
  public static JsonNode parse(byte[] json, String source) {
    return parse(source, () -> MAPPER.createParser(json));
  }

  /** Reads a string; {@code source} names it in messages. */
  public static JsonNode parse(String json, String source) {
    return parse(source, () -> MAPPER.createParser(json));
  }

  /** Reads a stream, which the caller closes; {@code source} names it in messages. */
  public static JsonNode parse(InputStream json, String source) {
    return parse(source, () -> MAPPER.createParser(json));
  }

  /**
   * Reads a file of at most 1 MiB.
   *
   * @throws ElmoException if it cannot be read or is not JSON
   */
  public static JsonNode read(Path file) {
    byte[] json;
    try (InputStream in = Files.newInputStream(file)) {
      json = in.readNBytes(MAX_FILE_BYTES + 1);
    } catch (IOException e) {
      throw new ElmoException(
          file + ": expected a file of JSON, found " + FoundFile.unreadable(file, e), e);
    }
    String kind = FoundFile.kind(json, json.length);
    if (kind != null) {
      throw new ElmoException(file + ": expected a file of JSON, found " + kind);
    }
    if (json.length > MAX_FILE_BYTES) {
      throw new ElmoException(
          file + ": expected JSON of at most " + MAX_FILE_BYTES + " bytes, found more");
    }
    return parse(json, file.toString());
  }

  private static JsonNode parse(String source, Opening opening) {
    try (JsonParser parser = new Counted(opening.open())) {
      JsonNode node = MAPPER.readTree(parser);
      if (parser.nextToken() != null) {
        throw new JsonParseException(parser, "more after its end");
      }
      return node == null ? MissingNode.getInstance() : node;
    } catch (JsonProcessingException e) {
      String at = e.getLocation() == null ? "" : " at line " + e.getLocation().getLineNr();
      throw new ElmoException(
          source + ": expected JSON, found an error" + at + ": " + brief(e.getOriginalMessage()),
          e);
    } catch (IOException
        | RuntimeException e) { // A RuntimeException comes from keys that occur twice.
      throw new ElmoException(source + ": expected JSON, found " + FoundFile.reason(e), e);
    }
  }

  /**
   * The values of an object by name, in the order of the file; empty for anything but an object.
   */
  public static Map<String, JsonNode> fields(JsonNode node) {
    Map<String, JsonNode> fields = new LinkedHashMap<>();
    // The Jackson of Spring Boot 3.0 does not have JsonNode.properties.
    node.fieldNames().forEachRemaining(name -> fields.put(name, node.get(name)));
    return fields;
  }

  /** A value as JSON, shortened for a message. */
  public static String brief(JsonNode node) {
    String text = node.toString();
    return text.length() <= BRIEF ? text : text.substring(0, BRIEF) + "...";
  }

  /** A string as quoted JSON on one line, shortened for a message. */
  public static String brief(String text) {
    // It is also cut before it is quoted, since it may be as long as a file.
    return brief(TextNode.valueOf(text.substring(0, Math.min(text.length(), 2 * BRIEF))));
  }
}
