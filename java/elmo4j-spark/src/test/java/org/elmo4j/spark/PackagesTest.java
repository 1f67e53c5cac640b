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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Runs a Python and a Java application that get elmo4j by {@code --packages}. One spark-submit runs
 * both, because resolving the packages and starting Spark take most of the time.
 */
@Execution(ExecutionMode.CONCURRENT)
class PackagesTest {
  /** The artifacts to test: the modules elmo4j-spark-nlp and spark4 run this class. */
  private static final List<String> ARTIFACTS =
      List.of(System.getProperty("elmo4j.packages").split(","));

  @TempDir static Path folder;

  /** Uses the installed PySpark if it has this Spark's version, otherwise the stand-in. */
  @Test
  void applicationsRunOnThePackagesAlone() throws Exception {
    List<String> python = new ArrayList<>();
    List<String> application = new ArrayList<>();
    List<String> done = new ArrayList<>();
    for (String artifact : ARTIFACTS) {
      String test = "test_" + artifact.replace('-', '_');
      python.add(Submit.ROOT.resolve("java/" + artifact + "/src/test/python").toString());
      application.add("import " + test);
      done.add("python " + test + " done");
    }
    application.add("from pyspark.sql import SparkSession");
    application.add("spark = SparkSession.builder.getOrCreate()");
    application.add("spark.sparkContext._jvm." + PublishedExample.class.getName() + ".run()");
    application.add("spark.stop()");
    if (!installedPySpark().equals(org.apache.spark.package$.MODULE$.SPARK_VERSION())) {
      python.add(Submit.ROOT.resolve("java/elmo4j-spark/src/test/python/standin").toString());
      python.add(py4j().toString());
    }

    List<String> said =
        new Submit(folder, ARTIFACTS)
            .run(
                Map.of("PYTHONPATH", String.join(":", python)),
                "--jars",
                example().toString(),
                Files.write(folder.resolve("application.py"), application).toString(),
                Files.createDirectory(folder.resolve("scratch")).toString(),
                Submit.ROOT.resolve("tests/golden-formats/spark-nlp/model").toString());

    List<String> expected = Submit.expected();
    assertEquals(expected, said.stream().filter(line -> line.startsWith("vector ")).toList());
    List<String> vectors = said.stream().filter(line -> line.startsWith("python vector ")).toList();
    assertEquals(expected.size(), vectors.size());
    for (int i = 0; i < vectors.size(); i++) {
      // Python prints the numbers as doubles.
      String[] wanted = expected.get(i).split(" ");
      String[] found = vectors.get(i).substring("python ".length()).split(" ");
      assertEquals(wanted[1], found[1]);
      assertArrayEquals(floats(wanted), floats(found));
    }
    assertEquals(done, said.stream().filter(line -> line.endsWith(" done")).toList());
  }

  /** Writes the jar of the Java application. */
  private static Path example() throws IOException {
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
    return jar;
  }

  private static Path py4j() throws IOException {
    Path py4j = folder.resolve("py4j.zip");
    try (InputStream zip = PackagesTest.class.getResourceAsStream("/python/py4j-src-0.10.7.zip")) {
      Files.copy(zip, py4j);
    }
    return py4j;
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
