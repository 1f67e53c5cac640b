// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.elmo4j.ElmoModel;
import org.elmo4j.Layer;

/**
 * Not a test. Compares the tokens per second of the stage with those of the library alone, on the
 * same cores.
 *
 * <p>Arguments, with their defaults: rows (20000), cores (2), runs (3), path of a model (mini-en).
 */
public final class Benchmark {
  private static final int CALL_TOKENS = 8192;

  /** Parquet options for vectors, which do not repeat and hardly compress. */
  private static final Map<String, String> PLAIN =
      Map.of("compression", "none", "parquet.enable.dictionary", "false");

  private Benchmark() {}

  /** Runs the benchmark. */
  public static void main(String[] args) throws Exception {
    int rows = args.length > 0 ? Integer.parseInt(args[0]) : 20_000;
    int cores = args.length > 1 ? Integer.parseInt(args[1]) : 2;
    int runs = args.length > 2 ? Integer.parseInt(args[2]) : 3;
    String path = args.length > 3 ? args[3] : null;
    List<List<String>> sentences = prose(rows);
    long tokens = sentences.stream().mapToLong(List::size).sum();
    System.out.printf("%d rows, %d tokens, %d cores%n", rows, tokens, cores);

    // Rows have about 20 KB. Spark's default of 4,096 rows at a time would fill a heap of 1 GB when
    // they are read back.
    SparkSession session =
        Spark.start(
            "local[" + cores + "]", Map.of("spark.sql.parquet.columnarReaderBatchSize", "128"));
    Path folder = Files.createTempDirectory("elmo4j-benchmark");
    String in = folder.resolve("in").toString();
    String out = folder.resolve("out").toString();
    List<Row> data = new ArrayList<>();
    for (List<String> sentence : sentences) {
      data.add(RowFactory.create(data.size(), sentence.toArray(new String[0])));
    }
    StructType schema =
        new StructType().add("id", DataTypes.IntegerType).add("tokens", Spark.TOKENS);
    session.createDataFrame(data, schema).repartition(2 * cores).write().parquet(in);

    ElmoEmbeddings stage =
        (path == null ? ElmoEmbeddings.miniEnglish() : ElmoEmbeddings.load(path))
            .setInputCols("tokens");
    try (ElmoModel model =
        (path == null ? ElmoModel.builder().miniEnglish() : ElmoModel.builder().path(Path.of(path)))
            .threads(cores)
            .load()) {
      for (int run = 0; run < runs; run++) {
        System.out.printf(
            "run %d%s%n",
            run + 1, run == 0 ? ", in which Spark compiles and the JVM warms up" : "");
        Cost library = library(model, sentences, Layer.ELMO);
        report("library, elmo", tokens, library, library);
        Cost means = library(model, sentences, Layer.DEFAULT);
        report("library, mean", tokens, means, means);
        report("stage, mean, to Parquet", tokens, stage(session, stage, in, "default", out), means);
        report("stage, elmo, to nowhere", tokens, stage(session, stage, in, "elmo", null), library);
        for (Map<String, String> options : List.of(Map.<String, String>of(), PLAIN)) {
          String how = options.isEmpty() ? "" : ", plain";
          stage.setOutputCol("vectors").setPoolingLayer("elmo");
          Dataset<Row> embedded = stage.transform(session.read().parquet(in));
          report("stage, elmo, to Parquet" + how, tokens, write(embedded, options, out), library);
          // Read and write the same columns without the stage, for the cost of Parquet alone.
          Dataset<Row> again = session.read().parquet(out);
          Cost reading = write(again, null, null);
          Cost copying = write(again, options, out + "-copy");
          report("bound" + how, tokens, library.plus(copying).minus(reading), library);
        }
      }
    } finally {
      session.stop();
    }
  }

  /**
   * Wall-clock time and processor time. Compare processor times if other programs use the machine
   * too.
   */
  private record Cost(double seconds, double cpuSeconds) {
    private static final OperatingSystemMXBean SYSTEM =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

    static Cost of(Runnable work) {
      long cpu = SYSTEM.getProcessCpuTime();
      long start = System.nanoTime();
      work.run();
      return new Cost((System.nanoTime() - start) / 1e9, (SYSTEM.getProcessCpuTime() - cpu) / 1e9);
    }

    Cost plus(Cost other) {
      return new Cost(seconds + other.seconds, cpuSeconds + other.cpuSeconds);
    }

    Cost minus(Cost other) {
      return new Cost(seconds - other.seconds, cpuSeconds - other.cpuSeconds);
    }
  }

  private static void report(String what, long tokens, Cost cost, Cost reference) {
    System.out.printf(
        "%-31s %7.0f tokens/s %4.0f %% %9.0f tokens/CPU s %4.0f %%%n",
        what,
        tokens / cost.seconds(),
        100 * reference.seconds() / cost.seconds(),
        tokens / cost.cpuSeconds(),
        100 * reference.cpuSeconds() / cost.cpuSeconds());
  }

  private static Cost library(ElmoModel model, List<List<String>> sentences, Layer layer) {
    return Cost.of(() -> embed(model, sentences, layer));
  }

  private static void embed(ElmoModel model, List<List<String>> sentences, Layer layer) {
    List<List<String>> call = new ArrayList<>();
    int tokens = 0;
    for (List<String> sentence : sentences) {
      call.add(sentence);
      tokens += sentence.size();
      if (tokens >= CALL_TOKENS) {
        model.embed(call, layer).close();
        call.clear();
        tokens = 0;
      }
    }
    model.embed(call, layer).close();
  }

  private static Cost stage(
      SparkSession session, ElmoEmbeddings stage, String in, String layer, String out) {
    stage.setOutputCol("vectors").setPoolingLayer(layer);
    return write(stage.transform(session.read().parquet(in)), Map.of(), out);
  }

  /** Runs a query and writes the result to a folder; discards it if {@code out} is null. */
  private static Cost write(Dataset<Row> data, Map<String, String> options, String out) {
    return Cost.of(
        () -> {
          if (out == null) {
            data.write().format("noop").mode("overwrite").save();
          } else {
            data.write().options(options).mode("overwrite").parquet(out);
          }
        });
  }

  /**
   * Makes sentences like those of prose: words distributed by Zipf's law, 1 to 60 words in a
   * sentence, about 21 on average.
   */
  private static List<List<String>> prose(int count) {
    Random random = new Random(1);
    String[] words = new String[30_000];
    for (int i = 0; i < words.length; i++) {
      StringBuilder word = new StringBuilder();
      int length = 1 + (int) Math.min(14, Math.log(i + 2) * (0.5 + random.nextDouble() * 0.6));
      for (int j = 0; j < length; j++) {
        word.append(
            "etaoinshrdlucmfwypvbgkjqxz".charAt((int) (26 * Math.pow(random.nextDouble(), 2))));
      }
      words[i] = word.toString();
    }
    List<List<String>> sentences = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int length = (int) Math.max(1, Math.min(60, Math.round(21 + 11 * random.nextGaussian())));
      List<String> sentence = new ArrayList<>();
      for (int j = 0; j < length; j++) {
        sentence.add(words[(int) Math.pow(words.length, random.nextDouble()) - 1]);
      }
      sentences.add(sentence);
    }
    return sentences;
  }
}
