// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.nio.FloatBuffer;
import java.nio.file.Path;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.weights.ModelOptions;

/**
 * Reads the format of AllenNLP and bilm-tf: {@code options.json} and HDF5 weights of 16, 32 or
 * 64-bit floats. Other datasets in the file are ignored. Not thread-safe.
 */
public final class AllenNlpReader extends ModelStore {
  /**
   * The bytes that all tensors may have beyond a multiple of the file's size, since zeros compress
   * well.
   */
  private static final long MIN_BYTES = 64 << 20;

  private static final long MAX_RATIO = 32;

  private final Hdf5File file;

  /** Whether the LSTM layers have no projections, so that identity matrices are read instead. */
  private final boolean identity;

  private AllenNlpReader(Path optionsFile, ModelOptions options, Hdf5File file) {
    super(file.source);
    this.file = file;
    this.options = options;
    this.identity = Tensors.lackLstmProjections(options, name -> find(name) != null);
    if (identity) {
      this.options = options.toBuilder().projectionClip(0).build();
    }
    this.shapes = Tensors.check(source, options, optionsFile.toString(), this::shapeOf);
    long total = 0;
    for (String name : shapes.keySet()) {
      Hdf5Dataset dataset = find(name);
      if (dataset != null) {
        dataset.locate("tensor " + name);
        total += dataset.decodedBytes();
      }
    }
    if (total > MIN_BYTES + MAX_RATIO * file.data.size()) {
      throw new ElmoException(
          source
              + ": expected tensors of at most "
              + (MIN_BYTES + MAX_RATIO * file.data.size())
              + " bytes in a file of "
              + file.data.size()
              + " bytes, found "
              + total);
    }
  }

  /**
   * Opens a model and checks that all tensors exist with the right shapes. It reads no values yet.
   *
   * @param options {@code options.json}
   * @param weights an HDF5 file
   * @throws ElmoException if a file cannot be read or is damaged, or if the options do not fit the
   *     weights
   */
  public static AllenNlpReader open(Path options, Path weights) {
    ModelOptions parsed = OptionsJson.parse(options);
    Hdf5File file = Hdf5.open(weights);
    try {
      return new AllenNlpReader(options, parsed, file);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  /** Whether a file is HDF5 with character embeddings at its root, like the weights of a model. */
  static boolean holdsModel(Path path) {
    try (Hdf5File file = Hdf5.open(path)) {
      return file.find("an HDF5 file", TensorNames.CHAR_EMBED) != null;
    } catch (ElmoException e) {
      return false;
    }
  }

  /** The dataset of that name, or null. */
  private Hdf5Dataset find(String name) {
    Hdf5Dataset dataset = file.find("tensor " + name, name);
    if (dataset == null && options.lstmLayers() == 1) {
      // bilm-tf leaves out this part of the name if there is one layer.
      dataset = file.find("tensor " + name, name.replace("MultiRNNCell/Cell0/", ""));
    }
    return dataset;
  }

  private long[] shapeOf(String name) {
    Hdf5Dataset dataset = find(name);
    if (dataset == null && identity && TensorNames.isLstmProjection(name)) {
      return new long[] {options.lstmDim(), options.projectionDim()};
    }
    return dataset == null ? null : dataset.shape();
  }

  @Override
  public void read(String name, FloatBuffer target) {
    Hdf5Dataset dataset = shapes.containsKey(name) ? find(name) : null;
    if (dataset == null) {
      Tensors.readIdentity(this, name, target);
    } else {
      dataset.read(this, name, target);
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
