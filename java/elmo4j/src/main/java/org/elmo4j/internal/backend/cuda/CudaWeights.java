// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.ElmoException;
import org.elmo4j.Precision;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.WeightReader;
import org.elmo4j.internal.kernels.CudaKernels;
import org.elmo4j.internal.kernels.NativeLibrary;
import org.elmo4j.internal.model.ModelWeights;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.weights.ModelOptions;

/** A model's weights on a CUDA device, packed as the kernels want them. */
final class CudaWeights implements AutoCloseable {
  final String source; // for messages
  final ModelOptions options;
  final CudaDevice device;
  final int type;
  final int products;
  final short pad;
  private final List<CudaMemory> memories = new ArrayList<>();

  final NativeMemory shape; // widths, filters
  long charTable;
  long charBias;
  NativeMemory highways; // [2, layers] addresses: kernels, biases
  long wordTable;
  long projectionKernel;
  long projectionBias;
  BiLm biLm;

  /**
   * Reads the weights, packs them as the kernels want them, and brings them to the device.
   *
   * @param precision {@code FP16} or {@code FP32}
   * @throws ElmoException if the device has not the memory, or the model does not fit the kernels
   */
  CudaWeights(ModelWeights store, CudaDevice device, Precision precision) {
    source = store.source();
    options = store.options();
    this.device = device;
    if (precision == Precision.BF16 || precision == Precision.INT8) {
      String found = precision.name().toLowerCase(Locale.ROOT);
      throw new ElmoException("precision " + found + ": expected fp16 or fp32 on " + device);
    }
    limit(store, "LSTM layers", options.lstmLayers(), CudaKernels.ELMO4J_CUDA_MAX_TERMS - 1);
    limit(
        store,
        "filter widths",
        options.filters().size(),
        CudaKernels.ELMO4J_CUDA_MAX_FILTER_GROUPS);
    limit(store, "highway layers", options.highwayLayers(), CudaKernels.ELMO4J_CUDA_MAX_HIGHWAYS);
    type = precision == Precision.FP16 ? CudaKernels.ELMO4J_F16 : CudaKernels.ELMO4J_F32;
    products = products();
    pad = store.pad();
    device.enter();
    int groups = options.filters().size();
    shape = NativeMemory.allocate(2L * groups * Integer.BYTES);
    try (WeightReader reader = new WeightReader(store)) {
      for (int i = 0; i < groups; i++) {
        shape.intPointer(0).put(i, options.filters().get(i).width());
        shape.intPointer(groups).put(i, options.filters().get(i).count());
      }
      Uploader uploads = new Uploader(device, type, memories);
      loadTokens(store, reader, uploads);
      biLm =
          useCudnn()
              ? cudnn(reader, uploads)
              : new OwnBiLm(options, type, products, device, reader, uploads);
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /** By the system property {@code elmo4j.cuda.bilm}: own, which is the default, or cudnn. */
  private static boolean useCudnn() {
    String wanted = System.getProperty("elmo4j.cuda.bilm", "own");
    if (!wanted.matches("own|cudnn")) {
      throw new ElmoException("elmo4j.cuda.bilm: expected own or cudnn, found \"" + wanted + "\"");
    }
    return wanted.equals("cudnn");
  }

  /**
   * How halves are multiplied, by the system property {@code elmo4j.cuda.products}: wgmma, which is
   * the default and means mma where there is none, or mma.
   */
  private static int products() {
    String wanted = System.getProperty("elmo4j.cuda.products", "wgmma");
    if (!wanted.matches("wgmma|mma")) {
      throw new ElmoException(
          "elmo4j.cuda.products: expected wgmma or mma, found \"" + wanted + "\"");
    }
    return wanted.equals("mma") ? CudaKernels.ELMO4J_MMA : CudaKernels.ELMO4J_WGMMA;
  }

  private BiLm cudnn(WeightReader reader, Uploader uploads) {
    try {
      return new CudnnBiLm(options, type, device, reader, uploads);
    } catch (LinkageError e) {
      throw new ElmoException(
          "biLM by cuDNN: expected cuDNN 9 and org.bytedeco:cuda with its natives, found "
              + NativeLibrary.deepestCause(e),
          e);
    }
  }

  private void limit(ModelWeights store, String what, int found, int most) {
    if (found > most) {
      throw new ElmoException(
          store.source()
              + ": expected at most "
              + most
              + " "
              + what
              + " on a CUDA device, found "
              + found);
    }
  }

  private void loadTokens(ModelWeights store, WeightReader reader, Uploader uploads) {
    int features = options.filterCount();
    long tableSize = WeightReader.charTableSize(options);
    try (NativeMemory table = NativeMemory.allocate((tableSize + features) * Float.BYTES)) {
      FloatPointer bias = table.floatPointer(tableSize);
      reader.charTable(options, table.floatPointer(0), bias);
      charTable = uploads.numbers(table.floatPointer(0), tableSize);
      charBias = uploads.floats(bias, features);
    }
    int layers = options.highwayLayers();
    highways = NativeMemory.allocate(2L * layers * Long.BYTES);
    LongPointer addresses = new LongPointer(highways.bytePointer(0));
    for (int i = 0; i < layers; i++) {
      try (Uploader.Packing packing = uploads.packing(features, features, 2);
          NativeMemory bias = NativeMemory.allocate(2L * features * Float.BYTES)) {
        packing.add(reader.read(TensorNames.carry(i)), features);
        packing.add(reader.read(TensorNames.transform(i)), features);
        addresses.put(i, packing.upload());
        long bytes = (long) features * Float.BYTES;
        Pointer.memcpy(bias.floatPointer(0), reader.read(TensorNames.carryBias(i)), bytes);
        Pointer.memcpy(
            bias.floatPointer(features), reader.read(TensorNames.transformBias(i)), bytes);
        addresses.put(layers + i, uploads.floats(bias.floatPointer(0), 2L * features));
      }
    }
    if (options.wordDim() > 0) {
      FloatPointer words = reader.read(TensorNames.WORD_EMBED);
      wordTable = uploads.numbers(words, words.capacity());
    }
    if (store.shape(TensorNames.PROJECTION) != null) {
      int p = options.projectionDim();
      int depth = options.wordDim() + features;
      projectionKernel = uploads.packed(reader.read(TensorNames.PROJECTION), p, depth, p, 1);
      projectionBias = uploads.floats(reader.read(TensorNames.PROJECTION_BIAS), p);
    }
  }

  /** Bytes of one number of a token representation and of h. */
  int numberBytes() {
    return type == CudaKernels.ELMO4J_F16 ? Short.BYTES : Float.BYTES;
  }

  long bytes() {
    return memories.stream().mapToLong(Memory::bytes).sum();
  }

  @Override
  public void close() {
    if (biLm != null) {
      biLm.close();
    }
    if (highways != null) {
      highways.close();
    }
    shape.close();
    memories.forEach(Memory::close);
  }
}
