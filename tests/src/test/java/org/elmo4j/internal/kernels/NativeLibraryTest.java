// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.elmo4j.ChildJvm;
import org.elmo4j.ChildJvm.Ended;
import org.elmo4j.cli.Main;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests how separate processes load the native libraries, and the messages if they cannot. */
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NativeLibraryTest {
  private static final String LIBRARY = System.mapLibraryName("jniCpuKernels");

  @TempDir Path folder;

  /**
   * Runs a class in its own process, which a shell starts with the words {@code before}. Options
   * that begin with -D go to Java, the others to the class.
   */
  private static Ended run(String before, String classPath, Class<?> main, String... options)
      throws Exception {
    Map<Boolean, List<String>> parts =
        Arrays.stream(options).collect(Collectors.partitioningBy(o -> o.startsWith("-D")));
    return new ChildJvm(main, parts.get(false).toArray(String[]::new))
        .options("-Xmx256m")
        .options(parts.get(true).toArray(String[]::new))
        .classPath(classPath)
        .shell(before + " \"$@\"")
        .run();
  }

  private static Ended embed(String... options) throws Exception {
    return run("exec", System.getProperty("java.class.path"), EmbedMain.class, options);
  }

  private static String cache(Path path) {
    return "-Dorg.bytedeco.javacpp.cachedir=" + path;
  }

  private static void assertEmbeds(Ended ended) {
    assertEquals(0, ended.code(), ended::toString);
    String value = Float.toString(EmbedMain.value());
    assertEquals(List.of(value, value), ended.out("elmo"), ended::toString);
  }

  /** Returns the file of the native library that a process mapped. */
  private static Path mapped(Ended ended) {
    List<String> paths =
        ended.out("mapped").stream().filter(path -> path.endsWith(LIBRARY)).toList();
    assertEquals(1, paths.size(), ended::toString);
    return Path.of(paths.get(0));
  }

  /** Returns the folder or jar from which the library's classes are loaded. */
  private static Path classes() throws Exception {
    return Path.of(NativeLibrary.class.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  /**
   * Writes a jar of the library with these bytes as its native library. All entries have the same
   * time, as in reproducible builds.
   */
  private void jar(Path jar, byte[] library) throws Exception {
    Path classes = classes();
    FileSystem zip = Files.isDirectory(classes) ? null : FileSystems.newFileSystem(classes);
    Path root = zip == null ? classes : zip.getPath("/");
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file);
        Stream<Path> all = Files.walk(root)) {
      for (Path path : all.filter(Files::isRegularFile).toList()) {
        String name = root.relativize(path).toString().replace('\\', '/');
        JarEntry entry = new JarEntry(name);
        entry.setLastModifiedTime(FileTime.fromMillis(1_600_000_000_000L));
        out.putNextEntry(entry);
        out.write(name.endsWith(LIBRARY) ? library : Files.readAllBytes(path));
        out.closeEntry();
      }
    } finally {
      if (zip != null) {
        zip.close();
      }
    }
  }

  private static byte[] library() throws IOException {
    String resource = "" + Loader.getPlatform() + "/" + LIBRARY;
    return NativeLibrary.class.getResourceAsStream(resource).readAllBytes();
  }

  @Test
  void aRebuiltLibraryOfTheSameSizeAndTimeIsLoaded() throws Exception {
    byte[] first = library();
    byte[] second = first.clone();
    // The copy has the same size and another mark that no code reads: the compiler's name in the
    // .comment section.
    String text = new String(first, StandardCharsets.ISO_8859_1);
    int at = text.lastIndexOf("GCC: (");
    assumeTrue(at > 0, "the library does not name its compiler");
    second[at] = 'X';
    Path jar = folder.resolve("elmo4j.jar");
    String classPath =
        Stream.of(System.getProperty("java.class.path").split(":"))
            .map(path -> Path.of(path).equals(pathOfClasses()) ? jar.toString() : path)
            .collect(Collectors.joining(":"));
    for (byte[] library : List.of(first, second)) {
      jar(jar, library);
      Ended ended = run("exec", classPath, EmbedMain.class, cache(folder.resolve("cache")));
      assertEmbeds(ended);
      assertArrayEquals(library, Files.readAllBytes(mapped(ended)));
    }
  }

  private static Path pathOfClasses() {
    try {
      return classes();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aDamagedFileOfTheCacheIsReplaced() throws Exception {
    Path cache = folder.resolve("cache");
    Ended before = embed(cache(cache));
    assertEmbeds(before);
    List<String> mapped = before.out("mapped");
    // No other native library of the cache is loaded.
    assertEquals(1, mapped.size(), mapped::toString);
    List<byte[]> contents = new ArrayList<>();
    for (String path : mapped) {
      Path file = Path.of(path);
      contents.add(Files.readAllBytes(file));
      FileTime time = Files.getLastModifiedTime(file);
      Files.write(file, new byte[(int) Files.size(file)]);
      Files.setLastModifiedTime(file, time);
    }
    Ended after = embed(cache(cache));
    assertEmbeds(after);
    assertEquals(mapped, after.out("mapped"));
    for (int i = 0; i < mapped.size(); i++) {
      assertArrayEquals(contents.get(i), Files.readAllBytes(Path.of(mapped.get(i))));
    }
  }

  @Test
  void anUnwritableHomeFallsBackToTheTemporaryFolder() throws Exception {
    Path temporary = Files.createDirectory(folder.resolve("tmp"));
    Ended ended = embed("-Duser.home=/dev/null/home", "-Djava.io.tmpdir=" + temporary);
    assertEmbeds(ended);
    assertTrue(mapped(ended).startsWith(temporary), ended::toString);
  }

  /** Asserts that both attempts failed with the same sentence, which has these parts. */
  private static void assertSays(Ended ended, String... parts) {
    assertEquals(0, ended.code(), ended::toString);
    assertEquals(List.of(), ended.err());
    List<String> failures = ended.out("failed");
    assertEquals(2, failures.size(), ended::toString);
    assertEquals(failures.get(0), failures.get(1));
    for (String part : parts) {
      assertTrue(failures.get(0).contains(part), () -> part + " in " + failures.get(0));
    }
    assertTrue(failures.get(0).length() < 500, failures.get(0));
  }

  @Test
  void nowhereToWrite() throws Exception {
    assertSays(
        embed(
            cache(Path.of("/dev/null/c")), "-Duser.home=/dev/null/h", "-Djava.io.tmpdir=/dev/null"),
        "native library",
        "-Dorg.bytedeco.javacpp.cachedir=FOLDER");
  }

  @Test
  void aFullFolder() throws Exception {
    Path cache = Files.createDirectory(folder.resolve("cache"));
    // Files are limited to 64 KB: a write beyond that fails as on a full disk.
    Ended ended =
        run(
            "ulimit -f 128; exec",
            System.getProperty("java.class.path"),
            EmbedMain.class,
            cache(cache),
            "-Djava.io.tmpdir=" + folder);
    assertSays(ended, cache.toString(), "File too large", "-Dorg.bytedeco.javacpp.cachedir=FOLDER");
  }

  @Test
  void aFolderMountedNoexec() throws Exception {
    Path cache = Files.createDirectory(folder.resolve("cache"));
    String mount = "mount -t tmpfs -o noexec none '" + cache + "'";
    Process can = new ProcessBuilder("unshare", "-rm", "sh", "-c", mount).start();
    assumeTrue(can.waitFor() == 0, "this process may not mount folders");
    Ended ended =
        run(
            "exec unshare -rm sh -c \"" + mount + " && exec \\\"\\$@\\\"\" sh",
            System.getProperty("java.class.path"),
            EmbedMain.class,
            cache(cache));
    assertSays(
        ended, cache.toString(), "failed to map segment", "-Dorg.bytedeco.javacpp.cachedir=FOLDER");
  }

  @Test
  void aPlatformThatTheBuildDoesNotHave() throws Exception {
    assertSays(
        embed("-Dos.arch=riscv64"),
        "expected a platform that this build of elmo4j has (",
        Loader.getPlatform(),
        "), found linux-riscv64");
  }

  @Test
  void theToolSaysItInOneLine() throws Exception {
    String classPath = System.getProperty("java.class.path");
    Ended ended = run("exec", classPath, Main.class, "-Dos.arch=riscv64", "embed", "Hello");
    assertEquals(1, ended.code(), ended::toString);
    assertEquals(List.of(), ended.out());
    assertEquals(1, ended.err().size(), ended::toString);
    assertTrue(
        ended.err().get(0).startsWith("elmo: native library jniCpuKernels: expected a platform"),
        ended::toString);
  }
}
