// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.elmo4j.ChildJvm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests the warnings about memory that was never closed, and how the memory limit is found. */
class MemoryTest {
  @TempDir Path folder;

  @Test
  @Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void forgottenResultsAreOneWarningWithACount() throws Exception {
    ChildJvm.Ended ended = new ChildJvm(ForgetMain.class).options("-Xmx256m").sharedCache().run();
    assertEquals(List.of("300 0"), ended.out());
    List<String> warnings =
        ended.err().stream().filter(line -> line.contains("native memory")).toList();
    // Blocks that are found much later than the others get a separate warning.
    assertTrue(!warnings.isEmpty() && warnings.size() <= 3, warnings::toString);
    long count =
        warnings.stream()
            .mapToLong(line -> Long.parseLong(line.split("native memory: ")[1].split(" ")[0]))
            .sum();
    assertEquals(300, count, warnings::toString);
    assertTrue(warnings.get(0).contains("-Delmo4j.leakTrace=true"), warnings::toString);
  }

  private long limit(String groups) throws IOException {
    Path file = Files.writeString(folder.resolve("cgroup"), groups);
    return MemoryLimit.ofGroups(file, folder.resolve("fs"));
  }

  private void set(String file, String value) throws IOException {
    Path path = folder.resolve("fs").resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, value + "\n");
  }

  @Test
  void theSmallestLimitOfTheControlGroupsCounts() throws IOException {
    assertEquals(Long.MAX_VALUE, limit("0::/\n"));
    set("memory.max", "max");
    assertEquals(Long.MAX_VALUE, limit("0::/\n"));
    set("a/memory.max", "1000");
    set("a/b/memory.max", "max");
    assertEquals(1000, limit("0::/a/b/c\n"));
    set("a/b/memory.max", "700");
    assertEquals(700, limit("0::/a/b/c\n"));
    // In a container, the container's group may be at the root of the file system.
    set("memory.max", "500");
    assertEquals(500, limit("0::/../../elsewhere\n0::/x\n"));
  }

  @Test
  void theFirstVersionOfControlGroupsCountsToo() throws IOException {
    set("memory/docker/1/memory.limit_in_bytes", "9000");
    set("memory/memory.limit_in_bytes", "9223372036854771712");
    assertEquals(9000, limit("5:cpu:/docker/1\n4:memory:/docker/1\n0::/\n"));
    assertEquals(9223372036854771712L, limit("4:cpu,memory:/elsewhere\n"));
    assertEquals(Long.MAX_VALUE, MemoryLimit.ofGroups(folder.resolve("no"), folder));
  }
}
