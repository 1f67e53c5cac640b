// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.UnresolvedAddressException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.elmo4j.ElmoException;
import org.elmo4j.hub.ModelEntry.RemoteFile;
import org.elmo4j.internal.files.FoundFile;

/**
 * Downloads a file over HTTP. Received bytes are kept in {@code NAME.part}. The next attempt, of
 * this run or a later one, continues from there (RFC 9110, section 14) if the file on the server is
 * known to be the same, either by its published SHA-256 or by the server's entity tag, which is
 * kept in {@code NAME.etag}. The file gets its final name once its size and SHA-256 have been
 * checked. Thread-safe, but two threads must not download the same file to the same folder.
 */
final class Downloader {
  /** The most attempts in a row that bring no new bytes. */
  private static final int ATTEMPTS = 4;

  /** The most requests for one file, whether they bring bytes or not. */
  private static final int MAX_REQUESTS = 100;

  /** A server that sends fewer bytes than this in twice {@code patience} counts as silent. */
  private static final int MIN_BYTES = 1 << 10;

  private static final Pattern CONTENT_RANGE =
      Pattern.compile("bytes (\\d{1,18})-(\\d{1,18})/(\\d{1,18}|\\*)");
  private static final long REPORT_BYTES = 1 << 20;

  private final HttpClient client;
  private final Duration patience;
  private final Duration pause;

  /**
   * @param proxies chooses the proxy for an address
   * @param patience how long a server may be silent
   * @param pause before the second attempt; doubled before each further one
   */
  Downloader(ProxySelector proxies, Duration patience, Duration pause) {
    this.patience = patience;
    this.pause = pause;
    client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NORMAL)
            .connectTimeout(patience)
            .proxy(proxies)
            .build();
  }

  /**
   * Downloads a file to a folder.
   *
   * @param file its name, and its size and SHA-256 if they are known
   * @param address where to download it from
   * @param limit the most bytes that it may have
   * @param progress is called after every MiB
   * @throws ElmoException if the server does not send the file, or sends a different one
   * @throws IOException if the file cannot be written
   */
  void fetch(RemoteFile file, URI address, long limit, Path folder, ModelHub.Progress progress)
      throws IOException {
    Transfer transfer = new Transfer(file, address, limit, folder, progress);
    int failures = 0;
    boolean received = false;
    // The most bytes that were ever stored. Bytes that come again after a restart are not progress.
    long most = transfer.have();
    while (true) {
      try {
        while (!transfer.attempt()) {
          // The next attempt continues from another position.
        }
        return;
      } catch (BrokenTransfer e) {
        boolean more = transfer.have() > most;
        most = Math.max(most, transfer.have());
        received |= more;
        failures = more ? 1 : failures + 1;
        // If nothing listens there or the host is unknown, a second attempt a moment later would
        // fail too.
        boolean hopeless = e.getCause() instanceof ConnectException && !received;
        if (hopeless || failures == ATTEMPTS || transfer.requests >= MAX_REQUESTS) {
          String hint =
              transfer.start() > 0
                  ? "; what came is kept, and the next run goes on from there"
                  : " (ELMO4J_MIRROR names another place to get it from)";
          throw transfer.failure(e.getMessage() + hint, e);
        }
      } catch (InterruptedException e) {
        throw interrupted(transfer, e);
      }
      try {
        Thread.sleep(pause.toMillis() << (failures - 1));
      } catch (InterruptedException e) {
        throw interrupted(transfer, e);
      }
    }
  }

  private static ElmoException interrupted(Transfer transfer, InterruptedException e) {
    Thread.currentThread().interrupt();
    return transfer.failure("an interrupt of this thread", e);
  }

  /** The SHA-256 of a file, in lower-case hexadecimal. */
  static String sha256(Path file) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
    try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
      byte[] buffer = new byte[1 << 16];
      while (in.read(buffer) >= 0) {
        // Reading updates the digest.
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** An address without its user name and password, for messages. */
  static String withoutUser(URI address) {
    String user = address.getRawUserInfo();
    return user == null ? address.toString() : address.toString().replace(user + "@", "");
  }

  /** The network failed; another attempt may succeed. */
  private static final class BrokenTransfer extends Exception {
    private static final long serialVersionUID = 1;

    BrokenTransfer(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /** The download of one file. */
  private final class Transfer {
    private final RemoteFile file;
    private final URI address;
    private final Path target;
    private final Path part;
    private final Path tagFile;
    private final ModelHub.Progress progress;
    private final long limit;
    private boolean restarted;
    private int requests;

    Transfer(RemoteFile file, URI address, long limit, Path folder, ModelHub.Progress progress) {
      this.file = file;
      this.address = address;
      this.limit = limit;
      this.progress = progress;
      target = folder.resolve(file.name());
      part = folder.resolve(file.name() + ".part");
      tagFile = folder.resolve(file.name() + ".etag");
    }

    /** Returns the number of bytes that are already stored. */
    long have() throws IOException {
      return Files.exists(part) ? Files.size(part) : 0;
    }

    ElmoException failure(String found, Throwable cause) {
      return new ElmoException(
          withoutUser(address) + ": expected " + file.name() + ", found " + found, cause);
    }

    /** Continues the download. Returns whether the file is complete and has its final name. */
    boolean attempt() throws IOException, BrokenTransfer, InterruptedException {
      long start = start();
      boolean complete = file.size() > 0 && start == file.size();
      boolean resumed = start > 0;
      if (!complete) {
        resumed = transfer(start) > 0;
      }
      String found = mismatch();
      if (found == null) {
        try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
          channel.force(true);
        }
        Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
        Files.deleteIfExists(tagFile);
        return true;
      }
      forget();
      if (!resumed || restarted) {
        throw failure(found, null);
      }
      restarted = true; // The old part may have been the cause.
      return false;
    }

    /** Returns the position to continue from; 0 if the stored bytes cannot be trusted. */
    private long start() throws IOException {
      long have = have();
      boolean known = file.sha256().isPresent() || FileVersion.read(tagFile) != null;
      if (have > 0 && (!known || (file.size() > 0 && have > file.size()))) {
        forget();
        return 0;
      }
      return have;
    }

    private void forget() throws IOException {
      Files.deleteIfExists(part);
      Files.deleteIfExists(tagFile);
    }

    /** Returns the position from which the server continued. */
    private long transfer(long have) throws IOException, BrokenTransfer, InterruptedException {
      requests++;
      FileVersion version = FileVersion.read(tagFile);
      HttpResponse<Flow.Publisher<List<ByteBuffer>>> response = send(request(have, version));
      try (Body body = new Body(patience)) {
        response.body().subscribe(body);
        HttpHeaders headers = response.headers();
        int status = response.statusCode();
        if (status == 206 && have > 0) {
          long total = continued(headers, have, version);
          write(body, have, total);
          return have;
        }
        if (status == 200) {
          long stated = contentLength(headers);
          long total = checkTotal(stated);
          boolean chunked =
              headers.firstValue("Transfer-Encoding").orElse("").equalsIgnoreCase("chunked");
          if (total == 0 && !chunked) {
            throw failure("an answer that does not say how long it is", null);
          }
          forget();
          FileVersion.of(headers, stated).write(tagFile);
          write(body, 0, total);
          return 0;
        }
        if (status == 416) {
          forget();
        }
        if (status == 416 || status == 429 || status >= 500) {
          throw new BrokenTransfer("HTTP status " + status, null);
        }
        throw failure("HTTP status " + status, null);
      }
    }

    private HttpRequest request(long have, FileVersion version) {
      try {
        HttpRequest.Builder request = HttpRequest.newBuilder(address);
        if (have > 0) {
          request.header("Range", "bytes=" + have + "-");
          if (version != null) {
            request.header("If-Range", version.tag());
          }
        }
        return request.build();
      } catch (IllegalArgumentException e) {
        throw failure("an address that HTTP does not know: " + e.getMessage(), e);
      }
    }

    /**
     * Returns the size of the file from the header of a partial response, or else the published
     * size; 0 if neither is known.
     *
     * @throws BrokenTransfer if the response has another range than requested, or another version
     *     of the file
     */
    private long continued(HttpHeaders headers, long have, FileVersion version)
        throws IOException, BrokenTransfer {
      Matcher range = CONTENT_RANGE.matcher(headers.firstValue("Content-Range").orElse(""));
      if (!range.matches() || Long.parseLong(range.group(1)) != have) {
        forget();
        throw new BrokenTransfer("another part of it than asked for", null);
      }
      long total = range.group(3).equals("*") ? 0 : Long.parseLong(range.group(3));
      FileVersion found = FileVersion.of(headers, total);
      boolean same =
          version == null
              ? file.sha256().isPresent() // The SHA-256 is compared at the end.
              : found.continues(version, file.sha256().isPresent());
      if (!same) {
        forget();
        throw new BrokenTransfer("a part of another version of it", null);
      }
      return checkTotal(total > 0 || version == null ? total : version.size());
    }

    private long contentLength(HttpHeaders headers) {
      String length = headers.firstValue("Content-Length").orElse("0").strip();
      if (!length.matches("\\d{1,18}")) {
        throw failure("a Content-Length that is no size", null);
      }
      return Long.parseLong(length);
    }

    /**
     * Waits for the header of the response. The timeout of the request itself may include the body
     * (JDK 26).
     */
    private HttpResponse<Flow.Publisher<List<ByteBuffer>>> send(HttpRequest request)
        throws BrokenTransfer, InterruptedException {
      CompletableFuture<HttpResponse<Flow.Publisher<List<ByteBuffer>>>> response;
      try {
        response = client.sendAsync(request, BodyHandlers.ofPublisher());
      } catch (IllegalArgumentException | UncheckedIOException e) {
        throw failure("an address that HTTP does not know: " + e.getMessage(), e);
      }
      try {
        return response.get(patience.toMillis(), TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        throw new BrokenTransfer(silence(), e);
      } catch (ExecutionException e) {
        Throwable cause = e.getCause();
        if (cause instanceof ElmoException elmo) {
          throw elmo;
        }
        throw new BrokenTransfer(reason(cause), cause);
      } finally {
        response.cancel(true); // Ends the exchange if it is still running.
      }
    }

    /**
     * Returns the size that the server states, or else the published size; 0 if neither is known.
     */
    private long checkTotal(long total) {
      if (total > 0 && file.size() > 0 && total != file.size()) {
        throw failure(total + " bytes in place of " + file.size(), null);
      }
      if (total > limit) {
        throw failure(total + " bytes, more than the " + limit + " that it may have", null);
      }
      return Math.max(total, file.size());
    }

    private void write(Body body, long start, long total)
        throws IOException, BrokenTransfer, InterruptedException {
      long at = start;
      long reported = start;
      long window = 2 * patience.toNanos();
      long since = System.nanoTime();
      long sinceAt = start;
      progress.update(file.name(), at, total);
      try (FileChannel channel =
          FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        channel.truncate(start).position(start);
        for (List<ByteBuffer> piece; (piece = next(body, at, total)) != null; ) {
          for (ByteBuffer bytes : piece) {
            at += bytes.remaining();
            if (total > 0 && at > total) {
              forget();
              throw failure("more than its " + total + " bytes", null);
            }
            if (at > limit) {
              forget();
              throw failure("more than the " + limit + " bytes that it may have", null);
            }
            while (bytes.hasRemaining()) {
              channel.write(bytes);
            }
          }
          long now = System.nanoTime();
          if (now - since > window) {
            if (at - sinceAt < MIN_BYTES) {
              throw new BrokenTransfer(
                  "only " + (at - sinceAt) + " bytes in " + window / 1e9 + " s", null);
            }
            since = now;
            sinceAt = at;
          }
          if (at - reported >= REPORT_BYTES) {
            reported = at;
            progress.update(file.name(), at, total);
          }
        }
      }
      progress.update(file.name(), at, total);
      if (total > 0 && at < total) {
        throw new BrokenTransfer("its end after " + at + " of " + total + " bytes", null);
      }
    }

    private List<ByteBuffer> next(Body body, long at, long total)
        throws BrokenTransfer, InterruptedException {
      try {
        return body.next();
      } catch (HttpTimeoutException e) {
        throw new BrokenTransfer(silence() + " after " + at + " bytes", e);
      } catch (IOException e) {
        String of = total > 0 ? " of " + total : "";
        throw new BrokenTransfer("its end after " + at + of + " bytes", e);
      }
    }

    private String silence() {
      return "silence for " + patience.toMillis() / 1000.0 + " s";
    }

    private String reason(Throwable e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof UnresolvedAddressException) {
          return "no host of that name";
        }
      }
      return e instanceof ConnectException ? "no connection" : FoundFile.reason(e);
    }

    /** Returns what is wrong with the received bytes, or null if they are correct. */
    private String mismatch() throws IOException {
      long size = have();
      if (file.size() > 0 && size != file.size()) {
        return size + " bytes in place of " + file.size();
      }
      if (file.sha256().isEmpty()) {
        return null;
      }
      String sum = sha256(part);
      return sum.equals(file.sha256().get())
          ? null
          : "other bytes: sha256 " + sum + " in place of " + file.sha256().get();
    }
  }
}
