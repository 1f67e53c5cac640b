// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.lang.reflect.Constructor;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.util.Identifiable;

/** Makes params of type String, whose constructor has a parameter more in Spark 4 than in 3.5. */
final class StringParam {
  private StringParam() {}

  @SuppressWarnings("unchecked")
  static Param<String> of(Identifiable parent, String name, String doc) {
    Class<?>[] common = {Identifiable.class, String.class, String.class};
    try {
      for (Constructor<?> constructor : Param.class.getConstructors()) {
        Class<?>[] types = constructor.getParameterTypes();
        if (java.util.Arrays.equals(types, common)) {
          return (Param<String>) constructor.newInstance(parent, name, doc);
        }
        if (types.length == 4
            && types[0] == Identifiable.class
            && types[3] == scala.reflect.ClassTag.class) {
          Object tag = scala.reflect.ClassTag$.MODULE$.apply(String.class);
          return (Param<String>) constructor.newInstance(parent, name, doc, tag);
        }
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(
          "Spark's Param: expected a usable constructor, found " + e, e);
    }
    throw new IllegalStateException(
        "Spark's Param: expected the constructor of 3.5 or 4, found neither");
  }
}
