// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.util.TaskCompletionListener;

/** Adds the output columns to the rows of a partition. Keeps their order. */
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
   * Reads rows ahead until they contain {@code batchTokens} tokens, embeds them, and returns the
   * rows one by one. It is closed when the task ends, even if not all rows were read. The methods
   * are synchronized because a thread other than the task's may ask for rows (Spark's writer to a
   * Python process).
   */
  private static final class Rows implements Iterator<Row> {
    /**
     * A row that was read ahead: its original columns, the input of the stage, and the file that it
     * came from.
     */
    private record Pending(InternalRow row, InputColumns.Item item, InputFile file) {}

    private final Plan plan;
    private final Iterator<Row> rows;
    private final AddedColumns columns;
    private final List<String> gpus;
    private final int taskCpus;
    private final ArrayDeque<Pending> items = new ArrayDeque<>();
    private InputFile file = InputFile.NONE; // The file of the row that was read last.
    private SharedModels.Lease lease;
    private Window window;
    // The index in the window of the first sentence of the next row.
    private int sentence;
    private boolean closed;

    Rows(Plan plan, Iterator<Row> rows, TaskContext context) {
      this.plan = plan;
      this.rows = rows;
      columns = new AddedColumns(plan);
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
      InternalRow added = columns.of(pending.item(), window, sentence);
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
      // Another iterator of the task may have set its own file meanwhile, and Spark sets ours only
      // when it opens the next one.
      file.restore();
      for (long cost = 0; cost < plan.batchTokens() && rows.hasNext(); ) {
        Row row = rows.next();
        InputColumns.Item item = plan.input().read(row);
        file = file.current();
        items.add(new Pending(((RowUdt.Cell) row.get(0)).row(), item, file));
        sentences.addAll(item.sentences());
        cost += Math.max(1, item.tokens()); // Rows without tokens take memory too.
      }
      if (items.isEmpty()) {
        return;
      }
      plan.metrics().addRows(items.size());
      if (lease == null) {
        lease = plan.lease(gpus, taskCpus);
      }
      window = new Window(lease.model(), sentences, columns.layers(), plan);
      window.count(plan.metrics());
      lease.countWords(plan.metrics());
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
  }
}
