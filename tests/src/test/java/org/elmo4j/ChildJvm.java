// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a class of the tests' class path in a new Java process. */
public final class ChildJvm {
  private static final String CACHE = "org.bytedeco.javacpp.cachedir";

  private final Class<?> main;
  private final List<String> arguments;

  // A process that lives for a second or two is not worth an optimizing compiler's time, nor
  // another collector's threads, nor the verification of its classes, which takes a fifth of it.
  private final List<String> options =
      new ArrayList<>(
          List.of(
              "-XX:-UsePerfData",
              "-XX:TieredStopAtLevel=1",
              "-XX:+UseSerialGC",
              "-XX:+UnlockDiagnosticVMOptions",
              "-XX:-BytecodeVerificationRemote"));

  private String classPath = System.getProperty("java.class.path");
  private String script = "";

  /**
   * The output of a process that has ended.
   *
   * @param code the exit status
   */
  public record Ended(int code, List<String> out, List<String> err) {
    /** Returns the lines of the output that begin with a word and a space, without these. */
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

  /** Adds options for {@code java}. */
  public ChildJvm options(String... more) {
    options.addAll(List.of(more));
    return this;
  }

  /** Makes the process use this process's cache of native libraries instead of the user's. */
  public ChildJvm sharedCache() {
    String cache = System.getProperty(CACHE);
    return cache == null ? this : options("-D" + CACHE + "=" + cache);
  }

  /** Replaces the class path. */
  public ChildJvm classPath(String path) {
    classPath = path;
    return this;
  }

  /** Makes a shell start the process with this script, which must run {@code "$@"}. */
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
    // Java would report on stderr that it used them.
    builder.environment().remove("JAVA_TOOL_OPTIONS");
    return builder;
  }

  /** Starts the process. Its standard error is this process's. */
  public Process start() throws IOException {
    return builder().redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  /**
   * Starts the process and waits for its end. A process that takes more than two minutes is killed.
   */
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
