// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import java.io.IOException;
import java.io.OutputStream;
import org.elmo4j.internal.files.AtomicFile;

/**
 * Writes one line with a JSON object for each sentence: {@code index}, {@code tokens} and {@code
 * values}, which are lists nested by the shape of the layer. Not thread-safe.
 */
final class JsonLinesWriter implements SentenceWriter {
  private final AtomicFile file;
  private final OutputStream stream;
  private final JsonGenerator json;

  JsonLinesWriter(AtomicFile file) throws IOException {
    this.file = file;
    this.stream = file.stream();
    this.json =
        JsonFactory.builder()
            .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
            .disable(StreamWriteFeature.AUTO_CLOSE_TARGET)
            .build()
            .createGenerator(this.stream)
            .setRootValueSeparator(null);
  }

  @Override
  public void write(Sentence sentence) throws IOException {
    json.writeStartObject();
    json.writeNumberField("index", sentence.index());
    json.writeArrayFieldStart("tokens");
    for (String token : sentence.tokens()) {
      json.writeString(token);
    }
    json.writeEndArray();
    json.writeFieldName("values");
    if (sentence.size() == 0) {
      empty(sentence.shape(), 0);
    } else {
      values(sentence);
    }
    json.writeEndObject();
    json.writeRaw('\n');
  }

  private void values(Sentence sentence) throws IOException {
    long[] shape = sentence.shape();
    long[] sizes = new long[shape.length]; // The count of numbers in a list, by depth.
    long size = 1;
    for (int depth = shape.length - 1; depth >= 0; depth--) {
      size *= shape[depth];
      sizes[depth] = size;
    }
    long[] at = {0};
    sentence
        .values()
        .writeTo(
            piece -> {
              while (piece.hasRemaining()) {
                for (int depth = 0; depth < sizes.length; depth++) {
                  if (at[0] % sizes[depth] == 0) {
                    json.writeStartArray();
                  }
                }
                json.writeNumber(piece.get());
                at[0]++;
                for (int depth = sizes.length - 1; depth >= 0; depth--) {
                  if (at[0] % sizes[depth] == 0) {
                    json.writeEndArray();
                  }
                }
              }
            });
  }

  private void empty(long[] shape, int depth) throws IOException {
    json.writeStartArray();
    for (long i = 0; i < shape[depth] && depth + 1 < shape.length; i++) {
      empty(shape, depth + 1);
    }
    json.writeEndArray();
  }

  @Override
  public void finish() throws IOException {
    json.flush();
    stream.flush();
    file.commit();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
