// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringWriter;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests the examples in README and in the guide under {@code docs}: every Java block and every Java
 * call in a table compiles, the blocks that need no file of the reader's run and print numbers, and
 * the targets of links exist.
 */
class DocsTest {
  private static final Path ROOT = Path.of(System.getProperty("elmo4j.root"));
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```java\\s*?\\n(.*?)^```");
  private static final Pattern IMPORT = Pattern.compile("(?m)^import [^;]+;[ \\t]*$");

  /** The code in the last cell of a table's row, if it is Java. */
  private static final Pattern CALL =
      Pattern.compile("(?m)^\\|.*\\| `((?:model|ElmoModel|Layer)\\.[^`]*|new [^`]*)` \\|$");

  private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)(?:#[^)]*)?\\)");

  /** The variables that calls in tables may use. */
  private static final String NAMES =
      """
      ElmoModel model, List<List<String>> sentences, List<String> tokens, Path options, Path weights,
      Path path, Path vocabulary, Path embeddings, ScalarMix mix, ScalarMix otherMix,
      String[][] padded, int[] lengths, String text
      """;

  @TempDir Path classes;

  private static List<Path> pages() throws IOException {
    try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
      return Stream.concat(Stream.of(ROOT.resolve("README.md")), docs)
          .filter(file -> file.toString().endsWith(".md"))
          .sorted()
          .toList();
    }
  }

  @TestFactory
  List<DynamicTest> everyBlock() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path page : pages()) {
      Matcher blocks = BLOCK.matcher(Files.readString(page));
      while (blocks.find()) {
        String block = blocks.group(1);
        String name = "Block" + (tests.size() + 1);
        boolean runs = !block.contains("Path.of(");
        tests.add(
            DynamicTest.dynamicTest(
                page.getFileName() + ": " + name + (runs ? " runs" : " compiles"),
                () -> {
                  compile(name, block);
                  if (runs) {
                    run(name);
                  }
                }));
      }
    }
    assertTrue(tests.size() > 2, () -> "expected Java blocks, found " + tests.size());
    return tests;
  }

  @TestFactory
  List<DynamicTest> everyCallInATable() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path page : pages()) {
      StringBuilder body = new StringBuilder("}\npublic void calls(" + NAMES + ") {\n");
      Matcher calls = CALL.matcher(Files.readString(page));
      int count = 0;
      while (calls.find()) {
        body.append("Object call" + count++ + " = " + calls.group(1) + ";\n");
      }
      if (count > 0) {
        String name = "Calls" + (tests.size() + 1);
        tests.add(
            DynamicTest.dynamicTest(
                page.getFileName() + ": " + count + " calls compile",
                () -> compile(name, body.toString())));
      }
    }
    assertTrue(tests.size() > 1, () -> "expected pages with calls, found " + tests.size());
    return tests;
  }

  @Test
  void linksLeadSomewhere() throws IOException {
    List<String> broken = new ArrayList<>();
    List<Path> pages = new ArrayList<>(pages());
    for (String more : List.of("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")) {
      pages.add(ROOT.resolve(more));
    }
    for (Path page : pages) {
      Matcher links = LINK.matcher(Files.readString(page));
      while (links.find()) {
        if (Files.notExists(page.resolveSibling(links.group(1)))) {
          broken.add(page.getFileName() + ": " + links.group(1));
        }
      }
    }
    assertEquals(List.of(), broken);
  }

  /**
   * Compiles a block as the body of a main method. The block's own imports go to the top of the
   * file.
   */
  private void compile(String name, String block) throws IOException {
    StringBuilder source =
        new StringBuilder("import org.elmo4j.*;\nimport java.nio.file.*;\nimport java.util.*;\n");
    Matcher imports = IMPORT.matcher(block);
    while (imports.find()) {
      source.append(imports.group()).append('\n');
    }
    source.append("public class ").append(name).append(" {\n");
    source.append("public static void main(String[] args) throws Exception {\n");
    source.append(imports.replaceAll("")).append("\n}\n}\n");
    Path file = Files.writeString(classes.resolve(name + ".java"), source);
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter messages = new StringWriter();
    List<String> options =
        List.of(
            "-d", classes.toString(), "-cp", System.getProperty("java.class.path"), "-proc:none");
    try (StandardJavaFileManager files =
        compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
      boolean compiled =
          compiler
              .getTask(messages, files, null, options, null, files.getJavaFileObjects(file))
              .call();
      assertTrue(compiled, () -> messages + "\n" + source);
    }
  }

  /** Runs a block and asserts that it prints numbers and closes what it opened. */
  private void run(String name) throws Exception {
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    PrintStream out = System.out;
    try (URLClassLoader loader = new URLClassLoader(new URL[] {classes.toUri().toURL()})) {
      System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
      loader.loadClass(name).getMethod("main", String[].class).invoke(null, (Object) new String[0]);
    } finally {
      System.setOut(out);
    }
    String text = printed.toString(StandardCharsets.UTF_8);
    assertTrue(Pattern.compile("\\d").matcher(text).find(), "expected numbers, printed: " + text);
    assertFalse(text.contains("NaN"), text);
  }
}
