// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.elmo4j.internal.devices.Devices;
import org.elmo4j.internal.kernels.CudaKernels;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests the names and the choice of devices, and when the CUDA libraries are loaded. */
class DeviceTest {
  /** Runs {@link CudaProbe} in its own process and returns the lines that it prints. */
  private static List<String> probe(String... properties) throws Exception {
    ChildJvm.Ended ended =
        new ChildJvm(CudaProbe.class).options("-Xmx256m").sharedCache().options(properties).run();
    List<String> lines = ended.out();
    assertEquals(0, ended.code(), ended::toString);
    assertTrue(lines.contains("numbers 512"), lines::toString);
    return lines;
  }

  /** The lines of a process without properties, which several tests read. */
  private static List<String> plain;

  private static synchronized List<String> probeOnce() throws Exception {
    plain = plain == null ? probe() : plain;
    return plain;
  }

  private static List<String> starting(List<String> lines, String word) {
    return lines.stream().filter(line -> line.startsWith(word + " ")).toList();
  }

  @Test
  void nothingOfCudaIsLoadedBeforeItIsAskedFor() throws Exception {
    List<String> lines = probeOnce();
    assertEquals(List.of(), starting(lines, "early"));
  }

  @Test
  void aDeviceIsUsableOrTheReasonIsOneSentenceThatStays() throws Exception {
    List<String> lines = probeOnce();
    List<String> reasons = starting(lines, "reason");
    if (reasons.isEmpty()) {
      assertEquals(List.of("device cuda", "device cuda"), starting(lines, "device"));
      assertEquals(List.of("auto cuda"), starting(lines, "auto"));
      return;
    }
    assertEquals(2, reasons.size());
    assertEquals(reasons.get(0), reasons.get(1));
    assertTrue(reasons.get(0).matches("reason device cuda: expected .*, found .*"), reasons.get(0));
    assertFalse(reasons.get(0).contains("Exception"), reasons.get(0));
    assertEquals(List.of("auto cpu"), starting(lines, "auto"));
  }

  /**
   * If the property names the kernels' library, no driver is looked for first. The first CUDA call
   * must then return a device or an error that says why there is none.
   */
  @Test
  void theJniHalfLoads(@TempDir Path folder) throws Exception {
    String library = kernels(folder);
    List<String> lines = probe("-Delmo4j.cuda.library=" + library);
    List<String> answers = new ArrayList<>(starting(lines, "reason"));
    answers.addAll(starting(lines, "device"));
    assertEquals(2, answers.size(), lines::toString);
    assertTrue(
        answers.get(0).equals("device cuda")
            || answers.get(0).matches(".*expected CUDA's runtime to start, found error [0-9]+, .*")
            || answers.get(0).contains("expected a CUDA device"),
        answers.get(0));
  }

  /**
   * Copies the kernels' library out of the jar and returns its path. A build with emulated kernels
   * has it in a file only. The test is skipped if there is no such library.
   */
  private static String kernels(Path folder) throws IOException {
    try (InputStream library =
        CudaKernels.class.getResourceAsStream("linux-x86_64/libelmo4j_cuda.so")) {
      if (library == null) {
        String file = System.getProperty("elmo4j.cuda.library");
        assumeTrue(file != null, "this build has no CUDA half");
        return file;
      }
      Path copy = folder.resolve("libelmo4j_cuda.so");
      Files.copy(library, copy);
      return copy.toString();
    }
  }

  @Test
  void devicesAreReadByName() {
    assertEquals(Device.cpu(), Device.parse("CPU"));
    assertEquals("cpu", Device.cpu().toString());
    assertFalse(Device.cpu().isCuda());
    for (String name : List.of("tpu", "cuda:", "cuda:-1", "cuda:x", "cuda1", "")) {
      ElmoException e = assertThrows(ElmoException.class, () -> Device.parse(name));
      assertTrue(e.getMessage().contains("\"" + name + "\""), e.getMessage());
      assertFalse(Device.isName(name));
    }
    assertTrue(Device.isName("Cuda:3"));
  }

  @Test
  void severalDevicesAreReadByNamesWithCommasBetween() {
    assertEquals(List.of(Device.cpu()), Device.parseAll("cpu"));
    assertEquals(List.of(Device.cpu(), Device.cpu()), Device.parseAll("cpu,CPU"));
    for (String names : List.of("cpu,", "", "cpu,tpu", "cpu cpu")) {
      assertThrows(ElmoException.class, () -> Device.parseAll(names), names);
    }
    assertEquals(
        List.of(Device.cpu(), Device.cuda(999), Device.allCuda()),
        Device.parseAll("cpu,cuda:999,cuda:all"));
    assertEquals("cuda:all", Device.allCuda().toString());
  }

  @Test
  void allCudaDevicesAreThoseThatCanBeUsedOrTheReasonWhyNoneCan() {
    try {
      List<Device> all = Devices.resolve(List.of(Device.allCuda()));
      assertEquals(Device.cuda(all.get(0).index()), all.get(0));
      assertEquals(all.size(), all.stream().distinct().count());
    } catch (ElmoException e) {
      assertEquals(
          e.getMessage(),
          assertThrows(ElmoException.class, () -> Devices.resolve(Device.cuda())).getMessage());
    }
  }

  @Test
  void aModelTakesEachDeviceOnceAndSeveralOnlyOfCuda() {
    Device cpu = Device.cpu();
    for (List<Device> devices : List.of(List.<Device>of(), List.of(cpu, cpu))) {
      ElmoException e =
          assertThrows(ElmoException.class, () -> ElmoModel.builder().devices(devices));
      assertEquals("devices: expected one or more, each once, found " + devices, e.getMessage());
    }
    assertThrows(ElmoException.class, () -> ElmoModel.builder().devices(null));
    Device cuda = Cuda.device();
    assertThrows(ElmoException.class, () -> ElmoModel.builder().devices(List.of(cuda, cuda)));
    ElmoException e =
        assertThrows(ElmoException.class, () -> ElmoModel.builder().devices(List.of(cuda, cpu)));
    assertEquals(
        "devices: expected CUDA devices where there are several, found [cuda, cpu]",
        e.getMessage());
  }

  @Test
  void aDeviceThatIsNotThereIsRefused() {
    ElmoModelBuilder builder = ElmoModel.builder().miniEnglish().device(Device.parse("cuda:999"));
    ElmoException e = assertThrows(ElmoException.class, builder::load);
    assertTrue(e.getMessage().startsWith("device cuda:999: expected "), e.getMessage());
    assertThrows(ElmoException.class, () -> Device.cuda(-1));
  }

  @Test
  void cudaDevicesAreEqualByNumber() {
    Device device = Cuda.device();
    assertEquals(device, Device.parse("cuda:0"));
    assertEquals("cuda", device.toString());
    assertEquals("cuda", device.kind());
    assertEquals(0, device.index());
    assertTrue(device.isCuda());
  }
}
