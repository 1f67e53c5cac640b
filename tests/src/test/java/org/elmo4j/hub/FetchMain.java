// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import java.nio.file.Path;

/**
 * A process that fetches a model. The arguments are the cache folder, the mirror and the model's
 * name.
 */
final class FetchMain {
  private FetchMain() {}

  public static void main(String[] args) {
    ModelHub hub =
        ModelHub.builder()
            .home(Path.of(args[0]))
            .mirror(args[1])
            .progress(
                new ModelHub.Progress() {
                  @Override
                  public void update(String file, long bytes, long total) {}

                  @Override
                  public void waiting(String model) {
                    System.out.println("waiting");
                  }
                })
            .build();
    System.out.println(hub.fetch(hub.find(args[2]).orElseThrow()));
  }
}
