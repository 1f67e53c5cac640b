# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""PySpark looks for the Python class of a loaded stage under its Java name, also if elmo4j_spark is not imported.

The packages org and org.elmo4j have no __init__.py, so that other projects can have packages below org too.
"""

from elmo4j_spark import ElmoEmbeddings  # noqa: F401
