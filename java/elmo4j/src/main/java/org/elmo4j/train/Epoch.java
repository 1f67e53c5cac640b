// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

/**
 * One point of the learning curves. Immutable; any thread may use it.
 *
 * @param run what was trained: {@code learned mix}, {@code even mix}, {@code word_emb}...
 * @param epoch from 1
 * @param trainLoss mean cross-entropy of the training data in that epoch, in nats a label, with
 *     dropout and class weights where they are set
 * @param developmentLoss likewise of the development data behind it, without dropout
 * @param developmentScore share of right labels in the development data, weighted where there are
 *     class weights, or F1 of spans, 0 to 1
 * @param kept whether the run ended with the weights of this epoch
 */
public record Epoch(
    String run,
    int epoch,
    double trainLoss,
    double developmentLoss,
    double developmentScore,
    boolean kept) {}
