// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.Pointer;

/**
 * Finds out how much memory this process may have. On Linux it reads the control groups, which
 * containers use. The JVM could tell the same but needs a tenth of a second.
 */
final class MemoryLimit {
  private MemoryLimit() {}

  /**
   * The limit in bytes: the memory of the machine, or the smallest limit of the control groups of
   * the process. The native library must have been loaded.
   */
  static long ofProcess() {
    return Math.min(
        Pointer.totalPhysicalBytes(),
        ofGroups(Path.of("/proc/self/cgroup"), Path.of("/sys/fs/cgroup")));
  }

  /**
   * The smallest limit of the groups; {@link Long#MAX_VALUE} if there is none.
   *
   * @param groups a file that lists the groups of the process, one on each line
   * @param root where the groups are mounted; in a container this may be the group of the process
   *     itself
   */
  static long ofGroups(Path groups, Path root) {
    long least = Long.MAX_VALUE;
    try {
      for (String line : Files.readAllLines(groups)) {
        String[] parts = line.split(":", 3); // number:controllers:path
        if (parts.length < 3) {
          continue;
        }
        boolean second = parts[0].equals("0") && parts[1].isEmpty();
        if (!second && !List.of(parts[1].split(",")).contains("memory")) {
          continue;
        }
        Path top = second ? root : root.resolve("memory");
        String file = second ? "memory.max" : "memory.limit_in_bytes";
        Path group = top.resolve(parts[2].replaceFirst("^/+", "")).normalize();
        for (; group != null && group.startsWith(top); group = group.getParent()) {
          least = Math.min(least, limit(group.resolve(file)));
        }
      }
    } catch (IOException | RuntimeException e) {
      // This system has no control groups.
    }
    return least;
  }

  private static long limit(Path file) {
    try {
      return Long.parseLong(Files.readString(file).strip()); // "max" means no limit
    } catch (IOException | NumberFormatException e) {
      return Long.MAX_VALUE;
    }
  }
}
