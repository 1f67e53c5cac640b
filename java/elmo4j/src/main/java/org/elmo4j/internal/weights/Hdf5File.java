// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import io.jhdf.Constants;
import io.jhdf.FractalHeap;
import io.jhdf.GroupSymbolTableNode;
import io.jhdf.LocalHeap;
import io.jhdf.ObjectHeader;
import io.jhdf.Superblock;
import io.jhdf.Superblock.SuperblockV0V1;
import io.jhdf.Superblock.SuperblockV2V3;
import io.jhdf.SymbolTableEntry;
import io.jhdf.Utils;
import io.jhdf.btree.BTreeV1;
import io.jhdf.btree.BTreeV2;
import io.jhdf.btree.record.LinkNameForIndexedGroupRecord;
import io.jhdf.exceptions.HdfException;
import io.jhdf.object.message.DataSpaceMessage;
import io.jhdf.object.message.LinkInfoMessage;
import io.jhdf.object.message.LinkMessage;
import io.jhdf.object.message.SymbolTableMessage;
import io.jhdf.storage.HdfBackingStorage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;

/**
 * Reads an HDF5 file that may be hostile. jHDF trusts the structures in a file: it allocates any
 * size that one states, reads a structure again whenever another points to it, opens files that
 * links name, and inflates without limit. Therefore only its parsers of single structures are used,
 * over a storage implemented here. This class reads groups, links and values itself.
 *
 * <p>A size is compared with the length of the file before it is used. The total size of the
 * structures that are read is limited by the length of the file, however often they point to each
 * other. No other file is opened. Not thread-safe.
 */
final class Hdf5File implements AutoCloseable {
  /**
   * The most bytes of structures, which are everything but values. The largest model in chunks of 2
   * KB has far fewer, and the objects that are made of this many fit a small heap.
   */
  private static final long MAX_STRUCTURE = 16 << 20;

  private static final int MAX_SOFT_LINKS = 64;
  private static final long NONE = -1;

  final String source;
  final DataFile data;
  private final Storage storage;
  private final long root;
  private final Map<Long, Map<String, Link>> groups = new HashMap<>();
  private final Map<Long, Hdf5Dataset> datasets = new HashMap<>();

  /** The bytes of the values of all datasets found so far. */
  private long claimed;

  private Hdf5File(String source, DataFile data) throws IOException {
    this.source = source;
    this.data = data;
    long base = Hdf5.signatureAt(data);
    if (base < 0) {
      throw new HdfException("no signature");
    }
    Superblock superblock = Superblock.readSuperblock(data.channel(), base);
    if (superblock.getBaseAddressByte() != base) {
      throw new HdfException("no base address " + superblock.getBaseAddressByte());
    }
    this.storage = new Storage(superblock);
    this.root =
        superblock instanceof SuperblockV0V1 old
            ? new SymbolTableEntry(storage, old.getRootGroupSymbolTableAddress() - base)
                .getObjectHeaderAddress()
            : ((SuperblockV2V3) superblock).getRootGroupObjectHeaderAddress();
  }

  /**
   * Implements {@link Hdf5#open}. The caller has checked that jHDF is on the class path.
   *
   * @throws ElmoException if it cannot be read or is not an HDF5 file
   */
  static Hdf5File open(Path path) {
    DataFile data;
    try {
      data = DataFile.open(path);
    } catch (IOException e) {
      throw new ElmoException(
          path + ": expected a readable HDF5 file, found " + FoundFile.reason(e), e);
    }
    try {
      return guard(path.toString(), "an HDF5 file", () -> new Hdf5File(path.toString(), data));
    } catch (Throwable e) {
      data.close();
      throw e;
    }
  }

  /**
   * Runs code of jHDF and turns every failure into one kind of exception. On a damaged file jHDF
   * may fail in any way, even by stack overflow.
   */
  static <T> T guard(String source, String what, Callable<T> action) {
    try {
      return action.call();
    } catch (ElmoException e) {
      throw e;
    } catch (Exception | VirtualMachineError | LinkageError | AssertionError e) {
      Throwable cause = e;
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      throw new ElmoException(
          source
              + ": expected "
              + what
              + ", found damage or an unknown form: "
              + FoundFile.reason(cause),
          e);
    }
  }

  /**
   * Finds a dataset by its path from the root. Soft links are followed within the file.
   *
   * @param what the name of the dataset in messages
   * @return null if there is no such path
   * @throws ElmoException if the path leads to something else, out of the file, or through a
   *     damaged part
   */
  Hdf5Dataset find(String what, String path) {
    return guard(
        source,
        what,
        () -> {
          long address = resolve(what, root, path, new int[1]);
          if (address == NONE) {
            return null;
          }
          Hdf5Dataset known = datasets.get(address);
          if (known == null) {
            ObjectHeader header = ObjectHeader.readObjectHeader(storage, address);
            if (!header.hasMessageOfType(DataSpaceMessage.class)) {
              throw new ElmoException(source + ": " + what + ": expected a dataset, found a group");
            }
            known = new Hdf5Dataset(this, storage, header);
            datasets.put(address, known);
          }
          return known;
        });
  }

  /**
   * The target of a name in a group: an object of the file, a path, or an object in another file.
   */
  private record Link(long address, String target, String file) {}

  private long resolve(String what, long from, String path, int[] followed) {
    long at = path.startsWith("/") ? root : from;
    for (String part : path.split("/")) {
      if (part.isEmpty() || part.equals(".")) {
        continue;
      }
      Link link = links(at).get(part);
      if (link == null) {
        return NONE;
      }
      if (link.file != null) {
        throw new ElmoException(
            source
                + ": "
                + what
                + ": expected a dataset of this file, found a link to the file "
                + Json.brief(link.file));
      }
      if (link.target != null && ++followed[0] > MAX_SOFT_LINKS) {
        throw new ElmoException(
            source
                + ": "
                + what
                + ": expected at most "
                + MAX_SOFT_LINKS
                + " soft links on the way, found more");
      }
      at = link.target == null ? link.address : resolve(what, at, link.target, followed);
      if (at == NONE) {
        return NONE;
      }
    }
    return at;
  }

  /** The links of a group; empty if the object is not a group. */
  private Map<String, Link> links(long address) {
    Map<String, Link> links = groups.get(address);
    if (links == null) {
      links = new HashMap<>();
      ObjectHeader header = ObjectHeader.readObjectHeader(storage, address);
      if (header.hasMessageOfType(SymbolTableMessage.class)) {
        readTable(header.getMessageOfType(SymbolTableMessage.class), links);
      } else if (header.hasMessageOfType(LinkInfoMessage.class)) {
        readMessages(header, links);
      }
      groups.put(address, links);
    }
    return links;
  }

  private void readTable(SymbolTableMessage table, Map<String, Link> links) {
    ByteBuffer names = new LocalHeap(storage, table.getLocalHeapAddress()).getDataBuffer();
    for (long node :
        BTreeV1.createGroupBTree(storage, table.getBTreeAddress()).getChildAddresses()) {
      for (SymbolTableEntry entry :
          new GroupSymbolTableNode(storage, node).getSymbolTableEntries()) {
        links.put(
            name(names, entry.getLinkNameOffset()),
            entry.getCacheType() == 2
                ? new Link(NONE, name(names, entry.getLinkValueOffset()), null)
                : new Link(entry.getObjectHeaderAddress(), null, null));
      }
    }
  }

  private String name(ByteBuffer names, int at) {
    String name = Utils.readUntilNull(names.position(at));
    storage.count(names.position() - at);
    return name;
  }

  private void readMessages(ObjectHeader header, Map<String, Link> links) {
    LinkInfoMessage info = header.getMessageOfType(LinkInfoMessage.class);
    if (info.getBTreeNameIndexAddress() == Constants.UNDEFINED_ADDRESS) {
      header.getMessagesOfType(LinkMessage.class).forEach(message -> put(message, links));
      return;
    }
    FractalHeap heap = new FractalHeap(storage, info.getFractalHeapAddress());
    BTreeV2<LinkNameForIndexedGroupRecord> index =
        new BTreeV2<>(storage, info.getBTreeNameIndexAddress());
    for (LinkNameForIndexedGroupRecord entry : index.getRecords()) {
      ByteBuffer message = heap.getId(entry.getId());
      storage.count(message.remaining());
      put(LinkMessage.fromBuffer(message, storage.superblock), links);
    }
  }

  private static void put(LinkMessage message, Map<String, Link> links) {
    links.put(
        message.getLinkName(),
        switch (message.getLinkType()) {
          case HARD -> new Link(message.getHardLinkAddress(), null, null);
          case SOFT -> new Link(NONE, message.getSoftLink(), null);
          case EXTERNAL -> new Link(NONE, null, message.getExternalFile());
        });
  }

  /** The position in the file of an address of the format. */
  long position(long address) {
    return storage.superblock.getBaseAddressByte() + address;
  }

  /** Whether the file has {@code size} bytes at an address. */
  boolean holds(long address, long size) {
    return address >= 0 && size >= 0 && position(address) <= data.size() - size;
  }

  /**
   * Counts the bytes of a dataset's values. Datasets may not share bytes, so that the length of the
   * file limits the work of reading all of them.
   */
  void claim(String what, long bytes) {
    claimed += bytes;
    if (claimed > data.size()) {
      throw new ElmoException(
          source
              + ": "
              + what
              + ": expected values in bytes of their own in a file of "
              + data.size()
              + " bytes, found "
              + claimed
              + " bytes of values");
    }
  }

  @Override
  public void close() {
    data.close();
  }

  /** The storage that jHDF's parsers read from. */
  private final class Storage implements HdfBackingStorage {
    private final Superblock superblock;
    private long left = Math.min(MAX_STRUCTURE, (1 << 20) + 4 * data.size());

    Storage(Superblock superblock) {
      this.superblock = superblock;
    }

    /** Counts the work that a structure has caused. */
    void count(long bytes) {
      left -= bytes;
      if (left < 0) {
        throw new HdfException("more structure than a file of " + data.size() + " bytes can have");
      }
    }

    @Override
    public ByteBuffer readBufferFromAddress(long address, int length) {
      return read(position(address), length);
    }

    @Override
    public ByteBuffer map(long address, long length) {
      return read(position(address), length);
    }

    @Override
    public ByteBuffer mapNoOffset(long address, long length) {
      return read(address, length);
    }

    private ByteBuffer read(long position, long length) {
      if (position < 0 || length < 0 || length > data.size() - position) {
        throw new HdfException("no " + length + " bytes at " + position + " of " + data.size());
      }
      count(length + Long.BYTES);
      ByteBuffer bytes = ByteBuffer.allocate((int) length).order(ByteOrder.LITTLE_ENDIAN);
      try {
        data.read(position, bytes);
      } catch (IOException e) {
        throw new HdfException(
            "no " + length + " bytes at " + position + ": " + FoundFile.reason(e), e);
      }
      checkCounts(bytes);
      return bytes;
    }

    /**
     * Compares counts, by which jHDF allocates lists or runs loops, with the bytes that are left.
     */
    private void checkCounts(ByteBuffer bytes) {
      if (bytes.remaining() < 16) {
        return;
      }
      int lengths = getSizeOfLengths();
      int offsets = getSizeOfOffsets();
      switch (StandardCharsets.ISO_8859_1.decode(bytes.slice(0, 4)).toString()) {
        case "BTHD" -> {
          checkCount(bytes, 18 + offsets, lengths);
          if (Short.toUnsignedInt(bytes.getShort(12)) > 8) {
            throw new HdfException("a tree of depth " + Short.toUnsignedInt(bytes.getShort(12)));
          }
        }
        case "FRHP" -> {
          int width = Short.toUnsignedInt(bytes.getShort(14 + 10 * lengths + 2 * offsets));
          int rows = Short.toUnsignedInt(bytes.getShort(20 + 12 * lengths + 3 * offsets));
          checkCount((long) width * rows);
        }
        case "FAHD" -> checkCount(bytes, 8, lengths);
        case "EAHD" -> {
          for (int i = 0; i < 6; i++) {
            checkCount(bytes, 12 + i * lengths, lengths);
          }
        }
        default -> {}
      }
    }

    private void checkCount(ByteBuffer bytes, int at, int size) {
      checkCount(
          Utils.readBytesAsUnsignedLong(bytes.duplicate().order(bytes.order()).position(at), size));
    }

    private void checkCount(long count) {
      if (count < 0 || count > left / Long.BYTES) {
        throw new HdfException(count + " entries in a file of " + data.size() + " bytes");
      }
    }

    @Override
    public long getUserBlockSize() {
      return superblock.getBaseAddressByte();
    }

    @Override
    public Superblock getSuperblock() {
      return superblock;
    }

    @Override
    public FileChannel getFileChannel() {
      return data.channel();
    }

    @Override
    public int getSizeOfOffsets() {
      return superblock.getSizeOfOffsets();
    }

    @Override
    public int getSizeOfLengths() {
      return superblock.getSizeOfLengths();
    }

    @Override
    public long size() {
      return data.size();
    }

    @Override
    public boolean inMemory() {
      return false;
    }

    @Override
    public void close() {
      data.close();
    }
  }
}
