// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.elmo4j.oracle.GoldenCase;

/** A web server on this machine that answers as well or as badly as a test asks it to. */
public final class FileServer implements AutoCloseable {
  /** A way to answer a request for a file. */
  @FunctionalInterface
  public interface Answer {
    void to(HttpExchange exchange, byte[] file) throws IOException;
  }

  /** A request. {@code range} and {@code ifRange} are its headers. */
  public record Request(String path, String range, String ifRange) {}

  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Map<String, byte[]> files = new ConcurrentHashMap<>();
  private final CountDownLatch closing = new CountDownLatch(1);

  /** All requests, in the order of their arrival. */
  public final List<Request> requests = new CopyOnWriteArrayList<>();

  /** How the server answers. */
  public volatile Answer answer = FileServer::well;

  public FileServer() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    server.start();
  }

  /** Returns the server's address, which comes before the paths of its files. */
  public String address() {
    return "http://127.0.0.1:" + port();
  }

  public int port() {
    return server.getAddress().getPort();
  }

  public void put(String path, byte[] bytes) {
    files.put(path, bytes);
  }

  /** Serves a golden case's files under {@code /NAME/}. */
  public void put(String name, GoldenCase golden) throws IOException {
    for (String file : List.of("options.json", "weights.hdf5")) {
      put("/" + name + "/" + file, Files.readAllBytes(golden.folder().resolve(file)));
    }
  }

  public byte[] get(String path) {
    return files.get(path);
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      requests.add(
          new Request(
              path,
              exchange.getRequestHeaders().getFirst("Range"),
              exchange.getRequestHeaders().getFirst("If-Range")));
      byte[] file = files.get(path);
      if (file == null) {
        exchange.sendResponseHeaders(404, -1);
      } else {
        answer.to(exchange, file);
      }
    }
  }

  /** Returns the ETag of a file. */
  public static String tag(byte[] file) {
    return "\"" + Integer.toHexString(Arrays.hashCode(file)) + "\"";
  }

  /** Answers correctly: with an ETag, and with a part of the file if the request has a range. */
  public static void well(HttpExchange exchange, byte[] file) throws IOException {
    begin(exchange, file, 0, true);
  }

  /** Like {@link #well}, but the connection breaks after so many bytes of each answer. */
  public static Answer cutAfter(int bytes) {
    return (exchange, file) -> begin(exchange, file, bytes, true);
  }

  /** Sends the headers and so many bytes, then nothing until the server is closed. */
  public Answer silentAfter(int bytes) {
    return (exchange, file) -> {
      exchange.sendResponseHeaders(200, file.length);
      exchange.getResponseBody().write(file, 0, bytes);
      exchange.getResponseBody().flush();
      await();
    };
  }

  /** Sends nothing until the server is closed. */
  public void silent(HttpExchange exchange, byte[] file) {
    await();
  }

  private void await() {
    try {
      closing.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Answers with a file or a part of it.
   *
   * @param cut the number of bytes after which the connection breaks; 0 if it does not
   * @param ranges whether the server knows ranges and ETags
   */
  public static void begin(HttpExchange exchange, byte[] file, int cut, boolean ranges)
      throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    String ifRange = exchange.getRequestHeaders().getFirst("If-Range");
    int from = 0;
    if (ranges) {
      exchange.getResponseHeaders().set("ETag", tag(file));
      if (range != null && (ifRange == null || ifRange.equals(tag(file)))) {
        from = Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
        if (from >= file.length) {
          exchange.sendResponseHeaders(416, -1);
          return;
        }
        exchange
            .getResponseHeaders()
            .set("Content-Range", "bytes " + from + "-" + (file.length - 1) + "/" + file.length);
      }
    }
    exchange.sendResponseHeaders(from > 0 ? 206 : 200, file.length - from);
    OutputStream out = exchange.getResponseBody();
    int length = cut > 0 ? Math.min(cut, file.length - from) : file.length - from;
    out.write(file, from, length);
    out.flush();
  }

  @Override
  public void close() {
    closing.countDown();
    server.stop(0);
    threads.shutdownNow();
  }
}
