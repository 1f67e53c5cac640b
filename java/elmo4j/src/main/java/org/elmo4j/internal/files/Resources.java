// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import java.io.InputStream;

/** Resources of other jars than this class's own. */
public final class Resources {
  private Resources() {}

  /**
   * By this library's class loader: a class asks its own module alone.
   *
   * @param name without a slash at its head
   * @return null where there is none
   */
  public static InputStream open(String name) {
    return Resources.class.getClassLoader().getResourceAsStream(name);
  }
}
