// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.elmo4j.ElmoException;
import org.elmo4j.hub.ModelHub;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests that each content is fetched once for each node, also by two JVMs at once. */
class NodeFilesTest {
  @TempDir Path folder;
  private Path fetches;

  /**
   * The program of a JVM that fetches a file. Arguments: a folder and the content; without the
   * content, the JVM ends in the middle of the fetch.
   */
  static final class Fetcher {
    private Fetcher() {}

    public static void main(String[] arguments) throws Exception {
      Path folder = Path.of(arguments[0]);
      boolean dies = arguments.length == 1;
      NodeFiles.once(
          folder,
          "name",
          null,
          target -> {
            Files.writeString(target, dies ? "half" : arguments[1]);
            if (dies) {
              Runtime.getRuntime().halt(3);
            }
            Files.writeString(folder.resolve("fetches"), "1", StandardOpenOption.APPEND);
            // Wait until the other JVM runs too, so that it asks during this fetch.
            Files.writeString(folder.resolve("ready"), "");
            while (!Files.exists(folder.resolve("go"))) {
              pause();
            }
          });
    }
  }

  @BeforeEach
  void prepare() throws IOException {
    fetches = Files.createFile(folder.resolve("fetches"));
  }

  private static void pause() {
    try {
      Thread.sleep(10);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private Process start(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx64m", "-cp"));
    command.add(
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    command.add(Fetcher.class.getName());
    command.add(folder.toString());
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command).inheritIO().start();
  }

  private Path fetch(String name, String sha256, String content) {
    return NodeFiles.once(
        folder,
        name,
        sha256,
        target -> {
          Files.writeString(target, content);
          Files.writeString(fetches, "1", StandardOpenOption.APPEND);
        });
  }

  @Test
  void ofTwoProcessesOneFetchesAndTheOtherTakesItsCopy() throws Exception {
    Process first = start("first");
    while (!Files.exists(folder.resolve("ready"))) {
      assertTrue(first.isAlive());
      pause();
    }
    Process second = start("second");
    // This process asks too, and waits for the first one.
    Thread here = new Thread(() -> fetch("name", null, "third"));
    here.start();
    Thread.sleep(200);
    assertTrue(first.isAlive() && second.isAlive() && here.isAlive());
    Files.writeString(folder.resolve("go"), "");
    assertEquals(0, first.waitFor());
    assertEquals(0, second.waitFor());
    here.join();
    assertEquals("1", Files.readString(fetches));
    assertEquals("first", Files.readString(folder.resolve("name")));
  }

  @Test
  void whatAProcessThatDiedLeftIsFetchedAnew() throws Exception {
    assertEquals(3, start().waitFor());
    assertTrue(Files.exists(folder.resolve("name.lock")));
    assertEquals("half", Files.readString(folder.resolve("name.part")));
    assertEquals("whole", Files.readString(fetch("name", null, "whole")));
    assertFalse(Files.exists(folder.resolve("name.part")));
    assertEquals("whole", Files.readString(fetch("name", null, "not asked for")));
    assertEquals("1", Files.readString(fetches));
  }

  @Test
  void anotherContentIsRefused() throws Exception {
    Path wanted = Files.writeString(folder.resolve("wanted"), "wanted");
    String sha256 = ModelHub.sha256(wanted);
    Exception e = assertThrows(ElmoException.class, () -> fetch("name", sha256, "another"));
    assertTrue(
        e.getMessage()
            .startsWith(folder.resolve("name") + ": expected content of sha256 " + sha256),
        e.getMessage());
    // The wrong content was not kept.
    Path file = fetch("name", sha256, "wanted");
    Files.writeString(file, "damaged");
    assertThrows(ElmoException.class, () -> fetch("name", sha256, "wanted"));

    // The same with a folder.
    Path copied =
        NodeFiles.once(
            folder,
            "folder",
            null,
            target -> Files.writeString(Files.createDirectory(target).resolve("a"), "a"));
    assertEquals("a", Files.readString(copied.resolve("a")));
    Files.writeString(copied.resolve("b"), "b");
    assertThrows(ElmoException.class, () -> fetch("folder", null, ""));
  }

  @Test
  void aFetchThatFailsMayBeTriedAgain() throws Exception {
    Exception e =
        assertThrows(
            ElmoException.class,
            () ->
                NodeFiles.once(
                    folder,
                    "name",
                    null,
                    target -> {
                      Files.writeString(target, "half");
                      throw new IOException("the line is dead");
                    }));
    assertTrue(e.getMessage().contains("the line is dead"), e.getMessage());
    assertEquals("whole", Files.readString(fetch("name", null, "whole")));
  }
}
