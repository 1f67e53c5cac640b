// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Tests programs without some of this library's dependencies: the features that need one fail with
 * one sentence that names it, and everything else works, including the built-in model.
 */
class MissingLibrariesTest {
  private static final Pattern MISSED =
      Pattern.compile(
          "org\\.elmo4j\\.ElmoException: .*?: expected the artifact (\\S+) on the class path");

  @TempDir Path dir;

  /**
   * Returns for each program the artifacts that it lacks, and the uses that fail without each. No
   * use needs two artifacts of a program, so that each failure has one cause.
   */
  static List<Map<String, Set<String>>> programs() {
    Set<String> hdf5 = Set.of("HDF5", "HDF5 by LZF", "model.tar", "model.tgz", "model.zip");
    Set<String> packed = Set.of("checkpoint, compressed true", "model.tar", "model.tgz");
    return List.of(
        Map.of(
            "com.ning:compress-lzf", Set.of("HDF5 by LZF"),
            "com.google.protobuf:protobuf-java",
                Set.of("checkpoint, compressed false", "checkpoint, compressed true"),
            "org.apache.opennlp:opennlp-tools", Set.of("text"),
            "org.apache.commons:commons-csv", Set.of("CSV")),
        Map.of(
            "io.jhdf:jhdf",
            hdf5,
            "org.apache.opennlp:opennlp-models-sentdetect-en",
            Set.of("text")),
        Map.of(
            "org.apache.commons:commons-compress",
            packed,
            "org.apache.opennlp:opennlp-models-tokenizer-en",
            Set.of("text")),
        Map.of("commons-io:commons-io", packed),
        Map.of("org.apache.commons:commons-lang3", hdf5),
        Map.of(
            "org.slf4j:slf4j-api",
            Set.of("HDF5", "HDF5 by LZF", "model.tar", "model.tgz", "model.zip", "text")));
  }

  @ParameterizedTest
  @MethodSource("programs")
  void whatNeedsThemMissesThem(Map<String, Set<String>> missing) throws Exception {
    Map<String, Set<String>> failed = new HashMap<>();
    for (String line : run(missing.keySet())) {
      String[] parts = line.split("\t");
      if (!parts[1].equals("ok")) {
        // The sentence, and what OlderLibraries names as its cause.
        Matcher named = MISSED.matcher(parts[1]);
        assertTrue(named.lookingAt(), line);
        failed.computeIfAbsent(named.group(1), key -> new HashSet<>()).add(parts[0]);
      }
    }
    assertEquals(missing, failed);
  }

  private List<String> run(Set<String> missing) throws Exception {
    List<String> paths =
        new ArrayList<>(List.of(System.getProperty("java.class.path").split(File.pathSeparator)));
    for (String artifact : missing) {
      String name = "/" + artifact.split(":")[1] + "-";
      assertTrue(paths.removeIf(path -> path.contains(name)), name + " in " + paths);
    }
    List<String> lines = OlderLibrariesTest.run(dir, String.join(File.pathSeparator, paths));
    assertEquals(11, lines.size(), lines::toString);
    return lines;
  }
}
