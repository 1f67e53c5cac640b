// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.backend.Backend;
import org.elmo4j.internal.batch.Embedder;
import org.elmo4j.internal.batch.ReplicaPool;
import org.elmo4j.internal.devices.Devices;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.weights.Fingerprint;
import org.elmo4j.internal.weights.StoredWeights;
import org.elmo4j.internal.weights.Tensors;
import org.elmo4j.internal.weights.TokenEmbeddings;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;

/**
 * Chooses a model and how to load it: name a model, set options, then call {@link #load}. Not
 * thread-safe.
 */
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

  /** Loads a folder or file. The format is detected from the content. */
  public ElmoModelBuilder path(Path path) {
    Arguments.require(path, "path");
    opener =
        options -> options == null ? WeightStores.open(path) : WeightStores.open(options, path);
    return this;
  }

  /**
   * Sets the options file (options.json of AllenNLP or bilm-tf) for the model at {@link #path}. It
   * replaces the options file that lies beside the weights, or, for a TensorFlow checkpoint, the
   * values that elmo4j would otherwise assume.
   */
  public ElmoModelBuilder options(Path optionsFile) {
    Arguments.require(optionsFile, "options file");
    this.optionsFile = optionsFile;
    return this;
  }

  /** Loads HDF5 weights with the given options.json. The two files may lie in different folders. */
  public ElmoModelBuilder files(Path options, Path weights) {
    Arguments.require(weights, "weight file");
    return options(options).path(weights);
  }

  /** Loads the small English model that comes with elmo4j ({@link ElmoModel#miniEnglish}). */
  public ElmoModelBuilder miniEnglish() {
    opener =
        options -> {
          requireNone(options, "the model mini-en");
          return WeightStores.miniEnglish();
        };
    return this;
  }

  /**
   * Loads a published model by name ({@link ElmoModel#pretrained(String)}). It is downloaded if the
   * cache does not have it.
   */
  public ElmoModelBuilder pretrained(String name) {
    return pretrained(ModelHub.standard(), name, null);
  }

  /** Loads a model of the given hub by name and language. A null language matches any language. */
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

  /** Loads weights that the caller has opened. {@link #load} closes them. */
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

  /** Sets the device to run on. The default is {@link Device#auto}. */
  public ElmoModelBuilder device(Device device) {
    Arguments.require(device, "device");
    return devices(List.of(device));
  }

  /**
   * Sets several devices to run on. The model is loaded once on each of them. A call runs on one
   * device: the one with the fewest tokens waiting, or the next in turn if several have equally
   * few. Several devices therefore speed up calls from several threads, {@link ElmoModel#submit}
   * and {@link ElmoModel#embedAll}, but not a single call. Results lie on the device that computed
   * them ({@link Tensor#device}). The sizes {@link #wordCacheBytes} and {@link #workspaceBytes}
   * apply to each device.
   *
   * <p>If a device fails for good, each call that runs on it throws {@link ElmoDeviceException}.
   * Most calls will then go to that device, since it has the fewest tokens waiting. Close the
   * model, and restart the process to use that device again.
   *
   * @throws ElmoException if the list is empty, a device is listed twice, or one of several devices
   *     is not a CUDA device
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
   * Sets the number format of the matrices. The default is the system property {@code
   * elmo4j.precision} or, without it, {@link Precision#FP32} on the CPU and {@link Precision#FP16}
   * on a CUDA device.
   */
  public ElmoModelBuilder precision(Precision precision) {
    Arguments.require(precision, "precision");
    this.precision = precision;
    return this;
  }

  /**
   * Sets the number of CPU threads that work for this model. All calls share them. The default is
   * one thread for each processor.
   *
   * @param threads 1 to 1024
   * @throws ElmoException if the number is outside that range
   */
  public ElmoModelBuilder threads(int threads) {
    if (threads < 1 || threads > 1024) {
      throw new ElmoException("threads: expected 1 to 1024, found " + threads);
    }
    this.threads = threads;
    return this;
  }

  /** Sets the mix that {@link Layer#ELMO} uses instead of the one in the model file. */
  public ElmoModelBuilder mix(ScalarMix mix) {
    Arguments.require(mix, "mix");
    this.mix = mix;
    return this;
  }

  /**
   * Sets the size of the word cache. The cache keeps the token representations of words between
   * calls, so that only new words are computed. The size covers the rows in native memory, which
   * are reserved when the model is loaded, and about 160 bytes of Java heap for each word. Each
   * device has its own cache. Results have the same bits with and without the cache.
   *
   * @param bytes 0 for no cache; the default of 64 MiB holds 30,000 words of the original model
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
   * Names a file of words that are put into the word cache when the model is loaded.
   *
   * @param file UTF-8 text with one word on each line, the most frequent word first, like the
   *     vocabulary files of the original tools; blank lines are ignored
   */
  public ElmoModelBuilder vocabulary(Path file) {
    Arguments.require(file, "vocabulary");
    vocabulary = file;
    return this;
  }

  /**
   * Names token representations that were computed earlier. They are put into the word cache, in
   * order, until it is full, when the model is loaded. {@code dump_token_embeddings} of bilm-tf
   * writes such files; it must have been run with the same model.
   *
   * @param vocabulary one token on each line
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
   * Limits the working memory on each device that all running calls use together. Results, and a
   * few MB for each thread, are not included. A large call runs in parts that fit into the limit. A
   * call that does not fit beside other calls waits for them. A single sentence that needs more
   * than the limit runs alone.
   *
   * @param bytes 1 MiB or more. The default on the CPU is 128 MiB for each thread and another 128
   *     MiB; with less, the batches of the original model become smaller and slower. The default on
   *     a CUDA device is a quarter of its free memory, and 8 GiB at most
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
   * Sets how the sentences of {@link ElmoModel#submit} and {@link ElmoModel#embedAll} are batched.
   * On the CPU a sentence joins those that are already running as soon as there is a free slot. On
   * a CUDA device sentences run as whole batches, two at a time, so that one batch is copied while
   * the other is computed.
   *
   * @param maxDelay how long a sentence on an idle CUDA device waits for others to join its batch.
   *     The wait ends sooner if every caller that got a result from the last batch has submitted
   *     again. The default is 1 ms. The CPU ignores it
   * @param maxTokens the most tokens, boundaries included, that start together; as many again may
   *     wait. The default is 12,288 for every two threads on the CPU, and 40,960 on a CUDA device
   * @throws ElmoException if the delay is negative or longer than a day, or {@code maxTokens} is
   *     less than 1
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
      throw new ElmoException(
          file + ": expected a file of words, found " + FoundFile.unreadable(file, e), e);
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

  /** Puts token representations that were computed elsewhere into the word caches. */
  private static void put(TokenEmbeddings ready, ReplicaPool replicas) {
    float[] row = new float[ready.dim()];
    for (Embedder replica : replicas.all()) {
      for (int i = 0; i < ready.tokens().size() && replica.hasFreeRows(); i++) {
        ready.read(i, 1, FloatBuffer.wrap(row));
        replica.put(ready.tokens().get(i), row);
      }
    }
  }

  /**
   * Reads and checks the weights and copies them to the devices.
   *
   * @throws ElmoException if no model was named, the model or a vocabulary cannot be read, or there
   *     is too little memory
   */
  public ElmoModel load() {
    if (opener == null) {
      throw new ElmoException(
          "model: expected path, files, weights, pretrained or miniEnglish, found none of them");
    }
    List<String> words = vocabulary == null ? List.of() : readWords(vocabulary);
    List<Device> resolved = checked(Devices.resolve(devices));
    resolved.forEach(device -> Devices.check(device, precision));
    try (WeightStore store = opener.open(optionsFile);
        TokenEmbeddings ready =
            tokens == null ? null : TokenEmbeddings.open(tokens, tokenRows, store.options())) {
      Tensors.check(store);
      StoredWeights weights = new StoredWeights(store);
      ScalarMix used =
          Optional.ofNullable(mix)
              .or(store::mix)
              .orElseGet(() -> ScalarMix.even(store.options().lstmLayers() + 1));
      LayerPlan plan = new LayerPlan(store.source(), store.options(), used);
      String fingerprint = Fingerprint.of(store, used);
      ReplicaPool replicas = new ReplicaPool(resolved, device -> embedder(weights, device));
      ElmoModel model = new ElmoModel(plan, fingerprint, replicas, batchDelay, batchTokens);
      try {
        if (ready != null) {
          put(ready, replicas);
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
