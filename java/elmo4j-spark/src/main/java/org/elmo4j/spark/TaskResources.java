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

/** What Spark gave a task, as a model takes it: a device, and CPU threads. */
final class TaskResources {
  private TaskResources() {}

  /**
   * The name in lower case. Whether there is such a device, only executors know.
   *
   * @throws ElmoException if it is no device's
   */
  static String checkDevice(String name) {
    if (!Device.isName(name)) {
      throw new ElmoException("expected auto, cpu, cuda or cuda:N, found \"" + name + "\"");
    }
    return name.toLowerCase(Locale.ROOT);
  }

  /** The addresses of the task's GPUs, {@code spark.task.resource.gpu.amount} of them. */
  static List<String> gpus(TaskContext context) {
    var gpus = context.resourcesJMap().get("gpu");
    return gpus == null ? List.of() : List.of(gpus.addresses());
  }

  /**
   * The device of a task's model. {@code cuda} is the task's GPU, and so is {@code auto} where
   * elmo4j can use one; a device with a number is that one, whatever Spark says.
   *
   * @param wanted as {@link #checkDevice} gives it
   * @param gpus addresses as Spark's discovery script found them: CUDA's device numbers. Of several
   *     the first is taken
   * @param cuda whether elmo4j can use a GPU here
   * @return for {@link Device#parse}
   * @throws ElmoException if the address is no number
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

  /** Cores of an executor, which its tasks share; 0 if only the executor knows. On the driver. */
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
   * CPU threads of a model. All tasks of an executor share it, so it has what they have together:
   * {@code spark.task.cpus} for each task that can run at once.
   *
   * @param wanted by the user; 0 for none
   * @param cores of the executor; 0 if not known: then those of the machine
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
