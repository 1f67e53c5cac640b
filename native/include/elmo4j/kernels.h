// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The C interface between Java and the native code. It uses plain pointers and sizes, and keeps no
// state. The functions do not check their arguments; callers must. Unless stated otherwise, all
// matrices are row-major 32-bit floats in host memory, no two arguments may overlap, and the caller
// owns all memory. Functions are reentrant: any number of threads may call them as long as no two
// write the same memory. Each function runs on the calling thread.
//
// Structs describe weights, batches and sums, for the CPU and for CUDA. Their field `isa` chooses
// the instructions: on the CPU it is a value for which elmo4j_cpu_has_isa returns nonzero, on CUDA
// a value of elmo4j_products.
//
// The file has more than 500 lines because JavaCPP reads it as a whole, and its CPU and CUDA parts
// share their structs.

#ifndef ELMO4J_KERNELS_H_
#define ELMO4J_KERNELS_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Instruction sets. Each architecture has its own numbers, the weakest set first.
// elmo4j_cpu_isa_name returns the name of a number in this build.
enum elmo4j_isa {
  ELMO4J_PORTABLE = 0,  // any processor of the architecture
  // x86-64
  ELMO4J_AVX2 = 1,        // AVX2 and FMA
  ELMO4J_AVXVNNI = 2,     // AVX2 and AVX-VNNI: sums of four 8-bit products
  ELMO4J_AVX512 = 3,      // AVX2, FMA and AVX-512 F, BW, DQ, VL
  ELMO4J_AVX512VNNI = 4,  // AVX512 and AVX512-VNNI: sums of four 8-bit products
  ELMO4J_AVX512BF16 = 5,  // AVX512VNNI and AVX512-BF16: sums of two bfloat16 products
  ELMO4J_AMX = 6,         // AVX512BF16, AMX-BF16 and AMX-INT8: products in tiles; only on Linux
  // arm64
  ELMO4J_NEON = 1,
  ELMO4J_NEONBF16 = 2  // NEON and Armv8.6's sums of two bfloat16 products
};

// The number format of packed weights.
enum elmo4j_type {
  // 32-bit floats.
  ELMO4J_F32 = 0,
  // bfloat16: half the memory, only on the CPU. Products are accumulated in 32-bit floats. On
  // processors that multiply bfloat16 numbers directly (avx512bf16, amx, neonbf16), the left-hand
  // side is rounded to bfloat16 too.
  ELMO4J_BF16 = 1,
  // IEEE half precision, only on CUDA. Products are accumulated in 32-bit floats.
  ELMO4J_F16 = 2,
  // 8-bit integers with a scale for each column: a quarter of the memory, only on the CPU. Each row
  // of the left-hand side is quantised too, symmetrically and with its own scale. Sums of integers
  // are exact, and all other operations are rounded in the same way everywhere, so the results have
  // the same bits on all instruction sets.
  ELMO4J_INT8 = 3
};

enum elmo4j_activation { ELMO4J_RELU = 0, ELMO4J_TANH = 1 };

// ---------------------------------------------------------------------------------------------
// Structs. The caller describes a model's weights once, when they are loaded, and each batch once.
// Kernels take the descriptions by pointer. The caller owns the memory that their fields point to.
// For CUDA, the structs themselves and arrays of structs are in host memory and are read before the
// call returns; other pointers are to memory of the device unless the comment says "host".

// The weights of a matrix product [depth, groups * columns] and its bias, packed.
typedef struct elmo4j_matrix {
  int32_t isa;     // elmo4j_isa: the instruction set that the weights are packed for and used with;
                   // CUDA: elmo4j_products
  int32_t type;    // elmo4j_type of `weights`; the bias is always 32-bit floats
  int32_t groups;  // 1, 2 or 4
  int64_t depth;
  int64_t columns;  // of one group
  void* weights;    // elmo4j_cpu_packed_size or elmo4j_cuda_packed_size bytes
  float* bias;      // elmo4j_cpu_packed_bias_size bytes; CUDA: [groups, columns]; NULL if none
} elmo4j_matrix;

// A character convolution.
typedef struct elmo4j_char_cnn {
  int32_t isa;             // elmo4j_isa; CUDA: elmo4j_products
  int32_t type;            // elmo4j_type of `table`; on the CPU ELMO4J_F32
  int32_t activation;      // elmo4j_activation
  int32_t slots;           // number of character ids of a word
  int32_t pad;             // the id that fills the unused slots at a word's end
  int64_t groups;          // number of filter widths
  const int32_t* widths;   // host [groups]: 1 <= width <= slots
  const int32_t* filters;  // host [groups]: number of filters of each width
  int64_t table_ids;       // number of rows of a table for each tap
  const void* table;       // the tables of the groups in order, each [width, table_ids, filters]
  const float* bias;       // [sum of filters]
} elmo4j_char_cnn;

// The LSTM weights of one layer and direction; P = x.depth, cells = x.columns.
typedef struct elmo4j_lstm {
  elmo4j_matrix x;          // [P, 4 * cells], groups i, j, f, o, with bias: multiplied with x_t
  elmo4j_matrix h;          // the same shape and groups, without bias: multiplied with h
  elmo4j_matrix projector;  // [cells, P], one group, without bias
  float cell_clip;          // 0 for none
  float projection_clip;    // 0 for none
  int32_t skip;             // nonzero: the layer adds its input to its output
  int32_t backward;         // nonzero: each sentence is read from its end to its beginning
} elmo4j_lstm;

// A batch of sentences, the longest first; each length is 1 or more. Sentence r has the positions
// start[r] ... start[r] + length[r] - 1 in reading order.
typedef struct elmo4j_batch {
  int64_t sentences;
  const int32_t* start;   // [sentences]
  const int32_t* length;  // [sentences]
  const int32_t* row;     // [sentences]: each sentence's index in an output's first dimension
} elmo4j_batch;

// One layer of a sum.
typedef struct elmo4j_term {
  const void* forward;   // [positions, dim], or indexed by rows
  const void* backward;  // the same; not read if the sum has one half
  const int32_t* rows;   // [positions]: layer row of each position; NULL: position p has row p
  float scale;
} elmo4j_term;

// A weighted sum of layers, from which an output is computed.
typedef struct elmo4j_sum {
  int32_t isa;         // elmo4j_isa; not read on CUDA
  int32_t type;        // elmo4j_type of the layers; on the CPU ELMO4J_F32
  int32_t halves;      // 2, or 1 for the forward halves alone
  int32_t skip_ends;   // nonzero: leave out each sentence's first and last position
  int32_t mean;        // nonzero: write the mean of a sentence's rows; zeros if it has no rows
  int64_t dim;         // numbers in one half of a row
  int64_t max_length;  // rows of each sentence in the target; not used for means
  int64_t term_count;
  const elmo4j_term* terms;  // [term_count]
} elmo4j_sum;

#ifndef ELMO4J_WITHOUT_CPU  // JavaCPP maps the two halves to a class each

// Returns the best instruction set of this processor and operating system. On a processor with AMX,
// the first call requests the permission to use AMX from Linux.
int elmo4j_cpu_best_isa(void);

// Returns nonzero if this processor and operating system support an instruction set, and 0 if not
// or if elmo4j_cpu_isa_name returns NULL for the number.
int elmo4j_cpu_has_isa(int isa);

// Returns the name of an instruction set that this build has kernels for, such as "avx2", or NULL
// for any other number. The string is static.
const char* elmo4j_cpu_isa_name(int isa);

// Allocates memory on a 64-byte boundary, in huge pages if it is large and the system offers them.
// The memory is not cleared. Returns NULL if there is not enough memory. The caller frees it with
// elmo4j_free.
void* elmo4j_alloc(int64_t bytes);
void elmo4j_free(void* memory);

// Maps a new temporary file in `folder` as memory, which may therefore be larger than the free
// memory. `bytes` is 1 or more. The space on the disk is reserved at once; it is released when the
// memory is freed or the process ends. Returns NULL on failure. The caller frees the memory with
// elmo4j_unmap and the same number of bytes.
void* elmo4j_map(const char* folder, int64_t bytes);

// Maps the first `bytes` bytes of a file, 1 or more, read-only. Returns NULL if the file cannot be
// opened or mapped, or is shorter. elmo4j_unmap frees the memory. If another program shortens the
// file, reading past its new end ends the process.
void* elmo4j_map_file(const char* path, int64_t bytes);

void elmo4j_unmap(void* memory, int64_t bytes);

// ---------------------------------------------------------------------------------------------
// Packed weights are stored in panels, in the order in which the kernels read them. For each of
// `depth` rows, a panel holds the same few columns of every group side by side (LSTM: the four
// gates of some cells; highway: carry and transform of some features), so that numbers that are
// computed together are stored together. Columns are padded with zeros to whole panels.

// Return the size of the packed weights and of the packed bias in bytes. The pointers in the struct
// are not read.
int64_t elmo4j_cpu_packed_size(const elmo4j_matrix* matrix);
int64_t elmo4j_cpu_packed_bias_size(const elmo4j_matrix* matrix);

// Packs the weights of one group into matrix->weights. The other groups are not changed.
//   weights   [depth, columns], rows `stride` floats apart
//   group     from 0
void elmo4j_cpu_pack(const elmo4j_matrix* matrix, const float* weights, int64_t stride, int group);

// Packs the bias of one group, [columns], into matrix->bias.
void elmo4j_cpu_pack_bias(const elmo4j_matrix* matrix, const float* bias, int group);

// ---------------------------------------------------------------------------------------------
// Token representation (Kim et al. 2016; Peters et al. 2018, section 3.4).

// Computes the table of one filter width: table[tap][id][f] = sum_e embedding[id][e] *
// kernel[tap][e][f]. With it, a convolution over embedded characters is a sum of table rows: one
// addition replaces `embedding_dim` multiply-adds.
//   embedding [ids, embedding_dim]   kernel [width, embedding_dim, filters]
//   table     [width, ids, filters]
void elmo4j_cpu_char_cnn_table(const float* embedding, int64_t ids, int64_t embedding_dim,
                               const float* kernel, int64_t width, int64_t filters, float* table);

// Computes the character convolutions of all widths, their maximum over the positions, the bias and
// the activation.
//   ids       [words, slots], each 0 <= id < table_ids
//   features  [words, sum of filters]
// Windows of only padding ids are equal, so only the first of them is computed.
void elmo4j_cpu_char_cnn(const elmo4j_char_cnn* cnn, int64_t words, const int16_t* ids,
                         float* features);

// Returns the number of floats of `scratch` that elmo4j_cpu_highway and elmo4j_cpu_projection need.
int64_t elmo4j_cpu_product_scratch(const elmo4j_matrix* matrix, int64_t rows);

// Highway layer (Srivastava et al. 2015): y = g * relu(x W_t + b_t) + (1 - g) * x,
// g = sigmoid(x W_c + b_c).
//   matrix    [dim, 2 * dim]: groups carry, transform
//   x, y      [rows, dim]
void elmo4j_cpu_highway(const elmo4j_matrix* matrix, int64_t rows, const float* x, float* y,
                        float* scratch);

// y = x W + b.
//   matrix    [depth, columns], one group
//   x, y      [rows, depth], [rows, columns]
void elmo4j_cpu_projection(const elmo4j_matrix* matrix, int64_t rows, const float* x, float* y,
                           float* scratch);

// ---------------------------------------------------------------------------------------------
// One layer and direction of the biLM: an LSTM with projection (Sak et al. 2014) and the clips of
// Peters et al. 2018. With x_t the input and [h; c] the state,
//   i, j, f, o = [x_t; h] W + b
//   c = clip(sigmoid(f + 1) * c + sigmoid(i) * tanh(j), cell_clip)
//   h = clip((sigmoid(o) * tanh(c)) W_P, projection_clip)
//   output = h, or h + x_t with `skip`.
// A sentence's results have the same bits in any batch. They have the same bits on all instruction
// sets with fused multiply-adds, which are all except ELMO4J_PORTABLE of x86-64.

// Returns the number of floats of `scratch` that elmo4j_cpu_lstm and elmo4j_cpu_lstm_steps need.
int64_t elmo4j_cpu_lstm_scratch(const elmo4j_lstm* lstm, int64_t sentences);

// Computes all steps of a batch. Step t computes only the sentences longer than t, so no padding is
// computed.
//   batch        `row` is not read
//   input        rows of P floats; row input_rows[p] belongs to position p, or row p if input_rows
//                is NULL
//   h, c         [sentences, P], [sentences, cells]: on entry the state before the first step, on
//                return the state after each sentence's last step
//   output       [positions, P]
void elmo4j_cpu_lstm(const elmo4j_lstm* lstm, const elmo4j_batch* batch, const float* input,
                     const int32_t* input_rows, float* h, float* c, float* output, float* scratch);

// Computes a few steps of sentences, each of which may be at a different step.
//   steps    number of steps of every sentence, 1 or more
//   input    [steps, sentences]: pointers to the rows of P floats that are read; the rows may lie
//            anywhere in memory
//   output   [steps, sentences]: pointers to the rows of P floats that are written, not read
//   sharing  NULL, or a work sharing whose owner is the calling thread
void elmo4j_cpu_lstm_steps(const elmo4j_lstm* lstm, int64_t sentences, int64_t steps,
                           const float* const* input, float* h, float* c, float* const* output,
                           float* scratch, void* sharing);

// Work sharing: idle threads compute parts of the matrix products of another thread, the owner.
// Results have the same bits with and without helpers. In the following functions, `sharing` points
// to elmo4j_cpu_sharing_size bytes on a 64-byte boundary.
int64_t elmo4j_cpu_sharing_size(void);

// Starts sharing, without helpers. Helpers of an earlier start must have returned.
void elmo4j_cpu_sharing_begin(void* sharing);

// Helps the owner until it calls elmo4j_cpu_sharing_end; returns at once if it already has. Any
// number of threads except the owner may call it. The memory that the owner computes with must stay
// allocated until all calls have returned.
void elmo4j_cpu_sharing_help(void* sharing);

// Ends sharing: helpers return.
void elmo4j_cpu_sharing_end(void* sharing);

// ---------------------------------------------------------------------------------------------
// Outputs: sums of layers (Peters et al. 2018, equation 1), from positions to padded rows.
// For each sentence r, row t: target = sum_k scale[k] * [forward_k; backward_k], k in order.

//   target       [., max_length, halves * dim], rows past a sentence's end are set to zero; or
//                [., halves * dim] for a mean
// Returns 1 if all numbers written are finite, else 0.
int elmo4j_cpu_scalar_mix(const elmo4j_sum* sum, const elmo4j_batch* batch, float* target);

// ---------------------------------------------------------------------------------------------
// Training: gradients of the sums of layers, a linear classifier, and an optimizer.

// Computes the gradient with respect to the scales of elmo4j_cpu_scalar_mix.
//   sum             the sum of the forward pass; its scales are not read
//   gradient        with respect to the target, in the target's layout; rows past a sentence's end
//                   are not read
//   scale_gradient  [term_count]: the sum over rows of <gradient, layer_k> is added to it
void elmo4j_cpu_scalar_mix_backward(const elmo4j_sum* sum, const elmo4j_batch* batch,
                                    const float* gradient, double* scale_gradient);

// Adds the gradient with respect to one layer of elmo4j_cpu_scalar_mix. The gradient of a row may
// also depend on the row itself, which layer normalization needs:
//   to_forward[row] += scale * gradient_row + slope * forward[row] + offset, likewise backward
//   sum                      has one term, the layer; its `forward` and `backward` are not read if
//                            slope is 0; its `rows` apply to the layer and to its gradient, and may
//                            contain a row several times
//   gradient                 NULL for zeros
//   to_forward, to_backward  laid out like forward, backward; may be the same
void elmo4j_cpu_scalar_mix_backward_layer(const elmo4j_sum* sum, const elmo4j_batch* batch,
                                          float slope, float offset, const float* gradient,
                                          float* to_forward, float* to_backward);

// Computes the mean and the variance of all numbers in a layer's rows, for the optional layer
// normalization of bilm-tf and AllenNLP.
//   sum        has one term, the layer; scale, skip_ends, mean and max_length are not read
//   positions  number of rows, 1 or more
//   moments    [2]: mean, variance
void elmo4j_cpu_layer_moments(const elmo4j_sum* sum, int64_t positions, double* moments);

// The head of a classifier. These functions use the best instruction set of this processor.

// Computes y = x W + b, or max(0, x W + b) if `relu` is nonzero.
//   x [rows, depth]   weights [depth, columns]   bias [columns]   y [rows, columns]
void elmo4j_cpu_linear(int64_t rows, int64_t depth, int64_t columns, const float* x,
                       const float* weights, const float* bias, int relu, float* y);

// Computes the gradients of elmo4j_cpu_linear. With a ReLU, overwrites `gradient` with the gradient
// with respect to the ReLU's input.
//   y                 the result of elmo4j_cpu_linear if it applied the ReLU, else NULL
//   gradient          [rows, columns], with respect to y
//   weight_gradient   [depth, columns], bias_gradient [columns]: overwritten
//   x_gradient        [rows, depth], overwritten; NULL if it is not needed
void elmo4j_cpu_linear_backward(int64_t rows, int64_t depth, int64_t columns, const float* x,
                                const float* weights, const float* y, float* gradient,
                                float* weight_gradient, float* bias_gradient, float* x_gradient);

// Computes softmax and cross-entropy. Overwrites logits [rows, classes] with the gradient of the
// mean loss with respect to them, and returns the sum of the losses -log p(label). labels [rows]
// are counted from 0.
double elmo4j_cpu_softmax_loss(int64_t rows, int64_t classes, float* logits, const int32_t* labels);

// Dropout (Srivastava et al. 2014), 0 <= rate < 1: each value is set to zero with probability
// `rate`, else divided by 1 - rate. The choice depends only on the seed and the value's index, so
// the backward pass is the same call on the gradient.
void elmo4j_cpu_dropout(int64_t count, float* values, float rate, uint64_t seed);

// One step of Adam (Kingma & Ba 2015, algorithm 1), betas 0.9 and 0.999, epsilon 1e-8.
//   step                    from 1
//   values, gradient        [count]
//   mean, variance          [count], zero before the first step
void elmo4j_cpu_adam(int64_t count, int64_t step, float rate, const float* gradient, float* mean,
                     float* variance, float* values);

// ---------------------------------------------------------------------------------------------
// Measurements of the machine's limits, with which `elmo bench` compares the forward pass.

// Opens the OpenBLAS library at `path` and sets it to use only the calling thread. It stays open.
// Returns 1, or 0 if it cannot be opened. Only elmo4j_sgemm uses OpenBLAS.
int elmo4j_openblas_open(const char* path);

// Computes c [m, n] = a [m, k] b [k, n] with OpenBLAS, which must have been opened.
void elmo4j_sgemm(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c);

// Runs multiply-adds that only access registers, with the instructions that products use for the
// matrix's `isa` and `type`; its other fields are not read. Returns the number of operations.
int64_t elmo4j_cpu_peak(const elmo4j_matrix* matrix, int64_t rounds);

// Reads memory once from beginning to end and returns the sum of its 64-bit words. `bytes` is a
// multiple of 64.
int64_t elmo4j_read(const void* memory, int64_t bytes);

// ---------------------------------------------------------------------------------------------
// The state of NVIDIA's driver.
enum elmo4j_driver {
  ELMO4J_DRIVER_READY = 0,
  ELMO4J_DRIVER_MISSING = 1,  // there is no libcuda.so.1 (on Windows, nvcuda.dll)
  ELMO4J_DRIVER_TOO_OLD = 2,  // *version is lower than CUDA 13 needs
  ELMO4J_DRIVER_FAILED = 3    // the driver returned *error, which is 100 if there is no GPU
};

// Queries NVIDIA's driver and returns its elmo4j_driver state. Loads only the driver's library, no
// CUDA library of elmo4j or of the toolkit.
//   version   host, written: the CUDA version that the driver supports, 13000 for 13.0, or 0
//   error     host, written: a CUresult, 0 if there is no error
int elmo4j_find_driver(int32_t* version, int32_t* error);

#endif  // ELMO4J_WITHOUT_CPU

// ---------------------------------------------------------------------------------------------
// CUDA (kernels/). Every pointer is to memory of the stream's device unless it says "host"; host
// arrays are read before the call returns. A call only launches on `stream`, and returns
// cudaSuccess or the error of the launch as an int. Activations and packed weights are of `type`,
// ELMO4J_F32 or ELMO4J_F16; biases, sums, gates and cell states are 32-bit floats.
//
// Packed order. Sentences are sorted by falling length. Each has a step for each position, or each
// has one step less; n_t of them have a step t. A direction's rows are ordered by step: those of
// step t begin at offset[t]. Sentence r reads row offset[t] + r at step t: position t forward,
// length[r] - 1 - t backward. So a step's rows are contiguous, and no row is padding.

#ifdef ELMO4J_WITH_CUDA

typedef struct CUstream_st* elmo4j_stream;

// The instructions for products of half-precision numbers. The kernels for few words or sentences
// always use mma.sync.
enum elmo4j_products {
  ELMO4J_WGMMA = 0,  // wgmma where device and build have it (compute capability 9.0), else mma.sync
  ELMO4J_MMA = 1,    // mma.sync
  // Variants of ELMO4J_WGMMA in the LSTM, to be timed against it (kernels/DESIGN.md predicts them):
  ELMO4J_WGMMA_GATES = 2,  // the projection is by mma.sync, however many sentences there are
  ELMO4J_WGMMA_EARLY = 3,  // of many sentences, the gates' next tile begins before the epilogue of
                           // the one before it, which takes tanh to 2^-11
  ELMO4J_WGMMA_SPLIT = 4   // of 65 sentences or more, the projection's depth is split among blocks
};

// The CUDA functions that the host side needs (kernels/runtime.cu). Functions that return int
// return cudaSuccess or an error. They use the calling thread's device; streams and memory belong
// to the device on which they were created.

// Writes the number of devices.
int elmo4j_cuda_device_count(int32_t* count);

// Chooses the calling thread's device.
int elmo4j_cuda_set_device(int device);

// Writes the properties of a device.
//   name         host, written: a string in `bytes` bytes
//   properties   host [4]: compute capability's major and minor number, multiprocessors, bytes of
//                memory
int elmo4j_cuda_device(int device, char* name, int64_t bytes, int64_t* properties);

// Returns cudaSuccess if this library has code for the device.
int elmo4j_cuda_has_code(void);

// Writes to *used (host) the elmo4j_products that the current device uses for the larger products
// of half-precision numbers if `products` is requested.
int elmo4j_cuda_products(int products, int32_t* used);

// Writes the bytes of the device's memory that are free for this process, including the unused
// memory of elmo4j's pool, and the total. Host pointers.
int elmo4j_cuda_memory(int64_t* free, int64_t* total);

// Return the CUDA runtime's name and description of an error: "cudaErrorMemoryAllocation" and "out
// of memory".
const char* elmo4j_cuda_error_name(int error);
const char* elmo4j_cuda_error_string(int error);

int elmo4j_cuda_stream_create(elmo4j_stream* stream);
int elmo4j_cuda_stream_destroy(elmo4j_stream stream);
int elmo4j_cuda_stream_synchronize(elmo4j_stream stream);

// Work queued on `stream` after this call waits for all work that is on `other` now.
int elmo4j_cuda_stream_wait(elmo4j_stream stream, elmo4j_stream other);

// Allocates 1 or more bytes from elmo4j's own pool, one for each device, in stream order: work
// queued on the stream later may use the memory, and it may be freed while kernels on the stream
// still run.
int elmo4j_cuda_malloc(void** memory, int64_t bytes, elmo4j_stream stream);
int elmo4j_cuda_free(void* memory, elmo4j_stream stream);

// Allocates pinned host memory, for copies that run concurrently with kernels.
int elmo4j_cuda_malloc_host(void** memory, int64_t bytes);
int elmo4j_cuda_free_host(void* memory);

// Copies in stream order; source and target may each be pinned or device memory.
int elmo4j_cuda_copy(void* target, const void* source, int64_t bytes, elmo4j_stream stream);

// Sets bytes to zero.
int elmo4j_cuda_clear(void* memory, int64_t bytes, elmo4j_stream stream);

// Convert between 32-bit floats and numbers of `type`, all in host memory, rounded to nearest even.
void elmo4j_cuda_from_floats(int type, int64_t count, const float* floats, void* values);
void elmo4j_cuda_to_floats(int type, int64_t count, const void* values, float* floats);

// Packed weights of a product [depth, groups * columns]: row column * groups + group holds that
// column's `depth` weights side by side, as tensor cores read them. Rows are padded with zeros to a
// multiple of 16 weights, columns to a multiple of 16.
// Returns the size of the packed weights in bytes. The pointers in the struct are not read.
int64_t elmo4j_cuda_packed_size(const elmo4j_matrix* matrix);

// Packs one group, host to host: arguments as elmo4j_cpu_pack, but into `packed`. The first group's
// call also writes the zeros of the padding.
void elmo4j_cuda_pack(const elmo4j_matrix* matrix, const float* weights, int64_t stride, int group,
                      void* packed);

#define ELMO4J_CUDA_MAX_FILTER_GROUPS 64
#define ELMO4J_CUDA_MAX_HIGHWAYS 8

// The weights that turn character ids into token representations, all of the type and isa of `cnn`.
typedef struct elmo4j_token_encoder {
  elmo4j_char_cnn cnn;            // at most ELMO4J_CUDA_MAX_FILTER_GROUPS groups
  int64_t highway_count;          // at most ELMO4J_CUDA_MAX_HIGHWAYS
  const elmo4j_matrix* highways;  // [highway_count]: as elmo4j_cpu_highway's
  int64_t word_dim;               // of a word's own embedding, in front of the features; 0 for none
  const void* word_table;         // [., word_dim]
  elmo4j_matrix projection;  // [word_dim + features, columns], 1 group; weights NULL: the features
                             // are the representation, and word_dim is 0
} elmo4j_token_encoder;

// Bytes of workspace for elmo4j_cuda_char_cnn_highway. They do not grow past 2048 words.
int64_t elmo4j_cuda_char_cnn_highway_workspace(const elmo4j_token_encoder* encoder, int64_t words);

// Token representations from character ids: elmo4j_cpu_char_cnn, then elmo4j_cpu_highway for each
// layer, then elmo4j_cpu_projection, fused. Returns cudaErrorInvalidValue if the encoder exceeds
// the limits.
//   ids        as elmo4j_cpu_char_cnn
//   word_ids   [words]: rows of word_table; not read where word_dim is 0
//   rows       [words, columns of the projection] of the encoder's type
//   workspace  on a 16-byte boundary
int elmo4j_cuda_char_cnn_highway(const elmo4j_token_encoder* encoder, int64_t words,
                                 const int16_t* ids, const int32_t* word_ids, void* rows,
                                 void* workspace, elmo4j_stream stream);

// A batch in packed order.
typedef struct elmo4j_packed_batch {
  elmo4j_batch batch;
  int64_t positions;      // rows of each direction
  int64_t steps;          // of the longest sentence: its length, or one less
  const int32_t* rows;    // host [steps]: n_t
  const int32_t* offset;  // [steps]: the first row of each
} elmo4j_packed_batch;

// What a layer and direction reads and writes. Input and output are rows of P numbers of the
// weights' type in packed order.
typedef struct elmo4j_lstm_rows {
  const void* input;          // the first layer's; others read the output of the one before
  const int32_t* input_rows;  // [positions]: row of `input` for each row of the packed order; NULL
                              // for its number
  void* h;       // [sentences, P] of the type: the state before and, after, behind each sentence's
                 // last step
  float* c;      // [sentences, cells], the same
  void* output;  // not the input
} elmo4j_lstm_rows;

// Bytes of workspace for elmo4j_cuda_lstm.
int64_t elmo4j_cuda_lstm_workspace(const elmo4j_lstm* lstm, int64_t layers, int64_t sentences,
                                   int64_t positions);

// Layers of the biLM, both directions at once and layers too where that pays (kernels/lstm.cu): the
// recurrence of elmo4j_cpu_lstm, in packed order. Arrays are [layers, 2], forward then backward.
//   lstm       all of the first one's sizes, clips, type and isa; `backward` is not read
//   layers     1 or more
//   batch      start, length, row and offset are not read
//   workspace  on a 256-byte boundary; packed weights on a 16-byte one
// Halves take another way in steps of few rows, so a sentence's numbers are the same to rounding,
// not to the bit, whatever its batch. Layers in one call give the same bits as a call each.
int elmo4j_cuda_lstm(const elmo4j_lstm* lstm, const elmo4j_lstm_rows* rows, int64_t layers,
                     const elmo4j_packed_batch* batch, void* workspace, elmo4j_stream stream);

// Around cuDNN's recurrence (kernels/packed_rows.cu).

// Gather: target[i] = source[index[i]]. Scatter: target[index[i]] = source[i], where no index
// occurs twice. Rows have `dim` numbers of `type`.
int elmo4j_cuda_gather_rows(int type, int64_t rows, int64_t dim, const void* source,
                            const int32_t* index, void* target, elmo4j_stream stream);
int elmo4j_cuda_scatter_rows(int type, int64_t rows, int64_t dim, const void* source,
                             const int32_t* index, void* target, elmo4j_stream stream);

// output = h + x, or h if x is NULL. If clip > 0 and any |h| exceeds it, *exceeded is set to 1.
//   count     numbers; output may be h
int elmo4j_cuda_skip(int type, int64_t count, const void* h, const void* x, float clip,
                     void* output, int32_t* exceeded, elmo4j_stream stream);

// values = min(max(values, -clip), clip), in place; NaN stays.
int elmo4j_cuda_clip(int type, int64_t count, float clip, void* values, elmo4j_stream stream);

// Outputs: as elmo4j_cpu_scalar_mix. Terms without `rows` lie in packed order, each half in its
// direction's; terms with them are indexed in reading order.
//   sum      at most ELMO4J_CUDA_MAX_TERMS terms
//   batch    `rows` is not read
//   targets  [sentences]: a target for each sentence, of its own length; the sum's max_length is
//            then the longest of them and the batch's `row` is not read. NULL: `target`, shared
//   not_finite  [terms + 1], pinned or on the device. If a written number is not finite, the
//               element of its first term that is not finite is set to 1, or the last element if
//               all terms are finite. NULL: not checked
#define ELMO4J_CUDA_MAX_TERMS 8
int elmo4j_cuda_scalar_mix(const elmo4j_sum* sum, const elmo4j_packed_batch* batch, float* target,
                           float* const* targets, int32_t* not_finite, elmo4j_stream stream);

#endif  // ELMO4J_WITH_CUDA

#ifdef __cplusplus
}
#endif

#endif  // ELMO4J_KERNELS_H_
