// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import org.elmo4j.internal.backend.cpu.CpuBackend;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/**
 * A program that tests/platforms/run runs in the JVM of another platform, without Maven. It runs
 * the test classes that its arguments name; without arguments it prints the sum of the bits of some
 * embeddings.
 */
final class PlatformMain {
  private PlatformMain() {}

  public static void main(String[] args) throws Exception {
    if (args.length > 0) {
      runTests(args);
    } else {
      printBits();
    }
  }

  private static void runTests(String[] names) throws Exception {
    LauncherDiscoveryRequestBuilder request = LauncherDiscoveryRequestBuilder.request();
    for (String name : names) {
      request.selectors(selectClass(Class.forName(name)));
    }
    SummaryGeneratingListener summary = new SummaryGeneratingListener();
    LauncherFactory.create().execute(request.build(), summary);
    PrintWriter out = new PrintWriter(System.out, true);
    summary.getSummary().printFailuresTo(out);
    long passed = summary.getSummary().getTestsSucceededCount();
    out.println(passed + " passed, " + summary.getSummary().getTotalFailureCount() + " failed");
    System.exit(passed > 0 && summary.getSummary().getTotalFailureCount() == 0 ? 0 : 1);
  }

  private static void printBits() {
    List<List<String>> sentences =
        List.of(
            List.of("I", "love", "NLP"),
            List.of("The", "cat", "sat", "on", "the", "mat", "."),
            List.of("Elmo"));
    System.out.println(CpuBackend.describe());
    try (ElmoModel model = ElmoModel.miniEnglish();
        Embeddings all =
            model.embed(sentences, Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2), Layer.ELMO)) {
      int sum = 0;
      for (Layer layer : all.layers()) {
        sum = 31 * sum + Arrays.hashCode(all.get(layer).toArray());
      }
      System.out.println("bits " + Integer.toHexString(sum));
    }
  }
}
