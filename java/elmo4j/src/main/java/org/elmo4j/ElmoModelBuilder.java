// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.backend.Backend;
import org.elmo4j.internal.batch.Embedder;
import org.elmo4j.internal.batch.ReplicaPool;
import org.elmo4j.internal.devices.Devices;
import org.elmo4j.internal.weights.StoredWeights;
import org.elmo4j.internal.weights.Tensors;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;

/** Choices about how to load an {@link ElmoModel}. For one thread. */
public final class ElmoModelBuilder {
  private interface Opener {
    WeightStore open(Path optionsFile);
  }

  private Opener opener;
  private Path optionsFile;
  private List<Device> devices = List.of(Device.auto());
  private Precision precision; // null for the device's own
  private int threads = Runtime.getRuntime().availableProcessors();
  private ScalarMix mix;
  private long wordCacheBytes = 64 << 20;
  private long workspaceBytes; // 0 for the default
  private Path vocabulary;
  private Path tokens;
  private Path tokenRows;
  private Duration batchDelay = Duration.ofMillis(1);
  private int batchTokens; // 0 for the default

  ElmoModelBuilder() {}

  /** From a folder or file; its content tells what it is. */
  public ElmoModelBuilder path(Path path) {
    Arguments.require(path, "path");
    opener =
        options -> options == null ? WeightStores.open(path) : WeightStores.open(options, path);
    return this;
  }

  /**
   * The options file (options.json of AllenNLP or bilm-tf) for the model at {@link #path}: in place
   * of what must be assumed of a TensorFlow checkpoint, or of the file beside the weights.
   */
  public ElmoModelBuilder options(Path optionsFile) {
    Arguments.require(optionsFile, "options file");
    this.optionsFile = optionsFile;
    return this;
  }

  /** From options.json and HDF5 weights in places of their own. */
  public ElmoModelBuilder files(Path options, Path weights) {
    Arguments.require(weights, "weight file");
    return options(options).path(weights);
  }

  /** The model in the box. */
  public ElmoModelBuilder miniEnglish() {
    opener =
        options -> {
          requireNone(options, "the model mini-en");
          return WeightStores.miniEnglish();
        };
    return this;
  }

  /** A published model by name; fetched into the cache if need be. */
  public ElmoModelBuilder pretrained(String name) {
    return pretrained(ModelHub.standard(), name, null);
  }

  /** A model that a hub knows, by name and language; null for any language. */
  public ElmoModelBuilder pretrained(ModelHub hub, String name, String language) {
    Arguments.require(hub, "hub");
    Arguments.require(name, "name");
    opener =
        options -> {
          requireNone(options, "the model " + name);
          return hub.open(name, language);
        };
    return this;
  }

  /** From weights that are open already; {@link #load} closes them. */
  public ElmoModelBuilder weights(WeightStore weights) {
    Arguments.require(weights, "weights");
    opener =
        options -> {
          requireNone(options, "open weights");
          return weights;
        };
    return this;
  }

  private static void requireNone(Path optionsFile, String model) {
    if (optionsFile != null) {
      throw new ElmoException(
          "options file: expected none, for " + model + " has its own, found " + optionsFile);
    }
  }

  /** Where to run; {@link Device#auto} by default. */
  public ElmoModelBuilder device(Device device) {
    Arguments.require(device, "device");
    return devices(List.of(device));
  }

  /**
   * Where to run: on several CUDA devices the model is loaded once on each, and a call runs on one
   * of them, that with the fewest tokens to do, of equal ones the next in turn. So they help calls
   * of several threads, {@link ElmoModel#submit} and {@link ElmoModel#embedAll}; one call is not
   * divided. Results lie on the device that computed them ({@link Tensor#device}). What is said in
   * bytes, {@link #wordCacheBytes} and {@link #workspaceBytes}, holds for each device.
   *
   * <p>A device that fails for good throws {@link ElmoDeviceException} from each call that comes to
   * it, and since it has nothing to do most calls will: close the model, and restart the process to
   * use that device again.
   *
   * @throws ElmoException if there is none, one is there twice, or there are several and not all
   *     are CUDA devices
   */
  public ElmoModelBuilder devices(List<Device> devices) {
    Arguments.require(devices, "devices");
    List<Device> copy = new ArrayList<>(devices);
    copy.forEach(device -> Arguments.require(device, "device"));
    this.devices = checked(copy);
    return this;
  }

  private static List<Device> checked(List<Device> devices) {
    if (devices.isEmpty() || new HashSet<>(devices).size() < devices.size()) {
      throw new ElmoException("devices: expected one or more, each once, found " + devices);
    }
    if (devices.size() > 1 && !devices.stream().allMatch(Device::isCuda)) {
      throw new ElmoException(
          "devices: expected CUDA devices where there are several, found " + devices);
    }
    return devices;
  }

  /**
   * How to hold the matrices. By default what the system property {@code elmo4j.precision} names,
   * or else {@link Precision#FP32} on the CPU and {@link Precision#FP16} on a CUDA device.
   */
  public ElmoModelBuilder precision(Precision precision) {
    Arguments.require(precision, "precision");
    this.precision = precision;
    return this;
  }

  /**
   * CPU threads that work for this model, all calls together; by default one a processor.
   *
   * @throws ElmoException if it is not 1 to 1024
   */
  public ElmoModelBuilder threads(int threads) {
    if (threads < 1 || threads > 1024) {
      throw new ElmoException("threads: expected 1 to 1024, found " + threads);
    }
    this.threads = threads;
    return this;
  }

  /** The mix behind {@link Layer#ELMO}, in place of the file's. */
  public ElmoModelBuilder mix(ScalarMix mix) {
    Arguments.require(mix, "mix");
    this.mix = mix;
    return this;
  }

  /**
   * What the word cache may take, by default 64 MiB: token representations of words are kept from
   * call to call, so that only new ones are computed. Counted are rows in native memory, reserved
   * when the model is loaded, and about 160 bytes of Java heap a word: 64 MiB hold 30,000 words of
   * the published model. Each of several devices has a cache of its own. Results are the same bits
   * with and without it (to rounding on processors without AVX2).
   *
   * @param bytes 0 for no cache
   * @throws ElmoException if it is negative
   */
  public ElmoModelBuilder wordCacheBytes(long bytes) {
    if (bytes < 0) {
      throw new ElmoException("word cache: expected 0 bytes or more, found " + bytes);
    }
    wordCacheBytes = bytes;
    return this;
  }

  /**
   * Words to put into the word cache when the model is loaded: a UTF-8 file with one a line, the
   * commonest first, like the vocabulary files of the original tools. Blank lines are passed over.
   */
  public ElmoModelBuilder vocabulary(Path file) {
    Arguments.require(file, "vocabulary");
    vocabulary = file;
    return this;
  }

  /**
   * Ready token representations to put into the word cache when the model is loaded, in order until
   * it is full: what {@code dump_token_embeddings} of bilm-tf wrote with this model.
   *
   * @param vocabulary one token a line
   * @param embeddings HDF5, dataset {@code embedding} [tokens, P]
   */
  public ElmoModelBuilder tokenEmbeddings(Path vocabulary, Path embeddings) {
    Arguments.require(vocabulary, "vocabulary");
    Arguments.require(embeddings, "token embeddings");
    tokens = vocabulary;
    tokenRows = embeddings;
    return this;
  }

  /**
   * Memory of each device that all calls under way may take together, beside their results and a
   * few MB a thread; by default 128 MiB a thread and 128 MiB more, on a CUDA device a quarter of
   * what is free, 8 GiB at most. Large calls run in parts that fit; a call that does not fit beside
   * others waits for them; a single sentence that needs more runs alone. With less than 128 MiB a
   * thread batches of the published model become smaller, and slower.
   *
   * @param bytes 1 MiB or more
   * @throws ElmoException if it is less
   */
  public ElmoModelBuilder workspaceBytes(long bytes) {
    if (bytes < 1 << 20) {
      throw new ElmoException("workspace: expected 1 MiB or more, found " + bytes + " bytes");
    }
    workspaceBytes = bytes;
    return this;
  }

  /**
   * How sentences of {@link ElmoModel#submit} and {@link ElmoModel#embedAll} are batched. On the
   * CPU they join running ones as soon as there are free slots; on a CUDA device they run as whole
   * batches.
   *
   * @param maxDelay on a CUDA device, how long a sentence waits for others while nothing runs,
   *     unless all have come back that the last run answered; by default 1 ms
   * @param maxTokens tokens, boundaries included, that begin together; as many may wait. By default
   *     12,288 for each two threads, 40,960 on a CUDA device, where two runs may be under way, so
   *     that one's copies go on beside the other's work
   * @throws ElmoException if the delay is negative or longer than a day, or there are no tokens
   */
  public ElmoModelBuilder dynamicBatching(Duration maxDelay, int maxTokens) {
    Arguments.require(maxDelay, "batching delay");
    if (maxDelay.isNegative() || maxDelay.compareTo(Duration.ofDays(1)) > 0) {
      throw new ElmoException("batching delay: expected 0 to one day, found " + maxDelay);
    }
    if (maxTokens < 1) {
      throw new ElmoException("batch tokens: expected 1 or more, found " + maxTokens);
    }
    batchDelay = maxDelay;
    batchTokens = maxTokens;
    return this;
  }

  private static List<String> readWords(Path file) {
    try {
      return Files.readAllLines(file).stream().filter(line -> !line.isBlank()).toList();
    } catch (CharacterCodingException e) {
      throw new ElmoException(file + ": expected UTF-8 text, found other bytes", e);
    } catch (IOException e) {
      throw new ElmoException(file + ": expected a file of words, found " + e, e);
    }
  }

  private Embedder embedder(StoredWeights weights, Device device) {
    Backend backend = Devices.load(weights, device, precision, threads);
    try {
      return new Embedder(
          backend,
          weights.options(),
          weights.encoder(),
          wordCacheBytes,
          workspaceBytes != 0 ? workspaceBytes : backend.defaultWorkspaceBytes());
    } catch (Throwable e) {
      backend.close();
      throw e;
    }
  }

  /**
   * Reads, checks and places the weights.
   *
   * @throws ElmoException if no model was named, it or its vocabulary cannot be read, or memory
   *     cannot be had
   */
  public ElmoModel load() {
    if (opener == null) {
      throw new ElmoException(
          "model: expected path, files, weights, pretrained or miniEnglish, found none of them");
    }
    List<String> words = vocabulary == null ? List.of() : readWords(vocabulary);
    List<Device> resolved = checked(Devices.resolve(devices));
    try (WeightStore store = opener.open(optionsFile)) {
      Tensors.check(store);
      ScalarMix own =
          Objects.requireNonNullElseGet(
              store.mix(), () -> ScalarMix.even(store.options().lstmLayers() + 1));
      StoredWeights weights = new StoredWeights(store);
      ReplicaPool replicas = new ReplicaPool(resolved, device -> embedder(weights, device));
      LayerPlan plan = new LayerPlan(store.source(), store.options(), mix == null ? own : mix);
      ElmoModel model = new ElmoModel(plan, replicas, batchDelay, batchTokens);
      try {
        if (tokens != null) {
          model.put(tokens, tokenRows);
        }
        model.warm(words);
        return model;
      } catch (Throwable e) {
        model.close();
        throw e;
      }
    }
  }
}
