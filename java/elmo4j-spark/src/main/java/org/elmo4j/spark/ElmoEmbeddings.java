// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkContext;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleArrayParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.param.ParamValidators;
import org.apache.spark.ml.param.StringArrayParam;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWriter;
import org.apache.spark.ml.util.Identifiable;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.MetadataBuilder;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.elmo4j.ElmoException;
import org.elmo4j.Layer;
import org.elmo4j.Precision;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.weights.MixJson;
import org.elmo4j.weights.WeightStore;

/**
 * ELMo embeddings as a stage of Spark ML. What it reads, the input columns tell:
 *
 * <table>
 *   <caption>inputs and outputs</caption>
 *   <tr><th>inputCols</th><th>output of a layer</th><th>output of a mean</th></tr>
 *   <tr><td>two columns of Spark NLP, document or sentence, and token</td>
 *     <td>{@code word_embeddings} annotations</td><td>{@code sentence_embeddings} annotations</td></tr>
 *   <tr><td>one {@code array<string>}: the tokens of one sentence</td>
 *     <td>{@code array<array<float>>}</td><td>{@code Vector}</td></tr>
 *   <tr><td>one {@code string}: English text, split into sentences and tokens</td>
 *     <td>{@code array<array<float>>}</td><td>{@code Vector}</td></tr>
 * </table>
 *
 * <p>A sentence's vectors are those that {@link org.elmo4j.ElmoModel#embed} gives, whatever row and
 * partition it is in. Null rows stay null (no annotations where Spark NLP's are read), rows without
 * tokens get empty arrays and zero means, and a null among the tokens ends the job with an error
 * that names the column.
 *
 * <p>Each executor loads the model once for all its tasks and closes it when idle. As with any
 * stage, setters are for one thread; {@link #transform} may be called by several.
 */
public final class ElmoEmbeddings extends Transformer implements MLWritable {
  private static final long serialVersionUID = 1;

  /** Of a saved stage: the file with its model, and the folder that tells a stage from a model. */
  private static final String WEIGHTS = "weights";

  private static final String METADATA = "metadata";

  private final String uid;
  private final Param<String> model;
  private final BooleanParam byReference;
  private final StringArrayParam inputCols;
  private final StringArrayParam outputCols;
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

  // Shared with copies, so that the stage in a fitted pipeline counts for the one outside.
  private MetricsHolder metrics = new MetricsHolder();

  // The structure of the model named by structureOf, read when first needed.
  private transient Structure structure;
  private transient String structureOf;

  private record Structure(int projectionDim, int layers) {}

  private static final class MetricsHolder {
    private ElmoMetrics current;

    synchronized ElmoMetrics get(SparkContext context, String uid) {
      if (current == null || !current.isOf(context)) {
        current = new ElmoMetrics(context, uid);
      }
      return current;
    }

    synchronized ElmoMetrics get() {
      if (current == null) {
        throw new IllegalStateException(
            "metrics: expected a stage that was used, found one that was not");
      }
      return current;
    }
  }

  /** A stage without columns, with the model in the box. */
  public ElmoEmbeddings() {
    this(Identifiable.randomUID("ElmoEmbeddings"));
  }

  /** As Spark makes one when it copies or reads it. */
  public ElmoEmbeddings(String uid) {
    this.uid = uid;
    model = StringParam.of(this, "model", "mini-en, or the path of a model");
    byReference =
        new BooleanParam(
            this,
            "byReference",
            "whether all nodes can read the model's path, so that it is neither sent nor saved");
    inputCols =
        new StringArrayParam(
            this,
            "inputCols",
            "a column of text or tokens, or two of annotations: sentence, token");
    outputCols = new StringArrayParam(this, "outputCols", "columns to add, one a pooling layer");
    poolingLayers =
        new StringArrayParam(
            this,
            "poolingLayers",
            "word_emb, lstm_outputs1, lstm_outputs2 ..., elmo, or a mean: default, mean(word_emb)"
                + " ...");
    tokensCol =
        StringParam.of(this, "tokensCol", "for text: a column to add with the tokens found in it");
    mixWeights =
        new DoubleArrayParam(
            this, "scalarMixWeights", "weights of the layers in elmo, before the softmax");
    mixGamma = new DoubleParam(this, "scalarMixGamma", "factor of the sum of layers in elmo");
    caseSensitive =
        new BooleanParam(this, "caseSensitive", "false: tokens go to the model in lower case");
    batchTokens = number("batchTokens", "tokens gathered across rows for one batch", 1);
    batchSize = number("batchSize", "most sentences in one batch", 1);
    device = StringParam.of(this, "device", "auto, cpu, cuda or cuda:N");
    precision = StringParam.of(this, "precision", "fp32, bf16 or int8");
    threads = number("threads", "CPU threads an executor; 0: as many as its tasks have CPUs", 0);
    keepAlive =
        number("keepAlive", "seconds that an executor keeps the model after its last task", 0);
    storageRef =
        StringParam.of(
            this, "storageRef", "tells later stages which embeddings they were made for");
    setDefault(model, ModelFiles.BOX);
    setDefault(byReference, false);
    setDefault(poolingLayers, new String[] {"elmo"});
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
    return new IntParam(this, name, doc, ParamValidators.gtEq(least));
  }

  /** The model that Spark NLP calls {@code elmo}, for English. */
  public static ElmoEmbeddings pretrained() {
    return pretrained("elmo");
  }

  /** As {@link #pretrained(String, String)}, for English. */
  public static ElmoEmbeddings pretrained(String name) {
    return pretrained(name, "en");
  }

  /**
   * A stage with a model known by name; {@code mini-en} is in the box.
   *
   * @throws ElmoException if there is no such model
   */
  public static ElmoEmbeddings pretrained(String name, String language) {
    return of(ModelFiles.named(name, language), false);
  }

  /**
   * As {@link #pretrained(String, String)}; the place that Spark NLP would load from is not used.
   */
  public static ElmoEmbeddings pretrained(String name, String language, String remoteLocation) {
    return pretrained(name, language);
  }

  /** A stage with the small English model of the artifact {@code elmo4j-model-mini-en}. */
  public static ElmoEmbeddings miniEnglish() {
    return of(ModelFiles.BOX, false);
  }

  /**
   * A stage that was saved, or a new one with a model's file or folder, as {@link
   * org.elmo4j.ElmoModel#load} takes them: what the path holds tells.
   *
   * @param path local, or a URI that Hadoop can read
   * @throws ElmoException if it is neither
   */
  public static ElmoEmbeddings load(String path) {
    Path metadata = new Path(path, METADATA);
    try {
      if (metadata.getFileSystem(ModelFiles.configuration()).exists(metadata)) {
        return read().load(path);
      }
    } catch (IOException e) {
      throw new ElmoException(path + ": expected a saved stage or a model, found " + e, e);
    }
    return of(path, false);
  }

  /**
   * A new stage with a model at a path that all nodes can read: executors load it from there, and a
   * saved stage names the path instead of holding the model.
   *
   * @throws ElmoException if this node cannot
   */
  public static ElmoEmbeddings loadByReference(String path) {
    return of(path, true);
  }

  /** As {@link #load}, under the name that Spark NLP has for models of other tools. */
  public static ElmoEmbeddings loadSavedModel(String folder, SparkSession session) {
    return of(folder, false);
  }

  private static ElmoEmbeddings of(String model, boolean byReference) {
    ElmoEmbeddings stage = new ElmoEmbeddings();
    String absolute =
        model.equals(ModelFiles.BOX) || new Path(model).toUri().getScheme() != null
            ? model
            : java.nio.file.Path.of(model).toAbsolutePath().toString();
    stage.set(stage.model, absolute);
    stage.set(stage.byReference, byReference);
    stage.structure(); // Bad models fail here.
    return stage;
  }

  /** For {@link #load}, and for pipelines that hold such a stage. */
  public static MLReader<ElmoEmbeddings> read() {
    return new Reader();
  }

  private static final class Reader extends MLReader<ElmoEmbeddings> {
    private final MLReader<ElmoEmbeddings> params = new DefaultParamsReader<>();

    @Override
    public ElmoEmbeddings load(String path) {
      ElmoEmbeddings stage = params.load(path);
      if (!stage.isByReference() && !stage.getModel().equals(ModelFiles.BOX)) {
        stage.set(stage.model, new Path(path, WEIGHTS).toString());
      }
      stage.structure();
      return stage;
    }
  }

  /**
   * Saves the params and, unless it is by reference or in the box, the model itself as one file
   * beside them.
   */
  @Override
  public MLWriter write() {
    return new Writer(this);
  }

  private static final class Writer extends MLWriter {
    private final ElmoEmbeddings stage;

    Writer(ElmoEmbeddings stage) {
      this.stage = stage;
    }

    @Override
    public void saveImpl(String path) {
      if (!stage.isByReference() && !stage.getModel().equals(ModelFiles.BOX)) {
        saveWeights(new Path(path, WEIGHTS));
      }
      // Last: a folder without it is no stage.
      new DefaultParamsWriter(stage).saveImpl(path);
    }

    private void saveWeights(Path target) {
      try {
        java.nio.file.Path folder = ModelFiles.temporaryFolder();
        java.nio.file.Path file = ModelFiles.asFile(ModelFiles.local(stage.getModel()), folder);
        FileSystem system = target.getFileSystem(sc().hadoopConfiguration());
        system.copyFromLocalFile(file.startsWith(folder), true, new Path(file.toUri()), target);
        java.nio.file.Files.delete(folder);
      } catch (IOException e) {
        throw new ElmoException(target + ": expected a place to write to, found " + e, e);
      }
    }
  }

  @Override
  public String uid() {
    return uid;
  }

  @Override
  public ElmoEmbeddings copy(ParamMap extra) {
    ElmoEmbeddings copy = copyValues(new ElmoEmbeddings(uid), extra);
    copy.metrics = metrics;
    return copy;
  }

  /** {@code mini-en}, or the path of a model. */
  public Param<String> model() {
    return model;
  }

  /** Whether all nodes can read the model's path, so that it is neither sent nor saved. */
  public BooleanParam byReference() {
    return byReference;
  }

  /** The columns to read. */
  public StringArrayParam inputCols() {
    return inputCols;
  }

  /** The columns to add. */
  public StringArrayParam outputCols() {
    return outputCols;
  }

  /** What goes into them. */
  public StringArrayParam poolingLayers() {
    return poolingLayers;
  }

  /** A column for the tokens of a text. */
  public Param<String> tokensCol() {
    return tokensCol;
  }

  /** Weights of the layers in {@code elmo}. */
  public DoubleArrayParam scalarMixWeights() {
    return mixWeights;
  }

  /** Factor of the sum in {@code elmo}. */
  public DoubleParam scalarMixGamma() {
    return mixGamma;
  }

  /** Whether tokens keep their case. */
  public BooleanParam caseSensitive() {
    return caseSensitive;
  }

  /** Tokens gathered across rows. */
  public IntParam batchTokens() {
    return batchTokens;
  }

  /** Most sentences in one batch. */
  public IntParam batchSize() {
    return batchSize;
  }

  /** Where executors run the model. */
  public Param<String> device() {
    return device;
  }

  /** How executors hold the weights. */
  public Param<String> precision() {
    return precision;
  }

  /** CPU threads an executor. */
  public IntParam threads() {
    return threads;
  }

  /** Seconds that an idle model is kept. */
  public IntParam keepAlive() {
    return keepAlive;
  }

  /** Name of these embeddings for later stages. */
  public Param<String> storageRef() {
    return storageRef;
  }

  /**
   * The columns to read: one of text or tokens, or two of annotations in either order. See the
   * class.
   */
  public ElmoEmbeddings setInputCols(String... columns) {
    set(inputCols, columns);
    return this;
  }

  /** The column to add. */
  public ElmoEmbeddings setOutputCol(String column) {
    return setOutputCols(column);
  }

  /** Several columns to add from one run, one for each of {@link #setPoolingLayers}. */
  public ElmoEmbeddings setOutputCols(String... columns) {
    set(outputCols, columns);
    return this;
  }

  /**
   * What goes into the column: {@code elmo} (the default), {@code word_emb}, {@code lstm_outputs1},
   * {@code lstm_outputs2}, or a mean over tokens: {@code default} (of {@code elmo}), {@code
   * mean(word_emb)} and the like.
   *
   * @throws IllegalArgumentException if there is no such layer
   */
  public ElmoEmbeddings setPoolingLayer(String layer) {
    return setPoolingLayers(layer);
  }

  /**
   * What goes into each of {@link #setOutputCols}.
   *
   * @throws IllegalArgumentException as {@link #setPoolingLayer}
   */
  public ElmoEmbeddings setPoolingLayers(String... layers) {
    for (String layer : layers) {
      try {
        new OutputColumn("", layer, null, 1).toLayer();
      } catch (ElmoException e) {
        throw new IllegalArgumentException(uid + ": poolingLayers: " + e.getMessage(), e);
      }
    }
    set(poolingLayers, layers);
    return this;
  }

  /** For a text column: a column to add with its tokens ({@code array<string>}). */
  public ElmoEmbeddings setTokensCol(String column) {
    set(tokensCol, column);
    return this;
  }

  /**
   * The mix behind {@code elmo}, in place of the model's own.
   *
   * @throws ElmoException if it has layer norm, which would make a sentence's vectors depend on the
   *     rows it shares a batch with
   */
  public ElmoEmbeddings setScalarMix(ScalarMix mix) {
    return setScalarMix(mix, "scalar mix");
  }

  private ElmoEmbeddings setScalarMix(ScalarMix mix, String source) {
    if (mix.layerNorm() != ScalarMix.LayerNorm.NONE) {
      throw new ElmoException(
          source + ": expected a mix without layer norm, found layer norm " + mix.layerNorm());
    }
    float[] weights = mix.weights();
    double[] wide = new double[weights.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = weights[i];
    }
    set(mixWeights, wide);
    set(mixGamma, (double) mix.gamma());
    return this;
  }

  /**
   * The mix behind {@code elmo}, from a file as {@link ScalarMix#save} writes it.
   *
   * @param path local, or a URI that Hadoop can read
   * @throws ElmoException if it cannot be read, is no mix or has layer norm
   */
  public ElmoEmbeddings setScalarMix(String path) {
    Path file = new Path(path);
    try (InputStream in = file.getFileSystem(ModelFiles.configuration()).open(file)) {
      String json = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return setScalarMix(MixJson.parse(json, path), path);
    } catch (IOException e) {
      throw new ElmoException(path + ": expected a readable mix, found " + e, e);
    }
  }

  /** Whether tokens keep their case (the default); false puts them in lower case for the model. */
  public ElmoEmbeddings setCaseSensitive(boolean value) {
    set(caseSensitive, value);
    return this;
  }

  /**
   * How many tokens to gather across rows for one batch, 8192 by default. A task holds the results
   * of so many: 33 MB a layer with the published model.
   *
   * @throws IllegalArgumentException if it is less than 1
   */
  public ElmoEmbeddings setBatchTokens(int value) {
    set(batchTokens, value);
    return this;
  }

  /**
   * Most sentences in one batch; by default {@code batchTokens} alone decides.
   *
   * @throws IllegalArgumentException if it is less than 1
   */
  public ElmoEmbeddings setBatchSize(int value) {
    set(batchSize, value);
    return this;
  }

  /**
   * Where executors run the model: {@code auto} (the default), {@code cpu}, {@code cuda} or {@code
   * cuda:N}. {@code cuda} is the GPU that Spark gave the task ({@code
   * spark.task.resource.gpu.amount}), the first one if it gave none; {@code auto} likewise where
   * elmo4j can use a GPU, and else the CPU. An executor that has no such device ends the job.
   *
   * @throws IllegalArgumentException if it is another
   */
  public ElmoEmbeddings setDevice(String value) {
    try {
      set(device, TaskResources.checkDevice(value));
    } catch (ElmoException e) {
      throw new IllegalArgumentException(uid + ": " + e.getMessage(), e);
    }
    return this;
  }

  /**
   * How executors hold the weights: {@code fp32} (the default), {@code bf16} or {@code int8}, see
   * {@link Precision}.
   *
   * @throws IllegalArgumentException if it is another
   */
  public ElmoEmbeddings setPrecision(String value) {
    try {
      Precision.parse(value);
    } catch (ElmoException e) {
      throw new IllegalArgumentException(uid + ": " + e.getMessage(), e);
    }
    set(precision, value);
    return this;
  }

  /**
   * CPU threads of the model, which all tasks of an executor share. 0, the default: the CPUs of the
   * tasks that can run at once, {@code spark.task.cpus} each, so most often the executor's cores.
   * Of stages that share a model, the one whose task loads it decides.
   *
   * @throws IllegalArgumentException if it is negative
   */
  public ElmoEmbeddings setThreads(int value) {
    set(threads, value);
    return this;
  }

  /**
   * Seconds that an executor keeps the model after its last task, 60 by default; 0 closes it at
   * once.
   *
   * @throws IllegalArgumentException if it is negative
   */
  public ElmoEmbeddings setKeepAlive(int value) {
    set(keepAlive, value);
    return this;
  }

  /**
   * Names these embeddings: Spark NLP's trained stages refuse embeddings with another name than
   * those they were trained with. By default this stage's uid.
   */
  public ElmoEmbeddings setStorageRef(String value) {
    set(storageRef, value);
    return this;
  }

  /** {@code mini-en}, or the path of the model. */
  public String getModel() {
    return getOrDefault(model);
  }

  /** Whether the model is named rather than sent and saved. */
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

  /** The first of the layers. */
  public String getPoolingLayer() {
    return getPoolingLayers()[0];
  }

  /** The layers, one a column. */
  public String[] getPoolingLayers() {
    return getOrDefault(poolingLayers);
  }

  /** Numbers in a vector of the first column. */
  public int getDimension() {
    return dimension(getPoolingLayer());
  }

  /** Whether tokens keep their case. */
  public boolean getCaseSensitive() {
    return (boolean) getOrDefault(caseSensitive);
  }

  /** Tokens gathered across rows. */
  public int getBatchTokens() {
    return (int) getOrDefault(batchTokens);
  }

  /** Most sentences in one batch. */
  public int getBatchSize() {
    return (int) getOrDefault(batchSize);
  }

  /** Where executors run the model. */
  public String getDevice() {
    return getOrDefault(device);
  }

  /** How executors hold the weights. */
  public String getPrecision() {
    return getOrDefault(precision);
  }

  /** CPU threads an executor; 0: as many as its tasks have CPUs. */
  public int getThreads() {
    return (int) getOrDefault(threads);
  }

  /** Seconds that an idle model is kept. */
  public int getKeepAlive() {
    return (int) getOrDefault(keepAlive);
  }

  /** Name of these embeddings for later stages. */
  public String getStorageRef() {
    return getOrDefault(storageRef);
  }

  /**
   * What this stage and its copies have done in the current application.
   *
   * @throws IllegalStateException before the first {@link #transform}
   */
  public ElmoMetrics metrics() {
    return metrics.get();
  }

  private String[] required(StringArrayParam param) {
    if (!isDefined(param)) {
      throw new IllegalArgumentException(
          uid + ": " + param.name() + ": expected columns, found none set");
    }
    return getOrDefault(param);
  }

  private synchronized Structure structure() {
    if (!getModel().equals(structureOf)) {
      try (WeightStore store = ModelFiles.open(getModel())) {
        structure =
            new Structure(store.options().projectionDim(), store.options().lstmLayers() + 1);
        structureOf = getModel();
      }
    }
    return structure;
  }

  private int dimension(String layer) {
    Layer parsed = new OutputColumn("", layer, null, 1).toLayer();
    Layer rows = parsed.kind() == Layer.Kind.MEAN ? parsed.of() : parsed;
    return structure().projectionDim() * (rows.kind() == Layer.Kind.WORD_EMB ? 1 : 2);
  }

  /** The columns to add, checked against each other and the model. */
  private List<OutputColumn> outputs(StructType schema) {
    String[] columns = getOutputCols();
    String[] layers = getPoolingLayers();
    if (columns.length != layers.length || columns.length == 0) {
      throw new IllegalArgumentException(
          uid
              + ": outputCols: expected one a pooling layer, "
              + Arrays.toString(layers)
              + ", found "
              + Arrays.toString(columns));
    }
    float[] weights = null;
    if (isDefined(mixWeights)) {
      double[] wide = getOrDefault(mixWeights);
      weights = new float[wide.length];
      for (int i = 0; i < wide.length; i++) {
        weights[i] = (float) wide[i];
      }
      if (wide.length != structure().layers()) {
        throw new IllegalArgumentException(
            uid
                + ": scalarMixWeights: expected one a layer, "
                + structure().layers()
                + ", found "
                + wide.length);
      }
    }
    Set<String> taken = new HashSet<>(Arrays.asList(schema.fieldNames()));
    List<OutputColumn> outputs = new ArrayList<>();
    for (int k = 0; k < columns.length; k++) {
      checkNew(taken, "outputCols", columns[k]);
      OutputColumn output =
          new OutputColumn(
              columns[k], layers[k], weights, ((Double) getOrDefault(mixGamma)).floatValue());
      Layer layer = output.toLayer();
      Layer rows = layer.kind() == Layer.Kind.MEAN ? layer.of() : layer;
      if (rows.index() >= structure().layers()) {
        throw new IllegalArgumentException(
            uid
                + ": poolingLayers: expected at most lstm_outputs"
                + (structure().layers() - 1)
                + " in "
                + getModel()
                + ", found "
                + layers[k]);
      }
      outputs.add(output);
    }
    if (isDefined(tokensCol)) {
      checkNew(taken, "tokensCol", getOrDefault(tokensCol));
    }
    return outputs;
  }

  private void checkNew(Set<String> taken, String param, String column) {
    if (!taken.add(column)) {
      throw new IllegalArgumentException(
          uid + ": " + param + ": expected a new column, found " + column + " there already");
    }
  }

  private InputColumns inputs(StructType schema) {
    InputColumns inputs = InputColumns.of(uid, schema, getInputCols(), !getCaseSensitive());
    if (isDefined(tokensCol) && inputs.kind() != InputColumns.Kind.TEXT) {
      throw new IllegalArgumentException(
          uid
              + ": tokensCol: expected a column of text to read, found "
              + String.join(", ", getInputCols()));
    }
    return inputs;
  }

  /**
   * The columns that come out.
   *
   * @throws IllegalArgumentException naming this stage and the column that does not fit
   */
  @Override
  public StructType transformSchema(StructType schema) {
    boolean annotations = inputs(schema).kind() == InputColumns.Kind.ANNOTATIONS;
    StructType result = schema;
    for (OutputColumn output : outputs(schema)) {
      DataType type =
          annotations
              ? Annotations.TYPE
              : output.isMean() ? SQLDataTypes.VectorType() : VectorsUdt.TYPE;
      result =
          result.add(new StructField(output.name(), type, true, metadata(output, annotations)));
    }
    if (isDefined(tokensCol)) {
      result = result.add(getOrDefault(tokensCol), DataTypes.createArrayType(DataTypes.StringType));
    }
    return result;
  }

  private Metadata metadata(OutputColumn output, boolean annotations) {
    if (!annotations) {
      return Metadata.empty();
    }
    return new MetadataBuilder()
        .putString(
            "annotatorType",
            output.isMean() ? Annotations.SENTENCE_EMBEDDINGS : Annotations.WORD_EMBEDDINGS)
        .putLong("dimension", dimension(output.layer()))
        .putString("ref", getStorageRef())
        .build();
  }

  /**
   * Adds the columns. Nothing is computed until an action asks for it; the model is sent to the
   * executors now.
   *
   * @throws IllegalArgumentException as {@link #transformSchema}
   * @throws ElmoException if the model cannot be read
   */
  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    StructType before = dataset.schema();
    StructType after = transformSchema(before);
    List<OutputColumn> outputs = outputs(before);
    SparkContext context = dataset.sparkSession().sparkContext();
    Plan plan =
        new Plan(
            uid,
            ModelFiles.send(context, getModel(), isByReference()),
            TaskResources.checkDevice(getDevice()),
            Precision.parse(getPrecision()),
            getThreads(),
            ModelFiles.executorCores(context),
            getKeepAlive(),
            getBatchTokens(),
            getBatchSize(),
            inputs(before),
            outputs,
            isDefined(tokensCol),
            metrics.get(context, uid));

    StructType raw = new StructType();
    for (int i = 0; i < after.length(); i++) {
      StructField field = after.apply(i);
      DataType type = field.dataType();
      if (i >= before.length() && type.equals(Annotations.TYPE)) {
        type = new AnnotationsUdt();
      } else if (i >= before.length() && type.equals(VectorsUdt.TYPE)) {
        type = new VectorsUdt();
      }
      raw = raw.add(field.name(), type, field.nullable());
    }
    Dataset<Row> embedded =
        dataset.toDF().mapPartitions(new EmbedPartition(plan), Encoders.row(raw));

    // The columns' metadata went missing on the way: Spark NLP's stages need it.
    Column[] columns = new Column[after.length()];
    for (int i = 0; i < columns.length; i++) {
      StructField field = after.apply(i);
      Column column = embedded.col("`" + field.name().replace("`", "``") + "`");
      boolean wrapped =
          raw.apply(i).dataType() instanceof AnnotationsUdt
              || raw.apply(i).dataType() instanceof VectorsUdt;
      columns[i] =
          (wrapped ? functions.unwrap_udt(column) : column).as(field.name(), field.metadata());
    }
    return embedded.select(columns);
  }
}
