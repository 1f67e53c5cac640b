// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import java.net.URI;
import java.util.List;

/**
 * A model that has a name: where its files are and what is known of them. Immutable.
 *
 * @param name unique, as {@code original}; also its folder in the cache
 * @param aliases other names, as {@code elmo}; within a language they are unique too
 * @param language ISO 639-1, as {@code en}
 * @param description one line
 * @param licence an SPDX name, or what the publisher says in its place
 * @param parameters numbers in the model, the mix not counted; 0 where that was not published
 * @param files what makes up the model; none for the one that is an artifact of its own
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
   * @param size in bytes; 0 where nobody published it
   * @param sha256 in lower-case hexadecimal; null where nobody published it
   */
  public record RemoteFile(String name, URI url, long size, String sha256) {}

  /** Bytes of the files whose size was published; 0 where that is none. */
  public long size() {
    return files.stream().mapToLong(RemoteFile::size).sum();
  }

  /** Whether the model is called that, in upper or lower case. */
  boolean isCalled(String other) {
    return name.equalsIgnoreCase(other) || aliases.stream().anyMatch(other::equalsIgnoreCase);
  }
}
