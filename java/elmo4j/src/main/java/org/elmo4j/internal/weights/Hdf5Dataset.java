// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import io.jhdf.Constants;
import io.jhdf.ObjectHeader;
import io.jhdf.btree.BTreeV1;
import io.jhdf.dataset.chunked.Chunk;
import io.jhdf.dataset.chunked.DatasetInfo;
import io.jhdf.dataset.chunked.indexing.BTreeIndex;
import io.jhdf.dataset.chunked.indexing.ExtensibleArrayIndex;
import io.jhdf.dataset.chunked.indexing.FixedArrayIndex;
import io.jhdf.dataset.chunked.indexing.ImplicitChunkIndex;
import io.jhdf.dataset.chunked.indexing.SingleChunkIndex;
import io.jhdf.exceptions.HdfException;
import io.jhdf.filter.ByteShuffleFilter;
import io.jhdf.filter.LzfFilter;
import io.jhdf.object.datatype.DataType;
import io.jhdf.object.datatype.FixedPoint;
import io.jhdf.object.datatype.FloatingPoint;
import io.jhdf.object.message.DataLayoutMessage;
import io.jhdf.object.message.DataLayoutMessage.ChunkedDataLayoutMessage;
import io.jhdf.object.message.DataLayoutMessage.ChunkedDataLayoutMessageV4;
import io.jhdf.object.message.DataLayoutMessage.CompactDataLayoutMessage;
import io.jhdf.object.message.DataLayoutMessage.ContiguousDataLayoutMessage;
import io.jhdf.object.message.DataSpaceMessage;
import io.jhdf.object.message.DataTypeMessage;
import io.jhdf.object.message.FilterPipelineMessage;
import io.jhdf.object.message.FilterPipelineMessage.FilterInfo;
import io.jhdf.storage.HdfBackingStorage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.Library;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;

/**
 * A dataset of floats in an {@link Hdf5File}. It may be contiguous, compact, or in chunks with or
 * without compression. The caller calls {@link #locate} before {@link #read}. Not thread-safe.
 */
final class Hdf5Dataset {
  /** The most numbers that a chunk may have even if the tensor is smaller. */
  private static final int SMALL_CHUNK = 1 << 20;

  /** The most bytes of a chunk. While a chunk is read, the heap holds two or three copies of it. */
  private static final long MAX_CHUNK_BYTES = 64 << 20;

  private static final long MAX_CHUNKS = 1 << 18;
  private static final int DEFLATE = 1;
  private static final int SHUFFLE = 2;
  private static final int FLETCHER = 3;
  private static final int LZF = 32000;

  private final Hdf5File file;
  private final HdfBackingStorage storage;
  private final long[] shape;
  private final DataType type;
  private final DataLayoutMessage layout;
  private final List<FilterInfo> filters;

  private Dtype dtype;
  private long position = -1;
  private int[] chunkShape;
  private int chunkBytes;

  /** The chunks in the order of their first numbers; null for other layouts. */
  private Chunk[] chunks;

  Hdf5Dataset(Hdf5File file, HdfBackingStorage storage, ObjectHeader header) {
    this.file = file;
    this.storage = storage;
    shape = header.getMessageOfType(DataSpaceMessage.class).getDataSpace().getDimensionsAsLong();
    type = header.getMessageOfType(DataTypeMessage.class).getDataType();
    layout = header.getMessageOfType(DataLayoutMessage.class);
    filters =
        header.hasMessageOfType(FilterPipelineMessage.class)
            ? header.getMessageOfType(FilterPipelineMessage.class).getFilters()
            : List.of();
  }

  long[] shape() {
    return shape.clone();
  }

  /** The number format. It is known after {@link #locate}. */
  Dtype dtype() {
    return dtype;
  }

  /**
   * The bytes after decompression. They may be more than the dataset has, since chunks may reach
   * beyond it.
   */
  long decodedBytes() {
    return chunks == null
        ? TensorShapes.count(shape) * dtype.bytes()
        : (long) chunks.length * chunkBytes;
  }

  ByteOrder order() {
    return ((FloatingPoint) type).getByteOrder();
  }

  /** The position of the values in the file, or -1 if they do not lie in one contiguous range. */
  long position() {
    return position;
  }

  /**
   * Finds the positions of the values and checks that all of them lie in the file. It reads no
   * values. The caller has checked the shape.
   *
   * @param what the name of the dataset in messages
   * @throws ElmoException if it does not hold floats, or not all values are in the file
   */
  void locate(String what) {
    if (dtype == null) {
      Dtype found = findDtype(what);
      Hdf5File.guard(
          file.source,
          what,
          () -> {
            locate(what, TensorShapes.count(shape), found.bytes());
            return null;
          });
      dtype = found;
    }
  }

  private Dtype findDtype(String what) {
    if (type instanceof FloatingPoint floats) {
      String layout =
          floats.getSize()
              + " "
              + floats.getBitPrecision()
              + " "
              + floats.getExponentSize()
              + " "
              + floats.getMantissaSize();
      switch (layout) {
        case "2 16 5 10":
          return Dtype.F16;
        case "4 32 8 23":
          return Dtype.F32;
        case "8 64 11 52":
          return Dtype.F64;
        default:
      }
    }
    throw bad(
        what,
        "16, 32 or 64-bit floats",
        (type instanceof FixedPoint
                ? "integers"
                : type instanceof FloatingPoint ? "other floats" : "other data")
            + " of "
            + type.getSize()
            + " bytes");
  }

  private void locate(String what, long count, int bytes) {
    long size = count * bytes;
    if (layout instanceof ContiguousDataLayoutMessage contiguous) {
      long address = contiguous.getAddress();
      if (address == Constants.UNDEFINED_ADDRESS) {
        throw bad(what, "stored values", "none");
      }
      if (!file.holds(address, size)) {
        throw bad(
            what,
            size + " bytes at " + file.position(address),
            "a file of " + file.data.size() + " bytes");
      }
      file.claim(what, size);
      position = file.position(address);
    } else if (layout instanceof CompactDataLayoutMessage compact) {
      int found = compact.getDataBuffer().remaining();
      if (found != size) {
        throw bad(what, size + " bytes", String.valueOf(found));
      }
    } else {
      locateChunks(what, count, bytes);
    }
  }

  private void locateChunks(String what, long count, int bytes) {
    checkFilters(what, bytes);
    if (layout instanceof ChunkedDataLayoutMessageV4 latest) {
      // The last entry is the size of an element.
      int[] dimensions = latest.getChunkDimensions();
      chunkShape = Arrays.copyOf(dimensions, dimensions.length - 1);
    } else {
      chunkShape = ((ChunkedDataLayoutMessage) layout).getChunkDimensions();
    }
    long numbers = chunkShape.length == shape.length ? 1 : Long.MAX_VALUE;
    long grid = 1;
    for (int i = 0; i < chunkShape.length && numbers <= ModelOptions.MAX_NUMBERS; i++) {
      numbers = chunkShape[i] > 0 ? numbers * chunkShape[i] : Long.MAX_VALUE;
      grid = Math.min(MAX_CHUNKS + 1, grid * -Math.floorDiv(-shape[i], Math.max(1, chunkShape[i])));
    }
    // HDF5 allows no chunk larger than a dataset of fixed size.
    if (numbers > Math.max(SMALL_CHUNK, 2 * count)) {
      throw bad(what, "chunks no larger than the tensor", Arrays.toString(chunkShape));
    }
    if (numbers * bytes > MAX_CHUNK_BYTES) {
      throw bad(
          what,
          "chunks of at most " + MAX_CHUNK_BYTES + " bytes",
          Arrays.toString(chunkShape) + " of " + bytes + " bytes each");
    }
    if (grid > MAX_CHUNKS) {
      throw bad(what, "at most " + MAX_CHUNKS + " chunks", Arrays.toString(chunkShape));
    }
    chunkBytes = (int) numbers * bytes;
    Chunk[] places = new Chunk[(int) grid];
    long stored = 0;
    int found = 0;
    for (Chunk chunk : index()) {
      int place = place(what, chunk.getChunkOffset());
      if (place < 0 || chunk.getAddress() == Constants.UNDEFINED_ADDRESS) {
        continue;
      }
      if (places[place] != null) {
        throw bad(what, "each chunk once", "one at " + Arrays.toString(chunk.getChunkOffset()));
      }
      if (!file.holds(chunk.getAddress(), chunk.getSize())
          || filters.isEmpty() && chunk.getSize() != chunkBytes) {
        throw bad(
            what,
            "a chunk of " + chunkBytes + " bytes in a file of " + file.data.size(),
            chunk.getSize() + " bytes at " + file.position(chunk.getAddress()));
      }
      places[place] = chunk;
      stored += chunk.getSize();
      found++;
    }
    if (found < places.length) {
      // A value that was never written would be the fill value, but a weight is never left out on
      // purpose.
      throw bad(what, "all its " + places.length + " chunks stored", String.valueOf(found));
    }
    file.claim(what, stored);
    chunks = places;
  }

  private void checkFilters(String what, int bytes) {
    long known =
        filters.stream()
            .mapToInt(FilterInfo::getId)
            .filter(id -> id == DEFLATE || id == SHUFFLE || id == FLETCHER || id == LZF)
            .distinct()
            .count();
    if (known < filters.size()) {
      throw bad(
          what,
          "chunks compressed with gzip or lzf, shuffled or not",
          "filters " + filters.stream().map(filter -> String.valueOf(filter.getId())).toList());
    }
    for (FilterInfo filter : filters) {
      int[] values = filter.getData();
      // jHDF runs a loop as often as this number says.
      if (filter.getId() == SHUFFLE && (values.length == 0 || values[0] != bytes)) {
        throw bad(what, "numbers of " + bytes + " bytes shuffled", Arrays.toString(values));
      }
    }
  }

  private Collection<Chunk> index() {
    if (layout instanceof ChunkedDataLayoutMessage old) {
      return old.getBTreeAddress() == Constants.UNDEFINED_ADDRESS
          ? List.of()
          : BTreeV1.createDataBTree(storage, old.getBTreeAddress(), shape.length).getChunks();
    }
    ChunkedDataLayoutMessageV4 latest = (ChunkedDataLayoutMessageV4) layout;
    long address = latest.getAddress();
    if (address == Constants.UNDEFINED_ADDRESS) {
      return List.of();
    }
    DatasetInfo info = new DatasetInfo(chunkBytes, shape, chunkShape);
    return switch (latest.getIndexingType()) {
      case ChunkedDataLayoutMessageV4.SINGLE_CHUNK_INDEX ->
          new SingleChunkIndex(latest, info).getAllChunks();
      case ChunkedDataLayoutMessageV4.IMPLICIT_INDEX ->
          new ImplicitChunkIndex(address, info).getAllChunks();
      case ChunkedDataLayoutMessageV4.FIXED_ARRAY_INDEX ->
          new FixedArrayIndex(storage, address, info).getAllChunks();
      case ChunkedDataLayoutMessageV4.EXTENSIBLE_ARRAY_INDEX ->
          new ExtensibleArrayIndex(storage, address, info).getAllChunks();
      case ChunkedDataLayoutMessageV4.B_TREE_V2_INDEX ->
          new BTreeIndex(storage, address, info).getAllChunks();
      default -> throw new HdfException("an index of type " + latest.getIndexingType());
    };
  }

  /**
   * The index of a chunk among all chunks, or -1 if it lies beyond the dataset, as happens when a
   * dataset was shrunk.
   */
  private int place(String what, long[] offset) {
    long place = 0;
    for (int i = 0; i < shape.length; i++) {
      if (offset[i] < 0 || offset[i] % chunkShape[i] != 0) {
        throw bad(what, "chunks side by side", "one at " + Arrays.toString(offset));
      }
      if (offset[i] >= shape[i]) {
        return -1;
      }
      place = place * -Math.floorDiv(-shape[i], chunkShape[i]) + offset[i] / chunkShape[i];
    }
    return (int) place;
  }

  /** Implements {@link WeightStore#read} for the tensor in this dataset. */
  void read(WeightStore store, String name, FloatBuffer target) {
    int count = Tensors.room(store, name, target);
    if (position >= 0) {
      file.data.readTensor(store, name, position, dtype, order(), target);
      return;
    }
    int start = target.position();
    if (chunks == null) {
      ByteBuffer values = ((CompactDataLayoutMessage) layout).getDataBuffer();
      dtype.decode(values.order(order()), target);
    } else {
      Hdf5File.guard(
          file.source,
          "tensor " + name,
          () -> {
            readChunks(start, target);
            return null;
          });
      target.position(start + count);
    }
    Tensors.checkFinite(store, name, target, start, count, 0);
  }

  private void readChunks(int start, FloatBuffer target) throws IOException, DataFormatException {
    Inflater inflater = new Inflater();
    try {
      for (Chunk chunk : chunks) {
        byte[] raw = new byte[chunk.getSize()];
        ByteBuffer into = ByteBuffer.wrap(raw);
        long at = file.position(chunk.getAddress());
        file.data.forEachPiece(at, at + raw.length, into::put);
        byte[] values = decode(raw, chunk, inflater);
        if (values.length != chunkBytes) {
          throw new HdfException("a chunk of " + values.length + " bytes, not " + chunkBytes);
        }
        place(chunk, ByteBuffer.wrap(values).order(order()), start, target);
      }
    } finally {
      inflater.end();
    }
  }

  /** Reverses the filters of a chunk. It produces at most as many bytes as a chunk has. */
  private byte[] decode(byte[] bytes, Chunk chunk, Inflater inflater) throws DataFormatException {
    byte[] decoded = bytes;
    for (int i = filters.size() - 1; i >= 0; i--) {
      FilterInfo filter = filters.get(i);
      if (chunk.getFilterMask() != null && chunk.getFilterMask().get(i)) {
        continue;
      }
      int[] values = filter.getData();
      decoded =
          switch (filter.getId()) {
            case DEFLATE -> inflate(decoded, inflater);
            case SHUFFLE -> new ByteShuffleFilter().decode(decoded, values);
            // jHDF does not remove the checksum.
            case FLETCHER -> Arrays.copyOf(decoded, decoded.length - Integer.BYTES);
            default -> {
              if (values[2] > chunkBytes + Integer.BYTES) {
                throw new HdfException("a chunk of " + values[2] + " bytes, not " + chunkBytes);
              }
              Library.require("a chunk compressed by LZF", Library.LZF);
              yield new LzfFilter().decode(decoded, values);
            }
          };
    }
    return decoded;
  }

  private byte[] inflate(byte[] bytes, Inflater inflater) throws DataFormatException {
    // A checksum may be compressed with the values.
    boolean sum = filters.stream().anyMatch(filter -> filter.getId() == FLETCHER);
    byte[] inflated = new byte[chunkBytes + (sum ? Integer.BYTES : 0)];
    inflater.reset();
    inflater.setInput(bytes);
    int length = 0;
    while (!inflater.finished() && length < inflated.length) {
      int more = inflater.inflate(inflated, length, inflated.length - length);
      if (more == 0 && !inflater.finished()) {
        throw new DataFormatException("compressed bytes end early");
      }
      length += more;
    }
    if (!inflater.finished() && inflater.inflate(new byte[1]) > 0) {
      throw new HdfException("a chunk that inflates to more than its " + chunkBytes + " bytes");
    }
    return length == inflated.length ? inflated : Arrays.copyOf(inflated, length);
  }

  /** Copies the rows of a chunk to their positions. Parts beyond the dataset are left out. */
  private void place(Chunk chunk, ByteBuffer values, int start, FloatBuffer target) {
    long[] offset = chunk.getChunkOffset();
    int last = shape.length - 1;
    int[] index = new int[shape.length];
    int run = (int) Math.min(chunkShape[last], shape[last] - offset[last]) * dtype.bytes();
    for (int row = 0; row * (long) chunkShape[last] * dtype.bytes() < chunkBytes; row++) {
      long at = 0;
      boolean inside = true;
      for (int i = 0; i <= last; i++) {
        inside &= i == last || offset[i] + index[i] < shape[i];
        at = at * shape[i] + offset[i] + (i == last ? 0 : index[i]);
      }
      if (inside) {
        int from = row * chunkShape[last] * dtype.bytes();
        target.position(start + (int) at);
        dtype.decode(values.slice(from, run).order(values.order()), target);
      }
      for (int i = last - 1; i >= 0 && ++index[i] == chunkShape[i]; i--) {
        index[i] = 0;
      }
    }
  }

  private ElmoException bad(String what, String expected, String found) {
    return new ElmoException(
        file.source + ": " + what + ": expected " + expected + ", found " + found);
  }
}
