// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import io.jhdf.api.Group;
import io.jhdf.api.Node;
import io.jhdf.api.dataset.ChunkedDataset;
import io.jhdf.api.dataset.ContiguousDataset;
import io.jhdf.object.datatype.FloatingPoint;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.ModelOptions;

/**
 * Reads the form of AllenNLP and bilm-tf: {@code options.json} and weights in HDF5, as 16, 32 or
 * 64-bit floats. What else the file holds is ignored. For one thread at a time.
 */
public final class AllenNlpReader extends ModelStore {
  /** Numbers of a chunked dataset taken at once. */
  private static final int SLICE = 1 << 20;

  private final DataFile data;
  private final HdfFile hdf;
  private final Map<String, Dataset> datasets = new HashMap<>();
  private final Map<String, Dtype> dtypes = new HashMap<>();

  private AllenNlpReader(String source, ModelOptions options, DataFile data) {
    super(source);
    this.options = options;
    this.data = data;
    this.hdf = guard("an HDF5 file", () -> new HdfFile(data.channel()));
    this.shapes =
        Tensors.check(
            source,
            options,
            name -> {
              Dataset dataset = guard("tensor " + name, () -> find(name));
              datasets.put(name, dataset);
              return dataset == null ? null : guard("tensor " + name, dataset::getDimensionsAsLong);
            });
    shapes
        .keySet()
        .forEach(name -> dtypes.put(name, guard("tensor " + name, () -> checkLayout(name))));
  }

  /**
   * Opens a model and checks that all its tensors are there, in their shapes; values are not read
   * yet.
   *
   * @param options {@code options.json}
   * @param weights an HDF5 file
   * @throws ElmoException if one of them cannot be read, is damaged, or they do not fit each other
   */
  public static AllenNlpReader open(Path options, Path weights) {
    ModelOptions parsed = OptionsJson.parse(options);
    DataFile data = openData(weights);
    try {
      return new AllenNlpReader(weights.toString(), parsed, data);
    } catch (Throwable e) {
      data.close();
      throw e;
    }
  }

  /** Whether a file is HDF5 and has character embeddings at its root, as a model's weights do. */
  static boolean holdsModel(Path file) {
    try (DataFile data = openData(file)) {
      return guard(
          file.toString(),
          "an HDF5 file",
          () -> child(new HdfFile(data.channel()), "char_embed") instanceof Dataset);
    } catch (ElmoException e) {
      return false;
    }
  }

  static DataFile openData(Path file) {
    try {
      return DataFile.open(file);
    } catch (IOException e) {
      throw new ElmoException(file + ": expected a readable HDF5 file, found " + Json.line(e), e);
    }
  }

  private <T> T guard(String what, Callable<T> action) {
    return guard(source, what, action);
  }

  /**
   * Runs code of jHDF, which on a damaged or foreign file may fail in any way, up to stack overflow
   * and demands for gigabytes, and makes one failure of all.
   */
  static <T> T guard(String source, String what, Callable<T> action) {
    try {
      return action.call();
    } catch (ElmoException e) {
      throw e;
    } catch (Exception | VirtualMachineError | LinkageError | AssertionError e) {
      Throwable cause = e;
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      throw new ElmoException(
          source + ": expected " + what + ", found damage or an unknown form: " + Json.line(cause),
          e);
    }
  }

  /** The dataset of that name, or null. */
  private Dataset find(String name) {
    Node node = walk(name);
    if (node == null && options.lstmLayers() == 1) {
      // bilm-tf leaves out this part of the name when there is one layer.
      node = walk(name.replace("MultiRNNCell/Cell0/", ""));
    }
    if (node == null || node instanceof Dataset) {
      return (Dataset) node;
    }
    throw new ElmoException(
        source + ": tensor " + name + ": expected a dataset, found " + node.getType());
  }

  private Node walk(String name) {
    Node node = hdf;
    for (String part : name.split("/")) {
      node = node instanceof Group ? child((Group) node, part) : null;
    }
    return node;
  }

  private static Node child(Group group, String name) {
    return group.getChildren().get(name);
  }

  /** Checks how a dataset's numbers are stored, and that the file is long enough to hold them. */
  private Dtype checkLayout(String name) {
    Dataset dataset = datasets.get(name);
    Dtype dtype = null;
    if (dataset.getDataType() instanceof FloatingPoint) {
      FloatingPoint type = (FloatingPoint) dataset.getDataType();
      String layout =
          type.getSize()
              + " "
              + type.getBitPrecision()
              + " "
              + type.getExponentSize()
              + " "
              + type.getMantissaSize();
      dtype =
          switch (layout) {
            case "2 16 5 10" -> Dtype.F16;
            case "4 32 8 23" -> Dtype.F32;
            case "8 64 11 52" -> Dtype.F64;
            default -> null;
          };
    }
    if (dtype == null) {
      throw bad(
          name,
          "16, 32 or 64-bit floats",
          dataset.getDataType().getClass().getSimpleName()
              + " of "
              + dataset.getDataType().getSize()
              + " bytes");
    }
    if (dataset.isEmpty()) {
      throw bad(name, "stored values", "none");
    }
    if (dataset instanceof ContiguousDataset) {
      long at = ((ContiguousDataset) dataset).getDataAddress() + hdf.getUserBlockSize();
      long size = TensorShapes.count(shape(name)) * dtype.bytes();
      if (at < 0 || at > data.size() - size) {
        throw bad(name, size + " bytes at " + at, "a file of " + data.size() + " bytes");
      }
    } else if (dataset instanceof ChunkedDataset) {
      // HDF5 allows no chunk larger than a dataset of fixed size; jHDF would allocate it.
      int[] chunk = ((ChunkedDataset) dataset).getChunkDimensions();
      long numbers = 1;
      for (int n : chunk) {
        numbers =
            n > 0 && n <= ModelOptions.MAX_NUMBERS / numbers ? numbers * n : Long.MAX_VALUE / 2;
      }
      if (numbers > Math.max(SLICE, 2 * TensorShapes.count(shape(name)))) {
        throw bad(name, "chunks no larger than the tensor", Arrays.toString(chunk));
      }
    }
    return dtype;
  }

  private ElmoException bad(String name, String expected, String found) {
    return new ElmoException(
        source + ": tensor " + name + ": expected " + expected + ", found " + found);
  }

  @Override
  public void read(String name, FloatBuffer target) {
    int count = Tensors.room(this, name, target);
    Dataset dataset = datasets.get(name);
    if (dataset instanceof ContiguousDataset) {
      data.readTensor(
          this,
          name,
          ((ContiguousDataset) dataset).getDataAddress() + hdf.getUserBlockSize(),
          dtypes.get(name),
          ((FloatingPoint) dataset.getDataType()).getByteOrder(),
          target);
    } else {
      int start = target.position();
      guard("tensor " + name, () -> readSlices(dataset, target));
      if (target.position() - start != count) {
        throw bad(name, count + " values", String.valueOf(target.position() - start));
      }
      Tensors.checkFinite(this, name, target, start, count, 0);
    }
  }

  /** Reads a chunked or compact dataset some rows at a time, whole chunks where there are any. */
  private static Void readSlices(Dataset dataset, FloatBuffer target) {
    int[] shape = dataset.getDimensions();
    int rowSize = (int) (dataset.getSize() / shape[0]);
    int unit =
        dataset instanceof ChunkedDataset ? ((ChunkedDataset) dataset).getChunkDimensions()[0] : 1;
    int step = (int) Math.min(shape[0], Math.max(1, SLICE / ((long) rowSize * unit)) * unit);
    int[] slice = shape.clone();
    long[] offset = new long[shape.length];
    for (int row = 0; row < shape[0]; row += step) {
      offset[0] = row;
      slice[0] = Math.min(step, shape[0] - row);
      flatten(dataset.getData(offset, slice), target);
    }
    return null;
  }

  private static void flatten(Object array, FloatBuffer target) {
    if (array instanceof float[]) {
      target.put((float[]) array);
    } else if (array instanceof double[]) {
      for (double value : (double[]) array) {
        target.put((float) value);
      }
    } else {
      for (Object part : (Object[]) array) {
        flatten(part, target);
      }
    }
  }

  @Override
  public void close() {
    data.close();
  }
}
