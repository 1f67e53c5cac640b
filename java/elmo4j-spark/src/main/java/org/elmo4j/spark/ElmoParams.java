// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.Serializable;
import java.util.function.Function;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleArrayParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.StringArrayParam;
import org.elmo4j.ElmoException;
import org.elmo4j.Precision;
import scala.Function1;

/**
 * The stage's params, the checks of their values, and their getters. An invalid value is rejected
 * when a setter, a ParamMap or Python sets it, with a message that begins with the stage's uid.
 */
abstract class ElmoParams extends Transformer {
  private static final long serialVersionUID = 1;

  private final String uid;
  private final Param<String> model;
  private final BooleanParam byReference;
  private final StringArrayParam inputCols;
  private final StringArrayParam outputCols;
  private final Param<String> poolingLayer;
  private final StringArrayParam poolingLayers;
  private final Param<String> tokensCol;
  private final DoubleArrayParam mixWeights;
  private final DoubleParam mixGamma;
  private final BooleanParam caseSensitive;
  private final IntParam batchTokens;
  private final IntParam batchSize;
  private final Param<String> device;
  private final Param<String> precision;
  private final IntParam threads;
  private final IntParam keepAlive;
  private final Param<String> storageRef;

  /**
   * A check that throws instead of returning false, since Spark's own message would not say what
   * was expected.
   */
  private interface Check<T> extends Function1<T, Object>, Serializable {}

  private interface Parser extends Function<String, Object>, Serializable {}

  ElmoParams(String uid) {
    this.uid = uid;
    model = string("model", "mini-en, or the path of a model", any -> any);
    byReference =
        new BooleanParam(
            this,
            "byReference",
            "whether all nodes can read the model's path, so that it is neither sent nor saved");
    inputCols =
        new StringArrayParam(
            this,
            "inputCols",
            "the columns to read: one of text or tokens, or two of annotations: sentence, token");
    outputCols =
        new StringArrayParam(this, "outputCols", "the columns to add, one for each pooling layer");
    poolingLayer =
        string(
            "poolingLayer",
            "the layer: elmo, word_emb, lstm_outputs1, lstm_outputs2 ..., or a mean: default,"
                + " mean(word_emb) ...",
            OutputColumn::parse);
    poolingLayers =
        new StringArrayParam(
            this,
            "poolingLayers",
            "instead of poolingLayer: several layers, one for each output column",
            layers(uid));
    tokensCol =
        string(
            "tokensCol",
            "for a text column: a further column to add, with the tokens of the text",
            any -> any);
    mixWeights =
        new DoubleArrayParam(
            this, "scalarMixWeights", "the weights of the layers in elmo, before the softmax");
    mixGamma =
        new DoubleParam(this, "scalarMixGamma", "the factor of the weighted sum of layers in elmo");
    caseSensitive =
        new BooleanParam(
            this,
            "caseSensitive",
            "whether tokens keep their case; false: they are converted to lower case for the"
                + " model");
    batchTokens =
        number("batchTokens", "the number of tokens to collect from several rows for one batch", 1);
    batchSize = number("batchSize", "the maximum number of sentences in one batch", 1);
    device =
        string(
            "device",
            "the device on which executors run the model: auto, cpu, cuda or cuda:N",
            TaskResources::checkDevice);
    precision =
        string(
            "precision",
            "the precision of the weights: fp32, bf16 or int8, or, on a GPU, fp16",
            Precision::parse);
    threads =
        number(
            "threads",
            "the number of CPU threads in each executor; 0: as many as its tasks have CPUs",
            0);
    keepAlive =
        number(
            "keepAlive",
            "the seconds for which an executor keeps the model after its last task",
            0);
    storageRef =
        string(
            "storageRef",
            "the name of these embeddings for later stages, by default the uid",
            any -> any);
    setDefault(model, ModelFiles.BOX);
    setDefault(byReference, false);
    setDefault(poolingLayer, "elmo");
    setDefault(mixGamma, 1.0);
    setDefault(caseSensitive, true);
    setDefault(batchTokens, 8192);
    setDefault(batchSize, Integer.MAX_VALUE);
    setDefault(device, "auto");
    setDefault(precision, "fp32");
    setDefault(threads, 0);
    setDefault(keepAlive, 60);
    setDefault(storageRef, uid);
  }

  private IntParam number(String name, String doc, int least) {
    String stage = uid;
    Check<Object> check =
        value -> {
          if ((int) value < least) {
            throw new IllegalArgumentException(
                stage + ": " + name + ": expected " + least + " or more, found " + value);
          }
          return true;
        };
    return new IntParam(this, name, doc, check);
  }

  private Param<String> string(String name, String doc, Parser parser) {
    String stage = uid;
    Check<String> check = value -> parsed(stage, name, value, parser);
    return StringParam.of(this, name, doc, check);
  }

  private static Check<String[]> layers(String stage) {
    return layers -> {
      for (String layer : layers) {
        parsed(stage, "poolingLayers", layer, OutputColumn::parse);
      }
      return true;
    };
  }

  private static boolean parsed(String stage, String name, String value, Parser parser) {
    try {
      parser.apply(value);
      return true;
    } catch (ElmoException e) {
      String message = e.getMessage().substring(e.getMessage().indexOf("expected"));
      throw new IllegalArgumentException(stage + ": " + name + ": " + message, e);
    }
  }

  @Override
  public String uid() {
    return uid;
  }

  /** The param with {@code mini-en} or the path of a model. */
  public Param<String> model() {
    return model;
  }

  /**
   * The param that says whether all nodes can read the model's path, so that the model is neither
   * sent nor saved.
   */
  public BooleanParam byReference() {
    return byReference;
  }

  /** The param with the columns to read. */
  public StringArrayParam inputCols() {
    return inputCols;
  }

  /** The param with the columns to add. */
  public StringArrayParam outputCols() {
    return outputCols;
  }

  /** The param with the layer of the output column. */
  public Param<String> poolingLayer() {
    return poolingLayer;
  }

  /** The param with the layers of several output columns, instead of {@link #poolingLayer}. */
  public StringArrayParam poolingLayers() {
    return poolingLayers;
  }

  /** The param with the column to add for the tokens of a text. */
  public Param<String> tokensCol() {
    return tokensCol;
  }

  /** The param with the weights of the layers in {@code elmo}, before the softmax. */
  public DoubleArrayParam scalarMixWeights() {
    return mixWeights;
  }

  /** The param with the factor of the weighted sum of layers in {@code elmo}. */
  public DoubleParam scalarMixGamma() {
    return mixGamma;
  }

  /** The param that says whether tokens keep their case. */
  public BooleanParam caseSensitive() {
    return caseSensitive;
  }

  /** The param with the number of tokens to collect from several rows for one batch. */
  public IntParam batchTokens() {
    return batchTokens;
  }

  /** The param with the maximum number of sentences in one batch. */
  public IntParam batchSize() {
    return batchSize;
  }

  /** The param with the device on which executors run the model. */
  public Param<String> device() {
    return device;
  }

  /** The param with the precision of the weights. */
  public Param<String> precision() {
    return precision;
  }

  /** The param with the number of CPU threads in each executor. */
  public IntParam threads() {
    return threads;
  }

  /** The param with the seconds for which an executor keeps the model after its last task. */
  public IntParam keepAlive() {
    return keepAlive;
  }

  /** The param with the name of these embeddings for later stages. */
  public Param<String> storageRef() {
    return storageRef;
  }

  /** {@code mini-en}, or the path of the model. */
  public String getModel() {
    return getOrDefault(model);
  }

  /** Whether all nodes read the model from its path, so that it is neither sent nor saved. */
  public boolean isByReference() {
    return (boolean) getOrDefault(byReference);
  }

  /** The columns to read. */
  public String[] getInputCols() {
    return required(inputCols);
  }

  /** The first of the columns to add. */
  public String getOutputCol() {
    return getOutputCols()[0];
  }

  /** The columns to add. */
  public String[] getOutputCols() {
    return required(outputCols);
  }

  /** The layer of the first output column. */
  public String getPoolingLayer() {
    return getPoolingLayers()[0];
  }

  /**
   * The layers, one for each output column.
   *
   * @throws IllegalArgumentException if both {@code poolingLayer} and {@code poolingLayers} are set
   */
  public String[] getPoolingLayers() {
    if (isSet(poolingLayers) && isSet(poolingLayer)) {
      throw new IllegalArgumentException(
          uid + ": poolingLayer: expected it or poolingLayers to be set, found both");
    }
    return isSet(poolingLayers)
        ? getOrDefault(poolingLayers)
        : new String[] {getOrDefault(poolingLayer)};
  }

  /** Whether tokens keep their case. */
  public boolean getCaseSensitive() {
    return (boolean) getOrDefault(caseSensitive);
  }

  /** The number of tokens to collect from several rows for one batch. */
  public int getBatchTokens() {
    return (int) getOrDefault(batchTokens);
  }

  /** The maximum number of sentences in one batch. */
  public int getBatchSize() {
    return (int) getOrDefault(batchSize);
  }

  /** The device on which executors run the model. */
  public String getDevice() {
    return getOrDefault(device);
  }

  /** The precision of the weights. */
  public String getPrecision() {
    return getOrDefault(precision);
  }

  /** The number of CPU threads in each executor; 0: as many as its tasks have CPUs. */
  public int getThreads() {
    return (int) getOrDefault(threads);
  }

  /** The seconds for which an executor keeps the model after its last task. */
  public int getKeepAlive() {
    return (int) getOrDefault(keepAlive);
  }

  /** The name of these embeddings for later stages. */
  public String getStorageRef() {
    return getOrDefault(storageRef);
  }

  private String[] required(StringArrayParam param) {
    if (!isDefined(param)) {
      throw new IllegalArgumentException(
          uid + ": " + param.name() + ": expected columns, found none set");
    }
    return getOrDefault(param);
  }
}
