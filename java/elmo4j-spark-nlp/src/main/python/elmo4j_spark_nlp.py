# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""ELMo embeddings in Spark NLP's LightPipeline, from Python: a thin wrapper around org.elmo4j.sparknlp.ElmoAnnotator.

`--packages org.elmo4j:elmo4j-spark-nlp:VERSION,com.johnsnowlabs.nlp:spark-nlp_2.12:VERSION` puts this file on Python's path. It
imports PySpark and elmo4j_spark. Spark NLP's Python package is needed for the other stages of a pipeline, but not by this file.
"""

import sys

from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import JavaMLReadable, JavaMLReader, JavaMLWritable
from pyspark.ml.wrapper import JavaParams, JavaTransformer
from pyspark.sql import SparkSession

from elmo4j_spark import ElmoEmbeddings

_JAVA_CLASS = "org.elmo4j.sparknlp.ElmoAnnotator"


class _Reader(JavaMLReader):
    """Returns the name of the Java class, since PySpark would derive a wrong one from this module's name."""

    @classmethod
    def _java_loader_class(cls, clazz):
        return _JAVA_CLASS


class ElmoAnnotator(JavaTransformer, JavaMLReadable, JavaMLWritable):
    """A Spark NLP annotator that contains an ElmoEmbeddings stage. LightPipeline runs it, as it runs Spark NLP's own annotators."""

    inputCols = Param(Params._dummy(), "inputCols", "the input annotation columns", TypeConverters.toListString)
    outputCol = Param(Params._dummy(), "outputCol", "the output annotation column", TypeConverters.toString)
    lazyAnnotator = Param(
        Params._dummy(),
        "lazyAnnotator",
        "Whether this AnnotatorModel acts as lazy in RecursivePipelines",
        TypeConverters.toBoolean)

    # LightPipeline compares these with the types of the columns.
    inputAnnotatorTypes = ["document", "token"]
    optionalInputAnnotatorTypes = []

    def __init__(self, stage=None):
        """Makes an annotator of a copy of a stage with one output column; without a stage, of one with the bundled model."""
        super().__init__()
        if stage is None:
            stage = ElmoEmbeddings()
        self._java_obj = JavaParams._new_java_obj(_JAVA_CLASS, stage._to_java())
        self._resetUid(self._java_obj.uid())
        self._transfer_params_from_java()

    @classmethod
    def read(cls):
        return _Reader(cls)

    @classmethod
    def load(cls, path):
        """Loads a saved annotator."""
        return cls.read().load(path)

    def stage(self):
        """Returns a copy of the stage, with this annotator's columns."""
        return ElmoEmbeddings(self._to_java().stage())

    @property
    def outputAnnotatorType(self):
        """word_embeddings, or sentence_embeddings if the stage gives means."""
        return self._java_obj.outputAnnotatorType()

    def setInputCols(self, *columns):
        """Sets the columns to read: document or sentence, and token."""
        names = list(columns[0]) if len(columns) == 1 and isinstance(columns[0], (list, tuple)) else list(columns)
        names = TypeConverters.toListString(names)
        # Java's setter, which checks their number.
        java = SparkSession.builder.getOrCreate().sparkContext._jvm
        self._java_obj.setInputCols(java.org.apache.spark.api.python.PythonUtils.toSeq(names))
        return self._set(inputCols=names)

    def setOutputCol(self, column):
        """Sets the column to add."""
        return self._set(outputCol=column)

    def setLazyAnnotator(self, value):
        """Sets whether a RecursivePipeline leaves the annotator out."""
        return self._set(lazyAnnotator=value)

    def getInputCols(self):
        """The columns to read."""
        return list(self._to_java().getInputCols())

    def getOutputCol(self):
        """The column to add."""
        return self._to_java().getOutputCol()

    def getOutputCols(self):
        """The column to add, in a list, which LightPipeline asks for."""
        return [self.getOutputCol()]

    def getLazyAnnotator(self):
        """Whether a RecursivePipeline leaves the annotator out."""
        return self._to_java().getLazyAnnotator()


# For processes in which another package of the name org hides org/elmo4j/sparknlp.
sys.modules.setdefault("org.elmo4j.sparknlp", sys.modules[__name__])
