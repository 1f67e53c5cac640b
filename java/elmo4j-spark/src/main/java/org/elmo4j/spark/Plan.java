// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.Serializable;
import java.util.List;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.Precision;
import org.elmo4j.internal.devices.Devices;

/**
 * What a task needs to know.
 *
 * @param uid of the stage, for messages
 * @param model where the weights are
 * @param device as {@link TaskResources#checkDevice} gives it
 * @param precision of the model
 * @param threads CPU threads of a model, all tasks of a JVM together; 0: as many as they have CPUs
 * @param executorCores 0 if only the executor knows
 * @param keepAlive seconds that a model stays loaded after its last task
 * @param batchTokens tokens that are gathered across rows
 * @param batchSize most sentences of one call
 * @param input the columns to read
 * @param outputs the columns to add, after all others
 * @param tokensColumn whether a column of the tokens follows them
 * @param metrics to count in; null where nobody counts
 */
record Plan(
    String uid,
    ModelRef model,
    String device,
    Precision precision,
    int threads,
    int executorCores,
    int keepAlive,
    int batchTokens,
    int batchSize,
    InputColumns input,
    List<OutputColumn> outputs,
    boolean tokensColumn,
    ElmoMetrics metrics)
    implements Serializable {
  /**
   * Loads the model in this process, or shares the one that is there.
   *
   * @param gpus addresses of the task's GPUs
   * @param taskCpus CPUs of a task
   * @throws ElmoException naming the stage
   */
  SharedModels.Lease lease(List<String> gpus, int taskCpus) {
    try {
      boolean cuda = device.equals("auto") && Devices.resolve(Device.auto()).isCuda();
      return SharedModels.acquire(
          model,
          Device.parse(TaskResources.device(device, gpus, cuda)),
          precision,
          TaskResources.threads(threads, executorCores, taskCpus),
          keepAlive);
    } catch (ElmoException e) {
      throw new ElmoException(uid + ": " + e.getMessage(), e);
    }
  }
}
