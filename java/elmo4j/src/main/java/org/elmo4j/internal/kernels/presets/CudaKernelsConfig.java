// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.kernels.presets;

import org.bytedeco.javacpp.ClassProperties;
import org.bytedeco.javacpp.LoadEnabled;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.Info;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;
import org.elmo4j.internal.kernels.NativeLibrary;

/**
 * Configures how JavaCPP maps the CUDA half of {@code native/include/elmo4j/kernels.h} to {@code
 * org.elmo4j.internal.kernels.CudaKernels}. The classes are part of every build. The JNI library
 * exists only if the build had the CUDA compiler. It loads {@code libelmo4j_cuda.so} from the same
 * folder, which contains the CUDA runtime.
 */
@Properties(
    value =
        @Platform(
            include = "elmo4j/kernels.h",
            define = {"ELMO4J_WITH_CUDA", "ELMO4J_WITHOUT_CPU"},
            link = "elmo4j_cuda"),
    target = "org.elmo4j.internal.kernels.CudaKernels")
public class CudaKernelsConfig implements InfoMapper, LoadEnabled {
  @Override
  public void map(InfoMap infoMap) {
    infoMap.put(new Info("ELMO4J_WITH_CUDA", "ELMO4J_WITHOUT_CPU").define(true));
    infoMap.put(
        new Info("elmo4j_isa", "elmo4j_type", "elmo4j_activation", "elmo4j_products")
            .cast()
            .valueTypes("int")
            .enumerate(false));
    CpuKernelsConfig.mapStructs(infoMap);
    infoMap.put(new Info("elmo4j_token_encoder").pointerTypes("CharEncoder"));
    infoMap.put(new Info("elmo4j_packed_batch").pointerTypes("PackedBatch"));
    infoMap.put(new Info("elmo4j_lstm_rows").pointerTypes("LstmRows"));
    // In Java a stream is an address, so no class of the CUDA presets is needed.
    infoMap.put(
        new Info("elmo4j_stream")
            .valueTypes("@Cast(\"elmo4j_stream\") Pointer")
            .pointerTypes("@Cast(\"elmo4j_stream*\") PointerPointer"));
    infoMap.put(new Info("CUstream_st").skip());
  }

  @Override
  public void init(ClassProperties properties) {
    if (Loader.isLoadLibraries()) {
      NativeLibrary.CUDA.require();
      NativeLibrary.CUDA.settle(properties);
    }
  }
}
