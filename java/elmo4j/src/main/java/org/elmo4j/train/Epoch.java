// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

/**
 * One point of the learning curves. Immutable and thread-safe.
 *
 * @param run the name of the run: {@code learned mix}, {@code even mix}, {@code word_emb}...
 * @param epoch the number of the epoch, from 1
 * @param trainLoss the mean cross-entropy of the training data during the epoch, in nats per label,
 *     with dropout and class weights if they are set
 * @param developmentLoss the mean cross-entropy of the development data after the epoch, computed
 *     the same way but without dropout
 * @param developmentScore the F1 of spans, or the share of correct labels, in the development data,
 *     0 to 1; the share is weighted if there are class weights
 * @param kept whether the run ended with the weights of this epoch
 */
public record Epoch(
    String run,
    int epoch,
    double trainLoss,
    double developmentLoss,
    double developmentScore,
    boolean kept) {}
