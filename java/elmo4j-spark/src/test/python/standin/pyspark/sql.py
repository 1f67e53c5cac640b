# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""The parts of a session and a data frame that the tests use."""

from pyspark import _gateway


class DataFrame:
    def __init__(self, jdf, sparkSession):
        self._jdf = jdf
        self.sparkSession = sparkSession


class SparkContext:
    _jvm = _gateway.jvm


class SparkSession:
    sparkContext = SparkContext()

    class builder:
        @staticmethod
        def getOrCreate():
            return SparkSession()

    def __init__(self):
        self._jsparkSession = _gateway.jvm.org.apache.spark.sql.SparkSession.builder().getOrCreate()

    def sql(self, query):
        return DataFrame(self._jsparkSession.sql(query), self)

    def stop(self):
        self._jsparkSession.stop()
