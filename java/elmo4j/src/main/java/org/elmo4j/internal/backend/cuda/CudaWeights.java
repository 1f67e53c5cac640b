// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
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

/** A model's weights on a CUDA device, packed for the kernels. */
final class CudaWeights implements AutoCloseable {
  final String source; // for messages
  final ModelOptions options;
  final CudaDevice device;
  final int type;
  final CudaKernels.CharEncoder encoder;
  final BiLm biLm;
  private final int products;
  private final List<CudaMemory> memories = new ArrayList<>();
  private final List<NativeMemory> structs = new ArrayList<>();

  /**
   * Reads the weights, packs them for the kernels, and copies them to the device.
   *
   * @param precision {@code FP16} or {@code FP32}
   * @throws ElmoException if the device has too little memory, or the kernels cannot run the model
   */
  CudaWeights(ModelWeights store, CudaDevice device, Precision precision) {
    source = store.source();
    options = store.options();
    this.device = device;
    limit(store, "LSTM layers", options.lstmLayers(), CudaKernels.ELMO4J_CUDA_MAX_TERMS - 1);
    limit(
        store,
        "filter widths",
        options.filters().size(),
        CudaKernels.ELMO4J_CUDA_MAX_FILTER_GROUPS);
    limit(store, "highway layers", options.highwayLayers(), CudaKernels.ELMO4J_CUDA_MAX_HIGHWAYS);
    type = precision == Precision.FP16 ? CudaKernels.ELMO4J_F16 : CudaKernels.ELMO4J_F32;
    products = products();
    device.enter();
    try (WeightReader reader = new WeightReader(store)) {
      Uploader uploads = new Uploader(device, type, products, memories);
      encoder = encoder(store, reader, uploads);
      biLm = useCudnn() ? cudnn(reader, uploads) : new OwnBiLm(options, device, reader, uploads);
    } catch (Throwable e) {
      free();
      throw e;
    }
  }

  /**
   * Whether cuDNN runs the biLM, by the system property {@code elmo4j.cuda.bilm}: {@code own}
   * (default) or {@code cudnn}.
   */
  private static boolean useCudnn() {
    String wanted = System.getProperty("elmo4j.cuda.bilm", "own");
    if (!wanted.matches("own|cudnn")) {
      throw new ElmoException("elmo4j.cuda.bilm: expected own or cudnn, found \"" + wanted + "\"");
    }
    return wanted.equals("cudnn");
  }

  /**
   * The instructions for products of halves, by the system property {@code elmo4j.cuda.products}:
   * {@code wgmma} (default; a GPU without it uses mma) or {@code mma}.
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

  private CudaKernels.CharEncoder encoder(
      ModelWeights store, WeightReader reader, Uploader uploads) {
    int features = options.filterCount();
    int layers = options.highwayLayers();
    CudaKernels.CharEncoder encoder =
        new CudaKernels.CharEncoder(struct(Loader.sizeof(CudaKernels.CharEncoder.class)));
    charCnn(encoder.cnn(), store.pad(), reader, uploads);
    int size = Loader.sizeof(CudaKernels.Matrix.class);
    Pointer highways = struct((long) layers * size);
    for (int i = 0; i < layers; i++) {
      CudaKernels.Matrix matrix =
          new CudaKernels.Matrix(Memory.at(highways.address() + (long) i * size));
      try (Uploader.Packing packing = uploads.packing(matrix, features, features, 2);
          NativeMemory bias = NativeMemory.allocate(2L * features * Float.BYTES)) {
        packing.add(reader.read(TensorNames.carry(i)), features);
        packing.add(reader.read(TensorNames.transform(i)), features);
        packing.upload();
        long bytes = (long) features * Float.BYTES;
        Pointer.memcpy(bias.floatPointer(0), reader.read(TensorNames.carryBias(i)), bytes);
        Pointer.memcpy(
            bias.floatPointer(features), reader.read(TensorNames.transformBias(i)), bytes);
        uploads.bias(matrix, bias.floatPointer(0));
      }
    }
    encoder.highway_count(layers).highways(new CudaKernels.Matrix(highways));
    if (options.wordDim() > 0) {
      FloatPointer words = reader.read(TensorNames.WORD_EMBED);
      encoder
          .word_dim(options.wordDim())
          .word_table(Memory.at(uploads.numbers(words, words.capacity())));
    }
    if (store.has(TensorNames.PROJECTION)) {
      int p = options.projectionDim();
      FloatPointer projection = reader.read(TensorNames.PROJECTION);
      uploads.packed(encoder.projection(), projection, p, options.wordDim() + features, p, 1);
      uploads.bias(encoder.projection(), reader.read(TensorNames.PROJECTION_BIAS));
    }
    return encoder;
  }

  private void charCnn(CudaKernels.CharCnn cnn, short pad, WeightReader reader, Uploader uploads) {
    int groups = options.filters().size();
    IntPointer shape = new IntPointer(struct(2L * groups * Integer.BYTES)); // widths, filters
    for (int i = 0; i < groups; i++) {
      shape.put(i, options.filters().get(i).width());
      shape.put(groups + i, options.filters().get(i).count());
    }
    int features = options.filterCount();
    long tableSize = WeightReader.charTableSize(options);
    try (NativeMemory table = NativeMemory.allocate((tableSize + features) * Float.BYTES)) {
      FloatPointer bias = table.floatPointer(tableSize);
      reader.charTable(options, table.floatPointer(0), bias);
      boolean tanh = options.activation() == ModelOptions.Activation.TANH;
      cnn.isa(products)
          .type(type)
          .activation(tanh ? CudaKernels.ELMO4J_TANH : CudaKernels.ELMO4J_RELU)
          .slots(options.maxCharactersPerToken())
          .pad(pad)
          .groups(groups)
          .widths(shape)
          .filters(shape.getPointer(groups))
          .table_ids(options.characters() + 1)
          .table(Memory.at(uploads.numbers(table.floatPointer(0), tableSize)))
          .bias(new FloatPointer(Memory.at(uploads.floats(bias, features))));
    }
  }

  /**
   * Allocates zeroed memory for the description of a kernel's argument. It lives as long as the
   * weights.
   */
  private Pointer struct(long bytes) {
    NativeMemory memory = NativeMemory.allocate(bytes);
    structs.add(memory);
    return Pointer.memset(memory.bytePointer(0), 0, bytes);
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
    biLm.close();
    free();
  }

  private void free() {
    structs.forEach(Memory::close);
    memories.forEach(Memory::close);
  }
}
