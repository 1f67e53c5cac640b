# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""macho.py FILE: prints what a dynamic library of macOS requires of a system, and the number of its functions for a JVM.

It reads them from the load commands. Exit code 1 if they are not as the README promises. The structures and numbers are
from mach-o/loader.h and mach-o/nlist.h.
"""
import struct
import sys

path = sys.argv[1]
data = open(path, "rb").read()
kind, _, file_type, commands = struct.unpack_from("<IIII", data, 4)
# The name of each processor, and the oldest macOS that the library must run on.
arch, oldest = {0x01000007: ("x86_64", "10.15"), 0x0100000C: ("arm64", "11.0")}[kind]
needs, names, minimum, signed = [], [], None, False
at = 32
for _ in range(commands):
    command, size = struct.unpack_from("<II", data, at)
    if command in (0xC, 0x80000018, 0x8000001F):  # LC_LOAD_DYLIB, weak, reexported
        name = at + struct.unpack_from("<I", data, at + 8)[0]
        needs.append(data[name : data.index(0, name)].decode())
    elif command == 0x2:  # LC_SYMTAB
        symbols, count, strings, _ = struct.unpack_from("<IIII", data, at + 8)
        for i in range(count):
            text, flags, _, _, _ = struct.unpack_from("<IBBHQ", data, symbols + 16 * i)
            # Symbols that are external and defined, and neither debugging entries nor private.
            if flags & 0xE0 == 0 and flags & 0x10 == 0 and flags & 1 and flags & 0xE:
                name = strings + text
                names.append(data[name : data.index(0, name)].decode())
    elif command == 0x24:  # LC_VERSION_MIN_MACOSX
        minimum = struct.unpack_from("<I", data, at + 8)[0]
    elif command == 0x32:  # LC_BUILD_VERSION
        minimum = struct.unpack_from("<I", data, at + 12)[0]
    elif command == 0x1D:  # LC_CODE_SIGNATURE
        signed = True
    at += size
version = minimum and f"{minimum >> 16}.{minimum >> 8 & 255}"
functions = [n for n in names if n.startswith("_Java_org_elmo4j_internal_kernels_CpuKernels")]
print(f"{arch}, macOS {version}, signed: {signed}, needs {needs}, {len(functions)} functions for the JVM")
wrong = []
if file_type != 6:
    wrong.append(f"expected a dynamic library (6), found a file of type {file_type}")
if arch not in path:
    wrong.append(f"expected {path} to be for its folder's processor, found {arch}")
if needs != ["/usr/lib/libSystem.B.dylib"]:
    wrong.append(f"expected to need only libSystem, found {needs}")
if version != oldest:
    wrong.append(f"expected macOS {oldest}, found {version}")
if arch == "arm64" and not signed:
    wrong.append("expected a signature, which arm64 requires, found none")
if len(functions) < 100 or "_JNI_OnLoad" not in names:
    wrong.append(f"expected JNI_OnLoad and 100 functions for the JVM or more, found {len(functions)}")
for line in wrong:
    print(f"{path}: {line}", file=sys.stderr)
sys.exit(1 if wrong else 0)
