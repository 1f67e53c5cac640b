// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import io.jhdf.api.Group;
import io.jhdf.api.Node;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.elmo4j.ScalarMix;
import org.elmo4j.weights.ModelOptions;

/**
 * A folder of {@code tests/golden}, read without the library's own readers. Immutable and
 * thread-safe.
 *
 * @param folder the path of the folder
 * @param sentences the tokens of {@code sentences.txt}
 */
public record GoldenCase(Path folder, List<List<String>> sentences) {
  private static final Path ROOT = Path.of(System.getProperty("elmo4j.root"), "tests", "golden");

  /** Returns the cases with a small random model and all outputs. */
  public static List<GoldenCase> all() {
    return List.of(
        named("relu-skip"),
        named("tanh-noskip"),
        named("clips-bind"),
        named("three-layers"),
        named("no-cnn-projection"));
  }

  /** Returns the case in the folder of this name. */
  public static GoldenCase named(String name) {
    try (var lines = Files.lines(ROOT.resolve(name).resolve("sentences.txt"))) {
      return new GoldenCase(
          ROOT.resolve(name), lines.map(line -> List.of(line.split(" "))).toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads the model's structure. */
  public ModelOptions options() {
    JsonNode json;
    try {
      json = new ObjectMapper().readTree(folder.resolve("options.json").toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    JsonNode cnn = json.get("char_cnn");
    JsonNode lstm = json.get("lstm");
    List<ModelOptions.Filter> filters = new ArrayList<>();
    for (JsonNode filter : cnn.get("filters")) {
      filters.add(new ModelOptions.Filter(filter.get(0).intValue(), filter.get(1).intValue()));
    }
    return ModelOptions.builder()
        .charEmbeddingDim(cnn.get("embedding").get("dim").intValue())
        .maxCharactersPerToken(cnn.get("max_characters_per_token").intValue())
        .filters(filters)
        .activation(
            ModelOptions.Activation.valueOf(
                cnn.get("activation").textValue().toUpperCase(Locale.ROOT)))
        .highwayLayers(cnn.get("n_highway").intValue())
        .lstmDim(lstm.get("dim").intValue())
        .projectionDim(lstm.get("projection_dim").intValue())
        .lstmLayers(lstm.get("n_layers").intValue())
        .skipConnections(lstm.get("use_skip_connections").booleanValue())
        .cellClip(lstm.get("cell_clip").floatValue())
        .projectionClip(lstm.get("proj_clip").floatValue())
        .build();
  }

  /** Reads all tensors of {@code weights.hdf5}, row-major, by name. */
  public Map<String, double[]> weights() {
    Map<String, double[]> weights = new HashMap<>();
    try (HdfFile file = new HdfFile(folder.resolve("weights.hdf5"))) {
      collect(file, "", weights);
    }
    return weights;
  }

  private static void collect(Group group, String prefix, Map<String, double[]> weights) {
    for (Node node : group) {
      if (node instanceof Group child) {
        collect(child, prefix + child.getName() + "/", weights);
      } else {
        float[] floats = (float[]) ((Dataset) node).getDataFlat();
        double[] doubles = new double[floats.length];
        for (int i = 0; i < floats.length; i++) {
          doubles[i] = floats[i];
        }
        weights.put(prefix + node.getName(), doubles);
      }
    }
  }

  /**
   * Reads the layers of every sentence from zero state in {@code layers.hdf5}: [sentence][LSTM
   * layers + 1][tokens][2 P].
   */
  public float[][][][] layers() {
    return layers("layers.hdf5");
  }

  /**
   * Reads the layers with the state carried between batches of three sentences, in the same form.
   */
  public float[][][][] statefulLayers() {
    return layers("layers-stateful-batch3.hdf5");
  }

  private float[][][][] layers(String name) {
    float[][][][] layers = new float[sentences.size()][][][];
    try (HdfFile file = new HdfFile(folder.resolve(name))) {
      for (int s = 0; s < layers.length; s++) {
        layers[s] = (float[][][]) file.getDatasetByPath("/" + s).getData();
      }
    }
    return layers;
  }

  /** Reads the mix that gives {@link #mixed}. */
  public ScalarMix mix() {
    try (HdfFile file = new HdfFile(folder.resolve("mix.hdf5"))) {
      Object weights = file.getAttribute("weights").getData();
      float[] floats = new float[java.lang.reflect.Array.getLength(weights)];
      for (int k = 0; k < floats.length; k++) {
        floats[k] = ((Number) java.lang.reflect.Array.get(weights, k)).floatValue();
      }
      return new ScalarMix(floats, ((Number) file.getAttribute("gamma").getData()).floatValue());
    }
  }

  /** Reads the mixed layers: [sentence][tokens][2 P]. */
  public float[][][] mixed() {
    float[][][] mixed = new float[sentences.size()][][];
    try (HdfFile file = new HdfFile(folder.resolve("mix.hdf5"))) {
      for (int s = 0; s < mixed.length; s++) {
        mixed[s] = (float[][]) file.getDatasetByPath("/" + s).getData();
      }
    }
    return mixed;
  }

  @Override
  public String toString() {
    return folder.getFileName().toString();
  }
}
