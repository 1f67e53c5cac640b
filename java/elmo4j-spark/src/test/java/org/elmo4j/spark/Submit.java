// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.elmo4j.Layer;

/**
 * Submits applications that get elmo4j by {@code --packages}, as users do. spark-submit resolves it
 * from the jars of this build and Maven's local repository, and runs the application with Spark's
 * jars alone. Needs the jars, so it runs after the phase {@code package}.
 */
final class Submit {
  private static final String VERSION = System.getProperty("elmo4j.version");
  static final Path ROOT = Path.of(System.getProperty("elmo4j.root"));

  /**
   * Matches entries of the tests' class path that are not in a Spark distribution, or are there in
   * another version.
   */
  private static final String NOT_SPARKS =
      ".*(/target/|/com/github/ben-manes/|/com/google/errorprone/|/com/google/protobuf/|/io/jhdf/"
          + "|/org/apache/opennlp/|/org/apache/zeppelin/|/org/bytedeco/|/org/elmo4j/"
          + "|/commons-csv/).*";

  private final Path folder;
  private final String asked;

  /**
   * Makes a repository with the jars of this build.
   *
   * @param folder the folder for all files
   * @param artifacts the artifacts of elmo4j for Spark; applications ask for the last one
   */
  Submit(Path folder, List<String> artifacts) throws IOException {
    this.folder = folder;
    asked = artifacts.get(artifacts.size() - 1);
    add("elmo4j-parent", ROOT.resolve("pom.xml"), null);
    List<String> all = new ArrayList<>(List.of("elmo4j", "elmo4j-model-mini-en"));
    all.addAll(artifacts);
    for (String artifact : all) {
      Path module = ROOT.resolve("java").resolve(artifact);
      add(
          artifact,
          module.resolve("pom.xml"),
          module.resolve("target").resolve(artifact + "-" + VERSION + ".jar"));
    }
    Files.writeString(
        folder.resolve("ivysettings.xml"),
        "<ivysettings><settings defaultResolver='all'/><resolvers><chain name='all'>"
            + resolver("build", folder.resolve("repository"))
            + resolver("maven", Path.of(System.getProperty("elmo4j.maven.repository")))
            + "</chain></resolvers></ivysettings>");
  }

  /** The lines that each application must print. */
  static List<String> expected() {
    List<String> tokens = List.of("I", "love", "NLP");
    float[][] vectors = Spark.bundled(List.of(tokens), Layer.ELMO).get(0);
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < vectors.length; i++) {
      expected.add(PublishedExample.line(tokens.get(i), vectors[i]));
    }
    return expected;
  }

  private void add(String artifact, Path pom, Path jar) throws IOException {
    Path place =
        Files.createDirectories(
            folder.resolve("repository/org/elmo4j").resolve(artifact).resolve(VERSION));
    Files.copy(pom, place.resolve(artifact + "-" + VERSION + ".pom"));
    if (jar != null) {
      assertTrue(Files.exists(jar), jar + ": mvn package makes it");
      Files.copy(jar, place.resolve(artifact + "-" + VERSION + ".jar"));
    }
  }

  private static String resolver(String name, Path repository) {
    return "<ibiblio name='" + name + "' m2compatible='true' root='" + repository.toUri() + "'/>";
  }

  /**
   * Runs an application to its end.
   *
   * @return the lines of tokens and vectors that it printed
   */
  List<String> run(Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(System.getProperty("elmo4j.spark.opens").split(" ")));
    command.addAll(List.of(System.getProperty("elmo4j.spark.quick").split(" ")));
    if (Spark.is4()) {
      // The JVM has to verify that classes compiled with Spark 3.5 fit this Spark's.
      command.add("-XX:+BytecodeVerificationRemote");
    }
    command.addAll(List.of("-Xmx700m", "-Dscala.usejavacp=true", "-cp", sparkClassPath()));
    command.add("-Dorg.bytedeco.javacpp.cachedir=" + folder.resolve("javacpp"));
    command.add("org.apache.spark.deploy.SparkSubmit");
    command.addAll(List.of("--master", "local[2]"));
    command.addAll(List.of("--packages", "org.elmo4j:" + asked + ":" + VERSION));
    for (String setting :
        List.of(
            "spark.jars.ivySettings=" + folder.resolve("ivysettings.xml"),
            "spark.jars.ivy=" + folder.resolve("ivy"),
            "spark.sql.warehouse.dir=" + folder.resolve("warehouse"),
            "spark.ui.enabled=false",
            "spark.driver.host=127.0.0.1",
            "spark.driver.bindAddress=127.0.0.1")) {
      command.addAll(List.of("--conf", setting));
    }
    command.addAll(List.of(arguments));
    Path out = Files.createTempFile(folder, "out", ".txt");
    Path err = Files.createTempFile(folder, "err", ".txt");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectInput(new File("/dev/null"))
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    builder.environment().putAll(environment);
    Process process = builder.start();
    boolean ended = process.waitFor(400, TimeUnit.SECONDS);
    process.destroyForcibly();
    String said = Files.readString(out);
    assertTrue(ended && process.exitValue() == 0, () -> "found " + said + "\n" + tail(err));
    return said.lines().filter(line -> line.matches("(vector|python) .*")).toList();
  }

  private static String tail(Path file) {
    try {
      List<String> lines = Files.readAllLines(file);
      return String.join("\n", lines.subList(Math.max(0, lines.size() - 100), lines.size()));
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** Spark's jars, and Spark NLP's if the application asks for a package that needs it. */
  private String sparkClassPath() {
    String all =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    return Arrays.stream(all.split(File.pathSeparator))
        .filter(entry -> !entry.matches(NOT_SPARKS))
        .filter(entry -> asked.equals("elmo4j-spark-nlp") || !entry.contains("/com/johnsnowlabs/"))
        .collect(Collectors.joining(File.pathSeparator));
  }
}
