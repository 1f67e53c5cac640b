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
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.internal.weights.Pickle.Storage;
import org.elmo4j.internal.weights.Pickle.StoredTensor;

/**
 * A state dict that {@code torch.save} wrote: tensors by name, in either of its formats. The older:
 * pickles of a magic number, a version, facts about the machine, the dict, and the list of
 * storages; then each storage, its count in 8 bytes before it. The newer (torch 1.6): a zip file of
 * the dict ({@code data.pkl}) and each storage ({@code data/KEY}), stored raw. For one thread at a
 * time.
 */
final class TorchFile implements AutoCloseable {
  private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
  private static final long PROTOCOL = 1001;

  /** How the older format begins: a pickle of the magic number. */
  private static final byte[] OLDER = {
    (byte) 0x80, 2, (byte) 0x8A, 10, 0x6C, (byte) 0xFC, (byte) 0x9C, 0x46
  };

  private static final byte[] ZIP = {'P', 'K', 3, 4};

  /** Where a zip file's first entry has the length of its name, and its name. */
  private static final int NAME_LENGTH = 26;

  private static final int NAME = 30;
  private static final int PIECE = 1 << 20;

  /** Where a format keeps its storages. */
  private interface Storages extends AutoCloseable {
    /** The bytes of a storage from one of them on. */
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

  /** Else a small file would hold a model of any size. */
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
   * Opens a file and checks that it holds all that it speaks of.
   *
   * @throws ElmoException if it cannot be read, is damaged, or holds more than tensors
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
      // ZipFile knows them all: damage, names in no UTF-8, a path that is none of the system's.
      throw new ElmoException(source + ": expected a file of torch, found " + Json.line(e), e);
    }
  }

  /** Whether a file that begins so may be one of torch's: a zip file may be another's, too. */
  static boolean isTorch(byte[] head) {
    return startsWith(head, OLDER) || startsWith(head, ZIP);
  }

  /** Whether a file that begins so is a zip file of torch's, whose pickle comes first. */
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
        if (total > Files.size(path)) { // The directory states sizes, and may lie.
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

  /** The dimensions of a tensor, 1 or more each; null where there is no such tensor. */
  long[] shape(String name) {
    StoredTensor tensor = tensors.get(name);
    return tensor == null ? null : tensor.shape().clone();
  }

  /**
   * Reads a tensor that there is, row-major.
   *
   * @param target filled from its position on; has room for it
   * @throws ElmoException if the file is damaged there or a value is not finite
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
      throw bad(source + ": tensor " + name, "its values", Json.line(e));
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
      // It was only read from: nothing is lost.
    }
  }
}
