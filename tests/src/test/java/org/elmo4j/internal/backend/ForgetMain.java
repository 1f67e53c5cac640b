// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.util.List;
import org.elmo4j.ElmoModel;

/** A process that does not close 300 results and then goes on for a while. */
final class ForgetMain {
  private ForgetMain() {}

  public static void main(String[] args) throws Exception {
    try (ElmoModel model = ElmoModel.miniEnglish()) {
      for (int i = 0; i < 300; i++) {
        model.embed(List.of(List.of("forgotten")));
      }
      for (int i = 0; i < 500 && Memory.lost() < 300; i++) {
        System.gc();
        Thread.sleep(10);
      }
    }
    Thread.sleep(2000);
    System.out.println(Memory.lost() + " " + Memory.liveBytes());
  }
}
