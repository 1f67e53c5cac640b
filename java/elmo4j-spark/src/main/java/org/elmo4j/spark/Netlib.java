// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.Map;
import org.bytedeco.javacpp.Loader;

/**
 * Keeps Spark ML's native linear algebra (dev.ludovic.netlib) off a second OpenBLAS. It would load
 * the system's {@code libblas.so.3}; where that is Debian's OpenBLAS, the linker binds it to the
 * {@code libopenblas.so.0} that elmo4j has loaded, of another version, and the first call of a
 * classifier takes the JVM down.
 */
final class Netlib {
  private static final String PREFIX = "dev.ludovic.netlib.";

  private Netlib() {}

  /**
   * Gives Spark ML the OpenBLAS of elmo4j, unless the user named another. Without effect where
   * Spark ML has chosen already: then the system's came first, which is harmless.
   */
  static void useOurOpenBlas() {
    for (Map.Entry<String, String> library : Loader.getLoadedLibraries().entrySet()) {
      if (library.getKey().startsWith("openblas")) {
        setDefault("blas", ".nativeLibPath", library.getValue());
        setDefault("lapack", ".nativeLibPath", library.getValue());
        // OpenBLAS has no ARPACK, and the system's would bring its OpenBLAS: Java's does.
        setDefault("arpack", ".nativeLib", "none");
      }
    }
  }

  private static void setDefault(String part, String property, String value) {
    boolean set =
        System.getProperty(PREFIX + part + ".nativeLib") != null
            || System.getProperty(PREFIX + part + ".nativeLibPath") != null;
    if (!set) {
      System.setProperty(PREFIX + part + property, value);
    }
  }
}
