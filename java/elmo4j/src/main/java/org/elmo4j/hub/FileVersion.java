// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import java.io.IOException;
import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

/**
 * Identifies a version of a file by the header of a response.
 *
 * @param tag a strong entity tag; a weak one does not guarantee equal bytes
 * @param modified Last-Modified; empty if it is missing
 * @param size in bytes; 0 if it is missing
 */
record FileVersion(String tag, String modified, long size) {
  private static final Pattern TAG = Pattern.compile("\"[!#-~]{0,1000}\"");
  private static final int MAX_BYTES = 4096;

  static FileVersion of(HttpHeaders headers, long size) {
    String tag = headers.firstValue("ETag").orElse("").strip();
    return new FileVersion(
        TAG.matcher(tag).matches() ? tag : "",
        headers.firstValue("Last-Modified").orElse("").strip(),
        size);
  }

  /** Reads a version from a file. Returns null if there is none, or if it is not reliable. */
  static FileVersion read(Path file) throws IOException {
    if (!Files.isRegularFile(file) || Files.size(file) > MAX_BYTES) {
      return null;
    }
    String text = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
    String[] lines = text.split("\n", -1);
    if (lines.length != 3 || !TAG.matcher(lines[0]).matches() || !lines[2].matches("\\d{1,18}")) {
      return null;
    }
    return new FileVersion(lines[0], lines[1], Long.parseLong(lines[2]));
  }

  void write(Path file) throws IOException {
    if (!tag.isEmpty()) {
      Files.writeString(file, tag + "\n" + modified + "\n" + size, StandardCharsets.ISO_8859_1);
    }
  }

  /** Whether bytes of this version may be appended to bytes of the other. */
  boolean continues(FileVersion first, boolean sumIsKnown) {
    return (tag.isEmpty() ? sumIsKnown : tag.equals(first.tag))
        && (modified.isEmpty() || first.modified.isEmpty() || modified.equals(first.modified))
        && (size == 0 || first.size == 0 || size == first.size);
  }
}
