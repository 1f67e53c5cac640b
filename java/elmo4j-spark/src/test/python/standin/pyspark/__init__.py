# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the parts of PySpark that elmo4j_spark.py uses, for tests without an installed PySpark.

It works like PySpark 3.5: it uses the real Py4J and the gateway that spark-submit opens, keeps params in Python and in Java,
and copies them to Java before each run. Python workers and Spark Connect are not implemented.
"""

import collections
import collections.abc
import os

# The tests' Py4J is from 2018 and looks for these names in collections, where Python had them up to 3.9.
for name in collections.abc.__all__:
    setattr(collections, name, getattr(collections.abc, name))

from py4j.java_gateway import GatewayParameters, JavaGateway

_gateway = JavaGateway(
    gateway_parameters=GatewayParameters(
        port=int(os.environ["PYSPARK_GATEWAY_PORT"]),
        auth_token=os.environ["PYSPARK_GATEWAY_SECRET"],
        auto_convert=True,
    )
)
