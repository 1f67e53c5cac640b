// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkContext;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.Identifiable;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.elmo4j.ElmoException;
import org.elmo4j.Precision;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.weights.MixJson;

/**
 * A Spark ML stage that adds ELMo embeddings. The types of the input columns determine what it
 * reads and the type of its output:
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
 * <p>A sentence gets the same vectors as from {@link org.elmo4j.ElmoModel#embed}, in whatever row
 * and partition it is. A null input gives a null output, or with Spark NLP's columns an empty list
 * of annotations. A row without tokens gives an empty array, or a mean of zeros. If one of the
 * tokens is null, the job fails with an error that names the column.
 *
 * <p>Each executor loads the model once for all its tasks and closes it when it is idle. Setters
 * are not thread-safe, as in any stage; {@link #transform} is. (The file has more than 500 lines
 * because each parameter needs a setter that returns this type.)
 */
public final class ElmoEmbeddings extends ElmoParams implements MLWritable {
  private static final long serialVersionUID = 1;

  /** The default remote location of Spark NLP's stage. */
  private static final String SPARK_NLPS_MODELS = "public/models";

  // Shared with copies, so that the original stage also reports what its copy in a fitted
  // pipeline does.
  private transient MetricsHolder metrics = new MetricsHolder();

  // Set by known() at the first use; passed on to copies.
  private transient ModelFiles.Known known;

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

  /** Makes a stage with the bundled model {@code mini-en} and without columns. */
  public ElmoEmbeddings() {
    this(Identifiable.randomUID("ElmoEmbeddings"));
  }

  /** The constructor that Spark calls when it copies or reads a stage. */
  public ElmoEmbeddings(String uid) {
    super(uid);
  }

  /** Makes a stage with the English model that Spark NLP calls {@code elmo}. */
  public static ElmoEmbeddings pretrained() {
    return pretrained("elmo");
  }

  /** Like {@link #pretrained(String, String)}, for English. */
  public static ElmoEmbeddings pretrained(String name) {
    return pretrained(name, "en");
  }

  /**
   * Makes a stage with a model that elmo4j knows by name, such as the bundled {@code mini-en}.
   *
   * @throws ElmoException if there is no such model
   */
  public static ElmoEmbeddings pretrained(String name, String language) {
    return of(ModelFiles.named(name, language), false);
  }

  /**
   * Like {@link #pretrained(String, String)}, but with the file or folder {@code name} in a folder
   * of the caller, on any file system that Hadoop supports.
   *
   * @param remoteLocation the folder; if it is null or Spark NLP's default {@code public/models},
   *     this is the same as {@link #pretrained(String, String)}
   */
  public static ElmoEmbeddings pretrained(String name, String language, String remoteLocation) {
    return remoteLocation == null || remoteLocation.equals(SPARK_NLPS_MODELS)
        ? pretrained(name, language)
        : of(new Path(remoteLocation, name).toString(), false);
  }

  /** Makes a stage with the small English model of the artifact {@code elmo4j-model-mini-en}. */
  public static ElmoEmbeddings miniEnglish() {
    return of(ModelFiles.BOX, false);
  }

  /**
   * Loads a saved stage, or makes a new one with the model in a file or folder that {@link
   * org.elmo4j.ElmoModel#load} accepts. The content of the path determines which.
   *
   * @param path a path as in Spark: without a scheme, it is on the default file system
   * @throws ElmoException if the path holds neither a stage nor a model
   */
  public static ElmoEmbeddings load(String path) {
    return read().load(path);
  }

  /**
   * Makes a stage with a model at a path that all nodes can read. Each node loads the model from
   * there, or fetches it first if the path is on another file system. A saved stage contains the
   * path instead of the model. A task uses the model that is at the path when the task begins.
   *
   * @throws ElmoException if this node cannot read the model
   */
  public static ElmoEmbeddings loadByReference(String path) {
    return of(path, true);
  }

  /** The same as {@link #load}, under the name that Spark NLP uses for models of other tools. */
  public static ElmoEmbeddings loadSavedModel(String folder, SparkSession session) {
    return load(folder);
  }

  static ElmoEmbeddings of(String model, boolean byReference) {
    ElmoEmbeddings stage = new ElmoEmbeddings();
    String place =
        model.equals(ModelFiles.BOX) ? model : Hadoop.qualified(model, Hadoop.configuration());
    stage.set(stage.model(), place);
    stage.set(stage.byReference(), byReference);
    stage.known(); // Throws if there is no such model.
    return stage;
  }

  /** The reader that {@link #load} uses, and Spark for pipelines that contain this stage. */
  public static MLReader<ElmoEmbeddings> read() {
    return new StageFiles.Reader();
  }

  /**
   * Returns a writer that saves the params and, unless the model is by reference or the bundled
   * one, the model itself as one file beside them. It may overwrite the path that the stage was
   * loaded from.
   */
  @Override
  public MLWriter write() {
    return new StageFiles.Writer(this);
  }

  @Override
  public ElmoEmbeddings copy(ParamMap extra) {
    ElmoEmbeddings copy = copyValues(new ElmoEmbeddings(uid()), extra);
    copy.metrics = metrics;
    copy.known = known;
    return copy;
  }

  private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
    in.defaultReadObject();
    metrics = new MetricsHolder();
  }

  /**
   * Sets the columns to read: one column of text or tokens, or two of annotations in either order.
   * See the description of the class.
   */
  public ElmoEmbeddings setInputCols(String... columns) {
    set(inputCols(), columns);
    return this;
  }

  /** Sets the column to add. */
  public ElmoEmbeddings setOutputCol(String column) {
    return setOutputCols(column);
  }

  /**
   * Sets several columns to add from one run of the model, one for each of {@link
   * #setPoolingLayers}.
   */
  public ElmoEmbeddings setOutputCols(String... columns) {
    set(outputCols(), columns);
    return this;
  }

  /**
   * Sets the layer of the output column: {@code elmo} (the default), {@code word_emb}, {@code
   * lstm_outputs1}, {@code lstm_outputs2}, or a mean over tokens: {@code default} (the mean of
   * {@code elmo}), {@code mean(word_emb)} and so on.
   *
   * @throws IllegalArgumentException if there is no such layer
   */
  public ElmoEmbeddings setPoolingLayer(String layer) {
    set(poolingLayer(), layer);
    clear(poolingLayers());
    return this;
  }

  /**
   * Sets the layer of each of {@link #setOutputCols}; replaces {@link #setPoolingLayer}.
   *
   * @throws IllegalArgumentException if one of the layers does not exist
   */
  public ElmoEmbeddings setPoolingLayers(String... layers) {
    set(poolingLayers(), layers);
    clear(poolingLayer());
    return this;
  }

  /** Sets a further column to add, with the tokens of a text column ({@code array<string>}). */
  public ElmoEmbeddings setTokensCol(String column) {
    set(tokensCol(), column);
    return this;
  }

  /**
   * Sets the mix of layers that gives {@code elmo}, instead of the model's own.
   *
   * @throws ElmoException if the mix has layer norm, since a sentence's vectors would then depend
   *     on the other rows in its batch
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
    set(scalarMixWeights(), wide);
    set(scalarMixGamma(), (double) mix.gamma());
    return this;
  }

  /**
   * Sets the mix of layers that gives {@code elmo} from a file that {@link
   * org.elmo4j.weights.WeightStores#write} has written.
   *
   * @param path a path as in Spark: without a scheme, it is on the default file system
   * @throws ElmoException if the file cannot be read, is not a mix, or has layer norm
   */
  public ElmoEmbeddings setScalarMix(String path) {
    Path file = new Path(path);
    try (InputStream in = file.getFileSystem(Hadoop.configuration()).open(file)) {
      String json = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return setScalarMix(MixJson.parse(json, path), path);
    } catch (IOException e) {
      throw new ElmoException(path + ": expected a readable mix, found " + FoundFile.reason(e), e);
    }
  }

  /**
   * Sets whether tokens keep their case (the default). If false, they are converted to lower case
   * for the model.
   */
  public ElmoEmbeddings setCaseSensitive(boolean value) {
    set(caseSensitive(), value);
    return this;
  }

  /**
   * Sets the number of tokens that a task collects from several rows for one batch, 8192 by
   * default. A task holds the results of that many tokens in memory: 33 MB for each layer with the
   * published model.
   *
   * @throws IllegalArgumentException if it is less than 1
   */
  public ElmoEmbeddings setBatchTokens(int value) {
    set(batchTokens(), value);
    return this;
  }

  /**
   * Sets the maximum number of sentences in one batch. By default, only {@code batchTokens} limits
   * a batch.
   *
   * @throws IllegalArgumentException if it is less than 1
   */
  public ElmoEmbeddings setBatchSize(int value) {
    set(batchSize(), value);
    return this;
  }

  /**
   * Sets the device on which executors run the model: {@code auto} (the default), {@code cpu},
   * {@code cuda} or {@code cuda:N}. {@code cuda} is the GPU that Spark assigned to the task ({@code
   * spark.task.resource.gpu.amount}), or the first GPU if Spark assigned none. {@code auto} is the
   * same if elmo4j can use a GPU, otherwise the CPU. The job fails if an executor does not have the
   * device.
   *
   * @throws IllegalArgumentException if it is none of these
   */
  public ElmoEmbeddings setDevice(String value) {
    set(device(), value);
    return this;
  }

  /**
   * Sets the precision of the weights: {@code fp32} (the default, on GPUs too), on the CPU also
   * {@code bf16} or {@code int8}, on GPUs also {@code fp16}; see {@link Precision}.
   *
   * @throws IllegalArgumentException if it is none of these
   */
  public ElmoEmbeddings setPrecision(String value) {
    set(precision(), value);
    return this;
  }

  /**
   * Sets the number of CPU threads of the model, which all tasks of an executor share. With 0, the
   * default, it is {@code spark.task.cpus} for each task that can run at once; this is usually the
   * number of the executor's cores. If several stages share a model, the stage whose task loads it
   * determines the number.
   *
   * @throws IllegalArgumentException if it is negative
   */
  public ElmoEmbeddings setThreads(int value) {
    set(threads(), value);
    return this;
  }

  /**
   * Sets the seconds for which an executor keeps the model loaded after its last task, 60 by
   * default. With 0, the model is closed at once.
   *
   * @throws IllegalArgumentException if it is negative
   */
  public ElmoEmbeddings setKeepAlive(int value) {
    set(keepAlive(), value);
    return this;
  }

  /**
   * Sets a name for these embeddings, by default the uid of this stage. Spark NLP's trained stages
   * reject embeddings with a different name than those they were trained with.
   */
  public ElmoEmbeddings setStorageRef(String value) {
    set(storageRef(), value);
    return this;
  }

  /**
   * Has no effect; for programs written for Spark NLP. The dimension is always the actual length of
   * the vectors, {@link #getDimension}.
   */
  public ElmoEmbeddings setDimension(int value) {
    return this;
  }

  /** Has no effect; for programs written for Spark NLP. */
  public ElmoEmbeddings setLazyAnnotator(boolean value) {
    return this;
  }

  /**
   * Has no effect; for programs written for Spark NLP. elmo4j does not use TensorFlow, which Spark
   * NLP configures with this.
   */
  public ElmoEmbeddings setConfigProtoBytes(int... value) {
    return this;
  }

  /** The length of the vectors of the first output column. */
  public int getDimension() {
    return StageColumns.dimension(OutputColumn.parse(getPoolingLayers()[0]), known());
  }

  /**
   * Spark NLP's annotator type of the first output column, if the input columns are annotations.
   */
  public String outputAnnotatorType() {
    return OutputColumn.annotatorType(OutputColumn.parse(getPoolingLayers()[0]));
  }

  /**
   * Returns counts of the work that this stage and its copies have done in the current application.
   *
   * @throws IllegalStateException before the first {@link #transform}
   */
  public ElmoMetrics metrics() {
    return metrics.get();
  }

  synchronized ModelFiles.Known known() {
    if (known == null || !known.isOf(getModel(), isByReference())) {
      known = ModelFiles.know(getModel(), isByReference());
    }
    return known;
  }

  /**
   * Returns the schema with the added columns.
   *
   * @throws IllegalArgumentException if a column does not fit; the message names it and this stage
   */
  @Override
  public StructType transformSchema(StructType schema) {
    StructType result = schema;
    for (StructField field : StageColumns.of(this, known(), schema).added()) {
      result = result.add(field);
    }
    return result;
  }

  /**
   * Adds the output columns. Vectors are computed when an action needs them. The model is made
   * available to the executors now.
   *
   * @throws IllegalArgumentException if a column does not fit, as in {@link #transformSchema}
   * @throws ElmoException if the model cannot be read
   */
  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    ModelFiles.Known model = known();
    StageColumns columns = StageColumns.of(this, model, dataset.schema());
    SparkContext context = dataset.sparkSession().sparkContext();
    Plan plan =
        plan(
            model.send(context),
            TaskResources.executorCores(context),
            columns.inputs(),
            columns.outputs(),
            metrics.get(context, uid()));
    return RowsThrough.partitions(
        dataset, columns.inputs(), columns.added(), new EmbedPartition(plan));
  }

  /**
   * Returns what {@link #transform} gives for one row of Spark NLP's annotations, computed in this
   * process, without a Spark job. The annotator of elmo4j-spark-nlp calls this for single texts.
   * The model then stays loaded for {@code keepAlive} seconds, and {@link #metrics} does not count
   * the call. Thread-safe.
   *
   * @param annotations annotations of types {@code document} and {@code token}; others are ignored
   * @return annotations with the vectors of the first layer, of type {@code word_embeddings}, or
   *     {@code sentence_embeddings} for a mean
   * @throws IllegalArgumentException if a param does not fit; the message names it and this stage
   * @throws ElmoException if the model cannot be read, or a token is null
   */
  public List<Annotation> annotate(List<Annotation> annotations) {
    ModelFiles.Known model = known();
    InputColumns inputs = InputColumns.annotations(uid(), getInputCols(), !getCaseSensitive());
    List<OutputColumn> outputs =
        StageColumns.outputs(this, model, new ArrayList<>(Arrays.asList(getInputCols())));
    Plan plan = plan(model.local(), 0, inputs, outputs, null);
    AddedColumns columns = new AddedColumns(plan);
    InputColumns.Item item = inputs.read(annotations);
    try (SharedModels.Lease lease = plan.lease(List.of(), 1);
        Window window = new Window(lease.model(), item.sentences(), columns.layers(), plan)) {
      return Annotations.read(columns.of(item, window, 0).getArray(0));
    }
  }

  private Plan plan(
      ModelRef model,
      int cores,
      InputColumns inputs,
      List<OutputColumn> outputs,
      ElmoMetrics counted) {
    return new Plan(
        uid(),
        model,
        TaskResources.checkDevice(getDevice()),
        Precision.parse(getPrecision()),
        getThreads(),
        cores,
        getKeepAlive(),
        getBatchTokens(),
        getBatchSize(),
        inputs,
        outputs,
        isDefined(tokensCol()),
        counted);
  }
}
