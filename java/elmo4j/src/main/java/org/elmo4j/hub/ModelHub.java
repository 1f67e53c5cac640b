// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.elmo4j.ElmoException;
import org.elmo4j.hub.ModelEntry.RemoteFile;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.weights.ModelFormats;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;

/**
 * Finds models by name: bundled ones on the class path, and published ones in a cache on this
 * machine. It downloads published models into the cache when they are needed.
 *
 * <p>A model in the cache is complete if its folder {@code HOME/NAME} exists. A download is written
 * to {@code HOME/NAME.partial} and checked: tensors and shapes always, size and SHA-256 if they
 * were published. Then that folder is renamed in one step; it contains a record of what was
 * verified. A file in the cache that differs from the record, or from what was published, is not
 * used. A lock allows only one process at a time to download a model; other processes wait for it
 * and use the result. An interrupted download is resumed.
 *
 * <p>Immutable and thread-safe.
 */
public final class ModelHub {
  /** Receives the progress of a download. Its methods are called on the thread that downloads. */
  @FunctionalInterface
  public interface Progress {
    /**
     * Called when a part of a file has been received.
     *
     * @param file the name of the file
     * @param bytes the number of bytes received, including those of earlier attempts
     * @param total the size of the file in bytes; 0 if the server does not state it
     */
    void update(String file, long bytes, long total);

    /**
     * Called when another process or thread is downloading this model and the call waits for it.
     */
    default void waiting(String model) {}

    /** Called when the download has ended, successfully or not. */
    default void ended() {}
  }

  private static final List<ModelEntry> PUBLISHED = published();
  private static final Map<Path, ReentrantLock> LOCKS = new ConcurrentHashMap<>();

  private final List<ModelEntry> models;
  private final Path home;
  private final URI mirror;
  private final boolean offline;
  private final Progress progress;
  private final Map<String, String> environment;
  private final Duration patience;
  private final Duration pause;

  private ModelHub(Builder builder) {
    models = builder.models;
    home = builder.home;
    mirror = builder.mirror;
    offline = builder.offline;
    progress = builder.progress;
    environment = builder.environment;
    patience = builder.patience;
    pause = builder.pause;
  }

  /** Returns a hub with the settings of this process's environment. */
  public static ModelHub standard() {
    return builder().build();
  }

  /** Returns a builder for a hub with other settings. */
  public static Builder builder() {
    return new Builder(System.getenv());
  }

  private static List<ModelEntry> published() {
    List<ModelEntry> models = new ArrayList<>();
    try (InputStream in = ModelHub.class.getResourceAsStream("models.json")) {
      for (JsonNode model : Json.parse(in, "models.json")) {
        List<String> aliases = new ArrayList<>();
        model.get("aliases").forEach(alias -> aliases.add(alias.textValue()));
        List<RemoteFile> files = new ArrayList<>();
        for (JsonNode file : model.get("files")) {
          files.add(
              new RemoteFile(
                  file.get("name").textValue(),
                  URI.create(file.get("url").textValue()),
                  file.path("size").longValue(),
                  Optional.ofNullable(file.path("sha256").textValue())));
        }
        models.add(
            new ModelEntry(
                model.get("name").textValue(),
                aliases,
                model.get("language").textValue(),
                model.get("description").textValue(),
                model.get("licence").textValue(),
                model.path("parameters").longValue(),
                files));
      }
    } catch (IOException e) {
      throw new UncheckedIOException("models.json", e);
    }
    return List.copyOf(models);
  }

  /** All models that this hub knows. */
  public List<ModelEntry> models() {
    return models;
  }

  /** The cache folder. */
  public Path home() {
    return home;
  }

  /** The folder of a model in the cache, whether or not the model is there. */
  public Path folder(ModelEntry model) {
    Arguments.require(model, "model");
    return home.resolve(model.name());
  }

  /** Finds the first model with a name or alias, in any language. Case is ignored. */
  public Optional<ModelEntry> find(String name) {
    Arguments.require(name, "name");
    return models.stream().filter(model -> model.isCalled(name)).findFirst();
  }

  /** Finds the model with a name or alias in a language. Case is ignored. */
  public Optional<ModelEntry> find(String name, String language) {
    Arguments.require(name, "name");
    Arguments.require(language, "language");
    return models.stream()
        .filter(model -> model.isCalled(name) && model.language().equalsIgnoreCase(language))
        .findFirst();
  }

  private ModelEntry require(String name, String language) {
    if (name == null) {
      throw new ElmoException("model: expected a name, found null");
    }
    return (language == null ? find(name) : find(name, language))
        .orElseThrow(
            () ->
                new ElmoException(
                    "model "
                        + name
                        + (language == null ? "" : " in language " + language)
                        + ": expected one of "
                        + models.stream().map(ModelHub::label).collect(Collectors.joining(", "))
                        + ", found no model of that name"));
  }

  private static String label(ModelEntry model) {
    return model.name() + " (" + model.language() + ")";
  }

  /**
   * Returns whether a model can be used without the network: whether its files are those that were
   * verified when they were stored. Files that another program stored are verified now.
   */
  public boolean isCached(ModelEntry model) {
    Arguments.require(model, "model");
    return model.files().isEmpty()
        ? ModelFormats.miniEnglishBytes() > 0
        : CacheRecord.problem(model, folder(model)) == null;
  }

  /**
   * The number of bytes that a model takes in the cache or, if it is bundled, on the class path; 0
   * if it is not there.
   */
  public long cachedBytes(ModelEntry model) {
    Arguments.require(model, "model");
    if (!isCached(model)) {
      return 0;
    }
    if (model.files().isEmpty()) {
      return ModelFormats.miniEnglishBytes();
    }
    long bytes = 0;
    for (RemoteFile file : model.files()) {
      bytes += folder(model).resolve(file.name()).toFile().length();
    }
    return bytes;
  }

  /**
   * Opens a model, after downloading it if it is not in the cache.
   *
   * @param name the name or an alias of the model
   * @param language a language such as {@code en}; null for any
   * @throws ElmoException if there is no such model, it cannot be downloaded, or it is damaged
   */
  public WeightStore open(String name, String language) {
    Arguments.require(name, "name");
    ModelEntry model = require(name, language);
    return model.files().isEmpty()
        ? WeightStores.miniEnglish()
        : CacheRecord.open(model, fetch(model));
  }

  /**
   * Downloads a model into the cache if it is not there.
   *
   * @return the model's folder
   * @throws ElmoException if the cache cannot be written, offline mode forbids the download, the
   *     server does not deliver the files, they are not the published ones, or the thread is
   *     interrupted
   */
  public Path fetch(ModelEntry model) {
    Arguments.require(model, "model");
    Path folder = folder(model);
    if (model.files().isEmpty()) {
      if (isCached(model)) {
        return folder;
      }
      throw new ElmoException(
          "model " + model.name() + ": expected a model to fetch, found one of the box");
    }
    String problem = CacheRecord.problem(model, folder);
    if (problem == null) {
      return folder;
    }
    if (offline) {
      throw new ElmoException(
          "model " + model.name() + ": " + problem + ", and offline mode forbids to fetch them");
    }
    // One lock for this process's threads, another for other processes.
    ReentrantLock lock =
        LOCKS.computeIfAbsent(folder.toAbsolutePath().normalize(), path -> new ReentrantLock());
    try {
      if (!lock.tryLock()) {
        progress.waiting(model.name());
        lock.lockInterruptibly();
      }
      try {
        fetchAlone(model, folder);
      } finally {
        lock.unlock();
        progress.ended();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw interrupted(model, e);
    } catch (IOException e) {
      if (Thread.currentThread().isInterrupted()) {
        throw interrupted(model, e); // An interrupt closes the file channel in use.
      }
      throw new ElmoException(
          "model "
              + model.name()
              + ": expected a cache that can be written in "
              + home
              + " (ELMO4J_HOME), found "
              + reason(e),
          e);
    }
    return folder;
  }

  private static ElmoException interrupted(ModelEntry model, Exception e) {
    return new ElmoException(
        "model " + model.name() + ": expected its files, found an interrupt of this thread", e);
  }

  /**
   * Returns the SHA-256 of a file in lower-case hexadecimal, like {@link RemoteFile#sha256}.
   *
   * @throws ElmoException if the file cannot be read
   */
  public static String sha256(Path file) {
    Arguments.require(file, "file");
    try {
      return Downloader.sha256(file);
    } catch (IOException e) {
      throw new ElmoException(
          file + ": expected a readable file, found " + FoundFile.unreadable(file, e), e);
    }
  }

  private void fetchAlone(ModelEntry model, Path folder) throws IOException {
    Files.createDirectories(home);
    Path lockFile = home.resolve(model.name() + ".lock");
    try (FileChannel channel =
        FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      FileLock lock = channel.tryLock();
      if (lock == null) {
        progress.waiting(model.name());
        lock = channel.lock();
      }
      // Closing the channel releases the lock. The file stays, since waiting processes have it
      // open.
      if (!isCached(model)) {
        Downloader downloader = new Downloader(Proxies.of(environment), patience, pause);
        new ModelDownload(model, mirror, downloader, progress)
            .run(folder, home.resolve(model.name() + ".partial"));
      }
    }
  }

  private static String reason(IOException e) {
    String at = e instanceof FileSystemException file ? " at " + file.getFile() : "";
    return FoundFile.reason(e) + at;
  }

  /**
   * Settings of a hub. The initial value of a setting comes from a system property, else from an
   * environment variable, else it is the default that the setting's method states. Not thread-safe.
   */
  public static final class Builder {
    private final Map<String, String> environment;
    private List<ModelEntry> models = PUBLISHED;
    private Path home;
    private URI mirror;
    private boolean offline;
    private Progress progress = (file, bytes, total) -> {};
    private Duration patience = Duration.ofSeconds(30);
    private Duration pause = Duration.ofSeconds(1);

    Builder(Map<String, String> environment) {
      this.environment = environment;
      String home = setting("elmo4j.home", "ELMO4J_HOME");
      this.home = home == null ? defaultHome() : path("the cache's folder (ELMO4J_HOME)", home);
      String mirror = setting("elmo4j.mirror", "ELMO4J_MIRROR");
      if (mirror != null) {
        mirror(mirror);
      }
      String offline = setting("elmo4j.offline", "ELMO4J_OFFLINE");
      this.offline = offline != null && !List.of("0", "false", "no").contains(offline);
    }

    private String setting(String property, String variable) {
      String value = System.getProperty(property, environment.get(variable));
      return value == null || value.isBlank() ? null : value.strip();
    }

    private Path defaultHome() {
      String cache = environment.get("XDG_CACHE_HOME");
      // The XDG base directory specification says to ignore relative ones.
      Path folder = cache == null ? null : path("XDG_CACHE_HOME", cache);
      return (folder != null && folder.isAbsolute()
              ? folder
              : path("user.home", System.getProperty("user.home")).resolve(".cache"))
          .resolve("elmo4j");
    }

    private static Path path(String setting, String value) {
      try {
        return Path.of(value);
      } catch (InvalidPathException e) {
        throw new ElmoException(
            setting + ": expected a path, found " + Json.brief(value) + ": " + e.getReason(), e);
      }
    }

    /**
     * Sets the cache folder. System property {@code elmo4j.home}, environment variable {@code
     * ELMO4J_HOME}; the default is {@code elmo4j} in {@code XDG_CACHE_HOME} or in {@code ~/.cache}.
     */
    public Builder home(Path home) {
      Arguments.require(home, "home");
      this.home = home;
      return this;
    }

    /**
     * Sets a mirror to download from instead of the published addresses. System property {@code
     * elmo4j.mirror}, environment variable {@code ELMO4J_MIRROR}; there is no mirror by default.
     * The address of a file is {@code MIRROR/NAME/FILE}, so any web server that serves a cache
     * folder is a mirror.
     *
     * @throws ElmoException if {@code address} is not an HTTP or HTTPS address
     */
    public Builder mirror(String address) {
      Arguments.require(address, "address");
      URI uri;
      try {
        uri = URI.create(String.valueOf(address).strip());
      } catch (IllegalArgumentException e) {
        uri = null;
      }
      if (uri == null
          || uri.getHost() == null
          || uri.getPort() == 0
          || uri.getPort() > 65535
          || uri.getRawQuery() != null
          || uri.getRawFragment() != null
          || !String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT).matches("https?")) {
        // The address may contain a password.
        String shown = String.valueOf(address).replaceAll("//[^/]*@", "//");
        throw new ElmoException(
            "mirror (ELMO4J_MIRROR): expected http://HOST/... or https://HOST/... without"
                + " '?' and '#', found "
                + Json.brief(shown));
      }
      mirror = uri;
      return this;
    }

    /**
     * Sets whether the network must not be used. System property {@code elmo4j.offline},
     * environment variable {@code ELMO4J_OFFLINE}: any value other than 0, false and no turns
     * offline mode on. By default the network is used.
     */
    public Builder offline(boolean offline) {
      this.offline = offline;
      return this;
    }

    /** Sets the receiver of a download's progress; there is none by default. */
    public Builder progress(Progress progress) {
      Arguments.require(progress, "progress");
      this.progress = progress;
      return this;
    }

    /** Sets other models than the published ones. */
    Builder models(List<ModelEntry> models) {
      this.models = List.copyOf(models);
      return this;
    }

    /** Sets how long a server may be silent, and the pause before a second attempt. */
    Builder times(Duration patience, Duration pause) {
      this.patience = patience;
      this.pause = pause;
      return this;
    }

    /** Returns the hub, without access to files or the network. */
    public ModelHub build() {
      return new ModelHub(this);
    }
  }
}
