// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class AtomicFileTest {
  @TempDir Path folder;

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Writes the first byte last, as formats do whose header is known only at the end. */
  private static void write(Path target, String text) {
    AtomicFile.write(
        target,
        channel -> {
          channel.position(1);
          AtomicFile.writeAll(channel, bytes(text.substring(1)));
          channel.position(0);
          AtomicFile.writeAll(channel, bytes(text.substring(0, 1)));
        });
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void aFileThatWasThereKeepsItsModeAndIsReplacedWhole() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "old");
    for (String mode : List.of("rw-------", "rw-rw-rw-", "rwxr-x---")) {
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
      write(file, "new");
      assertEquals("new", Files.readString(file));
      assertEquals(mode, PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    }
    assertThrows(
        IllegalStateException.class,
        () ->
            AtomicFile.write(
                file,
                channel -> {
                  AtomicFile.writeAll(channel, bytes("half"));
                  throw new IllegalStateException();
                }));
    assertEquals("new", Files.readString(file));
    assertEquals(List.of("file"), names());
  }

  @Test
  void linksStayAndWhatTheyNameIsWritten() throws IOException {
    Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
    Path there = Files.writeString(elsewhere.resolve("there"), "old");
    Path dangling = elsewhere.resolve("dangling");
    for (Path end : List.of(there, dangling)) {
      Path second =
          Files.createSymbolicLink(
              folder.resolve("second-" + end.getFileName()), folder.relativize(end));
      Path first =
          Files.createSymbolicLink(
              folder.resolve("first-" + end.getFileName()), second.getFileName());
      write(first, "new");
      assertTrue(Files.isSymbolicLink(first) && Files.isSymbolicLink(second));
      assertTrue(Files.isRegularFile(end));
      assertEquals("new", Files.readString(end));
    }
    Path circle = folder.resolve("circle");
    Files.createSymbolicLink(circle, circle);
    assertThrows(ElmoException.class, () -> write(circle, "new"));
    try (Stream<Path> files = Files.list(elsewhere)) {
      assertEquals(2, files.count());
    }
  }

  @Test
  void namesOfFilesUnderWayCannotBeGuessed() throws IOException {
    Path file = folder.resolve("file");
    try (AtomicFile one = AtomicFile.create(file);
        AtomicFile other = AtomicFile.create(file)) {
      List<String> names = names();
      assertEquals(2, names.size());
      assertTrue(
          names.stream().allMatch(name -> name.matches("\\.elmo4j-.*-[0-9a-f]{32}\\.tmp")),
          names.toString());
      one.stream().write('1');
      other.stream().write('2');
      other.commit();
      one.commit();
    }
    assertEquals("1", Files.readString(file));
    assertEquals(List.of("file"), names());
  }

  @Test
  void pipesAndDevicesAreWrittenInto() throws Exception {
    Path pipe = folder.resolve("pipe");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
    Path link = Files.createSymbolicLink(folder.resolve("link"), pipe);
    for (Path target : List.of(pipe, link)) {
      CompletableFuture<String> read =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return Files.readString(pipe);
                } catch (IOException e) {
                  return e.toString();
                }
              });
      write(target, "sought in");
      assertEquals("sought in", read.get(20, TimeUnit.SECONDS));
    }
    write(Path.of("/dev/null"), "gone");
    assertFalse(Files.isRegularFile(Path.of("/dev/null")));
    String full =
        assertThrows(ElmoException.class, () -> write(Path.of("/dev/full"), "no")).getMessage();
    assertTrue(full.startsWith("/dev/full: expected a place to write to, found"), full);
    assertEquals(List.of("link", "pipe"), names());
  }

  @Test
  void standardOutputIsFlushedAndNotClosed() throws IOException {
    boolean[] closed = {false};
    ByteArrayOutputStream out =
        new ByteArrayOutputStream() {
          @Override
          public void close() {
            closed[0] = true;
          }
        };
    try (AtomicFile file = AtomicFile.to(out, "standard output")) {
      file.stream().write('a');
      file.commit();
    }
    try (AtomicFile file = AtomicFile.to(out, "standard output")) {
      AtomicFile.writeAll(file.channel(), bytes("bc"));
      file.commit();
    }
    assertEquals("abc", out.toString(StandardCharsets.UTF_8));
    assertFalse(closed[0]);
  }

  @Test
  void whatCannotBeWrittenIsNamed() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "x");
    for (Path bad : List.of(folder, folder.resolve("no/file"), file.resolve("file"))) {
      String message = assertThrows(ElmoException.class, () -> write(bad, "new")).getMessage();
      assertTrue(message.startsWith(bad + ": expected"), message);
      assertEquals(1, message.lines().count());
    }
    assertEquals(List.of("file"), names());
  }
}
