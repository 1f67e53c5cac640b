# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""What elmo4j_spark.py uses of PySpark, for tests where the real one is not installed.

Written after PySpark 3.5: real Py4J, the gateway that spark-submit opens, and params that are kept on both sides and
carried over before each run. No more than that: no Python workers, no Connect.
"""

import collections
import collections.abc
import os

# The Py4J that tests find is of 2018: it looks for these where Python had them up to 3.9.
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
