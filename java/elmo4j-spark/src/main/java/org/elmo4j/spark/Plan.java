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
 * The settings that are sent to each task.
 *
 * @param uid the uid of the stage, for messages
 * @param model says where the weights are
 * @param device the name that {@link TaskResources#checkDevice} returned
 * @param precision the precision of the model
 * @param threads the number of CPU threads of the model, which all tasks of a JVM share; 0: as many
 *     as the tasks have CPUs
 * @param executorCores the number of cores of an executor; 0 if only the executor knows it
 * @param keepAlive the seconds for which the model stays loaded after its last task
 * @param batchTokens the number of tokens to collect from several rows for one batch
 * @param batchSize the maximum number of sentences in one call
 * @param input the columns to read
 * @param outputs the columns to add, after all others
 * @param tokensColumn whether a column with the tokens follows {@code outputs}
 * @param metrics the metrics to update; null if the work is not counted
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
   * Loads the model in this process, or shares it if it is already loaded.
   *
   * @param gpus the addresses of the task's GPUs
   * @param taskCpus the number of CPUs of a task
   * @throws ElmoException if the model cannot be loaded; the message names the stage
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
