// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.elmo4j.Cuda;
import org.elmo4j.oracle.GoldenCase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests the tool's option {@code --device} with several CUDA devices. */
class DevicesCudaTest {
  private static final GoldenCase GOLDEN = GoldenCase.named("relu-skip");

  @TempDir Path folder;

  private static String run(int code, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    assertEquals(
        code,
        Main.run(InputStream.nullInputStream(), out, err, args),
        () -> err.toString(StandardCharsets.UTF_8));
    return (code == 0 ? out : err).toString(StandardCharsets.UTF_8);
  }

  @Test
  void severalDevicesOrAllWriteWhatOneWrites() throws Exception {
    Cuda.two();
    Path[] written = new Path[3];
    // Without the tenth sentence, whose 70 tokens take long on the emulator.
    List<String> lines = Files.readAllLines(GOLDEN.folder().resolve("sentences.txt"));
    Path input = Files.write(folder.resolve("in.txt"), lines.subList(0, 9));
    String[] devices = {"cuda", "cuda:0,cuda:1", "cuda:all"};
    for (int i = 0; i < written.length; i++) {
      written[i] = folder.resolve(i + ".npz");
      run(
          0,
          "embed",
          "--model",
          GOLDEN.folder().toString(),
          "--device",
          devices[i],
          "--tokenized",
          "--input",
          input.toString(),
          "--output",
          written[i].toString());
      assertEquals(-1, Files.mismatch(written[0], written[i]));
    }
    String info = run(0, "info", GOLDEN.folder().toString(), "--device", "cuda:0,cuda:1");
    assertTrue(info.contains(" MB on cuda, cuda:1"), info);
  }

  @Test
  void aDeviceNamedTwiceIsRefused() {
    Cuda.device();
    String message = run(1, "info", GOLDEN.folder().toString(), "--device", "cuda,cuda:0");
    assertEquals(
        "elmo: devices: expected one or more, each once, found [cuda, cuda]", message.strip());
  }
}
