// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.elmo4j.train.MixTrainer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Tests that the library's packages depend on each other only as ARCHITECTURE.md shows. */
class ArchitectureTest {
  private static final String ROOT = "org.elmo4j";

  /** Classes of public packages that do not depend on the code that runs models. */
  private static final Set<String> VALUES =
      Set.of(
          "Device",
          "ElmoDeviceException",
          "ElmoException",
          "EmbedOptions",
          "Layer",
          "Precision",
          "ScalarMix",
          "Statistics",
          "internal.Arguments",
          "weights.ModelOptions",
          "weights.WeightStore");

  /**
   * The packages that each package may use. The entry {@code org.elmo4j} is the public API without
   * {@link #VALUES}.
   */
  private static final Map<String, Set<String>> MAY_USE =
      Map.ofEntries(
          Map.entry("values", Set.of()),
          Map.entry("internal.kernels", Set.of("values", "internal.files")),
          Map.entry("internal.files", Set.of("values")),
          Map.entry("internal.model", Set.of("values")),
          Map.entry("internal.text", Set.of("values", "internal.files")),
          Map.entry(
              "internal.weights",
              Set.of("values", "internal.files", "internal.model", "internal.text")),
          Map.entry("weights", Set.of("values", "internal.weights")),
          Map.entry(
              "hub",
              Set.of("values", "weights", "internal.model", "internal.weights", "internal.files")),
          Map.entry("internal.backend", Set.of("values", "internal.kernels", "internal.model")),
          Map.entry(
              "internal.backend.cpu",
              Set.of("values", "internal.kernels", "internal.model", "internal.backend")),
          Map.entry(
              "internal.backend.cuda",
              Set.of("values", "internal.kernels", "internal.model", "internal.backend")),
          Map.entry(
              "internal.devices",
              Set.of(
                  "values",
                  "internal.model",
                  "internal.backend",
                  "internal.backend.cpu",
                  "internal.backend.cuda")),
          Map.entry(
              "internal.batch",
              Set.of(
                  "values",
                  "internal.kernels",
                  "internal.model",
                  "internal.text",
                  "internal.backend")),
          Map.entry(
              "face",
              Set.of(
                  "values",
                  "weights",
                  "hub",
                  "internal.files",
                  "internal.model",
                  "internal.text",
                  "internal.weights",
                  "internal.backend",
                  "internal.backend.cpu",
                  "internal.batch",
                  "internal.devices")),
          Map.entry(
              "search",
              Set.of(
                  "values",
                  "face",
                  "internal.files",
                  "internal.weights",
                  "internal.kernels",
                  "internal.backend",
                  "internal.backend.cpu")),
          Map.entry(
              "train",
              Set.of(
                  "values",
                  "face",
                  "internal.files",
                  "internal.text",
                  "internal.weights",
                  "internal.kernels",
                  "internal.backend",
                  "internal.backend.cpu")));

  private static JavaClasses library;

  @BeforeAll
  static void read() {
    library =
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importUrls(
                List.of(
                    ElmoModel.class.getProtectionDomain().getCodeSource().getLocation(),
                    MixTrainer.class.getProtectionDomain().getCodeSource().getLocation()));
  }

  private static String part(JavaClass type) {
    String name = type.getName().replaceFirst("\\$.*", "").substring(ROOT.length() + 1);
    if (VALUES.contains(name)) {
      return "values";
    }
    int dot = name.lastIndexOf('.');
    return dot < 0 ? "face" : name.substring(0, dot).replace(".presets", "");
  }

  @Test
  void dependenciesPointOneWay() {
    Set<String> wrong = new TreeSet<>();
    Set<String> parts = new TreeSet<>();
    for (JavaClass type : library) {
      String from = part(type);
      parts.add(from);
      type.getDirectDependenciesFromSelf()
          .forEach(
              dependency -> {
                JavaClass target = dependency.getTargetClass().getBaseComponentType();
                if (target.getName().startsWith(ROOT)) {
                  String to = part(target);
                  if (!to.equals(from) && !MAY_USE.getOrDefault(from, Set.of()).contains(to)) {
                    wrong.add(from + " -> " + to + ": " + dependency.getDescription());
                  }
                }
              });
    }
    assertEquals(MAY_USE.keySet(), parts);
    assertTrue(wrong.isEmpty(), () -> String.join("\n", wrong));
  }

  @Test
  void theTableHasNoCircle() {
    Set<String> placed = new TreeSet<>();
    while (placed.size() < MAY_USE.size()) {
      int before = placed.size();
      MAY_USE.forEach(
          (part, uses) -> {
            if (placed.containsAll(uses)) {
              placed.add(part);
            }
          });
      assertTrue(placed.size() > before, () -> "in a circle: all but " + placed);
    }
  }

  @Test
  void onlyTheHubKnowsTheNetwork() {
    Set<String> wrong = new TreeSet<>();
    for (JavaClass type : library) {
      type.getDirectDependenciesFromSelf().stream()
          .map(dependency -> dependency.getTargetClass().getPackageName())
          .filter(name -> name.startsWith("java.net.http"))
          .filter(name -> !part(type).equals("hub"))
          .forEach(name -> wrong.add(type.getName() + " -> " + name));
    }
    assertEquals(Set.of(), wrong);
  }
}
