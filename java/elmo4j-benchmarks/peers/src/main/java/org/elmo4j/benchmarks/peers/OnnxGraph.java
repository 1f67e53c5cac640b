// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/**
 * An ONNX graph under way: nodes in the order of the computation, each with one or more named
 * results, and constants. Field numbers are those of onnx.proto (ONNX 1.12, operator set 17). For
 * one thread.
 */
final class OnnxGraph {
  /** Element types of {@code TensorProto.DataType}. */
  enum Type {
    FLOAT(1),
    INT8(3),
    INT32(6),
    INT64(7);

    final int number;

    Type(int number) {
      this.number = number;
    }
  }

  private static final int IR_VERSION = 8;
  private static final int OPERATOR_SET = 17;

  // AttributeProto.AttributeType
  private static final int ATTRIBUTE_INT = 2;
  private static final int ATTRIBUTE_GRAPH = 5;
  private static final int ATTRIBUTE_INTS = 7;

  private final Proto graph = new Proto();
  private final String prefix;
  private int names;

  /**
   * @param name the graph's, also in front of all names that it makes: those of a graph and of the
   *     graph within must differ
   */
  OnnxGraph(String name) {
    prefix = name + "/";
    graph.text(2, name);
  }

  /** Declares an input of any shape. */
  String input(String name, Type type) {
    graph.message(11, value(name, type));
    return name;
  }

  /**
   * Declares an output, under the name that a node gave it.
   *
   * @param shape its dimensions, -1 where any; a graph within a Scan must tell them
   */
  void output(String name, Type type, long... shape) {
    graph.message(12, value(name, type, shape));
  }

  private static Proto value(String name, Type type, long... shape) {
    Proto tensor = new Proto().number(1, type.number);
    if (shape.length > 0) {
      Proto dimensions = new Proto();
      for (long size : shape) {
        dimensions.message(1, size < 0 ? new Proto() : new Proto().number(1, size));
      }
      tensor.message(2, dimensions);
    }
    return new Proto().text(1, name).message(2, new Proto().message(1, tensor));
  }

  /** A constant of floats, row-major. */
  String floats(float[] values, long... shape) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    FloatBuffer floats = bytes.asFloatBuffer();
    floats.put(values);
    return constant(bytes, Type.FLOAT, shape);
  }

  /** A constant of bytes with signs, row-major. */
  String int8(byte[] values, long... shape) {
    return constant(ByteBuffer.wrap(values), Type.INT8, shape);
  }

  /** A constant list of integers. */
  String int64(long... values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asLongBuffer().put(values);
    return constant(bytes, Type.INT64, values.length);
  }

  private String constant(ByteBuffer bytes, Type type, long... shape) {
    Proto tensor = new Proto();
    for (long dimension : shape) {
      tensor.number(1, dimension);
    }
    String name = name();
    tensor.number(2, type.number).text(8, name).bytes(9, bytes);
    graph.message(5, tensor);
    return name;
  }

  /** An operator's attributes under way. */
  static final class Attributes {
    private final Proto node = new Proto();

    Attributes number(String name, long value) {
      node.message(5, new Proto().text(1, name).number(3, value).number(20, ATTRIBUTE_INT));
      return this;
    }

    Attributes numbers(String name, long... values) {
      Proto attribute = new Proto().text(1, name);
      for (long value : values) {
        attribute.number(8, value);
      }
      node.message(5, attribute.number(20, ATTRIBUTE_INTS));
      return this;
    }

    Attributes graph(String name, OnnxGraph value) {
      node.message(
          5, new Proto().text(1, name).message(6, value.graph).number(20, ATTRIBUTE_GRAPH));
      return this;
    }
  }

  /** Adds an operator with one result, whose name it returns. */
  String node(String operator, String... inputs) {
    return node(operator, new Attributes(), inputs);
  }

  /** As above, with attributes. */
  String node(String operator, Attributes attributes, String... inputs) {
    return nodes(operator, 1, attributes, inputs)[0];
  }

  /** Adds an operator with several results. */
  String[] nodes(String operator, int results, Attributes attributes, String... inputs) {
    Proto node = new Proto();
    for (String input : inputs) {
      node.text(1, input);
    }
    String[] outputs = new String[results];
    for (int i = 0; i < results; i++) {
      outputs[i] = name();
      node.text(2, outputs[i]);
    }
    node.text(4, operator);
    graph.message(1, node.append(attributes.node));
    return outputs;
  }

  /** Gives a result the name under which a caller reads it. */
  void named(String name, String result, Type type, long... shape) {
    graph.message(1, new Proto().text(1, result).text(2, name).text(4, "Identity"));
    output(name, type, shape);
  }

  /** The whole file's message. */
  Proto model() {
    return new Proto()
        .number(1, IR_VERSION)
        .text(2, "elmo4j")
        .message(7, graph)
        .message(8, new Proto().text(1, "").number(2, OPERATOR_SET));
  }

  private String name() {
    return prefix + names++;
  }
}
