// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.elmo4j.ChildJvm;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.hub.ModelEntry.RemoteFile;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.WeightStore;
import org.junit.jupiter.api.Test;

/** Tests the hub's names of models, its settings and its cache. */
class ModelHubTest extends HubTesting {
  @Test
  void aFetchedModelGivesWhatItsFilesGive() throws IOException {
    ModelHub hub = builder(known()).build();
    List<List<String>> sentences = GOLDEN.sentences();
    try (ElmoModel fetched = ElmoModel.builder().pretrained(hub, "golden", "en").load();
        ElmoModel local =
            ElmoModel.builder()
                .files(
                    GOLDEN.folder().resolve("options.json"),
                    GOLDEN.folder().resolve("weights.hdf5"))
                .load();
        Embeddings got = fetched.embed(sentences, Layer.ELMO);
        Embeddings wanted = local.embed(sentences, Layer.ELMO)) {
      assertArrayEquals(wanted.get(Layer.ELMO).toArray(), got.get(Layer.ELMO).toArray());
    }
    assertFetched(home.resolve("m"));
    assertEquals(List.of("all"), ranges());
  }

  @Test
  void aModelInTheCacheNeedsNoNetwork() throws IOException {
    ModelEntry model = known();
    ModelHub hub = builder(model).offline(true).build();
    assertFalse(hub.isCached(model));
    String message = fails(hub, model);
    assertTrue(message.contains("offline") && message.contains(home.toString()), message);
    assertEquals(List.of(), server.requests);
    fetch(model);
    server.close();
    assertTrue(hub.isCached(model));
    assertEquals(
        weights.length + Files.size(home.resolve("m/options.json")), hub.cachedBytes(model));
    assertFetched(hub.fetch(model));
  }

  @Test
  void manyThreadsFetchAModelOnce() throws Exception {
    ModelEntry model = known();
    List<CompletableFuture<Path>> fetches = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      fetches.add(
          CompletableFuture.supplyAsync(() -> fetch(model), task -> new Thread(task).start()));
    }
    for (CompletableFuture<Path> fetch : fetches) {
      assertFetched(fetch.get());
    }
    assertEquals(2, server.requests.size());
  }

  /** Returns a process that runs {@link FetchMain}. */
  private ChildJvm process() throws IOException {
    server.put("pt", GOLDEN);
    return new ChildJvm(FetchMain.class, home.toString(), server.address(), "pt")
        .options("-Xmx256m");
  }

  @Test
  void twoProcessesFetchAModelOnce() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    server.answer =
        (exchange, file) -> {
          asked.countDown();
          try {
            assertTrue(go.await(60, TimeUnit.SECONDS));
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
          FileServer.well(exchange, file);
        };
    server.put("pt", GOLDEN);
    ModelHub hub = new ModelHub.Builder(Map.of()).home(home).mirror(server.address()).build();
    ModelEntry pt = hub.find("pt").orElseThrow();
    CompletableFuture<Path> here = CompletableFuture.supplyAsync(() -> hub.fetch(pt));
    asked.await();
    Process other = process().start();
    try (var lines = other.inputReader()) {
      assertEquals("waiting", lines.readLine());
      go.countDown();
      assertEquals(home.resolve("pt").toString(), lines.readLine());
      assertEquals(0, other.waitFor());
    } finally {
      other.destroyForcibly();
    }
    assertEquals(home.resolve("pt"), here.get());
    assertEquals(2, server.requests.size());
  }

  @Test
  void aFullDiskIsSaidAndTheCacheStaysAsItWas() throws Exception {
    // A limit on the size of files, in units of 512 or 1024 bytes, acts like a full disk.
    ChildJvm.Ended ended = process().shell("ulimit -f 64; exec \"$@\"").run();
    assertEquals(1, ended.code(), ended::toString);
    assertTrue(
        ended.toString().contains("expected a cache that can be written in " + home),
        ended::toString);
    assertFalse(Files.exists(home.resolve("pt")));
    assertEquals(2, server.requests.size());
  }

  @Test
  void aCacheThatCannotBeMadeIsSaid() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "x");
    for (Path bad : List.of(file, file.resolve("sub"), Path.of("/proc/elmo4j"))) {
      home = bad;
      String message = fails(unknown());
      assertTrue(message.contains("a cache that can be written in " + bad), message);
    }
    assertEquals(List.of(), server.requests);
  }

  @Test
  void aCachedFileOfAWrongSizeIsFetchedAgain() throws IOException {
    fetch(known());
    Files.write(home.resolve("m/weights.hdf5"), new byte[10]);
    assertFetched(fetch(known()));
    Files.delete(home.resolve("m/options.json"));
    assertFetched(fetch(unknown()));
  }

  @Test
  void aMirrorHasTheLayoutOfTheCache() throws IOException {
    server.put("models/5.5B", GOLDEN);
    server.put("models/pt", GOLDEN);
    ModelHub hub =
        new ModelHub.Builder(Map.of("ELMO4J_MIRROR", server.address() + "/models/"))
            .home(home)
            .build();
    Path got = hub.fetch(hub.find("PT").orElseThrow());
    assertEquals(home.resolve("pt"), got);
    assertEquals("/models/pt/options.json", server.requests.get(0).path());
    ModelEntry large = hub.find("5.5b").orElseThrow();
    String message = assertThrows(ElmoException.class, () -> hub.fetch(large)).getMessage();
    assertTrue(message.contains("expected 93600848 parameters, found "), message);
    assertFalse(hub.isCached(large));
    for (String bad : List.of("ftp://x/", "/folder", "http:// x", "")) {
      ModelHub.Builder builder = new ModelHub.Builder(Map.of());
      assertThrows(ElmoException.class, () -> builder.mirror(bad), bad);
    }
  }

  @Test
  void theProxyOfTheEnvironmentIsUsed() throws IOException {
    URI address = URI.create("http://models.invalid/m/");
    ModelEntry far =
        new ModelEntry(
            "m",
            List.of(),
            "en",
            "",
            "",
            0,
            List.of(
                new RemoteFile(
                    "options.json", address.resolve("options.json"), 0, Optional.empty()),
                new RemoteFile(
                    "weights.hdf5", address.resolve("weights.hdf5"), 0, Optional.empty())));
    ModelHub hub =
        new ModelHub.Builder(Map.of("http_proxy", server.address()))
            .home(home)
            .models(List.of(far))
            .build();
    assertFetched(hub.fetch(far));
    assertEquals(2, server.requests.size());
    home = folder.resolve("other");
    ModelHub bad =
        new ModelHub.Builder(Map.of("http_proxy", "socks5://me:secret@x"))
            .home(home)
            .models(List.of(far))
            .build();
    String message = fails(bad, far);
    assertTrue(message.contains("http_proxy") && !message.contains("secret"), message);
  }

  @Test
  void settingsComeFromTheEnvironment() {
    Path user = Path.of(System.getProperty("user.home"));
    assertEquals(user.resolve(".cache/elmo4j"), home(Map.of()));
    assertEquals(user.resolve(".cache/elmo4j"), home(Map.of("XDG_CACHE_HOME", "relative")));
    assertEquals(Path.of("/x/elmo4j"), home(Map.of("XDG_CACHE_HOME", "/x")));
    assertEquals(Path.of("/y"), home(Map.of("XDG_CACHE_HOME", "/x", "ELMO4J_HOME", "/y")));
    ModelEntry model = unknown();
    ModelHub offline =
        new ModelHub.Builder(Map.of("ELMO4J_OFFLINE", "1"))
            .home(home)
            .models(List.of(model))
            .build();
    assertTrue(fails(offline, model).contains("offline"));
  }

  private static Path home(Map<String, String> environment) {
    return new ModelHub.Builder(environment).build().home();
  }

  @Test
  void theSameNameMayStandForAModelInEachLanguage() {
    ModelHub hub = new ModelHub.Builder(Map.of()).home(home).build();
    assertEquals("original", hub.find("elmo").orElseThrow().name());
    assertEquals("original", hub.find("ELMo", "en").orElseThrow().name());
    assertEquals("pt", hub.find("elmo", "pt").orElseThrow().name());
    assertTrue(hub.find("elmo", "xx").isEmpty());
    String message = assertThrows(ElmoException.class, () -> hub.open("elmo", "xx")).getMessage();
    assertTrue(message.contains("original (en)") && message.contains("pt (pt)"), message);
    assertThrows(ElmoException.class, () -> hub.open(null, null));
    assertThrows(ElmoException.class, () -> ElmoModel.pretrained("no such model"));
    assertThrows(ElmoException.class, () -> ElmoModel.pretrained("elmo", null));
    try (WeightStore box = hub.open("mini-en", "en")) {
      assertEquals(
          hub.find("mini-en").orElseThrow().parameters(), TensorShapes.parameters(box.options()));
    }
    assertTrue(hub.isCached(hub.find("mini-en").orElseThrow()));
  }

  @Test
  void theRegistryIsSound() {
    List<ModelEntry> models = ModelHub.standard().models();
    Set<String> names = new HashSet<>();
    for (ModelEntry model : models) {
      assertTrue(model.name().matches("[A-Za-z0-9.-]+"), model.name());
      assertTrue(names.add(model.name() + " " + model.language()));
      model.aliases().forEach(alias -> assertTrue(names.add(alias + " " + model.language())));
      assertFalse(model.description().isBlank() || model.licence().isBlank());
      for (RemoteFile file : model.files()) {
        assertEquals("https", file.url().getScheme());
        assertTrue(file.sha256().stream().allMatch(sum -> sum.matches("[0-9a-f]{64}")));
        assertEquals(
            file.name().substring(file.name().lastIndexOf('.')),
            file.url().getPath().substring(file.url().getPath().lastIndexOf('.')));
      }
    }
    assertEquals(
        List.of("mini-en", "small", "medium", "original", "5.5B", "pubmed", "pt"),
        models.stream().map(ModelEntry::name).toList());
    assertEquals(54_402_456, models.get(1).size());
    assertEquals(Optional.empty(), models.get(2).files().get(1).sha256());
  }

  @Test
  void aWrongCachedFileIsNamedOffline() throws IOException {
    ModelEntry model = known();
    ModelHub offline = builder(model).offline(true).build();
    assertFetched(fetch(model));
    Path file = home.resolve("m/weights.hdf5");
    Files.write(file, new byte[10]);
    assertFalse(offline.isCached(model));
    assertEquals(
        "model m: expected "
            + weights.length
            + " bytes in "
            + file
            + ", found 10 bytes, and offline mode forbids to fetch them",
        assertThrows(ElmoException.class, () -> offline.fetch(model)).getMessage());
    Files.delete(file);
    assertTrue(
        assertThrows(ElmoException.class, () -> offline.fetch(model))
            .getMessage()
            .contains("expected " + file + ", found no such file"));
  }

  @Test
  void otherBytesOfTheSameSizeAreNotTrusted() throws IOException {
    for (ModelEntry model : List.of(known(), unknown())) {
      ModelHub offline = builder(model).offline(true).build();
      fetch(model);
      Path file = home.resolve("m/weights.hdf5");
      byte[] other = weights.clone();
      other[other.length / 2] ^= 1;
      Files.write(file, other);
      Files.setLastModifiedTime(file, FileTime.fromMillis(1_000_000));
      String message = assertThrows(ElmoException.class, () -> offline.fetch(model)).getMessage();
      assertTrue(
          message.contains(
              "expected sha256 " + known().files().get(1).sha256().get() + " of " + file),
          message);
      assertFetched(fetch(model));
    }
  }

  @Test
  void filesThatSomebodyPutThereAreVerifiedAndRecorded() throws IOException {
    ModelEntry model = unknown();
    Path put = Files.createDirectories(home.resolve("m"));
    for (String name : List.of("options.json", "weights.hdf5")) {
      Files.copy(GOLDEN.folder().resolve(name), put.resolve(name));
    }
    ModelHub offline = builder(model).offline(true).build();
    assertEquals(put, offline.fetch(model));
    String record = Files.readString(put.resolve(CacheRecord.NAME));
    assertTrue(record.contains(known().files().get(1).sha256().get()), record);
    // A damaged record is ignored.
    Files.writeString(put.resolve(CacheRecord.NAME), "{\"weights.hdf5\": 3");
    assertTrue(offline.isCached(model));
    Files.delete(put.resolve(CacheRecord.NAME));
    Files.write(put.resolve("weights.hdf5"), new byte[weights.length]);
    String message = assertThrows(ElmoException.class, () -> offline.fetch(model)).getMessage();
    assertTrue(message.contains("expected the published files, found others"), message);
    assertFalse(Files.exists(put.resolve(CacheRecord.NAME)));
    assertEquals(List.of(), server.requests);
  }

  @Test
  void aStrangersFileInTheCacheStays() throws IOException {
    Path stranger = Files.createDirectories(home.resolve("m")).resolve("model.safetensors");
    Files.writeString(stranger, "not ours");
    Files.writeString(
        Files.createDirectories(home.resolve("m.partial")).resolve(".nfs1"), "not ours");
    ModelEntry model = known();
    ModelHub hub = builder(model).build();
    hub.fetch(model);
    assertEquals("not ours", Files.readString(stranger));
    assertTrue(hub.isCached(model));
    try (WeightStore store = hub.open("m", null)) {
      assertTrue(store.source().startsWith(home.toString()), store.source());
    }
  }

  @Test
  void settingsThatAreNoPathsOrAddressesAreNamed() {
    for (String variable : List.of("ELMO4J_HOME", "XDG_CACHE_HOME")) {
      String message =
          assertThrows(ElmoException.class, () -> home(Map.of(variable, "/a\0b"))).getMessage();
      assertTrue(message.contains(variable) && message.contains("\\u0000"), message);
    }
    for (String bad :
        List.of(
            "http://x:99999/",
            "http://x:0",
            "http://x/?a=b",
            "http://x/#a",
            "file:///tmp",
            "http://",
            "http://me:secret@x:y/")) {
      String message =
          assertThrows(ElmoException.class, () -> ModelHub.builder().mirror(bad)).getMessage();
      assertTrue(message.contains("ELMO4J_MIRROR") && !message.contains("secret"), message);
    }
    assertThrows(ElmoException.class, () -> ModelHub.builder().mirror(null));
    for (String bad : List.of("http://x:99999", "http://x:0", "http://", "://", "a b")) {
      URI far = URI.create("http://models.invalid/m");
      assertThrows(
          ElmoException.class, () -> Proxies.of(Map.of("http_proxy", bad)).select(far), bad);
    }
  }

  @Test
  void aDownloadThatGotNothingLeavesNoFolder() throws IOException {
    server.answer = (exchange, file) -> exchange.sendResponseHeaders(503, -1);
    fails(unknown());
    assertEquals(Set.of("m.lock"), names(home));
  }
}
