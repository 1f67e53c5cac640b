// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
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
      SimilarCommand.class,
      InfoCommand.class,
      ModelsCommand.class,
      VerifyCommand.class,
      RandomModelCommand.class,
      ConvertCommand.class,
      BenchCommand.class,
      TestCommand.class,
      CompletionCommand.class,
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  elmo embed \"I love NLP\"",
      "  elmo embed --help",
      "  elmo test                 (builds everything and runs all tests)"
    })
public final class Main implements Runnable {
  @Option(
      names = "--debug",
      description = "Print the stack trace of an error.",
      scope = ScopeType.INHERIT)
  private boolean debug;

  /** The exit code of a program that wrote to a pipe without a reader: 128 + SIGPIPE. */
  private static final int CLOSED_PIPE = 141;

  private static final int MESSAGE_CHARACTERS = 480;

  final InputStream in;
  private final Output output;

  /** Standard output for bytes that programs read. */
  final OutputStream out;

  private final PrintWriter status;
  private CommandLine commandLine;

  private Main(InputStream in, Output output, PrintWriter status) {
    this.in = in;
    this.output = output;
    this.out = output.bytes();
    this.status = status;
  }

  /** Runs the tool and ends the JVM. */
  public static void main(String[] args) {
    System.exit(
        run(
            new FileInputStream(FileDescriptor.in),
            Output.named(new FileOutputStream(FileDescriptor.out), Path.of("/proc/self/fd/1")),
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
    OutputStream buffered = new BufferedOutputStream(err);
    PrintWriter errors = new PrintWriter(new EscapedStream(buffered), true, StandardCharsets.UTF_8);
    PrintWriter status =
        Boolean.getBoolean("elmo4j.terminal")
            ? new PrintWriter(buffered, true, StandardCharsets.UTF_8)
            : null;
    Output output = new Output(out, Boolean.getBoolean("elmo4j.terminal.out"));
    Main main = new Main(in, output, status);
    main.commandLine =
        new CommandLine(main)
            .setOut(output.text())
            .setErr(errors)
            // Colours are escape sequences, which EscapedStream would escape.
            .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF))
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setExpandAtFiles(false) // @name is ordinary text.
            .registerConverter(Path.class, Main::path)
            .setExecutionStrategy(main::dispatch)
            .setParameterExceptionHandler((e, a) -> main.wrongUsage(e))
            .setExecutionExceptionHandler((e, command, parsed) -> main.failed(e));
    int code = main.execute(args);
    errors.flush();
    return code;
  }

  /**
   * Runs the command like picocli, which would print a stack trace for a failure in help or
   * version.
   */
  private int dispatch(CommandLine.ParseResult parsed) {
    try {
      return new CommandLine.RunLast().execute(parsed);
    } catch (CommandLine.ParameterException | CommandLine.ExecutionException e) {
      throw e;
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /** Catches all exceptions and errors, and reports output that could not be written. */
  private int execute(String... args) {
    int code;
    try {
      code = commandLine.execute(args);
    } catch (Throwable e) {
      code = failed(e);
    }
    try {
      output.finish();
    } catch (Throwable e) {
      code = code == CommandLine.ExitCode.OK ? failed(e) : code;
    }
    return code;
  }

  /** Converts the name of a file or folder. Only {@link FileOrStream} accepts {@code -}. */
  private static Path path(String argument) {
    return fileOrStream(new File().convert(argument));
  }

  /** Converts the name of a file that is a string, for the name may also be of something else. */
  static final class File implements CommandLine.ITypeConverter<String> {
    @Override
    public String convert(String argument) {
      if (argument.equals(STANDARD)) {
        throw new CommandLine.TypeConversionException(
            "expected a file or folder, found -, standard input or output, which cannot be used"
                + " here; ./- is a file with that name");
      }
      return argument;
    }
  }

  /** Converts the name of a file; {@code -} is standard input or output. */
  static final class FileOrStream implements CommandLine.ITypeConverter<Path> {
    @Override
    public Path convert(String argument) {
      return fileOrStream(argument);
    }
  }

  /** Refuses an empty argument, which would be the working folder. */
  private static Path fileOrStream(String argument) {
    if (argument.isEmpty()) {
      throw new CommandLine.TypeConversionException("expected a file or folder, found nothing");
    }
    try {
      return Path.of(argument);
    } catch (InvalidPathException e) {
      throw new CommandLine.TypeConversionException(message(e));
    }
  }

  /** The name on a command line of standard input and output. */
  static final String STANDARD = "-";

  static boolean isStandard(Path file) {
    return file.toString().equals(STANDARD);
  }

  static Main of(CommandSpec command) {
    return (Main) command.root().userObject();
  }

  /** Returns the exception for wrong usage of a command. */
  static CommandLine.ParameterException usage(CommandSpec command, String message) {
    return new CommandLine.ParameterException(command.commandLine(), message);
  }

  /**
   * Opens text.
   *
   * @param file null or {@code -} for standard input; if that is a terminal, a note says that input
   *     is expected
   */
  static LineReader open(CommandSpec command, Path file) throws IOException {
    if (file != null && !isStandard(file)) {
      return LineReader.open(file);
    }
    if (Boolean.getBoolean("elmo4j.terminal.in")) {
      command
          .commandLine()
          .getErr()
          .println(
              command.qualifiedName() + ": waiting for text; Ctrl-D on a line of its own ends it");
    }
    // If the process was started without a standard input, the descriptor may belong to a file of
    // the JVM, which crashes if that is closed.
    InputStream unclosed =
        new FilterInputStream(of(command).in) {
          @Override
          public void close() {}
        };
    return new LineReader("standard input", unclosed);
  }

  /**
   * Throws an exception if a file cannot be opened, so that this is said before anything that takes
   * long.
   *
   * @param files may be null or standard input
   */
  static void checkReadable(Path... files) throws IOException {
    for (Path file : files) {
      if (file != null
          && !isStandard(file)
          && (Files.notExists(file) || Files.isRegularFile(file))) {
        LineReader.open(file).close(); // Opening a pipe would take bytes from it.
      }
    }
  }

  /** Standard error if it is a terminal, for lines that are overwritten; otherwise null. */
  static PrintWriter status(CommandSpec command) {
    return of(command).status;
  }

  /** Runs if no command is named. */
  @Override
  public void run() {
    throw new CommandLine.ParameterException(commandLine, "expected a command, found none");
  }

  private int wrongUsage(CommandLine.ParameterException e) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    String help = " (" + command + " --help tells more)";
    report(command + ": ", e.getMessage() + near(e), help, e);
    return CommandLine.ExitCode.USAGE;
  }

  /** Returns the command or option that the user probably meant. */
  private static String near(CommandLine.ParameterException e) {
    if (!(e instanceof CommandLine.UnmatchedArgumentException unmatched)) {
      return "";
    }
    String typed = unmatched.getUnmatched().get(0).split("=", 2)[0];
    CommandSpec command = e.getCommandLine().getCommandSpec();
    List<String> names = new ArrayList<>(command.optionsMap().keySet());
    if (!typed.startsWith("-")) {
      names = List.copyOf(command.subcommands().keySet());
    }
    return names.stream()
        .filter(name -> distance(typed, name) <= Math.min(2, name.length() / 2))
        .min(Comparator.comparingInt(name -> distance(typed, name)))
        .map(name -> "; did you mean " + name + "?")
        .orElse("");
  }

  /** The number of letters to change, insert, delete or swap with the next one. */
  private static int distance(String a, String b) {
    int[][] d = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          d[i][j] = i + j;
          continue;
        }
        int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
        d[i][j] = Math.min(d[i - 1][j - 1] + change, Math.min(d[i - 1][j], d[i][j - 1]) + 1);
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    return d[a.length()][b.length()];
  }

  private int failed(Throwable e) {
    Throwable cause =
        e instanceof CommandLine.ExecutionException && e.getCause() != null ? e.getCause() : e;
    if (cause instanceof Output.Failure failure && failure.isClosedPipe()) {
      return CLOSED_PIPE;
    }
    report("elmo: ", message(cause), "", cause);
    return CommandLine.ExitCode.SOFTWARE;
  }

  private void report(String before, String message, String after, Throwable e) {
    int length = MESSAGE_CHARACTERS - before.length() - after.length();
    commandLine.getErr().println(before + oneLine(message, length) + after);
    if (debug) {
      e.printStackTrace(commandLine.getErr());
    }
  }

  private static String message(Throwable e) {
    if (e instanceof OutOfMemoryError) {
      return "memory: expected enough for this input, found no more (" + e.getMessage() + ")";
    }
    if (e instanceof FileSystemException file) {
      return file.getFile() + ": " + FoundFile.reason(file);
    }
    if (e instanceof InvalidPathException name) {
      return name.getInput() + ": expected the name of a file, found " + name.getReason();
    }
    if (e instanceof UncheckedIOException && !(e instanceof Output.Failure)) {
      return message(e.getCause());
    }
    if (e instanceof ElmoException || e instanceof IOException || e instanceof Output.Failure) {
      return e.getMessage() == null ? FoundFile.reason(e) : e.getMessage();
    }
    return "unexpected " + e + " (--debug shows where)";
  }

  /**
   * Returns a message as one line with escaped control characters, without the middle if it is too
   * long.
   */
  static String oneLine(String message, int length) {
    String line = EscapedStream.escape(message.strip().replaceAll("\\s*\\R\\s*", " "));
    if (line.length() <= length) {
      return line;
    }
    int behind = length / 3;
    return line.substring(0, length - behind - 5)
        + " ... "
        + line.substring(line.length() - behind);
  }

  /** Reads the version from the jar. */
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
