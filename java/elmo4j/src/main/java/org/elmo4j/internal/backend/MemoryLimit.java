// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.Pointer;

/**
 * How much memory this process may have. Linux's control groups, which containers are made of, are
 * read here: the JVM knows the same, but takes a tenth of a second to say it.
 */
final class MemoryLimit {
  private MemoryLimit() {}

  /**
   * Bytes, once the native library is there: of the machine, or of the smallest group that the
   * process is in.
   */
  static long ofProcess() {
    return Math.min(
        Pointer.totalPhysicalBytes(),
        ofGroups(Path.of("/proc/self/cgroup"), Path.of("/sys/fs/cgroup")));
  }

  /**
   * The smallest limit of the groups; {@link Long#MAX_VALUE} where none is found.
   *
   * @param groups the process's groups, a line each
   * @param root where they are mounted; in a container that may be the process's own group
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
      // No such system.
    }
    return least;
  }

  private static long limit(Path file) {
    try {
      return Long.parseLong(Files.readString(file).strip()); // "max" is none
    } catch (IOException | NumberFormatException e) {
      return Long.MAX_VALUE;
    }
  }
}
