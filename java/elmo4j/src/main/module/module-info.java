// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

/** ELMo embeddings. */
@SuppressWarnings({"module", "requires-automatic"})
module org.elmo4j {
  requires com.fasterxml.jackson.databind;
  requires com.github.benmanes.caffeine;
  requires java.net.http;
  requires org.apache.commons.compress;
  requires org.bytedeco.javacpp;

  // Automatic, as most of those below: with one of them the JVM takes all automatic modules that
  // it finds, the bundled model and OpenNLP's models too.
  requires org.apache.commons.csv;
  requires io.jhdf;

  // What jHDF needs and, being automatic, cannot ask for.
  requires com.ning.compress.lzf;
  requires org.apache.commons.lang3;
  requires org.slf4j;

  // A program may leave these out.
  requires static com.google.protobuf;
  requires static org.apache.opennlp.tools;
  requires static org.bytedeco.cuda;

  exports org.elmo4j;
  exports org.elmo4j.hub;
  exports org.elmo4j.search;
  exports org.elmo4j.train;
  exports org.elmo4j.weights;
  exports org.elmo4j.internal.backend.cpu to
      org.elmo4j.cli;
  exports org.elmo4j.internal.backend.cuda to
      org.elmo4j.cli;
  exports org.elmo4j.internal.devices to
      org.elmo4j.cli;
  exports org.elmo4j.internal.files to
      org.elmo4j.cli,
      org.elmo4j.spark;
  exports org.elmo4j.internal.text to
      org.elmo4j.cli,
      org.elmo4j.spark;
  exports org.elmo4j.internal.weights to
      org.elmo4j.cli,
      org.elmo4j.spark;

  // Its loader makes objects of the presets.
  opens org.elmo4j.internal.kernels to
      org.bytedeco.javacpp;
  opens org.elmo4j.internal.kernels.presets to
      org.bytedeco.javacpp;
}
