#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the registers and spills of each kernel on each architecture to README.md in this folder.

cmake --build --preset cuda --target elmo4j_cuda_resources calls it:
resources.py NVCC INCLUDE_FOLDER ARCHITECTURES FILE..., with architectures as CMake writes them,
separated by commas. It compiles the files itself and uses no results of the build.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

README = pathlib.Path(__file__).with_name("README.md")
BEGIN, END = "<!-- resources: begin -->", "<!-- resources: end -->"


def simple(name):
    """A demangled kernel without namespaces and parameters: tile<__half, 8>."""
    name = name.replace("elmo4j::", "").replace("(anonymous namespace)::", "")
    name = re.sub(r"^void ", "", name)
    depth = 0
    for i, letter in enumerate(name):  # The parameters begin outside of any <>.
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0:
            name = name[:i]
            break
    return re.sub(r"\((?:int|bool|unsigned int|Way)\)", "", name)


def compile_one(nvcc, include, architectures, file, folder):
    command = [nvcc, "-std=c++17", "-O3", "-DELMO4J_WITH_CUDA", f"-I{include}", "-fatbin",
               "--resource-usage", "-o", str(pathlib.Path(folder) / "kernels.fatbin"), file]
    for sm in architectures:
        command.append(f"-gencode=arch=compute_{sm},code=sm_{sm}")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(done.stdout)
    return done.stdout


def parse(output):
    """{kernel: {architecture: (registers, bytes of local memory, bytes of shared memory)}}"""
    found, here, local = {}, None, 0
    for line in output.splitlines():
        entry = re.search(r"Compiling entry function '(\S+)' for 'sm_(\w+)'", line)
        frame = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes", line)
        used = re.search(r"Used (\d+) registers", line)
        if entry:
            here, local = entry.groups(), 0
        elif frame:
            local = max(map(int, frame.groups()))
        elif used and here:
            shared = re.search(r"(\d+) bytes smem", line)
            figures = int(used[1]), local, int(shared[1]) if shared else 0
            found.setdefault(here[0], {})[here[1]] = figures
            here = None
    return found


def main():
    nvcc, include, listed, *files = sys.argv[1:]
    architectures = [a[:-5] for a in listed.split(",") if a.endswith("-real")]
    lines = [BEGIN, "| kernel | file | " + " | ".join(f"sm_{a}" for a in architectures) + " |",
             "|---|---|" + "---|" * len(architectures)]
    spilled = []
    with tempfile.TemporaryDirectory() as folder:
        for file in sorted(files):
            found = parse(compile_one(nvcc, include, architectures, file, folder))
            names = subprocess.run(["c++filt"], input="\n".join(found), stdout=subprocess.PIPE,
                                   text=True, check=True).stdout.splitlines()
            for name, kernel in sorted(zip(map(simple, names), found.values())):
                cells = []
                for a in architectures:
                    registers, local, shared = kernel[a]
                    cells.append(str(registers) + (f", {shared} B shared" if shared else "") +
                                 (f", **{local} B local**" if local else ""))
                    spilled += [f"{name} on sm_{a}"] * (local > 0)
                lines.append(f"| `{name}` | `{pathlib.Path(file).name}` | " + " | ".join(cells) + " |")
    version = re.search(r"release ([\d.]+)", subprocess.run(
        [nvcc, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout)[1]
    lines += ["", f"nvcc {version}. " + (
        "Local memory is used by " + ", ".join(spilled) if spilled else
        "No kernel spills a register or uses local memory on any of them") + ".", END]
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(before + "\n".join(lines) + after, encoding="utf-8")


if __name__ == "__main__":
    main()
