// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Asks NVIDIA's driver before any CUDA library is loaded, since the error messages of the runtime
// and of JavaCPP's presets on a machine without a driver are hard to understand.

#include "dynamic_library.h"
#include "elmo4j/kernels.h"

int elmo4j_find_driver(int32_t* version, int32_t* error) {
  constexpr int kOldest = 13000;  // CUDA 13 runs on drivers for any 13.x
  *version = 0;
  *error = 0;
#ifdef _WIN32
  void* library = elmo4j::open_library("nvcuda.dll");
#else
  void* library = elmo4j::open_library("libcuda.so.1");
#endif
  if (library == nullptr) {
    return ELMO4J_DRIVER_MISSING;
  }
  int (*get_version)(int*);
  int (*init)(unsigned);
  elmo4j::find_function(library, "cuDriverGetVersion", get_version);
  elmo4j::find_function(library, "cuInit", init);
  int result = ELMO4J_DRIVER_MISSING;
  if (get_version != nullptr && init != nullptr) {
    int found = 0;
    *error = get_version(&found);
    *version = found;
    if (*error == 0 && found < kOldest) {
      result = ELMO4J_DRIVER_TOO_OLD;
    } else {
      *error = *error != 0 ? *error : init(0);
      result = *error == 0 ? ELMO4J_DRIVER_READY : ELMO4J_DRIVER_FAILED;
    }
  }
  if (result != ELMO4J_DRIVER_READY) {
    elmo4j::close_library(library);
  }
  return result;
}
