# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""PySpark looks for the Python class of a loaded annotator under its Java name, also if elmo4j_spark_nlp is not imported."""

from elmo4j_spark_nlp import ElmoAnnotator  # noqa: F401
