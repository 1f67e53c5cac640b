// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import java.io.InputStream;

/** Opens resources of other jars. */
public final class Resources {
  private Resources() {}

  /**
   * Opens a resource through the class loader of this library. {@code Class.getResourceAsStream}
   * would look in one module only.
   *
   * @param name without a leading slash
   * @return null if there is no such resource
   */
  public static InputStream open(String name) {
    return Resources.class.getClassLoader().getResourceAsStream(name);
  }
}
