// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.elmo4j.ScalarMix;
import org.elmo4j.train.Epoch;
import org.elmo4j.train.Evaluation;
import org.elmo4j.train.MixTrainer;
import org.elmo4j.train.MixTrainer.Score;

/** Prints the progress and the results of {@code elmo fit}. */
final class FitReport {
  private static final int SHOWN_LABELS = 20;
  private static final int SHOWN_EPOCHS = 10;

  private FitReport() {}

  /**
   * Prints the scores of the runs.
   *
   * @param test whether there is test data
   * @param spans whether scores are F1 of spans
   * @param weighted whether labels are counted with their class weights
   */
  static void table(
      PrintWriter out, List<Score> scores, boolean test, boolean spans, boolean weighted) {
    out.println();
    out.printf(Locale.ROOT, "%-15s %6s %s %5s%n", "", "dev", test ? "  test" : "", "epoch");
    for (Score score : scores) {
      StringBuilder weights = new StringBuilder();
      if (score.name().equals(MixTrainer.LEARNED)) {
        ScalarMix mix = score.mix();
        double[] shares = mix.shares();
        for (int k = 0; k < shares.length; k++) {
          weights.append(
              String.format(Locale.ROOT, "  %s %.3f", k == 0 ? "word_emb" : "lstm" + k, shares[k]));
        }
        weights.append(String.format(Locale.ROOT, "  gamma %.3f", mix.gamma()));
      }
      out.println(
          String.format(
              Locale.ROOT,
              "%-15s %6.2f %s %5d%s",
              score.name(),
              100 * score.development(),
              test ? String.format(Locale.ROOT, "%6.2f", 100 * score.test()) : "",
              score.epoch(),
              weights));
    }
    out.println(
        "("
            + (spans ? "F1 of spans" : "per cent of labels that are right")
            + (weighted ? ", each counting by its class weight" : "")
            + "; development data chose the epoch)");
  }

  /** Prints about ten epochs of the learned mix, with the last one and the one that was kept. */
  static void curve(PrintWriter out, List<Epoch> epochs) {
    List<Epoch> learned =
        epochs.stream().filter(epoch -> epoch.run().equals(MixTrainer.LEARNED)).toList();
    int step = (learned.size() + SHOWN_EPOCHS - 1) / SHOWN_EPOCHS;
    out.println();
    out.printf(
        Locale.ROOT,
        "%-15s %6s %10s %8s %6s%n",
        "learned mix",
        "epoch",
        "train loss",
        "dev loss",
        "dev");
    for (Epoch epoch : learned) {
      if ((epoch.epoch() - 1) % step == 0 || epoch.kept() || epoch.epoch() == learned.size()) {
        out.println(
            String.format(
                Locale.ROOT,
                "%-15s %6d %10.4f %8.4f %6.2f",
                epoch.kept() ? "kept" : "",
                epoch.epoch(),
                epoch.trainLoss(),
                epoch.developmentLoss(),
                100 * epoch.developmentScore()));
      }
    }
  }

  /** Prints precision, recall and F1 of the learned mix for each type of span or each label. */
  static void evaluation(PrintWriter out, Evaluation evaluation, String data) {
    List<Evaluation.Counts> rows = new ArrayList<>(evaluation.each());
    boolean cut = rows.size() > SHOWN_LABELS;
    if (cut) {
      rows.sort(Comparator.comparingLong(counts -> -counts.wanted()));
      rows = new ArrayList<>(rows.subList(0, SHOWN_LABELS));
    }
    if (evaluation.ofSpans()) {
      rows.add(evaluation.all());
    }
    out.println();
    out.printf(Locale.ROOT, "%-15s %9s %6s %6s %6s%n", data, "precision", "recall", "F1", "count");
    for (Evaluation.Counts counts : rows) {
      out.println(
          String.format(
              Locale.ROOT,
              "%-15s %9.2f %6.2f %6.2f %6d",
              counts.name(),
              100 * counts.precision(),
              100 * counts.recall(),
              100 * counts.f1(),
              counts.wanted()));
    }
    out.println(
        String.format(
            Locale.ROOT,
            "%saccuracy of labels %.2f, macro F1 %.2f",
            cut ? "(the " + SHOWN_LABELS + " most frequent) " : "",
            100 * evaluation.accuracy(),
            100 * evaluation.macroF1()));
    if (!evaluation.ofSpans() && evaluation.each().size() <= SHOWN_LABELS) {
      confusion(out, evaluation);
    }
  }

  private static void confusion(PrintWriter out, Evaluation evaluation) {
    List<String> names = evaluation.each().stream().map(Evaluation.Counts::name).toList();
    int width = names.stream().mapToInt(String::length).max().orElse(0);
    width = Math.max(6, Math.min(12, width)) + 1;
    String column = "%" + width + "." + (width - 1) + "s";
    out.println();
    out.printf(Locale.ROOT, "%-15s", "is, found as");
    names.forEach(name -> out.printf(Locale.ROOT, column, name));
    out.println();
    for (String wanted : names) {
      out.printf(Locale.ROOT, "%-15s", wanted);
      Map<String, Long> row = evaluation.confusion().getOrDefault(wanted, Map.of());
      names.forEach(name -> out.printf(Locale.ROOT, column, row.getOrDefault(name, 0L)));
      out.println();
    }
  }

  /** Prints one line for each epoch. */
  static final class Epochs implements org.elmo4j.train.Progress {
    private final PrintWriter out;
    private long last = System.nanoTime();
    private int tenths;

    Epochs(PrintWriter out) {
      this.out = out;
    }

    private String elapsed() {
      long now = System.nanoTime();
      String text = String.format(Locale.ROOT, "%.2f s", (now - last) / 1e9);
      last = now;
      return text;
    }

    @Override
    public void cache(Path folder, long bytes, long free) {
      double gib = 1L << 30;
      out.println(
          String.format(
              Locale.ROOT,
              "layers take %.2f GiB in %s, which has %.2f GiB free",
              bytes / gib,
              folder,
              free / gib));
    }

    @Override
    public void layers(int done, int all) {
      if (done == all || 10L * done / all > tenths) {
        tenths = (int) (10L * done / all);
        out.println("layers of " + done + " of " + all + " sentences  " + elapsed());
      }
    }

    @Override
    public void epoch(String run, int epoch, double loss, double score) {
      out.println(
          String.format(
              Locale.ROOT,
              "%-15s epoch %3d  loss %.4f  dev %6.2f  %s",
              run,
              epoch,
              loss,
              100 * score,
              elapsed()));
    }
  }
}
