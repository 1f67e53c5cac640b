// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs Java and Python applications that get elmo4j by {@code --packages}. */
class PackagesTest {
  @TempDir static Path folder;
  private static Submit submit;
  private static List<String> expected;

  @BeforeAll
  static void prepare() throws IOException {
    submit = new Submit(folder);
    expected = Submit.expected();
  }

  @Test
  void anApplicationRunsOnThePackagesAlone() throws Exception {
    Path jar = folder.resolve("example.jar");
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream entries = new JarOutputStream(file)) {
      for (Class<?> type : List.of(PublishedExample.class, Spark.class)) {
        String name = type.getName().replace('.', '/') + ".class";
        entries.putNextEntry(new JarEntry(name));
        try (InputStream bytes = type.getClassLoader().getResourceAsStream(name)) {
          bytes.transferTo(entries);
        }
        entries.closeEntry();
      }
    }
    assertEquals(
        expected,
        submit.run(Map.of(), "--class", PublishedExample.class.getName(), jar.toString()));
  }

  /** Uses the installed PySpark if it has this Spark's version, otherwise the stand-in. */
  @Test
  void pythonFindsItsModuleInThePackages() throws Exception {
    Path python = Submit.ROOT.resolve("java/elmo4j-spark/src/test/python");
    Path py4j = folder.resolve("py4j.zip");
    try (InputStream zip = PackagesTest.class.getResourceAsStream("/python/py4j-src-0.10.7.zip")) {
      Files.copy(zip, py4j);
    }
    boolean real = installedPySpark().equals(org.apache.spark.package$.MODULE$.SPARK_VERSION());
    Map<String, String> environment =
        real ? Map.of() : Map.of("PYTHONPATH", python.resolve("standin") + ":" + py4j);
    List<String> said =
        submit.run(
            environment,
            python.resolve("test_elmo4j_spark.py").toString(),
            Files.createDirectory(folder.resolve("python")).toString(),
            Submit.ROOT.resolve("tests/golden-formats/spark-nlp/model").toString());
    assertEquals("python done", said.get(3));
    for (int i = 0; i < 3; i++) {
      // Python prints the numbers as doubles.
      String[] wanted = expected.get(i).split(" ");
      String[] found = said.get(i).split(" ");
      assertEquals(wanted[1], found[1]);
      assertArrayEquals(floats(wanted), floats(found));
    }
  }

  private static float[] floats(String[] words) {
    float[] floats = new float[words.length - 2];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = Float.parseFloat(words[i + 2]);
    }
    return floats;
  }

  private static String installedPySpark() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder("python3", "-c", "import pyspark; print(pyspark.__version__)")
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String version = new String(process.getInputStream().readAllBytes()).strip();
    return process.waitFor() == 0 ? version : "";
  }
}
