// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Included before each source file on Linux: binds what later versions of glibc have given a new
// version to the old one, which they keep. So what is built on a new system runs on old ones;
// tests/platforms/needs holds the limit.

#ifndef ELMO4J_GLIBC_H_
#define ELMO4J_GLIBC_H_

#if defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#if defined(__x86_64__)
#define ELMO4J_OLD(name) __asm__(".symver " #name "," #name "@GLIBC_2.2.5");
#elif defined(__aarch64__)
#define ELMO4J_OLD(name) __asm__(".symver " #name "," #name "@GLIBC_2.17");
#endif
#endif

#ifdef ELMO4J_OLD
ELMO4J_OLD(dlopen)
ELMO4J_OLD(dlsym)
ELMO4J_OLD(dlclose)
ELMO4J_OLD(dlerror)
ELMO4J_OLD(exp)
ELMO4J_OLD(log)
ELMO4J_OLD(pow)
#undef ELMO4J_OLD
#endif

#endif  // ELMO4J_GLIBC_H_
