# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""ELMo embeddings in PySpark: a thin wrapper around org.elmo4j.spark.ElmoEmbeddings.

    spark-submit --packages org.elmo4j:elmo4j-spark:VERSION ...

puts this file on Python's path. Parameters, columns and errors are those of the Java class.
"""

import sys

from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import JavaMLReadable, JavaMLReader, JavaMLWritable
from pyspark.ml.wrapper import JavaParams, JavaTransformer
from pyspark.sql import SparkSession

_JAVA_CLASS = "org.elmo4j.spark.ElmoEmbeddings"


def _param(name, converter):
    return Param(Params._dummy(), name, "see the Java class " + _JAVA_CLASS, converter)


class _Reader(JavaMLReader):
    """Finds the Java class, which has not this module's name."""

    @classmethod
    def _java_loader_class(cls, clazz):
        return _JAVA_CLASS


class ElmoEmbeddings(JavaTransformer, JavaMLReadable, JavaMLWritable):
    """The stage. Make one with pretrained, miniEnglish, load or loadByReference."""

    inputCols = _param("inputCols", TypeConverters.toListString)
    outputCols = _param("outputCols", TypeConverters.toListString)
    poolingLayers = _param("poolingLayers", TypeConverters.toListString)
    model = _param("model", TypeConverters.toString)
    tokensCol = _param("tokensCol", TypeConverters.toString)
    device = _param("device", TypeConverters.toString)
    precision = _param("precision", TypeConverters.toString)
    storageRef = _param("storageRef", TypeConverters.toString)
    batchTokens = _param("batchTokens", TypeConverters.toInt)
    batchSize = _param("batchSize", TypeConverters.toInt)
    threads = _param("threads", TypeConverters.toInt)
    keepAlive = _param("keepAlive", TypeConverters.toInt)
    byReference = _param("byReference", TypeConverters.toBoolean)
    caseSensitive = _param("caseSensitive", TypeConverters.toBoolean)
    scalarMixWeights = _param("scalarMixWeights", TypeConverters.toListFloat)
    scalarMixGamma = _param("scalarMixGamma", TypeConverters.toFloat)

    def __init__(self, java_model=None):
        super().__init__()
        if java_model is None:
            java_model = JavaParams._new_java_obj(_JAVA_CLASS)
        self._java_obj = java_model
        self._resetUid(java_model.uid())
        self._transfer_params_from_java()

    def _resetUid(self, newUid):
        """PySpark gives a stage it has read its uid last; by default the storage ref is that."""
        super()._resetUid(newUid)
        return self._setDefault(storageRef=self.uid)

    @staticmethod
    def _java():
        package = SparkSession.builder.getOrCreate().sparkContext._jvm
        for name in _JAVA_CLASS.split("."):
            package = getattr(package, name)
        return package

    @classmethod
    def pretrained(cls, name="elmo", lang="en", remote_loc=None):
        """A stage with a model known by name, such as mini-en."""
        return cls(cls._java().pretrained(name, lang))

    @classmethod
    def miniEnglish(cls):
        """A stage with the small English model in the box."""
        return cls(cls._java().miniEnglish())

    @classmethod
    def load(cls, path):
        """A saved stage, or a new one with a model's file or folder."""
        return cls(cls._java().load(path))

    @classmethod
    def loadByReference(cls, path):
        """A new stage with a model at a path that all nodes can read."""
        return cls(cls._java().loadByReference(path))

    @classmethod
    def loadSavedModel(cls, folder, spark_session=None):
        """As load, under the name that Spark NLP has."""
        return cls.load(folder)

    @classmethod
    def read(cls):
        return _Reader(cls)

    @staticmethod
    def _from_java(java_stage):
        """For PipelineModel.load."""
        return ElmoEmbeddings(java_stage)

    def _through_java(self, setter, value):
        """For what the Java setter checks or reads."""
        self._transfer_params_to_java()
        getattr(self._java_obj, setter)(value)
        self._transfer_params_from_java()
        return self

    def setInputCols(self, *columns):
        """A column of text or tokens, or two of annotations: sentence, token."""
        return self._set(inputCols=_flat(columns))

    def setOutputCol(self, column):
        return self._set(outputCols=[column])

    def setOutputCols(self, *columns):
        """Several columns from one run, one for each of setPoolingLayers."""
        return self._set(outputCols=_flat(columns))

    def setPoolingLayer(self, layer):
        """elmo, word_emb, lstm_outputs1, lstm_outputs2, or a mean: default, mean(word_emb) ..."""
        return self._through_java("setPoolingLayer", layer)

    def setPoolingLayers(self, *layers):
        return self._set(poolingLayers=_flat(layers))

    def setTokensCol(self, column):
        """For a text column: a column to add with its tokens."""
        return self._set(tokensCol=column)

    def setScalarMix(self, weights, gamma=1.0):
        """The mix behind elmo: weights before the softmax, or the path of its JSON file."""
        if isinstance(weights, str):
            return self._through_java("setScalarMix", weights)
        return self._set(scalarMixWeights=weights, scalarMixGamma=gamma)

    def setCaseSensitive(self, value):
        return self._set(caseSensitive=value)

    def setBatchTokens(self, value):
        return self._set(batchTokens=value)

    def setBatchSize(self, value):
        return self._set(batchSize=value)

    def setDevice(self, value):
        return self._through_java("setDevice", value)

    def setPrecision(self, value):
        """fp32, bf16 or int8."""
        return self._through_java("setPrecision", value)

    def setThreads(self, value):
        return self._set(threads=value)

    def setKeepAlive(self, value):
        return self._set(keepAlive=value)

    def setStorageRef(self, value):
        return self._set(storageRef=value)

    def getInputCols(self):
        return self.getOrDefault(self.inputCols)

    def getOutputCol(self):
        return self.getOrDefault(self.outputCols)[0]

    def getPoolingLayer(self):
        return self.getOrDefault(self.poolingLayers)[0]

    def getDimension(self):
        """Numbers in a vector of the first column."""
        self._transfer_params_to_java()
        return self._java_obj.getDimension()

    def metrics(self):
        """Rows, sentences, tokens, batches, hits of the word cache and seconds in the model so far."""
        metrics = self._java_obj.metrics()
        return {
            "rows": metrics.rows(),
            "sentences": metrics.sentences(),
            "tokens": metrics.tokens(),
            "batches": metrics.batches(),
            "wordHits": metrics.wordHits(),
            "wordMisses": metrics.wordMisses(),
            "modelSeconds": metrics.modelSeconds(),
        }


def _flat(names):
    """Names given one by one, or as a list, as Spark NLP takes them too."""
    return list(names[0]) if len(names) == 1 and isinstance(names[0], (list, tuple)) else list(names)


# PySpark looks for the Python class of a loaded pipeline's stage under its Java name.
sys.modules.setdefault("org.elmo4j.spark", sys.modules[__name__])
