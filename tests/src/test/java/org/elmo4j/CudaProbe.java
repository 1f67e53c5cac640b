// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.elmo4j.internal.devices.Devices;

/**
 * Embeds on the CPU, prints the CUDA libraries that are in memory then, and prints the CUDA device
 * or the reason why there is none, twice. {@link DeviceTest} runs it in its own process.
 */
final class CudaProbe {
  private CudaProbe() {}

  public static void main(String[] args) throws Exception {
    try (ElmoModel model = ElmoModel.builder().miniEnglish().device(Device.cpu()).load();
        Embeddings embeddings = model.embed(List.of(List.of("Hello", "world")))) {
      System.out.println("numbers " + embeddings.get(Layer.ELMO).size());
    }
    Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .filter(line -> line.matches(".*(libcuda|libcudart|libcudnn|elmo4j_cuda|jniCuda).*"))
        .forEach(line -> System.out.println("early " + line));
    for (int i = 0; i < 2; i++) {
      try {
        System.out.println("device " + Devices.resolve(Device.cuda()));
      } catch (ElmoException e) {
        System.out.println("reason " + e.getMessage());
      }
    }
    System.out.println("auto " + Devices.resolve(Device.auto()));
  }
}
