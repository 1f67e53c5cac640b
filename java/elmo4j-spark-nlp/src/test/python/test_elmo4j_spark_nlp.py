# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Imported by an application of spark-submit --packages org.elmo4j:elmo4j-spark-nlp:VERSION, on a Spark that has Spark NLP's
jar. Its first argument is a scratch folder. Spark NLP's Python package is not there: the other stages are made in Java."""

import array
import os
import subprocess
import sys

from pyspark.ml.wrapper import JavaParams
from pyspark.sql import DataFrame, SparkSession

from elmo4j_spark import ElmoEmbeddings
from elmo4j_spark_nlp import ElmoAnnotator
from test_elmo4j_spark import refused, rows

TEXT = "I love NLP. You do too."

spark = SparkSession.builder.getOrCreate()
folder = os.path.join(sys.argv[1], "nlp")
java = spark.sparkContext._jvm
nlp = java.com.johnsnowlabs.nlp
data = spark.sql("select '%s' as text" % TEXT)


def pipeline(*last):
    """A Java PipelineModel of Spark NLP's first stages and of annotators."""
    columns = java.org.apache.spark.api.python.PythonUtils.toSeq
    sentences = nlp.annotators.sbd.pragmatic.SentenceDetector()
    tokenizer = nlp.annotators.Tokenizer()
    stages = java.java.util.ArrayList()
    stages.add(nlp.DocumentAssembler().setInputCol("text").setOutputCol("document"))
    stages.add(sentences.setInputCols(columns(["document"])).setOutputCol("sentence"))
    stages.add(tokenizer.setInputCols(columns(["sentence"])).setOutputCol("token").fit(data._jdf))
    for stage in last:
        stages.add(stage._to_java())
    return java.org.apache.spark.ml.PipelineModel("pipeline", stages)


def embedded(model, column):
    """Of each annotation that a PipelineModel gives for the text: type, text and first numbers."""
    found = rows(DataFrame(model.transform(data._jdf), spark))[0][column]
    return [(a["annotatorType"], a["result"], array.array("f", a["embeddings"][:3])) for a in found]


def light(model, column):
    """The same from LightPipeline."""
    found = nlp.LightPipeline(model, True).fullAnnotateJava(TEXT)[column]
    return [(a.annotatorType(), a.result(), array.array("f", list(a.embeddings()[:3]))) for a in found]


# An annotator has the columns of its stage, until it gets its own.
stage = ElmoEmbeddings.miniEnglish().setInputCols("sentence", "token").setOutputCol("embeddings").setKeepAlive(0)
annotator = ElmoAnnotator(stage)
means = ElmoAnnotator(stage.setPoolingLayer("default").setOutputCol("mean")).setInputCols(["document", "token"])
assert annotator.uid == annotator._java_obj.uid() and annotator.uid != means.uid
assert (annotator.getInputCols(), annotator.getOutputCol()) == (["sentence", "token"], "embeddings")
assert (means.getInputCols(), means.getOutputCol()) == (["document", "token"], "mean")
model = pipeline(annotator, means)
for made, count, kind in ((annotator, 8, "word_embeddings"), (means, 1, "sentence_embeddings")):
    # LightPipeline's Python class asks for these.
    assert made.getOutputCols() == [made.getOutputCol()]
    assert made.outputAnnotatorType == kind
    assert made.inputAnnotatorTypes == list(made._java_obj.inputAnnotatorTypes())
    found = light(model, made.getOutputCol())
    assert found == embedded(model, made.getOutputCol())
    assert [each[0] for each in found] == [kind] * count
assert [text for _, text, _ in light(model, "embeddings")] == ["I", "love", "NLP", ".", "You", "do", "too", "."]

# Params, setters, getters and refusals are Java's.
assert {p.name: p.doc for p in annotator.params} == {p.name(): p.doc() for p in annotator._java_obj.params()}
assert annotator.setOutputCol("renamed").getOutputCol() == "renamed"
assert annotator.stage().getOutputCol() == "renamed"
assert (annotator.getLazyAnnotator(), annotator.setLazyAnnotator(True).getLazyAnnotator()) == (False, True)
assert annotator._java_obj.getLazyAnnotator()
message = refused(Exception, lambda: annotator.setInputCols("sentence"))
assert "setInputCols in %s expecting 2 columns" % annotator.uid in message, message
assert annotator.getInputCols() == ["sentence", "token"]
refused(TypeError, lambda: annotator.setInputCols("sentence", 1))
refused(TypeError, lambda: annotator.setLazyAnnotator("yes"))
message = refused(Exception, lambda: ElmoAnnotator(ElmoEmbeddings().setOutputCols("a", "b")))
assert "expected one column from an annotator, found a, b" in message, message
message = refused(Exception, lambda: ElmoAnnotator().getInputCols())
assert "inputCols not provided" in message, message

# Saved and read, by name and as PySpark reads the stages of a pipeline.
annotator.setOutputCol("embeddings").setLazyAnnotator(False)
path = os.path.join(folder, "annotator")
annotator.save(path)
for read in (ElmoAnnotator.load(path), ElmoAnnotator.read().load(path), JavaParams._from_java(ElmoAnnotator.load(path)._java_obj)):
    assert isinstance(read, ElmoAnnotator)
    assert (read.uid, read.getInputCols(), read.getOutputCol()) == (annotator.uid, ["sentence", "token"], "embeddings")
    assert read.stage().getKeepAlive() == 0
    assert light(pipeline(read), "embeddings") == light(model, "embeddings")

# A process that loads a pipeline and has never heard of this module.
fresh = """
import sys
from pyspark.sql import SparkSession
from pyspark.ml.wrapper import JavaParams
assert not [name for name in sys.modules if "elmo4j" in name]
java = SparkSession.builder.getOrCreate().sparkContext._jvm
model = java.org.apache.spark.ml.PipelineModel.load(sys.argv[1])
annotator = JavaParams._from_java(model.stages()[3])
assert (type(annotator).__module__, type(annotator).__name__) == ("elmo4j_spark_nlp", "ElmoAnnotator")
assert annotator.getOutputCol() == "embeddings"
assert annotator.stage().getKeepAlive() == 0
found = java.com.johnsnowlabs.nlp.LightPipeline(model, True).fullAnnotateJava("I love NLP")["embeddings"]
assert [a.result() for a in found] == ["I", "love", "NLP"]
"""
model.save(os.path.join(folder, "pipeline"))
subprocess.run([sys.executable, "-c", fresh, os.path.join(folder, "pipeline")], check=True)
print("python", __name__, "done")
