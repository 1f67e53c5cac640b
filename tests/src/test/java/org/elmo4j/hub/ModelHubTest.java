// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.hub.ModelEntry.RemoteFile;
import org.elmo4j.oracle.GoldenCase;
import org.elmo4j.weights.WeightStore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Fetching models from servers of every kind of behaviour. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ModelHubTest {
  private static final GoldenCase GOLDEN = GoldenCase.named("relu-skip");
  private static final String WEIGHTS = "/m/weights.hdf5";

  @TempDir Path folder;
  private Path home;
  private FileServer server;
  private byte[] weights;

  @BeforeEach
  void start() throws IOException {
    home = folder.resolve("cache");
    server = new FileServer();
    server.put("m", GOLDEN);
    weights = server.get(WEIGHTS);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  /** A model of the server, with the size and sum of its weights as said. */
  private ModelEntry model(long size, String sum) {
    return new ModelEntry(
        "m",
        List.of("golden"),
        "en",
        "a golden case",
        "CC0-1.0",
        0,
        List.of(
            new RemoteFile(
                "options.json", URI.create(server.address() + "/m/options.json"), 0, null),
            new RemoteFile("weights.hdf5", URI.create(server.address() + WEIGHTS), size, sum)));
  }

  private ModelHub.Builder builder(ModelEntry model) {
    return new ModelHub.Builder(Map.of())
        .home(home)
        .models(List.of(model))
        .times(Duration.ofSeconds(30), Duration.ofMillis(1));
  }

  private ModelEntry unknown() {
    return model(0, null);
  }

  private ModelEntry known() throws IOException {
    return model(weights.length, Downloader.sha256(GOLDEN.folder().resolve("weights.hdf5")));
  }

  private Path fetch(ModelEntry model) {
    return builder(model).build().fetch(model);
  }

  private String fails(ModelEntry model) {
    return fails(builder(model).build(), model);
  }

  private String fails(ModelHub hub, ModelEntry model) {
    String message = assertThrows(ElmoException.class, () -> hub.fetch(model)).getMessage();
    assertEquals(1, message.lines().count(), message);
    assertFalse(hub.isCached(model));
    assertFalse(Files.exists(home.resolve("m")));
    return message;
  }

  private void assertFetched(Path got) throws IOException {
    assertEquals(home.resolve("m"), got);
    assertEquals(Set.of("options.json", "weights.hdf5"), names(got));
    assertArrayEquals(weights, Files.readAllBytes(got.resolve("weights.hdf5")));
    assertEquals(Set.of("m", "m.lock"), names(home));
  }

  private static Set<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return new HashSet<>(files.map(file -> file.getFileName().toString()).toList());
    }
  }

  /** The ranges that the weights were asked for by. */
  private List<String> ranges() {
    return server.requests.stream()
        .filter(request -> request.path().equals(WEIGHTS))
        .map(request -> request.range() == null ? "all" : request.range())
        .toList();
  }

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
  void aDownloadThatIsCutOffGoesOnWhereItWas() throws IOException {
    server.answer = FileServer.cutAfter(100_000);
    assertFetched(fetch(unknown()));
    assertEquals(
        List.of("all", "bytes=100000-", "bytes=200000-", "bytes=300000-", "bytes=400000-"),
        ranges());
    String tag = FileServer.tag(weights);
    assertTrue(
        server.requests.stream().allMatch(r -> r.range() == null || r.ifRange().equals(tag)));
  }

  @Test
  void aLaterRunGoesOnWhereOneFailed() throws IOException {
    // After 100,000 bytes only heads come.
    server.answer =
        (exchange, file) -> {
          if (exchange.getRequestHeaders().getFirst("Range") != null) {
            exchange.sendResponseHeaders(503, -1);
          } else {
            FileServer.begin(exchange, file, 100_000, true);
          }
        };
    String message = fails(unknown());
    assertTrue(message.contains("HTTP status 503") && message.contains(WEIGHTS), message);
    assertTrue(message.endsWith("the next run goes on from there"), message);
    assertEquals(4, ranges().size());
    assertEquals(100_000, Files.size(home.resolve("m.partial/weights.hdf5.part")));
    server.requests.clear();
    server.answer = FileServer::well;
    assertFetched(fetch(unknown()));
    assertEquals(1, server.requests.size()); // The options were complete.
    assertEquals(List.of("bytes=100000-"), ranges());
  }

  @Test
  void aServerThatKnowsNoRangesSendsAllOfIt() throws IOException {
    int[] cuts = {0};
    server.answer =
        (exchange, file) ->
            FileServer.begin(exchange, file, file == weights && cuts[0]++ == 0 ? 9 : 0, false);
    assertFetched(fetch(known()));
    // The sum is known: a part may be asked for without a tag.
    assertEquals(List.of("all", "bytes=9-"), ranges());
  }

  @Test
  void withoutTagAndSumAPartIsNotTrusted() throws IOException {
    int[] cuts = {0};
    server.answer =
        (exchange, file) ->
            FileServer.begin(exchange, file, file == weights && cuts[0]++ == 0 ? 9 : 0, false);
    assertFetched(fetch(unknown()));
    assertEquals(List.of("all", "all"), ranges());
  }

  @Test
  void aFileThatChangedMeanwhileIsFetchedWhole() throws IOException {
    byte[] old = weights.clone();
    Arrays.fill(old, 1000, 2000, (byte) 7);
    server.put(WEIGHTS, old);
    server.answer =
        (exchange, file) -> {
          FileServer.begin(exchange, file, file == old ? 5000 : 0, true);
          if (file == old) {
            server.put(WEIGHTS, weights);
          }
        };
    assertFetched(fetch(unknown()));
    assertEquals(List.of("all", "bytes=5000-"), ranges());
  }

  @Test
  void wrongBytesAreRefusedAndForgotten() throws IOException {
    byte[] wrong = weights.clone();
    wrong[wrong.length / 2] ^= 1;
    server.put(WEIGHTS, wrong);
    String message = fails(known());
    assertTrue(message.contains("sha256"), message);
    assertTrue(message.contains(known().files().get(1).sha256()), message);
    assertEquals(List.of("all"), ranges());
    assertEquals(Set.of("options.json"), names(home.resolve("m.partial")));
    server.put(WEIGHTS, weights);
    assertFetched(fetch(known()));
  }

  @Test
  void wrongBytesOfAnEarlierRunAreFetchedAgain() throws IOException {
    for (int length : new int[] {1000, weights.length, weights.length + 1}) {
      Path partial = Files.createDirectories(folder.resolve("cache" + length + "/m.partial"));
      home = partial.getParent();
      Files.write(partial.resolve("weights.hdf5.part"), new byte[length]);
      assertFetched(fetch(known()));
      assertEquals("all", ranges().get(ranges().size() - 1));
    }
  }

  @Test
  void aServerThatAlwaysBreaksAndSendsWrongBytesIsGivenUp() throws IOException {
    server.put(WEIGHTS, new byte[weights.length]);
    server.answer = FileServer.cutAfter(200_000);
    assertTrue(fails(known()).contains("sha256"));
    assertEquals(6, ranges().size());
  }

  @Test
  void aSizeThatIsNotThePublishedOneIsRefusedBeforeTheBodyComes() throws IOException {
    server.put(WEIGHTS, Arrays.copyOf(weights, weights.length - 1));
    String message = fails(known());
    assertTrue(
        message.contains((weights.length - 1) + " bytes in place of " + weights.length), message);
    assertEquals(1, ranges().size());
  }

  @Test
  void moreThanThePublishedSizeIsRefused() throws IOException {
    // Length 0 stands for chunks: an answer that does not say how long it is.
    server.answer =
        (exchange, file) -> {
          exchange.sendResponseHeaders(200, 0);
          exchange.getResponseBody().write(file);
          exchange.getResponseBody().write(1);
          exchange.getResponseBody().close();
        };
    String message = fails(known());
    assertTrue(message.contains("more than its " + weights.length + " bytes"), message);
  }

  @Test
  void chunksOfUnknownLengthWorkUnlessTheyEndTooSoon() throws IOException {
    server.answer =
        (exchange, file) -> {
          exchange.sendResponseHeaders(200, 0);
          exchange.getResponseBody().write(file);
          exchange.getResponseBody().close();
        };
    assertFetched(fetch(unknown()));
    home = folder.resolve("other");
    server.put(WEIGHTS, Arrays.copyOf(weights, 1000));
    assertTrue(fails(known()).contains("its end after 1000 of " + weights.length));
    assertTrue(fails(unknown()).contains("expected the published files, found others"));
  }

  @Test
  void aServerThatPromisesMoreThanItSendsIsAskedAgainAndGivenUp() {
    server.answer = (exchange, file) -> FileServer.begin(exchange, file, 7, false);
    String message = fails(unknown());
    assertTrue(message.contains("its end after 7 of "), message);
    assertFalse(message.contains("goes on"), message);
    assertEquals(4, server.requests.size());
  }

  @Test
  void anotherPartThanAskedForIsNotTaken() throws IOException {
    int[] requests = {0};
    server.answer =
        (exchange, file) -> {
          if (exchange.getRequestHeaders().getFirst("Range") == null) {
            FileServer.begin(exchange, file, file == weights && requests[0]++ == 0 ? 500 : 0, true);
          } else {
            exchange.getResponseHeaders().set("Content-Range", "bytes 0-9/" + file.length);
            exchange.sendResponseHeaders(206, 10);
            exchange.getResponseBody().write(file, 0, 10);
          }
        };
    assertFetched(fetch(unknown()));
    assertEquals(List.of("all", "bytes=500-", "all"), ranges());
  }

  @Test
  void aSilentServerIsNotWaitedForForEver() {
    ModelEntry model = unknown();
    ModelHub hub = builder(model).times(Duration.ofMillis(300), Duration.ofMillis(1)).build();
    server.answer = server::silent;
    assertTrue(fails(hub, model).contains("silence for 0.3 s"));
    assertEquals(4, server.requests.size());
    server.answer = server.silentAfter(10);
    String message = fails(hub, model);
    assertTrue(message.contains("silence for 0.3 s after 10 bytes"), message);
  }

  @Test
  void aServerThatFallsSilentOnceIsAskedForTheRest() throws IOException {
    ModelEntry model = unknown();
    AtomicInteger answers = new AtomicInteger();
    server.answer =
        (exchange, file) -> {
          if (file == weights && answers.getAndIncrement() == 0) {
            exchange.getResponseHeaders().set("ETag", FileServer.tag(file));
            server.silentAfter(10_000).to(exchange, file);
          } else {
            FileServer.well(exchange, file);
          }
        };
    assertFetched(
        builder(model).times(Duration.ofSeconds(2), Duration.ofMillis(1)).build().fetch(model));
    assertEquals(List.of("all", "bytes=10000-"), ranges());
  }

  @Test
  void redirectsAreFollowedAndKeepTheRange() throws IOException {
    server.put("/moved/options.json", server.get("/m/options.json"));
    server.put("/moved/weights.hdf5", weights);
    FileServer.Answer cutting = FileServer.cutAfter(200_000);
    server.answer =
        (exchange, file) -> {
          String path = exchange.getRequestURI().getPath();
          if (path.startsWith("/m/")) {
            exchange.getResponseHeaders().set("Location", "/moved" + path.substring(2));
            exchange.sendResponseHeaders(302, -1);
          } else {
            cutting.to(exchange, file);
          }
        };
    assertFetched(fetch(unknown()));
    assertTrue(
        server.requests.stream()
            .anyMatch(
                r -> r.path().equals("/moved/weights.hdf5") && "bytes=200000-".equals(r.range())));
  }

  @Test
  void aRedirectInACircleFails() {
    server.answer =
        (exchange, file) -> {
          exchange.getResponseHeaders().set("Location", exchange.getRequestURI().getPath());
          exchange.sendResponseHeaders(302, -1);
        };
    assertTrue(fails(unknown()).contains("302"));
  }

  @Test
  void aMissingFileFailsAtOnceAndABusyServerIsAskedAgain() throws IOException {
    server.answer = (exchange, file) -> exchange.sendResponseHeaders(404, -1);
    assertTrue(fails(unknown()).contains("HTTP status 404"));
    assertEquals(1, server.requests.size());
    int[] answers = {0};
    server.answer =
        (exchange, file) -> {
          if (answers[0]++ < 3) {
            exchange.sendResponseHeaders(answers[0] == 1 ? 429 : 503, -1);
          } else {
            FileServer.well(exchange, file);
          }
        };
    assertFetched(fetch(unknown()));
  }

  @Test
  void aServerThatIsNotThereIsSaidAtOnce() {
    ModelEntry model = unknown();
    server.close();
    String message = fails(model);
    assertTrue(message.contains("no connection") && message.contains("ELMO4J_MIRROR"), message);
  }

  @Test
  void aPageInPlaceOfTheFilesIsNoModel() throws IOException {
    FileServer.Answer page =
        (exchange, file) ->
            FileServer.well(exchange, "<html>Log in</html>".getBytes(StandardCharsets.UTF_8));
    server.answer = page;
    String message = fails(unknown());
    assertTrue(message.contains("expected the published files, found others"), message);
    server.answer = FileServer::well;
    assertFetched(fetch(unknown()));
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

  /** A process that runs {@link FetchMain}, begun by a shell that may set a limit first. */
  private Process process(String before) throws IOException {
    server.put("pt", GOLDEN);
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    ProcessBuilder process =
        new ProcessBuilder(
            "sh",
            "-c",
            before + "exec \"$@\"",
            "sh",
            java,
            "-Xmx256m",
            "-XX:-UsePerfData",
            "-cp",
            System.getProperty("java.class.path"),
            FetchMain.class.getName(),
            home.toString(),
            server.address(),
            "pt");
    return process.redirectErrorStream(true).start();
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
    Process other = process("");
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
    // A limit on the size of files, in units of 512 or 1024 bytes, stands for the full disk.
    Process process = process("ulimit -f 64; ");
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(1, process.waitFor(), out);
    assertTrue(out.contains("expected a cache that can be written in " + home), out);
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
  void anInterruptEndsADownloadAndKeepsWhatCame() throws Exception {
    ModelEntry model = unknown();
    CountDownLatch asked = new CountDownLatch(1);
    server.answer =
        (exchange, file) -> {
          if (file == weights) {
            exchange.getResponseHeaders().set("ETag", FileServer.tag(file));
            exchange.sendResponseHeaders(200, file.length);
            exchange.getResponseBody().write(file, 0, 10_000);
            exchange.getResponseBody().flush();
            asked.countDown();
            server.silent(exchange, file);
          } else {
            FileServer.well(exchange, file);
          }
        };
    Path part = home.resolve("m.partial/weights.hdf5.part");
    CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              String message = fails(model);
              interrupted.complete(
                  message.contains("interrupt") && Thread.currentThread().isInterrupted());
            });
    thread.start();
    asked.await();
    while (!Files.exists(part) || Files.size(part) < 10_000) {
      Thread.sleep(1);
    }
    thread.interrupt();
    assertTrue(interrupted.get());
    assertEquals(10_000, Files.size(part));
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
  void progressGrowsToTheSizeOfEachFile() throws IOException {
    byte[] big = Arrays.copyOf(weights, 5_000_000);
    server.put(WEIGHTS, big);
    server.answer = FileServer.cutAfter(2_000_000);
    ModelEntry model = unknown();
    List<Long> seen = new ArrayList<>();
    builder(model)
        .progress(
            (file, bytes, total) -> {
              if (file.equals("weights.hdf5")) {
                assertEquals(big.length, total);
                seen.add(bytes);
              }
            })
        .build()
        .fetch(model);
    assertEquals(seen.stream().sorted().toList(), seen);
    assertEquals(0, seen.get(0));
    assertTrue(seen.contains(2_000_000L) && seen.contains(4_000_000L), seen.toString());
    assertEquals(big.length, seen.get(seen.size() - 1));
    assertTrue(seen.size() > 5, seen.toString());
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
                new RemoteFile("options.json", address.resolve("options.json"), 0, null),
                new RemoteFile("weights.hdf5", address.resolve("weights.hdf5"), 0, null)));
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
      assertEquals(hub.find("mini-en").orElseThrow().parameters(), box.options().parameters());
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
        assertTrue(file.sha256() == null || file.sha256().matches("[0-9a-f]{64}"));
        assertEquals(
            file.name().substring(file.name().lastIndexOf('.')),
            file.url().getPath().substring(file.url().getPath().lastIndexOf('.')));
      }
    }
    assertEquals(
        List.of("mini-en", "small", "medium", "original", "5.5B", "pubmed", "pt"),
        models.stream().map(ModelEntry::name).toList());
    assertEquals(54_402_456, models.get(1).size());
    assertNull(models.get(2).files().get(1).sha256());
  }
}
