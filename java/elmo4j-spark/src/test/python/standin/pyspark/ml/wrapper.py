# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""A Python stage around a Java one."""

from py4j.java_collections import JavaArray

from pyspark import _gateway
from pyspark.ml.param import Params
from pyspark.sql import DataFrame


def _java2py(value):
    return list(value) if isinstance(value, JavaArray) else value


class JavaParams(Params):
    def __init__(self, java_obj=None):
        super().__init__()
        self._java_obj = java_obj

    @staticmethod
    def _new_java_obj(java_class, *args):
        java = _gateway.jvm
        for name in java_class.split("."):
            java = getattr(java, name)
        return java(*args)

    def _make_java_param_pair(self, param, value):
        return self._java_obj.getParam(param.name).w(value)

    def clear(self, param):
        super().clear(param)
        self._java_obj.clear(self._java_obj.getParam(param.name))

    def _transfer_params_to_java(self):
        defaults = []
        for param in self.params:
            java_param = self._java_obj.getParam(param.name)
            if param in self._paramMap:
                self._java_obj.set(java_param.w(self._paramMap[param]))
            if param in self._defaultParamMap:
                defaults.append(java_param.w(self._defaultParamMap[param]))
        python_utils = _gateway.jvm.org.apache.spark.api.python.PythonUtils
        self._java_obj.setDefault(python_utils.toSeq(defaults))

    def _transfer_params_from_java(self):
        for param in self.params:
            if not self._java_obj.hasParam(param.name):
                continue
            java_param = self._java_obj.getParam(param.name)
            if self._java_obj.isSet(java_param):
                self._set(**{param.name: _java2py(self._java_obj.getOrDefault(java_param))})
            if self._java_obj.hasDefault(java_param) and not self.isDefined(param):
                self._setDefault(**{param.name: self._java_obj.getDefault(java_param).get()})

    def _to_java(self):
        self._transfer_params_to_java()
        return self._java_obj

    @staticmethod
    def _from_java(java_stage):
        """Finds the Python class by the name of the Java class, as PipelineModel.load does."""
        name = java_stage.getClass().getName().replace("org.apache.spark", "pyspark")
        module, cls = name.rsplit(".", 1)
        py_type = getattr(__import__(module, fromlist=[cls]), cls)
        py_stage = py_type()
        py_stage._java_obj = java_stage
        py_stage._resetUid(java_stage.uid())
        py_stage._transfer_params_from_java()
        return py_stage


class JavaTransformer(JavaParams):
    def transform(self, dataset):
        self._transfer_params_to_java()
        return DataFrame(self._java_obj.transform(dataset._jdf), dataset.sparkSession)
