// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.elmo4j.internal.weights.TinyModel.assertContains;
import static org.elmo4j.internal.weights.TinyModel.failure;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.elmo4j.ElmoException;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ArchiveReaderTest {
  private static final Path GOLDEN =
      Path.of(System.getProperty("elmo4j.root"), "tests", "golden-formats");

  @TempDir Path dir;

  enum Kind {
    ZIP,
    TAR,
    TAR_GZ;

    byte[] of(Map<String, byte[]> files) throws IOException {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      if (this == ZIP) {
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
          for (Map.Entry<String, byte[]> file : files.entrySet()) {
            zip.putNextEntry(new ZipEntry(file.getKey()));
            zip.write(file.getValue());
            zip.closeEntry();
          }
        }
      } else {
        OutputStream out = this == TAR ? bytes : new GZIPOutputStream(bytes);
        try (TarArchiveOutputStream tar = new TarArchiveOutputStream(out)) {
          for (Map.Entry<String, byte[]> file : files.entrySet()) {
            TarArchiveEntry entry = new TarArchiveEntry(file.getKey(), true);
            entry.setSize(file.getValue().length);
            tar.putArchiveEntry(entry);
            tar.write(file.getValue());
            tar.closeArchiveEntry();
          }
        }
      }
      return bytes.toByteArray();
    }
  }

  private static Map<String, byte[]> allenNlp(String folder) throws IOException {
    Map<String, byte[]> files = new LinkedHashMap<>();
    if (!folder.isEmpty()) {
      files.put(folder, new byte[0]);
    }
    files.put(folder + "meta.json", "{\"name\": \"x\"}".getBytes(StandardCharsets.UTF_8));
    files.put(
        folder + "options.json",
        OptionsJson.write(TinyModel.options(2)).getBytes(StandardCharsets.UTF_8));
    files.put(folder + "model.hdf5", TinyModel.resource("float32.hdf5"));
    files.put(folder + "vocab.txt", "<S>\n</S>\n<UNK>\n".getBytes(StandardCharsets.UTF_8));
    return files;
  }

  /** Returns all files of a folder, with a prefix before their names. */
  static Map<String, byte[]> tree(Path folder, String prefix) throws IOException {
    Map<String, byte[]> files = new LinkedHashMap<>();
    try (Stream<Path> paths = Files.walk(folder)) {
      for (Path path : paths.sorted().toList()) {
        if (Files.isRegularFile(path)) {
          files.put(prefix + folder.relativize(path), Files.readAllBytes(path));
        }
      }
    }
    return files;
  }

  private Path file(byte[] bytes) throws IOException {
    return Files.write(dir.resolve("any name"), bytes);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void anAllenNlpModelInAnArchiveIsReadWhateverTheArchiveIsCalled(Kind kind) throws IOException {
    for (String folder : List.of("", "./", "elmo_2x1024/", "./a/b/")) {
      Path archive = file(kind.of(allenNlp(folder)));
      try (WeightStore store = WeightStores.open(archive)) {
        TinyModel.check(store);
        assertEquals(TinyModel.options(2), store.options());
        assertEquals(archive.toString(), store.source());
      }
      try (WeightStore store = WeightStores.open(dir)) {
        TinyModel.check(store);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tf-hub", "spark-nlp", "spark-nlp-parts"})
  void theFormsOfOthersAreReadFromArchives(String form) throws IOException {
    for (Kind kind : Kind.values()) {
      for (String prefix : List.of("", "./", "pipeline/stages/2_ELMO_EMBEDDINGS_ab/")) {
        if (form.equals("tf-hub") && prefix.startsWith("p")) {
          continue; // The model would be four levels deep, which is too deep.
        }
        Path archive = file(kind.of(tree(GOLDEN.resolve(form).resolve("model"), prefix)));
        try (WeightStore store = WeightStores.open(archive);
            WeightStore plain = WeightStores.open(GOLDEN.resolve("tf-hub/model"))) {
          assertEquals(plain.names(), store.names());
          assertEquals(plain.mix(), store.mix());
          for (String name : plain.names()) {
            assertTrue(Arrays.equals(TinyModel.read(plain, name), TinyModel.read(store, name)));
          }
        }
      }
    }
  }

  @Test
  void aPipelineFolderOfSparkNlpIsSearched() throws IOException {
    Path stage = Files.createDirectories(dir.resolve("stages/3_ELMO_EMBEDDINGS_0123"));
    Files.createDirectories(dir.resolve("stages/0_Document/metadata"));
    Path zip = stage.resolve("elmo_tensorflow");
    Files.copy(GOLDEN.resolve("spark-nlp/model/elmo_tensorflow"), zip);
    try (WeightStore store = WeightStores.open(dir)) {
      TinyModel.readAll(store);
      assertEquals(zip.toString(), store.source());
    }
  }

  @Test
  void theTemporaryFolderIsGoneAfterClosingAndAfterAFailure() throws IOException {
    Path archive = file(Kind.ZIP.of(allenNlp("")));
    AtomicReference<Path> folder = new AtomicReference<>();
    WeightStore store =
        ArchiveReader.open(
            archive,
            Long.MAX_VALUE,
            (unpacked, limit) -> {
              folder.set(unpacked);
              return WeightStores.open(unpacked);
            });
    assertTrue(Files.exists(folder.get().resolve("model.hdf5")));
    store.close();
    assertFalse(Files.exists(folder.get()));
    store.close();
    String message =
        failure(
            () ->
                ArchiveReader.open(
                    archive,
                    Long.MAX_VALUE,
                    (unpacked, limit) -> {
                      folder.set(unpacked);
                      throw new ElmoException(unpacked.resolve("x") + ": expected y");
                    }));
    assertEquals(archive + "!/x: expected y", message);
    assertFalse(Files.exists(folder.get()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../evil",
        "a/../../evil",
        "/evil",
        "a/b/../../../evil",
        "..",
        "..\\evil",
        "C:evil",
        "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a",
        ".",
        "two\nlines.index"
      })
  void namesThatLeadElsewhereAreRefused(String name) throws IOException {
    for (Kind kind : Kind.values()) {
      Map<String, byte[]> files = allenNlp("");
      files.put(name, new byte[] {1});
      String message = failure(() -> WeightStores.open(file(kind.of(files))));
      assertContains("expected names of files within the archive's folder, found ", message);
      assertFalse(message.contains("\n"), message);
    }
    try (Stream<Path> left = Files.list(dir)) {
      assertEquals(List.of(dir.resolve("any name")), left.toList());
    }
    assertFalse(Files.exists(dir.resolveSibling("evil")));
    assertFalse(Files.exists(Path.of(System.getProperty("java.io.tmpdir"), "evil")));
    assertFalse(Files.exists(Path.of("/evil")));
  }

  @Test
  void linksAndDevicesAndDoubleNamesAreRefused() throws IOException {
    for (byte type :
        new byte[] {
          TarConstants.LF_SYMLINK, TarConstants.LF_LINK, TarConstants.LF_CHR, TarConstants.LF_FIFO
        }) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes)) {
        TarArchiveEntry entry = new TarArchiveEntry("options.json", type);
        entry.setLinkName("/etc/passwd");
        tar.putArchiveEntry(entry);
        tar.closeArchiveEntry();
      }
      assertContains(
          "entry \"options.json\": expected a file or folder, found a link or device",
          failure(() -> WeightStores.open(file(bytes.toByteArray()))));
    }
    for (Kind kind : Kind.values()) {
      Map<String, byte[]> files = allenNlp("");
      files.put("./vocab.txt", new byte[3]);
      assertContains(
          "found this one twice", failure(() -> WeightStores.open(file(kind.of(files)))));
    }
  }

  @Test
  void bombsAreRefused() throws IOException {
    byte[] zeros = new byte[80 << 20];
    for (Kind kind : List.of(Kind.ZIP, Kind.TAR_GZ)) {
      byte[] bomb = kind.of(Map.of("options.json", zeros));
      assertTrue(bomb.length < 1 << 20);
      assertContains(
          "bytes when unpacked, found more", failure(() -> WeightStores.open(file(bomb))));
    }
    Map<String, byte[]> many = new LinkedHashMap<>();
    for (int i = 0; i <= 10_000; i++) {
      many.put("f" + i, new byte[0]);
    }
    assertContains(
        "at most 10000 entries", failure(() -> WeightStores.open(file(Kind.ZIP.of(many)))));
  }

  @Test
  void archivesInEachOtherAreReadToADepthOfTwo() throws IOException {
    byte[] bytes = Kind.ZIP.of(allenNlp(""));
    for (int depth = 1; depth <= 4; depth++) {
      Path archive = file(bytes);
      if (depth <= 2) {
        try (WeightStore store = WeightStores.open(archive)) {
          TinyModel.check(store);
        }
      } else {
        assertContains(
            "expected at most 2 archives in each other", failure(() -> WeightStores.open(archive)));
      }
      bytes = Kind.TAR_GZ.of(Map.of("a", bytes));
    }
  }

  @Test
  void whatIsNoModelsArchiveIsNamed() throws IOException {
    for (Kind kind : Kind.values()) {
      Path archive = file(kind.of(Map.of("x.txt", new byte[3], "y/z", new byte[3])));
      assertContains(
          archive + "!: expected a safetensors file, an options file and an HDF5 file",
          failure(() -> WeightStores.open(archive)));
      assertContains("found [x.txt, y]", failure(() -> WeightStores.open(archive)));
    }
    ByteArrayOutputStream gzip = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(gzip)) {
      out.write("no tar".repeat(500).getBytes(StandardCharsets.UTF_8));
    }
    assertContains(
        "any name: expected ", failure(() -> WeightStores.open(file(gzip.toByteArray()))));
  }

  @Test
  void aZipOrGzipFileCutOrChangedAnywhereIsRefused() throws IOException {
    for (Kind kind : List.of(Kind.ZIP, Kind.TAR_GZ)) {
      byte[] bytes = kind.of(allenNlp(""));
      for (int n = 0; n < bytes.length; n += 1 + n / 200) {
        byte[] cut = Arrays.copyOf(bytes, n);
        failure(() -> WeightStores.open(file(cut)));
      }
      for (int at = 0; at < bytes.length; at += 97) {
        bytes[at] ^= 0x20;
        try (WeightStore store = WeightStores.open(file(bytes))) {
          TinyModel.check(store); // The changed bit was in a date or another field without effect.
        } catch (ElmoException e) {
          assertEquals(1, e.getMessage().lines().count());
        }
        bytes[at] ^= 0x20;
      }
    }
  }

  @Test
  void anOptionsFileGoesWithAnArchive() throws IOException {
    Map<String, byte[]> files = allenNlp("m/");
    String json = OptionsJson.write(TinyModel.options(2)).replace("relu", "tanh");
    Path options = Files.writeString(dir.resolve("o"), json);
    Path archive = file(Kind.ZIP.of(files));
    try (WeightStore store = WeightStores.open(options, archive)) {
      TinyModel.check(store);
      assertEquals(ModelOptions.Activation.TANH, store.options().activation());
    }
    files.remove("m/options.json");
    Path bare = file(Kind.ZIP.of(files));
    assertContains("any name!/m/model.hdf5: ", failure(() -> WeightStores.open(bare)));
    try (WeightStore store = WeightStores.open(options, bare)) {
      TinyModel.check(store);
    }
  }
}
