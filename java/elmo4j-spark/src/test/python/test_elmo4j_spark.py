# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Run by spark-submit --packages org.elmo4j:elmo4j-spark:VERSION, with a scratch folder as argument."""

import json
import os
import sys

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


spark = SparkSession.builder.getOrCreate()
folder = sys.argv[1]
text = spark.sql("select 'I love NLP' as text")
tokens = spark.sql("select array('I', 'love', 'NLP') as tokens")

# The published snippet; Spark NLP's columns are for the Java tests.
stage = ElmoEmbeddings.pretrained("mini-en", "en") \
    .setInputCols(["sentence", "token"]).setOutputCol("embeddings").setPoolingLayer("elmo")
assert stage.getInputCols() == ["sentence", "token"]
assert stage.getOutputCol() == "embeddings"
assert stage.getPoolingLayer() == "elmo"
assert stage.getDimension() == 256
assert stage.uid == stage._java_obj.uid()
assert "expected a column sentence" in refused(Exception, lambda: stage.transform(text))

# On plain columns, each way of naming them.
stage = ElmoEmbeddings.miniEnglish().setInputCols("text").setTokensCol("words").setOutputCol("vectors").setKeepAlive(0)
assert list(stage.getOrDefault(stage.poolingLayers)) == ["elmo"]
found = rows(stage.transform(text))[0]
assert found["words"] == ["I", "love", "NLP"]
for word, vector in zip(found["words"], found["vectors"]):
    assert len(vector) == 256
    print("vector", word, *vector[:6])
metrics = stage.metrics()
assert (metrics["rows"], metrics["sentences"], metrics["tokens"], metrics["batches"]) == (1, 1, 3, 1)
assert metrics["wordHits"] + metrics["wordMisses"] == 5  # Boundaries are words too.

# Several outputs, numbers, truth values, the mix by value and by file.
several = ElmoEmbeddings().setInputCols("tokens").setOutputCols("a", "b").setPoolingLayers(["elmo", "default"]) \
    .setScalarMix([0.5, -1, 2], 0.7).setCaseSensitive(False).setBatchTokens(100).setBatchSize(10) \
    .setThreads(1).setKeepAlive(0).setDevice("cpu").setPrecision("bf16").setStorageRef("mine")
first = rows(several.transform(tokens))[0]
java = several._java_obj
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
several.setScalarMix(mix)

# Saved and read, by name and as PySpark reads the stages of a pipeline.
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
print("python", "done")
spark.stop()
