// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.elmo4j.hub.ModelEntry;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What all public methods promise: no checked exceptions, and no null as a result. */
class PublicApiTest {
  @TempDir Path folder;

  @Test
  void noMethodThrowsACheckedException() throws Exception {
    List<String> wrong = new ArrayList<>();
    int methods = 0;
    for (Class<?> type : NullArgumentsTest.publicTypes()) {
      List<Executable> all = new ArrayList<>(List.of(type.getConstructors()));
      all.addAll(List.of(type.getDeclaredMethods()));
      for (Executable each : all) {
        if (!Modifier.isPublic(each.getModifiers()) || each.isSynthetic()) {
          continue;
        }
        methods++;
        for (Class<?> thrown : each.getExceptionTypes()) {
          if (!RuntimeException.class.isAssignableFrom(thrown)) {
            wrong.add(each.toString());
          }
        }
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(methods > 200, "methods " + methods);
  }

  /** Calls all getters of objects that lack what they can lack. */
  @Test
  void whatIsMissingIsEmptyAndNotNull() throws Exception {
    List<String> wrong = new ArrayList<>();
    int getters = 0;
    try (WeightStore store = WeightStores.miniEnglish()) {
      List<Object> objects =
          new ArrayList<>(
              List.of(store, store.options(), Layer.WORD_EMB, Layer.ELMO, Layer.DEFAULT));
      for (ModelEntry model : ModelHub.standard().models()) {
        objects.add(model);
        objects.addAll(model.files());
      }
      for (Object object : objects) {
        Class<?> type = object instanceof WeightStore ? WeightStore.class : object.getClass();
        for (Method method : type.getDeclaredMethods()) {
          if (Modifier.isPublic(method.getModifiers())
              && !Modifier.isStatic(method.getModifiers())
              && method.getParameterCount() == 0
              && method.getReturnType() != void.class) {
            getters++;
            if (method.invoke(object) == null) {
              wrong.add(method.toString());
            }
          }
        }
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(getters > 100, "getters " + getters);
  }

  /** The Javadoc of a method that may return null would say so. */
  @Test
  void noDocumentationSpeaksOfANullResult() throws Exception {
    Path sources =
        Path.of(System.getProperty("elmo4j.root"), "java/elmo4j/src/main/java/org/elmo4j");
    List<String> wrong = new ArrayList<>();
    int documents = 0;
    for (String name : List.of("", "hub", "search", "train", "weights")) {
      try (Stream<Path> files = Files.list(sources.resolve(name))) {
        for (Path file : files.filter(each -> each.toString().endsWith(".java")).toList()) {
          for (String part : Files.readString(file).split("/\\*\\*")) {
            String[] halves = part.split("\\*/", 2);
            if (halves.length == 2 && halves[1].strip().startsWith("public ")) {
              documents++;
              String text =
                  halves[0].split("@(param|throws)", 2)[0].replaceAll("\\s*\\n\\s*\\*", "");
              if (text.matches(
                  "(?s).*\\b(or|returns|return) null\\b.*|.*; null (if|for|where)\\b.*")) {
                wrong.add(file.getFileName() + ": " + text.strip());
              }
            }
          }
        }
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(documents > 200, "documents " + documents);
  }

  @Test
  void aFileThatCannotBeReadHasNoChecksum() {
    Path none = folder.resolve("none");
    ElmoException e = assertThrows(ElmoException.class, () -> ModelHub.sha256(none));
    assertEquals(none + ": expected a readable file, found no such file", e.getMessage());
  }
}
