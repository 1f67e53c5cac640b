// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.elmo4j.ChildJvm;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tests programs with older versions of this library's dependencies first on their class path: all
 * readers must work. The build copies the jars to {@code target/older}.
 */
class OlderLibrariesTest {
  @TempDir Path dir;

  @ParameterizedTest
  @ValueSource(strings = {"spark-3.5", "spring-boot-3.0", "flink-1.18"})
  void allReadersWorkWithTheVersionsOf(String older) throws Exception {
    assertAllWork(11, older);
  }

  @ParameterizedTest
  @ValueSource(strings = {"1.22", "1.24.0", "1.25.0"})
  void whatCommonsCompressReadsWorksWithItsVersion(String version) throws Exception {
    assertAllWork(
        3,
        "commons-compress/commons-compress-" + version + ".jar",
        "checkpoint, compressed true",
        "model.tar",
        "model.tgz");
  }

  private void assertAllWork(int count, String older, String... uses) throws Exception {
    Path jars = Path.of(System.getProperty("elmo4j.root"), "tests", "target", "older", older);
    List<String> lines = run(dir, first(jars) + System.getProperty("java.class.path"), uses);
    assertEquals(count, lines.size(), lines.toString());
    for (String line : lines) {
      assertTrue(line.endsWith("\tok"), line);
    }
  }

  /**
   * Returns the beginning of a class path: a jar, or all jars of a folder, each followed by the
   * separator.
   */
  private static String first(Path path) throws IOException {
    try (Stream<Path> jars = Files.walk(path)) {
      return jars.filter(Files::isRegularFile)
          .map(jar -> jar + File.pathSeparator)
          .sorted()
          .collect(Collectors.joining());
    }
  }

  /**
   * Runs {@link OlderLibraries} with this class path and returns the lines that it prints.
   *
   * @param uses the names of the uses to run; all if there are none
   */
  static List<String> run(Path dir, String classPath, String... uses) throws Exception {
    Map<String, byte[]> files =
        ArchiveReaderTest.tree(
            TinyModel.folder(dir.resolve("plain"), 2, TinyModel.resource("float32.hdf5")), "m/");
    Map<String, ArchiveReaderTest.Kind> kinds =
        Map.of(
            "model.tar", ArchiveReaderTest.Kind.TAR,
            "model.tgz", ArchiveReaderTest.Kind.TAR_GZ,
            "model.zip", ArchiveReaderTest.Kind.ZIP);
    for (Map.Entry<String, ArchiveReaderTest.Kind> kind : kinds.entrySet()) {
      Files.write(dir.resolve(kind.getKey()), kind.getValue().of(files));
    }
    List<String> arguments = new ArrayList<>(List.of(dir.toString()));
    arguments.addAll(List.of(uses));
    return new ChildJvm(OlderLibraries.class, arguments.toArray(new String[0]))
        .options("-Xmx512m", "-XX:+BytecodeVerificationRemote") // It may load other classes, too.
        .sharedCache()
        .classPath(classPath)
        .run()
        .out();
  }
}
