// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The yardsticks of the benchmarks: what this machine can do.

#include <atomic>

#include "dynamic_library.h"
#include "elmo4j/kernels.h"

namespace {

// The functions of OpenBLAS after it was opened.
struct OpenBlas {
  void (*sgemm)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                const float* a, int lda, const float* b, int ldb, float beta, float* c, int ldc);
  void (*set_threads)(int threads);
};

std::atomic<const OpenBlas*> openblas{nullptr};

}  // namespace

int elmo4j_openblas_open(const char* path) {
  if (openblas.load()) {
    return 1;
  }
  void* library = elmo4j::open_library(path);
  if (library == nullptr) {
    return 0;
  }
  OpenBlas found;
  elmo4j::find_function(library, "cblas_sgemm", found.sgemm);
  elmo4j::find_function(library, "openblas_set_num_threads", found.set_threads);
  if (!found.sgemm || !found.set_threads) {
    elmo4j::close_library(library);
    return 0;
  }
  // The caller runs several threads itself.
  found.set_threads(1);
  const OpenBlas* none = nullptr;
  const OpenBlas* opened = new OpenBlas(found);
  if (!openblas.compare_exchange_strong(none, opened)) {
    delete opened;
  }
  return 1;
}

void elmo4j_sgemm(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c) {
  constexpr int kRowMajor = 101;
  constexpr int kNoTranspose = 111;
  const int rows = static_cast<int>(m);
  const int columns = static_cast<int>(n);
  const int depth = static_cast<int>(k);
  openblas.load()->sgemm(kRowMajor, kNoTranspose, kNoTranspose, rows, columns, depth, 1.0f, a,
                         depth, b, columns, 0.0f, c, columns);
}

int64_t elmo4j_read(const void* memory, int64_t bytes) {
  // Four independent sums. The compiler chooses the width of the vector instructions.
  typedef uint64_t Line __attribute__((vector_size(64)));
  const Line* line = static_cast<const Line*>(memory);
  Line a = {}, b = {}, c = {}, d = {};
  const int64_t lines = bytes / 64;
  int64_t i = 0;
  for (; i + 4 <= lines; i += 4) {
    a += line[i];
    b += line[i + 1];
    c += line[i + 2];
    d += line[i + 3];
  }
  for (; i < lines; i++) {
    a += line[i];
  }
  a += b + c + d;
  uint64_t sum = 0;
  for (int j = 0; j < 8; j++) {
    sum += a[j];
  }
  return static_cast<int64_t>(sum);
}
