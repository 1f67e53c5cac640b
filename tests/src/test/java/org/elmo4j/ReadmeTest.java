// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

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
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The Java of the README does what it says: every block compiles, and every block that needs no
 * file of the reader's own runs and prints.
 */
class ReadmeTest {
  private static final Path README = Path.of(System.getProperty("elmo4j.root"), "README.md");
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```java\\s*?\\n(.*?)^```");
  private static final Pattern IMPORT = Pattern.compile("(?m)^import [^;]+;[ \\t]*$");

  @TempDir Path classes;

  @TestFactory
  List<DynamicTest> everyBlock() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    boolean anyRuns = false;
    Matcher blocks = BLOCK.matcher(Files.readString(README));
    while (blocks.find()) {
      String block = blocks.group(1);
      String name = "Block" + (tests.size() + 1);
      boolean runs = !block.contains("Path.of(");
      anyRuns |= runs;
      tests.add(
          DynamicTest.dynamicTest(
              name + (runs ? " compiles and runs" : " compiles; it names a file of the reader's"),
              () -> {
                compile(name, block);
                if (runs) {
                  run(name);
                }
              }));
    }
    assertTrue(
        anyRuns, "README.md: expected a ```java block that runs, found none among " + tests.size());
    return tests;
  }

  /** Compiles a block as the body of a main method, after the imports it has of its own. */
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

  /** Runs a block and expects it to print numbers and to close what it opened. */
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
