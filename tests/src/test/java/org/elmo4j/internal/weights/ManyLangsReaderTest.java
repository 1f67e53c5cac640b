// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.elmo4j.internal.weights.TinyModel.assertContains;
import static org.elmo4j.internal.weights.TinyModel.failure;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tests which files the reader of ELMoForManyLangs models refuses. ManyLangsTest tests that it
 * reads valid files correctly.
 */
class ManyLangsReaderTest {
  /** A file is cut at every third length; with more cases in the fuzz tests, at every length. */
  private static final int STEP = System.getProperty("elmo4j.fuzz.cases") == null ? 3 : 1;

  private static final Path GOLDEN =
      Path.of(System.getProperty("elmo4j.root"), "tests", "golden-formats");
  private static final String STRUCTURE = "cnn_5_7_16_24_sample.json";
  private static final String REBUILD = "ctorch._utils\n_rebuild_tensor_v2\n";

  @TempDir Path dir;

  /** Copies a model's folder. */
  static Path copy(Path dir, String golden, String form) throws IOException {
    Path folder = Files.createTempDirectory(dir, "model");
    try (Stream<Path> files = Files.list(GOLDEN.resolve(golden).resolve(form))) {
      for (Path file : files.toList()) {
        Files.write(folder.resolve(file.getFileName()), Files.readAllBytes(file));
      }
    }
    return folder;
  }

  private Path model(String form) throws IOException {
    return copy(dir, "manylangs-word-char", form);
  }

  private static String refused(Path folder) {
    String message = failure(() -> WeightStores.open(folder).close());
    assertEquals(1, message.lines().count(), message);
    assertTrue(message.startsWith(folder.toString()), message);
    return message;
  }

  private static void edit(Path file, UnaryOperator<String> change) throws IOException {
    // ISO 8859-1 keeps every byte of a binary file.
    String before = Files.readString(file, StandardCharsets.ISO_8859_1);
    String after = change.apply(before);
    assertTrue(!after.equals(before), "an edit that changes nothing");
    Files.writeString(file, after, StandardCharsets.ISO_8859_1);
  }

  /** Changes the pickle in a file of either format. */
  private static void editPickle(Path file, UnaryOperator<String> change) throws IOException {
    if (Files.readAllBytes(file)[0] != 'P') {
      edit(file, change);
      return;
    }
    Map<String, byte[]> entries = entries(file);
    entries.replaceAll(
        (name, bytes) ->
            name.endsWith("data.pkl")
                ? change
                    .apply(new String(bytes, StandardCharsets.ISO_8859_1))
                    .getBytes(StandardCharsets.ISO_8859_1)
                : bytes);
    Files.write(file, zip(entries, ZipEntry.STORED));
  }

  private static Map<String, byte[]> entries(Path file) throws IOException {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    try (ZipFile zip = new ZipFile(file.toFile())) {
      for (ZipEntry entry : zip.stream().toList()) {
        entries.put(entry.getName(), zip.getInputStream(entry).readAllBytes());
      }
    }
    return entries;
  }

  static byte[] zip(Map<String, byte[]> entries, int method) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      for (Map.Entry<String, byte[]> item : entries.entrySet()) {
        ZipEntry entry = new ZipEntry(item.getKey());
        entry.setMethod(method);
        entry.setSize(item.getValue().length);
        CRC32 crc = new CRC32();
        crc.update(item.getValue());
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(item.getValue());
      }
    }
    return bytes.toByteArray();
  }

  @ParameterizedTest
  @CsvSource({
    "model-legacy, token_embedder.pkl",
    "model-legacy, encoder.pkl",
    "model-zip, token_embedder.pkl",
    "model-zip, encoder.pkl"
  })
  void aPickleThatWantsToRunCodeIsRefusedByTheNameOfIt(String form, String file)
      throws IOException {
    // torch.save writes names with GLOBAL; INST and STACK_GLOBAL are other opcodes for names.
    Map<String, String> attacks =
        Map.of(
            "posix.system",
            "cposix\nsystem\n",
            "os.system",
            "(ios\nsystem\n",
            "subprocess.Popen",
            "\u008c\nsubprocess\u008c\u0005Popen\u0093",
            "torch._utils._rebuild_parameter",
            "ctorch._utils\n_rebuild_parameter\n",
            "builtins.eval",
            "cbuiltins\neval\n");
    for (Map.Entry<String, String> attack : attacks.entrySet()) {
      Path folder = model(form);
      editPickle(folder.resolve(file), pickle -> pickle.replaceFirst(REBUILD, attack.getValue()));
      assertEquals(
          folder.resolve(file)
              + ": expected a pickle of tensors alone, found one that wants to run \""
              + attack.getKey()
              + "\"",
          refused(folder));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"model-legacy", "model-zip"})
  void everyTruncationIsRefused(String form) throws IOException {
    Path folder = copy(dir, "manylangs-char-only", form);
    for (String name : List.of("token_embedder.pkl", "encoder.pkl", "char.dic", "config.json")) {
      Path file = folder.resolve(name);
      byte[] whole = Files.readAllBytes(file);
      // A dictionary without the end of its last line is still complete.
      int length = name.endsWith(".dic") ? whole.length - 1 : whole.length;
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        while (length-- > 0) {
          // Between a file's structures, at its ends, there are numbers alone.
          int step = length > 1500 && length < whole.length - 1500 ? 13 * STEP : STEP;
          if (length % step != 0 && length < whole.length - 4) {
            continue;
          }
          channel.truncate(length);
          try {
            if (name.endsWith(".pkl")) {
              TorchFile.open(file).close();
            } else {
              WeightStores.open(folder).close();
            }
            fail(name + " of " + length + " bytes of " + whole.length + " was taken");
          } catch (ElmoException e) {
            assertEquals(1, e.getMessage().lines().count(), e.getMessage());
            assertTrue(e.getMessage().startsWith(folder.toString()), e.getMessage());
          }
        }
      }
      Files.write(file, whole);
    }
    WeightStores.open(folder).close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"config.json", "char.dic", "word.dic", "token_embedder.pkl", "encoder.pkl"})
  void aMissingFileIsNamed(String name) throws IOException {
    Path folder = model("model-zip");
    Files.delete(folder.resolve(name));
    assertContains(name, refused(folder));
  }

  @Test
  void aModelWithoutWordTableNeedsNoWordDictionary() throws IOException {
    Path folder = copy(dir, "manylangs-char-only", "model-zip");
    Files.delete(folder.resolve("word.dic"));
    try (WeightStore store = WeightStores.open(folder)) {
      assertEquals(0, store.options().wordDim());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"projection_dim\": 16 | \"projection_dim\": 15 | tensor projection.weight",
        "\"dim\": 24 | \"dim\": 25 | tensor forward_layer_0.input_linearity.weight",
        "\"n_layers\": 2 | \"n_layers\": 1 | \"forward_layer_1.",
        "\"n_layers\": 2 | \"n_layers\": 3 | tensor forward_layer_2",
        "\"n_layers\": 2 | \"n_layers\": 0 | json: encoder.n_layers: expected 1",
        "\"n_highway\": 2 | \"n_highway\": 1 | \"highways._layers.1.weight\" as well",
        "\"n_highway\": 2 | \"n_highway\": 3 | tensor highways._layers.2.weight",
        "[7, 9]] | [7, 9], [8, 1]] | tensor convolutions.5.weight",
        ", [7, 9]] | ] | tensor highways._layers.0.weight",
        "[7, 9]] | [6, 9]] | tensor convolutions.4.weight",
        "[7, 9]] | [7]] | token_embedder.filters[4]",
        "\"word_dim\": 7 | \"word_dim\": 6 | tensor word_emb_layer.embedding.weight",
        "\"word_dim\": 7 | \"word_dim\": 0 | token_embedder.word_dim",
        "\"char_dim\": 5 | \"char_dim\": 4 | tensor char_emb_layer.embedding.weight",
        "\"char_dim\": 5 | \"char_dim\": 0 | json: token_embedder.char_dim: expected 1",
        "\"relu\" | \"sigmoid\" | token_embedder.activation",
        "\"relu\" | 3 | token_embedder.activation",
        "\"name\": \"elmo\" | \"name\": \"lstm\" | encoder.name",
        "\"name\": \"cnn\" | \"name\": \"lstm\" | token_embedder.name",
        "_token\": 50 | _token\": 6 | json: token_embedder.filters[4] width: expected",
        "\"cell_clip\": 3 | \"cell_clip\": -3 | json: encoder.cell_clip: expected",
        "\"encoder\" | \"decoder\" | encoder",
      })
  void aStructureThatTheTensorsContradictIsRefused(String from, String to, String named)
      throws IOException {
    for (String form : List.of("model-legacy", "model-zip")) {
      Path folder = model(form);
      edit(folder.resolve(STRUCTURE), json -> json.replace(from, to));
      assertContains(named, refused(folder));
    }
  }

  @Test
  void aTokenMustHaveRoomForItsBoundaries() throws IOException {
    Path folder = copy(dir, "manylangs-char-only", "model-zip");
    edit(
        folder.resolve("cnn_6_0_12_20_sample.json"),
        json -> json.replace("_token\": 20", "_token\": 6"));
    assertContains("max_characters_per_token: expected 7 or more, found 6", refused(folder));
  }

  @ParameterizedTest
  @CsvSource({
    "./cnn_5_7_16_24_sample.json, true",
    "/users/someone/elmo/configs/cnn_5_7_16_24_sample.json, true",
    "C:\\\\\\\\elmo\\\\\\\\cnn_5_7_16_24_sample.json, true",
    "../cnn_5_7_16_24_sample.json, true",
    "configs/other.json, false",
    "'', false",
    "., false",
    "\\\\u0000, false"
  })
  void theStructureIsLookedForInTheFolderAlone(String path, boolean found) throws IOException {
    Path folder = model("model-legacy");
    Files.writeString(folder.resolveSibling("other.json"), "not to be read");
    edit(folder.resolve("config.json"), json -> json.replace("\"" + STRUCTURE, "\"" + path));
    if (found) {
      WeightStores.open(folder).close();
    } else {
      assertContains("expected the structure that config_path names", refused(folder));
    }
  }

  @Test
  void aFileOutsideOfTheFolderIsNotRead() throws IOException {
    Path folder = model("model-legacy");
    Files.move(folder.resolve(STRUCTURE), folder.resolveSibling(STRUCTURE));
    edit(folder.resolve("config.json"), json -> json.replace(STRUCTURE, "../" + STRUCTURE));
    assertContains("expected the structure that config_path names", refused(folder));
  }

  @Test
  void theStructureOfThePublishedModelsIsKnown() throws IOException {
    Path folder = model("model-legacy");
    edit(
        folder.resolve("config.json"),
        json -> json.replace(STRUCTURE, "x/cnn_50_100_512_4096_sample.json"));
    // This is the structure of another model. The message shows that it was read.
    assertContains("word_emb_layer.embedding.weight: expected shape [102, 100]", refused(folder));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "config_path | path | config_path: expected the name of a file, found no such key",
        "{ | [ | config.json: expected JSON",
        "\"cnn_5_7_16_24_sample.json\" | 5 | config_path: expected the name of a file, found 5",
      })
  void aDamagedConfigurationIsRefused(String from, String to, String named) throws IOException {
    Path folder = model("model-zip");
    edit(folder.resolve("config.json"), json -> json.replace(from, to));
    assertContains(named, refused(folder));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "char.dic | b\\t1\\n | '' | char.dic: expected 137 lines, the rows of its table, found 136",
        "char.dic | b\\t1\\n | b\\t0\\n | char.dic line 2: expected each id once, found 0 again",
        "char.dic | b\\t1\\n | b\\t137\\n | char.dic line 2: expected an id less than 137",
        "char.dic | b\\t1\\n | b\\t-1\\n | char.dic line 2: expected an entry, a tab and a number",
        "char.dic | b\\t1\\n"
            + " | b\\t1\\t1\\n"
            + " | char.dic line 2: expected an entry, a tab and a number",
        "char.dic | b\\t1\\n | b 1\\n | char.dic line 2: expected an entry, a tab and a number",
        "char.dic | b\\t1\\n | b\\t99999999999\\n | char.dic line 2: expected an entry",
        "char.dic | <eow> | <xxx> | char.dic: expected an entry <eow>, found none",
        "char.dic | <pad> | <xxx> | char.dic: expected an entry <pad>, found none",
        "word.dic | <oov> | <xxx> | word.dic: expected an entry <oov>, found none",
        "word.dic | <oov>\\t0\\n"
            + " | '' | word.dic: expected 102 lines, the rows of its table, found 101",
      })
  void aDictionaryThatDoesNotFitItsTableIsRefused(String file, String from, String to, String named)
      throws IOException {
    Path folder = model("model-zip");
    edit(folder.resolve(file), text -> text.replace(unescape(from), unescape(to)));
    assertContains(named, refused(folder));
  }

  private static String unescape(String text) {
    return text.replace("\\t", "\t").replace("\\n", "\n");
  }

  @Test
  void aDictionaryThatIsNotUtf8IsRefused() throws IOException {
    Path folder = model("model-zip");
    edit(folder.resolve("char.dic"), text -> text.replace("b\t1\n", "\u00ff\t1\n"));
    assertContains("char.dic: expected UTF-8", refused(folder));
  }

  @Test
  void storagesThatAreNotThereAreMissed() throws IOException {
    Path folder = model("model-legacy");
    Path file = folder.resolve("encoder.pkl");
    byte[] bytes = Files.readAllBytes(file);
    // The first storage's count comes after the list of all storages, which ends in APPENDS and
    // STOP.
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    int at = text.indexOf("e.", text.indexOf("\u0080\u0002]")) + 2;
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putLong(at, buffer.getLong(at) + 1);
    Files.write(file, bytes);
    assertContains("numbers in storage", refused(folder));
  }

  @Test
  void aZipFileMustHoldItsStoragesRaw() throws IOException {
    Path folder = model("model-zip");
    Path file = folder.resolve("encoder.pkl");
    Map<String, byte[]> entries = entries(file);
    Files.write(file, zip(entries, ZipEntry.DEFLATED));
    assertContains("stored raw", refused(folder));
    entries.remove("encoder/data/3");
    Files.write(file, zip(entries, ZipEntry.STORED));
    assertContains("stored raw as \"data/3\", found none", refused(folder));
    entries.remove("encoder/data.pkl");
    Files.write(file, zip(entries, ZipEntry.STORED));
    assertContains("expected one data.pkl in the zip file, found 0", refused(folder));
  }

  @Test
  void storagesOfOtherNumbersAndOtherReferencesAreRefused() throws IOException {
    Path folder = model("model-zip");
    editPickle(
        folder.resolve("encoder.pkl"), pickle -> pickle.replace("FloatStorage", "LongStorage"));
    assertContains("wants to run \"torch.LongStorage\"", refused(folder));
    Path other = model("model-zip");
    editPickle(
        other.resolve("encoder.pkl"),
        pickle -> pickle.replaceFirst("\u0007\0\0\0storage", "\u0007\0\0\0package"));
    assertContains("references to storages of floats", refused(other));
  }

  @Test
  void aValueThatIsNotFiniteIsRefusedWhenItIsRead() throws IOException {
    Path folder = model("model-legacy");
    Path file = folder.resolve("encoder.pkl");
    byte[] bytes = Files.readAllBytes(file);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(bytes.length - 4, Float.NaN);
    Files.write(file, bytes);
    try (WeightStore store = WeightStores.open(folder)) {
      assertContains(
          "expected a finite 32-bit float, found NaN", failure(() -> TinyModel.readAll(store)));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"char_dic\" | \"char_dix\" | __metadata__.char_dic: found no such key",
        "\"word_dic\" | \"word_dix\" | __metadata__.word_dic: found no such key",
        "b\\\\t1\\\\n | b\\\\t0\\\\n | __metadata__: char.dic line 2: expected each id once",
        "characters\\\":137 | characters\\\":136 | char_cnn.n_characters: expected",
      })
  void aConvertedModelMustHoldItsDictionaries(String from, String to, String named)
      throws IOException {
    Path file = dir.resolve("converted.safetensors");
    try (WeightStore store = WeightStores.open(model("model-zip"))) {
      SafetensorsWriter.write(store, file, Dtype.F32, Map.of());
    }
    WeightStores.open(file).close();
    edit(file, text -> text.replace(from.replace("\\\\", "\\"), to.replace("\\\\", "\\")));
    assertContains(named, failure(() -> WeightStores.open(file)));
  }

  @Test
  void dictionariesCannotComeWithWeightsInHdf5() throws IOException {
    Path golden = GOLDEN.resolveSibling("golden").resolve("relu-skip");
    Path options = dir.resolve("options.json");
    Files.writeString(
        options,
        Files.readString(golden.resolve("options.json"))
            .replaceFirst(
                "[{]", "{\"dictionary\": {\"characters\": 261, \"words\": 0, \"word_dim\": 0},"));
    Path weights = golden.resolve("weights.hdf5");
    assertContains(
        "expected the dictionaries that its options speak of, found none",
        failure(() -> ElmoModel.builder().files(options, weights).load()));
  }

  @Test
  void oneFileAloneAsksForItsFolder() throws IOException {
    Path file = model("model-legacy").resolve("encoder.pkl");
    assertContains(
        "found a file of torch alone: name the folder of an ELMoForManyLangs model",
        failure(() -> WeightStores.open(file)));
    Path zip = model("model-zip").resolve("encoder.pkl");
    assertContains(zip.toString(), failure(() -> WeightStores.open(zip)));
  }

  @Test
  void aFolderWithAnotherModelIsNotGuessedAt() throws IOException {
    Path folder = model("model-legacy");
    // An HDF5 file with other content is not a model.
    Path outputs = GOLDEN.resolve("manylangs-word-char").resolve("outputs.hdf5");
    Files.copy(outputs, folder.resolve("outputs.hdf5"));
    WeightStores.open(folder).close();
    Path weights = GOLDEN.resolveSibling("golden").resolve("relu-skip").resolve("weights.hdf5");
    Files.copy(weights, folder.resolve("weights.hdf5"));
    assertContains("expected one model, found", refused(folder));
  }

  @ParameterizedTest
  @ValueSource(strings = {"model-legacy", "model-zip"})
  void aFolderWithinAFolderOrAnArchiveIsFound(String form) throws IOException {
    Path outer = Files.createDirectory(dir.resolve("outer"));
    Path inner = copy(outer, "manylangs-word-char", form);
    WeightStores.open(outer).close();
    Map<String, byte[]> entries = new LinkedHashMap<>();
    try (Stream<Path> files = Files.list(inner)) {
      for (Path file : files.toList()) {
        entries.put("179/" + file.getFileName(), Files.readAllBytes(file));
      }
    }
    Path archive = Files.write(dir.resolve("179.zip"), zip(entries, ZipEntry.DEFLATED));
    try (WeightStore store = WeightStores.open(archive)) {
      assertEquals(102, store.options().words());
      assertEquals("<bos>", ModelStore.encoder(store).beginSentence());
      TinyModel.readAll(store);
    }
    Path options = GOLDEN.resolveSibling("golden").resolve("relu-skip").resolve("options.json");
    assertContains(
        "expected no options file, for the model has its own",
        failure(() -> WeightStores.open(options, outer)));
  }
}
