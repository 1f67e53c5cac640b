// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Tests which versions of system libraries the built native library needs. */
class NativeFileTest {
  @TempDir Path folder;

  @Test
  @EnabledOnOs(OS.LINUX)
  void oldSystemsWillDo() throws Exception {
    String resource = Loader.getPlatform() + "/" + System.mapLibraryName("jniCpuKernels");
    Path file = folder.resolve("library"); // The library may be in a jar.
    try (InputStream in = CpuKernels.class.getResourceAsStream(resource)) {
      Files.copy(in, file);
    }
    Path script = Path.of(System.getProperty("elmo4j.root"), "tests", "platforms", "needs");
    Process needs =
        new ProcessBuilder(script.toString(), file.toString()).redirectErrorStream(true).start();
    String said = new String(needs.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, needs.waitFor(), said);
    assertTrue(said.contains("GLIBC_2."), said); // The script has found versions.
  }
}
