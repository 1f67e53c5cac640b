# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""ELMo embeddings in PySpark: a thin wrapper around org.elmo4j.spark.ElmoEmbeddings.

`spark-submit --packages org.elmo4j:elmo4j-spark:VERSION ...` puts this file on Python's path. Parameters, columns and errors
are the same as those of the Java class.
"""

import sys
import warnings

from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import JavaMLReadable, JavaMLReader, JavaMLWritable
from pyspark.ml.wrapper import JavaParams, JavaTransformer
from pyspark.sql import SparkSession

_JAVA_CLASS = "org.elmo4j.spark.ElmoEmbeddings"


def _param(name, doc, converter):
    return Param(Params._dummy(), name, doc, converter)


class _Reader(JavaMLReader):
    """Returns the name of the Java class, since PySpark would derive a wrong one from this module's name."""

    @classmethod
    def _java_loader_class(cls, clazz):
        return _JAVA_CLASS


class ElmoEmbeddings(JavaTransformer, JavaMLReadable, JavaMLWritable):
    """The Spark ML stage. Make one with pretrained, miniEnglish, load or loadByReference."""

    inputCols = _param(
        "inputCols", "the columns to read: one of text or tokens, or two of annotations: sentence, token", TypeConverters.toListString)
    outputCols = _param("outputCols", "the columns to add, one for each pooling layer", TypeConverters.toListString)
    poolingLayer = _param(
        "poolingLayer", "the layer: elmo, word_emb, lstm_outputs1, lstm_outputs2 ..., or a mean: default, mean(word_emb) ...", TypeConverters.toString)
    poolingLayers = _param(
        "poolingLayers", "instead of poolingLayer: several layers, one for each output column", TypeConverters.toListString)
    model = _param("model", "mini-en, or the path of a model", TypeConverters.toString)
    byReference = _param(
        "byReference", "whether all nodes can read the model's path, so that it is neither sent nor saved", TypeConverters.toBoolean)
    tokensCol = _param("tokensCol", "for a text column: a further column to add, with the tokens of the text", TypeConverters.toString)
    scalarMixWeights = _param(
        "scalarMixWeights", "the weights of the layers in elmo, before the softmax", TypeConverters.toListFloat)
    scalarMixGamma = _param("scalarMixGamma", "the factor of the weighted sum of layers in elmo", TypeConverters.toFloat)
    caseSensitive = _param(
        "caseSensitive", "whether tokens keep their case; false: they are converted to lower case for the model", TypeConverters.toBoolean)
    batchTokens = _param("batchTokens", "the number of tokens to collect from several rows for one batch", TypeConverters.toInt)
    batchSize = _param("batchSize", "the maximum number of sentences in one batch", TypeConverters.toInt)
    device = _param("device", "the device on which executors run the model: auto, cpu, cuda or cuda:N", TypeConverters.toString)
    precision = _param("precision", "the precision of the weights: fp32, bf16 or int8, or, on a GPU, fp16", TypeConverters.toString)
    threads = _param("threads", "the number of CPU threads in each executor; 0: as many as its tasks have CPUs", TypeConverters.toInt)
    keepAlive = _param(
        "keepAlive", "the seconds for which an executor keeps the model after its last task", TypeConverters.toInt)
    storageRef = _param("storageRef", "the name of these embeddings for later stages, by default the uid", TypeConverters.toString)

    def __init__(self, java_model=None):
        super().__init__()
        if java_model is None:
            java_model = JavaParams._new_java_obj(_JAVA_CLASS)
        self._java_obj = java_model
        self._resetUid(java_model.uid())
        self._transfer_params_from_java()

    def _resetUid(self, newUid):
        """Also updates the default of storageRef, the uid: PySpark sets the uid of a stage that it has read at the very end."""
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
        """Makes a stage with a model that elmo4j knows by name, such as mini-en, or with the file or folder of that name in remote_loc."""
        return cls(cls._java().pretrained(name, lang, remote_loc))

    @classmethod
    def miniEnglish(cls):
        """Makes a stage with the bundled small English model."""
        return cls(cls._java().miniEnglish())

    @classmethod
    def load(cls, path):
        """Loads a saved stage, or makes a new one with the model in a file or folder."""
        return cls(cls._java().load(path))

    @classmethod
    def loadByReference(cls, path):
        """Makes a stage with a model at a path that all nodes can read."""
        return cls(cls._java().loadByReference(path))

    @classmethod
    def loadSavedModel(cls, folder, spark_session=None):
        """The same as load, under the name that Spark NLP uses."""
        return cls.load(folder)

    @classmethod
    def read(cls):
        return _Reader(cls)

    @staticmethod
    def _from_java(java_stage):
        """Makes the Python stage of a Java stage; PipelineModel.load calls it."""
        return ElmoEmbeddings(java_stage)

    def _checked(self, **values):
        """Sets params after the Java class has checked them: an invalid value is rejected now and changes nothing."""
        for name, value in values.items():
            param = getattr(self, name)
            self._make_java_param_pair(param, param.typeConverter(value))
        return self._set(**values)

    def setInputCols(self, *columns):
        """Sets the columns to read: one of text or tokens, or two of annotations: sentence, token."""
        return self._checked(inputCols=_flat(columns))

    def setOutputCol(self, column):
        """Sets the column to add."""
        return self._checked(outputCols=[column])

    def setOutputCols(self, *columns):
        """Sets several columns to add from one run of the model, one for each of setPoolingLayers."""
        return self._checked(outputCols=_flat(columns))

    def setPoolingLayer(self, layer):
        """Sets the layer: elmo (the default), word_emb, lstm_outputs1, lstm_outputs2, or a mean: default, mean(word_emb) ..."""
        self._checked(poolingLayer=layer)
        self.clear(self.poolingLayers)
        return self

    def setPoolingLayers(self, *layers):
        """Sets the layer of each of setOutputCols; replaces setPoolingLayer."""
        self._checked(poolingLayers=_flat(layers))
        self.clear(self.poolingLayer)
        return self

    def setTokensCol(self, column):
        """Sets a further column to add, with the tokens of a text column."""
        return self._checked(tokensCol=column)

    def setScalarMix(self, weights, gamma=1.0):
        """Sets the mix of layers that gives elmo: the weights before the softmax, or the path of its JSON file."""
        if isinstance(weights, str):
            self._transfer_params_to_java()
            self._java_obj.setScalarMix(weights)
            self._transfer_params_from_java()
            return self
        return self._checked(scalarMixWeights=weights, scalarMixGamma=gamma)

    def setCaseSensitive(self, value):
        """Sets whether tokens keep their case (the default)."""
        return self._checked(caseSensitive=value)

    def setBatchTokens(self, value):
        """Sets the number of tokens to collect from several rows for one batch, 8192 by default."""
        return self._checked(batchTokens=value)

    def setBatchSize(self, value):
        """Sets the maximum number of sentences in one batch. By default, only batchTokens limits a batch."""
        return self._checked(batchSize=value)

    def setDevice(self, value):
        """Sets the device: auto (the default), cpu, cuda or cuda:N."""
        return self._checked(device=value)

    def setPrecision(self, value):
        """Sets the precision: fp32 (the default), bf16 or int8, or, on a GPU, fp16."""
        return self._checked(precision=value)

    def setThreads(self, value):
        """Sets the number of CPU threads in each executor; 0, the default: as many as its tasks have CPUs."""
        return self._checked(threads=value)

    def setKeepAlive(self, value):
        """Sets the seconds for which an executor keeps the model after its last task, 60 by default."""
        return self._checked(keepAlive=value)

    def setStorageRef(self, value):
        """Sets the name of these embeddings for Spark NLP's trained stages; by default the uid."""
        return self._checked(storageRef=value)

    def setDimension(self, value):
        """Has no effect; for programs written for Spark NLP. See getDimension."""
        return self

    def setLazyAnnotator(self, value):
        """Has no effect; for programs written for Spark NLP."""
        return self

    def setConfigProtoBytes(self, value):
        """Has no effect; for programs written for Spark NLP."""
        return self

    def getModel(self):
        """mini-en, or the path of the model."""
        return self.getOrDefault(self.model)

    def isByReference(self):
        """Whether all nodes read the model from its path, so that it is neither sent nor saved."""
        return self.getOrDefault(self.byReference)

    def getInputCols(self):
        """The columns to read."""
        return self._required(self.inputCols)

    def getOutputCol(self):
        """The first of the columns to add."""
        return self.getOutputCols()[0]

    def getOutputCols(self):
        """The columns to add."""
        return self._required(self.outputCols)

    def _required(self, param):
        if not self.isDefined(param):
            raise ValueError("%s: %s: expected columns, found none set" % (self.uid, param.name))
        return self.getOrDefault(param)

    def getPoolingLayer(self):
        """The layer of the first output column."""
        return self.getPoolingLayers()[0]

    def getPoolingLayers(self):
        """The layers, one for each output column."""
        if not self.isDefined(self.poolingLayers):
            return [self.getOrDefault(self.poolingLayer)]
        if self.isSet(self.poolingLayer):
            raise ValueError("%s: poolingLayer: expected it or poolingLayers to be set, found both" % self.uid)
        return self.getOrDefault(self.poolingLayers)

    def getCaseSensitive(self):
        """Whether tokens keep their case."""
        return self.getOrDefault(self.caseSensitive)

    def getBatchTokens(self):
        """The number of tokens to collect from several rows for one batch."""
        return self.getOrDefault(self.batchTokens)

    def getBatchSize(self):
        """The maximum number of sentences in one batch."""
        return self.getOrDefault(self.batchSize)

    def getDevice(self):
        """The device on which executors run the model."""
        return self.getOrDefault(self.device)

    def getPrecision(self):
        """The precision of the weights."""
        return self.getOrDefault(self.precision)

    def getThreads(self):
        """The number of CPU threads in each executor; 0: as many as its tasks have CPUs."""
        return self.getOrDefault(self.threads)

    def getKeepAlive(self):
        """The seconds for which an executor keeps the model after its last task."""
        return self.getOrDefault(self.keepAlive)

    def getStorageRef(self):
        """The name of these embeddings for later stages."""
        return self.getOrDefault(self.storageRef)

    def getDimension(self):
        """The length of the vectors of the first output column."""
        self._transfer_params_to_java()
        return self._java_obj.getDimension()

    @property
    def outputAnnotatorType(self):
        """Spark NLP's type of the first output column. LightPipeline asks for it and then skips the stage, so this warns."""
        warnings.warn(
            "LightPipeline skips ElmoEmbeddings: put the stage into an elmo4j_spark_nlp.ElmoAnnotator", stacklevel=2)
        self._transfer_params_to_java()
        return self._java_obj.outputAnnotatorType()

    def metrics(self):
        """Returns the rows, sentences, tokens, batches, hits and misses of the word cache, and seconds in the model so far."""
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
    """Returns names that were given one by one or as one list; Spark NLP accepts both too."""
    return list(names[0]) if len(names) == 1 and isinstance(names[0], (list, tuple)) else list(names)


# For processes in which another package of the name org hides org/elmo4j/spark.
sys.modules.setdefault("org.elmo4j.spark", sys.modules[__name__])
