# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""PySpark looks for the Python class of a loaded stage under its Java name, imported or not.

The packages above have no __init__.py, so that others may have theirs below org too.
"""

from elmo4j_spark import ElmoEmbeddings  # noqa: F401
