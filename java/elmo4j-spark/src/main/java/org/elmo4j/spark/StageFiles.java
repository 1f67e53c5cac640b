// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkContext;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWriter;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWriter;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;

/**
 * Saves and loads stages. A saved stage contains the params in Spark's format and, beside them, the
 * model as one file.
 */
final class StageFiles {
  private static final String WEIGHTS = "weights";
  private static final String METADATA = "metadata";

  private StageFiles() {}

  /**
   * Whether a folder contains a stage of this class. Stages of other classes have metadata too: for
   * example, a stage that Spark NLP saved, which is read as a model.
   */
  static boolean isStage(String path) {
    Path metadata = new Path(path, METADATA);
    try {
      if (!metadata.getFileSystem(Hadoop.configuration()).exists(metadata)) {
        return false;
      }
      String json = SparkContext.getOrCreate().textFile(metadata.toString(), 1).first();
      JsonNode type = new ObjectMapper().readTree(json).path("class");
      return type.asText().equals(ElmoEmbeddings.class.getName());
    } catch (IOException e) {
      throw new ElmoException(
          path + ": expected a saved stage or a model, found " + FoundFile.reason(e), e);
    }
  }

  /**
   * Reads saved stages. If the path contains a model instead, it makes a new stage with that model.
   */
  static final class Reader extends MLReader<ElmoEmbeddings> {
    private final MLReader<ElmoEmbeddings> params = new DefaultParamsReader<>();

    @Override
    public ElmoEmbeddings load(String path) {
      if (!isStage(path)) {
        return ElmoEmbeddings.of(path, false);
      }
      ElmoEmbeddings stage = params.load(path);
      if (!stage.isByReference() && !stage.getModel().equals(ModelFiles.BOX)) {
        String weights =
            Hadoop.qualified(new Path(path, WEIGHTS).toString(), Hadoop.configuration());
        stage.set(stage.model(), weights);
      }
      // The driver makes its copy now, because Spark deletes this path before it saves a stage
      // over it.
      stage.known();
      return stage;
    }
  }

  /** Writes the params, and the model unless it is by reference or the bundled one. */
  static final class Writer extends MLWriter {
    private final ElmoEmbeddings stage;
    private final ModelFiles.Known model;

    Writer(ElmoEmbeddings stage) {
      this.stage = stage;
      model = stage.known();
    }

    @Override
    public void save(String path) throws IOException {
      if (model.isReference()) {
        String target = Hadoop.qualified(path, sc().hadoopConfiguration());
        if ((model.qualified() + "/").startsWith(target + "/")) {
          throw new ElmoException(
              path
                  + ": expected a place to write to, found the model that the stage refers to, "
                  + model.qualified());
        }
      }
      super.save(path);
    }

    @Override
    public void saveImpl(String path) {
      if (model.file() != null) {
        saveWeights(new Path(path, WEIGHTS));
      }
      // Last, so that an incomplete folder is not taken for a stage.
      new DefaultParamsWriter(stage).saveImpl(path);
    }

    private void saveWeights(Path target) {
      try {
        FileSystem system = target.getFileSystem(sc().hadoopConfiguration());
        system.copyFromLocalFile(false, true, new Path(model.file().toUri()), target);
      } catch (IOException e) {
        throw new ElmoException(
            target + ": expected a place to write to, found " + FoundFile.reason(e), e);
      }
    }
  }
}
