// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.FloatBuffer;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.elmo4j.hub.ModelEntry;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.search.VectorFile;
import org.elmo4j.search.VectorRows;
import org.elmo4j.train.ClassWeights;
import org.elmo4j.train.Classifier;
import org.elmo4j.train.DataForm;
import org.elmo4j.train.LabeledData;
import org.elmo4j.train.LabeledSentence;
import org.elmo4j.train.MixFunction;
import org.elmo4j.train.MixTrainer;
import org.elmo4j.train.Progress;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests that every public method refuses null for each of its arguments in the same way, unless its
 * Javadoc allows null.
 */
class NullArgumentsTest {
  private static final List<String> PACKAGES =
      List.of(
          "org/elmo4j",
          "org/elmo4j/train",
          "org/elmo4j/search",
          "org/elmo4j/hub",
          "org/elmo4j/weights");

  /** Classes whose objects only the library creates; users do not call their constructors. */
  private static final Set<Class<?>> RESULTS =
      Set.of(
          Statistics.class,
          Statistics.Builder.class,
          ModelOptions.InvalidException.class,
          Classifier.Prediction.class,
          org.elmo4j.train.Evaluation.Counts.class,
          VectorFile.Hit.class,
          ModelEntry.class,
          ModelEntry.RemoteFile.class,
          org.elmo4j.train.Epoch.class,
          MixTrainer.Result.class,
          MixTrainer.Score.class,
          ScalarMix.Gradient.class,
          ElmoException.class,
          ElmoDeviceException.class);

  /**
   * The arguments that may be null according to the Javadoc, as the method and the argument's
   * number.
   */
  private static final Set<String> ALLOWED =
      Set.of(
          "ElmoModelBuilder.pretrained[ModelHub, String, String] 2",
          "ModelHub.open[String, String] 1",
          "LabeledData.readTokens[Path, String] 1",
          "MixFunction.backward[ScalarMix, FloatBuffer, List] 2",
          "MixTrainer.fit[ElmoModel, LabeledData, LabeledData] 2",
          "MixTrainer.fit[ElmoModel, LabeledData, LabeledData, LabeledData] 2",
          "MixTrainer.fit[ElmoModel, LabeledData, LabeledData, LabeledData] 3",
          "ModelOptions$Builder.dictionary[Dictionary] 0");

  private final Map<Class<?>, Object> samples = new HashMap<>();
  private final List<String> wrong = new ArrayList<>();
  private int tried;

  @TempDir Path folder;

  @Test
  void eachIsRefusedByName() throws Exception {
    LabeledSentence sentence = new LabeledSentence(List.of("a", "b"), List.of("x", "y"));
    LabeledData data = LabeledData.of("data", LabeledData.Task.TOKENS, List.of(sentence, sentence));
    try (ElmoModel model = Models.random(Models.TINY, 1);
        ElmoSession session = model.session();
        Embeddings embeddings =
            model.embed(
                List.of(List.of("a")), Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2), Layer.ELMO);
        Embeddings layers =
            model.embed(
                List.of(List.of("a")),
                EmbedOptions.layers(Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2))
                    .withBoundaries(true));
        MixFunction function = new MixFunction(layers);
        VectorFile vectors = vectors(model)) {
      MixTrainer trainer = new MixTrainer().epochs(1);
      Classifier classifier = trainer.compare(false).fit(model, data, data).classifier();
      ModelHub hub = ModelHub.builder().home(folder).build();
      List<Object> all =
          List.of(
              model,
              session,
              embeddings,
              function,
              trainer,
              classifier,
              data,
              vectors,
              vectors.rows(),
              VectorRows.Pool.MEAN,
              hub,
              sentence,
              Layer.ELMO,
              ScalarMix.even(3),
              ScalarMix.LayerNorm.NONE,
              EmbedOptions.layers(Layer.ELMO),
              embeddings.get(Layer.ELMO),
              hub.models().get(0),
              Models.TINY,
              ModelOptions.Activation.RELU,
              Precision.FP32,
              Device.cpu(),
              LabeledData.Task.TOKENS);
      all.forEach(sample -> samples.put(sample.getClass(), sample));
      samples.put(ClassWeights.class, ClassWeights.balanced());
      samples.put(DataForm.Kind.class, DataForm.Kind.CSV);
      samples.put(DataForm.class, new DataForm(DataForm.Kind.CSV, "text", "label"));
      samples.put(Classifier.class, classifier);
      samples.put(ElmoModelBuilder.class, ElmoModel.builder());
      samples.put(ModelHub.Builder.class, ModelHub.builder());
      samples.put(ModelOptions.Builder.class, Models.TINY.toBuilder());
      samples.put(String.class, "a");
      samples.put(String[].class, new String[] {"a"});
      samples.put(String[][].class, new String[][] {{"a"}});
      samples.put(Path.class, folder.resolve("none"));
      samples.put(Duration.class, Duration.ZERO);
      samples.put(FloatBuffer.class, FloatBuffer.allocate(100));
      samples.put(Progress.class, new Progress() {});
      samples.put(BooleanSupplier.class, (BooleanSupplier) () -> false);
      samples.put(Function.class, (Function<String, List<String>>) List::of);
      samples.put(ModelOptions.Dictionary.class, new ModelOptions.Dictionary(1, 1, 1));
      for (Class<?> type : publicTypes()) {
        samples.putIfAbsent(type, null);
      }
      for (Class<?> type : publicTypes()) {
        if (type.isInterface() || RESULTS.contains(type)) {
          continue;
        }
        for (Constructor<?> constructor : type.getConstructors()) {
          tryAll(type, constructor);
        }
        for (Method method : type.getDeclaredMethods()) {
          if (Modifier.isPublic(method.getModifiers())
              && !method.isBridge()
              && !method.getName().matches("equals|valueOf")) {
            tryAll(type, method);
          }
        }
      }
    }
    assertEquals("", String.join("\n", wrong), wrong.size() + " of " + tried + " arguments");
    assertTrue(tried > 80, "tried " + tried);
  }

  private VectorFile vectors(ElmoModel model) {
    Path file = folder.resolve("vectors");
    VectorRows rows = VectorRows.sentences(model, Layer.ELMO, VectorRows.Pool.MEAN);
    VectorFile.write(file, rows, model.embedAll(Stream.of(List.of("a")), Layer.ELMO));
    return VectorFile.open(file);
  }

  static List<Class<?>> publicTypes() throws Exception {
    Path classes =
        Path.of(ElmoModel.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    try (FileSystem zip = Files.isDirectory(classes) ? null : FileSystems.newFileSystem(classes)) {
      Path root = zip == null ? classes : zip.getPath("/");
      List<Class<?>> types = new ArrayList<>();
      for (String name : PACKAGES) {
        try (Stream<Path> files = Files.list(root.resolve(name))) {
          for (Path file : files.sorted().toList()) {
            String simple = file.getFileName().toString();
            if (simple.endsWith(".class") && !simple.startsWith("package-info")) {
              Class<?> type =
                  Class.forName(name.replace('/', '.') + "." + simple.replace(".class", ""));
              if (isPublic(type)) {
                types.add(type);
              }
            }
          }
        }
      }
      return types;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static boolean isPublic(Class<?> type) {
    return Modifier.isPublic(type.getModifiers())
        && (type.getEnclosingClass() == null || isPublic(type.getEnclosingClass()));
  }

  private Object sample(Class<?> type) {
    if (samples.get(type) != null) {
      return samples.get(type);
    }
    if (type == int.class || type == short.class || type == byte.class) {
      return 0;
    }
    if (type == long.class) {
      return 0L;
    }
    if (type == float.class) {
      return 1f;
    }
    if (type == double.class) {
      return 0.0;
    }
    if (type == boolean.class) {
      return false;
    }
    if (type.isArray()) {
      return Array.newInstance(type.getComponentType(), 0);
    }
    if (type == List.class || type == Collection.class) {
      return List.of();
    }
    if (type == java.util.Map.class) {
      return java.util.Map.of();
    }
    if (type == Iterator.class) {
      return List.of().iterator();
    }
    if (type == Stream.class) {
      return Stream.of();
    }
    if (type == WeightStore.class) {
      return java.lang.reflect.Proxy.newProxyInstance(
          type.getClassLoader(),
          new Class<?>[] {type},
          (proxy, method, arguments) -> method.getName().equals("options") ? Models.TINY : null);
    }
    throw new AssertionError("no sample of " + type);
  }

  private void tryAll(Class<?> type, Executable called) throws Exception {
    Class<?>[] parameters = called.getParameterTypes();
    for (int k = 0; k < parameters.length; k++) {
      String name =
          type.getName().replaceFirst(".*\\.", "")
              + "."
              + (called instanceof Method ? called.getName() : "new")
              + Stream.of(parameters).map(Class::getSimpleName).collect(Collectors.toList())
              + " "
              + k;
      if (parameters[k].isPrimitive() || ALLOWED.contains(name)) {
        continue;
      }
      tried++;
      Object[] arguments = new Object[parameters.length];
      for (int i = 0; i < arguments.length; i++) {
        arguments[i] = i == k ? null : sample(parameters[i]);
      }
      try {
        Object result =
            called instanceof Method method
                ? method.invoke(
                    Modifier.isStatic(method.getModifiers()) ? null : sample(type), arguments)
                : ((Constructor<?>) called).newInstance(arguments);
        // A stream may read its argument only when it is consumed.
        if (result instanceof Stream<?> stream) {
          stream.toList();
        }
        wrong.add(name + ": accepted");
      } catch (InvocationTargetException e) {
        Throwable cause = e.getCause();
        String message = String.valueOf(cause.getMessage());
        if (!(cause instanceof ElmoException)
            || !message.matches("\\w[\\w ]*: expected .*found null.*")) {
          wrong.add(name + ": " + cause);
        }
      }
    }
  }
}
