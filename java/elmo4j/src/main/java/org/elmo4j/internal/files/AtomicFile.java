// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import java.io.Closeable;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.elmo4j.ElmoException;

/**
 * A file that appears whole or not at all: written beside its target and moved there by {@link
 * #commit}. Until then, and after a failure or a signal, the target is what it was and nothing is
 * left beside it. A file that was there keeps its mode, a link stays a link. What is no regular
 * file (a pipe, a terminal, {@code /dev/stdout}, {@code /dev/fd/63}) is written into. For one
 * thread.
 */
public final class AtomicFile implements Closeable {
  private static final Pattern DESCRIPTORS = Pattern.compile("/proc/[^/]+(/task/[^/]+)?/fd");
  private static final int MAX_LINKS = 40;
  private static final int PIECE = 1 << 16;

  /** What writes a file. */
  public interface Writing {
    /** Writes all of it. */
    void to(FileChannel channel) throws IOException;
  }

  private interface Sink {
    OutputStream open() throws IOException;
  }

  /** What messages call it. */
  private final String name;

  /** Where the file goes; null where {@link #sink} takes it. */
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
   * Begins a file.
   *
   * @throws ElmoException if the target is a folder or may not be written, or its folder is missing
   *     or may not be written
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
        file = new AtomicFile(target.toString(), null, () -> open(real));
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
   * Begins what goes to somebody else's stream, such as standard output, which is flushed at the
   * end and never closed.
   *
   * @param name what messages call it
   */
  public static AtomicFile to(OutputStream out, String name) {
    return new AtomicFile(name, null, () -> new Unclosed(out));
  }

  /** Where a path leads to, link by link: what the last one names need not exist. */
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
    // The process's own streams as they are: another opening of a file would begin at its start.
    if (path.toString().equals(own + "1")) {
      return new Unclosed(new FileOutputStream(FileDescriptor.out));
    }
    if (path.toString().equals(own + "2")) {
      return new Unclosed(new FileOutputStream(FileDescriptor.err));
    }
    return new FileOutputStream(path.toString(), true);
  }

  /** Closing it only flushes it. */
  private static final class Unclosed extends OutputStream {
    private final OutputStream out;

    Unclosed(OutputStream out) {
      this.out = out;
    }

    @Override
    public void write(int value) throws IOException {
      out.write(value);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      out.write(bytes, offset, length);
    }

    @Override
    public void flush() throws IOException {
      out.flush();
    }

    @Override
    public void close() throws IOException {
      out.flush();
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

  /** To write to in any order, and to read back from. */
  public FileChannel channel() throws IOException {
    if (channel == null) {
      // No pipe can be sought in: the file is made elsewhere and copied at the end.
      folder = TemporaryFolder.create();
      channel = Leftovers.createLocked(folder.path().resolve("file"));
    }
    return channel;
  }

  /** To write to from the first byte to the last; what is no regular file gets it at once. */
  public OutputStream stream() throws IOException {
    if (stream == null) {
      stream = target == null ? sink.open() : Channels.newOutputStream(channel());
    }
    return stream;
  }

  /** A second file for what must wait until the end; it goes when this one does. */
  public FileChannel spool() throws IOException {
    AtomicFile spool = new AtomicFile(name, null, OutputStream::nullOutputStream);
    spools.add(spool);
    return spool.channel();
  }

  /**
   * Makes sure that all is on the disk, then moves the file to its target in one step; or hands all
   * to what is no regular file.
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
      writing.to(file.channel());
      file.commit();
    } catch (IOException e) {
      throw failure(target.toString(), e);
    }
  }

  private static ElmoException failure(String name, IOException e) {
    return new ElmoException(name + ": expected a place to write to, found " + reason(e), e);
  }

  private static String reason(IOException e) {
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (e instanceof NoSuchFileException) {
      return "no such file or folder";
    }
    if (e instanceof FileSystemException file && file.getReason() != null) {
      return file.getReason();
    }
    return Json.line(e);
  }

  /** Writes all bytes from the position to the limit. */
  public static void writeAll(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }
}
