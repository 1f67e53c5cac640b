// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import java.net.URI;
import java.util.List;
import java.util.Optional;

/**
 * A named model: where its files were published, and their sizes and checksums. Immutable.
 *
 * @param name unique, for example {@code original}; also the name of its folder in the cache
 * @param aliases other names, for example {@code elmo}; unique within a language
 * @param language ISO 639-1, for example {@code en}
 * @param description one line
 * @param licence an SPDX name, or the publisher's words if there is none
 * @param parameters the number of parameters of the model without the mix; 0 if it was not
 *     published
 * @param files the files of the model; empty for the model that is a Maven artifact
 */
public record ModelEntry(
    String name,
    List<String> aliases,
    String language,
    String description,
    String licence,
    long parameters,
    List<RemoteFile> files) {

  /** Copies the lists. */
  public ModelEntry {
    aliases = List.copyOf(aliases);
    files = List.copyOf(files);
  }

  /**
   * One file.
   *
   * @param name its name in the cache
   * @param url where it was published
   * @param size in bytes; 0 if it was not published
   * @param sha256 in lower-case hexadecimal; empty if it was not published
   */
  public record RemoteFile(String name, URI url, long size, Optional<String> sha256) {}

  /** The bytes of all files whose size was published. */
  public long size() {
    return files.stream().mapToLong(RemoteFile::size).sum();
  }

  /** Whether this is the name of the model or an alias, in upper or lower case. */
  boolean isCalled(String other) {
    return name.equalsIgnoreCase(other) || aliases.stream().anyMatch(other::equalsIgnoreCase);
  }
}
