// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.Map;

/**
 * An annotation with the fields of Spark NLP's annotations. This artifact does not depend on Spark
 * NLP and cannot use its class.
 *
 * @param annotatorType the type: {@code document} (for sentences too), {@code token}, {@code
 *     word_embeddings} ...
 * @param begin the position of the first character in the text
 * @param end the position of the last character, inclusive
 * @param result the text of the sentence or token
 * @param metadata {@code sentence}: the number of the sentence in the text, from 0; for a token, of
 *     the sentence that contains it
 * @param embeddings the vector; empty if there is none
 */
public record Annotation(
    String annotatorType,
    int begin,
    int end,
    String result,
    Map<String, String> metadata,
    float[] embeddings) {}
