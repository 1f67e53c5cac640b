// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.Serializable;
import java.util.List;

/**
 * What a task needs to know.
 *
 * @param uid of the stage, for messages
 * @param model where the weights are
 * @param device as {@link org.elmo4j.Device#parse} reads it
 * @param threads CPU threads of a model, all tasks of a JVM together; 0: one a processor
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
    int threads,
    int keepAlive,
    int batchTokens,
    int batchSize,
    InputColumns input,
    List<OutputColumn> outputs,
    boolean tokensColumn,
    ElmoMetrics metrics)
    implements Serializable {}
