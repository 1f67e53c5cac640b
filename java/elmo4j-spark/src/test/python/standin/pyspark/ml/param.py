# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Params: values and defaults by name, each converted by the param's converter."""

from py4j.java_gateway import JavaObject


class TypeConverters:
    @staticmethod
    def toListString(value):
        if not all(isinstance(v, str) for v in value):
            raise TypeError("Could not convert %s to list of strings" % (value,))
        return list(value)

    @staticmethod
    def toListFloat(value):
        return [float(v) for v in value]

    @staticmethod
    def toString(value):
        if not isinstance(value, str):
            raise TypeError("Could not convert %s to string type" % type(value))
        return value

    @staticmethod
    def toInt(value):
        if isinstance(value, bool) or int(value) != value:
            raise TypeError("Could not convert %s to int" % value)
        return int(value)

    @staticmethod
    def toFloat(value):
        return float(value)

    @staticmethod
    def toBoolean(value):
        if type(value) is not bool:
            raise TypeError("Boolean Param requires value of type bool. Found %s." % type(value))
        return value


class Param:
    def __init__(self, parent, name, doc, typeConverter):
        self.parent = parent
        self.name = name
        self.doc = doc
        self.typeConverter = typeConverter


class Params:
    def __init__(self):
        self._paramMap = {}
        self._defaultParamMap = {}

    @staticmethod
    def _dummy():
        return None

    @property
    def params(self):
        attributes = [getattr(type(self), name) for name in dir(type(self))]
        return [a for a in attributes if isinstance(a, Param)]

    def isSet(self, param):
        return param in self._paramMap

    def clear(self, param):
        if self.isSet(param):
            del self._paramMap[param]

    def isDefined(self, param):
        return param in self._paramMap or param in self._defaultParamMap

    def getOrDefault(self, param):
        return self._paramMap[param] if param in self._paramMap else self._defaultParamMap[param]

    def _set(self, **values):
        for name, value in values.items():
            param = getattr(self, name)
            self._paramMap[param] = param.typeConverter(value)
        return self

    def _setDefault(self, **values):
        for name, value in values.items():
            param = getattr(self, name)
            self._defaultParamMap[param] = (
                value if isinstance(value, JavaObject) else param.typeConverter(value)
            )
        return self

    def _resetUid(self, uid):
        self.uid = uid
        return self
