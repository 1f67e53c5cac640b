// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.UserDefinedType;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.util.TaskCompletionListener;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Layer;
import org.elmo4j.internal.devices.Devices;

/** Adds the output columns to the rows of a partition, in order. */
final class EmbedPartition implements MapPartitionsFunction<Row, Row> {
  private final Plan plan;

  EmbedPartition(Plan plan) {
    this.plan = plan;
  }

  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    // An empty partition needs no model.
    return rows.hasNext() ? new Rows(plan, rows, TaskContext.get()) : Collections.emptyIterator();
  }

  /**
   * Reads ahead until {@code batchTokens} are gathered, embeds them, and hands the rows back. The
   * task's end closes it, whether all rows were read or not; a row may be asked for by another
   * thread than the task's (Python's writer), hence the locks.
   */
  private static final class Rows implements Iterator<Row> {
    @SuppressWarnings("unchecked")
    private static final UserDefinedType<Vector> VECTOR =
        (UserDefinedType<Vector>) SQLDataTypes.VectorType();

    private static final UTF8String WORDS = UTF8String.fromString(Annotations.WORD_EMBEDDINGS);
    private static final UTF8String SENTENCES =
        UTF8String.fromString(Annotations.SENTENCE_EMBEDDINGS);

    /** A row that was read ahead: what passes through, what the stage reads, and its file. */
    private record Pending(InternalRow row, InputColumns.Item item, InputFile file) {}

    private final Plan plan;
    private final Iterator<Row> rows;
    private final Layer[] layers;
    private final List<String> gpus;
    private final int taskCpus;
    private final ArrayDeque<Pending> items = new ArrayDeque<>();
    private InputFile file = InputFile.NONE; // Of the row that was read last.
    private SharedModels.Lease lease;
    private Window window;
    // The first sentence in the window of the row that comes next.
    private int sentence;
    private boolean closed;

    Rows(Plan plan, Iterator<Row> rows, TaskContext context) {
      this.plan = plan;
      this.rows = rows;
      layers = plan.outputs().stream().map(OutputColumn::toLayer).toArray(Layer[]::new);
      gpus = TaskResources.gpus(context);
      taskCpus = context.cpus();
      context.addTaskCompletionListener((TaskCompletionListener) ended -> close());
    }

    @Override
    public synchronized boolean hasNext() {
      if (!items.isEmpty()) {
        return true;
      }
      if (closed) {
        return false;
      }
      fill();
      if (items.isEmpty()) {
        close();
        return false;
      }
      return true;
    }

    @Override
    public synchronized Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      if (closed) {
        throw new IllegalStateException(plan.uid() + ": the task has ended");
      }
      Pending pending = items.remove();
      pending.file().restore();
      InternalRow added = added(pending.item());
      sentence += pending.item().sentences().size();
      return RowFactory.create(new RowUdt.Cell(new JoinedRow(pending.row(), added)));
    }

    private void fill() {
      if (window != null) {
        window.close();
        window = null;
      }
      sentence = 0;
      List<List<String>> sentences = new ArrayList<>();
      // A row without tokens costs something too.
      file.restore();
      for (long cost = 0; cost < plan.batchTokens() && rows.hasNext(); ) {
        Row row = rows.next();
        InputColumns.Item item = plan.input().read(row);
        file = file.current();
        items.add(new Pending(((RowUdt.Cell) row.get(0)).row(), item, file));
        sentences.addAll(item.sentences());
        cost += Math.max(1, item.tokens());
      }
      if (items.isEmpty()) {
        return;
      }
      plan.metrics().addRows(items.size());
      window = new Window(model(), sentences, layers, plan);
      lease.countWords(plan.metrics());
    }

    private ElmoModel model() {
      if (lease == null) {
        try {
          boolean cuda = plan.device().equals("auto") && Devices.resolve(Device.auto()).isCuda();
          String device = TaskResources.device(plan.device(), gpus, cuda);
          lease =
              SharedModels.acquire(
                  plan.model(),
                  Device.parse(device),
                  plan.precision(),
                  TaskResources.threads(plan.threads(), plan.executorCores(), taskCpus),
                  plan.keepAlive());
        } catch (ElmoException e) {
          throw new ElmoException(plan.uid() + ": " + e.getMessage(), e);
        }
      }
      return lease.model();
    }

    private synchronized void close() {
      closed = true;
      items.clear();
      if (window != null) {
        window.close();
        window = null;
      }
      if (lease != null) {
        lease.close();
        lease = null;
      }
    }

    private InternalRow added(InputColumns.Item item) {
      Object[] values = new Object[layers.length + (plan.tokensColumn() ? 1 : 0)];
      for (int k = 0; k < layers.length; k++) {
        values[k] = value(item, layers[k]);
      }
      if (plan.tokensColumn() && !item.isNull()) {
        values[layers.length] =
            new GenericArrayData(
                item.sentences().stream()
                    .flatMap(List::stream)
                    .map(UTF8String::fromString)
                    .toArray());
      }
      return new GenericInternalRow(values);
    }

    private Object value(InputColumns.Item item, Layer layer) {
      boolean mean = layer.kind() == Layer.Kind.MEAN;
      if (plan.input().kind() == InputColumns.Kind.ANNOTATIONS) {
        return mean ? sentenceAnnotations(item, layer) : tokenAnnotations(item, layer);
      }
      if (item.isNull()) {
        return null;
      }
      return mean ? VECTOR.serialize(Vectors.dense(mean(item, layer))) : vectors(item, layer);
    }

    private int dim(Layer layer) {
      return model().dim(layer);
    }

    private GenericArrayData tokenAnnotations(InputColumns.Item item, Layer layer) {
      List<Object> annotations = new ArrayList<>();
      int dim = dim(layer);
      for (int s = 0; s < item.sentences().size(); s++) {
        float[] vectors = window.vectors(layer, sentence + s, dim);
        UTF8String id = UTF8String.fromString(item.numbers().get(s));
        int at = 0;
        for (InputColumns.Span token : item.tokenSpans().get(s)) {
          annotations.add(
              Annotations.of(
                  WORDS,
                  token.begin(),
                  token.end(),
                  token.text(),
                  id,
                  Arrays.copyOfRange(vectors, at, at + dim)));
          at += dim;
        }
      }
      return new GenericArrayData(annotations.toArray());
    }

    private GenericArrayData sentenceAnnotations(InputColumns.Item item, Layer layer) {
      Object[] annotations = new Object[item.sentences().size()];
      int dim = dim(layer);
      for (int s = 0; s < annotations.length; s++) {
        InputColumns.Span span = item.sentenceSpans().get(s);
        annotations[s] =
            Annotations.of(
                SENTENCES,
                span.begin(),
                span.end(),
                span.text(),
                UTF8String.fromString(item.numbers().get(s)),
                window.vectors(layer, sentence + s, dim));
      }
      return new GenericArrayData(annotations);
    }

    private GenericArrayData vectors(InputColumns.Item item, Layer layer) {
      List<Object> rows = new ArrayList<>();
      int dim = dim(layer);
      for (int s = 0; s < item.sentences().size(); s++) {
        float[] vectors = window.vectors(layer, sentence + s, dim);
        for (int at = 0; at < vectors.length; at += dim) {
          rows.add(UnsafeArrayData.fromPrimitiveArray(Arrays.copyOfRange(vectors, at, at + dim)));
        }
      }
      return new GenericArrayData(rows.toArray());
    }

    /** Over all tokens of the row; zeros if it has none. */
    private double[] mean(InputColumns.Item item, Layer layer) {
      double[] sum = new double[dim(layer)];
      int tokens = item.tokens();
      for (int s = 0; s < item.sentences().size(); s++) {
        int length = item.sentences().get(s).size();
        float[] mean = window.vectors(layer, sentence + s, sum.length);
        for (int i = 0; i < sum.length && length > 0; i++) {
          sum[i] += mean[i] * ((double) length / tokens);
        }
      }
      return sum;
    }
  }
}
