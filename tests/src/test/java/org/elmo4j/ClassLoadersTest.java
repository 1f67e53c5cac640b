// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Tests several applications in one container, each with its own class loader: all of them can use
 * the library, and their class loaders are garbage-collected after their models are closed.
 */
class ClassLoadersTest {
  private static final int LOADERS = 2;

  /** The code of one application, which runs in the application's class loader. */
  public static final class Application implements Callable<Float>, AutoCloseable {
    private final ElmoModel model = ElmoModel.miniEnglish();

    @Override
    public Float call() throws Exception {
      try (Embeddings one = model.embed(List.of(List.of("I", "love", "NLP")));
          Embeddings other = model.submit(List.of("I", "love", "NLP")).get()) {
        float value = one.get(Layer.ELMO).get(0, 0, 0);
        return value == other.get(Layer.ELMO).get(0, 0, 0) ? value : Float.NaN;
      }
    }

    @Override
    public void close() {
      model.close();
    }
  }

  /**
   * The container. It runs in its own process, so that no model was loaded by the system class
   * loader.
   */
  public static final class Container {
    private static Callable<?> deploy(List<URLClassLoader> loaders) throws Exception {
      List<URL> urls = new ArrayList<>();
      for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
        urls.add(Path.of(path).toUri().toURL());
      }
      URLClassLoader loader =
          new URLClassLoader(
              urls.toArray(new URL[0]), ClassLoader.getSystemClassLoader().getParent());
      loaders.add(loader);
      return (Callable<?>)
          loader.loadClass(Application.class.getName()).getConstructor().newInstance();
    }

    private static List<WeakReference<ClassLoader>> serve(int count) throws Exception {
      List<URLClassLoader> loaders = new ArrayList<>();
      List<Callable<?>> applications = new ArrayList<>();
      List<WeakReference<ClassLoader>> references = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        applications.add(deploy(loaders));
      }
      for (Callable<?> application : applications) {
        System.out.println("elmo " + application.call());
      }
      for (int i = 0; i < count; i++) {
        ((AutoCloseable) applications.get(i)).close();
        loaders.get(i).close();
        references.add(new WeakReference<>(loaders.get(i)));
      }
      return references;
    }

    public static void main(String[] args) throws Exception {
      for (int round = 0; round < 2; round++) {
        List<WeakReference<ClassLoader>> references = serve(LOADERS);
        int left = LOADERS;
        for (int i = 0; i < 200 && left > 0; i++) {
          System.gc();
          Thread.sleep(20);
          left = (int) references.stream().filter(reference -> reference.get() != null).count();
        }
        System.out.println("left " + left);
      }
      Thread.getAllStackTraces().keySet().stream()
          .map(Thread::getName)
          .filter(name -> name.startsWith("elmo4j") || name.startsWith("JavaCPP"))
          .forEach(name -> System.out.println("thread " + name));
    }
  }

  @Test
  @Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void eachHasItsLibraryAndIsCollectedAfterItsLastModel() throws Exception {
    ChildJvm.Ended ended =
        new ChildJvm(Container.class)
            .options("-Xmx512m")
            // Jackson holds its buffers by soft references, which keep the class loader alive.
            .options("-XX:SoftRefLRUPolicyMSPerMB=0")
            .sharedCache()
            .run();
    List<String> lines = ended.out();
    assertEquals(0, ended.code(), ended::toString);
    assertEquals(2 * LOADERS + 2, lines.size(), lines::toString);
    assertEquals(
        2 * LOADERS,
        lines.stream().filter(line -> line.startsWith("elmo -0.035")).count(),
        lines::toString);
    assertEquals(2, lines.stream().filter("left 0"::equals).count(), lines::toString);
  }
}
