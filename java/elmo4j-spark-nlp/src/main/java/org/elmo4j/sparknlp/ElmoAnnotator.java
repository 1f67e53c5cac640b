// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.sparknlp;

import com.johnsnowlabs.nlp.Annotation;
import com.johnsnowlabs.nlp.AnnotatorModel;
import com.johnsnowlabs.nlp.HasSimpleAnnotate;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWriter;
import org.apache.spark.ml.util.Identifiable;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.spark.ElmoEmbeddings;
import scala.Option;
import scala.collection.JavaConverters;
import scala.collection.Seq;
import scala.collection.immutable.Map$;

/**
 * A Spark NLP annotator that contains an {@link ElmoEmbeddings} stage, for {@code LightPipeline}
 * and for classes that use it, such as {@code PretrainedPipeline}. These run only Spark NLP's own
 * classes and classes derived from them, and skip every other stage.
 *
 * <p>In a pipeline on DataFrames, it does the same as the stage. A single text is embedded in the
 * calling process and gets the same vectors. The model stays loaded for the stage's {@code
 * keepAlive} seconds after a text. A saved annotator contains the stage, and so its model unless
 * that is by reference.
 *
 * <p>Setters are not thread-safe; {@link #annotate} and {@link #transform} are.
 */
public final class ElmoAnnotator extends AnnotatorModel<ElmoAnnotator>
    implements HasSimpleAnnotate<ElmoAnnotator> {
  private static final long serialVersionUID = 1;
  private static final String STAGE = "stage";

  /**
   * The uid of the annotator that this thread is constructing. The constructor of Spark NLP's base
   * class calls {@link #uid()} before the constructor of this class can set a field.
   */
  private static final ThreadLocal<String> MADE = new ThreadLocal<>();

  private final String uid;
  private ElmoEmbeddings stage;

  /**
   * Makes an annotator of a stage.
   *
   * @param stage a stage with one output column. The annotator keeps a copy, and takes over the
   *     stage's columns if they are set
   * @throws IllegalArgumentException if the stage has several output columns, or a column for
   *     tokens
   */
  public ElmoAnnotator(ElmoEmbeddings stage) {
    this(Identifiable.randomUID("ElmoAnnotator"));
    this.stage = stage.copy(new ParamMap());
    String several =
        stage.isDefined(stage.tokensCol())
            ? "tokensCol " + stage.getOrDefault(stage.tokensCol())
            : stage.isDefined(stage.outputCols()) && stage.getOutputCols().length > 1
                ? String.join(", ", stage.getOutputCols())
                : null;
    if (several != null) {
      throw new IllegalArgumentException(
          stage.uid() + ": outputCols: expected one column from an annotator, found " + several);
    }
    if (stage.isDefined(stage.inputCols())) {
      setInputCols(stage.getInputCols());
    }
    if (stage.isDefined(stage.outputCols())) {
      setOutputCol(stage.getOutputCol());
    }
  }

  /** The constructor that Spark calls when it reads an annotator. It sets no stage. */
  public ElmoAnnotator(String uid) {
    this(uid, handOver(uid));
  }

  private ElmoAnnotator(String uid, Void handedOver) {
    this.uid = uid;
    MADE.remove();
  }

  private static Void handOver(String uid) {
    MADE.set(uid);
    return null;
  }

  @Override
  public String uid() {
    return uid == null ? MADE.get() : uid;
  }

  /** Returns a copy of the stage, with this annotator's columns. */
  public ElmoEmbeddings stage() {
    ElmoEmbeddings copy = stage.copy(new ParamMap());
    return copy.setInputCols(getInputCols()).setOutputCol(getOutputCol());
  }

  @Override
  public String[] inputAnnotatorTypes() {
    return new String[] {"document", "token"};
  }

  /** {@code word_embeddings}, or {@code sentence_embeddings} if the stage gives means. */
  @Override
  public String outputAnnotatorType() {
    return stage == null ? null : stage.outputAnnotatorType();
  }

  /**
   * Returns the embeddings of one text, computed in this process.
   *
   * @param annotations the annotations of its sentences and tokens
   */
  @Override
  public Seq<Annotation> annotate(Seq<Annotation> annotations) {
    List<Annotation> vectors =
        stage()
            .annotate(
                JavaConverters.seqAsJavaList(annotations).stream()
                    .map(ElmoAnnotator::toElmo4j)
                    .toList())
            .stream()
            .map(ElmoAnnotator::toSparkNlp)
            .toList();
    return JavaConverters.asScalaBuffer(vectors).toList();
  }

  private static org.elmo4j.spark.Annotation toElmo4j(Annotation annotation) {
    return new org.elmo4j.spark.Annotation(
        annotation.annotatorType(),
        annotation.begin(),
        annotation.end(),
        annotation.result(),
        JavaConverters.mapAsJavaMap(annotation.metadata()),
        annotation.embeddings());
  }

  private static Annotation toSparkNlp(org.elmo4j.spark.Annotation annotation) {
    scala.collection.immutable.Map<String, String> metadata = Map$.MODULE$.empty();
    for (Map.Entry<String, String> entry : annotation.metadata().entrySet()) {
      metadata = metadata.updated(entry.getKey(), entry.getValue());
    }
    return new Annotation(
        annotation.annotatorType(),
        annotation.begin(),
        annotation.end(),
        annotation.result(),
        metadata,
        annotation.embeddings());
  }

  /** Called by Spark NLP's {@link #transform}; passes the table to the stage. */
  @Override
  public Dataset<Row> _transform(Dataset<?> dataset, Option<PipelineModel> pipeline) {
    return stage().transform(dataset);
  }

  @Override
  public ElmoAnnotator copy(ParamMap extra) {
    ElmoAnnotator copy = new ElmoAnnotator(uid);
    copy.stage = stage.copy(new ParamMap());
    return copyValues(copy, extra);
  }

  /** Loads a saved annotator. Loading a pipeline also loads the annotators in it. */
  public static ElmoAnnotator load(String path) {
    return read().load(path);
  }

  /** The reader that {@link #load} uses, and Spark for pipelines that contain an annotator. */
  public static MLReader<ElmoAnnotator> read() {
    return new Reader();
  }

  /** Returns a writer that saves the annotator and its stage. */
  @Override
  public MLWriter write() {
    return new Writer(this);
  }

  private static final class Reader extends MLReader<ElmoAnnotator> {
    private final MLReader<ElmoAnnotator> params = new DefaultParamsReader<>();

    @Override
    public ElmoAnnotator load(String path) {
      ElmoAnnotator annotator = params.load(path);
      annotator.stage = ElmoEmbeddings.load(new Path(path, STAGE).toString());
      return annotator;
    }
  }

  private static final class Writer extends MLWriter {
    private final ElmoAnnotator annotator;

    Writer(ElmoAnnotator annotator) {
      this.annotator = annotator;
    }

    @Override
    public void save(String path) throws IOException {
      if (annotator.stage.isByReference()) {
        // Overwriting would delete the model.
        Path target = new Path(path);
        target = target.getFileSystem(sc().hadoopConfiguration()).makeQualified(target);
        if ((annotator.stage.getModel() + "/").startsWith(target + "/")) {
          throw new ElmoException(
              path
                  + ": expected a place to write to, found the model that the stage refers to, "
                  + annotator.stage.getModel());
        }
      }
      super.save(path);
    }

    @Override
    public void saveImpl(String path) {
      try {
        annotator.stage.write().save(new Path(path, STAGE).toString());
      } catch (IOException e) {
        throw new ElmoException(
            path + ": expected a place to write to, found " + FoundFile.reason(e), e);
      }
      // Last, so that an incomplete folder is not taken for an annotator.
      new DefaultParamsWriter(annotator).saveImpl(path);
    }
  }
}
