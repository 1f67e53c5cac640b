// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.elmo4j.ChildJvm;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests that processes that are ended by a signal leave no files, and that the next process removes
 * those of a killed one.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LeftoversTest {
  @TempDir Path folder;
  private Path temporary;
  private Path outputs;

  @BeforeEach
  void make() throws IOException {
    temporary = Files.createDirectory(folder.resolve("tmp"));
    outputs = Files.createDirectory(folder.resolve("outputs"));
  }

  private Process start(Path target, String what, String redirect) throws IOException {
    return new ChildJvm(HoldMain.class, target.toString(), what)
        .options("-Xmx64m", "-Djava.io.tmpdir=" + temporary)
        .shell("exec \"$@\" " + redirect)
        .start();
  }

  /** Starts a process that waits, and returns once its files exist. */
  private Process holding() throws IOException {
    Process process = start(outputs.resolve("out"), "wait", "");
    assertEquals("ready", process.inputReader().readLine());
    assertEquals(1, names(temporary).size());
    assertEquals(1, names(outputs).size());
    return process;
  }

  private void finish() throws Exception {
    assertEquals(0, start(outputs.resolve("whole"), "write", "").waitFor());
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void signalsLeaveNothing() throws Exception {
    for (String signal : List.of("INT", "TERM", "HUP")) {
      Process process = holding();
      new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start().waitFor();
      process.waitFor();
      assertEquals(List.of(), names(temporary), signal);
      assertEquals(List.of(), names(outputs), signal);
    }
  }

  @Test
  void theNextStartSweepsWhatAKilledProcessLeftAndNothingElse() throws Exception {
    Process process = holding();
    process.destroyForcibly().waitFor();
    // The sweep must leave all of these: other names, a folder without a lock yet, and a link.
    Path other = Files.createDirectories(temporary.resolve("elmo4j-notes/sub"));
    Files.writeString(outputs.resolve(".elmo4j-1-2.tmp"), "x");
    Path young = Files.createDirectory(temporary.resolve("elmo4j-1-2-" + "0".repeat(32)));
    Path victim = Files.createDirectory(folder.resolve("victim"));
    Files.writeString(victim.resolve("lock"), "x");
    Path link = Files.createSymbolicLink(temporary.resolve("elmo4j-1-2-" + "1".repeat(32)), victim);
    assertEquals(4, names(temporary).size());
    finish();
    assertTrue(Files.isDirectory(other) && Files.isDirectory(young));
    assertTrue(Files.isSymbolicLink(link) && Files.exists(victim.resolve("lock")));
    assertEquals(3, names(temporary).size());
    assertEquals(List.of(".elmo4j-1-2.tmp", "whole"), names(outputs));
  }

  @Test
  void whatALivingProcessUsesStays() throws Exception {
    Process process = holding();
    try {
      finish();
      assertEquals(1, names(temporary).size());
      assertEquals(2, names(outputs).size());
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @Test
  void theProcessesOwnStreamsAreAppendedTo() throws Exception {
    Path log = Files.writeString(folder.resolve("log"), "first\n");
    for (String redirect : List.of(">> '" + log + "'", "3>> '" + log + "'")) {
      String name = redirect.startsWith("3") ? "/dev/fd/3" : "/dev/stdout";
      assertEquals(0, start(Path.of(name), "write", redirect).waitFor());
    }
    assertEquals("first\ntext\ntext\n", Files.readString(log));
    for (String name : List.of("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")) {
      Process process = start(Path.of(name), "write", "| cat");
      assertEquals(
          "text\n", new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
      assertEquals(0, process.waitFor());
    }
    assertEquals(List.of(), names(temporary));
  }

  @Test
  void aTemporaryFolderIsThisUsersAlone() throws IOException {
    Path path;
    try (TemporaryFolder folder = TemporaryFolder.create()) {
      path = folder.path();
      assertEquals(
          "rwx------",
          PosixFilePermissions.toString(Files.getPosixFilePermissions(path.getParent())));
      Files.writeString(path.resolve("file"), "x");
    }
    assertFalse(Files.exists(path.getParent()));
  }
}
