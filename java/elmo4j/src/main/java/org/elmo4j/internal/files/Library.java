// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import org.elmo4j.ElmoException;

/**
 * Libraries that a program may leave out if it does not use the feature that needs them. Code that
 * links to such a library is in classes that are loaded after {@link #require}, so that other
 * features work without it.
 */
public enum Library {
  COMMONS_COMPRESS(
      "org.apache.commons:commons-compress",
      "org.apache.commons.compress.archivers.tar.TarArchiveInputStream"),
  COMMONS_CSV("org.apache.commons:commons-csv", "org.apache.commons.csv.CSVParser"),
  COMMONS_IO("commons-io:commons-io", "org.apache.commons.io.IOUtils"),
  COMMONS_LANG("org.apache.commons:commons-lang3", "org.apache.commons.lang3.ArrayUtils"),
  JHDF("io.jhdf:jhdf", "io.jhdf.Superblock"),
  LZF("com.ning:compress-lzf", "com.ning.compress.lzf.ChunkDecoder"),
  OPENNLP("org.apache.opennlp:opennlp-tools", "opennlp.tools.sentdetect.SentenceDetectorME"),
  PROTOBUF("com.google.protobuf:protobuf-java", "com.google.protobuf.CodedInputStream"),
  SLF4J("org.slf4j:slf4j-api", "org.slf4j.LoggerFactory");

  private final String artifact;
  private final String type;

  Library(String artifact, String type) {
    this.artifact = artifact;
    this.type = type;
  }

  /** Whether the library is on the class path. */
  public boolean isPresent() {
    return problem() == null;
  }

  /** Returns what happens when the library's class is loaded, or null if it can be loaded. */
  private Throwable problem() {
    try {
      Class.forName(type, false, Library.class.getClassLoader());
      return null;
    } catch (ClassNotFoundException | LinkageError e) {
      return e;
    }
  }

  /**
   * Checks that libraries are on the class path.
   *
   * @param subject what needs them, for the message
   * @throws ElmoException if one is missing; the message names the Maven artifact
   */
  public static void require(String subject, Library... libraries) {
    for (Library library : libraries) {
      Throwable e = library.problem();
      if (e != null) {
        throw new ElmoException(
            subject
                + ": expected the artifact "
                + library.artifact
                + " on the class path, found no class "
                + library.type,
            e);
      }
    }
  }
}
