// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Iterator;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.files.ChannelWriter;

/**
 * Writes HDF5 like AllenNLP's {@code elmo} command: one float32 dataset for each sentence, named by
 * the sentence's number or text. If numbers are the names, the dataset {@code sentence_to_index}
 * follows: one variable-length string with a JSON object that maps the text of each sentence to its
 * number. If several sentences have the same text, JSON readers see the last number, as with
 * AllenNLP.
 *
 * <p>Sentences are written to disk at once. Only eight bytes for each sentence stay in memory or,
 * if texts are the names, the texts. No library is used, because jHDF keeps all data in memory
 * until the file is closed, and writes a group as an unordered list, which readers search linearly
 * for each name. This class writes the oldest version of the format, which every reader supports:
 * superblock version 0, contiguous datasets, and a B-tree of names as the root group (HDF5 File
 * Format Specification 3.0, sections II.A, III.A to III.E, IV.A). Addresses count from the start of
 * the file; numbers are little-endian. Not thread-safe.
 */
final class Hdf5Writer implements SentenceWriter {
  /** How the datasets are named. */
  enum Keys {
    /** By the sentences' numbers, with {@code sentence_to_index}. */
    NUMBERS,
    /** By the sentences' numbers, without {@code sentence_to_index}. */
    NUMBERS_ALONE,
    /** By the sentences' texts, all of which must be different. */
    SENTENCES
  }

  /** The name of a dataset and the address of its header. */
  private record Name(byte[] bytes, long header) {
    /**
     * Returns the size of the name in the heap of names: its bytes and a zero, padded to a multiple
     * of eight.
     */
    long slot() {
      return (bytes.length + 1 + 7) & -8;
    }
  }

  private static final long UNDEFINED = -1;
  private static final int SUPERBLOCK_BYTES = 96;
  private static final String INDEX_NAME = "sentence_to_index";

  /** The length of a variable-length string is an unsigned 32-bit number. */
  static final long MAX_INDEX_BYTES = 0xFFFFFFFFL;

  // The addresses are kept in one array.
  private static final int MAX_SENTENCES = Integer.MAX_VALUE - 8;

  // "K" of the specification: a symbol node holds up to 2 K names, an inner node up to 2 K
  // children.
  private static final int LEAF_K = 32;
  private static final int INNER_K = 64;

  /** The offset of the first name in the heap. The empty name comes before it. */
  private static final int FIRST_NAME = 8;

  // Datatype messages, version 1 (section IV.A.2.d).
  private static final byte[] FLOAT32 = {
    0x11, 0x20, 31, 0, 4, 0, 0, 0, // class 1, implied leading mantissa bit, sign at 31, 4 bytes
    0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0,
    0, // 32 bits: 8 bits of exponent at bit 23, bias 127; 23 bits of mantissa at bit 0
    0, 0, 0, 0
  };
  private static final byte[] UTF8_STRING = {
    0x19, 0x01, 0x01, 0, 16, 0, 0, 0, // class 9, zero-terminated string, UTF-8, 16 bytes
    0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0, // of unsigned bytes
    0, 0, 0, 0
  };

  private final AtomicFile file;
  private final ChannelWriter out;
  private final NavigableMap<byte[], Long>
      texts; // the addresses of their headers; null if numbers are the names
  private final AtomicFile spool;
  private final ChannelWriter index;
  private long[] headers = new long[1024];
  private int count;

  /**
   * @param file the output, which this writer closes
   */
  Hdf5Writer(AtomicFile file, Keys keys) throws IOException {
    this.file = file;
    out = new ChannelWriter(file);
    out.zeros(SUPERBLOCK_BYTES); // The superblock is written at the end.
    texts = keys == Keys.SENTENCES ? new TreeMap<>(Arrays::compareUnsigned) : null;
    spool = keys == Keys.NUMBERS ? file.spool() : null;
    index = spool == null ? null : new ChannelWriter(spool);
  }

  @Override
  public void write(Sentence sentence) throws IOException {
    if (sentence.index() != count) {
      throw new IllegalArgumentException(
          "sentence " + count + " expected, found " + sentence.index());
    }
    if (count == MAX_SENTENCES) {
      throw new ElmoException(
          "HDF5: expected at most " + MAX_SENTENCES + " sentences in one file, found more");
    }
    if (count == headers.length) {
      headers = Arrays.copyOf(headers, (int) Math.min(MAX_SENTENCES, 2L * count));
    }
    if (texts != null && texts.putIfAbsent(key(sentence), out.position()) != null) {
      throw new ElmoException(
          "sentence "
              + sentence.index()
              + ": expected another text than all before it as its key, found \""
              + brief(sentence.text())
              + "\" again; without --use-sentence-keys numbers are the keys");
    }
    long bytes = sentence.size() * Float.BYTES;
    headers[count++] = dataset(FLOAT32, sentence.shape(), bytes);
    sentence.values().writeTo(out::floats);
    out.align();
    if (index != null) {
      index.write((sentence.index() == 0 ? "{\"" : ", \"").getBytes(StandardCharsets.US_ASCII));
      index.write(JsonStringEncoder.getInstance().quoteAsUTF8(sentence.text()));
      index.write(("\": \"" + sentence.index() + "\"").getBytes(StandardCharsets.US_ASCII));
      if (index.position() >= MAX_INDEX_BYTES) {
        throw new ElmoException(
            INDEX_NAME
                + ": expected at most 4 GiB of text, found more by sentence "
                + sentence.index()
                + "; --forget-sentences leaves it out");
      }
    }
  }

  /**
   * Returns the text of a sentence as the name of a dataset. It must not contain a slash, which
   * separates groups.
   */
  private static byte[] key(Sentence sentence) {
    String text = sentence.text();
    if (text.isEmpty() || text.equals(".") || text.contains("/") || text.indexOf('\0') >= 0) {
      throw new ElmoException(
          "sentence "
              + sentence.index()
              + ": expected a text that can be a key of HDF5, not empty nor \".\" and without \"/\","
              + " found \""
              + brief(text)
              + "\"; without --use-sentence-keys numbers are the keys");
    }
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String brief(String text) {
    return text.length() <= 80 ? text : text.substring(0, 80) + "...";
  }

  /**
   * Writes the object header of a dataset and returns its address. The caller writes the {@code
   * bytes} of data directly after it.
   */
  private long dataset(byte[] type, long[] shape, long bytes) throws IOException {
    long address = out.position();
    int space = 8 + 8 * shape.length;
    int size = 4 * 8 + space + type.length + 8 + 24;
    objectHeader(4, size);
    message(0x01, space).bytes(1, shape.length, 0, 0, 0, 0, 0, 0).longs(shape);
    message(0x03, type.length).write(type);
    message(0x05, 8).bytes(2, 2, 2, 0, 0, 0, 0, 0); // Fill value: none.
    message(0x08, 24).bytes(3, 1); // Layout: contiguous.
    long data = address + 16 + size;
    out.longs(bytes == 0 ? UNDEFINED : data, bytes).zeros(6);
    return address;
  }

  /** Writes the start of an object header, version 1 (section IV.A.1.a). */
  private void objectHeader(int messages, int size) throws IOException {
    out.bytes(1, 0).shorts(messages).ints(1, size, 0);
  }

  private ChannelWriter message(int type, int size) throws IOException {
    return out.shorts(type, size).bytes(0, 0, 0, 0);
  }

  @Override
  public void finish() throws IOException {
    long indexHeader = index == null ? UNDEFINED : sentenceToIndex();
    rootGroup(indexHeader);
    file.commit();
  }

  /**
   * Writes a global heap collection (section III.E) that contains only the JSON, and the dataset
   * {@code sentence_to_index}, which refers to it. Returns the address of the dataset's header.
   */
  private long sentenceToIndex() throws IOException {
    index.write((count == 0 ? "{}" : "}").getBytes(StandardCharsets.US_ASCII));
    index.flush();
    long bytes = index.position();
    long heap = out.position();
    long padded = (bytes + 7) & -8;
    long size = Math.max(4096, 16 + 16 + padded + 16);
    out.write(new byte[] {'G', 'C', 'O', 'L', 1, 0, 0, 0});
    out.longs(size).shorts(1, 1).ints(0).longs(bytes);
    out.copy(spool.channel(), bytes);
    out.align();
    long free = size - 32 - padded;
    out.shorts(0, 0).ints(0).longs(free).zeros(free - 16);
    long header = dataset(UTF8_STRING, new long[] {1}, 16);
    out.ints((int) bytes).longs(heap).ints(1);
    return header;
  }

  /**
   * Writes the root group (sections III.A.1, III.B, III.C, III.D): the names in a local heap,
   * symbol nodes with the sorted names and the addresses of their datasets, and a B-tree over the
   * nodes.
   */
  private void rootGroup(long indexHeader) throws IOException {
    long names = count + (indexHeader == UNDEFINED ? 0 : 1);
    long heap = out.position();
    long size = FIRST_NAME;
    for (Iterator<Name> each = names(indexHeader); each.hasNext(); ) {
      size += each.next().slot();
    }
    out.write(new byte[] {'H', 'E', 'A', 'P', 0, 0, 0, 0});
    out.longs(size, 1, heap + 32).zeros(FIRST_NAME); // 1: no free list.
    for (Iterator<Name> each = names(indexHeader); each.hasNext(); ) {
      Name name = each.next();
      out.write(name.bytes);
      out.zeros(name.slot() - name.bytes.length);
    }

    int leaves = (int) Math.max(1, (names + 2 * LEAF_K - 1) / (2 * LEAF_K));
    long[] children = new long[leaves];
    long[] last = new long[leaves]; // The offset in the heap of each child's last name.
    Iterator<Name> next = names(indexHeader);
    long offset = FIRST_NAME;
    for (int leaf = 0; leaf < leaves; leaf++) {
      long first = leaf * 2L * LEAF_K;
      int used = (int) Math.min(2 * LEAF_K, names - first);
      children[leaf] = out.position();
      out.write(new byte[] {'S', 'N', 'O', 'D', 1, 0});
      out.shorts(used);
      for (int i = 0; i < used; i++) {
        Name name = next.next();
        out.longs(offset, name.header, 0, 0, 0);
        last[leaf] = offset;
        offset += name.slot();
      }
      out.zeros(40L * (2 * LEAF_K - used));
    }

    int level = 0;
    do {
      int nodes = (children.length + 2 * INNER_K - 1) / (2 * INNER_K);
      int nodeBytes = 24 + 8 * (2 * INNER_K + 1) + 8 * 2 * INNER_K;
      long start = out.position();
      long[] parents = new long[nodes];
      long[] parentsLast = new long[nodes];
      for (int node = 0; node < nodes; node++) {
        int first = node * 2 * INNER_K;
        int used = Math.min(2 * INNER_K, children.length - first);
        parents[node] = start + (long) node * nodeBytes;
        parentsLast[node] = last[first + used - 1];
        out.write(new byte[] {'T', 'R', 'E', 'E', 0, (byte) level});
        out.shorts(used);
        out.longs(
            node == 0 ? UNDEFINED : parents[node] - nodeBytes,
            node == nodes - 1 ? UNDEFINED : parents[node] + nodeBytes);
        out.longs(first == 0 ? 0 : last[first - 1]);
        for (int i = first; i < first + used; i++) {
          out.longs(children[i], last[i]);
        }
        out.zeros(16L * (2 * INNER_K - used));
      }
      children = parents;
      last = parentsLast;
      level++;
    } while (children.length > 1);

    long root = out.position();
    objectHeader(1, 8 + 16);
    message(0x11, 16).longs(children[0], heap);
    out.flush();
    superblock(root, children[0], heap);
  }

  /**
   * Returns all names in the order of their bytes. Numbers come as 0, 1, 10, 100, 101, ..., 11.
   *
   * @param indexHeader the address of the header of {@code sentence_to_index}, whose name comes
   *     after all numbers, or {@link #UNDEFINED} if there is none
   */
  private Iterator<Name> names(long indexHeader) {
    if (texts != null) {
      return texts.entrySet().stream()
          .map(entry -> new Name(entry.getKey(), entry.getValue()))
          .iterator();
    }
    return new Iterator<>() {
      private long number;
      private int done;

      @Override
      public boolean hasNext() {
        return done < count + (indexHeader == UNDEFINED ? 0 : 1);
      }

      @Override
      public Name next() {
        if (done++ == count) {
          return new Name(INDEX_NAME.getBytes(StandardCharsets.US_ASCII), indexHeader);
        }
        long now = number;
        number = nextName(now, count);
        return new Name(Long.toString(now).getBytes(StandardCharsets.US_ASCII), headers[(int) now]);
      }
    };
  }

  /**
   * Returns the number below {@code count} that follows {@code number} if numbers are sorted as
   * strings. After the last one the result is undefined.
   */
  static long nextName(long number, long count) {
    if (number > 0 && number * 10 < count) {
      return number * 10;
    }
    while (number > 0 && (number % 10 == 9 || number + 1 >= count)) {
      number /= 10;
    }
    return number + 1;
  }

  /** Writes the superblock, version 0 (section II.A). */
  private void superblock(long root, long tree, long heap) throws IOException {
    ByteBuffer block = ByteBuffer.allocate(SUPERBLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    block.put(new byte[] {(byte) 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'});
    block.put(new byte[] {0, 0, 0, 0, 0, 8, 8, 0});
    block.putShort((short) LEAF_K).putShort((short) INNER_K).putInt(0);
    block.putLong(0).putLong(UNDEFINED).putLong(out.position()).putLong(UNDEFINED);
    block.putLong(0).putLong(root).putInt(1).putInt(0).putLong(tree).putLong(heap);
    block.flip();
    for (long at = 0; block.hasRemaining(); ) {
      at += file.channel().write(block, at);
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
