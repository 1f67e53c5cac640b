# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Tests that an application imports, for spark-submit --packages org.elmo4j:elmo4j-spark:VERSION.

Arguments of the application: a scratch folder, and a folder that Spark NLP saved.
"""

import json
import os
import subprocess
import sys
import warnings

from pyspark.ml.wrapper import JavaParams
from pyspark.sql import SparkSession

from elmo4j_spark import ElmoEmbeddings


def rows(data):
    return [json.loads(row) for row in data._jdf.toJSON().collectAsList()]


def refused(error, call):
    try:
        call()
    except error as e:
        return str(e)
    raise AssertionError("expected " + error.__name__)


JAVA_GETTERS = (
    "getModel isByReference getInputCols getOutputCol getOutputCols getPoolingLayer getPoolingLayers getCaseSensitive"
    " getBatchTokens getBatchSize getDevice getPrecision getThreads getKeepAlive getStorageRef getDimension"
).split()

spark = SparkSession.builder.getOrCreate()
folder = sys.argv[1]
text = spark.sql("select 'I love NLP' as text")
tokens = spark.sql("select array('I', 'love', 'NLP') as tokens")

# The published example. The Java tests run it with Spark NLP's columns.
stage = ElmoEmbeddings.pretrained("mini-en", "en") \
    .setInputCols(["sentence", "token"]).setOutputCol("embeddings").setPoolingLayer("elmo")
assert stage.getInputCols() == ["sentence", "token"]
assert stage.getOutputCol() == "embeddings"
assert stage.getPoolingLayer() == "elmo"
assert stage.getDimension() == 256
assert stage.setDimension(512).setLazyAnnotator(False).setConfigProtoBytes([1]).getDimension() == 256
assert stage.uid == stage._java_obj.uid()
assert "expected a column sentence" in refused(Exception, lambda: stage.transform(text))

# LightPipeline asks a stage for this, and then skips the stage.
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    assert stage.outputAnnotatorType == "word_embeddings"
assert "LightPipeline skips" in str(warned[0].message)

# On plain columns, with each way to pass their names.
stage = ElmoEmbeddings.miniEnglish().setInputCols("text").setTokensCol("words").setOutputCol("vectors").setKeepAlive(0)
assert stage.getPoolingLayers() == ["elmo"]
found = rows(stage.transform(text))[0]
assert found["words"] == ["I", "love", "NLP"]
for word, vector in zip(found["words"], found["vectors"]):
    assert len(vector) == 256
    print("python vector", word, *vector[:6])
metrics = stage.metrics()
assert (metrics["rows"], metrics["sentences"], metrics["tokens"], metrics["batches"]) == (1, 1, 3, 1)
assert metrics["wordHits"] + metrics["wordMisses"] == 5  # The two sentence boundaries count as words.

# Several outputs, params of type number and boolean, and the mix as weights and as a file.
several = ElmoEmbeddings().setInputCols("tokens").setOutputCols("a", "b").setPoolingLayers(["elmo", "default"]) \
    .setScalarMix([0.5, -1, 2], 0.7).setCaseSensitive(False).setBatchTokens(100).setBatchSize(10) \
    .setThreads(1).setKeepAlive(0).setDevice("cpu").setPrecision("bf16").setStorageRef("mine")
first = rows(several.transform(tokens))[0]
java = several._java_obj
for getter in JAVA_GETTERS:
    mine, theirs = getattr(several, getter)(), getattr(java, getter)()
    assert mine == (list(theirs) if isinstance(mine, list) else theirs), getter
assert (java.getCaseSensitive(), java.getBatchTokens(), java.getBatchSize(), java.getThreads()) == (False, 100, 10, 1)
assert (java.getDevice(), java.getPrecision(), java.getStorageRef()) == ("cpu", "bf16", "mine")
mix = os.path.join(folder, "mix.json")
with open(mix, "w") as f:
    json.dump({"format": "elmo4j-mix", "weights": [0.5, -1, 2], "gamma": 0.7}, f)
again = rows(several.setScalarMix([0, 0, 0]).setScalarMix(mix).transform(tokens))[0]
assert first == again
assert rows(several.setScalarMix([0, 0, 0]).transform(tokens))[0] != first
refused(TypeError, lambda: several.setCaseSensitive("yes"))
assert "abacus" in refused(Exception, lambda: several.setDevice("abacus"))
assert "fp64" in refused(Exception, lambda: several.setPrecision("fp64"))
assert "elmo2" in refused(Exception, lambda: several.setPoolingLayer("elmo2"))
for setter, value in (("BatchTokens", 0), ("BatchSize", 0), ("Threads", -1), ("KeepAlive", -1)):
    before = getattr(several, "get" + setter)()
    assert several.uid in refused(Exception, lambda: getattr(several, "set" + setter)(value))
    assert getattr(several, "get" + setter)() == before
several.setScalarMix(mix)
single = ElmoEmbeddings().setPoolingLayers("elmo", "word_emb").setPoolingLayer("default")
assert single.getPoolingLayers() == ["default"]
single._transfer_params_to_java()
assert list(single._java_obj.getPoolingLayers()) == ["default"]

# Save the stage, and load it by its class and as PySpark loads the stages of a pipeline.
path = os.path.join(folder, "stage")
several.save(path)
for read in (ElmoEmbeddings.load(path), ElmoEmbeddings.read().load(path),
             JavaParams._from_java(ElmoEmbeddings.read().load(path)._java_obj)):
    assert isinstance(read, ElmoEmbeddings)
    assert read.uid == several.uid
    assert read.getOrDefault(read.outputCols) == ["a", "b"]
    assert rows(read.transform(tokens))[0] == first
plain = ElmoEmbeddings.miniEnglish().setInputCols("tokens").setOutputCol("a").setKeepAlive(0)
plain.save(os.path.join(folder, "plain"))
read = JavaParams._from_java(ElmoEmbeddings.read().load(os.path.join(folder, "plain"))._java_obj)
read.transform(tokens)
assert read._java_obj.getStorageRef() == plain.uid
assert "no/such/model" in refused(Exception, lambda: ElmoEmbeddings.load("no/such/model"))

# A process with the same packages and gateway loads a pipeline without importing this module.
fresh = """
import sys
from pyspark.sql import SparkSession
from pyspark.ml.wrapper import JavaParams
assert not [name for name in sys.modules if "elmo4j" in name]
java = SparkSession.builder.getOrCreate().sparkContext._jvm.org.apache.spark.ml.PipelineModel.load(sys.argv[1])
stage = JavaParams._from_java(java.stages()[0])
assert (type(stage).__module__, type(stage).__name__) == ("elmo4j_spark", "ElmoEmbeddings")
assert stage.getOutputCols() == ["a", "b"]
"""
java = spark.sparkContext._jvm
stages = java.java.util.ArrayList()
stages.add(several._java_obj)
java.org.apache.spark.ml.PipelineModel("pipeline", stages).save(os.path.join(folder, "pipeline"))
subprocess.run([sys.executable, "-c", fresh, os.path.join(folder, "pipeline")], check=True)

# A stage that Spark NLP saved can be loaded as a model.
for way in (ElmoEmbeddings.load, ElmoEmbeddings.loadSavedModel):
    assert way(sys.argv[2]).getModel().endswith(os.path.normpath(sys.argv[2]))
print("python", __name__, "done")
