// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/**
 * Builds an ONNX graph: constants, and nodes in the order of the computation, each with one or more
 * named results. Field numbers are those of onnx.proto (ONNX 1.12, operator set 17). Not
 * thread-safe.
 */
final class OnnxGraph {
  /** The element types of {@code TensorProto.DataType}. */
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
   * @param name the name of the graph, and the prefix of all names that it makes, because names in
   *     a graph and in a graph inside it must differ
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
   * Declares a node's result as an output, under the same name.
   *
   * @param shape its dimensions, with -1 for any size; optional except in the body of a Scan
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

  /** Adds a constant of floats, row-major, and returns its name. */
  String floats(float[] values, long... shape) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    FloatBuffer floats = bytes.asFloatBuffer();
    floats.put(values);
    return constant(bytes, Type.FLOAT, shape);
  }

  /** Adds a constant of signed bytes, row-major, and returns its name. */
  String int8(byte[] values, long... shape) {
    return constant(ByteBuffer.wrap(values), Type.INT8, shape);
  }

  /** Adds a constant list of integers and returns its name. */
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

  /** Builds the attributes of an operator. */
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

  /** Adds an operator with one result and returns the result's name. */
  String node(String operator, String... inputs) {
    return node(operator, new Attributes(), inputs);
  }

  /** Adds an operator with attributes and one result, and returns the result's name. */
  String node(String operator, Attributes attributes, String... inputs) {
    return nodes(operator, 1, attributes, inputs)[0];
  }

  /** Adds an operator with several results and returns their names. */
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

  /** Declares a result as an output with another name. */
  void named(String name, String result, Type type, long... shape) {
    graph.message(1, new Proto().text(1, result).text(2, name).text(4, "Identity"));
    output(name, type, shape);
  }

  /** Returns the message that the file consists of. */
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
