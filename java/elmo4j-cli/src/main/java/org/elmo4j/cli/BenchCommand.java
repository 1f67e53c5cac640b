// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.ElmoModelBuilder;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.Precision;
import org.elmo4j.internal.backend.cpu.CpuBackend;
import org.elmo4j.internal.backend.cpu.Machine;
import org.elmo4j.internal.backend.cuda.CudaDevices;
import org.elmo4j.internal.files.TemporaryFolder;
import org.elmo4j.internal.text.TextSplitter;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.weights.ModelOptions;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code elmo bench}: measures the speed of a model and, for comparison, of this machine. */
@Command(
    name = "bench",
    description = {
      "Measures the speed of a model and, for comparison, the speed of this machine.",
      "",
      "Each run measures sgemm, the arithmetic peaks and the memory of this machine. Then it loads"
          + " the model and embeds a text twice: first with an empty word cache, then with a full"
          + " one. Results are medians of the runs. With a precision other than fp32, the vectors"
          + " of the first 2,000 sentences are compared with those of fp32 at the end, and the"
          + " lowest cosine of any token and layer is shown. The default model has random weights"
          + " and the size of the original model.",
      ""
    },
    footer = {"  elmo bench", "  elmo bench --model small --precision bf16 --json"})
final class BenchCommand implements Callable<Integer> {
  private static final int LATENCY_TOKENS = 10;
  private static final int LATENCY_SAMPLES = 100; // in each run
  private static final int CALLERS = 16;
  private static final int CALLER_SENTENCES = 40 * CALLERS; // the first of the text
  private static final int COMPARED_SENTENCES = 2_000; // the first of the text, with fp32

  @Spec private CommandSpec command;
  @Mixin private ModelChoice modelChoice;

  private String device; // where the model ran
  private String precision;

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      description =
          "Use random weights of this size instead of --model: small, medium or original. "
              + "Default: original.")
  private RandomWeights.Size size;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      converter = Main.FileOrStream.class,
      description =
          "UTF-8 English text to embed. - is standard input. Default: 1,700 sentences of two novels, or on a "
              + "GPU a text of a million words that is generated from them.")
  private Path text;

  @Option(names = "--runs", paramLabel = "N", description = "Number of runs. Default: 5.")
  private int runs = 5;

  @Option(
      names = "--json",
      description = "Print JSON. Units have no prefixes: seconds, bytes, operations per second.")
  private boolean json;

  /** The measured quantities. A quantity that does not apply has no line in the output. */
  private enum Figure {
    TOKENS("tokens/s, word cache empty", "tokens_per_second", "%,.0f", 1),
    SENTENCES("sentences/s, word cache empty", "sentences_per_second", "%,.1f", 1),
    REUSED("words not computed again, share", "words_reused_share", "%.3f", 1),
    WARM_TOKENS("tokens/s, word cache full", "warm_tokens_per_second", "%,.0f", 1),
    CALLS("tokens/s, calls of 16 sentences", "tokens_per_second_calls_of_16", "%,.0f", 1),
    CALLERS("tokens/s, 16 callers that wait", "tokens_per_second_16_callers", "%,.0f", 1),
    LATENCY_50("latency of 10 tokens, p50, ms", "latency_p50_seconds", "%,.2f", 1e3),
    LATENCY_99("latency of 10 tokens, p99, ms", "latency_p99_seconds", "%,.2f", 1e3),
    LOAD("model load time, s", "load_seconds", "%,.3f", 1),
    PEAK("peak memory of the process, MB", "peak_memory_bytes", "%,.0f", 1e-6),
    WORKSPACE("peak workspace, MB", "peak_workspace_bytes", "%,.1f", 1e-6),
    SGEMM("machine: sgemm 2048^3, GFLOP/s", "sgemm_flops", "%,.1f", 1e-9),
    PEAK_FP32("machine: peak, fp32, GFLOP/s", "peak_fp32_flops", "%,.1f", 1e-9),
    PEAK_BF16("machine: peak, bf16, GFLOP/s", "peak_bf16_flops", "%,.1f", 1e-9),
    PEAK_INT8("machine: peak, int8, GOP/s", "peak_int8_flops", "%,.1f", 1e-9),
    MEMORY("machine: memory read, GB/s", "memory_read_bytes_per_second", "%,.1f", 1e-9),
    LSTM("LSTM, GFLOP/s, word cache full", "lstm_flops", "%,.1f", 1e-9),
    SHARE("LSTM, share of sgemm", "lstm_share_of_sgemm", "%.3f", 1),
    SHARE_OF_PEAK("LSTM, share of its peak", "lstm_share_of_peak", "%.3f", 1), // only on the CPU
    HOST("host's share, word cache full", "host_share", "%.3f", 1), // only on a GPU
    DEVICE("waiting for the GPU, share", "device_wait_share", "%.3f", 1), // only on a GPU
    COSINE("worst cosine to fp32", "worst_cosine_to_fp32", "%.6f", 1); // not with fp32

    final String title;
    final String key;
    final String format;
    final double unit;

    Figure(String title, String key, String format, double unit) {
      this.title = title;
      this.key = key;
      this.format = format;
      this.unit = unit;
    }
  }

  private final Map<Figure, List<Double>> figures = new EnumMap<>(Figure.class);

  @Override
  public Integer call() throws IOException {
    modelChoice.check();
    if (runs < 1) {
      throw usage("--runs: expected 1 or more, found " + runs);
    }
    if (size != null && modelChoice.isNamed()) {
      throw usage("--size: expected without --model and --options-file, found with one of them");
    }
    List<List<String>> sentences = text == null ? BenchText.box() : read(text);
    TemporaryFolder temporary = null;
    Path made = null;
    String name = modelChoice.toString();
    try {
      if (!modelChoice.isNamed()) {
        size = size == null ? RandomWeights.Size.ORIGINAL : size;
        name = "random weights, size " + size.name().toLowerCase(Locale.ROOT);
        say("writing " + name);
        temporary = TemporaryFolder.create();
        made = temporary.path();
        RandomModelCommand.write(size, 0, made);
      }
      for (int run = 1; run <= runs; run++) {
        say("run " + run + " of " + runs);
        machine();
        try (ElmoModel model = load(made)) {
          if (run == 1 && text == null && model.device().isCuda()) {
            sentences = BenchText.lengthened(sentences, BenchText.GPU_WORDS);
          }
          run(model, sentences);
        }
      }
      if (!precision.equals("fp32")) {
        say("comparing with fp32");
        try (ElmoModel model = builder(made).load();
            ElmoModel exact = builder(made).precision(Precision.FP32).load()) {
          int compared = Math.min(sentences.size(), COMPARED_SENTENCES);
          add(Figure.COSINE, worstCosine(model, exact, sentences.subList(0, compared)));
        }
      }
    } finally {
      if (temporary != null) {
        temporary.close();
      }
    }
    print(name, sentences);
    return 0;
  }

  private ParameterException usage(String message) {
    return Main.usage(command, message);
  }

  private void say(String what) {
    if (Main.status(command) != null) {
      command.commandLine().getErr().println("elmo bench: " + what);
    }
  }

  private List<List<String>> read(Path text) throws IOException {
    StringBuilder whole = new StringBuilder();
    String source;
    try (LineReader lines = Main.open(command, text)) {
      source = lines.source();
      for (String line; (line = lines.next()) != null; ) {
        whole.append(line).append('\n');
      }
    }
    List<List<String>> sentences = TextSplitter.split(whole.toString());
    if (sentences.isEmpty()) {
      throw new ElmoException(source + ": expected English text, found no sentence");
    }
    return sentences;
  }

  private ElmoModelBuilder builder(Path made) {
    ElmoModelBuilder builder = modelChoice.builder();
    return made == null ? builder : builder.path(made.resolve(RandomModelCommand.FILE));
  }

  private ElmoModel load(Path made) {
    ElmoModelBuilder builder = builder(made);
    long before = System.nanoTime();
    ElmoModel model = builder.load();
    add(Figure.LOAD, seconds(before));
    precision = model.precision().name().toLowerCase(Locale.ROOT);
    device =
        model.device().isCuda()
            ? model.devices().stream()
                .map(each -> CudaDevices.describe(each.index()))
                .collect(Collectors.joining("; "))
            : "cpu, " + CpuBackend.describe();
    return model;
  }

  private void machine() {
    Machine.sgemmFlops(modelChoice.threads()).ifPresent(flops -> add(Figure.SGEMM, flops));
    add(Figure.PEAK_FP32, Machine.peakFlops(Precision.FP32, modelChoice.threads()));
    add(Figure.PEAK_BF16, Machine.peakFlops(Precision.BF16, modelChoice.threads()));
    add(Figure.PEAK_INT8, Machine.peakFlops(Precision.INT8, modelChoice.threads()));
    add(Figure.MEMORY, Machine.readBytes(modelChoice.threads()));
  }

  private void run(ElmoModel model, List<List<String>> sentences) throws IOException {
    long tokens = sentences.stream().mapToLong(List::size).sum();
    double cold = pass(model, sentences);
    add(Figure.TOKENS, tokens / cold);
    add(Figure.SENTENCES, sentences.size() / cold);
    // The cache's hits would depend on which sentences share a batch, and so on the load.
    double positions = tokens + 2.0 * sentences.size();
    add(Figure.REUSED, Math.max(0, 1 - model.statistics().wordsComputed() / positions));
    Map<String, Long> before = model.statistics().deviceCounts();
    double warm = pass(model, sentences);
    addShares(before, model.statistics().deviceCounts());
    add(Figure.WARM_TOKENS, tokens / warm);
    // Each direction reads a sentence's tokens and the boundary in front of them.
    double flops = lstmOperations(model.options()) * (tokens + 1.0 * sentences.size()) / warm;
    add(Figure.LSTM, flops);
    if (figures.containsKey(Figure.SGEMM)) {
      add(Figure.SHARE, flops / last(Figure.SGEMM));
    }
    if (!model.device().isCuda()) {
      Figure peak =
          switch (model.precision()) {
            case BF16 -> Figure.PEAK_BF16;
            case INT8 -> Figure.PEAK_INT8;
            default -> Figure.PEAK_FP32;
          };
      add(Figure.SHARE_OF_PEAK, flops / last(peak));
    }
    List<List<String>> some = sentences.subList(0, Math.min(sentences.size(), CALLER_SENTENCES));
    add(Figure.CALLS, some.stream().mapToLong(List::size).sum() / calls(model, some));
    add(Figure.CALLERS, callers(model, some));
    latency(model, sentences);
    add(Figure.WORKSPACE, model.statistics().peakWorkspaceBytes());
    add(Figure.PEAK, peakBytes());
  }

  private double last(Figure figure) {
    List<Double> values = figures.get(figure);
    return values.get(values.size() - 1);
  }

  /**
   * Records the shares of the GPU calls' time that the host spent preparing and launching work, and
   * waiting for the GPU.
   */
  private void addShares(Map<String, Long> before, Map<String, Long> after) {
    if (after.containsKey("host_nanos")) {
      double host = after.get("host_nanos") - before.get("host_nanos");
      double wait = after.get("wait_nanos") - before.get("wait_nanos");
      add(Figure.HOST, host / (host + wait));
      add(Figure.DEVICE, wait / (host + wait));
    }
  }

  /** Returns the seconds that {@code embedAll} takes for all sentences. */
  private static double pass(ElmoModel model, List<List<String>> sentences) {
    long before = System.nanoTime();
    try (Stream<Embeddings> all = model.embedAll(sentences.iterator(), Layer.ELMO)) {
      all.forEach(Embeddings::close);
    }
    return seconds(before);
  }

  /**
   * Returns the seconds that calls of {@code embed} with 16 sentences each take for all sentences.
   */
  private static double calls(ElmoModel model, List<List<String>> sentences) {
    long before = System.nanoTime();
    for (int s = 0; s < sentences.size(); s += CALLERS) {
      int end = Math.min(s + CALLERS, sentences.size());
      model.embed(sentences.subList(s, end), Layer.ELMO).close();
    }
    return seconds(before);
  }

  /**
   * Returns the tokens per second of 16 threads that each wait for one sentence before they submit
   * the next. The measurement ends when the first thread finds no sentence left. A short text is
   * repeated.
   */
  private static double callers(ElmoModel model, List<List<String>> sentences) {
    ExecutorService threads = Executors.newFixedThreadPool(CALLERS);
    try {
      AtomicInteger next = new AtomicInteger();
      LongAdder tokens = new LongAdder();
      AtomicReference<Double> rate = new AtomicReference<>();
      long before = System.nanoTime();
      Runnable caller =
          () -> {
            for (int s; (s = next.getAndIncrement()) < CALLER_SENTENCES; ) {
              List<String> sentence = sentences.get(s % sentences.size());
              model.submit(sentence, Layer.ELMO).join().close();
              tokens.add(sentence.size());
            }
            rate.compareAndSet(null, tokens.sum() / seconds(before));
          };
      CompletableFuture.allOf(
              Stream.generate(() -> CompletableFuture.runAsync(caller, threads))
                  .limit(CALLERS)
                  .toArray(CompletableFuture[]::new))
          .join();
      return rate.get();
    } finally {
      threads.shutdown();
    }
  }

  /** Returns the lowest cosine between two models' vectors, over all tokens and layers. */
  private static double worstCosine(ElmoModel a, ElmoModel b, List<List<String>> sentences) {
    List<Layer> layers = new ArrayList<>(List.of(Layer.WORD_EMB, Layer.ELMO));
    for (int k = 1; k <= a.options().lstmLayers(); k++) {
      layers.add(Layer.lstm(k));
    }
    Layer[] all = layers.toArray(new Layer[0]);
    double worst = 1;
    try (Stream<Embeddings> ofA = a.embedAll(sentences.iterator(), all);
        Stream<Embeddings> ofB = b.embedAll(sentences.iterator(), all)) {
      Iterator<Embeddings> others = ofB.iterator();
      for (Iterator<Embeddings> i = ofA.iterator(); i.hasNext(); ) {
        try (Embeddings one = i.next();
            Embeddings other = others.next()) {
          for (Layer layer : all) {
            float[] x = one.get(layer).toArray();
            float[] y = other.get(layer).toArray();
            int dim = a.dim(layer);
            for (int from = 0; from < x.length; from += dim) {
              worst = Math.min(worst, cosine(x, y, from, from + dim));
            }
          }
        }
      }
    }
    return worst;
  }

  private static double cosine(float[] x, float[] y, int from, int to) {
    double xy = 0;
    double xx = 0;
    double yy = 0;
    for (int i = from; i < to; i++) {
      xy += (double) x[i] * y[i];
      xx += (double) x[i] * x[i];
      yy += (double) y[i] * y[i];
    }
    return xx == 0 && yy == 0 ? 1 : xy / Math.sqrt(xx * yy);
  }

  /**
   * Returns the number of operations for one step of both directions: the matrix products of the
   * gates and the projection in all layers. A multiply-add counts as two.
   */
  private static double lstmOperations(ModelOptions options) {
    double p = options.projectionDim();
    double cells = options.lstmDim();
    return 2.0 * options.lstmLayers() * 2 * (2 * p * 4 * cells + cells * p);
  }

  private void latency(ElmoModel model, List<List<String>> sentences) {
    List<String> words = sentences.stream().flatMap(List::stream).limit(10_000).toList();
    double[] samples = new double[LATENCY_SAMPLES];
    int warmUp = 5;
    for (int i = -warmUp; i < samples.length; i++) {
      int first = Math.floorMod(i * LATENCY_TOKENS, Math.max(1, words.size() - LATENCY_TOKENS + 1));
      List<String> ten = words.subList(first, Math.min(words.size(), first + LATENCY_TOKENS));
      long before = System.nanoTime();
      model.embed(List.of(ten), Layer.ELMO).close();
      if (i >= 0) {
        samples[i] = seconds(before);
      }
    }
    Arrays.sort(samples);
    add(Figure.LATENCY_50, samples[(int) (0.5 * (samples.length - 1))]);
    add(Figure.LATENCY_99, samples[(int) (0.99 * (samples.length - 1))]);
  }

  /**
   * Returns the peak resident memory of this process so far, or 0 if the system does not report it.
   */
  private static double peakBytes() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return 0;
    }
    for (String line : Files.readAllLines(status)) {
      if (line.startsWith("VmHWM:")) {
        return 1024.0 * Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    return 0;
  }

  private static double seconds(long before) {
    return (System.nanoTime() - before) / 1e9;
  }

  private void add(Figure figure, double value) {
    figures.computeIfAbsent(figure, key -> new ArrayList<>()).add(value);
  }

  private static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  private void print(String name, List<List<String>> sentences) throws IOException {
    PrintWriter out = command.commandLine().getOut();
    long tokens = sentences.stream().mapToLong(List::size).sum();
    if (json) {
      Map<String, Object> all = new LinkedHashMap<>();
      all.put("model", name);
      all.put("device", device);
      all.put("cpu", CpuBackend.describe());
      all.put("threads", modelChoice.threads());
      all.put("precision", precision);
      all.put("sentences", sentences.size());
      all.put("tokens", tokens);
      all.put("runs", runs);
      figures.forEach((figure, values) -> all.put(figure.key, median(values)));
      ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
      out.println(mapper.writeValueAsString(all));
      return;
    }
    line(out, "model", name);
    line(out, "device", device);
    line(out, "threads", modelChoice.threads() + ", " + precision);
    line(
        out,
        "text",
        String.format(Locale.ROOT, "%,d sentences, %,d tokens", sentences.size(), tokens));
    line(out, "", String.format(Locale.ROOT, "%12s %12s %12s", "median", "lowest", "highest"));
    for (Map.Entry<Figure, List<Double>> entry : figures.entrySet()) {
      Figure figure = entry.getKey();
      List<Double> values = entry.getValue();
      double low = values.stream().mapToDouble(Double::doubleValue).min().orElseThrow();
      double high = values.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
      line(
          out,
          figure.title,
          String.format(
              Locale.ROOT,
              "%12s %12s %12s",
              show(figure, median(values)),
              show(figure, low),
              show(figure, high)));
    }
  }

  private static String show(Figure figure, double value) {
    return String.format(Locale.ROOT, figure.format, value * figure.unit);
  }

  private static void line(PrintWriter out, String name, String value) {
    out.println(String.format(Locale.ROOT, "%-31s %s", name, value).stripTrailing());
  }
}
