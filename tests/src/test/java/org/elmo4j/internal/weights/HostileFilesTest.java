// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jhdf.HdfFile;
import io.jhdf.WritableHdfFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.elmo4j.ChildJvm;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests small files that demand much memory or time: each is refused with one short line within
 * seconds. They are read by a JVM with a small heap that exits at the first OutOfMemoryError.
 */
class HostileFilesTest {
  private static final String HEAP = "-Xmx256m";

  /** The most CPU time of the reading thread, in milliseconds. */
  private static final long MAX_TIME = 5_000;

  private static final int MAX_MESSAGE = 500;

  /** The beginning of a pickle in torch's older format, up to its dict. */
  private static final String OLDER =
      "\u0080\2\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\31.\u0080\2M\u00e9\3."
          + "\u0080\2}U\rlittle_endian\u0088s.\u0080\2";

  private static final String ORDERED_DICT = "ccollections\nOrderedDict\n";

  private record Case(String name, String reader, Path path, String message) {}

  private record Result(long millis, String kind, String message) {}

  @TempDir Path dir;

  private final List<Case> cases = new ArrayList<>();

  @TestFactory
  Stream<DynamicTest> eachIsRefusedInOneLineInSecondsInLittleMemory() throws Exception {
    pickles();
    checkpoints();
    archives();
    safetensors();
    json();
    classifiers();
    texts();
    List<Result> results = new ArrayList<>();
    while (results.size() < cases.size()) {
      results.addAll(run(cases.subList(results.size(), cases.size())));
    }
    List<DynamicTest> tests = new ArrayList<>();
    for (int i = 0; i < cases.size(); i++) {
      Case item = cases.get(i);
      Result result = results.get(i);
      tests.add(DynamicTest.dynamicTest(item.name, () -> check(item, result)));
    }
    return tests.stream();
  }

  private static void check(Case item, Result result) {
    assertEquals("elmo", result.kind, result.message);
    assertTrue(result.message.contains(item.message), result.message);
    assertTrue(result.message.length() < MAX_MESSAGE, result.message);
    assertTrue(!result.message.contains("|"), result.message);
    assertTrue(result.millis < MAX_TIME, result.millis + " ms");
  }

  /** Returns the outcomes of the cases, up to the first case that ended the JVM. */
  private List<Result> run(List<Case> some) throws IOException, InterruptedException {
    ChildJvm.Ended ended =
        new ChildJvm(
                HostileFiles.class,
                some.stream()
                    .flatMap(item -> Stream.of(item.reader, item.path.toString()))
                    .toArray(String[]::new))
            .options(HEAP, "-XX:+ExitOnOutOfMemoryError", "-Djava.io.tmpdir=" + dir)
            .run();
    List<Result> results = new ArrayList<>();
    List<String> lines = ended.out();
    for (String line : lines) {
      String[] parts = line.split("\t", 3);
      if (parts.length == 3) {
        results.add(new Result(Long.parseLong(parts[0]), parts[1], parts[2]));
      }
    }
    if (results.size() < some.size()) {
      results.add(new Result(0, "ended", "the JVM ended or was stopped: " + ended));
    }
    return results;
  }

  private Path folder(String name) throws IOException {
    return Files.createDirectories(dir.resolve(name));
  }

  private void add(String name, String reader, String file, byte[] bytes, String message)
      throws IOException {
    cases.add(new Case(name, reader, Files.write(folder(name).resolve(file), bytes), message));
  }

  private static byte[] latin1(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static String little(int value) {
    byte[] bytes = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static String unicode(String text) {
    return "X" + little(text.length()) + text;
  }

  private void pickle(String name, byte[] bytes, String message) throws IOException {
    Path folder = ManyLangsReaderTest.copy(dir, "manylangs-word-char", "model-legacy");
    Files.write(folder.resolve("encoder.pkl"), bytes);
    cases.add(new Case(name, "model", folder, message));
  }

  private void pickles() throws IOException {
    int half = 500_000;
    StringBuilder list = new StringBuilder(OLDER).append(ORDERED_DICT).append("q\0](");
    for (int i = 0; list.length() < half; i++) {
      list.append('J').append(little(i)).append("N\u0086");
    }
    String bomb = list.append("e\u0085q\1").append("h\0h\1R".repeat(half / 5)).toString();
    pickle("a list of pairs expanded 100,000 times", latin1(bomb), "each list of pairs used once");
    String dims =
        OLDER
            + "("
            + "K\1".repeat(half / 2)
            + "tq\0ctorch._utils\n_rebuild_tensor_v2\n("
            + storage("0", 1)
            + "K\0h\0h\0tR.";
    pickle("a shape of 250,000 dimensions", latin1(dims), "at most 8 dimensions");
    pickle(
        "a million dicts that are kept",
        latin1(OLDER + "}\u0094".repeat(half) + "."),
        "found no end after");
    pickle(
        "two equal names of 200,000 characters, in turn",
        latin1(
            OLDER
                + "}"
                + unicode("a".repeat(200_000))
                + "q\0"
                + unicode("a".repeat(200_000))
                + "q\1"
                + "0".repeat(10)),
        "texts of at most 4096 bytes");
    pickle(
        "tuples in each other, a million deep",
        latin1(OLDER + "}U\1x)" + "\u0085".repeat(2 * half - 200) + "s.\u0080\2]."),
        "a dict of tensors alone");
    pickle(
        "a name longer than the file", latin1(OLDER + "X\377\377\377\177"), "at most 4096 bytes");
    // Two tensors share one storage, in the newer format.
    String dict =
        "\u0080\2}" + unicode("a") + tensor("0", 4) + "s" + unicode("b") + tensor("0", 4) + "s.";
    Map<String, byte[]> zip = new LinkedHashMap<>();
    zip.put("m/data.pkl", latin1(dict));
    zip.put("m/data/0", new byte[16]);
    pickle(
        "two tensors over the same numbers",
        ManyLangsReaderTest.zip(zip, ZipEntry.STORED),
        "numbers of its own, found some of");
    byte[] large = ManyLangsReaderTest.zip(zip, ZipEntry.STORED);
    for (int i = 0; i < large.length - 4; i++) {
      // This changes the storage's two sizes, at byte 20 of its entry in the directory.
      boolean entry = large[i] == 'P' && large[i + 1] == 'K' && large[i + 2] == 1;
      if (entry && new String(large, i + 46, 8, StandardCharsets.ISO_8859_1).equals("m/data/0")) {
        System.arraycopy(latin1(little(4 << 20).repeat(2)), 0, large, i + 20, 8);
      }
    }
    String one = new String(large, StandardCharsets.ISO_8859_1);
    pickle("a zip entry larger than its file", latin1(one), "as");
  }

  private static String storage(String key, int count) {
    return "("
        + unicode("storage")
        + "ctorch\nFloatStorage\n"
        + unicode(key)
        + unicode("cpu")
        + "J"
        + little(count)
        + "tQ";
  }

  private static String tensor(String key, int count) {
    return "ctorch._utils\n_rebuild_tensor_v2\n("
        + storage(key, count)
        + "K\0K"
        + (char) count
        + "\u0085K\1\u0085\u0089"
        + ORDERED_DICT
        + ")RtR";
  }

  private void checkpoints() throws IOException {
    CheckpointWriter writer = CheckpointWriter.hub(1, "");
    writer.entriesPerBlock = 1000;
    writer.restartEvery = 1000;
    List<Map.Entry<byte[], byte[]>> keys = new ArrayList<>();
    keys.add(Map.entry(new byte[0], new byte[] {8, 1}));
    for (int i = 0; i < 100_000; i++) {
      keys.add(Map.entry(latin1("bilm/".repeat(800) + (100_000 + i)), new byte[0]));
    }
    add("long names of few bytes", "model", "m.index", writer.table(keys), "bytes of names");
    keys.clear();
    keys.add(Map.entry(new byte[0], new byte[] {8, 1}));
    for (int i = 0; i < 140_000; i++) {
      keys.add(Map.entry(latin1(100_000_000 + i + "/bilm/char_embed"), new byte[0]));
    }
    add("too many names", "model", "m.index", writer.table(keys), "at most 131072 entries");
    // The file has one block, and its index points to it 60,000 times.
    byte[] block = new byte[1 << 16];
    block[block.length - 4] = (byte) (block.length / 4 - 1);
    block[block.length - 3] = (byte) ((block.length / 4 - 1) >> 8);
    for (boolean snappy : new boolean[] {false, true}) {
      writer.snappy = snappy;
      byte[] file = writer.reread(block, 60_000);
      String name = "a block read 60,000 times" + (snappy ? ", compressed" : "");
      add(name, "model", "m.index", file, "behind the one before, found 0");
    }
    writer.snappy = false;
    // A Snappy block states a size of 1 GiB and has two bytes of it.
    byte[] claim = {(byte) 0x80, (byte) 0x80, (byte) 0x80, (byte) 0x80, 4, 0, 0};
    add(
        "a block that states 1 GiB",
        "model",
        "m.index",
        writer.compressed(claim),
        "compressed one");
    Path state = folder("a checkpoint's state of slashes");
    Files.writeString(
        state.resolve("checkpoint"), "model_checkpoint_path: \"" + "/".repeat((1 << 20) - 100));
    writer = CheckpointWriter.hub(1, "");
    for (String name : List.of("a", "b")) {
      writer.write(state.resolve(name));
    }
    cases.add(new Case("slashes", "model", state, "expected one model"));
    Path nul = folder("a NUL in a checkpoint's name");
    Files.writeString(nul.resolve("checkpoint"), "model_checkpoint_path: \"a\0\"\n");
    for (String name : List.of("a", "b")) {
      writer.write(nul.resolve(name));
    }
    cases.add(new Case("a NUL in a name", "model", nul, "expected one model"));
  }

  /** Returns entries with this header, the last of them with its content, without an end. */
  private static byte[] tar(int count, TarArchiveEntry first, int megabytes) {
    first.setSize((long) megabytes << 20);
    byte[] header = new byte[512];
    first.writeEntryHeader(header);
    byte[] megabyte = new byte[1 << 20];
    Arrays.fill(megabyte, (byte) 'a');
    return RepeatedBytes.gzip().add(header, count).add(megabyte, megabytes).end();
  }

  private void archives() throws IOException {
    String heads = "heads of at most 262144 bytes";
    TarArchiveEntry name = new TarArchiveEntry("././@LongLink", TarConstants.LF_GNUTYPE_LONGNAME);
    add("a name of 300 MB", "model", "m.tgz", tar(1, name, 300), heads);
    add("long names without end", "model", "m.tgz", tar(100_000, name, 0), heads);
    TarArchiveEntry link = new TarArchiveEntry("././@LongLink", TarConstants.LF_GNUTYPE_LONGLINK);
    add("a link of 300 MB", "model", "m.tgz", tar(1, link, 300), heads);
    TarArchiveEntry pax = new TarArchiveEntry("pax", TarConstants.LF_PAX_EXTENDED_HEADER_LC);
    add("a pax header of 300 MB", "model", "m.tgz", tar(1, pax, 300), "");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream gzip = new GZIPOutputStream(bytes);
        TarArchiveOutputStream tar = new TarArchiveOutputStream(gzip)) {
      byte[] header = latin1("2000000000 path=" + "a".repeat(1000));
      pax.setSize(header.length);
      tar.putArchiveEntry(pax);
      tar.write(header);
      tar.closeArchiveEntry();
    }
    add("a pax header that states 2 GB", "model", "m.tgz", bytes.toByteArray(), "archive");
    // A zip in a zip unpacks to much more than its size.
    byte[] inner = ArchiveReaderTest.Kind.ZIP.of(Map.of("m.hdf5", new byte[80 << 20]));
    byte[] outer = ArchiveReaderTest.Kind.ZIP.of(Map.of("m.zip", inner));
    add("a zip in a zip", "model", "m.zip", outer, "bytes when unpacked, found more");
    Map<String, byte[]> many = new LinkedHashMap<>();
    for (int i = 0; i < 15_000; i++) {
      many.put("f" + i, new byte[0]);
    }
    byte[] zip = ArchiveReaderTest.Kind.ZIP.of(many);
    add("15,000 entries", "model", "m.zip", zip, "at most 10000 entries, found 15000");
  }

  private static byte[] header(String json) {
    byte[] text = json.getBytes(StandardCharsets.UTF_8);
    ByteBuffer file = ByteBuffer.allocate(8 + text.length).order(ByteOrder.LITTLE_ENDIAN);
    return file.putLong(text.length).put(text).array();
  }

  private static String numbered(int count, String entry) {
    StringBuilder list = new StringBuilder();
    for (int i = 0; i < count; i++) {
      list.append(i == 0 ? "" : ",").append(entry.replace("#", "" + i));
    }
    return list.toString();
  }

  private void safetensors() throws IOException {
    String file = "m.safetensors";
    String arrays = "[],".repeat(5_000_000);
    add("5 million lists", "model", file, header("{\"a\":[" + arrays + "0]}"), "262144 values");
    String deep = "[".repeat(1_000_000);
    add("lists a million deep", "model", file, header("{\"a\":" + deep), "nesting depth");
    String keys = numbered(300_000, "\"#\":{}");
    add("300,000 tensors", "model", file, header("{" + keys + "}"), "262144 values");
    String metadata = "{\"__metadata__\":{\"format\":\"elmo4j\",\"format_version\":\"1\"},\"a\":";
    String dims = "1,".repeat(200_000) + "1";
    String tensor = "{\"dtype\":\"F32\",\"shape\":[" + dims + "],\"data_offsets\":[0,4]}}";
    add("200,000 dimensions", "model", file, header(metadata + tensor), "dtype, shape and two");
    String number = "{\"a\":" + "9".repeat(1_900_000) + "}";
    add("a number of 1.9 MB", "model", file, header(number), "expected JSON, found an error");
    String text = "{\"" + "a".repeat(1_900_000) + "\":1}";
    add("a name of 1.9 MB", "model", file, header(text), "expected JSON, found an error");
    byte[] long8 = header("{}");
    long8[4] = 5; // 21 GB
    add("a header of 21 GB", "model", file, long8, "found a file that begins");
  }

  private void json() throws IOException {
    String head = "{\"format\":\"elmo4j-mix\",\"weights\":[";
    add("a number of 1 MB", "mix", "m", latin1(head + "1e" + "9".repeat(900_000) + "]}"), "JSON");
    add("a large exponent", "mix", "m", latin1(head + "1e999,1]}"), "found Infinity among 2");
    add("numbers", "mix", "m", latin1(head + "1,".repeat(100_000) + "1e999]}"), "among 100001");
    add("a file of 2 MB", "mix", "m", latin1(head + " ".repeat(2 << 20) + "1]}"), "1048576 bytes");
    add("deep", "mix", "m", latin1("[".repeat(900_000)), "nesting depth");
    add("names", "mix", "m", latin1("{" + numbered(80_000, "\"#\":1") + "}"), "expected format");
  }

  private void classifiers() throws IOException {
    String weights = "weights.safetensors";
    String model =
        "{\"format\":\"elmo4j-classifier\",\"format_version\":1,\"task\":\"tokens\","
            + "\"labels\":[\"a\",\"b\"],\"hidden\":";
    String mix = "{\"format\":\"elmo4j-mix\",\"weights\":[0,0,0]}";
    Map<String, byte[]> files = new LinkedHashMap<>();
    String tensors =
        numbered(5_000, "\"#\":{\"dtype\":\"F32\",\"shape\":[99],\"data_offsets\":[0,396]}");
    byte[] overlap = header("{" + tensors + "}");
    files.put("tensors over the same bytes", Arrays.copyOf(overlap, overlap.length + 396));
    String huge = "{\"a\":{\"dtype\":\"F32\",\"shape\":[65536,65535],\"data_offsets\":[0,16]}}";
    files.put("a tensor beyond the file", Arrays.copyOf(header(huge), 200));
    files.put("a head of 2^26 numbers", header("{}"));
    String dims = "{\"a\":{\"dtype\":\"F32\",\"shape\":[" + "1,".repeat(99_999) + "1]}}";
    files.put("a shape of 100,000 dimensions", header(dims));
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      Path folder = folder(file.getKey());
      Files.write(folder.resolve(weights), file.getValue());
      Files.writeString(folder.resolve("mix.json"), mix);
      Files.writeString(folder.resolve("model.json"), model + "32768,\"inputs\":2048}");
      cases.add(new Case(file.getKey(), "classifier", folder, weights + ": tensor"));
    }
    Path folder = folder("a model.json of 2 MB");
    Files.writeString(folder.resolve("model.json"), model + " ".repeat(2 << 20) + "1}");
    cases.add(new Case("a model.json of 2 MB", "classifier", folder, "at most 1048576 bytes"));
  }

  private void texts() throws IOException {
    for (String[] item :
        new String[][] {
          {"a line of 60 MB", "a".repeat(60 << 20), "lines of at most 65536 characters"},
          {"60 million lines", "\n".repeat(60 << 20), "expected shape"}
        }) {
      Path folder = folder(item[0]);
      try (WritableHdfFile out = HdfFile.write(folder.resolve("rows.hdf5"))) {
        out.putDataset("embedding", new float[][] {{1, 2}, {3, 4}, {5, 6}});
      }
      Path file = Files.writeString(folder.resolve("vocabulary"), item[1]);
      cases.add(new Case(item[0], "vocabulary", file, item[2]));
    }
    Path folder = ManyLangsReaderTest.copy(dir, "manylangs-word-char", "model-zip");
    Files.writeString(folder.resolve("char.dic"), "a".repeat(1_900_000) + "\t1\n");
    cases.add(new Case("a dictionary of one long line", "model", folder, "char.dic: expected"));
    folder = ManyLangsReaderTest.copy(dir, "manylangs-word-char", "model-zip");
    Files.writeString(folder.resolve("word.dic"), numbered(150_000, "w#\t#\n").replace(",", ""));
    cases.add(new Case("a dictionary of too many lines", "model", folder, "word.dic line"));
    folder = ManyLangsReaderTest.copy(dir, "manylangs-word-char", "model-zip");
    Files.writeString(folder.resolve("config.json"), "{\"config_path\": \"a\\u0000b\"}");
    cases.add(new Case("a NUL in config_path", "model", folder, "found no such file"));
  }
}
