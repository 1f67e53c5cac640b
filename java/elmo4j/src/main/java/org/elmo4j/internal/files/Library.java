// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import org.elmo4j.ElmoException;

/**
 * Libraries that one feature needs and a program may leave out. Code that links to one lies in
 * classes that are loaded after {@link #require}, so that no other feature misses it.
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

  /**
   * Checks that libraries are there.
   *
   * @param subject what needs them, for the message
   * @throws ElmoException if one is not; it names the Maven artifact
   */
  public static void require(String subject, Library... libraries) {
    for (Library library : libraries) {
      try {
        Class.forName(library.type, false, Library.class.getClassLoader());
      } catch (ClassNotFoundException | LinkageError e) {
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
