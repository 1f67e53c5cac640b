// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Opens libraries at run time, if they exist.

#ifndef ELMO4J_CPU_DYNAMIC_LIBRARY_H_
#define ELMO4J_CPU_DYNAMIC_LIBRARY_H_

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace elmo4j {

// Returns NULL if it cannot be opened. Its own dependencies are also searched for in its folder.
inline void* open_library(const char* path) {
#ifdef _WIN32
  return LoadLibraryExA(path, nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
#else
  return dlopen(path, RTLD_NOW | RTLD_LOCAL);
#endif
}

inline void close_library(void* library) {
#ifdef _WIN32
  FreeLibrary(static_cast<HMODULE>(library));
#else
  dlclose(library);
#endif
}

// Sets a pointer to a function, or to NULL if there is no function of that name.
template <class Function>
void find_function(void* library, const char* name, Function*& function) {
#ifdef _WIN32
  function = reinterpret_cast<Function*>(
      reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name)));
#else
  function = reinterpret_cast<Function*>(dlsym(library, name));
#endif
}

}  // namespace elmo4j

#endif  // ELMO4J_CPU_DYNAMIC_LIBRARY_H_
