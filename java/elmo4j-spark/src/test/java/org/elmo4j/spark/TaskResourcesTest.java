// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.elmo4j.ElmoException;
import org.junit.jupiter.api.Test;

class TaskResourcesTest {
  @Test
  void cudaIsTheTasksOwnGpu() {
    assertEquals("cuda:3", TaskResources.device("cuda", List.of("3"), true));
    assertEquals("cuda:3", TaskResources.device("cuda", List.of("3"), false));
    assertEquals("cuda:2", TaskResources.device("cuda", List.of("2", "0"), true));
    assertEquals("cuda", TaskResources.device("cuda", List.of(), true));
  }

  @Test
  void autoIsTheTasksOwnGpuWhereOneCanBeUsed() {
    assertEquals("cuda:1", TaskResources.device("auto", List.of("1"), true));
    assertEquals("auto", TaskResources.device("auto", List.of("1"), false));
    assertEquals("auto", TaskResources.device("auto", List.of(), true));
  }

  @Test
  void whatIsNamedOutrightIsTaken() {
    assertEquals("cpu", TaskResources.device("cpu", List.of("1"), true));
    assertEquals("cuda:0", TaskResources.device("cuda:0", List.of("1"), true));
  }

  @Test
  void anAddressThatIsNoNumberIsNamed() {
    Exception e =
        assertThrows(
            ElmoException.class, () -> TaskResources.device("cuda", List.of("GPU-5fd4f087"), true));
    assertEquals(
        "resource gpu of the task: expected a device number as address, found \"GPU-5fd4f087\"",
        e.getMessage());
  }

  @Test
  void namesOfDevicesAreChecked() {
    for (String name : List.of("auto", "cpu", "cuda", "cuda:12")) {
      assertEquals(name, TaskResources.checkDevice(name));
    }
    assertEquals("cuda:1", TaskResources.checkDevice("CUDA:1"));
    for (String name : List.of("", "gpu", "cuda:", "cuda:-1", "cuda:99999", "cpu:0")) {
      Exception e = assertThrows(ElmoException.class, () -> TaskResources.checkDevice(name));
      assertTrue(e.getMessage().endsWith("found \"" + name + "\""), e.getMessage());
    }
  }

  @Test
  void theSharedModelHasTheCpusOfAllTasksThatRunAtOnce() {
    assertEquals(8, TaskResources.threads(0, 8, 1));
    assertEquals(8, TaskResources.threads(0, 8, 4));
    assertEquals(6, TaskResources.threads(0, 8, 3));
    assertEquals(1, TaskResources.threads(0, 1, 1));
    int machine = Runtime.getRuntime().availableProcessors();
    assertEquals(machine, TaskResources.threads(0, 0, 1));
    assertEquals(2 * machine, TaskResources.threads(0, 0, 2 * machine));
  }

  @Test
  void aNumberOfThreadsThatTheUserSetIsTaken() {
    assertEquals(5, TaskResources.threads(5, 8, 2));
    assertEquals(16, TaskResources.threads(16, 1, 1));
  }
}
