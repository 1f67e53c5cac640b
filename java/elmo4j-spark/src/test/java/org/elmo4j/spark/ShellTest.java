// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Runs spark-shell, which gets elmo4j by {@code --packages}. */
@Execution(ExecutionMode.CONCURRENT)
class ShellTest {
  @TempDir Path folder;

  @Test
  void theShellFindsThePackages() throws Exception {
    Path script = folder.resolve("example.scala");
    Files.writeString(
        script,
        """
        import org.elmo4j.spark.ElmoEmbeddings
        val text = Seq("I love NLP").toDF("text")
        val embeddings = ElmoEmbeddings.pretrained("mini-en", "en").setInputCols("text").setTokensCol("token").setOutputCol("embeddings").setPoolingLayer("elmo")
        val row = embeddings.transform(text).select("token", "embeddings").as[(Seq[String], Seq[Seq[Float]])].head
        row._1.zip(row._2).foreach { case (token, vector) => println(("vector" +: token +: vector.take(6)).mkString(" ")) }
        System.exit(0)
        """);
    assertEquals(
        Submit.expected(),
        new Submit(folder, List.of("elmo4j-spark"))
            .run(
                Map.of(),
                "--class",
                "org.apache.spark.repl.Main",
                "spark-shell",
                "-I",
                "" + script));
  }
}
