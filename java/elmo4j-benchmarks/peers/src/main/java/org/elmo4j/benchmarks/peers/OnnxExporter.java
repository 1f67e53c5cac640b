// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import java.io.IOException;
import java.nio.file.Path;
import org.elmo4j.ElmoException;
import org.elmo4j.benchmarks.peers.OnnxGraph.Attributes;
import org.elmo4j.benchmarks.peers.OnnxGraph.Type;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;

/**
 * Writes a model as two ONNX files, one for words and one for layers. They are separate so that
 * each distinct word of a text is computed only once, as in elmo4j. Not thread-safe.
 *
 * <p>ONNX's LSTM operator has no projection. Therefore each layer and direction is a Scan over the
 * steps of a batch. The input's part of the gates is one product over all steps before the Scan.
 */
final class OnnxExporter {
  private final Matrices store;
  private final ModelOptions options;
  private final int bits;

  /**
   * @param bits the number of bits, including the sign, of the integers in the LSTM's matrices: 8,
   *     or 7 for processors without VNNI, which add two products in 16 bits; 0 for floats
   * @throws ElmoException if the model's format is not that of bilm-tf or AllenNLP
   */
  OnnxExporter(WeightStore store, int bits) {
    this.store = new Matrices(store);
    this.options = store.options();
    this.bits = bits;
  }

  /**
   * Writes the graph of words. Its input is {@code ids} int32 [words, slots], with at least as many
   * slots as the widest filter. Its output is {@code rows} float [words, P].
   */
  void writeWords(Path file) throws IOException {
    OnnxGraph graph = new OnnxGraph("words");
    String ids = graph.input("ids", Type.INT32);
    int dim = options.charEmbeddingDim();
    String table = graph.floats(store.characters(), options.characters() + 1L, dim);
    String embedded = graph.node("Gather", table, ids); // [words, slots, dim]
    embedded = graph.node("Transpose", new Attributes().numbers("perm", 0, 2, 1), embedded);
    boolean tanh = options.activation() == ModelOptions.Activation.TANH;
    int filters = options.filters().size();
    String[] features = new String[filters];
    for (int i = 0; i < filters; i++) {
      int width = options.filters().get(i).width();
      int count = options.filters().get(i).count();
      String kernel = graph.floats(store.filter(i), count, dim, width);
      String bias = graph.floats(store.read(TensorNames.filterBias(i)), count);
      String all = graph.node("Conv", embedded, kernel, bias); // [words, count, windows]
      String most =
          graph.node("ReduceMax", new Attributes().numbers("axes", 2).number("keepdims", 0), all);
      features[i] = graph.node(tanh ? "Tanh" : "Relu", most);
    }
    String x = graph.node("Concat", new Attributes().number("axis", 1), features);
    long size = options.filterCount();
    for (int i = 0; i < options.highwayLayers(); i++) {
      String carry =
          graph.node(
              "Sigmoid",
              affine(graph, x, TensorNames.carry(i), TensorNames.carryBias(i), size, size));
      String transformed =
          graph.node(
              "Relu",
              affine(graph, x, TensorNames.transform(i), TensorNames.transformBias(i), size, size));
      // g t + (1 - g) x = x + g (t - x)
      x = graph.node("Add", x, graph.node("Mul", carry, graph.node("Sub", transformed, x)));
    }
    if (store.has(TensorNames.PROJECTION)) {
      x =
          affine(
              graph,
              x,
              TensorNames.PROJECTION,
              TensorNames.PROJECTION_BIAS,
              size,
              options.projectionDim());
    }
    graph.named("rows", x, Type.FLOAT);
    graph.model().write(file);
  }

  private String affine(
      OnnxGraph graph, String x, String matrix, String bias, long inputs, long outputs) {
    String product = graph.node("MatMul", x, graph.floats(store.read(matrix), inputs, outputs));
    return graph.node("Add", product, graph.floats(store.read(bias), outputs));
  }

  /**
   * Writes the graph of layers. Its inputs are {@code table} float [words, P]; {@code forward} and
   * {@code backward} int64 [steps, sentences], the row of the table that a direction reads at each
   * step; and {@code tokens_forward} and {@code tokens_backward} int64 [tokens], the index of each
   * real token in [steps * sentences]. Its outputs are {@code layer0} float [tokens, P], and {@code
   * layer1}, {@code layer2}, ... float [tokens, 2 P].
   */
  void writeLayers(Path file) throws IOException {
    OnnxGraph graph = new OnnxGraph("layers");
    String table = graph.input("table", Type.FLOAT);
    String[] steps = {graph.input("forward", Type.INT64), graph.input("backward", Type.INT64)};
    String[] tokens = {
      graph.input("tokens_forward", Type.INT64), graph.input("tokens_backward", Type.INT64)
    };
    int layers = options.lstmLayers();
    String[][] results = new String[layers][2];
    for (int direction = 0; direction < 2; direction++) {
      String x = graph.node("Gather", table, steps[direction]); // [steps, sentences, P]
      if (direction == 0) {
        graph.named("layer0", tokens(graph, x, tokens[0]), Type.FLOAT);
      }
      for (int layer = 0; layer < layers; layer++) {
        String h = lstm(graph, x, direction, layer);
        x = layer > 0 && options.skipConnections() ? graph.node("Add", h, x) : h;
        results[layer][direction] = tokens(graph, x, tokens[direction]);
      }
    }
    for (int layer = 0; layer < layers; layer++) {
      String both = graph.node("Concat", new Attributes().number("axis", 1), results[layer]);
      graph.named("layer" + (layer + 1), both, Type.FLOAT);
    }
    graph.model().write(file);
  }

  private String tokens(OnnxGraph graph, String steps, String tokens) {
    String rows = graph.node("Reshape", steps, graph.int64(-1, options.projectionDim()));
    return graph.node("Gather", rows, tokens);
  }

  /** Adds one layer and direction over [steps, sentences, P]. */
  private String lstm(OnnxGraph graph, String x, int direction, int layer) {
    int p = options.projectionDim();
    int cells = options.lstmDim();
    float[] gates = store.read(TensorNames.gates(direction, layer));
    String bias = graph.floats(store.gatesBias(direction, layer), 4L * cells);
    String ofInput =
        graph.node(
            "Add", product(graph, x, Matrices.rows(gates, 0, p, 4 * cells), 4 * cells), bias);
    String sentences = graph.node("Shape", new Attributes().number("start", 1).number("end", 2), x);

    OnnxGraph step = new OnnxGraph("step" + direction + layer);
    String h = step.input("h" + direction + layer, Type.FLOAT);
    String c = step.input("c" + direction + layer, Type.FLOAT);
    String z = step.input("z" + direction + layer, Type.FLOAT);
    z = step.node("Add", product(step, h, Matrices.rows(gates, p, 2 * p, 4 * cells), 4 * cells), z);
    String[] ijfo = step.nodes("Split", 4, new Attributes().number("axis", 1), z);
    String kept = step.node("Mul", step.node("Sigmoid", ijfo[2]), c);
    String added = step.node("Mul", step.node("Sigmoid", ijfo[0]), step.node("Tanh", ijfo[1]));
    c = clip(step, step.node("Add", kept, added), options.cellClip());
    String m = step.node("Mul", step.node("Sigmoid", ijfo[3]), step.node("Tanh", c));
    float[] projection = store.read(TensorNames.lstmProjection(direction, layer));
    h = clip(step, product(step, m, projection, p), options.projectionClip());
    step.output(h, Type.FLOAT, -1, p);
    step.output(c, Type.FLOAT, -1, cells);
    step.named("out" + direction + layer, h, Type.FLOAT, -1, p);

    return graph
        .nodes(
            "Scan",
            3,
            new Attributes().graph("body", step).number("num_scan_inputs", 1),
            zeros(graph, sentences, p),
            zeros(graph, sentences, cells),
            ofInput)[2];
  }

  private static String zeros(OnnxGraph graph, String rows, long columns) {
    String shape =
        graph.node("Concat", new Attributes().number("axis", 0), rows, graph.int64(columns));
    return graph.node("ConstantOfShape", shape);
  }

  private static String clip(OnnxGraph graph, String x, float bound) {
    return bound == 0
        ? x
        : graph.node(
            "Clip", x, graph.floats(new float[] {-bound}), graph.floats(new float[] {bound}));
  }

  /**
   * Adds the product of x and a matrix [inputs, columns]. For integers, the matrix is quantised
   * here, symmetrically with one scale for each column, and x at run time with one scale for the
   * whole tensor.
   */
  private String product(OnnxGraph graph, String x, float[] matrix, int columns) {
    int inputs = matrix.length / columns;
    if (bits == 0) {
      return graph.node("MatMul", x, graph.floats(matrix, inputs, columns));
    }
    float[] scales = Matrices.scales(matrix, columns, bits);
    byte[] integers = new byte[matrix.length];
    for (int i = 0; i < matrix.length; i++) {
      integers[i] = (byte) Math.round(matrix[i] / scales[i % columns]);
    }
    String[] quantised = graph.nodes("DynamicQuantizeLinear", 3, new Attributes(), x);
    String sums =
        graph.node(
            "MatMulInteger",
            quantised[0],
            graph.int8(integers, inputs, columns),
            quantised[2]); // only x has a zero point
    String floats = graph.node("Cast", new Attributes().number("to", Type.FLOAT.number), sums);
    return graph.node(
        "Mul", floats, graph.node("Mul", quantised[1], graph.floats(scales, columns)));
  }
}
