// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A Java process of its own that runs a class of the tests' class path. */
public final class ChildJvm {
  private static final String CACHE = "org.bytedeco.javacpp.cachedir";

  private final Class<?> main;
  private final List<String> arguments;
  private final List<String> options = new ArrayList<>(List.of("-XX:-UsePerfData"));
  private String classPath = System.getProperty("java.class.path");
  private String script = "";

  /**
   * What a process said until it ended.
   *
   * @param code its exit status
   */
  public record Ended(int code, List<String> out, List<String> err) {
    /** The rests of the output's lines that begin with a word and a space. */
    public List<String> out(String word) {
      return out.stream()
          .filter(line -> line.startsWith(word + " "))
          .map(line -> line.substring(word.length() + 1))
          .toList();
    }
  }

  public ChildJvm(Class<?> main, String... arguments) {
    this.main = main;
    this.arguments = List.of(arguments);
  }

  /** Adds options of {@code java}. */
  public ChildJvm options(String... more) {
    options.addAll(List.of(more));
    return this;
  }

  /** Has it use this process's cache of native libraries, not the user's. */
  public ChildJvm sharedCache() {
    String cache = System.getProperty(CACHE);
    return cache == null ? this : options("-D" + CACHE + "=" + cache);
  }

  /** Replaces the class path. */
  public ChildJvm classPath(String path) {
    classPath = path;
    return this;
  }

  /** Has a shell start it: the script runs {@code "$@"}. */
  public ChildJvm shell(String text) {
    script = text;
    return this;
  }

  private ProcessBuilder builder() {
    List<String> command = new ArrayList<>();
    if (!script.isEmpty()) {
      command.addAll(List.of("sh", "-c", script, "sh"));
    }
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(List.of("-cp", classPath, main.getName()));
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().remove("JAVA_TOOL_OPTIONS"); // Java says that it took them.
    return builder;
  }

  /** Starts it; its errors are among this process's. */
  public Process start() throws IOException {
    return builder().redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  /** Starts it and waits; one that takes more than two minutes is stopped. */
  public Ended run() throws IOException, InterruptedException {
    Path out = Files.createTempFile("child", ".out");
    Path err = Files.createTempFile("child", ".err");
    try {
      Process process = builder().redirectOutput(out.toFile()).redirectError(err.toFile()).start();
      if (!process.waitFor(2, TimeUnit.MINUTES)) {
        process.destroyForcibly().waitFor();
      }
      return new Ended(process.exitValue(), Files.readAllLines(out), Files.readAllLines(err));
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }
}
