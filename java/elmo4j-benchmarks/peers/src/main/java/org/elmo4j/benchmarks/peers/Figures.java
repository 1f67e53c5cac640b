// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.elmo4j.Precision;
import org.elmo4j.internal.backend.cpu.Machine;
import org.elmo4j.weights.ModelOptions;

/** Collects the measurements of all runs and prints them, row by row. Not thread-safe. */
final class Figures {
  private final int threads;
  private final Map<Precision, List<Double>> peaks = new EnumMap<>(Precision.class);
  private final List<Double> sgemm = new ArrayList<>();
  private final Map<Peer, List<Double>> cold = new LinkedHashMap<>();
  private final Map<Peer, List<Double>> warm = new LinkedHashMap<>();
  private final Map<Peer, List<Double>> processor = new LinkedHashMap<>();

  Figures(int threads) {
    this.threads = threads;
  }

  /**
   * Measures the machine's own rates. They change with the load, so each run measures them again.
   */
  void machine() {
    Machine.sgemmFlops(threads).ifPresent(sgemm::add);
    for (Precision precision : List.of(Precision.FP32, Precision.BF16, Precision.INT8)) {
      peaks
          .computeIfAbsent(precision, p -> new ArrayList<>())
          .add(Machine.peakFlops(precision, threads));
    }
  }

  void add(Peer peer, Peer.Times times) {
    cold.computeIfAbsent(peer, p -> new ArrayList<>()).add(times.cold());
    warm.computeIfAbsent(peer, p -> new ArrayList<>()).add(times.warm());
    processor.computeIfAbsent(peer, p -> new ArrayList<>()).add(times.processor());
  }

  /** Prints the machine's rates and the head of a table in Markdown. */
  void printHead(PrintStream out) {
    out.printf(
        Locale.ROOT,
        "machine, G operations a second: peak fp32 %.0f, bf16 %.0f, int8 %.0f; sgemm 2048^3 %s%n%n",
        median(peaks.get(Precision.FP32)) * 1e-9,
        median(peaks.get(Precision.BF16)) * 1e-9,
        median(peaks.get(Precision.INT8)) * 1e-9,
        sgemm.isEmpty()
            ? "not measured"
            : String.format(Locale.ROOT, "%.0f", median(sgemm) * 1e-9));
    out.println(
        "| | sentences together | tokens/s, words new: median (lowest to highest) | words known"
            + " | tokens a second of processor time, words new | LSTM, G operations/s | worst cosine | mean cosine | largest difference |");
    out.println("|---|---|---|---|---|---|---|---|---|");
  }

  /**
   * Prints the row of a peer.
   *
   * @param batch its batch size, if it takes one
   */
  void printRow(
      PrintStream out,
      Peer peer,
      int batch,
      List<List<String>> text,
      ModelOptions options,
      Vectors.Agreement agreement) {
    long tokens = text.stream().mapToLong(List::size).sum();
    // Two operations for each multiply-add, in two directions.
    double operations =
        4.0
            * options.lstmLayers()
            * options.lstmDim()
            * (8.0 * options.projectionDim() + options.projectionDim());
    double steps = tokens + (double) peer.boundarySteps() * text.size();
    out.printf(
        Locale.ROOT,
        "| %s | %s | %s | %s | %s | %.0f | %.6f | %.6f | %.1e |%n",
        peer.name(),
        peer.takesBatchSize() ? Integer.toString(batch) : "its own choice",
        rates(tokens, cold.get(peer)),
        rates(tokens, warm.get(peer)),
        rates(tokens, processor.get(peer)),
        operations * steps / median(warm.get(peer)) * 1e-9,
        agreement.worstCosine(),
        agreement.meanCosine(),
        agreement.largestDifference());
  }

  private static String rates(long tokens, List<Double> seconds) {
    double low = seconds.stream().mapToDouble(s -> tokens / s).min().orElseThrow();
    double high = seconds.stream().mapToDouble(s -> tokens / s).max().orElseThrow();
    return String.format(
        Locale.ROOT, "%,.0f (%,.0f to %,.0f)", tokens / median(seconds), low, high);
  }

  private static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
