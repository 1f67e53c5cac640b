// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Tests programs without one of this library's dependencies: the features that need it fail with
 * one sentence that names it, and everything else works, including the built-in model.
 */
class MissingLibrariesTest {
  @TempDir Path dir;

  @ParameterizedTest
  @CsvSource({
    "io.jhdf:jhdf, HDF5; HDF5 by LZF; model.tar; model.tgz; model.zip",
    "com.ning:compress-lzf, HDF5 by LZF",
    "com.google.protobuf:protobuf-java, 'checkpoint, compressed false; checkpoint, compressed true'",
    "org.apache.commons:commons-compress, 'checkpoint, compressed true; model.tar; model.tgz'",
    "commons-io:commons-io, 'checkpoint, compressed true; model.tar; model.tgz'",
    "org.apache.commons:commons-lang3, HDF5; HDF5 by LZF; model.tar; model.tgz; model.zip",
    "org.slf4j:slf4j-api, HDF5; HDF5 by LZF; model.tar; model.tgz; model.zip; text",
    "org.apache.opennlp:opennlp-tools, text",
    "org.apache.opennlp:opennlp-models-sentdetect-en, text",
    "org.apache.opennlp:opennlp-models-tokenizer-en, text",
    "org.apache.commons:commons-csv, CSV",
  })
  void oneFeatureMissesIt(String artifact, String uses) throws Exception {
    Set<String> failed = new TreeSet<>();
    for (String line : run("/" + artifact.split(":")[1] + "-")) {
      String outcome = line.split("\t")[1];
      if (!outcome.equals("ok")) {
        failed.add(line.split("\t")[0]);
        // OlderLibraries prints the exception's class before the message.
        assertTrue(
            outcome.startsWith("org.elmo4j.ElmoException: ")
                && outcome.contains(": expected the artifact " + artifact + " on the class path"),
            line);
      }
    }
    assertEquals(new TreeSet<>(Set.of(uses.split("; "))), failed);
  }

  private List<String> run(String missing) throws Exception {
    String all = System.getProperty("java.class.path");
    String rest =
        Arrays.stream(all.split(File.pathSeparator))
            .filter(path -> !path.contains(missing))
            .collect(Collectors.joining(File.pathSeparator));
    assertTrue(rest.length() < all.length(), () -> missing + " in " + all);
    List<String> lines = OlderLibrariesTest.run(dir, rest);
    assertEquals(11, lines.size(), lines::toString);
    return lines;
  }
}
