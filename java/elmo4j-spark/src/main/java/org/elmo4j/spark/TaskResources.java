// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskContext;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;

/**
 * Converts the resources that Spark assigned to a task to a device and a number of CPU threads for
 * the model.
 */
final class TaskResources {
  private TaskResources() {}

  /**
   * Checks the name of a device and returns it in lower case. Whether the device exists is checked
   * later, on the executors.
   *
   * @throws ElmoException if it is not the name of a device
   */
  static String checkDevice(String name) {
    if (!Device.isName(name)) {
      throw new ElmoException("expected auto, cpu, cuda or cuda:N, found \"" + name + "\"");
    }
    return name.toLowerCase(Locale.ROOT);
  }

  /**
   * Returns the addresses of the task's GPUs, as many as {@code spark.task.resource.gpu.amount}.
   */
  static List<String> gpus(TaskContext context) {
    var gpus = context.resourcesJMap().get("gpu");
    return gpus == null ? List.of() : List.of(gpus.addresses());
  }

  /**
   * Returns the device of a task's model. {@code cuda} is the task's GPU, and so is {@code auto} if
   * elmo4j can use a GPU. A device with a number is used as it is, even if Spark assigned another
   * one.
   *
   * @param wanted the name that {@link #checkDevice} returned
   * @param gpus the addresses that Spark's discovery script found, which are CUDA's device numbers;
   *     only the first is used
   * @param cuda whether elmo4j can use a GPU here
   * @return a name for {@link Device#parse}
   * @throws ElmoException if the address is not a number
   */
  static String device(String wanted, List<String> gpus, boolean cuda) {
    boolean asSparkSays = wanted.equals("cuda") || wanted.equals("auto") && cuda;
    if (!asSparkSays || gpus.isEmpty()) {
      return wanted;
    }
    String device = "cuda:" + gpus.get(0);
    if (!Device.isName(device)) {
      throw new ElmoException(
          "resource gpu of the task: expected a device number as address, found \""
              + gpus.get(0)
              + "\"");
    }
    return device;
  }

  /**
   * Returns the number of cores of an executor, which its tasks share; 0 if only the executor knows
   * it. Called on the driver.
   */
  static int executorCores(SparkContext context) {
    if (context.isLocal()) {
      Matcher cores = Pattern.compile("local(?:\\[(\\d+).*)?").matcher(context.master());
      String count = cores.matches() ? cores.group(1) : "0"; // local[*]
      return count == null ? 1 : Integer.parseInt(count);
    }
    boolean oneByDefault = context.master().equals("yarn") || context.master().startsWith("k8s");
    return context.conf().getInt("spark.executor.cores", oneByDefault ? 1 : 0);
  }

  /**
   * Returns the number of CPU threads of a model. All tasks of an executor share the model, so it
   * gets as many threads as they have CPUs together: {@code spark.task.cpus} for each task that can
   * run at once.
   *
   * @param wanted the number that the user set; 0 if none
   * @param cores the cores of the executor; 0 if they are not known, which means all cores of the
   *     machine
   * @param taskCpus {@code spark.task.cpus}
   */
  static int threads(int wanted, int cores, int taskCpus) {
    if (wanted > 0) {
      return wanted;
    }
    int all = cores > 0 ? cores : Runtime.getRuntime().availableProcessors();
    return Math.max(1, all / taskCpus) * taskCpus;
  }
}
