// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.EOFException;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.MalformedInputException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests that messages say what was found in words, and never by the name of an exception. */
class FoundFileTest {
  @TempDir Path folder;

  @Test
  void reasonsAreWords() {
    Map<Throwable, String> reasons =
        Map.ofEntries(
            Map.entry(new IOException("Is a directory"), "\"Is a directory\""),
            Map.entry(new EOFException("no 5 bytes"), "\"no 5 bytes\""),
            Map.entry(new EOFException(), "no reason given"),
            Map.entry(new ClosedChannelException(), "it closed"),
            Map.entry(new MalformedInputException(1), "bytes that are not UTF-8"),
            Map.entry(new AccessDeniedException("f"), "permission denied"),
            Map.entry(new NoSuchFileException("f"), "no such file or folder"),
            Map.entry(new FileAlreadyExistsException("f"), "a file or folder with that name"),
            Map.entry(new NotDirectoryException("f"), "no folder"),
            Map.entry(new DirectoryNotEmptyException("f"), "a folder that is not empty"),
            Map.entry(new FileSystemException("f", null, "No space left"), "No space left"),
            Map.entry(new FileSystemException("f"), "no reason given"),
            Map.entry(new IllegalArgumentException("bad size"), "\"bad size\""),
            Map.entry(new IndexOutOfBoundsException("Index 3"), "values that do not fit"),
            Map.entry(new StackOverflowError(), "values that do not fit"),
            Map.entry(new NullPointerException("Cannot invoke x.y.Z"), "values that do not fit"));
    reasons.forEach((e, reason) -> assertEquals(reason, FoundFile.reason(e)));
  }

  @Test
  void aVocabularyThatCannotBeReadIsNamed() {
    Path none = folder.resolve("none");
    assertEquals(none + ": expected a file of words, found no such file", vocabulary(none));
    assertEquals(folder + ": expected a file of words, found a folder", vocabulary(folder));
  }

  private static String vocabulary(Path file) {
    return assertThrows(
            ElmoException.class, () -> ElmoModel.builder().miniEnglish().vocabulary(file).load())
        .getMessage();
  }

  /** Finds code that puts an exception or the name of a class into a message. */
  @Test
  void noMessageContainsAnException() throws IOException {
    Pattern wrong =
        Pattern.compile(
            "getSimpleName\\(|getClass\\(\\)\\.getName\\(|\"\\s*\\+ (e|cause)\\s*[,;)+]");
    Path java = Path.of(System.getProperty("elmo4j.root"), "java");
    List<String> found = new ArrayList<>();
    int sources = 0;
    try (Stream<Path> files = Files.walk(java)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        String name = java.relativize(file).toString();
        if (name.endsWith(".java") && name.contains("src/main") && !name.contains("target/")) {
          sources++;
          wrong
              .matcher(Files.readString(file))
              .results()
              .forEach(each -> found.add(name + ": " + each.group()));
        }
      }
    }
    assertTrue(sources > 150, "sources " + sources);
    // The tool prints errors that nobody expected as they are, for a report of the bug.
    assertEquals(List.of("elmo4j-cli/src/main/java/org/elmo4j/cli/Main.java: \" + e +"), found);
  }
}
