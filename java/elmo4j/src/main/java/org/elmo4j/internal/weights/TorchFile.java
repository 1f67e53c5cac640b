// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.internal.weights.Pickle.Storage;
import org.elmo4j.internal.weights.Pickle.StoredTensor;

/**
 * Reads a state dict that {@code torch.save} wrote, tensors by name, in both of its formats. The
 * older format has pickles of a magic number, a version, facts about the machine, the dict and the
 * list of storages, followed by each storage with its count in 8 bytes before it. The newer format
 * (torch 1.6) is a zip file of the dict ({@code data.pkl}) and each storage ({@code data/KEY}),
 * uncompressed. Not thread-safe.
 */
final class TorchFile implements AutoCloseable {
  private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
  private static final long PROTOCOL = 1001;

  /** The beginning of the older format: a pickle of the magic number. */
  private static final byte[] OLDER = {
    (byte) 0x80, 2, (byte) 0x8A, 10, 0x6C, (byte) 0xFC, (byte) 0x9C, 0x46
  };

  private static final byte[] ZIP = {'P', 'K', 3, 4};

  /** The positions of the length of the first entry's name, and of the name, in a zip file. */
  private static final int NAME_LENGTH = 26;

  private static final int NAME = 30;
  private static final int PIECE = 1 << 20;

  /** Gives access to the storages of a format. */
  private interface Storages extends AutoCloseable {
    /** Opens a stream of the bytes of a storage, starting at byte {@code from}. */
    InputStream open(String key, long from) throws IOException;

    @Override
    void close() throws IOException;
  }

  private final String source;
  private final Storages storages;
  private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();

  private TorchFile(String source, Storages storages, Object dict) {
    this.source = source;
    this.storages = storages;
    if (!(dict instanceof Map)) {
      throw bad(source, "a dict of tensors", "another object");
    }
    for (Map.Entry<?, ?> entry : ((Map<?, ?>) dict).entrySet()) {
      if (!(entry.getKey() instanceof String name)
          || !(entry.getValue() instanceof StoredTensor tensor)) {
        String found = Json.brief(String.valueOf(entry.getKey()));
        throw bad(source, "a dict of tensors alone", found + " in it");
      }
      tensors.put(name, tensor);
    }
    checkOverlaps();
  }

  /**
   * Checks that tensors do not overlap, since otherwise a small file could hold a model of any
   * size.
   */
  private void checkOverlaps() {
    List<Map.Entry<String, StoredTensor>> sorted = new ArrayList<>(tensors.entrySet());
    sorted.sort(
        Map.Entry.comparingByValue(
            Comparator.comparing((StoredTensor tensor) -> tensor.storage().key())
                .thenComparingLong(StoredTensor::offset)));
    for (int i = 1; i < sorted.size(); i++) {
      StoredTensor before = sorted.get(i - 1).getValue();
      StoredTensor tensor = sorted.get(i).getValue();
      if (tensor.storage().equals(before.storage())
          && before.offset() + TensorShapes.count(before.shape()) > tensor.offset()) {
        throw bad(
            source + ": tensor " + Json.brief(sorted.get(i).getKey()),
            "numbers of its own",
            "some of " + Json.brief(sorted.get(i - 1).getKey()));
      }
    }
  }

  /**
   * Opens a file and checks that it contains everything that it mentions.
   *
   * @throws ElmoException if it cannot be read, is damaged, or contains anything but tensors
   */
  static TorchFile open(Path path) {
    String source = path.toString();
    try {
      DataFile data = DataFile.open(path);
      try {
        byte[] head = new byte[(int) Math.min(data.size(), OLDER.length)];
        data.read(0, ByteBuffer.wrap(head));
        if (!isTorch(head)) {
          throw bad(source, "a file that torch.save wrote", "another of " + data.size() + " bytes");
        }
        if (head[0] != ZIP[0]) {
          return openOlder(source, data);
        }
      } catch (Throwable e) {
        data.close();
        throw e;
      }
      data.close();
      return openZip(source, path);
    } catch (IOException | IllegalArgumentException | UnsupportedOperationException e) {
      // ZipFile may throw anything: for damage, for names that are not UTF-8, for an invalid path.
      throw new ElmoException(
          source + ": expected a file of torch, found " + FoundFile.reason(e), e);
    }
  }

  /**
   * Whether a file with this beginning may be one of torch. A zip file may also be something else.
   */
  static boolean isTorch(byte[] head) {
    return startsWith(head, OLDER) || startsWith(head, ZIP);
  }

  /** Whether a file with this beginning is a zip file of torch, whose first entry is the pickle. */
  static boolean isZip(byte[] head) {
    if (!startsWith(head, ZIP) || head.length < NAME) {
      return false;
    }
    String rest = new String(head, NAME, head.length - NAME, StandardCharsets.ISO_8859_1);
    int length = head[NAME_LENGTH] & 0xFF;
    return length <= rest.length() && rest.substring(0, length).endsWith("/data.pkl");
  }

  private static boolean startsWith(byte[] head, byte[] magic) {
    return head.length >= magic.length
        && Arrays.equals(head, 0, magic.length, magic, 0, magic.length);
  }

  private static TorchFile openOlder(String source, DataFile data) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(data.size(), Pickle.MAX_BYTES));
    data.read(0, bytes);
    Pickle pickle = new Pickle(bytes, source);
    if (!MAGIC.equals(pickle.read()) || !Long.valueOf(PROTOCOL).equals(pickle.read())) {
      throw bad(source, "torch's protocol " + PROTOCOL, "another");
    }
    if (!(pickle.read() instanceof Map<?, ?> machine)
        || !Boolean.TRUE.equals(machine.get("little_endian"))) {
      throw bad(source, "little-endian numbers", "others");
    }
    Object dict = pickle.read();
    if (!(pickle.read() instanceof List<?> keys)) {
      throw bad(source, "a list of storages", "another object");
    }
    Map<String, Long> positions = new HashMap<>();
    long at = bytes.position();
    for (Object key : keys) {
      Storage storage = key instanceof String name ? pickle.storages().get(name) : null;
      if (storage == null || positions.containsKey(storage.key())) {
        throw bad(source, "storages of its tensors, each once", "others");
      }
      ByteBuffer count = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      data.read(at, count);
      at += Long.BYTES;
      if (count.getLong(0) != storage.count()) {
        throw bad(
            source,
            storage.count() + " numbers in storage " + Json.brief(storage.key()),
            String.valueOf(count.getLong(0)));
      }
      positions.put(storage.key(), at);
      at += storage.count() * storage.dtype().bytes();
      if (at > data.size()) {
        throw bad(source, "at least " + at + " bytes", String.valueOf(data.size()));
      }
    }
    if (positions.size() != pickle.storages().size()) {
      throw bad(source, pickle.storages().size() + " storages", String.valueOf(positions.size()));
    }
    Storages storages =
        new Storages() {
          @Override
          public InputStream open(String key, long from) {
            return data.stream(positions.get(key) + from);
          }

          @Override
          public void close() {
            data.close();
          }
        };
    return new TorchFile(source, storages, dict);
  }

  private static TorchFile openZip(String source, Path path) throws IOException {
    ZipFile zip = new ZipFile(path.toFile());
    try {
      List<? extends ZipEntry> pickles =
          zip.stream().filter(entry -> entry.getName().matches("([^/]*/)?data\\.pkl")).toList();
      if (pickles.size() != 1) {
        throw bad(source, "one data.pkl in the zip file", String.valueOf(pickles.size()));
      }
      ZipEntry entry = pickles.get(0);
      if (entry.getSize() > Pickle.MAX_BYTES) {
        throw bad(source, "a data.pkl of at most " + Pickle.MAX_BYTES + " bytes", "more");
      }
      String folder = entry.getName().substring(0, entry.getName().length() - "data.pkl".length());
      ZipEntry order = zip.getEntry(folder + "byteorder");
      if (order != null
          && !"little".equals(new String(bytes(zip, order, 16), StandardCharsets.US_ASCII))) {
        throw bad(source, "little-endian numbers", "others");
      }
      Pickle pickle = new Pickle(ByteBuffer.wrap(bytes(zip, entry, Pickle.MAX_BYTES)), source);
      Object dict = pickle.read();
      long total = 0;
      for (Storage storage : pickle.storages().values()) {
        ZipEntry stored = zip.getEntry(folder + "data/" + storage.key());
        long size = storage.count() * storage.dtype().bytes();
        if (stored == null
            || stored.getMethod() != ZipEntry.STORED
            || stored.getSize() != size
            || stored.getCompressedSize() != size) {
          throw bad(
              source,
              size + " bytes stored raw as " + Json.brief("data/" + storage.key()),
              stored == null ? "none" : "another size or method");
        }
        total += size;
        if (total > Files.size(path)) { // The sizes in the directory may be wrong.
          throw bad(source, "storages within its " + Files.size(path) + " bytes", "larger ones");
        }
      }
      Storages storages =
          new Storages() {
            @Override
            public InputStream open(String key, long from) throws IOException {
              InputStream in = zip.getInputStream(zip.getEntry(folder + "data/" + key));
              in.skipNBytes(from);
              return in;
            }

            @Override
            public void close() throws IOException {
              zip.close();
            }
          };
      return new TorchFile(source, storages, dict);
    } catch (Throwable e) {
      zip.close();
      throw e;
    }
  }

  private static byte[] bytes(ZipFile zip, ZipEntry entry, int most) throws IOException {
    try (InputStream in = zip.getInputStream(entry)) {
      return in.readNBytes(most);
    }
  }

  private static ElmoException bad(String source, String expected, String found) {
    return new ElmoException(source + ": expected " + expected + ", found " + found);
  }

  String source() {
    return source;
  }

  Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  /** The dimensions of a tensor, 1 or more each; null if there is no such tensor. */
  long[] shape(String name) {
    StoredTensor tensor = tensors.get(name);
    return tensor == null ? null : tensor.shape().clone();
  }

  /**
   * Reads a tensor that exists, row-major.
   *
   * @param target filled from its position on; the whole tensor must fit
   * @throws ElmoException if the tensor is damaged or has a value that is not finite
   */
  void read(String name, FloatBuffer target) {
    StoredTensor tensor = tensors.get(name);
    Dtype dtype = tensor.storage().dtype();
    long left = TensorShapes.count(tensor.shape()) * dtype.bytes();
    int start = target.position();
    try (InputStream in = storages.open(tensor.storage().key(), tensor.offset() * dtype.bytes())) {
      byte[] piece = new byte[(int) Math.min(PIECE, left)];
      while (left > 0) {
        int size = (int) Math.min(piece.length, left);
        if (in.readNBytes(piece, 0, size) < size) {
          throw new EOFException("the file ended too soon");
        }
        dtype.decode(ByteBuffer.wrap(piece, 0, size).order(ByteOrder.LITTLE_ENDIAN), target);
        left -= size;
      }
    } catch (IOException e) {
      throw bad(source + ": tensor " + name, "its values", FoundFile.reason(e));
    }
    for (int i = start; i < target.position(); i++) {
      if (!Float.isFinite(target.get(i))) {
        throw bad(
            source + ": tensor " + name + " number " + (i - start),
            "a finite 32-bit float",
            String.valueOf(target.get(i)));
      }
    }
  }

  @Override
  public void close() {
    try {
      storages.close();
    } catch (IOException e) {
      // The file was only read, so a failure to close it loses nothing.
    }
  }
}
