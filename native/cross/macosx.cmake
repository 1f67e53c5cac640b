# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
#
# For zig's clang, which includes the headers of macOS. Used for checks, not for releases. ELMO4J_ZIG
# is the program, ELMO4J_ZIG_TARGET is aarch64-macos.11.0 or x86_64-macos.10.15.
set(CMAKE_SYSTEM_NAME Darwin)
if("$ENV{ELMO4J_ZIG_TARGET}" MATCHES "^aarch64")
  set(CMAKE_SYSTEM_PROCESSOR arm64)
else()
  set(CMAKE_SYSTEM_PROCESSOR x86_64)
endif()
# The target is passed as an argument, because a compiler cache does not see the environment.
set(CMAKE_CXX_FLAGS_INIT "-target $ENV{ELMO4J_ZIG_TARGET}")
set(CMAKE_CXX_COMPILER "${CMAKE_CURRENT_LIST_DIR}/zig")
set(CMAKE_CXX_COMPILER_WORKS TRUE)
set(CMAKE_OSX_SYSROOT "" CACHE STRING "")
set(CMAKE_OSX_ARCHITECTURES "" CACHE STRING "")
