// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tests the launcher in a separate checkout, with a fake Java, Maven and apt-get that only report
 * their arguments. No other programs than {@link #REAL} are on the path, so that no test builds or
 * installs anything, whatever the machine has.
 */
class LauncherTest {
  private static final Path ROOT = Path.of(System.getProperty("elmo4j.root"));

  private static final String REAL =
      "awk bash cat chmod dirname env find flock grep ln mkdir mktemp mv paste readlink renice rm sed"
          + " seq sh sleep sort tail touch xargs";

  @TempDir static Path real;
  @TempDir Path folder;

  private Path checkout;
  private Path stamp;

  private record Result(int code, String out, String err) {}

  @BeforeAll
  static void makePath() throws IOException {
    for (String name : REAL.split(" ")) {
      String folder = Files.exists(Path.of("/usr/bin", name)) ? "/usr/bin/" : "/bin/";
      executable(real.resolve(name), "#!/bin/sh", "exec " + folder + name + " \"$@\"");
    }
  }

  @BeforeEach
  void make() throws IOException {
    checkout = Files.createDirectories(folder.resolve("a check out"));
    for (String script : List.of("elmo", "tests/run", ".ci/run")) {
      Path copy = checkout.resolve(script);
      Files.createDirectories(copy.getParent());
      Files.copy(ROOT.resolve(script), copy, StandardCopyOption.COPY_ATTRIBUTES);
    }
    Files.createDirectories(checkout.resolve("java/elmo4j-cli/src"));
    Files.writeString(checkout.resolve("pom.xml"), "");
    program("jdk/release", "JAVA_VERSION=\"17.0.1\"");
    program("jdk/bin/javac", "#!/bin/sh");
    program(
        "jdk/bin/java",
        "#!/bin/sh",
        "for last; do :; done",
        "if [ \"$last\" = --descriptors ]; then",
        "  for d in 0 1 2; do list=\"$list $(readlink /proc/$$/fd/$d)\"; done",
        "  echo $list >'" + folder + "/open.txt'; exit; fi",
        "while [ \"$1\" != org.elmo4j.cli.Main ]; do shift; done",
        "shift; printf 'java:'; printf ' <%s>' \"$@\"");
    for (String name :
        List.of("cmake", "g++", "ninja", "clang-format", "python3", "gpg", "unzip", "ctest")) {
      program("bin/" + name, "#!/bin/sh", "exit 0");
    }
    program("bin/uname", "#!/bin/sh", "echo x86_64");
    program("bin/apt-cache", "#!/bin/sh", "exit 1");
    program("bin/apt-get", "#!/bin/sh", "echo \"$*\" >>'" + folder + "/apt.txt'");
    user(0);
    maven("exit 0");
    stamp = checkout.resolve("build/elmo-build.stamp");
    Files.createDirectories(stamp.getParent());
    Files.writeString(stamp, "");
    Files.setLastModifiedTime(stamp, FileTime.fromMillis(System.currentTimeMillis() + 100_000));
  }

  private void program(String name, String... lines) throws IOException {
    Files.createDirectories(folder.resolve(name).getParent());
    executable(folder.resolve(name), lines);
  }

  private static void executable(Path file, String... lines) throws IOException {
    Files.write(file, List.of(lines));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private void maven(String command) throws IOException {
    program("bin/mvn", "#!/bin/sh", "echo \"$*\" >>'" + folder + "/maven.txt'", command);
  }

  private void user(int number) throws IOException {
    program("bin/id", "#!/bin/sh", "echo " + number);
  }

  /** Returns the arguments of the calls of apt-get that install packages. */
  private List<String> installed() throws IOException {
    Path calls = folder.resolve("apt.txt");
    return Files.exists(calls)
        ? Files.readAllLines(calls).stream().filter(call -> call.contains(" install ")).toList()
        : List.of();
  }

  private boolean mavenRan() {
    return Files.exists(folder.resolve("maven.txt"));
  }

  private void makeStale() throws IOException {
    Files.setLastModifiedTime(stamp, FileTime.fromMillis(0));
  }

  private Process start(String script) throws IOException {
    ProcessBuilder builder = new ProcessBuilder("bash", "-c", script);
    Map<String, String> environment = builder.environment();
    environment.put("PATH", folder.resolve("bin") + ":" + real);
    environment.put("JAVA_HOME", folder.resolve("jdk").toString());
    environment.put("ELMO", checkout.resolve("elmo").toString());
    environment.remove("CI");
    environment.remove("JAVA_TOOL_OPTIONS"); // Each JVM would report on stderr that it used them.
    environment.remove("BASH_ENV");
    return builder
        .directory(folder.toFile())
        .redirectOutput(folder.resolve("out.txt").toFile())
        .redirectError(folder.resolve("err.txt").toFile())
        .start();
  }

  private Result bash(String script) throws IOException, InterruptedException {
    Process process = start(script);
    process.getOutputStream().close();
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("did not end: " + script);
    }
    Result result =
        new Result(
            process.exitValue(),
            Files.readString(folder.resolve("out.txt"), StandardCharsets.UTF_8),
            Files.readString(folder.resolve("err.txt"), StandardCharsets.UTF_8));
    // Add the program to REAL, or a fake of it.
    assertFalse(result.err.contains("command not found"), result.err);
    return result;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"$ELMO\" embed 'a b'",
        "cd / && \"$ELMO\" embed 'a b'",
        "cd \"${ELMO%/*}\" && ./elmo embed 'a b'",
        "export CDPATH=/:/usr; cd \"${ELMO%/*}/java\" && ../elmo embed 'a b'",
        "ln -s \"$ELMO\" link; ln -s link second; ./second embed 'a b'",
        "ln -s \"$ELMO\" bin/elmo; elmo embed 'a b'",
        "unset HOME; \"$ELMO\" embed 'a b'",
        "set -eu; \"$ELMO\" embed 'a b'; true",
        "env -i JAVA_HOME=\"$JAVA_HOME\" PATH=\"$PATH\" \"$ELMO\" embed 'a b'",
        "\"$ELMO\" embed 'a b' <&-",
        "\"$ELMO\" embed 'a b' 2>&-",
        "chmod -R a-w \"${ELMO%/*}\"; \"$ELMO\" embed 'a b'; c=$?; chmod -R u+w \"${ELMO%/*}\";"
            + " exit $c",
      })
  void startsTheToolFromAnywhere(String script) throws Exception {
    Result result = bash(script);
    assertEquals("java: <embed> <a b>", result.out, result.err);
    assertEquals("", result.err);
    assertEquals(0, result.code);
    assertFalse(mavenRan());
  }

  @Test
  void closedDescriptorsFailInsteadOfGoingToOtherFiles() throws Exception {
    assertEquals(
        "/dev/null /dev/null /dev/null",
        bash("\"$ELMO\" --descriptors <&- >&- 2>&-; cat open.txt").out.strip());
  }

  @Test
  void aStaleToolIsBuiltOnce() throws Exception {
    makeStale();
    Result result = bash("\"$ELMO\" models && \"$ELMO\" models");
    assertEquals("java: <models>java: <models>", result.out, result.err);
    List<String> calls = Files.readAllLines(folder.resolve("maven.txt"));
    assertEquals(1, calls.size(), calls::toString);
    assertTrue(calls.get(0).contains("-pl java/elmo4j-cli -am package"), calls::toString);
  }

  @Test
  void aBuildThatFailsShowsItsCauseAndStaysStale() throws Exception {
    makeStale();
    maven("echo 'CMake Error: the cause'; for i in $(seq 50); do echo line; done; exit 1");
    Result result = bash("\"$ELMO\" models");
    assertEquals(1, result.code);
    assertEquals("", result.out);
    assertTrue(result.err.contains("CMake Error: the cause"), result.err);
    assertEquals(1, bash("\"$ELMO\" models").code);
    assertEquals(2, Files.readAllLines(folder.resolve("maven.txt")).size());
  }

  @Test
  void rootInstallsAMissingProgramAndOthersReadItsName() throws Exception {
    makeStale();
    Files.delete(folder.resolve("bin/cmake"));
    user(1000);
    Result result = bash("\"$ELMO\" models");
    assertEquals(1, result.code, result.err);
    assertTrue(result.err.contains("missing: cmake; install with: sudo apt-get"), result.err);
    assertEquals(List.of(), installed());
    assertFalse(mavenRan());
    user(0);
    result = bash("\"$ELMO\" models");
    assertEquals("java: <models>", result.out, result.err);
    assertEquals(1, installed().size());
    assertTrue(installed().get(0).endsWith(" --no-upgrade cmake"), installed()::toString);
    assertTrue(mavenRan());
  }

  @Test
  void aMovedCheckoutForgetsCMakesFolder() throws Exception {
    makeStale();
    Path moved = Files.createDirectories(checkout.resolve("build/cpu"));
    Path same = Files.createDirectories(checkout.resolve("build/cuda"));
    Files.writeString(
        moved.resolve("CMakeCache.txt"), "CMAKE_HOME_DIRECTORY:INTERNAL=/some/where/else\n");
    Files.writeString(
        same.resolve("CMakeCache.txt"), "CMAKE_HOME_DIRECTORY:INTERNAL=" + checkout + "\n");
    Result result = bash("\"$ELMO\" models");
    assertEquals("java: <models>", result.out, result.err);
    assertFalse(Files.exists(moved));
    assertTrue(Files.exists(same.resolve("CMakeCache.txt")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"test --help", "test -h", "test --all --help"})
  void helpOfTestBuildsNothing(String arguments) throws Exception {
    makeStale();
    Result result = bash("\"$ELMO\" " + arguments);
    assertEquals(0, result.code, result.err);
    assertTrue(result.out.startsWith("Usage: ./elmo test"), result.out);
    assertFalse(mavenRan());
    assertEquals(0, Files.getLastModifiedTime(stamp).toMillis());
  }

  @Test
  void unknownOptionsOfTestAreWrongUsage() throws Exception {
    makeStale();
    Result result = bash("\"$ELMO\" test --al");
    assertEquals(2, result.code, result.err);
    assertTrue(result.err.contains("found --al"), result.err);
    assertFalse(mavenRan());
    assertEquals(0, Files.getLastModifiedTime(stamp).toMillis());
  }

  @Test
  void testsEndWithATableOfStages() throws Exception {
    makeStale();
    Result result = bash("\"$ELMO\" test");
    assertEquals(0, result.code, result.err + result.out);
    for (String stage : List.of("native build", "Maven: build and Java tests", "native tests")) {
      assertTrue(
          result.out.lines().anyMatch(line -> line.matches(stage + ".* +[0-9]+")), result.out);
    }
    assertTrue(Files.getLastModifiedTime(stamp).toMillis() > 0);
  }

  @Test
  void testsThatFailLeaveTheToolStale() throws Exception {
    makeStale();
    maven("case $* in *verify*) exit 3;; esac");
    Result result = bash("\"$ELMO\" test");
    assertEquals(3, result.code, result.err + result.out);
    assertTrue(result.out.lines().anyMatch(line -> line.matches("Maven.* failed")), result.out);
    assertEquals(0, Files.getLastModifiedTime(stamp).toMillis());
  }

  @Test
  void nativeTestsThatFailShowTheirOutput() throws Exception {
    makeStale();
    program(
        "bin/ctest",
        "#!/bin/sh",
        "while [ \"$1\" != --output-log ]; do shift; done",
        "echo 'expected 1, found 2' >\"$2\"; exit 8");
    Result result = bash("\"$ELMO\" test");
    assertEquals(1, result.code, result.err + result.out);
    assertTrue(result.out.contains("expected 1, found 2"), result.out);
    assertTrue(
        result.out.lines().anyMatch(line -> line.matches("native tests.* failed")), result.out);
    assertEquals(0, Files.getLastModifiedTime(stamp).toMillis());
  }

  @ParameterizedTest
  @ValueSource(strings = {"INT models", "TERM models", "INT test", "TERM test"})
  void signalsEndWhatWasStarted(String how) throws Exception {
    makeStale();
    String signal = how.split(" ")[0];
    String pidFile = folder.resolve("sleep.pid").toString();
    maven(
        "sh -c 'echo $$ >\""
            + pidFile
            + ".new\"; mv \""
            + pidFile
            + ".new\" \""
            + pidFile
            + "\"; exec sleep 100'");
    Process process = start("exec \"$ELMO\" " + how.split(" ")[1]);
    long limit = System.nanoTime() + 30_000_000_000L;
    while (!Files.exists(Path.of(pidFile)) && System.nanoTime() < limit) {
      Thread.sleep(20);
    }
    long sleeping = Long.parseLong(Files.readString(Path.of(pidFile)).strip());
    new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start().waitFor();
    assertTrue(process.waitFor(30, TimeUnit.SECONDS));
    assertEquals(signal.equals("INT") ? 130 : 143, process.exitValue());
    while (ProcessHandle.of(sleeping).filter(ProcessHandle::isAlive).isPresent()) {
      assertTrue(System.nanoTime() < limit, "what was started goes on");
      Thread.sleep(20);
    }
  }

  @Test
  void ciRunsAllTests() throws Exception {
    for (String script :
        List.of("tests/platforms/run", "tests/compile-with-jdks", "tests/consumers/run")) {
      Path stub = checkout.resolve(script);
      Files.createDirectories(stub.getParent());
      Files.writeString(
          stub,
          "#!/bin/sh\necho "
              + script
              + " $* >> \"$OUT\"\n".replace("$OUT", folder.resolve("stages.txt").toString()));
      assertTrue(stub.toFile().setExecutable(true));
    }
    Result result = bash("\"${ELMO%/*}/.ci/run\"");
    assertEquals(0, result.code, result.err + result.out);
    assertEquals(
        List.of(
            "tests/compile-with-jdks --built",
            "tests/consumers/run",
            "tests/platforms/run java",
            "tests/platforms/run native"),
        Files.readAllLines(folder.resolve("stages.txt")).stream()
            .map(String::strip)
            .sorted()
            .toList());
    assertTrue(
        Files.readAllLines(folder.resolve("maven.txt")).stream()
            .anyMatch(call -> call.contains("-Pspark") && call.contains("verify")));
    String compilers = "g++-aarch64-linux-gnu qemu-user g++-mingw-w64-x86-64-posix";
    assertTrue(
        installed().stream().anyMatch(call -> call.contains(" --no-upgrade " + compilers)),
        installed()::toString);
  }
}
