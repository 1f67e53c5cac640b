// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.elmo4j.ElmoException;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.internal.weights.TensorFlowBundle.Entry;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;

/**
 * Reads ELMo from a TensorFlow checkpoint: TF-Hub's google/elmo and checkpoints saved from it,
 * DeepPavlov's modules, and the training checkpoints of bilm-tf. The graph beside the checkpoint is
 * not read. Not thread-safe.
 *
 * <p>Tensors are found by the end of their names, in any scope: {@code bilm/...} (in training
 * checkpoints {@code lm/...}) and {@code aggregation/...}. Other tensors are ignored. A checkpoint
 * does not contain the activation, the clips, the skip connections or the number of characters of a
 * token. Without an options file they have the values of all published modules: relu, 3 for both
 * clips, skip connections, and 50.
 */
public final class TensorFlowReader extends ModelStore {
  private static final Pattern NAME =
      Pattern.compile(
          "(?<scope>(?:.*/)?)(?:(?<model>bilm|lm)/(?:(?<characters>char_embed)"
              + "|(?<cnn>CNN/[Wb]_cnn_\\d{1,3}|CNN_high_\\d{1,3}/[Wb]_(?:carry|transform)"
              + "|CNN_proj/[Wb]_proj)"
              + "|RNN_(?<direction>[01])/(?:RNN|rnn)/"
              + "(?:(?:MultiRNNCell/Cell|multi_rnn_cell/cell_)(?<layer>\\d{1,3})/)?(?:rnn/)?"
              + "lstm_cell/(?<part>kernel|bias|projection/kernel))"
              + "|aggregation/(?:(?<weights>weights|elmo_output_ELMo_W)"
              + "|(?<gamma>scaling|elmo_output_ELMo_gamma)))");

  private static final String MIX_WEIGHTS = "mix weights";
  private static final String MIX_GAMMA = "mix gamma";

  /** Assumed values that no checkpoint contains. */
  private static final float ASSUMED_CLIP = 3;

  private static final int ASSUMED_CHARACTERS = 50;

  private final TensorFlowBundle bundle;
  private final Map<String, Entry> tensors;
  private final Optional<ScalarMix> mix;

  /** The row of the file's character table that is row 0 of {@code char_embed}. */
  private final int firstCharacter;

  /** Whether the LSTM layers have no projections, so that identity matrices are read instead. */
  private final boolean identity;

  private TensorFlowReader(Path index, Path optionsFile, TensorFlowBundle bundle) {
    super(index.toString());
    this.bundle = bundle;
    // A checkpoint may contain several models, each in its own scope.
    Map<String, Map<String, Entry>> scopes = new TreeMap<>();
    Set<String> training = new TreeSet<>();
    for (Entry entry : bundle.entries().values()) {
      Matcher name = NAME.matcher(entry.name());
      name.matches();
      Entry twin =
          scopes
              .computeIfAbsent(name.group("scope"), key -> new TreeMap<>())
              .putIfAbsent(canonical(name), entry);
      if (twin != null) {
        throw new ElmoException(
            source
                + ": expected one tensor for "
                + canonical(name)
                + ", found "
                + Json.brief(twin.name())
                + " and "
                + Json.brief(entry.name()));
      }
      if ("lm".equals(name.group("model"))) {
        training.add(name.group("scope"));
      }
    }
    scopes.values().removeIf(model -> !model.containsKey(TensorNames.CHAR_EMBED));
    if (scopes.size() != 1) {
      throw new ElmoException(
          source
              + ": expected one tensor whose name ends in bilm/char_embed or lm/char_embed, found "
              + (scopes.isEmpty() ? "none" : "scopes " + Json.brief(scopes.keySet().toString())));
    }
    String scope = scopes.keySet().iterator().next();
    this.tensors = scopes.get(scope);
    boolean trained = training.contains(scope);
    bundle.openShards(tensors.values());
    if (optionsFile == null && trained) {
      throw new ElmoException(
          source
              + ": expected an options file with a training checkpoint of bilm-tf, which says no"
              + " activation, found none beside it");
    }
    ModelOptions found = infer();
    this.identity = Tensors.lackLstmProjections(found, tensors::containsKey);
    ModelOptions stated = optionsFile == null ? found : OptionsJson.parse(optionsFile);
    String stating = optionsFile == null ? source : optionsFile + " for " + source;
    OptionsJson.checkSizes(stated, found, stating);
    this.options = identity ? stated.toBuilder().projectionClip(0).build() : stated;
    long rows = tensors.get(TensorNames.CHAR_EMBED).shape()[0];
    // Modules have a first row for masked positions; training checkpoints have no such row.
    this.firstCharacter = rows == ModelOptions.BYTE_CHARACTERS + 1 && !trained ? 1 : 0;
    this.shapes = Tensors.check(source, options, stating, this::shapeInFile);
    this.mix = readMix();
  }

  /**
   * Opens a checkpoint and checks that all tensors exist with the right shapes. It reads only the
   * values of the mix.
   *
   * @param index {@code PREFIX.index}; the data files lie beside it
   * @param optionsFile null to use the assumed values
   * @throws ElmoException if it contains no ELMo model or more than one, is damaged, or does not
   *     fit the options
   */
  public static TensorFlowReader open(Path index, Path optionsFile) {
    TensorFlowBundle bundle = new TensorFlowBundle(index, name -> NAME.matcher(name).matches());
    try {
      return new TensorFlowReader(index, optionsFile, bundle);
    } catch (Throwable e) {
      bundle.close();
      throw e;
    }
  }

  /** The name of a tensor in {@link WeightStore}. */
  private static String canonical(Matcher name) {
    if (name.group("part") != null) {
      int direction = Integer.parseInt(name.group("direction"));
      int layer = name.group("layer") == null ? 0 : Integer.parseInt(name.group("layer"));
      return switch (name.group("part")) {
        case "kernel" -> TensorNames.gates(direction, layer);
        case "bias" -> TensorNames.gatesBias(direction, layer);
        default -> TensorNames.lstmProjection(direction, layer);
      };
    }
    return name.group("characters") != null
        ? TensorNames.CHAR_EMBED
        : name.group("cnn") != null
            ? name.group("cnn")
            : name.group("weights") != null ? MIX_WEIGHTS : MIX_GAMMA;
  }

  /** Finds the structure from the shapes. It does not check yet whether all tensors fit. */
  private ModelOptions infer() {
    long[] characters = rank(TensorNames.CHAR_EMBED, 2);
    long[] gates = rank(TensorNames.gates(0, 0), 2);
    List<ModelOptions.Filter> filters = new ArrayList<>();
    for (int i = 0; i == 0 || tensors.containsKey(TensorNames.filter(i)); i++) {
      long[] filter = rank(TensorNames.filter(i), 4);
      filters.add(new ModelOptions.Filter(Math.toIntExact(filter[1]), Math.toIntExact(filter[3])));
    }
    int highways = 0;
    while (tensors.containsKey(TensorNames.carry(highways))) {
      highways++;
    }
    int layers = 1;
    while (tensors.containsKey(TensorNames.gates(0, layers))) {
      layers++;
    }
    try {
      return ModelOptions.builder()
          .charEmbeddingDim(Math.toIntExact(characters[1]))
          .maxCharactersPerToken(ASSUMED_CHARACTERS)
          .filters(filters)
          .activation(ModelOptions.Activation.RELU)
          .highwayLayers(highways)
          .lstmDim(Math.toIntExact(gates[1] / 4))
          .projectionDim(Math.toIntExact(gates[0] / 2))
          .lstmLayers(layers)
          .skipConnections(true)
          .cellClip(ASSUMED_CLIP)
          .projectionClip(ASSUMED_CLIP)
          .build();
    } catch (ElmoException e) {
      throw new ElmoException(source + ": structure after the shapes: " + e.getMessage(), e);
    }
  }

  /** The shape of a tensor in the file. Throws if it does not have {@code rank} dimensions. */
  private long[] rank(String name, int rank) {
    Entry entry = tensors.get(name);
    if (entry == null || entry.shape().length != rank) {
      throw new ElmoException(
          source
              + ": tensor "
              + name
              + ": expected "
              + rank
              + " dimensions, found "
              + (entry == null ? "no such tensor" : Arrays.toString(entry.shape())));
    }
    return entry.shape();
  }

  private long[] shapeInFile(String name) {
    Entry entry = tensors.get(name);
    if (entry == null) {
      return identity && TensorNames.isLstmProjection(name)
          ? new long[] {options.lstmDim(), options.projectionDim()}
          : null;
    }
    long[] shape = entry.shape().clone();
    if (name.equals(TensorNames.CHAR_EMBED) && shape[0] == ModelOptions.BYTE_CHARACTERS + 1) {
      shape[0] = ModelOptions.BYTE_CHARACTERS;
    }
    return shape;
  }

  private Optional<ScalarMix> readMix() {
    if (!tensors.containsKey(MIX_WEIGHTS) && !tensors.containsKey(MIX_GAMMA)) {
      return Optional.empty();
    }
    float[] weights = vector(MIX_WEIGHTS, options.lstmLayers() + 1);
    float[] gamma = vector(MIX_GAMMA, 1);
    try {
      return Optional.of(new ScalarMix(weights, gamma[0]));
    } catch (ElmoException e) {
      throw new ElmoException(source + ": " + e.getMessage(), e);
    }
  }

  private float[] vector(String name, int count) {
    Entry entry = tensors.get(name);
    if (entry == null || entry.shape().length > 1 || TensorShapes.count(entry.shape()) != count) {
      throw new ElmoException(
          source
              + ": "
              + name
              + ": expected "
              + count
              + " numbers, found "
              + (entry == null ? "no such tensor" : "shape " + Arrays.toString(entry.shape())));
    }
    float[] values = new float[count];
    bundle.read(entry, FloatBuffer.wrap(values));
    return values;
  }

  @Override
  public Optional<ScalarMix> mix() {
    return mix;
  }

  @Override
  public void read(String name, FloatBuffer target) {
    int count = Tensors.room(this, name, target);
    Entry entry = tensors.get(name);
    if (entry == null) {
      Tensors.readIdentity(this, name, target);
      return;
    }
    int start = target.position();
    if (name.equals(TensorNames.CHAR_EMBED)) {
      int row = (int) entry.shape()[1];
      FloatBuffer all = FloatBuffer.allocate((int) TensorShapes.count(entry.shape()));
      bundle.read(entry, all);
      target.put(all.array(), firstCharacter * row, count);
    } else {
      bundle.read(entry, target);
    }
    Tensors.checkFinite(this, name, target, start, count, 0);
  }

  @Override
  public void close() {
    bundle.close();
  }
}
