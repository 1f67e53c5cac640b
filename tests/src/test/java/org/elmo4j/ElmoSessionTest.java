// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.oracle.ElmoOracle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests that a session carries the LSTM state of each row from call to call as the oracle does. */
class ElmoSessionTest {
  private static final long SEED = 31;
  private static final Layer[] LAYERS = {Layer.lstm(1), Layer.lstm(2)};

  /** Computes the wanted outputs. {@code states} holds the oracle's state of each row. */
  private final Expected expected = Models.expected(Models.TINY, SEED);

  private final List<ElmoOracle.State> states = new ArrayList<>();

  /**
   * Embeds a batch with the session and with the oracle, and asserts that outputs and states agree.
   */
  private void assertGoesOn(ElmoSession session, List<List<String>> batch) {
    while (states.size() < batch.size()) {
      states.add(expected.oracle().zeroState());
    }
    try (Embeddings embeddings = session.embed(batch, LAYERS)) {
      for (int row = 0; row < batch.size(); row++) {
        double[][][] layers = expected.oracle().layers(batch.get(row), states.get(row));
        for (int k = 1; k <= 2; k++) {
          Expected.assertClose(
              "row " + row + " of " + batch.size() + ", " + Layer.lstm(k),
              layers[k],
              embeddings.get(Layer.lstm(k), row).toArray(),
              Expected.TOLERANCE);
        }
      }
    }
    assertEquals(states.size(), session.rows());
    for (int k = 1; k <= 2; k++) {
      for (int direction = 0; direction < 2; direction++) {
        float[][] hidden = session.hidden(k, direction == 1);
        float[][] cell = session.cell(k, direction == 1);
        assertEquals(states.size(), hidden.length);
        assertEquals(states.size(), cell.length);
        for (int row = 0; row < states.size(); row++) {
          String what = "of row " + row + ", layer " + k + ", direction " + direction;
          double[] h = states.get(row).h[direction][k - 1];
          double[] c = states.get(row).c[direction][k - 1];
          Expected.assertClose("h " + what, new double[][] {h}, hidden[row], Expected.TOLERANCE);
          Expected.assertClose("c " + what, new double[][] {c}, cell[row], Expected.TOLERANCE);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void rowsGoOnAndThoseOfASmallerBatchAreKeptAndNewOnesStartFromZero(int threads) {
    Random random = new Random(SEED);
    try (ElmoModel model = Models.random(Models.TINY, SEED, threads);
        ElmoSession session = model.session()) {
      assertEquals(0, session.rows());
      for (int rows : new int[] {3, 5, 1, 2, 40, 39, 4, 40}) {
        assertGoesOn(session, Models.batch(random, rows, 6));
      }
    }
  }

  @Test
  void aSentenceWithoutTokensMovesTheStateByItsBoundaries() {
    try (ElmoModel model = Models.random(Models.TINY, SEED);
        ElmoSession session = model.session()) {
      assertGoesOn(session, List.of(List.of(), List.of("a")));
      assertGoesOn(session, List.of(List.of(), List.of()));
    }
  }

  @Test
  void anEmptyBatchKeepsTheState() {
    try (ElmoModel model = Models.random(Models.TINY, SEED);
        ElmoSession session = model.session()) {
      assertGoesOn(session, List.of(List.of("a", "b"), List.of("c")));
      assertGoesOn(session, List.of());
      assertGoesOn(session, List.of(List.of("d")));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"word_emb", "lstm_outputs1", "default"})
  void theWholeStateMovesWhateverLayerIsAskedFor(String layer) {
    List<List<String>> batch = Models.batch(new Random(5), 6, 5);
    try (ElmoModel model = Models.random(Models.TINY, SEED);
        ElmoSession session = model.session()) {
      assertGoesOn(session, batch);
      session.embed(batch, Layer.parse(layer)).close();
      for (int row = 0; row < batch.size(); row++) {
        expected.oracle().layers(batch.get(row), states.get(row));
      }
      assertGoesOn(session, batch);
    }
  }

  @Test
  void resetGoesBackToZeroState() {
    List<List<String>> batch = Models.batch(new Random(1), 4, 5);
    try (ElmoModel model = Models.random(Models.TINY, SEED);
        ElmoSession session = model.session();
        Embeddings fresh = model.embed(batch, LAYERS)) {
      for (int round = 0; round < 2; round++) {
        session.embed(Models.batch(new Random(2), 7, 5)).close();
        session.reset();
        assertEquals(0, session.rows());
        try (Embeddings again = session.embed(batch, LAYERS)) {
          for (int s = 0; s < batch.size(); s++) {
            Expected.assertSameBits("sentence " + s, fresh, s, again, s);
          }
        }
      }
    }
  }

  @Test
  void sessionsAndStatelessCallsOfAModelLeaveEachOtherAlone() {
    List<List<String>> batch = Models.batch(new Random(1), 4, 5);
    try (ElmoModel model = Models.random(Models.TINY, SEED);
        ElmoSession session = model.session();
        ElmoSession other = model.session();
        Embeddings first = session.embed(batch, LAYERS);
        Embeddings second = session.embed(batch, LAYERS);
        Embeddings stateless = model.embed(batch, LAYERS);
        Embeddings otherFirst = other.embed(batch, LAYERS);
        Embeddings otherSecond = other.embed(batch, LAYERS)) {
      for (int s = 0; s < batch.size(); s++) {
        Expected.assertSameBits("sentence " + s, first, s, stateless, s);
        Expected.assertSameBits("sentence " + s, first, s, otherFirst, s);
        Expected.assertSameBits("sentence " + s, second, s, otherSecond, s);
      }
    }
  }

  @Test
  void aRefusedCallLeavesTheStateAsItWas() {
    try (ElmoModel model = Models.random(Models.TINY, SEED);
        ElmoSession session = model.session()) {
      assertGoesOn(session, List.of(List.of("a", "b"), List.of("c")));
      assertThrows(
          ElmoException.class,
          () -> session.embed(List.of(List.of("x"), Arrays.asList("y", null))));
      assertThrows(ElmoException.class, () -> session.embed(List.of(List.of("x")), Layer.lstm(3)));
      assertGoesOn(session, List.of(List.of("d"), List.of("e")));
    }
  }

  /** Searches, by halving, for an amount of native memory with which a call fails halfway. */
  @Test
  void aCallThatFailsHalfwayLeavesTheStateAsItWas() {
    // The first part of the batch has one word, the next part many words, which take more memory.
    List<List<String>> batch = new ArrayList<>();
    batch.addAll(Collections.nCopies(30, Collections.nCopies(100, "a")));
    Random random = new Random(8);
    for (int i = 0; i < 300; i++) {
      batch.add(Models.sentence(random, 20));
    }
    try (ElmoModel model =
            ElmoModel.builder()
                .weights(new RandomWeights(Models.TINY, SEED))
                .threads(1)
                .wordCacheBytes(0)
                .workspaceBytes(1 << 20)
                .load();
        ElmoSession undisturbed = model.session()) {
      undisturbed.embed(batch.subList(0, 30)).close();
      long tooLittle = 128 << 10;
      long enough = 0;
      boolean halfway = false;
      while (!halfway) {
        long spare = enough == 0 ? 2 * tooLittle : (tooLittle + enough) / 2;
        assertTrue(spare > tooLittle, "expected a call that fails halfway, found none");
        try (ElmoSession session = model.session()) {
          session.embed(batch.subList(0, 30)).close();
          long batches = model.statistics().batches();
          if (succeeds(session, batch, spare)) {
            enough = spare;
            continue;
          }
          tooLittle = spare;
          assertSameState(undisturbed, session);
          if (model.statistics().batches() > batches) {
            halfway = true;
            session.embed(batch, Layer.DEFAULT).close();
            undisturbed.embed(batch, Layer.DEFAULT).close();
            assertSameState(undisturbed, session);
          }
        }
      }
    }
  }

  /** Embeds while only {@code spare} bytes of native memory are free; false if that fails. */
  private static boolean succeeds(ElmoSession session, List<List<String>> batch, long spare) {
    long limit = Pointer.totalPhysicalBytes() / 10 * 9; // the limit of NativeMemory
    try (NativeMemory rest = NativeMemory.allocate(limit - NativeMemory.liveBytes() - spare)) {
      assertTrue(rest.bytes() > spare);
      session.embed(batch, Layer.DEFAULT).close(); // The results themselves are small.
      return true;
    } catch (ElmoException e) {
      assertTrue(e.getMessage().startsWith("native memory: expected room for"), e::getMessage);
      return false;
    }
  }

  private static void assertSameState(ElmoSession expected, ElmoSession found) {
    for (int layer = 1; layer <= 2; layer++) {
      for (boolean backward : new boolean[] {false, true}) {
        assertTrue(
            Arrays.deepEquals(expected.hidden(layer, backward), found.hidden(layer, backward)));
        assertTrue(Arrays.deepEquals(expected.cell(layer, backward), found.cell(layer, backward)));
      }
    }
  }

  @Test
  void theStateHandedOutIsACopy() {
    try (ElmoModel model = Models.random(Models.TINY, SEED);
        ElmoSession session = model.session()) {
      assertGoesOn(session, List.of(List.of("a")));
      float[][] hidden = session.hidden(1, false);
      float[] before = hidden[0].clone();
      hidden[0][0] = 99;
      assertArrayEquals(before, session.hidden(1, false)[0]);
      assertEquals(Models.TINY.projectionDim(), hidden[0].length);
      assertEquals(Models.TINY.lstmDim(), session.cell(2, true)[0].length);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 3})
  void aLayerThatDoesNotExistHasNoState(int layer) {
    try (ElmoModel model = Models.random(Models.TINY, SEED);
        ElmoSession session = model.session()) {
      assertGoesOn(session, List.of(List.of("a")));
      assertThrows(ElmoException.class, () -> session.hidden(layer, false));
      assertThrows(ElmoException.class, () -> session.cell(layer, true));
    }
  }
}
