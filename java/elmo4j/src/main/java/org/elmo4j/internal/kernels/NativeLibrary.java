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
 * Loads the native libraries behind the classes of kernels, each once. They are written to
 * JavaCPP's cache, to a folder that is named by the checksum of its content. JavaCPP itself would
 * compare name, size and time only, and these may not change when a library is rebuilt; it would
 * also load a damaged file, which ends the process. Here a file in the cache is used only if its
 * content is right. A file can be loaded by one class loader only, so each further class loader
 * gets a copy. Thread-safe.
 */
public final class NativeLibrary {
  /** The library that every backend needs. */
  public static final NativeLibrary CPU = new NativeLibrary("jniCpuKernels", null, null);

  /**
   * The system property that names a file to load instead of the {@code libelmo4j_cuda.so} beside
   * the JNI library.
   */
  public static final String CUDA_LIBRARY = "elmo4j.cuda.library";

  /** The CUDA half. It exists only if the build included it. */
  public static final NativeLibrary CUDA =
      new NativeLibrary("jniCudaKernels", "elmo4j_cuda", CUDA_LIBRARY);

  private static final String CACHE = "org.bytedeco.javacpp.cachedir";
  private static final String HINT = "; -D" + CACHE + "=FOLDER names another folder";
  private static final int MOST_COPIES = 1000;

  /** The file name of a library on each supported platform. */
  private static final Map<String, String> PLATFORMS =
      Map.of(
          "linux-x86_64", "lib%s.so",
          "linux-arm64", "lib%s.so",
          "macosx-x86_64", "lib%s.dylib",
          "macosx-arm64", "lib%s.dylib",
          "windows-x86_64", "%s.dll");

  private static final AtomicInteger USERS = new AtomicInteger();

  private final String name;
  private final String needed; // the library beside it that it depends on; null for none
  private final String substitute; // the system property that names another file for that library
  private volatile boolean loaded;
  private ElmoException problem;

  private NativeLibrary(String name, String needed, String substitute) {
    this.name = name;
    this.needed = needed;
    this.substitute = substitute;
  }

  /**
   * Loads the library if it is not loaded yet. Code calls this before it first uses the class of
   * kernels, since otherwise the exception would be wrapped in an Error.
   *
   * @throws ElmoException if it cannot be loaded; the message names the folder, the cause and what
   *     helps
   */
  public void require() {
    if (!loaded) {
      load();
    }
  }

  /**
   * Called when a model is opened. {@link #endUse} must follow.
   *
   * @throws ElmoException as {@link #require}; then {@link #endUse} need not follow
   */
  public static void beginUse() {
    CPU.require(); // On every device, host memory comes from this library.
    USERS.incrementAndGet();
  }

  /**
   * Called when a model was closed. After the last one the deallocator thread of JavaCPP is ended,
   * since it would keep the class loader of an undeployed application alive. elmo4j does not need
   * the thread, which frees memory that the garbage collector finds. The thread stays if other code
   * may need it.
   */
  public static void endUse() {
    if (USERS.decrementAndGet() == 0
        && NativeLibrary.class.getClassLoader() != ClassLoader.getSystemClassLoader()
        && Pointer.totalCount() == 0) {
      Pointer.interruptDeallocatorThread();
    }
  }

  /**
   * Tells JavaCPP that the library of a class of kernels is loaded, so that it does not load it
   * again.
   */
  public void settle(ClassProperties properties) {
    properties.get("platform.preload").clear();
    properties.get("platform.link").clear();
    properties.setProperty("platform.library", name + "#"); // JavaCPP does not look for it
  }

  /** Whether the build contains the library for this platform. */
  public boolean exists() {
    return resource(name) != null;
  }

  private URL resource(String library) {
    return NativeLibrary.class.getResource(
        Loader.getPlatform() + "/" + System.mapLibraryName(library));
  }

  /** The platforms for which the build contains the library. */
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
    if (loaded
        || !Loader
            .isLoadLibraries()) { // JavaCPP's tools inspect classes and must not load the library.
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

  /** The innermost cause, which has the message of the operating system. */
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
        // Since it is loaded first, the JNI library finds this one by its name.
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
   * A checksum that gives different contents different folders. Correctness does not depend on it,
   * since files are compared byte by byte. SHA-256 would add 50 ms to the start of a process.
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

  /** Writes a file unless it already exists with this content. */
  private static void put(Path file, byte[] content) throws IOException {
    if (Files.isRegularFile(file)
        && Files.size(file) == content.length
        && Arrays.equals(Files.readAllBytes(file), content)) {
      return;
    }
    Files.createDirectories(file.getParent());
    // The file is moved into place, so that a process that has mapped the old file keeps it.
    AtomicFile.write(file, channel -> AtomicFile.writeAll(channel, ByteBuffer.wrap(content)));
  }
}
