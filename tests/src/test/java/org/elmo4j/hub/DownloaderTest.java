// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Tests downloads of models from servers that behave well and badly in many ways. */
class DownloaderTest extends HubTesting {
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
    // The first answer breaks off after 100,000 bytes. Requests for the rest get an error.
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
    assertEquals(1, server.requests.size()); // options.json was complete already.
    assertEquals(List.of("bytes=100000-"), ranges());
  }

  @Test
  void aServerThatKnowsNoRangesSendsAllOfIt() throws IOException {
    int[] cuts = {0};
    server.answer =
        (exchange, file) ->
            FileServer.begin(exchange, file, file == weights && cuts[0]++ == 0 ? 9 : 0, false);
    assertFetched(fetch(known()));
    // The sum is known, so the rest may be requested without a tag.
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
    assertTrue(message.contains(known().files().get(1).sha256().get()), message);
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
    // Length 0 means chunked transfer: the answer does not state its length.
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
    ModelHub hub = builder(model).times(Duration.ofMillis(100), Duration.ofMillis(1)).build();
    server.answer = server::silent;
    assertTrue(fails(hub, model).contains("silence for 0.1 s"));
    assertEquals(4, server.requests.size());
    server.answer = server.silentAfter(10);
    String message = fails(hub, model);
    assertTrue(message.contains("silence for 0.1 s after 10 bytes"), message);
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
        builder(model).times(Duration.ofMillis(600), Duration.ofMillis(1)).build().fetch(model));
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

  /** Breaks off the first answer after some bytes. {@code ranges} answers requests for ranges. */
  private FileServer.Answer cutThen(int bytes, FileServer.Answer ranges) {
    return (exchange, file) -> {
      if (file == weights && exchange.getRequestHeaders().getFirst("Range") != null) {
        ranges.to(exchange, file);
      } else {
        FileServer.begin(exchange, file, file == weights ? bytes : 0, true);
      }
    };
  }

  @Test
  void aServerThatCutsOffAndAnswersRangesWronglyIsGivenUp() {
    for (String range :
        List.of(
            "bytes 0-9/100",
            "bytes x-9/100",
            "bytes 99999999999999999999-99999999999999999999/99999999999999999999",
            "",
            "bytes 100000-9")) {
      server.requests.clear();
      server.answer =
          cutThen(
              100_000,
              (exchange, file) -> {
                exchange.getResponseHeaders().set("ETag", FileServer.tag(file));
                exchange.getResponseHeaders().set("Content-Range", range);
                exchange.sendResponseHeaders(206, 10);
                exchange.getResponseBody().write(file, 0, 10);
              });
      String message = fails(unknown());
      assertTrue(ranges().size() <= 8, ranges().toString());
      assertTrue(message.contains(WEIGHTS), message);
    }
  }

  @Test
  void aServerThatSendsAByteEachTimeIsGivenUp() {
    server.answer = cutThen(1, FileServer.cutAfter(1));
    fails(unknown());
    assertEquals(100, ranges().size());
  }

  @Test
  void aPartOfAnotherVersionIsNotSplicedOn() throws IOException {
    record Other(String header, String value) {}
    for (Other other :
        List.of(
            new Other("ETag", "\"other\""),
            new Other("ETag", "W/" + FileServer.tag(weights)),
            new Other("Content-Range", "bytes 5000-9999/10000"),
            new Other("Last-Modified", "Fri, 02 Jan 2026 00:00:00 GMT"))) {
      server.requests.clear();
      home = folder.resolve("cache" + other.hashCode());
      int[] whole = {0};
      server.answer =
          (exchange, file) -> {
            exchange.getResponseHeaders().set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT");
            if (exchange.getRequestHeaders().getFirst("Range") == null) {
              FileServer.begin(exchange, file, file == weights && whole[0]++ == 0 ? 5000 : 0, true);
              return;
            }
            exchange.getResponseHeaders().set("ETag", FileServer.tag(file));
            exchange
                .getResponseHeaders()
                .set("Content-Range", "bytes 5000-" + (file.length - 1) + "/" + file.length);
            exchange.getResponseHeaders().set(other.header(), other.value());
            exchange.sendResponseHeaders(206, file.length - 5000);
            exchange.getResponseBody().write(new byte[file.length - 5000]);
          };
      assertFetched(fetch(unknown()));
      assertEquals(List.of("all", "bytes=5000-", "all"), ranges());
    }
  }

  @Test
  void aLeftoverTagThatIsNoneIsForgotten() throws IOException {
    Path partial = Files.createDirectories(home.resolve("m.partial"));
    for (String tag : List.of("", "x", "\"a\n\"", "\"a\r\nb: c\"", "\"\u00e4\0\"", "\"older\"")) {
      Files.write(partial.resolve("weights.hdf5.part"), new byte[5000]);
      Files.writeString(partial.resolve("weights.hdf5.etag"), tag);
      server.requests.clear();
      server.answer = (exchange, file) -> exchange.sendResponseHeaders(404, -1);
      assertTrue(fails(known()).contains("404"));
      server.answer = FileServer::well;
      assertFetched(fetch(unknown()));
      assertEquals("all", ranges().get(ranges().size() - 1));
      home = folder.resolve("cache" + tag.hashCode());
      partial = home.resolve("m.partial");
      Files.createDirectories(partial);
    }
  }

  @Test
  void aBodyWithoutAnEndIsCutOff() {
    server.answer =
        (exchange, file) -> {
          exchange.sendResponseHeaders(200, 0);
          byte[] piece = new byte[1 << 16];
          for (int i = 0; i < 1000; i++) {
            exchange.getResponseBody().write(piece);
          }
        };
    String message = fails(unknown());
    assertTrue(message.contains("more than the 1048576 bytes that it may have"), message);
    assertEquals(1, server.requests.size());
    server.answer = (exchange, file) -> exchange.sendResponseHeaders(200, 1L << 50);
    message = fails(unknown());
    assertTrue(message.contains("more than the 1048576"), message);
  }

  @Test
  void aServerThatDripsIsGivenUp() {
    ModelEntry model = unknown();
    server.answer =
        (exchange, file) -> {
          exchange.sendResponseHeaders(200, file.length);
          try {
            for (int i = 0; i < 100; i++) {
              exchange.getResponseBody().write(file, i, 1);
              exchange.getResponseBody().flush();
              Thread.sleep(5);
            }
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        };
    ModelHub hub = builder(model).times(Duration.ofMillis(60), Duration.ofMillis(1)).build();
    String message = fails(hub, model);
    assertTrue(message.matches(".*only \\d+ bytes in 0.12 s.*"), message);
  }

  @Test
  void redirectsToNowhereFail() {
    for (String to :
        List.of("ftp://127.0.0.1/x", "file:///etc/passwd", "http://", "http:// x", "", "x:y:z")) {
      server.answer =
          (exchange, file) -> {
            exchange.getResponseHeaders().set("Location", to);
            exchange.sendResponseHeaders(302, -1);
          };
      assertTrue(fails(unknown()).contains("expected options.json"));
    }
    server.answer = (exchange, file) -> exchange.sendResponseHeaders(302, -1);
    assertTrue(fails(unknown()).contains("expected options.json"));
  }
}
