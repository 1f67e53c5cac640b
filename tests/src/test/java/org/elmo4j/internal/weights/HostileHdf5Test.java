// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.elmo4j.internal.weights.TinyModel.assertContains;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.elmo4j.ChildJvm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests HDF5 files with false sizes, counts and references: each is refused with one line and
 * within seconds, in a process with a small heap that exits at the first OutOfMemoryError.
 */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileHdf5Test {
  private static final int CASES = Integer.getInteger("elmo4j.fuzz.cases", 800);

  @TempDir Path dir;

  private static Hdf5Bytes of(String resource) throws IOException {
    return new Hdf5Bytes(TinyModel.resource(resource + ".hdf5"));
  }

  /**
   * Returns deflated zeros that a small heap cannot hold, in less than a thousandth of their bytes.
   */
  private static byte[] bomb() {
    byte[] bomb = RepeatedBytes.zlib().add(new byte[1 << 20], 600).end();
    assertTrue(1000L * bomb.length < 600L << 20);
    return bomb;
  }

  /** Returns a half-full node of a version 1 B-tree whose entries all point to one address. */
  private static byte[] node(int type, int level, int entries, int keySize, long child) {
    ByteBuffer node =
        ByteBuffer.allocate(24 + 2 * entries * (keySize + 8) + keySize)
            .order(ByteOrder.LITTLE_ENDIAN);
    node.put("TREE".getBytes(StandardCharsets.US_ASCII)).put((byte) type).put((byte) level);
    node.putShort((short) entries).putLong(-1).putLong(-1);
    for (int i = 0; i < entries; i++) {
      node.position(node.position() + keySize).putLong(child);
    }
    return node.array();
  }

  /** Returns a file with a tree of a few nodes in which billions of paths lead to one leaf. */
  private static Hdf5Bytes manyWays(String resource, int type, int keySize) throws IOException {
    Hdf5Bytes file = of(resource);
    int length = file.bytes().length;
    int leaf = file.trees(type).get(0);
    int root = leaf;
    for (int level = 1; level <= 4; level++) {
      root = file.append(node(type, level, 200, keySize, root));
    }
    return file.replace(leaf, root, length);
  }

  private record Case(Hdf5Bytes file, String found) {}

  /** Returns the files by name, with text that the message must contain. */
  private Map<String, Case> cases() throws IOException {
    Map<String, Case> cases = new LinkedHashMap<>();
    Hdf5Bytes file = of("float32");
    int header = file.headers().get(file.headers().size() - 1);
    cases.put(
        "header-size", new Case(file.put(header + 8, 4, 0x20000000), "no 536870912 bytes at"));

    file = of("gzip-shuffle");
    int tree = file.trees(1).get(0);
    byte[] bomb = bomb();
    file.put(tree + 24, 4, bomb.length).put(tree + 56, 8, file.append(bomb));
    cases.put("gzip-bomb", new Case(file, "a chunk that inflates to more than its"));

    file = of("gzip-shuffle");
    tree = file.trees(1).get(0);
    file.put(tree + 24, 4, Integer.MAX_VALUE);
    cases.put("chunk-size", new Case(file, "found 2147483647 bytes at"));

    file = of("float32");
    tree = file.trees(0).get(0);
    file.put(tree + 5, 1, 1).put(tree + 32, 8, tree);
    cases.put("tree-in-itself", new Case(file, "found damage or an unknown form"));

    cases.put("tree-many-ways", new Case(manyWays("float32", 0, 8), "more structure than"));
    cases.put("chunks-many-ways", new Case(manyWays("chunked", 1, 32), "more structure than"));

    file = of("float32");
    int heap = file.find("HEAP").get(0);
    cases.put("heap-size", new Case(file.put(heap + 8, 8, 1L << 31), "no 2147483648 bytes"));

    file = of("links-dense");
    int index = file.find("BTHD").get(0);
    cases.put(
        "records", new Case(file.put(index + 26, 8, 0x7FFFFFF0).sign(), "2147483632 entries"));

    file = of("links-dense");
    int fractal = file.find("FRHP").get(0);
    file.put(fractal + 110, 2, 32768).put(fractal + 140, 2, 16384).sign();
    cases.put("blocks", new Case(file, "536870912 entries"));

    file = of("chunked-latest");
    int array = file.find("FAHD").get(0);
    file.put(array + 8, 8, 0x7FFFFFF0).sign();
    cases.put("array", new Case(file, "2147483632 entries"));

    file = of("resizable-latest");
    array = file.find("EAHD").get(0);
    file.put(array + 12 + 32, 8, 0x7FFFFFF0).sign();
    cases.put("extensible", new Case(file, "2147483632 entries"));

    cases.put(
        "external-link",
        new Case(of("external-link"), "found a link to the file \"outside.hdf5\""));
    cases.put("circular-links", new Case(of("circular-links"), "expected at most 64 soft links"));
    cases.put("sparse", new Case(of("sparse"), "expected all its 3 chunks stored, found 1"));
    file = of("gzip-shuffle");
    // The filter description has number 2 (shuffle), flags 1 and one value: the size of a number.
    int shuffle = file.find("\2\0\10\0\1\0\1\0shuffle").get(0);
    file.put(shuffle + 16, 4, Integer.MAX_VALUE);
    cases.put("shuffle", new Case(file, "expected numbers of 8 bytes shuffled"));

    cases.put("wide-chunks", new Case(of("wide-chunks"), "expected tensors of at most"));
    return cases;
  }

  /** Returns the lines that {@link ReadMain} prints. */
  private static List<String> read(int megabytes, String... arguments) throws Exception {
    ChildJvm.Ended ended =
        new ChildJvm(ReadMain.class, arguments)
            .options("-Xmx" + megabytes + "m", "-XX:+ExitOnOutOfMemoryError")
            .run();
    assertEquals(0, ended.code(), ended::toString);
    return ended.out();
  }

  @Test
  void eachIsRefusedInOneLineSoonAndWithinASmallHeap() throws Exception {
    Map<String, Case> cases = cases();
    List<String> arguments = new ArrayList<>(List.of("read"));
    for (Map.Entry<String, Case> hostile : cases.entrySet()) {
      byte[] bytes = hostile.getValue().file.bytes();
      Path folder = TinyModel.folder(dir.resolve(hostile.getKey()), 2, bytes);
      arguments.add(folder.toString());
    }
    // Opening a named pipe would block until a writer opens it.
    Path pipe = dir.resolve("external-link").resolve("outside.hdf5");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
    List<String> lines = read(512, arguments.toArray(String[]::new));
    assertEquals(cases.size(), lines.size(), () -> String.join("\n", lines));
    int i = 0;
    for (Map.Entry<String, Case> hostile : cases.entrySet()) {
      String line = lines.get(i++);
      String name = hostile.getKey();
      assertContains(dir.resolve(name).resolve("weights.hdf5") + ": ", line);
      assertContains(hostile.getValue().found, line);
      long millis = Long.parseLong(line.substring(0, line.indexOf(' ')));
      assertTrue(millis < ReadMain.LIMIT_MS, line);
    }
  }

  /** Changes lengths, counts, addresses and references at random. */
  @Test
  void changedNumbersOfTheStructureAreReadOrRefused() throws Exception {
    List<String> arguments = new ArrayList<>(List.of("mutate", String.valueOf(CASES / 4)));
    for (String resource :
        List.of(
            "float32", "latest", "gzip-shuffle", "links-dense", "resizable-latest", "compact")) {
      byte[] valid = TinyModel.resource(resource + ".hdf5");
      arguments.add(TinyModel.folder(dir.resolve(resource), 2, valid).toString());
    }
    assertEquals(List.of(), read(128, arguments.toArray(String[]::new)));
  }
}
