// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import java.io.IOException;
import java.net.URI;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.elmo4j.ElmoException;
import org.elmo4j.hub.ModelEntry.RemoteFile;

/** Downloads one model into the cache. The caller holds the model's lock. */
final class ModelDownload {
  private static final long MAX_JSON_BYTES = 1 << 20;
  private static final long SLACK = 64L << 20;
  private static final long MAX_FILE_BYTES = 16L << 30;

  private final ModelEntry model;
  private final URI mirror;
  private final Downloader downloader;
  private final ModelHub.Progress progress;

  /**
   * @param mirror the mirror to download from; null for the published addresses
   */
  ModelDownload(ModelEntry model, URI mirror, Downloader downloader, ModelHub.Progress progress) {
    this.model = model;
    this.mirror = mirror;
    this.downloader = downloader;
    this.progress = progress;
  }

  /**
   * Downloads the missing files, checks all files, and moves them to the model's folder.
   *
   * @param folder the model's folder, which may exist
   * @param partial the folder for files until all are complete; files of an earlier attempt are
   *     used
   * @throws ElmoException if the server does not deliver the files, or they are not the published
   *     ones
   */
  void run(Path folder, Path partial) throws IOException {
    Files.createDirectories(partial);
    try {
      fetch(partial);
      moveTo(folder, partial);
    } finally {
      deleteIfEmpty(partial);
    }
  }

  private void fetch(Path partial) throws IOException {
    for (RemoteFile file : model.files()) {
      if (!isComplete(file, partial)) {
        downloader.fetch(file, address(file), limit(file), partial, progress);
      }
    }
    try {
      CacheRecord.check(model, partial);
      CacheRecord.write(model, partial);
    } catch (ElmoException e) {
      for (RemoteFile file : model.files()) {
        Files.deleteIfExists(partial.resolve(file.name()));
      }
      throw new ElmoException(
          "model "
              + model.name()
              + ": expected the published files, found others: "
              + e.getMessage(),
          e);
    }
  }

  private void moveTo(Path folder, Path partial) throws IOException {
    if (!Files.exists(folder)) {
      Files.move(partial, folder, StandardCopyOption.ATOMIC_MOVE);
      return;
    }
    // The folder holds wrong files. Other files in it stay. The record is deleted first and moved
    // last, so that it is never next to files that it does not describe.
    Files.deleteIfExists(folder.resolve(CacheRecord.NAME));
    for (RemoteFile file : model.files()) {
      replace(partial.resolve(file.name()), folder.resolve(file.name()));
    }
    replace(partial.resolve(CacheRecord.NAME), folder.resolve(CacheRecord.NAME));
  }

  private static void deleteIfEmpty(Path partial) throws IOException {
    try {
      Files.deleteIfExists(partial);
    } catch (DirectoryNotEmptyException e) {
      // It holds what the next attempt continues, or a file that this class did not write.
    }
  }

  private static void replace(Path from, Path to) throws IOException {
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
  }

  /** Returns whether an earlier run downloaded a file completely. */
  private static boolean isComplete(RemoteFile file, Path partial) throws IOException {
    Path path = partial.resolve(file.name());
    return Files.isRegularFile(path)
        && (file.size() == 0 || Files.size(path) == file.size())
        && (file.sha256().isEmpty() || file.sha256().get().equals(Downloader.sha256(path)));
  }

  /** The most bytes that are read of a file. A server's response could be endless. */
  private long limit(RemoteFile file) {
    if (file.size() > 0) {
      return file.size();
    }
    if (file.name().endsWith(".json")) {
      return MAX_JSON_BYTES;
    }
    return model.parameters() > 0 ? 2 * Float.BYTES * model.parameters() + SLACK : MAX_FILE_BYTES;
  }

  private URI address(RemoteFile file) {
    return mirror == null
        ? file.url()
        : URI.create(mirror.toString().replaceFirst("/*$", "/") + model.name() + "/" + file.name());
  }
}
