// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.Serializable;
import java.util.List;
import org.elmo4j.Precision;

/**
 * What a task needs to know.
 *
 * @param uid of the stage, for messages
 * @param model where the weights are
 * @param device as {@link TaskResources#checkDevice} gives it
 * @param precision of the model
 * @param threads CPU threads of a model, all tasks of a JVM together; 0: as many as they have CPUs
 * @param executorCores 0 if only the executor knows
 * @param keepAlive seconds that a model stays loaded after its last task
 * @param batchTokens tokens that are gathered across rows
 * @param batchSize most sentences of one call
 * @param input the columns to read
 * @param outputs the columns to add, after all others
 * @param tokensColumn whether a column of the tokens follows them
 * @param metrics to count in
 */
record Plan(
    String uid,
    ModelRef model,
    String device,
    Precision precision,
    int threads,
    int executorCores,
    int keepAlive,
    int batchTokens,
    int batchSize,
    InputColumns input,
    List<OutputColumn> outputs,
    boolean tokensColumn,
    ElmoMetrics metrics)
    implements Serializable {}
