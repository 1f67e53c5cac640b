// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.elmo4j.ElmoException;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.ModelOptions.Activation;
import org.elmo4j.weights.ModelOptions.Filter;
import org.elmo4j.weights.WeightStore;
import org.junit.jupiter.api.function.Executable;

/** A small model that make_hdf5.py stores in many forms, and helpers that its tests share. */
final class TinyModel {
  private TinyModel() {}

  static ModelOptions options(int embedding) {
    return ModelOptions.builder()
        .charEmbeddingDim(embedding)
        .maxCharactersPerToken(50)
        .filters(List.of(new Filter(1, 1), new Filter(2, 2)))
        .activation(Activation.RELU)
        .highwayLayers(1)
        .lstmDim(5)
        .projectionDim(2)
        .lstmLayers(1)
        .skipConnections(false)
        .cellClip(3)
        .projectionClip(3)
        .build();
  }

  /** Returns number {@code i} of tensor {@code t}. */
  static float value(int t, int i) {
    return (float) ((31L * t + 7L * i) % 129 - 64) / 64;
  }

  /** Returns all tensors of the model in arrays that a test may change. */
  static Map<String, float[]> values() {
    Map<String, float[]> values = new HashMap<>();
    int t = 0;
    for (Map.Entry<String, long[]> tensor : TensorShapes.of(options(2)).entrySet()) {
      float[] array = new float[(int) TensorShapes.count(tensor.getValue())];
      for (int i = 0; i < array.length; i++) {
        array[i] = value(t, i);
      }
      values.put(tensor.getKey(), array);
      t++;
    }
    return values;
  }

  /** Returns a store with these values. */
  static WeightStore store(Map<String, float[]> values, ScalarMix mix) {
    return store(options(2), values, mix);
  }

  static WeightStore store(ModelOptions options, Map<String, float[]> values, ScalarMix mix) {
    return new WeightStore() {
      @Override
      public String source() {
        return "tiny";
      }

      @Override
      public ModelOptions options() {
        return options;
      }

      @Override
      public Optional<ScalarMix> mix() {
        return Optional.ofNullable(mix);
      }

      @Override
      public Map<String, long[]> shapes() {
        return TensorShapes.of(options);
      }

      @Override
      public void read(String name, FloatBuffer target) {
        target.put(values.get(name));
      }

      @Override
      public void close() {}
    };
  }

  /** Asserts that the store holds exactly this model. */
  static void check(WeightStore store) {
    assertEquals(
        new ArrayList<>(TensorShapes.of(store.options()).keySet()), new ArrayList<>(store.names()));
    int t = 0;
    for (String name : store.names()) {
      float[] got = read(store, name);
      for (int i = 0; i < got.length; i++) {
        assertEquals(value(t, i), got[i], 0f, name + " " + i);
      }
      t++;
    }
    assertEquals(17, t);
  }

  static float[] read(WeightStore store, String name) {
    float[] values = new float[(int) TensorShapes.count(store.shape(name))];
    FloatBuffer target = FloatBuffer.wrap(values);
    store.read(name, target);
    assertFalse(target.hasRemaining());
    return values;
  }

  static void readAll(WeightStore store) {
    store.names().forEach(name -> read(store, name));
  }

  static byte[] resource(String name) throws IOException {
    try (InputStream in = TinyModel.class.getResourceAsStream(name)) {
      return in.readAllBytes();
    }
  }

  /** Writes options.json and weights.hdf5 to a folder and returns it. */
  static Path folder(Path dir, int embedding, byte[] weights) throws IOException {
    Files.createDirectories(dir);
    Files.writeString(dir.resolve("options.json"), OptionsJson.write(options(embedding)));
    Files.write(dir.resolve("weights.hdf5"), weights);
    return dir;
  }

  /** Returns the message of the ElmoException that is thrown and asserts that it is one line. */
  static String failure(Executable executable) {
    String message = assertThrows(ElmoException.class, executable).getMessage();
    assertFalse(message.contains("\n"), message);
    return message;
  }

  static void assertContains(String part, String message) {
    assertTrue(message.contains(part), () -> "expected: " + part + "\nfound: " + message);
  }
}
