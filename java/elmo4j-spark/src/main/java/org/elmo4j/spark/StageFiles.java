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

/** Saved stages: params as Spark keeps them, and beside them the model as one file. */
final class StageFiles {
  private static final String WEIGHTS = "weights";
  private static final String METADATA = "metadata";

  private StageFiles() {}

  /**
   * Whether a folder holds a stage of this class. Others keep metadata too: Spark NLP's stage is a
   * model to read.
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
      throw new ElmoException(path + ": expected a saved stage or a model, found " + e, e);
    }
  }

  /** Reads stages, and makes new ones with what else is a model. */
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
      // Held from now on: whoever saves over this path, Spark deletes it first.
      stage.known();
      return stage;
    }
  }

  /** Writes the params, and the model unless it is by reference or in the box. */
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
      // Last: a folder without it is no stage.
      new DefaultParamsWriter(stage).saveImpl(path);
    }

    private void saveWeights(Path target) {
      try {
        FileSystem system = target.getFileSystem(sc().hadoopConfiguration());
        system.copyFromLocalFile(false, true, new Path(model.file().toUri()), target);
      } catch (IOException e) {
        throw new ElmoException(target + ": expected a place to write to, found " + e, e);
      }
    }
  }
}
