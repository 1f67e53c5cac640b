// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Tests on the shared session of this JVM; each class has to leave no native memory in use. */
abstract class LocalTest {
  static SparkSession session;

  @BeforeAll
  static void start() {
    session = Spark.local();
  }

  @AfterAll
  static void stop() {
    Spark.check();
  }

  /** A stage that reads the column {@code tokens} and adds {@code vectors}. */
  static ElmoEmbeddings stage() {
    return Spark.stage().setInputCols("tokens").setOutputCol("vectors");
  }
}
