// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The one C ABI between Java and native code: plain pointers and sizes, no state, no errors.
// Callers check every argument before; nothing here does. All matrices are row-major 32-bit floats
// in host memory; no two arguments may overlap unless it is said. Functions are reentrant: any
// number of threads may call them as long as no two write the same memory. Each runs on the calling
// thread.
//
// Structs describe weights, batches and sums, on the processor and on CUDA. Their field `isa`
// chooses the instructions: on the processor one that elmo4j_cpu_has_isa knows, on CUDA one of
// elmo4j_products.

#ifndef ELMO4J_KERNELS_H_
#define ELMO4J_KERNELS_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Each architecture counts its own, weakest first: elmo4j_cpu_isa_name tells them apart.
enum elmo4j_isa {
  ELMO4J_PORTABLE = 0,  // any processor of the architecture
  // x86-64
  ELMO4J_AVX2 = 1,        // AVX2 and FMA
  ELMO4J_AVXVNNI = 2,     // the same and AVX-VNNI: 8-bit products of fours
  ELMO4J_AVX512 = 3,      // AVX2, FMA and AVX-512 F, BW, DQ, VL
  ELMO4J_AVX512VNNI = 4,  // the same and AVX512-VNNI: 8-bit products of fours
  ELMO4J_AVX512BF16 = 5,  // the same and AVX512-BF16: bfloat16 products of pairs
  ELMO4J_AMX = 6,         // the same and AMX-BF16, AMX-INT8: products in tiles; Linux alone
  // arm64
  ELMO4J_NEON = 1,
  ELMO4J_NEONBF16 = 2  // the same and Armv8.6's bfloat16 products of pairs
};

// How packed weights are held.
enum elmo4j_type {
  ELMO4J_F32 = 0,
  // bfloat16: half the memory. Products accumulate in 32-bit floats. Where the processor multiplies
  // bfloat16 numbers itself (avx512bf16, amx, neonbf16) the left-hand side is rounded to bfloat16
  // too.
  ELMO4J_BF16 = 1,
  // IEEE half precision, CUDA alone: products of halves accumulate in 32-bit floats.
  ELMO4J_F16 = 2,
  // 8-bit integers, a scale for each column: a quarter of the memory; the processor alone. The
  // left-hand side's rows are quantised too, each by itself, symmetrically. Sums of integers are
  // exact, and all that is around them is rounded in the same way everywhere: results are the same
  // bits on all instruction sets.
  ELMO4J_INT8 = 3
};

enum elmo4j_activation { ELMO4J_RELU = 0, ELMO4J_TANH = 1 };

// ---------------------------------------------------------------------------------------------
// Structs. A model's weights are described once, when they are loaded, a batch once; kernels take
// descriptions by pointer. What these point to is the caller's. On CUDA the structs themselves, and
// arrays of structs, are host memory and read before a call returns; other pointers are to the
// device's memory unless it says "host".

// The weights of a matrix product [depth, groups * columns] and its bias, packed.
typedef struct elmo4j_matrix {
  int32_t isa;     // of elmo4j_isa: the instruction set that it is packed for and used with; CUDA:
                   // of elmo4j_products
  int32_t type;    // of elmo4j_type: of `weights`; the bias is always 32-bit floats
  int32_t groups;  // 1, 2 or 4
  int64_t depth;
  int64_t columns;  // of one group
  void* weights;    // elmo4j_cpu_packed_size or elmo4j_cuda_packed_size bytes
  float* bias;      // elmo4j_cpu_packed_bias_size bytes; CUDA: [groups, columns]; NULL for none
} elmo4j_matrix;

// A character convolution.
typedef struct elmo4j_char_cnn {
  int32_t isa;             // of elmo4j_isa; CUDA: of elmo4j_products
  int32_t type;            // of elmo4j_type: of `table`; on the processor ELMO4J_F32
  int32_t activation;      // of elmo4j_activation
  int32_t slots;           // character ids of a word
  int32_t pad;             // the id that fills a word's tail
  int64_t groups;          // filter widths
  const int32_t* widths;   // host [groups]: 1 <= width <= slots
  const int32_t* filters;  // host [groups]: number of filters of each width
  int64_t table_ids;       // rows of a table for each tap
  const void* table;  // the groups' tables one behind the other, each [width, table_ids, filters]
  const float* bias;  // [sum of filters]
} elmo4j_char_cnn;

// The weights of one layer and direction; P = x.depth, cells = x.columns.
typedef struct elmo4j_lstm {
  elmo4j_matrix x;          // [P, 4 * cells], groups i, j, f, o, with bias: what x_t meets
  elmo4j_matrix h;          // the same for h, without bias
  elmo4j_matrix projector;  // [cells, P], one group, without bias
  float cell_clip;          // 0 for none
  float projection_clip;    // 0 for none
  int32_t skip;             // nonzero: the layer adds its input to its output
  int32_t backward;         // nonzero: each sentence is read from its end
} elmo4j_lstm;

// A batch: sentences by falling length, each 1 or more. Sentence r has positions start[r] ...
// start[r] + length[r] - 1 in reading order.
typedef struct elmo4j_batch {
  int64_t sentences;
  const int32_t* start;   // [sentences]
  const int32_t* length;  // [sentences]
  const int32_t* row;     // [sentences]: which row of an output's first dimension each has
} elmo4j_batch;

// One layer of a sum.
typedef struct elmo4j_term {
  const void* forward;   // [positions, dim], or indexed by rows
  const void* backward;  // the same; not read where the sum has one half
  const int32_t* rows;   // [positions]: row of each position in the layer; NULL for its number
  float scale;
} elmo4j_term;

// A sum of layers: what an output is made of.
typedef struct elmo4j_sum {
  int32_t isa;         // of elmo4j_isa; not read on CUDA
  int32_t type;        // of elmo4j_type: of the layers; on the processor ELMO4J_F32
  int32_t halves;      // 2, or 1 for the forward halves alone
  int32_t skip_ends;   // nonzero: leave out each sentence's first and last position
  int32_t mean;        // nonzero: the mean of a sentence's rows, zero for none
  int64_t dim;         // floats of one half
  int64_t max_length;  // rows of each sentence in the target, where it is no mean
  int64_t term_count;
  const elmo4j_term* terms;  // [term_count]
} elmo4j_sum;

#ifndef ELMO4J_WITHOUT_CPU  // JavaCPP maps the two halves to a class each

// The best instruction set of this processor and operating system. The first call asks Linux for
// the use of AMX where the processor has it.
int elmo4j_cpu_best_isa(void);

// Whether this processor and operating system have an instruction set; no for numbers that
// elmo4j_cpu_isa_name does not know.
int elmo4j_cpu_has_isa(int isa);

// The name of an instruction set that this build has kernels for: "avx2". NULL for any other
// number.
const char* elmo4j_cpu_isa_name(int isa);

// Memory on a 64-byte boundary, in huge pages where it is large and the system offers them. Not
// cleared. NULL where there is none. Freed by elmo4j_free alone.
void* elmo4j_alloc(int64_t bytes);
void elmo4j_free(void* memory);

// Memory backed by a file without a name in `folder`, so that it may be larger than what is free:
// its space on the disk is taken at once and is given back with the memory, or with the process.
// NULL where that fails. Freed by elmo4j_unmap alone, with the same number of bytes, 1 or more.
void* elmo4j_map(const char* folder, int64_t bytes);
void elmo4j_unmap(void* memory, int64_t bytes);

// ---------------------------------------------------------------------------------------------
// Weights, packed: stored in panels as the kernels read them. A panel holds, for each of `depth`
// rows, the same few columns of every group side by side (LSTM: the four gates of some cells;
// highway: carry and transform of some features), so that numbers that are computed together lie
// together. Columns are padded with zeros to whole panels.

// Bytes of the packed forms. Pointers of the struct are not looked at.
int64_t elmo4j_cpu_packed_size(const elmo4j_matrix* matrix);
int64_t elmo4j_cpu_packed_bias_size(const elmo4j_matrix* matrix);

// Packs the weights of one group into matrix->weights; other groups' numbers stay as they are.
//   weights   [depth, columns], rows `stride` floats apart
//   group     from 0
void elmo4j_cpu_pack(const elmo4j_matrix* matrix, const float* weights, int64_t stride, int group);

// Packs the bias of one group, [columns], into matrix->bias.
void elmo4j_cpu_pack_bias(const elmo4j_matrix* matrix, const float* bias, int group);

// ---------------------------------------------------------------------------------------------
// Token representation (Kim et al. 2016; Peters et al. 2018, section 3.4).

// Makes the table of one filter width: table[tap][id][f] = sum_e embedding[id][e] *
// kernel[tap][e][f]. A convolution over embedded characters is then a sum of table rows, one add
// where there were `embedding_dim` multiply-adds.
//   embedding [ids, embedding_dim]   kernel [width, embedding_dim, filters]
//   table     [width, ids, filters]
void elmo4j_cpu_char_cnn_table(const float* embedding, int64_t ids, int64_t embedding_dim,
                               const float* kernel, int64_t width, int64_t filters, float* table);

// Character convolution of all widths, maximum over positions, bias, activation.
//   ids       [words, slots], each 0 <= id < table_ids
//   features  [words, sum of filters]
// Windows that lie wholly in a word's tail are equal: only the first of them is computed.
void elmo4j_cpu_char_cnn(const elmo4j_char_cnn* cnn, int64_t words, const int16_t* ids,
                         float* features);

// Floats of scratch for elmo4j_cpu_highway and elmo4j_cpu_projection.
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
// One layer and direction of the biLM over a batch, all time steps: an LSTM with projection (Sak et
// al. 2014) and the clips of Peters et al. 2018. With x_t the input and [h; c] the state,
//   i, j, f, o = [x_t; h] W + b
//   c = clip(sigmoid(f + 1) * c + sigmoid(i) * tanh(j), cell_clip)
//   h = clip((sigmoid(o) * tanh(c)) W_P, projection_clip)
//   output = h, or h + x_t with `skip`.
// A sentence's numbers are the same bits whatever the batch. They are the same on all instruction
// sets with fused multiply-adds: on all but ELMO4J_PORTABLE of x86-64.

// Floats of scratch for elmo4j_cpu_lstm and elmo4j_cpu_lstm_steps.
int64_t elmo4j_cpu_lstm_scratch(const elmo4j_lstm* lstm, int64_t sentences);

// Step t computes only the sentences longer than t, so no padding is computed.
//   batch        `row` is not read
//   input        rows of P floats; row input_rows[p] belongs to position p, or row p if input_rows
//                is NULL
//   h, c         [sentences, P], [sentences, cells]: the state before the first step, and
//                afterwards behind each sentence's last
//   output       [positions, P]
void elmo4j_cpu_lstm(const elmo4j_lstm* lstm, const elmo4j_batch* batch, const float* input,
                     const int32_t* input_rows, float* h, float* c, float* output, float* scratch);

// The same for a few steps of sentences that are each at a step of their own.
//   steps    of every sentence, 1 or more
//   input    [steps, sentences] rows of P floats, of any memory: what each reads
//   output   [steps, sentences] rows that are written; none of them is read
//   sharing  NULL, or a work sharing that this thread owns
void elmo4j_cpu_lstm_steps(const elmo4j_lstm* lstm, int64_t sentences, int64_t steps,
                           const float* const* input, float* h, float* c, float* const* output,
                           float* scratch, void* sharing);

// Work sharing: while a thread, the owner, computes, other threads that have nothing else to do
// compute parts of its products. Results are the same bits with and without helpers.
//   sharing  elmo4j_cpu_sharing_size bytes on a 64-byte boundary
int64_t elmo4j_cpu_sharing_size(void);

// Starts sharing, without helpers. Helpers of an earlier start must have returned.
void elmo4j_cpu_sharing_begin(void* sharing);

// Helps until elmo4j_cpu_sharing_end; returns at once if that was called before. For any number of
// threads, but not for the owner; memory that the owner computes with must stay until all have
// returned.
void elmo4j_cpu_sharing_help(void* sharing);

void elmo4j_cpu_sharing_end(void* sharing);

// ---------------------------------------------------------------------------------------------
// Outputs: sums of layers (Peters et al. 2018, equation 1), from positions to padded rows.
// For each sentence r, row t: target = sum_k scale[k] * [forward_k; backward_k], k in order.

//   target       [., max_length, halves * dim], rows past a sentence's end are set to zero; or
//                [., halves * dim] for a mean
// Returns 1 if all numbers written are finite, else 0.
int elmo4j_cpu_scalar_mix(const elmo4j_sum* sum, const elmo4j_batch* batch, float* target);

// ---------------------------------------------------------------------------------------------
// Training: gradients of the sums of layers, and what stands behind them.

// The gradient of elmo4j_cpu_scalar_mix to its scales.
//   sum             as there; its scales are not read
//   gradient        to the target, laid out like it; rows past a sentence's end are not read
//   scale_gradient  [term_count]; sum over rows of <gradient, layer_k>, added to what is there
void elmo4j_cpu_scalar_mix_backward(const elmo4j_sum* sum, const elmo4j_batch* batch,
                                    const float* gradient, double* scale_gradient);

// The gradient of elmo4j_cpu_scalar_mix to one layer, added to what is there. The gradient of a row
// may also depend on that row's own numbers, which layer normalization needs:
//   to_forward[row] += scale * gradient_row + slope * forward[row] + offset, likewise backward
//   sum                      of one term, that layer: its `forward` and `backward` are not read
//                            where slope is 0; its `rows` hold for the layer and its gradient
//                            alike, and a row may come twice
//   gradient                 NULL for zeros
//   to_forward, to_backward  laid out like forward, backward; may be the same
void elmo4j_cpu_scalar_mix_backward_layer(const elmo4j_sum* sum, const elmo4j_batch* batch,
                                          float slope, float offset, const float* gradient,
                                          float* to_forward, float* to_backward);

// Mean and variance of all numbers in a layer's rows (the optional layer normalization of bilm-tf
// and AllenNLP).
//   sum        of one term, that layer; scale, skip_ends, mean and max_length are not read
//   positions  how many rows, 1 or more
//   moments    [2]: mean, variance
void elmo4j_cpu_layer_moments(const elmo4j_sum* sum, int64_t positions, double* moments);

// The head of a classifier. On this processor's best instruction set.

// y = x W + b, and with `relu` its positive part.
//   x [rows, depth]   weights [depth, columns]   bias [columns]   y [rows, columns]
void elmo4j_cpu_linear(int64_t rows, int64_t depth, int64_t columns, const float* x,
                       const float* weights, const float* bias, int relu, float* y);

// Its gradients: overwrites `gradient` with what passes the relu, where there is one.
//   y                 what elmo4j_cpu_linear gave with `relu`; NULL without
//   gradient          [rows, columns], to y
//   weight_gradient   [depth, columns], bias_gradient [columns]: overwritten
//   x_gradient        [rows, depth], overwritten; NULL where it is not wanted
void elmo4j_cpu_linear_backward(int64_t rows, int64_t depth, int64_t columns, const float* x,
                                const float* weights, const float* y, float* gradient,
                                float* weight_gradient, float* bias_gradient, float* x_gradient);

// Softmax and cross-entropy. Overwrites logits [rows, classes] with the gradient of the mean loss
// to them, and returns the sum of the losses -log p(label). labels [rows], from 0.
double elmo4j_cpu_softmax_loss(int64_t rows, int64_t classes, float* logits, const int32_t* labels);

// Dropout (Srivastava et al. 2014): each value becomes zero with probability `rate`, or is divided
// by 1 - rate; which one, the seed and its index say. So the same call on a gradient is the
// backward pass.   0 <= rate < 1
void elmo4j_cpu_dropout(int64_t count, float* values, float rate, uint64_t seed);

// One step of Adam (Kingma & Ba 2015, algorithm 1), betas 0.9 and 0.999, epsilon 1e-8.
//   step                    from 1
//   values, gradient        [count]
//   mean, variance          [count], zero before the first step
void elmo4j_cpu_adam(int64_t count, int64_t step, float rate, const float* gradient, float* mean,
                     float* variance, float* values);

// ---------------------------------------------------------------------------------------------
// What the machine can do, for `elmo bench` to compare with. Not used by the forward pass.

// Opens OpenBLAS, a library of this path, and keeps it to the calling thread; it stays open. 1, or
// 0 where it cannot be opened. Nothing else of this interface uses OpenBLAS.
int elmo4j_openblas_open(const char* path);

// Its version and build; NULL before it was opened.
const char* elmo4j_openblas_config(void);

// OpenBLAS, once opened: c [m, n] = a [m, k] b [k, n].
void elmo4j_sgemm(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c);

// Multiply-adds on registers alone, as products with the matrix's instruction set and type have
// them; nothing else of it is looked at. Returns how many operations that were.
int64_t elmo4j_cpu_peak(const elmo4j_matrix* matrix, int64_t rounds);

// Reads memory once from front to back; returns the sum of its 64-bit words. bytes: a multiple of
// 64.
int64_t elmo4j_read(const void* memory, int64_t bytes);

// ---------------------------------------------------------------------------------------------
// Whether this machine has NVIDIA's driver, asked of the driver itself: no CUDA library of ours or
// of the toolkit is loaded for it.
enum elmo4j_driver {
  ELMO4J_DRIVER_READY = 0,
  ELMO4J_DRIVER_MISSING = 1,  // there is no libcuda.so.1
  ELMO4J_DRIVER_TOO_OLD = 2,  // *version is below what CUDA 13 needs
  ELMO4J_DRIVER_FAILED = 3    // cuInit gave *error, which is cudaErrorNoDevice (100) for no GPU
};

//   version   host, written: the CUDA version that the driver supports, as 13000 for 13.0, or 0
//   error     host, written: a CUresult, 0 for none
int elmo4j_find_driver(int32_t* version, int32_t* error);

#endif  // ELMO4J_WITHOUT_CPU

// ---------------------------------------------------------------------------------------------
// CUDA (kernels/). Every pointer is to memory of the stream's device unless it says "host"; host
// arrays are read before the call returns. A call only launches on `stream`, and returns
// cudaSuccess or the error of the launch as an int. Activations and packed weights are of `type`,
// ELMO4J_F32 or ELMO4J_F16; biases, sums, gates and cell states are 32-bit floats.
//
// Packed order. A batch's sentences are sorted by falling length; n_t of them are longer than t. A
// direction's rows lie step by step: step t has rows offset[t] ... offset[t] + n_t - 1, of which
// row offset[t] + r is what sentence r reads at step t: its position t forward, its position
// length[r] - 1 - t backward. So a step's rows lie together, and no padding has a row.

#ifdef ELMO4J_WITH_CUDA

typedef struct CUstream_st* elmo4j_stream;

// How products of halves are computed; the smallest sizes have ways of their own.
enum elmo4j_products {
  ELMO4J_WGMMA = 0,  // wgmma where device and build have it (compute capability 9.0), else mma.sync
  ELMO4J_MMA = 1,    // mma.sync
  // As ELMO4J_WGMMA, but the LSTM's projection by mma.sync whatever its size: to time that against.
  ELMO4J_WGMMA_GATES = 2,
  // As ELMO4J_WGMMA, but of many sentences a tile of the LSTM's gates begins before the epilogue of
  // the one before it, which takes tanh to 2^-11: to be timed.
  ELMO4J_WGMMA_EARLY = 3
};

// The runtime (kernels/runtime.cu): what the host side needs of CUDA. Functions that return int
// give cudaSuccess or an error. They work on the calling thread's device; streams and memory belong
// to the device that they were made on.

// How many devices there are.
int elmo4j_cuda_device_count(int32_t* count);

// Chooses the calling thread's device.
int elmo4j_cuda_set_device(int device);

// What a device is.
//   name         host, `bytes` long, a string
//   properties   host [4]: compute capability's major and minor number, multiprocessors, bytes of
//                memory
int elmo4j_cuda_device(int device, char* name, int64_t bytes, int64_t* properties);

// cudaSuccess where this library has code for the device.
int elmo4j_cuda_has_code(void);

// The elmo4j_products that the current device runs where `products` is asked for: what the larger
// products of halves are computed by. *used: host.
int elmo4j_cuda_products(int products, int32_t* used);

// Bytes of the device's memory: free for this process, what our pool holds unused included, and all
// there are. Host pointers.
int elmo4j_cuda_memory(int64_t* free, int64_t* total);

// The runtime's words for an error: cudaErrorMemoryAllocation, "out of memory".
const char* elmo4j_cuda_error_name(int error);
const char* elmo4j_cuda_error_string(int error);

int elmo4j_cuda_stream_create(elmo4j_stream* stream);
int elmo4j_cuda_stream_destroy(elmo4j_stream stream);
int elmo4j_cuda_stream_synchronize(elmo4j_stream stream);

// What is put on `stream` from now on waits for all that is on `other` now.
int elmo4j_cuda_stream_wait(elmo4j_stream stream, elmo4j_stream other);

// Memory from a pool of elmo4j's own, one a device, in the order of the stream: it may be used by
// what is put on that stream later, and freed while kernels on it still run. bytes 1 or more.
int elmo4j_cuda_malloc(void** memory, int64_t bytes, elmo4j_stream stream);
int elmo4j_cuda_free(void* memory, elmo4j_stream stream);

// Pinned host memory, for copies that run beside kernels.
int elmo4j_cuda_malloc_host(void** memory, int64_t bytes);
int elmo4j_cuda_free_host(void* memory);

// Copies in the order of the stream, between any two of pinned and device memory.
int elmo4j_cuda_copy(void* target, const void* source, int64_t bytes, elmo4j_stream stream);

// Sets bytes to zero.
int elmo4j_cuda_clear(void* memory, int64_t bytes, elmo4j_stream stream);

// Between 32-bit floats and numbers of `type`, all in host memory, rounded to nearest even.
void elmo4j_cuda_from_floats(int type, int64_t count, const float* floats, void* values);
void elmo4j_cuda_to_floats(int type, int64_t count, const void* values, float* floats);

// Packed weights of a product [depth, groups * columns]: row column * groups + group holds that
// column's `depth` weights side by side, as tensor cores read them. Rows are padded with zeros to a
// multiple of 16 weights, columns to a multiple of 16.
// Bytes of the packed form. Pointers of the struct are not looked at.
int64_t elmo4j_cuda_packed_size(const elmo4j_matrix* matrix);

// Packs one group, host to host: arguments as elmo4j_cpu_pack, but into `packed`. The first group's
// call also writes the zeros of the padding.
void elmo4j_cuda_pack(const elmo4j_matrix* matrix, const float* weights, int64_t stride, int group,
                      void* packed);

#define ELMO4J_CUDA_MAX_FILTER_GROUPS 64
#define ELMO4J_CUDA_MAX_HIGHWAYS 8

// All that makes token representations of character ids. Everything has the type and isa of `cnn`.
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
// layer, then elmo4j_cpu_projection, fused. cudaErrorInvalidValue where the encoder exceeds the
// limits.
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
  int64_t positions;
  int64_t steps;          // the longest sentence's length
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

// target[i] = source[index[i]], rows of `dim` numbers of `type`; and the other way about:
// target[index[i]] = source[i], no index twice.
int elmo4j_cuda_gather_rows(int type, int64_t rows, int64_t dim, const void* source,
                            const int32_t* index, void* target, elmo4j_stream stream);
int elmo4j_cuda_scatter_rows(int type, int64_t rows, int64_t dim, const void* source,
                             const int32_t* index, void* target, elmo4j_stream stream);

// output = h + x, or h where x is NULL. Where clip > 0 and an |h| exceeds it, *exceeded becomes 1.
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
//   not_finite  [terms + 1], pinned or on the device; one becomes 1 where a number that is written
//               is not finite: of the first term that is not, or the last where only the sum is
//               not. NULL: not looked for
#define ELMO4J_CUDA_MAX_TERMS 8
int elmo4j_cuda_scalar_mix(const elmo4j_sum* sum, const elmo4j_packed_batch* batch, float* target,
                           float* const* targets, int32_t* not_finite, elmo4j_stream stream);

// Training, from positions in reading order, 32-bit floats.

// As elmo4j_cpu_scalar_mix_backward, without means. scale_gradient lies on the device; its last
// bits depend on the order in which blocks end.
int elmo4j_cuda_scalar_mix_backward(const elmo4j_sum* sum, const elmo4j_batch* batch,
                                    const float* gradient, double* scale_gradient,
                                    elmo4j_stream stream);

// As elmo4j_cpu_scalar_mix_backward_layer, without means. Rows that come twice are summed in no
// fixed order.
int elmo4j_cuda_scalar_mix_backward_layer(const elmo4j_sum* sum, const elmo4j_batch* batch,
                                          float slope, float offset, const float* gradient,
                                          float* to_forward, float* to_backward,
                                          elmo4j_stream stream);

#endif  // ELMO4J_WITH_CUDA

#ifdef __cplusplus
}
#endif

#endif  // ELMO4J_KERNELS_H_
