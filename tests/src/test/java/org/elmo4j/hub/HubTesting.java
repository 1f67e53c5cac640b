// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.elmo4j.hub.ModelEntry.RemoteFile;
import org.elmo4j.oracle.GoldenCase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The server, the cache and the model that the tests of the hub share. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class HubTesting {
  static final GoldenCase GOLDEN = GoldenCase.named("relu-skip");
  static final String WEIGHTS = "/m/weights.hdf5";

  @TempDir Path folder;
  Path home;
  FileServer server;
  byte[] weights;

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

  /** Returns the entry of a model on the server with this size and SHA-256 sum of its weights. */
  ModelEntry model(long size, String sum) {
    return new ModelEntry(
        "m",
        List.of("golden"),
        "en",
        "a golden case",
        "CC0-1.0",
        0,
        List.of(
            new RemoteFile(
                "options.json",
                URI.create(server.address() + "/m/options.json"),
                0,
                Optional.empty()),
            new RemoteFile(
                "weights.hdf5",
                URI.create(server.address() + WEIGHTS),
                size,
                Optional.ofNullable(sum))));
  }

  ModelHub.Builder builder(ModelEntry model) {
    return new ModelHub.Builder(Map.of())
        .home(home)
        .models(List.of(model))
        .times(Duration.ofSeconds(30), Duration.ofMillis(1));
  }

  ModelEntry unknown() {
    return model(0, null);
  }

  ModelEntry known() throws IOException {
    return model(weights.length, Downloader.sha256(GOLDEN.folder().resolve("weights.hdf5")));
  }

  Path fetch(ModelEntry model) {
    return builder(model).build().fetch(model);
  }

  String fails(ModelEntry model) {
    return fails(builder(model).build(), model);
  }

  String fails(ModelHub hub, ModelEntry model) {
    String message = assertThrows(ElmoException.class, () -> hub.fetch(model)).getMessage();
    assertEquals(1, message.lines().count(), message);
    assertFalse(hub.isCached(model));
    assertFalse(Files.exists(home.resolve("m")));
    return message;
  }

  void assertFetched(Path got) throws IOException {
    assertEquals(home.resolve("m"), got);
    assertEquals(Set.of("options.json", "weights.hdf5", CacheRecord.NAME), names(got));
    assertArrayEquals(weights, Files.readAllBytes(got.resolve("weights.hdf5")));
    assertEquals(Set.of("m", "m.lock"), names(home));
  }

  static Set<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return new HashSet<>(files.map(file -> file.getFileName().toString()).toList());
    }
  }

  /** Returns the range of each request for the weights, "all" if it had none. */
  List<String> ranges() {
    return server.requests.stream()
        .filter(request -> request.path().equals(WEIGHTS))
        .map(request -> request.range() == null ? "all" : request.range())
        .toList();
  }
}
