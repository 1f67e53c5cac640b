// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.lang.reflect.Constructor;
import java.util.Arrays;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.util.Identifiable;
import org.elmo4j.internal.files.FoundFile;
import scala.Function1;

/**
 * Makes params of type String. The constructor of Param has one more parameter in Spark 4 than in
 * 3.5, so it is called by reflection.
 */
final class StringParam {
  private StringParam() {}

  @SuppressWarnings("unchecked")
  static Param<String> of(
      Identifiable parent, String name, String doc, Function1<String, Object> check) {
    Class<?>[] common = {Identifiable.class, String.class, String.class, Function1.class};
    try {
      for (Constructor<?> constructor : Param.class.getConstructors()) {
        Class<?>[] types = constructor.getParameterTypes();
        if (Arrays.equals(types, common)) {
          return (Param<String>) constructor.newInstance(parent, name, doc, check);
        }
        if (types.length == 5 && Arrays.equals(Arrays.copyOf(types, 4), common)) {
          Object tag = scala.reflect.ClassTag$.MODULE$.apply(String.class);
          return (Param<String>) constructor.newInstance(parent, name, doc, check, tag);
        }
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(
          "Spark's Param: expected a usable constructor, found " + FoundFile.reason(e), e);
    }
    throw new IllegalStateException(
        "Spark's Param: expected the constructor of 3.5 or 4, found neither");
  }
}
