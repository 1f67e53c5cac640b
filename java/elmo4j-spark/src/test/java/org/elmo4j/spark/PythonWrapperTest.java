// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.InputStream;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.spark.ml.param.Param;
import org.junit.jupiter.api.Test;

/**
 * Tests that elmo4j_spark.py has the same params and methods as the Java class, without running it;
 * {@link PackagesTest} runs it.
 */
class PythonWrapperTest {
  private static final Map<String, String> CONVERTERS =
      Map.of(
          "StringArrayParam", "toListString",
          "DoubleArrayParam", "toListFloat",
          "DoubleParam", "toFloat",
          "IntParam", "toInt",
          "BooleanParam", "toBoolean",
          "Param", "toString");

  private static String python() throws Exception {
    try (InputStream in = ElmoEmbeddings.class.getResourceAsStream("/elmo4j_spark.py")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Test
  void paramsAreTheJavaClasssWithTheirDocsAndTypes() throws Exception {
    Map<String, String> java = new TreeMap<>();
    for (Param<?> param : new ElmoEmbeddings().params()) {
      java.put(param.name(), param.doc() + " " + CONVERTERS.get(param.getClass().getSimpleName()));
    }
    Map<String, String> python = new TreeMap<>();
    Pattern.compile(
            "(?m)^    (\\w+) = _param\\(\\s*\"(\\w+)\", \"(.*)\", TypeConverters\\.(\\w+)\\)$")
        .matcher(python())
        .results()
        .forEach(
            match -> {
              assertEquals(match.group(1), match.group(2));
              python.put(match.group(2), match.group(3) + " " + match.group(4));
            });
    assertEquals(java, python);
  }

  @Test
  void settersGettersAndWaysToMakeOneAreTheJavaClasss() throws Exception {
    Set<String> java =
        Arrays.stream(ElmoEmbeddings.class.getMethods())
            .filter(method -> method.getDeclaringClass().getName().startsWith("org.elmo4j"))
            .filter(
                method ->
                    method.getName().matches("(set|get|is)[A-Z].*")
                        || Modifier.isStatic(method.getModifiers())
                            && method.getReturnType() == ElmoEmbeddings.class)
            .map(Method::getName)
            .collect(Collectors.toCollection(TreeSet::new));
    Set<String> python =
        Pattern.compile("(?m)^    def ((?:set|get|is)[A-Z]\\w+|[a-z]\\w+(?=\\(cls))\\(")
            .matcher(python())
            .results()
            .map((MatchResult match) -> match.group(1))
            .filter(name -> !name.equals("read"))
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(java, python);
  }
}
