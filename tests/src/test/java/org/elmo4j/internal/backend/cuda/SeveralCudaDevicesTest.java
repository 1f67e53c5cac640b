// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.elmo4j.Cuda;
import org.elmo4j.Device;
import org.elmo4j.ElmoDeviceException;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.ElmoModelBuilder;
import org.elmo4j.ElmoSession;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.NoLeaks;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.oracle.GoldenCase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests that a model on two CUDA devices uses both and gives the bits of a model on one. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class SeveralCudaDevicesTest {
  private static final GoldenCase GOLDEN = GoldenCase.named("clips-bind");

  /** Without the tenth, whose 70 tokens take long on the emulator. */
  private static final List<List<String>> SENTENCES = GOLDEN.sentences().subList(0, 9);

  private static final Layer[] LAYERS = {Layer.WORD_EMB, Layer.lstm(1), Layer.ELMO};

  private List<Device> devices;

  @BeforeEach
  void requireDevices() {
    NoLeaks.settle(0);
    devices = Cuda.two();
  }

  @AfterEach
  void mend() {
    CudaDevice.FAULTS.clear();
    if (devices != null) {
      devices.forEach(device -> CudaDevices.get(device.index()).forget());
    }
  }

  private ElmoModelBuilder builder() {
    return ElmoModel.builder().path(GOLDEN.folder()).devices(devices);
  }

  private ElmoModel one() {
    return ElmoModel.builder().path(GOLDEN.folder()).device(devices.get(0)).load();
  }

  private static void assertSame(Embeddings expected, int row, Embeddings found, int foundRow) {
    for (Layer layer : found.layers()) {
      assertArrayEquals(
          expected.get(layer, row).toArray(), found.get(layer, foundRow).toArray(), 1e-5f);
    }
  }

  private static Device deviceOf(Embeddings embeddings) {
    return embeddings.get(embeddings.layers().get(0)).device();
  }

  @Test
  void callsTakeTurnsAndGiveTheBitsOfOneDevice() {
    try (ElmoModel one = one();
        ElmoModel model = builder().load();
        Embeddings expected = one.embed(SENTENCES, LAYERS)) {
      for (int i = 0; i < 4; i++) {
        try (Embeddings found = model.embed(SENTENCES, LAYERS)) {
          for (Layer layer : LAYERS) {
            assertEquals(devices.get(i % 2), found.get(layer).device());
            assertArrayEquals(expected.get(layer).toArray(), found.get(layer).toArray());
          }
        }
      }
    }
  }

  @Test
  void whatIsToldOfAModelIsOfBothDevices() {
    try (ElmoModel one = one();
        ElmoModel model = builder().load()) {
      assertEquals(devices.get(0), model.device());
      assertEquals(devices, model.devices());
      assertEquals(List.of(devices.get(0)), one.devices());
      assertEquals(one.precision(), model.precision());
      assertEquals(2 * one.weightBytes(), model.weightBytes());
      model.warm(List.of("der", "Hund"));
      assertEquals(4, model.statistics().wordsComputed());
      assertEquals(4, model.statistics().wordsCached());
      model.embed(SENTENCES, LAYERS).close();
      model.embed(SENTENCES, LAYERS).close();
      one.embed(SENTENCES, LAYERS).close();
      assertEquals(2, model.statistics().calls());
      assertEquals(2L * SENTENCES.size(), model.statistics().sentences());
      assertEquals(2 * one.statistics().tokens(), model.statistics().tokens());
      assertEquals(Memory.liveBytes(), model.statistics().nativeBytes());
      assertTrue(
          model.statistics().peakWorkspaceBytes() > one.statistics().peakWorkspaceBytes(),
          () -> "peaks: " + model.statistics() + ", " + one.statistics());
    }
  }

  @Test
  void callsOfSeveralThreadsUseBothDevices() throws Exception {
    Set<Device> used = ConcurrentHashMap.newKeySet();
    ExecutorService executor = Executors.newFixedThreadPool(4);
    try (ElmoModel one = one();
        ElmoModel model = builder().load();
        Embeddings whole = one.embed(SENTENCES, LAYERS)) {
      List<Future<?>> calls = new ArrayList<>();
      for (int thread = 0; thread < 4; thread++) {
        int first = thread;
        calls.add(
            executor.submit(
                () -> {
                  for (int s = first; s < SENTENCES.size(); s += 4) {
                    try (Embeddings alone = model.embed(SENTENCES.subList(s, s + 1), LAYERS)) {
                      used.add(deviceOf(alone));
                      assertSame(whole, s, alone, 0);
                    }
                  }
                }));
      }
      for (Future<?> call : calls) {
        call.get();
      }
      assertEquals(Set.copyOf(devices), used);
    } finally {
      executor.shutdownNow();
    }
  }

  @Test
  void aStreamOfSentencesUsesBothDevicesAndComesBackInOrder() {
    List<Device> used = new ArrayList<>();
    AtomicInteger next = new AtomicInteger();
    try (ElmoModel one = one();
        ElmoModel model = builder().dynamicBatching(Duration.ofMillis(1), 20).load();
        Embeddings whole = one.embed(SENTENCES, LAYERS);
        Stream<Embeddings> results = model.embedAll(SENTENCES.iterator(), LAYERS)) {
      results.forEach(
          result -> {
            try (result) {
              used.add(deviceOf(result));
              assertSame(whole, next.getAndIncrement(), result, 0);
            }
          });
    }
    assertEquals(SENTENCES.size(), used.size());
    assertEquals(Set.copyOf(devices), new HashSet<>(used));
  }

  @Test
  void aSessionStaysOnOneDevice() {
    try (ElmoModel one = one();
        ElmoModel model = builder().load();
        ElmoSession expected = one.session();
        ElmoSession first = model.session();
        ElmoSession second = model.session()) {
      for (int i = 0; i < 3; i++) {
        // Other calls still alternate between the devices.
        model.embed(SENTENCES.subList(0, 1)).close();
        List<List<String>> batch = SENTENCES.subList(i, i + 2);
        try (Embeddings wanted = expected.embed(batch, LAYERS);
            Embeddings a = first.embed(batch, LAYERS);
            Embeddings b = second.embed(batch, LAYERS)) {
          assertEquals(devices.get(0), deviceOf(a));
          assertEquals(devices.get(1), deviceOf(b));
          for (int s = 0; s < 2; s++) {
            assertSame(wanted, s, a, s);
            assertSame(wanted, s, b, s);
          }
        }
        if (i == 1) {
          List.of(expected, first, second).forEach(ElmoSession::reset);
        }
      }
      assertArrayEquals(expected.cell(1, true)[1], second.cell(1, true)[1], 1e-5f);
    }
  }

  @Test
  void closingWaitsForCallsOnBothAndFreesAll() throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(4);
    ElmoModel model = builder().load();
    try {
      CountDownLatch underWay = new CountDownLatch(4);
      List<Future<Integer>> calls = new ArrayList<>();
      for (int thread = 0; thread < 4; thread++) {
        calls.add(
            executor.submit(
                () -> {
                  for (int done = 1; ; done++) {
                    try {
                      model.embed(SENTENCES.subList(0, 2), LAYERS).close();
                    } catch (IllegalStateException e) {
                      return done - 1;
                    }
                    underWay.countDown();
                  }
                }));
      }
      underWay.await();
      model.close();
      for (Future<Integer> call : calls) {
        assertTrue(call.get() > 0);
      }
    } finally {
      executor.shutdownNow();
      model.close();
    }
    assertEquals(0, Memory.liveBytes());
  }

  @Test
  void aLoadThatFailsOnTheSecondDeviceLeavesNothingOnTheFirst() {
    long before = Memory.liveBytes();
    Set<Boolean> failed = new HashSet<>();
    for (int i = 10; i < 80; i += 6) {
      CudaDevice.FAULTS.put("cudaMallocAsync", new CudaDevice.Fault(new AtomicInteger(i), 2));
      try {
        builder().load().close();
        failed.add(false);
      } catch (ElmoException e) {
        failed.add(e.getMessage().startsWith("memory of cuda:1 "));
      }
      CudaDevice.FAULTS.clear();
      assertEquals(before, Memory.liveBytes());
    }
    assertTrue(failed.contains(true), "expected a failure on the second device, found none");
  }

  @Test
  void aDeviceThatIsSpoiledFailsTheCallsThatComeToIt() {
    try (ElmoModel model = builder().load();
        ElmoSession first = model.session();
        ElmoSession second = model.session()) {
      CudaDevice.FAULTS.put(
          "cudaStreamSynchronize", new CudaDevice.Fault(new AtomicInteger(0), 700));
      assertThrows(ElmoDeviceException.class, () -> first.embed(SENTENCES.subList(0, 1)));
      second.embed(SENTENCES.subList(0, 1)).close();
      ElmoDeviceException e =
          assertThrows(ElmoDeviceException.class, () -> model.embed(SENTENCES, LAYERS));
      assertTrue(e.getMessage().contains(" on cuda:0 "), e.getMessage());
      model.embed(SENTENCES, LAYERS).close();
    }
  }
}
