// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.FloatBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.model.GateLayout;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.internal.text.DictionaryEncoder;
import org.elmo4j.internal.text.TokenEncoder;
import org.elmo4j.weights.ModelOptions;

/**
 * Reads the format of ELMoForManyLangs (Che et al. 2018; Fares et al. 2017). It is a folder with
 * {@code config.json} and the structure file that it names, {@code char.dic} and {@code word.dic},
 * and {@code token_embedder.pkl} and {@code encoder.pkl}, which {@code torch.save} writes. Not
 * thread-safe.
 *
 * <p>Its arithmetic is that of bilm-tf in another order. The reader converts the weights: it
 * transposes matrices; it reorders the gates of the LSTM, which are input, forget, memory, output;
 * it subtracts 1 from the bias of the forget gate, since bilm-tf adds 1 there and ELMoForManyLangs
 * does not; and it negates the weights of the highway's gate, which has the opposite meaning
 * ({@code 1 - sigmoid(z) = sigmoid(-z)}).
 */
public final class ManyLangsReader extends ModelStore {
  private static final String CONFIG = "config.json";
  private static final String CHARACTERS = "char.dic";
  private static final String WORDS = "word.dic";
  private static final String TOKEN_EMBEDDER = "token_embedder.pkl";
  private static final String ENCODER = "encoder.pkl";

  private static final String CHARACTER_TABLE = "char_emb_layer.embedding.weight";
  private static final String WORD_TABLE = "word_emb_layer.embedding.weight";

  /**
   * The structure file that {@code config.json} of the published models names. It is often missing.
   */
  private static final String PUBLISHED = "cnn_50_100_512_4096_sample.json";

  /** The content of that file in the original program. */
  private static final String PUBLISHED_STRUCTURE =
      """
      {"encoder": {"name": "elmo", "projection_dim": 512, "cell_clip": 3, "proj_clip": 3,
                   "dim": 4096, "n_layers": 2},
       "token_embedder": {"name": "cnn", "activation": "relu",
                          "filters": [[1, 32], [2, 32], [3, 64], [4, 128], [5, 256], [6, 512],
                                      [7, 1024]],
                          "n_highway": 2, "word_dim": 100, "char_dim": 50,
                          "max_characters_per_token": 50}}
      """;

  private static final int MAX_DICTIONARY_BYTES = 16 << 20;

  /** For each gate in bilm-tf's order (input, memory, forget, output), its index in this format. */
  private static final int[] GATES = {0, 2, 1, 3};

  private static final int FORGET = 2;

  /** Writes one tensor to the target, starting at its position. */
  private interface Source {
    void read(FloatBuffer target);
  }

  private final TorchFile tokens;
  private final TorchFile lstm;
  private final DictionaryEncoder encoder;
  private final Map<String, Source> sources = new LinkedHashMap<>();

  private ManyLangsReader(Path folder, TorchFile tokens, TorchFile lstm) {
    super(folder.toString());
    this.tokens = tokens;
    this.lstm = lstm;
    options = readStructure(folder);
    encoder = readDictionaries(folder);
    shapes = Collections.unmodifiableMap(TensorShapes.of(options));
    new Layout().all();
  }

  /**
   * Opens a model and checks that its files fit each other. It reads no values yet.
   *
   * @throws ElmoException if a file is missing, damaged or does not fit the others, or if a pickle
   *     contains anything but tensors
   */
  public static ManyLangsReader open(Path folder) {
    for (String name : List.of(CONFIG, CHARACTERS, TOKEN_EMBEDDER, ENCODER)) {
      if (!Files.isRegularFile(folder.resolve(name))) {
        throw new ElmoException(
            folder + ": expected " + name + " of an ELMoForManyLangs model, found no such file");
      }
    }
    TorchFile tokens = TorchFile.open(folder.resolve(TOKEN_EMBEDDER));
    try {
      TorchFile lstm = TorchFile.open(folder.resolve(ENCODER));
      try {
        return new ManyLangsReader(folder, tokens, lstm);
      } catch (Throwable e) {
        lstm.close();
        throw e;
      }
    } catch (Throwable e) {
      tokens.close();
      throw e;
    }
  }

  /** Whether the files of a folder belong to such a model, even if some are missing. */
  static boolean holdsModel(List<Path> files) {
    Set<String> known = Set.of(CHARACTERS, WORDS, TOKEN_EMBEDDER, ENCODER);
    return files.stream().filter(file -> known.contains(file.getFileName().toString())).count() > 1;
  }

  private ModelOptions readStructure(Path folder) {
    Path config = folder.resolve(CONFIG);
    JsonNode path = OptionsJson.readJson(config).path("config_path");
    if (!path.isTextual()) {
      throw new ElmoException(
          config
              + ": config_path: expected the name of a file, found "
              + (path.isMissingNode() ? "no such key" : Json.brief(path)));
    }
    long[] characters = table(CHARACTER_TABLE);
    if (characters == null) {
      throw new ElmoException(
          tokens.source() + ": tensor " + CHARACTER_TABLE + ": found no such tensor");
    }
    long[] words = table(WORD_TABLE);
    int characterCount = (int) characters[0];
    int wordCount = words == null ? 0 : (int) words[0];
    String name = path.textValue().replaceAll(".*[/\\\\]", "");
    // A path that leads out of the folder comes from the machine on which the model was made.
    for (String candidate : List.of(path.textValue(), name)) {
      Path file = inside(folder, candidate);
      if (file != null) {
        JsonNode structure = OptionsJson.readJson(file);
        return OptionsJson.parseManyLangs(structure, file.toString(), characterCount, wordCount);
      }
    }
    if (name.equals(PUBLISHED)) {
      JsonNode structure = Json.parse(PUBLISHED_STRUCTURE, PUBLISHED);
      return OptionsJson.parseManyLangs(structure, PUBLISHED, characterCount, wordCount);
    }
    throw new ElmoException(
        folder
            + ": expected the structure that config_path names, "
            + Json.brief(name)
            + ", found no such file");
  }

  private long[] table(String name) {
    long[] shape = tokens.shape(name);
    if (shape != null && (shape.length != 2)) {
      throw mismatch(tokens, name, "two dimensions", shape);
    }
    return shape;
  }

  /** Returns the file for a path from another machine if it lies in the folder, else null. */
  private static Path inside(Path folder, String path) {
    if (path.isEmpty() || path.indexOf('\0') >= 0) {
      return null;
    }
    Path root = folder.toAbsolutePath().normalize();
    try {
      Path file = root.resolve(path).normalize();
      return file.startsWith(root) && Files.isRegularFile(file) ? folder.resolve(path) : null;
    } catch (InvalidPathException e) {
      return null;
    }
  }

  private DictionaryEncoder readDictionaries(Path folder) {
    try {
      return new DictionaryEncoder(
          options.maxCharactersPerToken(),
          readText(folder.resolve(CHARACTERS)),
          options.characters(),
          options.words() == 0 ? null : readText(folder.resolve(WORDS)),
          options.words());
    } catch (ElmoException e) {
      String at = e.getMessage().startsWith(source) ? "" : source + ": ";
      throw new ElmoException(at + e.getMessage(), e);
    }
  }

  private static String readText(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MAX_DICTIONARY_BYTES + 1);
      if (bytes.length > MAX_DICTIONARY_BYTES) {
        throw new ElmoException(
            file + ": expected at most " + MAX_DICTIONARY_BYTES + " bytes, found more");
      }
      CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      return text.toString();
    } catch (CharacterCodingException e) {
      throw new ElmoException(file + ": expected UTF-8, found other bytes", e);
    } catch (IOException e) {
      throw new ElmoException(file + ": expected a readable file, found " + FoundFile.reason(e), e);
    }
  }

  private static ElmoException mismatch(
      TorchFile file, String name, String expected, long[] found) {
    return new ElmoException(
        file.source()
            + ": tensor "
            + name
            + ": expected "
            + expected
            + ", found "
            + (found == null ? "no such tensor" : Arrays.toString(found)));
  }

  /** Finds the source of each tensor, and checks that the files and the structure agree. */
  private final class Layout {
    private final Map<String, long[]> inTokens = new LinkedHashMap<>();
    private final Map<String, long[]> inLstm = new LinkedHashMap<>();

    void all() {
      int features = options.filterCount();
      int p = options.projectionDim();
      if (options.wordDim() > 0) {
        copy(TensorNames.WORD_EMBED, WORD_TABLE);
      }
      copy(TensorNames.CHAR_EMBED, CHARACTER_TABLE);
      for (int i = 0; i < options.filters().size(); i++) {
        ModelOptions.Filter filter = options.filters().get(i);
        String name = "convolutions." + i + ".";
        String weights = name + "weight";
        inTokens.put(
            weights, new long[] {filter.count(), options.charEmbeddingDim(), filter.width()});
        sources.put(TensorNames.filter(i), target -> convolution(weights, filter, target));
        copy(TensorNames.filterBias(i), name + "bias");
      }
      for (int i = 0; i < options.highwayLayers(); i++) {
        String weights = "highways._layers." + i + ".weight";
        String bias = "highways._layers." + i + ".bias";
        inTokens.put(weights, new long[] {2L * features, features});
        inTokens.put(bias, new long[] {2L * features});
        // The first half of the rows is the transform, the second the gate.
        half(TensorNames.transform(i), weights, features, 0, 1);
        half(TensorNames.carry(i), weights, features, features, -1);
        half(TensorNames.transformBias(i), bias, 1, 0, 1);
        half(TensorNames.carryBias(i), bias, 1, features, -1);
      }
      int depth = options.wordDim() + features;
      inTokens.put("projection.weight", new long[] {p, depth});
      sources.put(
          TensorNames.PROJECTION,
          target -> {
            float[] from = load(tokens, "projection.weight");
            transpose(from, depth, 0, p, 1, target, 0, p);
          });
      copy(TensorNames.PROJECTION_BIAS, "projection.bias");
      for (int direction = 0; direction < 2; direction++) {
        for (int layer = 0; layer < options.lstmLayers(); layer++) {
          lstm(direction, layer);
        }
      }
      check(tokens, inTokens);
      check(lstm, inLstm);
    }

    private void copy(String name, String from) {
      inTokens.put(from, shapes.get(name));
      sources.put(name, target -> tokens.read(from, target));
    }

    private void half(String name, String from, int columns, int firstRow, int sign) {
      int rows = options.filterCount();
      sources.put(
          name,
          target -> transpose(load(tokens, from), columns, firstRow, rows, sign, target, 0, rows));
    }

    private void lstm(int direction, int layer) {
      int p = options.projectionDim();
      int cells = options.lstmDim();
      String at = (direction == 0 ? "forward" : "backward") + "_layer_" + layer + ".";
      String input = at + "input_linearity.weight";
      String state = at + "state_linearity.weight";
      String bias = at + "state_linearity.bias";
      String projector = at + "state_projection.weight";
      GateLayout layout = new GateLayout(p, cells);
      inLstm.put(input, new long[] {4L * cells, p});
      inLstm.put(state, new long[] {4L * cells, p});
      inLstm.put(bias, new long[] {4L * cells});
      inLstm.put(projector, new long[] {p, cells});
      sources.put(
          TensorNames.gates(direction, layer),
          target -> {
            gates(load(lstm, input), p, target, layout.x(0));
            gates(load(lstm, state), p, target, layout.h(0));
          });
      sources.put(
          TensorNames.gatesBias(direction, layer),
          target -> {
            gates(load(lstm, bias), 1, target, layout.bias(0));
            int forget = target.position() + layout.bias(FORGET);
            for (int i = forget; i < forget + cells; i++) {
              target.put(i, target.get(i) - 1);
            }
          });
      sources.put(
          TensorNames.lstmProjection(direction, layer),
          target -> transpose(load(lstm, projector), cells, 0, p, 1, target, 0, p));
    }

    private void check(TorchFile file, Map<String, long[]> expected) {
      expected.forEach(
          (name, shape) -> {
            if (!Arrays.equals(shape, file.shape(name))) {
              throw mismatch(file, name, "shape " + Arrays.toString(shape), file.shape(name));
            }
          });
      for (String name : file.names()) {
        if (!expected.containsKey(name)) {
          throw new ElmoException(
              file.source()
                  + ": expected the "
                  + expected.size()
                  + " tensors of its structure, found "
                  + Json.brief(name)
                  + " as well");
        }
      }
    }
  }

  private static float[] load(TorchFile file, String name) {
    float[] values = new float[(int) TensorShapes.count(file.shape(name))];
    file.read(name, FloatBuffer.wrap(values));
    return values;
  }

  /** [count, embedding, width] to [1, width, embedding, count]. */
  private void convolution(String name, ModelOptions.Filter filter, FloatBuffer target) {
    float[] from = load(tokens, name);
    int dim = options.charEmbeddingDim();
    int at = target.position();
    for (int tap = 0; tap < filter.width(); tap++) {
      for (int e = 0; e < dim; e++) {
        for (int f = 0; f < filter.count(); f++) {
          target.put(at++, from[(f * dim + e) * filter.width() + tap]);
        }
      }
    }
  }

  /** [4 cells, columns] to [columns, 4 cells], and the gates to bilm-tf's order. */
  private void gates(float[] from, int columns, FloatBuffer target, int at) {
    GateLayout layout = new GateLayout(columns, options.lstmDim());
    for (int gate = 0; gate < GateLayout.GATES; gate++) {
      int first = GATES[gate] * layout.cells();
      int to = at + layout.x(gate);
      transpose(from, columns, first, layout.cells(), 1, target, to, layout.stride());
    }
  }

  /**
   * Writes rows of a matrix as columns of another, times {@code sign}.
   *
   * @param columns of {@code from}
   * @param at where the first goes, counted from the target's position
   * @param stride between the target's rows
   */
  private static void transpose(
      float[] from,
      int columns,
      int firstRow,
      int rows,
      int sign,
      FloatBuffer target,
      int at,
      int stride) {
    int start = target.position() + at;
    int block = 16; // rows at once: each of them is read along, and written in whole cache lines
    for (int r = 0; r < rows; r += block) {
      int end = Math.min(rows, r + block);
      for (int c = 0; c < columns; c++) {
        for (int i = r; i < end; i++) {
          target.put(start + c * stride + i, sign * from[(firstRow + i) * columns + c]);
        }
      }
    }
  }

  @Override
  TokenEncoder encoder() {
    return encoder;
  }

  @Override
  public void read(String name, FloatBuffer target) {
    int count = Tensors.room(this, name, target);
    int start = target.position();
    sources.get(name).read(target);
    target.position(start + count);
  }

  @Override
  public void close() {
    tokens.close();
    lstm.close();
  }
}
