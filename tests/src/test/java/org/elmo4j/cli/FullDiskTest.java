// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.elmo4j.ChildJvm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Tests that a full disk is said with the file or folder that had no room. */
@EnabledOnOs(OS.LINUX)
class FullDiskTest extends ToolTest {
  private static final String REST =
      ", found \"File too large\"; JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=FOLDER chooses another folder"
          + " for temporary files";

  /** Runs the tool with a limit on the size of files, which acts like a full disk. */
  private String full(String... args) throws Exception {
    Path temporary = Files.createDirectories(folder.resolve("tmp"));
    ChildJvm.Ended ended =
        new ChildJvm(Main.class, args)
            .sharedCache()
            .options("-Djava.io.tmpdir=" + temporary)
            .shell("ulimit -f 64; exec \"$@\"")
            .run();
    assertEquals(1, ended.code(), ended::toString);
    assertEquals(1, ended.err().size(), ended::toString);
    assertEquals(List.of(), ended.out());
    try (var left = Files.list(temporary)) {
      assertEquals(List.of(), left.toList());
    }
    return ended.err().get(0);
  }

  private String manySentences() throws IOException {
    return text("a b c d e f g h i j k l m n o p\n".repeat(100));
  }

  @Test
  void standardOutputIsNotBlamedForTheTemporaryFolder() throws Exception {
    assertEquals(
        "elmo: " + file("tmp") + ": expected room for a temporary file of standard output" + REST,
        full(
            "embed",
            "--tokenized",
            "--input",
            manySentences(),
            "--format",
            "hdf5",
            "--output",
            "-"));
  }

  @Test
  void aFileOfTheUserIsNamed() throws Exception {
    String out = file("out.hdf5");
    assertEquals(
        "elmo: " + out + ": expected a place to write to, found \"File too large\"",
        full("embed", "--tokenized", "--input", manySentences(), "--output", out));
    assertEquals(List.of("in.txt", "tmp"), left());
  }

  @Test
  void vectorsThatAreNotKeptAreTemporary() throws Exception {
    assertEquals(
        "elmo: " + file("tmp") + ": expected room for a temporary file" + REST,
        full("similar", "--tokenized", "--input", manySentences(), "--query", "a"));
  }

  @Test
  void anArchiveIsNotBlamedForTheTemporaryFolder() throws Exception {
    Path archive = folder.resolve("model.zip");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(archive))) {
      for (String name : List.of("options.json", "weights.hdf5")) {
        zip.putNextEntry(new ZipEntry(name));
        Files.copy(GOLDEN.folder().resolve(name), zip);
        zip.closeEntry();
      }
    }
    assertTrue(Files.size(GOLDEN.folder().resolve("weights.hdf5")) > 64 * 1024);
    assertEquals(
        "elmo: " + file("tmp") + ": expected room for the files of " + archive + REST,
        full("info", archive.toString()));
  }
}
