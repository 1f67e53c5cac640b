// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.weights;

import java.nio.file.Path;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.weights.MixJson;
import org.elmo4j.internal.weights.ModelFormats;
import org.elmo4j.internal.weights.OptionsJson;

/** Opens models, whatever their form. Any thread may use it. */
public final class WeightStores {
  private WeightStores() {}

  /**
   * Opens a model by its content, whatever its files are called:
   *
   * <ul>
   *   <li>a file of elmo4j's own form;
   *   <li>a folder with an options file and weights in HDF5, which count before a checkpoint beside
   *       them;
   *   <li>a folder of ELMoForManyLangs;
   *   <li>a TensorFlow checkpoint: its {@code .index}, its prefix, a SavedModel, a module of
   *       TF-Hub, a training folder of bilm-tf;
   *   <li>Spark NLP's {@code elmo_tensorflow}, and an archive (zip, tar, tar.gz) of any of these;
   *   <li>a folder in which, at most three levels down, lies one of these. The model that is least
   *       deep counts; there must not be two.
   * </ul>
   *
   * An options file beside a checkpoint, or above it within the folder, is used.
   *
   * @throws org.elmo4j.ElmoException if there is no model, or more than one, or it is damaged
   */
  public static WeightStore open(Path path) {
    Arguments.require(path, "path");
    return ModelFormats.open(path);
  }

  /**
   * Opens a model with an options file for what its form lacks, or in place of the one beside it.
   *
   * @param options {@code options.json} of AllenNLP or bilm-tf
   * @param weights HDF5, or what {@link #open(Path)} takes, other than elmo4j's own form, whose
   *     options are a part of it
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
   * @throws org.elmo4j.ElmoException if that is not on the class path
   */
  public static WeightStore miniEnglish() {
    return ModelFormats.miniEnglish();
  }

  /**
   * Reads an {@code options.json} of AllenNLP or bilm-tf, where it may have more keys.
   *
   * @throws org.elmo4j.ElmoException if it cannot be read, is no JSON, lacks a key, or has a value
   *     of the wrong type or out of range
   */
  public static ModelOptions options(Path file) {
    Arguments.require(file, "file");
    Arguments.require(file, "file");
    return OptionsJson.parse(file);
  }

  /**
   * Reads a mix of layers from a file that {@link #write} wrote: {@code {"format": "elmo4j-mix",
   * "weights": [0.1, 0.5, -0.3], "gamma": 1.2, "layer_norm": "none"}}; {@code gamma} (1) and {@code
   * layer_norm} may be missing.
   *
   * @throws org.elmo4j.ElmoException if it cannot be read or is no mix
   */
  public static ScalarMix mix(Path file) {
    Arguments.require(file, "file");
    return MixJson.read(file);
  }

  /**
   * Writes a mix of layers to a file, which appears whole or not at all.
   *
   * @throws org.elmo4j.ElmoException if it cannot be written
   */
  public static void write(ScalarMix mix, Path file) {
    Arguments.require(mix, "mix");
    Arguments.require(file, "file");
    MixJson.write(mix, file);
  }
}
