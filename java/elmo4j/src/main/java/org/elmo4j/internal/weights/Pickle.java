// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.math.BigInteger;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.Json;
import org.elmo4j.weights.ModelOptions;

/**
 * Reads Python pickles that hold tensors. A pickle is a program for a stack machine, and in Python
 * it may call any function. This machine knows only the opcodes that {@code torch.save} writes for
 * a state dict, and it calls nothing: every name in a pickle must be one of the few below, for
 * which this class builds the object. Not thread-safe.
 */
final class Pickle {
  /** The most bytes of pickles that are read. Those of the published models take about 10,000. */
  static final int MAX_BYTES = 1 << 20;

  /** A sequence of numbers of one type, stored separately in the file. */
  record Storage(String key, Dtype dtype, long count) {}

  /** A tensor: a part of a storage, row-major without gaps. */
  record StoredTensor(Storage storage, long offset, long[] shape) {}

  /** A Python tuple. */
  record Tuple(List<Object> items) {}

  private enum Global {
    ORDERED_DICT,
    REBUILD_TENSOR
  }

  private static final Map<String, Object> GLOBALS =
      Map.of(
          "collections.OrderedDict", Global.ORDERED_DICT,
          "torch._utils._rebuild_tensor_v2", Global.REBUILD_TENSOR,
          "torch.FloatStorage", Dtype.F32,
          "torch.HalfStorage", Dtype.F16,
          "torch.BFloat16Storage", Dtype.BF16,
          "torch.DoubleStorage", Dtype.F64);

  private static final int MAX_DIMS = 8;

  /** The most bytes of a text. Names of tensors and storages take about 50. */
  private static final int MAX_TEXT = 1 << 12;

  private final String source;
  private final ByteBuffer in;

  /** The storages so far, by key. */
  private final Map<String, Storage> storages = new LinkedHashMap<>();

  private List<Object> stack;
  private Deque<List<Object>> marked;
  private Map<Integer, Object> memo;

  /**
   * The number of pairs that calls have copied. It is limited, since two bytes can refer to a list
   * again.
   */
  private int copied;

  /**
   * @param bytes pickles one after the other, from the position on
   * @param source the origin of the bytes, for messages
   */
  Pickle(ByteBuffer bytes, String source) {
    this.in = bytes.order(ByteOrder.LITTLE_ENDIAN);
    this.source = source;
  }

  /** The storages that the pickles read so far have named. */
  Map<String, Storage> storages() {
    return storages;
  }

  /**
   * Reads the next pickle.
   *
   * @return null, Boolean, Long, BigInteger, String, {@link Tuple}, List, Map (keys String or
   *     Long), {@link Storage} or {@link StoredTensor}; lists and maps may contain themselves
   * @throws ElmoException if it is damaged, or contains anything but tensors
   */
  Object read() {
    stack = new ArrayList<>();
    marked = new ArrayDeque<>();
    memo = new HashMap<>();
    try {
      while (true) {
        int opcode = in.get() & 0xFF;
        if (opcode == '.') {
          return pop();
        }
        step(opcode);
      }
    } catch (BufferUnderflowException e) {
      throw new ElmoException(
          source
              + ": expected pickles of at most "
              + MAX_BYTES
              + " bytes, found no end after "
              + in.limit(),
          e);
    }
  }

  private void step(int opcode) {
    switch (opcode) {
      case 0x80 -> in.get(); // PROTO
      case 0x95 -> in.getLong(); // FRAME
      case '(' -> {
        marked.push(stack);
        stack = new ArrayList<>();
      }
      case 'N' -> stack.add(null);
      case 0x88 -> stack.add(true);
      case 0x89 -> stack.add(false);
      case 'K' -> stack.add((long) (in.get() & 0xFF));
      case 'M' -> stack.add((long) (in.getShort() & 0xFFFF));
      case 'J' -> stack.add((long) in.getInt());
      case 0x8A -> stack.add(integer(bytes(in.get() & 0xFF))); // LONG1
      case 'X', 'T' -> stack.add(text(in.getInt())); // BINUNICODE, BINSTRING
      case 'U', 0x8C -> stack.add(text(in.get() & 0xFF)); // SHORT_BINSTRING, SHORT_BINUNICODE
      case ')' -> stack.add(new Tuple(List.of()));
      case 0x85, 0x86, 0x87 -> stack.add(new Tuple(pop(opcode - 0x84))); // TUPLE1 to 3
      case 't' -> {
        List<Object> items = stack;
        unmark();
        stack.add(new Tuple(items));
      }
      case ']' -> stack.add(new ArrayList<>());
      case 'a' -> {
        Object item = pop();
        list(top()).add(item);
      }
      case 'e' -> {
        List<Object> items = stack;
        unmark();
        list(top()).addAll(items);
      }
      case '}' -> stack.add(new LinkedHashMap<>());
      case 's' -> {
        List<Object> pair = pop(2);
        put(map(top()), pair);
      }
      case 'u' -> {
        List<Object> items = stack;
        unmark();
        put(map(top()), items);
      }
      case 'q' -> memo.put(in.get() & 0xFF, top());
      case 'r' -> memo.put(in.getInt(), top());
      case 0x94 -> memo.put(memo.size(), top()); // MEMOIZE
      case 'h' -> stack.add(recall(in.get() & 0xFF));
      case 'j' -> stack.add(recall(in.getInt()));
      case 'c', 'i' -> { // GLOBAL, INST
        String module = line();
        Object global = global(module + "." + line());
        if (opcode == 'i') {
          throw unexpected("an object made in an old way", "opcode i");
        }
        stack.add(global);
      }
      case 0x93 -> { // STACK_GLOBAL
        List<Object> names = pop(2);
        stack.add(global(string(names.get(0)) + "." + string(names.get(1))));
      }
      case 'R' -> {
        List<Object> call = pop(2);
        stack.add(call(call.get(0), tuple(call.get(1))));
      }
      case 'b' -> {
        // The attributes of an OrderedDict are versions of torch's modules, which do not matter for
        // the weights.
        Object state = pop();
        map(top());
        map(state);
      }
      case 'Q' -> stack.add(storage(tuple(pop())));
      default ->
          throw unexpected(
              "opcodes of a state dict", "0x" + HexFormat.of().toHexDigits((byte) opcode));
    }
  }

  private ElmoException unexpected(String expected, String found) {
    return new ElmoException(
        source
            + ": expected a pickle of tensors, with "
            + expected
            + ", found "
            + found
            + " before byte "
            + in.position());
  }

  private Object global(String name) {
    Object global = GLOBALS.get(name);
    if (global == null) {
      throw new ElmoException(
          source
              + ": expected a pickle of tensors alone, found one that wants to run "
              + Json.brief(name));
    }
    return global;
  }

  private Object call(Object function, List<Object> arguments) {
    if (function == Global.ORDERED_DICT) {
      Map<Object, Object> map = new LinkedHashMap<>();
      if (arguments.size() == 1) { // Python 2: a list of pairs
        List<Object> pairs = list(arguments.get(0));
        copied += pairs.size();
        if (copied > in.limit()) {
          throw unexpected("each list of pairs used once", copied + " pairs copied");
        }
        for (Object pair : pairs) {
          put(map, pair instanceof Tuple tuple ? tuple.items : list(pair));
        }
      } else if (!arguments.isEmpty()) {
        throw unexpected("an OrderedDict of nothing or pairs", arguments.size() + " arguments");
      }
      return map;
    }
    if (function == Global.REBUILD_TENSOR && arguments.size() >= 4) {
      if (!(arguments.get(0) instanceof Storage storage)) {
        throw unexpected("a tensor of a storage", name(arguments.get(0)));
      }
      return tensor(
          storage,
          number(arguments.get(1)),
          dimensions(arguments.get(2)),
          dimensions(arguments.get(3)));
    }
    throw unexpected("calls that build tensors", "a call of " + name(function));
  }

  private long[] dimensions(Object value) {
    List<Object> items = tuple(value);
    if (items.size() > MAX_DIMS) {
      throw unexpected("tensors of at most " + MAX_DIMS + " dimensions", items.size() + " of one");
    }
    return items.stream().mapToLong(this::number).toArray();
  }

  private StoredTensor tensor(Storage storage, long offset, long[] shape, long[] stride) {
    long[] expected = new long[shape.length];
    long count = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      expected[i] = count;
      count =
          shape[i] < 1 || shape[i] > ModelOptions.MAX_NUMBERS / count
              ? ModelOptions.MAX_NUMBERS + 1
              : count * shape[i];
      if (count > ModelOptions.MAX_NUMBERS) {
        break;
      }
    }
    boolean dense =
        shape.length >= 1 && stride.length == shape.length && count <= ModelOptions.MAX_NUMBERS;
    for (int i = 0; dense && i < shape.length; i++) {
      dense = stride[i] == expected[i] || shape[i] == 1;
    }
    if (!dense || offset < 0 || offset > storage.count - count) {
      throw unexpected(
          "tensors that lie without gaps in their storage",
          "shape "
              + Arrays.toString(shape)
              + ", stride "
              + Arrays.toString(stride)
              + ", offset "
              + offset
              + " in "
              + storage.count
              + " numbers");
    }
    return new StoredTensor(storage, offset, shape);
  }

  /** A persistent id: ("storage", type, key, location, count), and None in the older format. */
  private Storage storage(List<Object> id) {
    boolean good = id.size() == 5 || (id.size() == 6 && id.get(5) == null);
    if (!good || !"storage".equals(id.get(0)) || !(id.get(1) instanceof Dtype dtype)) {
      throw unexpected("references to storages of floats", "another reference");
    }
    Storage storage = new Storage(string(id.get(2)), dtype, number(id.get(4)));
    Storage before = storages.putIfAbsent(storage.key, storage);
    if (storage.count < 0
        || storage.count > ModelOptions.MAX_NUMBERS
        || (before != null && !before.equals(storage))) {
      throw unexpected(
          "storages of up to " + ModelOptions.MAX_NUMBERS + " numbers, the same each time",
          storage.count + " numbers in " + Json.brief(storage.key));
    }
    return storage;
  }

  private byte[] bytes(int count) {
    if (count < 0 || count > in.remaining()) {
      throw new BufferUnderflowException();
    }
    byte[] bytes = new byte[count];
    in.get(bytes);
    return bytes;
  }

  private String text(int bytes) {
    if (bytes > MAX_TEXT) {
      throw unexpected("texts of at most " + MAX_TEXT + " bytes", bytes + " in one");
    }
    return new String(bytes(bytes), StandardCharsets.UTF_8);
  }

  private String line() {
    int start = in.position();
    while (in.get() != '\n') {}
    byte[] bytes = new byte[in.position() - 1 - start];
    in.get(start, bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** Little-endian, in two's complement. */
  private static Object integer(byte[] bytes) {
    byte[] reversed = new byte[bytes.length + 1];
    for (int i = 0; i < bytes.length; i++) {
      reversed[bytes.length - i] = bytes[i];
    }
    reversed[0] = (byte) (bytes.length > 0 && bytes[bytes.length - 1] < 0 ? -1 : 0);
    BigInteger value = new BigInteger(reversed);
    return value.bitLength() < Long.SIZE ? (Object) value.longValue() : value;
  }

  private Object top() {
    if (stack.isEmpty()) {
      throw unexpected("a value on the stack", "none");
    }
    return stack.get(stack.size() - 1);
  }

  private Object pop() {
    Object top = top();
    stack.remove(stack.size() - 1);
    return top;
  }

  private List<Object> pop(int count) {
    if (stack.size() < count) {
      throw unexpected(count + " values on the stack", String.valueOf(stack.size()));
    }
    List<Object> last = stack.subList(stack.size() - count, stack.size());
    List<Object> popped = new ArrayList<>(last);
    last.clear();
    return popped;
  }

  private void unmark() {
    if (marked.isEmpty()) {
      throw unexpected("a mark on the stack", "none");
    }
    stack = marked.pop();
  }

  private Object recall(int index) {
    if (!memo.containsKey(index)) {
      throw unexpected("a value that was kept", "index " + index);
    }
    return memo.get(index);
  }

  private void put(Map<Object, Object> map, List<Object> keysAndValues) {
    if (keysAndValues.size() % 2 != 0) {
      throw unexpected("keys and values", "a key alone");
    }
    for (int i = 0; i < keysAndValues.size(); i += 2) {
      Object key = keysAndValues.get(i);
      if (!(key instanceof String || key instanceof Long)) {
        throw unexpected("keys that are strings or numbers", name(key));
      }
      map.put(key, keysAndValues.get(i + 1));
    }
  }

  @SuppressWarnings("unchecked") // Lists and maps are made here alone.
  private List<Object> list(Object value) {
    if (!(value instanceof List)) {
      throw unexpected("a list", name(value));
    }
    return (List<Object>) value;
  }

  @SuppressWarnings("unchecked")
  private Map<Object, Object> map(Object value) {
    if (!(value instanceof Map)) {
      throw unexpected("a dict", name(value));
    }
    return (Map<Object, Object>) value;
  }

  private List<Object> tuple(Object value) {
    if (!(value instanceof Tuple tuple)) {
      throw unexpected("a tuple", name(value));
    }
    return tuple.items;
  }

  private long number(Object value) {
    if (!(value instanceof Long number)) {
      throw unexpected("a number", name(value));
    }
    return number;
  }

  private String string(Object value) {
    if (!(value instanceof String string)) {
      throw unexpected("a string", name(value));
    }
    return string;
  }

  private static String name(Object value) {
    return value == null
        ? "None"
        : value instanceof Number
            ? "a number"
            : value instanceof String
                ? "a string"
                : value instanceof List
                    ? "a list"
                    : value instanceof Map
                        ? "a dict"
                        : value instanceof Tuple ? "a tuple" : "another object";
  }
}
