// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.Map;
import org.elmo4j.ElmoException;
import org.elmo4j.Precision;
import org.elmo4j.internal.files.TemporaryFolder;
import org.elmo4j.weights.WeightStore;

/** Runs a model on ONNX Runtime, with the graphs of {@link OnnxExporter}. */
final class OnnxPeer extends BatchPeer<OnnxTensor> {
  private final OrtEnvironment environment =
      OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_WARNING);

  private final int bits;
  private final int projection;
  private final OrtSession words;
  private final OrtSession layers;

  OnnxPeer(WeightStore store, int bits, int threads, int callers) {
    super(store.options(), false, callers);
    this.bits = bits;
    projection = store.options().projectionDim();
    OnnxExporter exporter = new OnnxExporter(store, bits);
    try (TemporaryFolder folder = TemporaryFolder.create();
        OrtSession.SessionOptions all = options(threads);
        OrtSession.SessionOptions each = options(threads / callers)) {
      exporter.writeWords(folder.path().resolve("words.onnx"));
      exporter.writeLayers(folder.path().resolve("layers.onnx"));
      words = environment.createSession(folder.path().resolve("words.onnx").toString(), all);
      layers = environment.createSession(folder.path().resolve("layers.onnx").toString(), each);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (OrtException e) {
      throw new ElmoException("ONNX Runtime: " + e.getMessage(), e);
    }
  }

  private static OrtSession.SessionOptions options(int threads) throws OrtException {
    OrtSession.SessionOptions options = new OrtSession.SessionOptions();
    options.setIntraOpNumThreads(threads);
    options.setInterOpNumThreads(1);
    options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
    return options;
  }

  @Override
  public String name() {
    return "ONNX Runtime "
        + environment.getVersion()
        + ", "
        + (bits == 0 ? "fp32" : "int8" + (bits == 8 ? "" : " of 7 bits"));
  }

  @Override
  public Precision precision() {
    return bits == 0 ? Precision.FP32 : Precision.INT8;
  }

  @Override
  OnnxTensor words(Words text) {
    FloatBuffer table =
        ByteBuffer.allocateDirect(text.count() * projection * Float.BYTES)
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    try {
      for (Words.Group group : text.groups()) {
        long[] shape = {group.words(), group.slots()};
        try (OnnxTensor ids =
                OnnxTensor.createTensor(environment, IntBuffer.wrap(group.ids()), shape);
            OrtSession.Result result = words.run(Map.of("ids", ids))) {
          table.put(((OnnxTensor) result.get(0)).getFloatBuffer());
        }
      }
      return OnnxTensor.createTensor(
          environment, table.flip(), new long[] {text.count(), projection});
    } catch (OrtException e) {
      throw new ElmoException("ONNX Runtime: " + e.getMessage(), e);
    }
  }

  @Override
  void layers(OnnxTensor table, Batch batch, Sink sink) {
    int sentences = batch.sentences().length;
    try (OnnxTensor forward = indices(batch.forward(), batch.steps(), sentences);
        OnnxTensor backward = indices(batch.backward(), batch.steps(), sentences);
        OnnxTensor tokensForward = indices(batch.tokensForward(), batch.tokensForward().length);
        OnnxTensor tokensBackward = indices(batch.tokensBackward(), batch.tokensBackward().length);
        OrtSession.Result result =
            layers.run(
                Map.of(
                    "table", table,
                    "forward", forward,
                    "backward", backward,
                    "tokens_forward", tokensForward,
                    "tokens_backward", tokensBackward))) {
      if (sink != null) {
        for (int layer = 0; layer < result.size(); layer++) {
          OnnxTensor vectors = (OnnxTensor) result.get("layer" + layer).orElseThrow();
          sink.accept(batch.sentences(), layer, vectors.getFloatBuffer());
        }
      }
    } catch (OrtException e) {
      throw new ElmoException("ONNX Runtime: " + e.getMessage(), e);
    }
  }

  private OnnxTensor indices(long[] values, long... shape) throws OrtException {
    return OnnxTensor.createTensor(environment, LongBuffer.wrap(values), shape);
  }

  @Override
  void release(OnnxTensor table) {
    table.close();
  }

  @Override
  public void close() {
    super.close();
    try {
      words.close();
      layers.close();
    } catch (OrtException e) {
      throw new ElmoException("ONNX Runtime: " + e.getMessage(), e);
    }
  }
}
