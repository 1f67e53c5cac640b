// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.elmo4j.hub.ModelEntry;
import org.elmo4j.hub.ModelEntry.RemoteFile;
import org.elmo4j.hub.ModelHub;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code elmo models}: lists the named models. */
@Command(
    name = "models",
    description = {
      "Lists the named models.",
      "",
      "A model is downloaded when it is first used, and kept in the folder ELMO4J_HOME.",
      "ELMO4J_MIRROR is an address to download from, as MIRROR/NAME/FILE.",
      "ELMO4J_OFFLINE=1 forbids downloads.",
      ""
    },
    footer = {"  elmo models", "  elmo models --json"})
final class ModelsCommand implements Callable<Integer> {
  @Spec private CommandSpec command;

  @Option(names = "--json", description = "Print JSON, with the addresses of the files.")
  private boolean json;

  @Override
  public Integer call() throws JsonProcessingException {
    PrintWriter out = command.commandLine().getOut();
    ModelHub hub = ModelHub.standard();
    if (json) {
      out.println(json(hub));
    } else {
      table(out, hub);
    }
    return 0;
  }

  private static void table(PrintWriter out, ModelHub hub) {
    List<String[]> rows = new ArrayList<>();
    rows.add(
        new String[] {"NAME", "LANGUAGE", "PARAMETERS", "SIZE", "HERE", "TRAINED ON", "LICENCE"});
    for (ModelEntry model : hub.models()) {
      boolean cached = hub.isCached(model);
      long size = cached ? hub.cachedBytes(model) : model.size();
      rows.add(
          new String[] {
            String.join(", ", names(model)),
            model.language(),
            model.parameters() == 0
                ? "?"
                : String.format(Locale.ROOT, "%.1f M", model.parameters() / 1e6),
            size == 0 ? "?" : Progress.size(size),
            model.files().isEmpty() ? "in the box" : cached ? "in the cache" : "-",
            model.description(),
            model.licence()
          });
    }
    int columns = rows.get(0).length;
    for (String[] row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < columns; i++) {
        int column = i;
        int width = rows.stream().mapToInt(cells -> cells[column].length()).max().getAsInt();
        line.append(row[i]).append(" ".repeat(width - row[i].length() + 2));
      }
      out.println(line.toString().stripTrailing());
    }
    out.println();
    out.println("cache: " + hub.home());
  }

  private static List<String> names(ModelEntry model) {
    List<String> names = new ArrayList<>(List.of(model.name()));
    names.addAll(model.aliases());
    return names;
  }

  private static String json(ModelHub hub) throws JsonProcessingException {
    ObjectMapper mapper = new ObjectMapper();
    ArrayNode models = mapper.createArrayNode();
    for (ModelEntry model : hub.models()) {
      ObjectNode node = models.addObject();
      node.put("name", model.name());
      model.aliases().forEach(node.putArray("aliases")::add);
      node.put("language", model.language());
      node.put("description", model.description());
      node.put("licence", model.licence());
      node.put("parameters", model.parameters() == 0 ? null : model.parameters());
      boolean cached = hub.isCached(model);
      node.put("cached", cached);
      node.put("folder", cached && !model.files().isEmpty() ? hub.folder(model).toString() : null);
      ArrayNode files = node.putArray("files");
      for (RemoteFile file : model.files()) {
        files
            .addObject()
            .put("name", file.name())
            .put("url", file.url().toString())
            .put("size", file.size() == 0 ? null : file.size())
            .put("sha256", file.sha256().orElse(null));
      }
    }
    return mapper.writerWithDefaultPrettyPrinter().writeValueAsString(models);
  }
}
