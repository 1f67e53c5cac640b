// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import java.io.Closeable;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.elmo4j.ElmoException;

/**
 * Writes a file that appears complete or not at all. It is written beside its target, and {@link
 * #commit} moves it there. Before that, and after a failure or a signal, the target is unchanged
 * and nothing is left beside it. A file that is replaced keeps its mode, and a link stays a link.
 * If the target is not a regular file (a pipe, a terminal, {@code /dev/stdout}, {@code
 * /dev/fd/63}), the bytes are written to it directly. Not thread-safe.
 */
public final class AtomicFile implements Closeable {
  private static final Pattern DESCRIPTORS = Pattern.compile("/proc/[^/]+(/task/[^/]+)?/fd");
  private static final int MAX_LINKS = 40;
  private static final int PIECE = 1 << 16;

  /** Writes the content of a file. */
  public interface Writing {
    /** Writes the whole content. */
    void to(FileChannel channel) throws IOException;
  }

  private interface Sink {
    OutputStream open() throws IOException;
  }

  /** The name of the target in messages. */
  private final String name;

  /** The path that the file is moved to; null if the bytes go to {@link #sink}. */
  private final Path target;

  private final Sink sink;

  private final List<AtomicFile> spools = new ArrayList<>();
  private TemporaryFolder folder;
  private Path beside;
  private FileChannel channel;
  private OutputStream stream;

  private AtomicFile(String name, Path target, Sink sink) {
    this.name = name;
    this.target = target;
    this.sink = sink;
  }

  /**
   * Starts a file.
   *
   * @throws ElmoException if the target is a folder or not writable, or its folder is missing or
   *     not writable
   */
  public static AtomicFile create(Path target) {
    AtomicFile file = null;
    try {
      Path real = followed(target);
      if (Files.isDirectory(real)) {
        throw new ElmoException(target + ": expected a file to write, found a folder");
      }
      if (isDescriptor(real)
          || (Files.exists(real) && !Files.isRegularFile(real, LinkOption.NOFOLLOW_LINKS))) {
        String name = target.toString();
        file = new AtomicFile(name, null, () -> new Named(name, open(real)));
        return file;
      }
      Path folder = real.getParent();
      if (folder == null || !Files.isDirectory(folder)) {
        throw new ElmoException(
            target + ": expected an existing folder, found no folder " + folder);
      }
      if (Files.exists(real) && !Files.isWritable(real)) {
        throw new AccessDeniedException(real.toString());
      }
      file = new AtomicFile(target.toString(), real, null);
      file.openBeside();
      return file;
    } catch (IOException e) {
      throw failure(target.toString(), e);
    }
  }

  /**
   * Starts output to a stream of the caller, such as standard output. The stream is flushed at the
   * end and never closed.
   *
   * @param name the name of the target in messages
   */
  public static AtomicFile to(OutputStream out, String name) {
    return new AtomicFile(name, null, () -> new Unclosed(out));
  }

  /** Follows links to the path that they lead to, which need not exist. */
  private static Path followed(Path target) throws IOException {
    Path path = target.toAbsolutePath();
    for (int links = 0; links < MAX_LINKS; links++) {
      Path folder = path.getParent();
      if (folder != null && Files.isDirectory(folder)) {
        path = folder.toRealPath().resolve(path.getFileName());
      }
      if (isDescriptor(path) || !Files.isSymbolicLink(path)) {
        return path;
      }
      path = path.resolveSibling(Files.readSymbolicLink(path));
    }
    throw new FileSystemLoopException(target.toString());
  }

  private static boolean isDescriptor(Path path) {
    return path.getParent() != null && DESCRIPTORS.matcher(path.getParent().toString()).matches();
  }

  private static OutputStream open(Path path) throws IOException {
    String own = "/proc/" + ProcessHandle.current().pid() + "/fd/";
    // Uses the streams of the process, since opening the same file again would write at its start.
    if (path.toString().equals(own + "1")) {
      return new Unclosed(new FileOutputStream(FileDescriptor.out));
    }
    if (path.toString().equals(own + "2")) {
      return new Unclosed(new FileOutputStream(FileDescriptor.err));
    }
    return new FileOutputStream(path.toString(), true);
  }

  /** A stream whose {@code close} only flushes. */
  private static final class Unclosed extends FilterOutputStream {
    Unclosed(OutputStream out) {
      super(out);
    }

    @Override // FilterOutputStream writes single bytes.
    public void write(byte[] bytes, int offset, int length) throws IOException {
      out.write(bytes, offset, length);
    }

    @Override
    public void close() throws IOException {
      out.flush();
    }
  }

  /** A stream whose exceptions name the file. */
  private static final class Named extends FilterOutputStream {
    private final String name;

    Named(String name, OutputStream out) {
      super(out);
      this.name = name;
    }

    @Override
    public void write(int value) {
      write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
      try {
        out.write(bytes, offset, length);
      } catch (IOException e) {
        throw failure(name, e);
      }
    }
  }

  private void openBeside() throws IOException {
    Path parent = target.getParent();
    Leftovers.sweep(parent);
    Path path = parent.resolve("." + Leftovers.name() + ".tmp");
    Leftovers.add(path);
    beside = path;
    try {
      channel = Leftovers.createLocked(path);
      if (Files.exists(target) && Files.getFileStore(parent).supportsFileAttributeView("posix")) {
        Set<PosixFilePermission> mode = Files.getPosixFilePermissions(target);
        Files.setPosixFilePermissions(path, mode);
      }
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /** The channel for writing in any order, and for reading back. */
  public FileChannel channel() throws IOException {
    if (channel == null) {
      // A pipe has no positions, so the file is written elsewhere and copied at the end.
      folder = TemporaryFolder.create();
      channel = Leftovers.createLocked(folder.path().resolve("file"));
    }
    return channel;
  }

  /**
   * The stream for writing from the first byte to the last. A target that is not a regular file
   * gets the bytes immediately. If a write to a file fails, the stream throws an {@link
   * ElmoException} that names the file.
   */
  public OutputStream stream() throws IOException {
    if (stream == null) {
      stream = target == null ? sink.open() : new Named(name, Channels.newOutputStream(channel()));
    }
    return stream;
  }

  /**
   * A temporary second file for content that must be written last. It is deleted together with this
   * file.
   */
  public AtomicFile spool() {
    AtomicFile spool = new AtomicFile(name, null, OutputStream::nullOutputStream);
    spools.add(spool);
    return spool;
  }

  /**
   * Flushes the file to the disk and moves it to its target in one step. If the target is not a
   * regular file, it copies the content to it.
   *
   * @throws ElmoException if that fails
   */
  public void commit() {
    try {
      if (target != null) {
        channel.force(true);
        Files.move(
            beside, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        Leftovers.remove(beside);
        beside = null;
        channel.close();
        return;
      }
      if (channel != null) {
        copy();
      }
      if (stream != null) {
        OutputStream out = stream;
        stream = null;
        out.close();
      }
    } catch (IOException e) {
      throw failure(name, e);
    }
  }

  private void copy() throws IOException {
    channel.position(0);
    ByteBuffer piece = ByteBuffer.allocate(PIECE);
    while (channel.read(piece) >= 0) {
      stream().write(piece.array(), 0, piece.position());
      piece.clear();
    }
  }

  /** Deletes the file unless it was committed. */
  @Override
  public void close() throws IOException {
    if (channel != null) {
      channel.close();
    }
    if (beside != null) {
      Files.deleteIfExists(beside);
      Leftovers.remove(beside);
      beside = null;
    }
    if (folder != null) {
      folder.close();
      folder = null;
    }
    for (AtomicFile spool : spools) {
      spool.close();
    }
    spools.clear();
    if (target == null && stream != null) {
      OutputStream out = stream;
      stream = null;
      out.close();
    }
  }

  /**
   * Writes a whole file.
   *
   * @throws ElmoException if the file cannot be written
   */
  public static void write(Path target, Writing writing) {
    try (AtomicFile file = create(target)) {
      try {
        writing.to(file.channel());
      } catch (IOException e) {
        throw file.unwritable(e);
      }
      file.commit();
    } catch (IOException e) {
      throw failure(target.toString(), e);
    }
  }

  /**
   * Makes the exception for a failed write to {@link #channel}. It names the folder for temporary
   * files if that is where the bytes went.
   */
  ElmoException unwritable(IOException e) {
    return folder == null
        ? failure(name, e)
        : TemporaryFolder.full("a temporary file of " + name, e);
  }

  private static ElmoException failure(String name, IOException e) {
    if (TemporaryFolder.contains(name)) {
      return TemporaryFolder.full("a temporary file", e);
    }
    return new ElmoException(
        name + ": expected a place to write to, found " + FoundFile.reason(e), e);
  }

  /** Writes all bytes from the position to the limit. */
  public static void writeAll(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }
}
