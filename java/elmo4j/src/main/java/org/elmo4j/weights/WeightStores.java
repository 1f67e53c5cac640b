// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.weights;

import java.nio.file.Path;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.weights.MixJson;
import org.elmo4j.internal.weights.ModelFormats;
import org.elmo4j.internal.weights.OptionsJson;

/** Opens model files of all formats, and reads and writes mixes. Thread-safe. */
public final class WeightStores {
  private WeightStores() {}

  /**
   * Opens a model. The format is detected from the content, not from the names of the files:
   *
   * <ul>
   *   <li>a file in elmo4j's own format;
   *   <li>a folder with an options file and HDF5 weights, which are preferred to a checkpoint in
   *       the same folder;
   *   <li>a folder of ELMoForManyLangs;
   *   <li>a TensorFlow checkpoint: its {@code .index}, its prefix, a SavedModel, a module of
   *       TF-Hub, a training folder of bilm-tf;
   *   <li>Spark NLP's {@code elmo_tensorflow}, and an archive (zip, tar, tar.gz) of any of these;
   *   <li>a folder that contains one of these at most three levels down. The model closest to the
   *       top is taken; there must not be two at the same level.
   * </ul>
   *
   * If an options file lies beside a checkpoint, or above it within the folder, it is used.
   *
   * @throws org.elmo4j.ElmoException if there is no model, or more than one, or it is damaged
   */
  public static WeightStore open(Path path) {
    Arguments.require(path, "path");
    return ModelFormats.open(path);
  }

  /**
   * Opens a model with the given options file. It supplies values that the model's format lacks,
   * and replaces an options file beside the weights.
   *
   * @param options {@code options.json} of AllenNLP or bilm-tf
   * @param weights an HDF5 file, or anything that {@link #open(Path)} accepts but elmo4j's own
   *     format, which contains its options
   * @throws org.elmo4j.ElmoException as {@link #open(Path)}, and if the options contradict the
   *     shapes
   */
  public static WeightStore open(Path options, Path weights) {
    Arguments.require(options, "options");
    Arguments.require(weights, "weights");
    return ModelFormats.open(options, weights);
  }

  /**
   * The small English model of the artifact {@code org.elmo4j:elmo4j-model-mini-en}.
   *
   * @throws org.elmo4j.ElmoException if the artifact is not on the class path
   */
  public static WeightStore miniEnglish() {
    return ModelFormats.miniEnglish();
  }

  /**
   * Reads an {@code options.json} of AllenNLP or bilm-tf. Unknown keys are ignored.
   *
   * @throws org.elmo4j.ElmoException if the file cannot be read, is not JSON, lacks a key, or has a
   *     value of the wrong type or out of range
   */
  public static ModelOptions options(Path file) {
    Arguments.require(file, "file");
    Arguments.require(file, "file");
    return OptionsJson.parse(file);
  }

  /**
   * Reads a mix of layers from a file that {@link #write} wrote: {@code {"format": "elmo4j-mix",
   * "weights": [0.1, 0.5, -0.3], "gamma": 1.2, "layer_norm": "none"}}. {@code gamma} (default 1)
   * and {@code layer_norm} (default none) may be missing.
   *
   * @throws org.elmo4j.ElmoException if the file cannot be read or is not a mix
   */
  public static ScalarMix mix(Path file) {
    Arguments.require(file, "file");
    return MixJson.read(file);
  }

  /**
   * Writes a mix of layers to a file. If writing fails, an existing file stays as it was.
   *
   * @throws org.elmo4j.ElmoException if the file cannot be written
   */
  public static void write(ScalarMix mix, Path file) {
    Arguments.require(mix, "mix");
    Arguments.require(file, "file");
    MixJson.write(mix, file);
  }
}
