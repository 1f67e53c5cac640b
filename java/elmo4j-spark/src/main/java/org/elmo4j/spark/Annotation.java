// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.Map;

/**
 * An annotation as Spark NLP has them, on which this artifact does not depend.
 *
 * @param annotatorType what it is: {@code document} (of sentences too), {@code token}, {@code
 *     word_embeddings} ...
 * @param begin first character in the text
 * @param end last character, inclusive
 * @param result the sentence or token
 * @param metadata {@code sentence}: which one of the text it is or lies in, from 0
 * @param embeddings the vector; empty where there is none
 */
public record Annotation(
    String annotatorType,
    int begin,
    int end,
    String result,
    Map<String, String> metadata,
    float[] embeddings) {}
