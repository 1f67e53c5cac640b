// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import io.jhdf.HdfFile;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Precision;
import org.elmo4j.internal.backend.cpu.CpuBackend;
import org.elmo4j.internal.files.TemporaryFolder;
import org.elmo4j.internal.text.TextSplitter;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Compares elmo4j, libtorch and ONNX Runtime on the same text and weights, and prints a table. */
@Command(
    name = "peers",
    description = {
      "Compares elmo4j with libtorch (through DJL) and ONNX Runtime on the same text and weights."
          + " It measures the time from token strings to all layers in memory.",
      "",
      "Each run measures all libraries and precisions in turn. Results are medians of the runs. For"
          + " libtorch and ONNX Runtime, several batch sizes are tried first, and the fastest is"
          + " used. Each measurement is printed on standard error. After the last run, the vectors of"
          + " each row are compared with those of elmo4j in fp32, and the row is printed. The exit"
          + " code is 1 if they do not agree."
    })
public final class Peers implements Callable<Integer> {
  /** The largest accepted difference of two numbers in fp32. */
  private static final double LARGEST_DIFFERENCE = 1e-4;

  /**
   * The same for the golden vectors of mini-en: they come from its weights before these were
   * rounded to 16 bits.
   */
  private static final double LARGEST_DIFFERENCE_MINI_EN = 1e-2;

  private static final double WORST_COSINE_BF16 = 0.99;
  private static final double WORST_COSINE_INT8 = 0.95;

  /** Batch sizes are tried on about this many sentences; fewer than twice as many. */
  private static final int TRIED = 256;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description = "A model's file or folder, or mini-en. Default: random weights.")
  private String model;

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      description = "Size of the random weights: small, medium or original. Default: original.")
  private RandomWeights.Size size = RandomWeights.Size.ORIGINAL;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description =
          "One sentence on each line, tokens separated by spaces; or CoNLL-U (*.conllu). Default:"
              + " prose of two novels.")
  private Path text;

  @Option(
      names = "--sentences",
      paramLabel = "N",
      description = "Use the first N sentences of the text. Default: 900.")
  private int sentences = 900;

  @Option(names = "--runs", paramLabel = "N", description = "Number of runs. Default: 5.")
  private int runs = 5;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Number of threads of each library. Default: the number of processors.")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--callers",
      paramLabel = "N",
      description =
          "Number of batches that libtorch and ONNX Runtime run at once, each on a share of the"
              + " threads. Default: 1.")
  private int callers = 1;

  @Option(
      names = "--batches",
      split = ",",
      paramLabel = "N",
      description = "The batch sizes to try, in sentences. Default: 16,32,64,128.")
  private List<Integer> batches = List.of(16, 32, 64, 128);

  @Option(
      names = "--only",
      paramLabel = "TEXT",
      description =
          "Measure only elmo4j in fp32, and the entries of the table whose names contain TEXT.")
  private String only = "";

  @Option(names = "--help", usageHelp = true, description = "Show this help.")
  private boolean help;

  @Option(
      names = "--torch-bf16",
      description =
          "Measure libtorch in bf16 too. It is slow if the processor has no bfloat16 instructions.")
  private boolean torchBf16;

  @Option(
      names = "--onnx-bits",
      paramLabel = "N",
      description =
          "Number of bits of ONNX Runtime's int8 weights: 7 or 8. Use 8 only on processors with"
              + " VNNI; on others its 16-bit sums overflow, and its results are wrong. Default: 7.")
  private int onnxBits = 7;

  @Option(
      names = "--check",
      paramLabel = "DIR",
      description =
          "Measure nothing. Compare all libraries and precisions with the golden vectors of each"
              + " model in DIR (tests/golden). The exit code is 1 if one does not agree.")
  private Path check;

  private final PrintStream out = System.out;

  private Peers() {}

  /** Runs the command line. */
  public static void main(String[] arguments) {
    CommandLine line =
        new CommandLine(new Peers())
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setExecutionExceptionHandler(
                (e, command, result) -> {
                  if (!(e instanceof ElmoException || e instanceof IOException)) {
                    throw e;
                  }
                  say(e.getMessage());
                  return 1;
                });
    System.exit(line.execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    expect("--runs", 1, Integer.MAX_VALUE, runs);
    expect("--sentences", 1, Integer.MAX_VALUE, sentences);
    expect("--threads", 1, 1024, threads);
    expect("--callers", 1, threads, callers);
    expect("--onnx-bits", 7, 8, onnxBits);
    batches.forEach(size -> expect("--batches", 1, Integer.MAX_VALUE, size));
    // DJL unpacks libtorch into this folder. The other properties keep it from using the network.
    try (TemporaryFolder folder = TemporaryFolder.create()) {
      System.setProperty("ENGINE_CACHE_DIR", folder.path().toString());
      System.setProperty("DJL_CACHE_DIR", folder.path().toString());
      System.setProperty("ai.djl.offline", "true");
      System.setProperty("OPT_OUT_TRACKING", "true");
      return (check == null ? measure() : checkAll()) ? 0 : 1;
    }
  }

  private static void expect(String option, int lowest, int highest, int found) {
    if (found < lowest || found > highest) {
      String range = highest == Integer.MAX_VALUE ? "or more" : "to " + highest;
      throw new ElmoException(option + ": expected " + lowest + " " + range + ", found " + found);
    }
  }

  private static void say(String what) {
    System.err.println("peers: " + what);
  }

  /** Loads all peers; elmo4j in fp32 is the first. */
  private List<Peer> open(Supplier<WeightStore> weights) {
    List<Peer> peers = new ArrayList<>();
    for (Precision precision : List.of(Precision.FP32, Precision.BF16, Precision.INT8)) {
      add(peers, () -> new ElmoPeer(weights, precision, threads), "elmo4j, " + precision);
    }
    try (WeightStore store = weights.get()) {
      for (Precision precision : List.of(Precision.FP32, Precision.BF16, Precision.INT8)) {
        if (precision != Precision.BF16 || torchBf16) {
          add(
              peers,
              () -> new TorchPeer(store, precision, threads, callers),
              "libtorch, " + precision);
        }
      }
      for (int bits : List.of(0, onnxBits)) {
        add(
            peers,
            () -> new OnnxPeer(store, bits, threads, callers),
            "ONNX Runtime, " + (bits == 0 ? "FP32" : "INT8"));
      }
    }
    return peers;
  }

  private void add(List<Peer> peers, Supplier<Peer> peer, String name) {
    if (peers.isEmpty() || name.toLowerCase(Locale.ROOT).contains(only.toLowerCase(Locale.ROOT))) {
      say("loading " + name);
      peers.add(peer.get());
    }
  }

  private boolean measure() throws IOException {
    List<List<String>> text = text();
    Supplier<WeightStore> weights =
        model == null
            ? () -> new RandomWeights(size.options(), 0)
            : model.equals("mini-en")
                ? WeightStores::miniEnglish
                : () -> WeightStores.open(Path.of(model));
    String name =
        model == null ? "random weights, size " + size.name().toLowerCase(Locale.ROOT) : model;
    long tokens = text.stream().mapToLong(List::size).sum();
    out.println("model: " + name + "; cpu: " + CpuBackend.describe() + ", threads: " + threads);
    out.printf(Locale.ROOT, "text: %,d sentences, %,d tokens%n", text.size(), tokens);
    List<Peer> peers = open(weights);
    try {
      ModelOptions options;
      try (WeightStore store = weights.get()) {
        options = store.options();
      }
      Map<Peer, Integer> batch = new LinkedHashMap<>();
      for (Peer peer : peers) {
        batch.put(peer, peer.takesBatchSize() ? fastest(peer, text) : 0);
      }
      Figures figures = new Figures(threads);
      for (int run = 1; run <= runs; run++) {
        say("run " + run + " of " + runs);
        figures.machine();
        for (Peer peer : peers) {
          Peer.Times times = peer.pass(text, batch.get(peer), null);
          figures.add(peer, times);
          say(
              String.format(
                  Locale.ROOT,
                  "%s: %,.0f tokens/s, words known %,.0f",
                  peer.name(),
                  tokens / times.cold(),
                  tokens / times.warm()));
        }
      }
      say("comparing");
      Vectors exact = new Vectors(text, options);
      peers.get(0).pass(text, 0, exact);
      figures.printHead(out);
      boolean agree = true;
      for (Peer peer : peers) {
        Vectors.Agreement agreement = exact.new Agreement();
        peer.pass(text, batch.get(peer), agreement);
        figures.printRow(out, peer, batch.get(peer), text, options, agreement);
        agree &= agrees("", peer, agreement, LARGEST_DIFFERENCE);
      }
      return agree;
    } finally {
      peers.forEach(Peer::close);
    }
  }

  /** Returns the fastest batch size for sentences from all parts of the text. */
  private int fastest(Peer peer, List<List<String>> text) {
    if (batches.size() == 1) {
      return batches.get(0);
    }
    List<List<String>> some = new ArrayList<>();
    for (int s = 0; s < text.size(); s += Math.max(1, text.size() / TRIED)) {
      some.add(text.get(s));
    }
    peer.pass(some, batches.get(0), null); // warms up
    Map<Integer, Double> seconds = new LinkedHashMap<>();
    for (int size : batches) {
      seconds.put(size, peer.pass(some, size, null).cold());
    }
    int best = seconds.entrySet().stream().min(Map.Entry.comparingByValue()).orElseThrow().getKey();
    say(peer.name() + ", seconds by batch size: " + seconds + ", fastest " + best);
    return best;
  }

  private static boolean agrees(
      String where, Peer peer, Vectors.Agreement agreement, double tolerance) {
    boolean agrees =
        switch (peer.precision()) {
          case BF16 -> agreement.worstCosine() >= WORST_COSINE_BF16;
          case INT8 -> agreement.worstCosine() >= WORST_COSINE_INT8;
          default -> agreement.largestDifference() <= tolerance;
        };
    if (!agrees) {
      say(
          String.format(
              Locale.ROOT,
              "%s%s does not agree: worst cosine %.6f, largest difference %.1e",
              where,
              peer.name(),
              agreement.worstCosine(),
              agreement.largestDifference()));
    }
    return agrees;
  }

  private List<List<String>> text() throws IOException {
    List<List<String>> all = new ArrayList<>();
    try (BufferedReader lines =
        text == null
            ? new BufferedReader(
                new InputStreamReader(
                    ElmoModel.class.getResourceAsStream("/org/elmo4j/cli/prose.txt"),
                    StandardCharsets.UTF_8))
            : Files.newBufferedReader(text)) {
      if (text != null && text.toString().endsWith(".conllu")) {
        all.addAll(conllu(lines.lines()));
      } else {
        lines.lines().map(TextSplitter::onSpaces).filter(s -> !s.isEmpty()).forEach(all::add);
      }
    }
    if (all.isEmpty()) {
      throw new ElmoException(text + ": expected sentences, found none");
    }
    return all.subList(0, Math.min(sentences, all.size()));
  }

  /** Returns the words of CoNLL-U: the second column of the lines whose first is a whole number. */
  private static List<List<String>> conllu(Stream<String> lines) {
    List<List<String>> sentences = new ArrayList<>();
    List<String> sentence = new ArrayList<>();
    for (String line : (Iterable<String>) lines::iterator) {
      String[] columns = line.split("\t");
      if (columns.length > 1 && columns[0].chars().allMatch(c -> c >= '0' && c <= '9')) {
        sentence.add(columns[1]);
      } else if (line.isBlank() && !sentence.isEmpty()) {
        sentences.add(sentence);
        sentence = new ArrayList<>();
      }
    }
    if (!sentence.isEmpty()) {
      sentences.add(sentence);
    }
    return sentences;
  }

  /** Compares all peers with the golden vectors of all models. */
  private boolean checkAll() throws IOException {
    List<Path> folders;
    try (Stream<Path> all = Files.list(check)) {
      folders = all.filter(f -> Files.exists(f.resolve("layers.hdf5"))).sorted().toList();
    }
    if (folders.isEmpty()) {
      throw new ElmoException(check + ": expected folders with layers.hdf5, found none");
    }
    boolean agree = true;
    torchBf16 = true;
    for (Path folder : folders) {
      agree &= check(folder);
    }
    return agree;
  }

  private boolean check(Path folder) throws IOException {
    boolean miniEnglish = Files.notExists(folder.resolve("weights.hdf5"));
    double tolerance = miniEnglish ? LARGEST_DIFFERENCE_MINI_EN : LARGEST_DIFFERENCE;
    Supplier<WeightStore> weights =
        miniEnglish ? WeightStores::miniEnglish : () -> WeightStores.open(folder);
    List<List<String>> text;
    try (Stream<String> lines = Files.lines(folder.resolve("sentences.txt"))) {
      text = lines.map(line -> List.of(line.split(" "))).toList();
    }
    Vectors golden;
    try (WeightStore store = weights.get()) {
      golden = golden(folder.resolve("layers.hdf5"), text, store.options());
    }
    boolean agree = true;
    List<Peer> peers = open(weights);
    try {
      for (Peer peer : peers) {
        for (int size : peer.takesBatchSize() ? List.of(1, 3, 128) : List.of(1)) {
          Vectors.Agreement agreement = golden.new Agreement();
          peer.pass(text, size, agreement);
          out.printf(
              Locale.ROOT,
              "%-18s %-36s batch %3d, %3d vectors: worst cosine %.6f, largest difference %.1e%n",
              folder.getFileName(),
              peer.name(),
              size,
              agreement.count(),
              agreement.worstCosine(),
              agreement.largestDifference());
          agree &= agrees(folder.getFileName() + ": ", peer, agreement, tolerance);
        }
      }
    } finally {
      peers.forEach(Peer::close);
    }
    return agree;
  }

  /**
   * Reads golden vectors: for each sentence one dataset [layers + 1, tokens, 2 P], in which layer 0
   * is the token representation repeated twice.
   */
  private static Vectors golden(Path file, List<List<String>> text, ModelOptions options) {
    Vectors golden = new Vectors(text, options);
    try (HdfFile hdf = new HdfFile(file)) {
      for (int s = 0; s < text.size(); s++) {
        float[][][] layers = (float[][][]) hdf.getDatasetByPath("/" + s).getData();
        for (int layer = 0; layer < layers.length; layer++) {
          int dim = (layer == 0 ? 1 : 2) * options.projectionDim();
          FloatBuffer vectors = FloatBuffer.allocate(layers[layer].length * dim);
          for (float[] token : layers[layer]) {
            vectors.put(token, 0, dim);
          }
          golden.accept(new int[] {s}, layer, vectors.flip());
        }
      }
    }
    return golden;
  }
}
