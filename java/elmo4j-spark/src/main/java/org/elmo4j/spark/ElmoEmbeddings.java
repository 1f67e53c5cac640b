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
import org.elmo4j.internal.weights.MixJson;

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
public final class ElmoEmbeddings extends ElmoParams implements MLWritable {
  private static final long serialVersionUID = 1;

  /** What Spark NLP's stage is given where nothing is said. */
  private static final String SPARK_NLPS_MODELS = "public/models";

  // Shared with copies, so that the stage in a fitted pipeline counts for the one outside.
  private transient MetricsHolder metrics = new MetricsHolder();

  // Read when first needed; copies have it too.
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

  /** A stage without columns, with the model in the box. */
  public ElmoEmbeddings() {
    this(Identifiable.randomUID("ElmoEmbeddings"));
  }

  /** As Spark makes one when it copies or reads it. */
  public ElmoEmbeddings(String uid) {
    super(uid);
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
   * As {@link #pretrained(String, String)}, from a place of one's own: the file or folder {@code
   * name} there, on any file system of Hadoop's.
   *
   * @param remoteLocation a folder; null or Spark NLP's own {@code public/models} for none
   */
  public static ElmoEmbeddings pretrained(String name, String language, String remoteLocation) {
    return remoteLocation == null || remoteLocation.equals(SPARK_NLPS_MODELS)
        ? pretrained(name, language)
        : of(new Path(remoteLocation, name).toString(), false);
  }

  /** A stage with the small English model of the artifact {@code elmo4j-model-mini-en}. */
  public static ElmoEmbeddings miniEnglish() {
    return of(ModelFiles.BOX, false);
  }

  /**
   * A stage that was saved, or a new one with a model's file or folder, as {@link
   * org.elmo4j.ElmoModel#load} takes them: what the path holds tells.
   *
   * @param path as Spark takes them: without a scheme on the default file system
   * @throws ElmoException if it is neither
   */
  public static ElmoEmbeddings load(String path) {
    return read().load(path);
  }

  /**
   * A new stage with a model at a path that all nodes can read: each loads it from there, or
   * fetches it where the path is on another file system, and a saved stage names the path instead
   * of holding the model. What lies there when a task begins is what it uses.
   *
   * @throws ElmoException if this node cannot
   */
  public static ElmoEmbeddings loadByReference(String path) {
    return of(path, true);
  }

  /** As {@link #load}, under the name that Spark NLP has for models of other tools. */
  public static ElmoEmbeddings loadSavedModel(String folder, SparkSession session) {
    return load(folder);
  }

  static ElmoEmbeddings of(String model, boolean byReference) {
    ElmoEmbeddings stage = new ElmoEmbeddings();
    String place =
        model.equals(ModelFiles.BOX) ? model : Hadoop.qualified(model, Hadoop.configuration());
    stage.set(stage.model(), place);
    stage.set(stage.byReference(), byReference);
    stage.known(); // Bad models fail here.
    return stage;
  }

  /** For {@link #load}, and for pipelines that hold such a stage. */
  public static MLReader<ElmoEmbeddings> read() {
    return new StageFiles.Reader();
  }

  /**
   * Saves the params and, unless it is by reference or in the box, the model itself as one file
   * beside them. Over the path it was loaded from, too.
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
   * The columns to read: one of text or tokens, or two of annotations in either order. See the
   * class.
   */
  public ElmoEmbeddings setInputCols(String... columns) {
    set(inputCols(), columns);
    return this;
  }

  /** The column to add. */
  public ElmoEmbeddings setOutputCol(String column) {
    return setOutputCols(column);
  }

  /** Several columns to add from one run, one for each of {@link #setPoolingLayers}. */
  public ElmoEmbeddings setOutputCols(String... columns) {
    set(outputCols(), columns);
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
    set(poolingLayer(), layer);
    clear(poolingLayers());
    return this;
  }

  /**
   * What goes into each of {@link #setOutputCols}; takes the place of {@link #setPoolingLayer}.
   *
   * @throws IllegalArgumentException as {@link #setPoolingLayer}
   */
  public ElmoEmbeddings setPoolingLayers(String... layers) {
    set(poolingLayers(), layers);
    clear(poolingLayer());
    return this;
  }

  /** For a text column: a column to add with its tokens ({@code array<string>}). */
  public ElmoEmbeddings setTokensCol(String column) {
    set(tokensCol(), column);
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
    set(scalarMixWeights(), wide);
    set(scalarMixGamma(), (double) mix.gamma());
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
    try (InputStream in = file.getFileSystem(Hadoop.configuration()).open(file)) {
      String json = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return setScalarMix(MixJson.parse(json, path), path);
    } catch (IOException e) {
      throw new ElmoException(path + ": expected a readable mix, found " + e, e);
    }
  }

  /** Whether tokens keep their case (the default); false puts them in lower case for the model. */
  public ElmoEmbeddings setCaseSensitive(boolean value) {
    set(caseSensitive(), value);
    return this;
  }

  /**
   * How many tokens to gather across rows for one batch, 8192 by default. A task holds the results
   * of so many: 33 MB a layer with the published model.
   *
   * @throws IllegalArgumentException if it is less than 1
   */
  public ElmoEmbeddings setBatchTokens(int value) {
    set(batchTokens(), value);
    return this;
  }

  /**
   * Most sentences in one batch; by default {@code batchTokens} alone decides.
   *
   * @throws IllegalArgumentException if it is less than 1
   */
  public ElmoEmbeddings setBatchSize(int value) {
    set(batchSize(), value);
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
    set(device(), value);
    return this;
  }

  /**
   * How executors hold the weights: {@code fp32} (the default, on GPUs too), on the CPU {@code
   * bf16} or {@code int8}, on GPUs {@code fp16}; see {@link Precision}.
   *
   * @throws IllegalArgumentException if it is another
   */
  public ElmoEmbeddings setPrecision(String value) {
    set(precision(), value);
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
    set(threads(), value);
    return this;
  }

  /**
   * Seconds that an executor keeps the model after its last task, 60 by default; 0 closes it at
   * once.
   *
   * @throws IllegalArgumentException if it is negative
   */
  public ElmoEmbeddings setKeepAlive(int value) {
    set(keepAlive(), value);
    return this;
  }

  /**
   * Names these embeddings: Spark NLP's trained stages refuse embeddings with another name than
   * those they were trained with. By default this stage's uid.
   */
  public ElmoEmbeddings setStorageRef(String value) {
    set(storageRef(), value);
    return this;
  }

  /**
   * For programs written for Spark NLP, without effect: the dimension is the vectors' true length,
   * {@link #getDimension}.
   */
  public ElmoEmbeddings setDimension(int value) {
    return this;
  }

  /** For programs written for Spark NLP, without effect. */
  public ElmoEmbeddings setLazyAnnotator(boolean value) {
    return this;
  }

  /** For programs written for Spark NLP, without effect: there is no TensorFlow to configure. */
  public ElmoEmbeddings setConfigProtoBytes(int... value) {
    return this;
  }

  /** Numbers in a vector of the first column. */
  public int getDimension() {
    return StageColumns.dimension(OutputColumn.parse(getPoolingLayers()[0]), known());
  }

  /** Spark NLP's name of what the first column holds where annotations are read. */
  public String outputAnnotatorType() {
    return OutputColumn.annotatorType(OutputColumn.parse(getPoolingLayers()[0]));
  }

  /**
   * What this stage and its copies have done in the current application.
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
   * The columns that come out.
   *
   * @throws IllegalArgumentException naming this stage and the column that does not fit
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
   * Adds the columns. Nothing is computed until an action asks for it; the model is sent to the
   * executors now.
   *
   * @throws IllegalArgumentException as {@link #transformSchema}
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
   * What {@link #transform} gives for one row of Spark NLP's annotations, computed in this process,
   * without a job: for single texts, which elmo4j-spark-nlp's annotator brings. The model stays
   * loaded for the seconds of {@code keepAlive}, {@link #metrics} counts nothing, and any number of
   * threads may call.
   *
   * @param annotations of types {@code document} and {@code token}; others are passed over
   * @return of type {@code word_embeddings}, or {@code sentence_embeddings} for a mean, of the
   *     first layer
   * @throws IllegalArgumentException naming this stage and the param that does not fit
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
