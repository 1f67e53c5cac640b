// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.kernels;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.CRC32;
import org.bytedeco.javacpp.ClassProperties;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.AtomicFile;

/**
 * The native libraries that the classes of kernels stand for, loaded once each. They lie in
 * JavaCPP's cache, in a folder named by the sum of what is in it: JavaCPP itself goes by name, size
 * and time, which a rebuilt library shares with the one before it, and loads a damaged file, which
 * ends the process. A file that is there is used only where its content is ours. One file can be
 * loaded by one class loader: each further one gets a copy. Any number of threads may use it.
 */
public final class NativeLibrary {
  /** What every backend needs. */
  public static final NativeLibrary CPU = new NativeLibrary("jniCpuKernels", null, null);

  /** A file to load in place of the {@code libelmo4j_cuda.so} beside the JNI library. */
  public static final String CUDA_LIBRARY = "elmo4j.cuda.library";

  /** The CUDA half, where the build had it. */
  public static final NativeLibrary CUDA =
      new NativeLibrary("jniCudaKernels", "elmo4j_cuda", CUDA_LIBRARY);

  private static final String CACHE = "org.bytedeco.javacpp.cachedir";
  private static final String HINT = "; -D" + CACHE + "=FOLDER names another folder";
  private static final int MOST_COPIES = 1000;

  /** What a library's file is called on each platform that there can be a build for. */
  private static final Map<String, String> PLATFORMS =
      Map.of(
          "linux-x86_64", "lib%s.so",
          "linux-arm64", "lib%s.so",
          "macosx-x86_64", "lib%s.dylib",
          "macosx-arm64", "lib%s.dylib",
          "windows-x86_64", "%s.dll");

  private static final AtomicInteger USERS = new AtomicInteger();

  private final String name;
  private final String needed; // the library beside it that it needs; null for none
  private final String substitute; // the property that names another file for that one
  private volatile boolean loaded;
  private ElmoException problem;

  private NativeLibrary(String name, String needed, String substitute) {
    this.name = name;
    this.needed = needed;
    this.substitute = substitute;
  }

  /**
   * Loads it if it is not loaded yet. Whatever first touches its class of kernels calls this
   * before, or the exception comes wrapped in an error.
   *
   * @throws ElmoException if it cannot be loaded: the folder, the cause and what helps
   */
  public void require() {
    if (!loaded) {
      load();
    }
  }

  /**
   * A model opens. {@link #endUse} follows.
   *
   * @throws ElmoException as {@link #require}, and nothing has begun
   */
  public static void beginUse() {
    CPU.require(); // Whatever the device, the host's memory comes from it.
    USERS.incrementAndGet();
  }

  /**
   * A model was closed. With the last one JavaCPP's thread ends, which would hold the class loader
   * of an application that is taken out of its container. It frees what the garbage collector
   * finds, and elmo4j leaves it nothing; it stays where somebody else may need it.
   */
  public static void endUse() {
    if (USERS.decrementAndGet() == 0
        && NativeLibrary.class.getClassLoader() != ClassLoader.getSystemClassLoader()
        && Pointer.totalCount() == 0) {
      Pointer.interruptDeallocatorThread();
    }
  }

  /**
   * For the class of kernels, once {@link #require} has loaded it: leaves JavaCPP nothing to do.
   */
  public void settle(ClassProperties properties) {
    properties.get("platform.preload").clear();
    properties.get("platform.link").clear();
    properties.setProperty("platform.library", name + "#"); // not to be looked for
  }

  /** Whether the build has it for this platform. */
  public boolean exists() {
    return resource(name) != null;
  }

  private URL resource(String library) {
    return NativeLibrary.class.getResource(
        Loader.getPlatform() + "/" + System.mapLibraryName(library));
  }

  /** Those that the build has it for. */
  private List<String> platforms() {
    return PLATFORMS.keySet().stream()
        .filter(
            platform ->
                NativeLibrary.class.getResource(
                        platform + "/" + String.format(Locale.ROOT, PLATFORMS.get(platform), name))
                    != null)
        .sorted()
        .toList();
  }

  private synchronized void load() {
    if (problem != null) {
      throw new ElmoException(problem.getMessage(), problem);
    }
    if (loaded || !Loader.isLoadLibraries()) { // JavaCPP's tools only look at classes.
      return;
    }
    try {
      if (!exists()) {
        throw new ElmoException(
            "native library "
                + name
                + ": expected a platform that this build of elmo4j has ("
                + String.join(", ", platforms())
                + "), found "
                + Loader.getPlatform());
      }
      loadOurs();
      loaded = true;
    } catch (ElmoException e) {
      problem = e;
      throw e;
    } catch (LinkageError e) {
      problem = failure(deepestCause(e).getMessage(), e);
      throw problem;
    } catch (IOException | RuntimeException e) {
      problem = failure(String.valueOf(e.getMessage()), e);
      throw problem;
    }
  }

  private ElmoException failure(String cause, Throwable e) {
    String folder;
    try {
      folder = Loader.getCacheDir().toString();
    } catch (IOException none) {
      folder = "a folder of " + CACHE + ", the home or java.io.tmpdir";
    }
    return new ElmoException(
        "native library "
            + name
            + ": expected to load it from "
            + folder
            + ", found "
            + cause.lines().findFirst().orElse("no reason")
            + HINT,
        e);
  }

  /** The system's own words are the innermost. */
  public static Throwable deepestCause(Throwable e) {
    Throwable cause = e;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause;
  }

  private static boolean isElsewhere(Throwable e) {
    return String.valueOf(deepestCause(e).getMessage())
        .contains("already loaded in another classloader");
  }

  private void loadOurs() throws IOException {
    String given = substitute == null ? null : System.getProperty(substitute);
    Map<String, byte[]> files = new LinkedHashMap<>(); // by library, in the order of loading
    if (needed != null && given == null) {
      files.put(needed, read(resource(needed)));
    }
    files.put(name, read(resource(name)));
    Path cache = Loader.getCacheDir().toPath().resolve("elmo4j");
    if (given != null) {
      try {
        // Loaded first, it is the one of its name that the JNI library finds.
        Loader.loadLibrary(NativeLibrary.class, urls(Path.of(given)), needed);
      } catch (UnsatisfiedLinkError e) {
        if (!isElsewhere(e)) {
          throw e;
        }
      }
    }
    String sum = sum(files);
    for (int copy = 0; ; copy++) {
      Path folder = cache.resolve(copy == 0 ? sum : sum + "-" + copy);
      try {
        for (String library : files.keySet()) {
          put(folder.resolve(System.mapLibraryName(library)), files.get(library));
        }
        for (String library : files.keySet()) {
          Path file = folder.resolve(System.mapLibraryName(library));
          Loader.loadLibrary(NativeLibrary.class, urls(file), library);
        }
        return;
      } catch (UnsatisfiedLinkError e) {
        if (!isElsewhere(e) || copy == MOST_COPIES) {
          throw e;
        }
      } catch (ElmoException e) {
        throw new ElmoException(e.getMessage() + HINT, e);
      }
    }
  }

  private static URL[] urls(Path file) throws IOException {
    return new URL[] {file.toUri().toURL()};
  }

  private static byte[] read(URL resource) throws IOException {
    try (InputStream in = resource.openStream()) {
      return in.readAllBytes();
    }
  }

  /**
   * Names content apart. Nothing rests on it, since what is found is compared byte by byte; SHA-256
   * would take 50 ms of a process's start.
   */
  private static String sum(Map<String, byte[]> files) {
    CRC32 crc = new CRC32();
    long size = 0;
    for (byte[] content : files.values()) {
      crc.update(content);
      size += content.length;
    }
    return Long.toHexString(crc.getValue()) + "-" + Long.toHexString(size);
  }

  /** Writes a file unless it is there with just that content. */
  private static void put(Path file, byte[] content) throws IOException {
    if (Files.isRegularFile(file)
        && Files.size(file) == content.length
        && Arrays.equals(Files.readAllBytes(file), content)) {
      return;
    }
    Files.createDirectories(file.getParent());
    // Moved into place: a process that has the old file mapped keeps it.
    AtomicFile.write(file, channel -> AtomicFile.writeAll(channel, ByteBuffer.wrap(content)));
  }
}
