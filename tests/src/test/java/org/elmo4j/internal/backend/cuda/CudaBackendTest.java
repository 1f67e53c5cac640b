// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.elmo4j.Cuda;
import org.elmo4j.Device;
import org.elmo4j.ElmoDeviceException;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.ElmoSession;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.Models;
import org.elmo4j.NoLeaks;
import org.elmo4j.Precision;
import org.elmo4j.Tensor;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.internal.weights.StoredWeights;
import org.elmo4j.oracle.GoldenCase;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tests what is specific to models on a CUDA device: device memory, streams and CUDA errors. */
class CudaBackendTest {
  private static final GoldenCase GOLDEN = GoldenCase.named("clips-bind");

  /** Without the tenth, whose 70 tokens take long on the emulator. */
  private static final List<List<String>> SENTENCES = GOLDEN.sentences().subList(0, 9);

  private static final Layer[] LAYERS = {Layer.WORD_EMB, Layer.lstm(1), Layer.ELMO};
  private static final int OUT_OF_MEMORY = 2;
  private static final int ILLEGAL_ADDRESS = 700;
  private static final int COOPERATIVE_TOO_LARGE = 720;

  private Device device;

  @BeforeEach
  void requireDevice() {
    NoLeaks.settle(0); // Frees what the test before left to the garbage collector.
    device = Cuda.device();
  }

  @AfterEach
  void mend() {
    CudaDevice.FAULTS.clear();
    if (device != null) {
      CudaDevices.get(0).forget();
    }
  }

  private ElmoModel model() {
    return ElmoModel.builder().path(GOLDEN.folder()).device(device).load();
  }

  private static void fail(String call, int before, int status) {
    CudaDevice.FAULTS.put(call, new CudaDevice.Fault(new AtomicInteger(before), status));
  }

  @Test
  void resultsStayOnTheDeviceUntilTheyAreRead() {
    try (ElmoModel model = model();
        Embeddings embeddings = model.embed(SENTENCES, LAYERS)) {
      Tensor tensor = embeddings.get(Layer.ELMO);
      assertEquals(device, tensor.device());
      assertNotEquals(0, tensor.stream());
      long row = tensor.shape(2) * Float.BYTES;
      assertEquals(
          tensor.devicePointer() + tensor.shape(1) * row + row,
          tensor.slice(1).slice(1).devicePointer());
      float[] values = tensor.toArray();
      FloatBuffer buffer = tensor.floatBuffer();
      float[] read = new float[values.length];
      buffer.get(read);
      assertArrayEquals(values, read);
      assertTrue(buffer.isDirect());
      assertEquals(values[values.length / 2], at(tensor, values.length / 2));
    }
  }

  /** The projections have weights of 1e38 and no clip, so the outputs of layer 1 overflow. */
  @Test
  void outputsBeyondAFloatsRangeNameTheLayer() {
    try (WeightStore golden = WeightStores.open(GOLDEN.folder());
        ElmoModel model =
            ElmoModel.builder()
                .weights(new LargeWeights(golden))
                .device(device)
                .precision(Precision.FP32)
                .load()) {
      for (Layer[] layers : new Layer[][] {{Layer.lstm(1)}, LAYERS, {Layer.DEFAULT}}) {
        String message =
            assertThrows(ElmoException.class, () -> model.embed(SENTENCES, layers)).getMessage();
        assertTrue(
            message.startsWith(
                GOLDEN.folder().resolve("weights.hdf5")
                    + ": lstm_outputs1: expected finite numbers"),
            message);
      }
      model.embed(SENTENCES, Layer.WORD_EMB).close();
    }
  }

  private record LargeWeights(WeightStore golden) implements WeightStore {
    @Override
    public String source() {
      return golden.source();
    }

    @Override
    public ModelOptions options() {
      return golden.options().toBuilder().projectionClip(0).build();
    }

    @Override
    public Map<String, long[]> shapes() {
      return golden.shapes();
    }

    @Override
    public void read(String name, FloatBuffer target) {
      int from = target.position();
      golden.read(name, target);
      for (int i = from; name.endsWith("W_P_0") && i < target.position(); i++) {
        target.put(i, target.get(i) < 0 ? -1e38f : 1e38f);
      }
    }

    @Override
    public void close() {}
  }

  private static float at(Tensor tensor, long index) {
    long row = index / tensor.shape(2);
    return tensor.get(row / tensor.shape(1), row % tensor.shape(1), index % tensor.shape(2));
  }

  @Test
  void aCopyOnTheHostOutlivesWhatItIsOf() {
    long before;
    Embeddings host;
    float[] values;
    try (ElmoModel model = model()) {
      Embeddings embeddings = model.embed(SENTENCES, LAYERS);
      values = embeddings.get(Layer.lstm(1)).toArray();
      CompletableFuture<Embeddings> copy = embeddings.toHostAsync();
      embeddings.close();
      host = copy.orTimeout(60, TimeUnit.SECONDS).join();
      assertThrows(IllegalStateException.class, embeddings::toHost);
      assertThrows(IllegalStateException.class, () -> embeddings.get(Layer.ELMO).devicePointer());
      before = Memory.liveBytes();
    }
    try (host) {
      assertTrue(Memory.liveBytes() < before);
      assertEquals(Device.cpu(), host.get(Layer.lstm(1)).device());
      assertArrayEquals(values, host.get(Layer.lstm(1)).toArray());
      assertEquals(SENTENCES.get(1), host.tokens(1));
    }
  }

  @Test
  void aBatchForWhichThereIsNoRoomRunsInHalves() {
    List<List<String>> sentences = SENTENCES.subList(4, 7);
    try (ElmoModel model = model();
        Embeddings whole = model.embed(sentences, LAYERS)) {
      // A call first allocates outputs, token representations, ids and workspace.
      for (int before = 0; before < 24; before++) {
        fail("cudaMallocAsync", before, OUT_OF_MEMORY);
        try (Embeddings again = model.embed(sentences, LAYERS)) {
          for (Layer layer : LAYERS) {
            assertArrayEquals(whole.get(layer).toArray(), again.get(layer).toArray());
          }
        } catch (ElmoException e) {
          assertTrue(e.getMessage().matches(OUT_MESSAGE), e.getMessage());
        }
      }
    }
  }

  @Test
  void callsOfSeveralThreadsThatShareAWordCacheGetTheirOwn() throws Exception {
    List<List<String>> sentences = SENTENCES;
    ExecutorService executor = Executors.newFixedThreadPool(3);
    // The cache has room for a few words, so each call replaces the words of others.
    try (ElmoModel model =
            ElmoModel.builder()
                .path(GOLDEN.folder())
                .device(device)
                .wordCacheBytes(16 * (160 + 4 * 64))
                .load();
        Embeddings whole = model.embed(sentences, LAYERS)) {
      List<Future<?>> calls = new ArrayList<>();
      for (int thread = 0; thread < 3; thread++) {
        int first = thread;
        calls.add(
            executor.submit(
                () -> {
                  for (int s = first; s < sentences.size(); s += 2) {
                    try (Embeddings alone = model.embed(sentences.subList(s, s + 1), LAYERS)) {
                      for (Layer layer : LAYERS) {
                        assertArrayEquals(
                            whole.get(layer, s).toArray(), alone.get(layer, 0).toArray(), 1e-5f);
                      }
                    }
                  }
                }));
      }
      for (Future<?> call : calls) {
        call.get(10, TimeUnit.MINUTES);
      }
      assertTrue(model.statistics().wordHits() > 0);
    } finally {
      executor.shutdownNow();
    }
  }

  private static final String OUT_MESSAGE =
      "memory of cuda:0 .*: expected room for [0-9]+ bytes, found [0-9]+ free \\(cudaMallocAsync: "
          + "error 2, cudaErrorMemoryAllocation \\(.+\\)\\)";

  @Test
  void aSentenceForWhichThereIsNoRoomIsRefusedAndNothingIsLost() {
    try (ElmoModel model = model()) {
      model.embed(SENTENCES, LAYERS).close();
      long before = Memory.liveBytes();
      List<String> messages = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        fail("cudaMallocAsync", i, OUT_OF_MEMORY);
        try {
          model.embed(SENTENCES.subList(0, 1), LAYERS).close();
        } catch (ElmoException e) {
          messages.add(e.getMessage());
        }
        CudaDevice.FAULTS.clear();
        assertEquals(before, Memory.liveBytes());
      }
      assertTrue(messages.size() >= LAYERS.length, messages::toString);
      messages.forEach(message -> assertTrue(message.matches(OUT_MESSAGE), message));
    }
  }

  @Test
  void moreMemoryThanThereIsIsRefusedByItsBytes() {
    CudaDevice found = CudaDevices.get(0);
    found.enter();
    ElmoException e = assertThrows(ElmoException.class, () -> found.allocate(1L << 50));
    assertTrue(e.getMessage().contains("expected room for 1125899906842624 bytes"), e.getMessage());
    found.allocate(1 << 20).close();
  }

  @Test
  void aDeviceThatIsSpoiledSaysThatTheProcessMustBeRestarted() {
    try (ElmoModel model = model();
        ElmoSession session = model.session()) {
      long before = Memory.liveBytes();
      fail("cudaStreamSynchronize", 0, ILLEGAL_ADDRESS);
      ElmoDeviceException first =
          assertThrows(ElmoDeviceException.class, () -> model.embed(SENTENCES, LAYERS));
      assertTrue(
          first
              .getMessage()
              .matches(
                  "cudaStreamSynchronize on cuda:0 .*: expected it to succeed, found error 700,"
                      + " .+ \\(.+\\); .* the process must be restarted"),
          first.getMessage());
      ElmoDeviceException later =
          assertThrows(ElmoDeviceException.class, () -> model.embed(SENTENCES, LAYERS));
      assertEquals(first.getMessage(), later.getMessage());
      assertThrows(ElmoDeviceException.class, () -> session.embed(SENTENCES, LAYERS));
      assertEquals(before, Memory.liveBytes());
    }
  }

  @Test
  void everyErrorThatSpoilsTheDeviceIsKnown() {
    assertEquals(
        Set.of(214, 220, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911),
        CudaDevice.STICKY);
    CudaDevice found = CudaDevices.get(0);
    for (int status : CudaDevice.STICKY) {
      found.enter();
      fail("cudaStreamSynchronize", 0, status);
      ElmoDeviceException e =
          assertThrows(ElmoDeviceException.class, () -> found.stream().synchronize());
      assertTrue(e.getMessage().contains("found error " + status + ","), e.getMessage());
      assertEquals(
          e.getMessage(), assertThrows(ElmoDeviceException.class, found::enter).getMessage());
      found.forget();
    }
    fail("cudaStreamSynchronize", 0, COOPERATIVE_TOO_LARGE);
    ElmoException passing = assertThrows(ElmoException.class, () -> found.stream().synchronize());
    assertFalse(passing instanceof ElmoDeviceException, passing.getMessage());
    found.enter();
  }

  @Test
  void theHostsShareOfTheTimeIsCounted() {
    try (ElmoModel model = model()) {
      long before = System.nanoTime();
      model.embed(SENTENCES, LAYERS).close();
      long took = System.nanoTime() - before;
      Map<String, Long> counts = model.statistics().deviceCounts();
      long host = counts.get("host_nanos");
      long wait = counts.get("wait_nanos");
      // The emulator runs kernels during their launch, so more cannot be asserted.
      assertTrue(host > 0 && wait > 0 && host + wait <= took, () -> counts + " of " + took);
    }
  }

  @Test
  void whatAllCallsUseHasAStreamOfItsOwn() {
    try (CudaBackend backend = backend();
        CudaMemory shared = (CudaMemory) backend.allocateShared(256);
        CudaMemory own = (CudaMemory) backend.allocate(256)) {
      CudaStream caller = CudaDevices.get(0).stream();
      assertSame(caller, own.owner());
      assertNotSame(caller, shared.owner());
      backend.write(new float[] {1, 2}, shared);
      float[] read = new float[2];
      backend.read(shared, Float.BYTES, 0, read);
      assertArrayEquals(new float[] {1, 2}, read);
    }
  }

  @Test
  void copiesWithinTheDeviceDoNotComeToTheHost() {
    float[] values = new float[3 << 20];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    try (CudaBackend backend = backend();
        Memory source = backend.allocate((long) values.length * Float.BYTES);
        Memory target = backend.allocate((long) values.length * Float.BYTES)) {
      backend.write(values, source);
      fail("cudaMallocHost", 0, OUT_OF_MEMORY); // Every allocation of pinned memory fails.
      backend.copy(source, target);
      assertTrue(CudaDevice.FAULTS.containsKey("cudaMallocHost"));
      assertThrows(ElmoException.class, () -> backend.write(values, target));
      float[] read = new float[values.length];
      backend.read(target, Float.BYTES, 0, read);
      assertArrayEquals(values, read);
    }
  }

  private CudaBackend backend() {
    return new CudaBackend(
        new StoredWeights(new RandomWeights(Models.SMALL, 7)), device, Precision.FP32);
  }

  @Test
  void theBiLmOfCudnnIsThereOrOneSentenceSaysWhatIsMissing() {
    System.setProperty("elmo4j.cuda.bilm", "cudnn");
    try (ElmoModel model = model()) {
      model.embed(SENTENCES, LAYERS).close();
      assertTrue(
          // The clip binds, so steps run one by one.
          model.statistics().deviceCounts().get("cudnn_stepwise_runs") > 0);
    } catch (ElmoException e) {
      assertTrue(
          e.getMessage()
              .startsWith(
                  "biLM by cuDNN: expected cuDNN 9 and org.bytedeco:cuda with its natives, found "),
          e.getMessage());
    } finally {
      System.clearProperty("elmo4j.cuda.bilm");
    }
  }

  @Test
  void aLoadThatFailsLeavesNothing() {
    long before = Memory.liveBytes();
    for (int i = 0; i < 40; i += 3) {
      fail("cudaMallocAsync", i, OUT_OF_MEMORY);
      try {
        model().close();
      } catch (ElmoException e) {
        assertTrue(e.getMessage().matches(OUT_MESSAGE), e.getMessage());
      }
      CudaDevice.FAULTS.clear();
      assertEquals(before, Memory.liveBytes());
    }
  }
}
