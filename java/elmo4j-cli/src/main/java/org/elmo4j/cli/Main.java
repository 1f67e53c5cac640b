// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.elmo4j.ElmoException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The tool {@code elmo}. Exit codes: 0 done, 1 failed, 2 wrong usage. */
@Command(
    name = "elmo",
    description = "ELMo embeddings: vectors of words in their sentences.",
    versionProvider = Main.Version.class,
    mixinStandardHelpOptions = true,
    scope = ScopeType.INHERIT,
    sortOptions = false,
    usageHelpAutoWidth = true,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:done", "1:failed", "2:wrong usage"},
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      EmbedCommand.class,
      TokensCommand.class,
      FitCommand.class,
      PredictCommand.class,
      PlotCommand.class,
      InfoCommand.class,
      ModelsCommand.class,
      VerifyCommand.class,
      RandomModelCommand.class,
      ConvertCommand.class,
      BenchCommand.class,
    })
public final class Main implements Runnable {
  @Option(
      names = "--debug",
      description = "Show where an error comes from.",
      scope = ScopeType.INHERIT)
  private boolean debug;

  final InputStream in;
  final OutputStream out;
  private CommandLine commandLine;

  private Main(InputStream in, OutputStream out) {
    this.in = in;
    this.out = out;
  }

  /** Runs the tool and ends the JVM. */
  public static void main(String[] args) {
    System.exit(
        run(
            new FileInputStream(FileDescriptor.in),
            new FileOutputStream(FileDescriptor.out),
            new FileOutputStream(FileDescriptor.err),
            args));
  }

  /**
   * Runs the tool.
   *
   * @param in standard input
   * @param out standard output; text goes there as UTF-8
   * @param err standard error, likewise
   * @param args the command line
   * @return the exit code
   */
  public static int run(InputStream in, OutputStream out, OutputStream err, String... args) {
    Main main = new Main(in, out);
    PrintWriter outWriter = new PrintWriter(out, false, StandardCharsets.UTF_8);
    PrintWriter errWriter = new PrintWriter(err, true, StandardCharsets.UTF_8);
    main.commandLine =
        new CommandLine(main)
            .setOut(outWriter)
            .setErr(errWriter)
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setParameterExceptionHandler((e, a) -> main.wrongUsage(e))
            .setExecutionExceptionHandler((e, command, parsed) -> main.failed(e));
    int code = main.commandLine.execute(args);
    outWriter.flush();
    errWriter.flush();
    return code;
  }

  /** Called where no command is named. */
  @Override
  public void run() {
    throw new CommandLine.ParameterException(commandLine, "expected a command, found none");
  }

  private int wrongUsage(CommandLine.ParameterException e) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    report(command + ": " + oneLine(e.getMessage()) + " (" + command + " --help tells more)", e);
    return CommandLine.ExitCode.USAGE;
  }

  private int failed(Throwable e) {
    Throwable cause =
        e instanceof CommandLine.ExecutionException && e.getCause() != null ? e.getCause() : e;
    report("elmo: " + oneLine(message(cause)), cause);
    return CommandLine.ExitCode.SOFTWARE;
  }

  private void report(String message, Throwable e) {
    commandLine.getErr().println(message);
    if (debug) {
      e.printStackTrace(commandLine.getErr());
    }
  }

  private static String message(Throwable e) {
    if (e instanceof OutOfMemoryError) {
      return "memory: expected enough for this input, found no more (" + e.getMessage() + ")";
    }
    if (e instanceof FileSystemException file) {
      return file.getFile() + ": " + reason(file);
    }
    if ((e instanceof ElmoException || e instanceof IOException) && e.getMessage() != null) {
      return e.getMessage();
    }
    return "unexpected " + e + " (--debug shows where)";
  }

  static String reason(FileSystemException e) {
    if (e instanceof NoSuchFileException) {
      return "no such file or folder";
    }
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (e instanceof FileAlreadyExistsException) {
      return "exists already";
    }
    return e.getReason() == null ? e.getClass().getSimpleName() : e.getReason();
  }

  private static String oneLine(String message) {
    return message.strip().replaceAll("\\s*\\R\\s*", " ");
  }

  /** The version that the jar says. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {
        "elmo4j " + (version == null ? "(not from a jar)" : version),
        "Java "
            + Runtime.version()
            + ", "
            + System.getProperty("os.name")
            + " "
            + System.getProperty("os.arch")
      };
    }
  }
}
