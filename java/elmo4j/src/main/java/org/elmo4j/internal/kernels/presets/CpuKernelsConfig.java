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
 * Configures how JavaCPP maps {@code native/include/elmo4j/kernels.h} to {@code
 * org.elmo4j.internal.kernels.CpuKernels}. The kernels are linked statically into the JNI library,
 * which {@link NativeLibrary} loads.
 */
@Properties(
    value = @Platform(include = "elmo4j/kernels.h", link = "elmo4j_cpu"),
    target = "org.elmo4j.internal.kernels.CpuKernels")
public class CpuKernelsConfig implements InfoMapper, LoadEnabled {
  @Override
  public void map(InfoMap infoMap) {
    infoMap.put(new Info("ELMO4J_WITH_CUDA").define(false));
    // Enumerations become int constants in Java.
    infoMap.put(
        new Info("elmo4j_isa", "elmo4j_activation").cast().valueTypes("int").enumerate(false));
    mapStructs(infoMap);
  }

  /**
   * Maps the structs that the CPU and CUDA halves share. Each half gets its own Java classes for
   * them.
   */
  static void mapStructs(InfoMap infoMap) {
    infoMap.put(new Info("elmo4j_matrix").pointerTypes("Matrix"));
    infoMap.put(new Info("elmo4j_char_cnn").pointerTypes("CharCnn"));
    infoMap.put(new Info("elmo4j_lstm").pointerTypes("Lstm"));
    infoMap.put(new Info("elmo4j_batch").pointerTypes("BatchPlan"));
    infoMap.put(new Info("elmo4j_term").pointerTypes("Term"));
    infoMap.put(new Info("elmo4j_sum").pointerTypes("LayerSum"));
  }

  @Override
  public void init(ClassProperties properties) {
    if (Loader.isLoadLibraries()) {
      NativeLibrary.CPU.require();
      NativeLibrary.CPU.settle(properties);
    }
  }
}
