// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.ScalarMix;
import org.elmo4j.ScalarMix.LayerNorm;
import org.elmo4j.train.LabeledData.Task;
import org.elmo4j.train.MixTrainer.Result;
import org.elmo4j.train.MixTrainer.Score;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MixTrainerTest {
  @TempDir static Path data;
  private static ElmoModel model;
  private static LabeledData train;
  private static LabeledData development;

  @TempDir Path folder;

  @BeforeAll
  static void load() throws IOException {
    model = ElmoModel.miniEnglish();
    train = LabeledData.readTokens(EnglishWebTreebank.head("dev", 150, data), null);
    LabeledData test = LabeledData.readTokens(EnglishWebTreebank.head("test", 100, data), null);
    List<LabeledSentence> known = new ArrayList<>(test.sentences());
    known.removeIf(sentence -> !train.labels().containsAll(sentence.labels()));
    development = LabeledData.of("test", Task.TOKENS, known);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static byte[] bytes(Classifier classifier, Path folder) throws IOException {
    classifier.save(folder);
    return Files.readAllBytes(folder.resolve("weights.safetensors"));
  }

  private static LabeledData tokens(String... tokensAndLabels) {
    List<LabeledSentence> sentences = new ArrayList<>();
    for (String one : tokensAndLabels) {
      String[] parts = one.split("\\|");
      sentences.add(
          new LabeledSentence(List.of(parts[0].split(" ")), List.of(parts[1].split(" "))));
    }
    return LabeledData.of("data", Task.TOKENS, sentences);
  }

  private static String failure(MixTrainer trainer, LabeledData train, LabeledData development) {
    return assertThrows(ElmoException.class, () -> trainer.fit(model, train, development))
        .getMessage();
  }

  @Test
  void contextHelpsPartsOfSpeechAndTheMixIsNoWorseThanALayer() {
    Result result = new MixTrainer().fit(model, train, development, development);
    List<Score> scores = result.scores();
    assertEquals(
        List.of("word_emb", "lstm_outputs1", "lstm_outputs2", "even mix", MixTrainer.LEARNED),
        scores.stream().map(Score::name).toList());
    double words = scores.get(0).development();
    double layer = Math.max(scores.get(1).development(), scores.get(2).development());
    double learned = scores.get(4).development();
    assertTrue(words > 0.7, "word_emb " + words);
    assertTrue(learned > words + 0.01, "learned mix " + learned + ", word_emb " + words);
    assertTrue(learned > layer - 0.01, "learned mix " + learned + ", best layer " + layer);
    scores.forEach(score -> assertEquals(score.development(), score.test(), score.name()));
    // The returned classifier is the one whose score was measured.
    assertEquals(learned, result.classifier().score(model, development), 1e-9);
    assertNotEquals(ScalarMix.even(3), result.classifier().mix());
    assertEquals(ScalarMix.even(3), scores.get(3).mix());
  }

  @Test
  void aSeedGivesTheSameBitsWhateverElseIsTrained() throws IOException {
    MixTrainer trainer = new MixTrainer().epochs(3).hidden(8).seed(5);
    byte[] first = bytes(trainer.fit(model, train, null).classifier(), folder.resolve("a"));
    byte[] again =
        bytes(trainer.compare(false).fit(model, train, null).classifier(), folder.resolve("b"));
    byte[] other = bytes(trainer.seed(6).fit(model, train, null).classifier(), folder.resolve("c"));
    assertArrayEquals(first, again);
    assertTrue(!Arrays.equals(first, other));
  }

  @ParameterizedTest
  @EnumSource(LayerNorm.class)
  void sentencesAreToldApartByTheirMeans(LayerNorm norm) throws IOException {
    Random random = new Random(3);
    List<LabeledSentence> all = new ArrayList<>();
    for (int i = 0; i < 80; i++) {
      String[] words =
          i % 2 == 0
              ? new String[] {"king", "queen", "crown", "palace", "throne"}
              : new String[] {"ship", "sail", "mast", "captain", "harbour"};
      List<String> tokens = new ArrayList<>(List.of("the"));
      for (int t = random.nextInt(5); t >= 0; t--) {
        tokens.add(words[random.nextInt(words.length)]);
      }
      all.add(new LabeledSentence(tokens, List.of(i % 2 == 0 ? "court" : "sea")));
    }
    // A sentence without tokens gives a row of zeros and no error.
    all.add(new LabeledSentence(List.of(), List.of("sea")));
    LabeledData sentences = LabeledData.of("mine", Task.SENTENCES, all);
    Result result =
        new MixTrainer().layerNorm(norm).hidden(4).l2(0.01).fit(model, sentences, sentences);
    Classifier classifier = result.classifier();
    assertTrue(classifier instanceof SentenceClassifier);
    assertTrue(result.scores().get(4).development() > 0.95);
    assertEquals(norm, classifier.mix().layerNorm());
    classifier.save(folder.resolve("saved"));
    Classifier loaded = Classifier.load(folder.resolve("saved"));
    List<List<String>> tokens = all.stream().map(LabeledSentence::tokens).toList();
    assertEquals(classifier.label(model, tokens), loaded.label(model, tokens));
    assertEquals(List.of("court", "sea"), loaded.labels());
    assertEquals(classifier.mix(), loaded.mix());
    assertEquals(4, loaded.hidden());
  }

  @Test
  void stoppingKeepsTheBestSoFar() {
    AtomicInteger epochs = new AtomicInteger();
    Progress count =
        new Progress() {
          @Override
          public void epoch(String run, int epoch, double loss, double score) {
            epochs.incrementAndGet();
          }
        };
    Result result =
        new MixTrainer()
            .progress(count)
            .stopWhen(() -> epochs.get() >= 2)
            .fit(model, train, development);
    assertEquals(1, result.scores().size());
    assertEquals(MixTrainer.LEARNED, result.scores().get(0).name());
    assertEquals(2, epochs.get());
    assertEquals(
        result.scores().get(0).development(), result.classifier().score(model, development), 1e-9);
  }

  @Test
  void l2DrawsTheMixToEven() {
    float[] weights =
        new MixTrainer()
            .compare(false)
            .l2(100)
            .epochs(5)
            .fit(model, train, null)
            .classifier()
            .mix()
            .weights();
    float[] free =
        new MixTrainer()
            .compare(false)
            .epochs(5)
            .fit(model, train, null)
            .classifier()
            .mix()
            .weights();
    double drawn = 0;
    double without = 0;
    for (int k = 0; k < 3; k++) {
      drawn += Math.abs(weights[k]);
      without += Math.abs(free[k]);
    }
    assertTrue(drawn < 0.25 * without, drawn + " beside " + without);
  }

  @Test
  void labelsThatTrainingLacksAreScoredAsWrong() {
    LabeledData known = tokens("a b|A B", "c d|A B");
    MixTrainer trainer = new MixTrainer().compare(false).epochs(30).learningRate(0.1);
    MixTrainer.Score score =
        trainer.fit(model, known, known, tokens("a b|A NEW", "c d|OTHER B")).scores().get(0);
    assertEquals(1, score.development());
    assertEquals(0.5, score.test());
    score = trainer.fit(model, known, tokens("a b|A NEW"), null).scores().get(0);
    assertEquals(0.5, score.development());
  }

  @Test
  void badDataIsRefused() {
    MixTrainer trainer = new MixTrainer();
    assertEquals(
        "data: expected two or more different labels, found only [A]",
        failure(trainer, tokens("a b|A A", "c|A"), null));
    assertEquals(
        "data: expected two or more sentences, or development data, found one",
        failure(trainer, tokens("a b|A B"), null));
    LabeledData other =
        LabeledData.of("other", Task.SENTENCES, List.of(tokens("a|A").sentences().get(0)));
    assertEquals(
        "other: expected labels of TOKENS, found SENTENCES",
        failure(trainer, tokens("a b|A B"), other));
  }

  @Test
  void aCacheWithoutRoomIsRefused() {
    String message = failure(new MixTrainer().cache(folder, 1000), train, null);
    assertTrue(message.contains("expected at most 1000 bytes (the cache limit), found"), message);
    message = failure(new MixTrainer().cache(folder.resolve("none"), 1 << 30), train, null);
    assertTrue(
        message.contains("none: expected a folder for the layers, found no such file"), message);
  }

  /** No disk has this much room. The error comes before any layer is computed. */
  @Test
  void aDiskWithoutRoomIsRefusedAndTheSizeIsToldFirst() {
    String message =
        assertThrows(ElmoException.class, () -> LayerCache.checkRoom(folder, 1L << 62))
            .getMessage();
    assertTrue(
        message.matches(
            Pattern.quote(folder.toString())
                + ": expected 4611686018427387904 bytes free for the layers, found [0-9]+"),
        message);
    List<String> told = new ArrayList<>();
    Progress listener =
        new Progress() {
          @Override
          public void cache(Path where, long bytes, long free) {
            assertTrue(free > bytes);
            told.add(where + " " + bytes);
          }

          @Override
          public void layers(int done, int all) {
            told.add("layers");
          }
        };
    LabeledData data = tokens("a b|A B", "c|A");
    new MixTrainer().cache(folder, 1 << 30).epochs(1).progress(listener).fit(model, data, data);
    // Two sentences, computed twice, have 3 tokens and 4 boundaries each time, and 1 + 2 + 2 halves
    // of 128 floats.
    assertEquals(List.of(folder + " " + 14 * 5 * 128 * 4, "layers"), told);
  }

  @Test
  void learningCurvesAreSavedWithTheClassifier() throws IOException {
    List<String> told = new ArrayList<>();
    Progress listener =
        new Progress() {
          @Override
          public void epoch(String run, int epoch, double loss, double score) {
            told.add(run + " " + epoch + " " + loss + " " + score);
          }
        };
    Result result = new MixTrainer().epochs(4).progress(listener).fit(model, train, development);
    List<Epoch> epochs = result.classifier().epochs();
    assertEquals(
        told,
        epochs.stream()
            .map(e -> e.run() + " " + e.epoch() + " " + e.trainLoss() + " " + e.developmentScore())
            .toList());
    assertEquals(5 * 4, epochs.size());
    for (Score score : result.scores()) {
      List<Epoch> kept =
          epochs.stream().filter(e -> e.run().equals(score.name()) && e.kept()).toList();
      assertEquals(1, kept.size());
      assertEquals(score.epoch(), kept.get(0).epoch());
      assertEquals(score.development(), kept.get(0).developmentScore());
    }
    assertTrue(epochs.get(3).trainLoss() < epochs.get(0).trainLoss());
    assertTrue(epochs.get(3).developmentLoss() < epochs.get(0).developmentLoss());

    Path saved = folder.resolve("saved");
    result.classifier().save(saved);
    assertEquals(epochs, Classifier.load(saved).epochs());
    assertEquals(DataForm.Kind.CONLL, Classifier.load(saved).dataForm().get().kind());
    Path curves = saved.resolve("curves.csv");
    List<String> lines = Files.readAllLines(curves);
    assertEquals("run,epoch,train_loss,dev_loss,dev_score,kept", lines.get(0));
    assertEquals(21, lines.size());
    assertTrue(lines.get(1).matches("learned mix,1,[0-9.]+,[0-9.]+,[0-9.]+,false"), lines.get(1));
    Files.writeString(curves, lines.get(0) + "\nlearned mix,one,1,1,1,true\n");
    String message = assertThrows(ElmoException.class, () -> Classifier.load(saved)).getMessage();
    assertTrue(message.startsWith(curves + ", line 2: expected run,epoch,train_loss"), message);
    Files.delete(curves); // Early versions saved none.
    assertEquals(List.of(), Classifier.load(saved).epochs());
  }

  @Test
  void labelsOfSpansAreStoppedByTheirF1() {
    LabeledData names =
        tokens(
            "Anna Smith went home|B-PER I-PER O O",
            "he met Anna Smith there|O O B-PER I-PER O",
            "John Brown and Mary|B-PER I-PER O B-PER",
            "it rained|O O");
    List<Double> f1 = new ArrayList<>();
    Progress listener =
        new Progress() {
          @Override
          public void epoch(String run, int epoch, double loss, double score) {
            f1.add(score);
          }
        };
    MixTrainer trainer = new MixTrainer().compare(false).progress(listener).patience(3);
    Result result = trainer.fit(model, names, names);
    Score score = result.scores().get(0);
    assertEquals(f1.stream().mapToDouble(each -> each).max().getAsDouble(), score.development());
    assertEquals(result.classifier().evaluate(model, names).all().f1(), score.development());
    assertTrue(f1.get(0) < score.development(), f1.toString());
    assertEquals(Math.min(50, score.epoch() + 3), f1.size());
  }

  @Test
  void aLossThatIsNoNumberEndsIt() {
    // The steps are so large that products overflow.
    MixTrainer trainer = new MixTrainer().learningRate(1e30).hidden(64).epochs(1000);
    String message = failure(trainer.patience(1000).batchSize(1), train, null);
    assertTrue(message.startsWith("training of learned mix: expected a finite loss"), message);
  }

  @Test
  void settingsOutOfRangeAreRefused() {
    MixTrainer trainer = new MixTrainer();
    assertThrows(ElmoException.class, () -> trainer.dropout(1));
    assertThrows(ElmoException.class, () -> trainer.dropout(Double.NaN));
    assertThrows(ElmoException.class, () -> trainer.learningRate(0));
    assertThrows(ElmoException.class, () -> trainer.batchSize(0));
    assertThrows(ElmoException.class, () -> trainer.hidden(-1));
    assertEquals(
        "epochs: expected 1 to 1048576, found 0",
        assertThrows(ElmoException.class, () -> trainer.epochs(0)).getMessage());
  }

  @Test
  void aClassifierIsSavedWholeOrNotAtAll() throws IOException {
    Classifier classifier =
        new MixTrainer().compare(false).epochs(1).fit(model, train, null).classifier();
    Path saved = folder.resolve("saved");
    // A process that was killed while it saved left this folder, whose lock is free.
    Path left = folder.resolve(".elmo4j-1-2-" + "0".repeat(32));
    Files.createDirectories(left.resolve("files/fresh"));
    Files.writeString(left.resolve("lock"), "");
    classifier.save(saved);
    classifier.save(saved); // replaces the first
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(saved), files.toList());
    }
    Path taken = Files.createDirectory(folder.resolve("taken"));
    Files.writeString(taken.resolve("letters.txt"), "mine");
    assertThrows(ElmoException.class, () -> classifier.save(taken));
    assertEquals("mine", Files.readString(taken.resolve("letters.txt")));
    assertThrows(ElmoException.class, () -> classifier.save(folder.resolve("no").resolve("x")));
    Files.writeString(saved.resolve("notes.txt"), "mine");
    String message = assertThrows(ElmoException.class, () -> classifier.save(saved)).getMessage();
    assertTrue(message.endsWith("and nothing else, found notes.txt"), message);
    assertEquals("mine", Files.readString(saved.resolve("notes.txt")));
    Files.delete(saved.resolve("notes.txt"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), saved);
    classifier.save(link);
    assertTrue(Files.isSymbolicLink(link));
    Path nowhere = Files.createSymbolicLink(folder.resolve("nowhere"), folder.resolve("none"));
    message = assertThrows(ElmoException.class, () -> Classifier.checkTarget(nowhere)).getMessage();
    assertTrue(message.endsWith("found a link to nothing"), message);

    Path weights = saved.resolve("weights.safetensors");
    byte[] whole = Files.readAllBytes(weights);
    for (int length : new int[] {0, 5, 40, whole.length - 1}) {
      Files.write(weights, Arrays.copyOf(whole, length));
      assertThrows(ElmoException.class, () -> Classifier.load(saved), "cut to " + length);
    }
    Files.write(weights, whole);
    String json = Files.readString(saved.resolve("model.json"));
    for (String bad :
        List.of("", "[]", json.replace("tokens", "words"), json.replace("256", "255"))) {
      Files.writeString(saved.resolve("model.json"), bad);
      assertThrows(ElmoException.class, () -> Classifier.load(saved), bad);
    }
    assertThrows(ElmoException.class, () -> Classifier.load(folder));
  }

  @Test
  void weightsThatTheDescriptionLacksAreRefused() throws IOException {
    Path saved = folder.resolve("saved");
    new MixTrainer().compare(false).epochs(1).crf(true).fit(model, train).classifier().save(saved);
    Path description = saved.resolve("model.json");
    String json = Files.readString(description).replaceAll("\"scheme\" : \"\\w+\",?", "");
    Files.writeString(description, json.replace("\"crf\"", "\"linear\""));
    assertEquals(
        saved.resolve("weights.safetensors")
            + ": expected weight, bias as "
            + description
            + " states, found \"transitions\" as well",
        assertThrows(ElmoException.class, () -> Classifier.load(saved)).getMessage());
  }
}
