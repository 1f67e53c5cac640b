// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.Precision;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.cpu.CpuBackend;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.internal.weights.StoredWeights;
import org.elmo4j.weights.ModelOptions;
import org.junit.jupiter.api.Test;

/** Tests which replica a call goes to, with three replicas on the CPU. */
class ReplicaPoolTest {
  private static final List<Device> THREE = Collections.nCopies(3, Device.cpu());

  private static Embedder load(Device device) {
    ModelOptions options =
        ModelOptions.builder()
            .charEmbeddingDim(4)
            .maxCharactersPerToken(50)
            .filters(List.of(new ModelOptions.Filter(1, 4)))
            .activation(ModelOptions.Activation.RELU)
            .highwayLayers(0)
            .lstmDim(8)
            .projectionDim(4)
            .lstmLayers(1)
            .skipConnections(false)
            .cellClip(3)
            .projectionClip(3)
            .build();
    StoredWeights weights = new StoredWeights(new RandomWeights(options, 1));
    return new Embedder(
        new CpuBackend(weights, Precision.FP32, 1), options, weights.encoder(), 0, 1 << 20);
  }

  private static List<List<String>> sentence(int tokens) {
    return List.of(Collections.nCopies(tokens, "x"));
  }

  private static int next(ReplicaPool replicas, int tokens) {
    return replicas.run(null, sentence(tokens), replicas.all()::indexOf);
  }

  @Test
  void replicasWithNothingToDoTakeTurns() {
    try (ReplicaPool replicas = new ReplicaPool(THREE, ReplicaPoolTest::load)) {
      List<Integer> used = new ArrayList<>();
      for (int i = 0; i < 7; i++) {
        used.add(i % 2 == 0 ? next(replicas, i) : replicas.all().indexOf(replicas.pick()));
      }
      assertEquals(List.of(0, 1, 2, 0, 1, 2, 0), used);
    }
  }

  @Test
  void aCallGoesToTheReplicaWithTheFewestPositions() {
    try (ReplicaPool replicas = new ReplicaPool(THREE, ReplicaPoolTest::load)) {
      List<Integer> used = new ArrayList<>();
      replicas.run(
          null,
          sentence(10),
          busiest ->
              replicas.run(
                  null,
                  sentence(5),
                  busy -> {
                    used.add(next(replicas, 1)); // the third replica, which is idle
                    used.add(next(replicas, 100)); // the third again, whose call has ended
                    return replicas.run(
                        null,
                        sentence(7),
                        third -> {
                          used.add(next(replicas, 1)); // the second, which has 5 tokens
                          return null;
                        });
                  }));
      assertEquals(List.of(2, 2, 1), used);
      assertEquals(2, next(replicas, 1)); // No calls are running any more.
    }
  }

  @Test
  void aCallThatStaysOnAReplicaCountsThere() {
    try (ReplicaPool replicas = new ReplicaPool(THREE, ReplicaPoolTest::load)) {
      Embedder first = replicas.pick();
      replicas.run(
          first,
          sentence(1),
          on -> {
            assertEquals(first, on);
            assertEquals(
                List.of(1, 2, 1), List.of(next(replicas, 9), next(replicas, 9), next(replicas, 9)));
            return null;
          });
    }
  }

  @Test
  void aCallThatFailsIsUnderWayNoMore() {
    try (ReplicaPool replicas = new ReplicaPool(THREE, ReplicaPoolTest::load)) {
      for (int i = 0; i < 3; i++) {
        assertThrows(
            ElmoException.class,
            () ->
                replicas.run(
                    null,
                    sentence(99),
                    on -> {
                      throw new ElmoException("no luck");
                    }));
      }
      assertEquals(0, next(replicas, 1));
    }
  }

  @Test
  void whereOneCannotBeLoadedThoseBeforeAreClosed() {
    long before = Memory.liveBytes();
    List<Device> asked = new ArrayList<>();
    assertThrows(
        ElmoException.class,
        () ->
            new ReplicaPool(
                THREE,
                device -> {
                  asked.add(device);
                  if (asked.size() == 3) {
                    throw new ElmoException("no room");
                  }
                  return load(device);
                }));
    assertEquals(before, Memory.liveBytes());
  }
}
