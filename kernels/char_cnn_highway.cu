// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Token representations in one launch: character convolution, highway layers, projection
// (elmo4j_cuda_char_cnn_highway; twins native/cpu/char_cnn.cpp and highway.cpp).
//
// One cooperative, persistent kernel computes a chunk of words in phases with grid barriers between
// them: convolution, each highway layer, projection. Each phase is spread over the whole device, so
// that 20 words take little time and 20,000 keep the tensor cores busy.
//
// Work for a word of the published model, F = 2048 features, P = 512:
//   convolution   sums of table rows (262 ids x width x filters, 6.4 MB as halves, in L2). A word
//                 of n characters has n windows that touch it and one for its PAD tail, which are
//                 all equal. For n = 8 that is 9 x 12,320 adds and 222 KB from L2.
//   highway       2 layers of F x 2F: 33.6 MFLOP.   Projection F x P: 2.1 MFLOP.
// For many words the limit is L2: a 128 x 128 tile of halves reads a byte for every 64 FLOP, 0.56
// MB per word, about 100 ns at 5.5 TB/s, plus 40 ns for the convolution. The tensor cores are the
// next limit: 36 MFLOP per word, 45 ns at 790 TFLOP/s. With many words, products use wgmma on
// sm_90a and mma.sync elsewhere. mma.sync can reach 62% of the tensor cores' rate, 73 ns per word,
// so L2 is the limit in both cases. For few words the limit is reading 35 MB of weights from device
// memory, 8 us at 4.3 TB/s, and four grid barriers. These figures are calculated, not measured.
//
// One block does not compute all phases of a word with the features in shared memory, for two
// reasons. A block would hold 16 to 24 words (8 KB per word, read and written) and stream all 35 MB
// of weights for them. That is 1.5 to 2 MB per word, four times what L2 delivers in the time of the
// tensor cores. And with few words, only one multiprocessor for each group of 16 words would work.
// Here the features of a chunk of kChunk words pass through the workspace (4 KB per word each way,
// 16.8 MB) and stay in L2. The convolution's sums at each position stay in registers, where their
// maximum is computed.
//
// Only the product uses shared memory (product.cuh): Wide 96 KB, which fits devices with 100 KB,
// and 64 KB on Turing; 128 KB with wgmma; Narrow 48 KB; floats 45 KB. Registers limit a
// multiprocessor to one block of Wide or of floats, or three of Narrow. The rest of the memory
// serves as L1 cache for the rows of the tables.
//
// Memory order: blocks read the results of a phase of other blocks after a grid barrier, which
// releases and acquires them. These reads bypass L1 (cp.async.cg and load_row). Nothing writes
// tables, biases and weights while the kernel runs.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "common.cuh"
#include "elmo4j/kernels.h"
#include "product.cuh"

namespace elmo4j {
namespace {

constexpr int kChunk = 2048;           // the number of words in a chunk
constexpr int64_t kHeaderBytes = 256;  // of the workspace, for the grid barrier's counter

// Wide is for many words. Narrow is for at most kNarrowWords, whose columns must be spread over
// more blocks. The third is for floats.
using Wide = Product<__half, 128, 128, 64, 2, 4, 3>;
using WideByWgmma = Product<__half, 128, 128, 64, 8, 1, 4, true>;
using Narrow = Product<__half, 32, 64, 64, 1, 4, 4>;
using Exact = Product<float, 64, 128, 16, 2, 4, 3>;
constexpr int64_t kNarrowWords = 64;

struct Filters {
  int64_t table;  // where the group's table begins
  int width;
  int count;
  int column;  // of the group's first feature
};

template <typename T>
struct Model {
  int slots;
  int pad;
  int groups;
  int64_t table_ids;
  Filters filters[ELMO4J_CUDA_MAX_FILTER_GROUPS];
  const T* table;
  const float* bias;
  int features;
  bool tanh;
  bool vectors;  // tables can be read, and features written, 16 bytes at a time
  int highways;
  const T* highway_kernel[ELMO4J_CUDA_MAX_HIGHWAYS];
  const float* highway_bias[ELMO4J_CUDA_MAX_HIGHWAYS];
  int word_dim;
  const T* word_table;
  int projection;
  const T* projection_kernel;
  const float* projection_bias;
};

// The destination of a phase's rows.
template <typename T>
struct Target {
  T* rows;
  int64_t stride;

  __device__ T* row(int i) const { return rows + i * stride; }
};

// Computes kVector features of a word from `column` on: the convolution at every position, its
// maximum, bias and activation. `used` is the number of slots before the PAD tail.
template <int kVector, typename T>
__device__ void convolve(const Model<T>& model, const int16_t* word, int used, int column,
                         T* features) {
  using Bits = BitsOf<kVector * sizeof(T)>;
  constexpr int kTaps = 8;  // table rows that are loaded at once
  int group = 0;
  while (column >= model.filters[group].column + model.filters[group].count) {
    group++;
  }
  const Filters& filters = model.filters[group];
  const T* table = model.table + filters.table + (column - filters.column);
  const int windows = min(model.slots - filters.width, used) + 1;
  float best[kVector];
#pragma unroll
  for (int n = 0; n < kVector; n++) {
    best[n] = -INFINITY;
  }
  for (int p = 0; p < windows; p++) {
    float sum[kVector] = {};
    for (int first = 0; first < filters.width; first += kTaps) {
      Bits rows[kTaps];
#pragma unroll
      for (int i = 0; i < kTaps; i++) {
        const int tap = first + i;
        if (tap < filters.width) {
          const int64_t row = tap * model.table_ids + word[p + tap];
          rows[i] = __ldg(reinterpret_cast<const Bits*>(table + row * filters.count));
        }
      }
#pragma unroll
      for (int i = 0; i < kTaps; i++) {
        if (first + i < filters.width) {
          T numbers[kVector];
          memcpy(numbers, &rows[i], sizeof numbers);
#pragma unroll
          for (int n = 0; n < kVector; n++) {
            sum[n] += to_float(numbers[n]);
          }
        }
      }
    }
#pragma unroll
    for (int n = 0; n < kVector; n++) {
      best[n] = fmaxf(best[n], sum[n]);
    }
  }
#pragma unroll
  for (int n = 0; n < kVector; n++) {
    const float x = best[n] + model.bias[column + n];
    best[n] = model.tanh ? tanh_of(x) : fmaxf(x, 0.0f);
  }
  store_row(features + column, best, kVector);
}

// A warp takes one word and 32 x kVector features at a time. A block takes neighbouring words of
// the same features before further features, since these words read the same table rows.
template <int kVector, typename T>
__device__ void char_cnn(const Model<T>& model, const int16_t* ids, int words,
                         const Target<T>& target) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int slices = (model.features + kWarp * kVector - 1) / (kWarp * kVector);
  const int64_t items = int64_t{slices} * words;
  const int64_t end = items * (blockIdx.x + 1) / gridDim.x;
  for (int64_t item = items * blockIdx.x / gridDim.x + threadIdx.x / kWarp; item < end;
       item += blockDim.x / kWarp) {
    const int i = static_cast<int>(item % words);
    const int16_t* word = ids + int64_t{i} * model.slots;
    int used = 0;  // slots before the PAD tail
    for (int first = 0; first < model.slots; first += kWarp) {
      const int slot = first + lane;
      const unsigned real = __ballot_sync(kAllLanes, slot < model.slots && word[slot] != model.pad);
      used = real ? first + kWarp - __clz(static_cast<int>(real)) : used;
    }
    const int column = (static_cast<int>(item / words) * kWarp + lane) * kVector;
    if (column < model.features) {
      convolve<kVector>(model, word, used, column, target.row(i));
    }
  }
}

// Calls body(first_row, first_column) for the block's tiles of a product with `columns` packed
// columns.
template <class Tile, class Body>
__device__ void for_tiles(int rows, int columns, const Body& body) {
  const int down = (rows + Tile::kRows - 1) / Tile::kRows;
  const int across = (columns + Tile::kColumns - 1) / Tile::kColumns;
  for (int tile = static_cast<int>(blockIdx.x); tile < down * across;
       tile += static_cast<int>(gridDim.x)) {
    body(tile % down * Tile::kRows, tile / down * Tile::kColumns);
  }
}

template <class Tile, typename T>
__device__ void highway(const Model<T>& model, int layer, int words, const T* x, int64_t stride,
                        const Target<T>& target) {
  const int features = model.features;
  const int columns = static_cast<int>(round_up(features, kPackedMultiple)) * 2;
  const float* bias = model.highway_bias[layer];
  const Operand<T> operands[] = {
      {x, nullptr, stride, features, model.highway_kernel[layer], 0, features}};
  for_tiles<Tile>(words, columns, [&](int first_row, int first_column) {
    Tile::tile(operands, words, columns, first_row, first_column, shared_memory(),
               [&](int row, int column, const float(&sums)[Tile::kCount]) {
                 constexpr int kCount = Tile::kCount / 2;  // each has a carry and a transform
                 const int first = column / 2;
                 const int there = features - first;
                 float y[kCount];
                 load_row(y, x + row * stride + first, there);
#pragma unroll
                 for (int i = 0; i < kCount; i++) {
                   if (i < there) {
                     const float carry = sigmoid(sums[2 * i] + bias[first + i]);
                     const float transform =
                         fmaxf(sums[2 * i + 1] + bias[features + first + i], 0.0f);
                     y[i] = carry * transform + (1.0f - carry) * y[i];
                   }
                 }
                 store_row(target.row(row) + first, y, there);
               });
  });
}

template <class Tile, typename T>
__device__ void project(const Model<T>& model, int words, const T* x, int64_t stride,
                        const Target<T>& target) {
  const int columns = static_cast<int>(round_up(model.projection, kPackedMultiple));
  const int depth = model.word_dim + model.features;
  const Operand<T> operands[] = {{x, nullptr, stride, depth, model.projection_kernel, 0, depth}};
  for_tiles<Tile>(words, columns, [&](int first_row, int first_column) {
    Tile::tile(operands, words, columns, first_row, first_column, shared_memory(),
               [&](int row, int column, const float(&sums)[Tile::kCount]) {
                 constexpr int kVector = Tile::kCount < 8 ? Tile::kCount : 16 / sizeof(T);
#pragma unroll
                 for (int first = 0; first < Tile::kCount; first += kVector) {
                   const int there = model.projection - column - first;
                   float y[kVector];
#pragma unroll
                   for (int i = 0; i < kVector; i++) {
                     y[i] = i < there ? sums[first + i] + model.projection_bias[column + first + i]
                                      : 0.0f;
                   }
                   store_row(target.row(row) + column + first, y, there);
                 }
               });
  });
}

// Writes the embeddings of the words before their features.
template <typename T>
__device__ void copy_words(const Model<T>& model, const int32_t* word_ids, int words,
                           const Target<T>& target) {
  const int64_t count = int64_t{words} * model.word_dim;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += int64_t{gridDim.x} * blockDim.x) {
    const int word = static_cast<int>(i / model.word_dim);
    const int64_t k = i % model.word_dim;
    target.row(word)[k] = model.word_table[int64_t{word_ids[word]} * model.word_dim + k];
  }
}

//   even, odd   the workspace's two buffers, min(words, kChunk) rows of `stride` numbers
//   arrived     the grid barrier's counter, zero
template <class Tile, typename T>
__global__ void __launch_bounds__(Tile::kThreads, (Tile::kThreads == 256 ? 1 : 3))
    char_cnn_highway(const __grid_constant__ Model<T> model, int64_t words, const int16_t* ids,
                     const int32_t* word_ids, T* rows, T* even, T* odd, int64_t stride,
                     unsigned* arrived) {
  if constexpr (Tile::kCompiled) {
    const bool projected = model.projection_kernel != nullptr;
    unsigned barriers = 0;
    for (int64_t first = 0; first < words; first += kChunk) {
      const int count = static_cast<int>(min(words - first, int64_t{kChunk}));
      const Target<T> last = {rows + first * model.projection, model.projection};
      if (first > 0) {
        grid_barrier(arrived, gridDim.x, ++barriers);  // the buffers have been read
      }
      const T* x = nullptr;
      for (int layer = 0; layer <= model.highways; layer++) {  // the convolution is layer 0
        Target<T> target = last;
        if (projected || layer < model.highways) {
          target = {layer % 2 ? odd : even, stride};
        }
        if (projected && layer == model.highways && model.word_dim > 0) {
          copy_words(model, word_ids + first, count, target);
          target.rows += model.word_dim;
        }
        if (layer == 0) {
          const int16_t* chunk = ids + first * model.slots;
          if (model.vectors) {
            char_cnn<16 / sizeof(T)>(model, chunk, count, target);
          } else {
            char_cnn<1>(model, chunk, count, target);
          }
        } else {
          highway<Tile>(model, layer - 1, count, x, stride, target);
        }
        x = target.rows;
        if (projected || layer < model.highways) {
          grid_barrier(arrived, gridDim.x, ++barriers);
        }
      }
      if (projected) {
        project<Tile>(model, count, x - model.word_dim, stride, last);
      }
    }
  } else {
    __trap();
  }
}

template <class Tile, typename T>
int run(const Model<T>& model, const Machine& machine, int64_t words, const int16_t* ids,
        const int32_t* word_ids, T* rows, T* even, int64_t stride, unsigned* arrived,
        cudaStream_t stream) {
  int blocks = 0;
  const auto kernel = char_cnn_highway<Tile, T>;
  const size_t shared_bytes = static_cast<size_t>(Tile::shared_bytes(machine.capability));
  const int status = resident_blocks(kernel, Tile::kThreads, shared_bytes, &blocks);
  if (status != cudaSuccess) {
    return status;
  }
  // Only as many blocks as have work, since barriers are then faster.
  const int64_t count = std::min<int64_t>(words, kChunk);
  const int64_t columns = std::max(model.highways > 0 ? 2 * model.features : 0, model.projection);
  const int64_t tiles =
      (count + Tile::kRows - 1) / Tile::kRows * ((columns + Tile::kColumns - 1) / Tile::kColumns);
  const int64_t warps = count * ((model.features + 255) / 256);
  const int64_t useful = std::max(tiles, (warps * kWarp + Tile::kThreads - 1) / Tile::kThreads);
  const unsigned grid = static_cast<unsigned>(std::min<int64_t>(blocks, useful));
  return launch_cooperative(kernel, grid, Tile::kThreads, shared_bytes, stream, model, words, ids,
                            word_ids, rows, even, even + count * stride, stride, arrived);
}

// Converts the encoder to the kernel's parameter.
template <typename T>
Model<T> model_of(const elmo4j_token_encoder& encoder) {
  constexpr int kVector = 16 / sizeof(T);
  const elmo4j_char_cnn& cnn = encoder.cnn;
  Model<T> model = {};
  model.slots = cnn.slots;
  model.pad = cnn.pad;
  model.groups = static_cast<int>(cnn.groups);
  model.table_ids = cnn.table_ids;
  model.table = static_cast<const T*>(cnn.table);
  model.bias = cnn.bias;
  model.vectors = reinterpret_cast<uintptr_t>(cnn.table) % 16 == 0;
  int64_t begin = 0;
  for (int g = 0; g < model.groups; g++) {
    Filters& filters = model.filters[g];  // whose padding stays zero
    filters.table = begin;
    filters.width = cnn.widths[g];
    filters.count = cnn.filters[g];
    filters.column = model.features;
    model.features += cnn.filters[g];
    model.vectors = model.vectors && cnn.filters[g] % kVector == 0;
    begin += cnn.widths[g] * cnn.table_ids * cnn.filters[g];
  }
  model.tanh = cnn.activation == ELMO4J_TANH;
  model.highways = static_cast<int>(encoder.highway_count);
  for (int k = 0; k < model.highways; k++) {
    model.highway_kernel[k] = static_cast<const T*>(encoder.highways[k].weights);
    model.highway_bias[k] = encoder.highways[k].bias;
  }
  model.word_dim = static_cast<int>(encoder.word_dim);
  model.word_table = static_cast<const T*>(encoder.word_table);
  model.projection_kernel = static_cast<const T*>(encoder.projection.weights);
  model.projection_bias = encoder.projection.bias;
  model.projection =
      model.projection_kernel ? static_cast<int>(encoder.projection.columns) : model.features;
  return model;
}

int64_t stride_of(int64_t features, int64_t word_dim) {
  return round_up(word_dim + features, kPackedMultiple);
}

}  // namespace
}  // namespace elmo4j

int64_t elmo4j_cuda_char_cnn_highway_workspace(const elmo4j_token_encoder* encoder, int64_t words) {
  using namespace elmo4j;
  int64_t features = 0;
  for (int64_t g = 0; g < encoder->cnn.groups; g++) {
    features += encoder->cnn.filters[g];
  }
  const int64_t size = encoder->cnn.type == ELMO4J_F16 ? sizeof(__half) : sizeof(float);
  return kHeaderBytes + (encoder->highway_count > 0 ? 2 : 1) * std::min<int64_t>(words, kChunk) *
                            stride_of(features, encoder->word_dim) * size;
}

int elmo4j_cuda_char_cnn_highway(const elmo4j_token_encoder* encoder, int64_t words,
                                 const int16_t* ids, const int32_t* word_ids, void* rows,
                                 void* workspace, elmo4j_stream stream) {
  using namespace elmo4j;
  if (encoder->cnn.groups > ELMO4J_CUDA_MAX_FILTER_GROUPS ||
      encoder->highway_count > ELMO4J_CUDA_MAX_HIGHWAYS) {
    return cudaErrorInvalidValue;
  }
  if (words == 0) {
    return cudaSuccess;
  }
  Machine machine = {};
  int error = find_machine(encoder->cnn.isa, &machine);
  if (error == cudaSuccess) {
    error = cudaMemsetAsync(workspace, 0, kHeaderBytes, stream);
  }
  if (error != cudaSuccess) {
    return error;
  }
  return for_type(encoder->cnn.type, [&](auto zero) {
    using T = decltype(zero);
    const Model<T> model = model_of<T>(*encoder);
    T* buffers = reinterpret_cast<T*>(static_cast<char*>(workspace) + kHeaderBytes);
    T* target = static_cast<T*>(rows);
    unsigned* arrived = static_cast<unsigned*>(workspace);
    const int64_t stride = stride_of(model.features, model.word_dim);
    if constexpr (sizeof(T) == sizeof(float)) {
      return run<Exact>(model, machine, words, ids, word_ids, target, buffers, stride, arrived,
                        stream);
    } else if (words <= kNarrowWords) {
      return run<Narrow>(model, machine, words, ids, word_ids, target, buffers, stride, arrived,
                         stream);
    } else if (machine.wgmma) {
      return run<WideByWgmma>(model, machine, words, ids, word_ids, target, buffers, stride,
                              arrived, stream);
    } else {
      return run<Wide>(model, machine, words, ids, word_ids, target, buffers, stride, arrived,
                       stream);
    }
  });
}
