// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Optional;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.apache.commons.compress.archivers.ArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.elmo4j.ElmoException;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.files.Library;
import org.elmo4j.internal.files.TemporaryFolder;
import org.elmo4j.internal.text.TokenEncoder;
import org.elmo4j.weights.WeightStore;

/**
 * Reads a model in a {@code .zip}, {@code .tar} or {@code .tar.gz}, whatever the file is called. It
 * unpacks the archive to a temporary folder, which {@link #close} deletes. It writes nothing
 * outside of that folder, and limits the unpacked bytes to a multiple of the archive's size. Not
 * thread-safe.
 */
final class ArchiveReader extends ModelStore {
  private static final int MAX_ENTRIES = 10_000;
  private static final int MAX_DEPTH = 16;

  /**
   * The most unpacked bytes for each byte of the archive. Weights compress little, so an archive
   * with a higher ratio does not contain a model.
   */
  private static final long MAX_RATIO = 32;

  private static final long SLACK = 64L << 20;

  /** The most bytes of headers and padding between two entries of a tar file, including names. */
  private static final long MAX_HEADS = 256 << 10;

  /** The bytes that identify a tar file, and their position. */
  private static final String TAR = "ustar";

  private static final int TAR_AT = 257;

  private final Path archive;
  private final TemporaryFolder temporary;
  private final Path folder;
  private final long limit;
  private int entries;
  private long written;
  private WeightStore store;

  private ArchiveReader(Path archive, long limit) throws IOException {
    super(archive.toString());
    this.archive = archive;
    this.limit = Math.min(limit, SLACK + MAX_RATIO * Files.size(archive));
    this.temporary = TemporaryFolder.create();
    this.folder = temporary.path();
  }

  interface Opener {
    /**
     * @param limit the most bytes that an archive in the folder may unpack to
     */
    WeightStore open(Path folder, long limit) throws IOException;
  }

  /** Whether a file is an archive, or a compressed file that may be one. */
  static boolean is(DataFile data) throws IOException {
    if (starts(data, 0, "PK\3\4") || starts(data, 0, "\u001f\u008b")) {
      return true;
    }
    return starts(data, TAR_AT, TAR);
  }

  private static boolean starts(DataFile data, long at, String bytes) throws IOException {
    ByteBuffer found = ByteBuffer.allocate(bytes.length());
    if (data.size() < at + bytes.length()) {
      return false;
    }
    data.read(at, found);
    return new String(found.array(), StandardCharsets.ISO_8859_1).equals(bytes);
  }

  /**
   * Opens the model in an archive.
   *
   * @param limit the most bytes that it may unpack to; the size of the archive limits them too
   * @param opener opens the model in the folder
   * @throws ElmoException if the archive is damaged, unsafe or holds no model
   */
  static WeightStore open(Path archive, long limit, Opener opener) {
    ArchiveReader reader = null;
    try {
      reader = new ArchiveReader(archive, limit);
      reader.unpack();
      reader.store = opener.open(reader.folder, reader.limit);
      reader.options = reader.store.options();
      reader.shapes = reader.store.shapes();
      return reader;
    } catch (Throwable e) {
      if (reader != null) {
        reader.close();
      }
      if (e instanceof ElmoException) {
        throw reader == null ? (ElmoException) e : reader.renamed((ElmoException) e);
      }
      if (e instanceof IOException || e instanceof RuntimeException) {
        throw new ElmoException(
            archive + ": expected a readable archive, found " + FoundFile.reason(e), e);
      }
      throw (Error) e;
    }
  }

  private void unpack() throws IOException {
    boolean zip;
    boolean gzip;
    try (DataFile data = DataFile.open(archive)) {
      zip = starts(data, 0, "PK");
      gzip = starts(data, 0, "\u001f\u008b");
    }
    if (zip) {
      unpackZip();
    } else {
      try (InputStream file = Files.newInputStream(archive);
          Bounded in = new Bounded(gzip ? new GZIPInputStream(file, 1 << 16) : file)) {
        Library.require(
            archive + ": a tar file",
            Library.COMMONS_COMPRESS,
            Library.COMMONS_IO,
            Library.COMMONS_LANG);
        new Tar().unpack(in);
      }
    }
  }

  private void unpackZip() throws IOException {
    try (ZipFile zip = new ZipFile(archive.toFile())) {
      if (zip.size() > MAX_ENTRIES) {
        throw new ElmoException(
            archive + ": expected at most " + MAX_ENTRIES + " entries, found " + zip.size());
      }
      for (ZipEntry entry : Collections.list(zip.entries())) {
        if (entry.isDirectory()) {
          count(entry.getName());
          continue;
        }
        try (CheckedInputStream in =
            new CheckedInputStream(zip.getInputStream(entry), new CRC32())) {
          write(entry.getName(), in);
          if (in.getChecksum().getValue() != entry.getCrc()) {
            throw bad(entry.getName(), "its checksum", "another");
          }
        }
      }
    }
  }

  /** The code that links to commons-compress, which a program may leave out. */
  private final class Tar {
    void unpack(Bounded in) throws IOException {
      // This stream stays open, since the caller closes the archive.
      TarArchiveInputStream tar = new TarArchiveInputStream(in, StandardCharsets.UTF_8.name());
      while (true) {
        in.startHeads();
        TarArchiveEntry entry = next(tar);
        in.endHeads();
        if (entry == null) {
          break;
        }
        if (entry.isDirectory()) {
          count(entry.getName());
        } else if (entry.isLink()
            || entry.isSymbolicLink()
            || entry.isFIFO()
            || entry.isBlockDevice()
            || entry.isCharacterDevice()
            || entry.isSparse()) {
          throw bad(entry.getName(), "a file or folder", "a link or device");
        } else {
          write(entry.getName(), tar);
        }
      }
      if (entries == 0) {
        throw new ElmoException(archive + ": expected an archive with files, found none in it");
      }
      // Reads to the end, where gzip's checksum is.
      in.transferTo(OutputStream.nullOutputStream());
    }

    /** Uses the method that every version of commons-compress has, since Spark uses an old one. */
    private TarArchiveEntry next(ArchiveInputStream<?> tar) throws IOException {
      return (TarArchiveEntry) tar.getNextEntry();
    }
  }

  private void count(String name) {
    if (++entries > MAX_ENTRIES) {
      throw bad(name, "one of at most " + MAX_ENTRIES + " entries", "more");
    }
  }

  private void write(String name, InputStream in) throws IOException {
    count(name);
    Path target = target(name);
    if (!Files.isDirectory(folder)) {
      throw new IOException("the temporary folder is gone"); // The JVM is ending.
    }
    Files.createDirectories(target.getParent());
    try (OutputStream out = Files.newOutputStream(target, StandardOpenOption.CREATE_NEW)) {
      byte[] piece = new byte[1 << 16];
      for (int n; (n = in.read(piece)) >= 0; ) {
        written += n;
        if (written > limit) {
          throw tooLarge();
        }
        try {
          out.write(piece, 0, n);
        } catch (IOException e) {
          throw TemporaryFolder.full("the files of " + archive, e);
        }
      }
    } catch (FileAlreadyExistsException e) {
      throw bad(name, "names that differ", "this one twice");
    }
  }

  /**
   * Returns the path for an entry. Refuses names that could lead out of the folder or break a
   * message.
   */
  private Path target(String name) {
    String[] parts = name.split("/", -1);
    boolean good =
        parts.length <= MAX_DEPTH
            && !name.startsWith("/")
            && name.indexOf('\\') < 0
            && name.chars().noneMatch(Character::isISOControl);
    for (String part : parts) {
      good &= !part.equals("..") && !part.contains(":");
    }
    try {
      Path target = folder.resolve(name).normalize();
      if (good && target.startsWith(folder) && !target.equals(folder)) {
        return target;
      }
    } catch (InvalidPathException e) {
      // The exception below reports it.
    }
    throw new ElmoException(
        archive
            + ": expected names of files within the archive's folder, found "
            + Json.brief(name));
  }

  private ElmoException bad(String name, String expected, String found) {
    return new ElmoException(
        archive + ": entry " + Json.brief(name) + ": expected " + expected + ", found " + found);
  }

  private ElmoException tooLarge() {
    return new ElmoException(
        archive + ": expected at most " + limit + " bytes when unpacked, found more");
  }

  /** A stream that throws if it returns more bytes than the limit. */
  private final class Bounded extends FilterInputStream {
    private long given;
    private long headsEnd = Long.MAX_VALUE;

    Bounded(InputStream in) {
      super(in);
    }

    /** Called before the library reads headers to memory, whose size the file states. */
    void startHeads() {
      headsEnd = given + MAX_HEADS;
    }

    void endHeads() {
      headsEnd = Long.MAX_VALUE;
    }

    @Override
    public int read() throws IOException {
      int value = super.read();
      return count(value < 0 ? -1 : 1) < 0 ? -1 : value;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      return count(super.read(bytes, offset, length));
    }

    @Override
    public long skip(long n) throws IOException {
      long skipped = super.skip(n);
      count((int) Math.min(Integer.MAX_VALUE, skipped));
      return skipped;
    }

    private int count(int n) {
      given += Math.max(0, n);
      if (given > limit + SLACK) {
        throw tooLarge();
      }
      if (given > headsEnd) {
        throw new ElmoException(
            archive + ": expected heads of at most " + MAX_HEADS + " bytes an entry, found more");
      }
      return n;
    }
  }

  /** Replaces the temporary folder by the archive in a message. */
  private ElmoException renamed(ElmoException e) {
    String message = String.valueOf(e.getMessage());
    return message.contains(folder.toString())
        ? new ElmoException(message.replace(folder.toString(), archive + "!"), e)
        : e;
  }

  @Override
  TokenEncoder encoder() {
    return ModelStore.encoder(store);
  }

  @Override
  public Optional<ScalarMix> mix() {
    return store.mix();
  }

  @Override
  public void read(String name, FloatBuffer target) {
    try {
      store.read(name, target);
    } catch (ElmoException e) {
      throw renamed(e);
    }
  }

  @Override
  public void close() {
    if (store != null) {
      store.close();
    }
    temporary.close();
  }
}
