# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Saving and reading through the Java stage."""

from pyspark import _gateway


class JavaMLReader:
    def __init__(self, clazz):
        self._clazz = clazz
        java = _gateway.jvm
        for name in self._java_loader_class(clazz).split("."):
            java = getattr(java, name)
        self._jread = java.read()

    def load(self, path):
        return self._clazz._from_java(self._jread.load(path))


class JavaMLReadable:
    pass


class JavaMLWritable:
    def write(self):
        self._transfer_params_to_java()
        return self._java_obj.write()

    def save(self, path):
        self.write().save(path)
