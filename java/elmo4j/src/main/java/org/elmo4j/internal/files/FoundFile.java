// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Describes in messages what was found instead of an expected file. */
public final class FoundFile {
  private static final String FAULT = "values that do not fit";

  /** The first bytes of files of a kind, and the name of the kind. */
  private static final String[][] KINDS = {
    {"\u0089HDF\r\n", "an HDF5 file"},
    {"\u0089PNG\r\n", "a PNG image"},
    {"\u00ff\u00d8\u00ff", "a JPEG image"},
    {"%PDF-", "a PDF file"},
    {"PK\u0003\u0004", "a zip archive (npz, docx and jar are some)"},
    {"\u001f\u008b", "a gzip file: unpack it first"},
    {"\u00fd7zXZ\0", "an xz file: unpack it first"},
    {"BZh", "a bzip2 file: unpack it first"},
    {"\u0028\u00b5\u002f\u00fd", "a Zstandard file: unpack it first"},
    {"\u00ff\u00fe", "UTF-16"},
    {"\u00fe\u00ff", "UTF-16"},
    {"\u007fELF", "a program"},
  };

  /** What a message says of an exception. The first class that fits counts. */
  private static final List<Map.Entry<Class<? extends Throwable>, String>> REASONS =
      List.of(
          Map.entry(AccessDeniedException.class, "permission denied"),
          Map.entry(NoSuchFileException.class, "no such file or folder"),
          Map.entry(FileAlreadyExistsException.class, "a file or folder with that name"),
          Map.entry(NotDirectoryException.class, "no folder"),
          Map.entry(DirectoryNotEmptyException.class, "a folder that is not empty"),
          Map.entry(FileSystemLoopException.class, "links that form a circle"),
          Map.entry(CharacterCodingException.class, "bytes that are not UTF-8"),
          Map.entry(ClosedByInterruptException.class, "an interrupt of this thread"),
          Map.entry(ClosedChannelException.class, "it closed"),
          // The messages of these are written for programmers, if they have one.
          Map.entry(Error.class, FAULT),
          Map.entry(NullPointerException.class, FAULT),
          Map.entry(ClassCastException.class, FAULT),
          Map.entry(IndexOutOfBoundsException.class, FAULT),
          Map.entry(NegativeArraySizeException.class, FAULT),
          Map.entry(ArithmeticException.class, FAULT));

  /** The number of first bytes that {@link #kind} examines. */
  public static final int HEAD = 8;

  private FoundFile() {}

  /** The kind of a file with these first bytes if it is a common kind other than text, or null. */
  public static String kind(byte[] head, int length) {
    String begin = new String(head, 0, Math.min(length, HEAD), StandardCharsets.ISO_8859_1);
    for (String[] kind : KINDS) {
      if (begin.startsWith(kind[0])) {
        return kind[1];
      }
    }
    return null;
  }

  /** The reason that a file cannot be read. */
  public static String unreadable(Path file, IOException e) {
    return Files.isDirectory(file)
        ? "a folder"
        : e instanceof NoSuchFileException ? "no such file" : reason(e);
  }

  /**
   * The reason of a failure, on one line. It never has the name of a class, since users do not know
   * it, nor the file of a {@link FileSystemException}, which the message around it names.
   */
  public static String reason(Throwable e) {
    if (e instanceof FileSystemException file && file.getReason() != null) {
      return file.getReason();
    }
    for (Map.Entry<Class<? extends Throwable>, String> known : REASONS) {
      if (known.getKey().isInstance(e)) {
        return known.getValue();
      }
    }
    boolean silent = e instanceof FileSystemException || e.getMessage() == null;
    return silent ? "no reason given" : Json.brief(e.getMessage());
  }
}
