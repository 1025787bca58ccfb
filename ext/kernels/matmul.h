/* Matrix products whose operands change from call to call, as in training: nothing is
 * packed beforehand; each task lays out the panel of columns that it needs and uses it
 * for all of its rows (struct txe_tile). */
#ifndef TXE_KERNELS_MATMUL_H
#define TXE_KERNELS_MATMUL_H

#include "base/real.h"
#include "kernels/kernels.h"

#define TXE_MAX_PIECES 3

/* What stands on the right: a matrix [K, N] in up to three pieces.
 *
 * With `rows`, piece i holds `extent` of the K rows, [extent, N], each row contiguous:
 * a layer's weights [out, in] that gradients are multiplied by; activations.
 *
 * Without, it holds `extent` of the N columns, as [extent, K]: a layer's weights [out,
 * in] as x W^T wants them; keys.
 *
 * Elements are txe_real, or bfloat16 (TXE_BFLOAT16 products alone), rows `ld` elements
 * apart in each piece.  In TXE_BFLOAT16 those of txe_real are rounded to it. */
struct txe_right {
    const void *data[TXE_MAX_PIECES];
    size_t npieces, extent, ld;
    bool rows;
    bool bf16;
};

/* y = a b + bias, or y += a b + bias.  a [M, K] in the precision of the product
 * (txe_real in TXE_FLOAT32, bfloat16 in TXE_BFLOAT16), rows lda_nbytes apart; where K
 * is odd in bfloat16 the element behind a row may be read and must be finite.  b [K,
 * N].  Sums are txe_real, one chain in the order of K for each element: the same bits
 * whatever else is computed and however the work is split. */
struct txe_matmul {
    txe_precision precision; /* TXE_FLOAT32 or TXE_BFLOAT16 */
    size_t M, N, K;
    const void *a;
    size_t lda_nbytes;
    struct txe_right b;
    const txe_real *bias[TXE_MAX_PIECES]; /* of the pieces of columns; or NULL */
    /* Where the result goes: rows ldy apart, in pieces of y_extent rows each (the
     * gradients of several weights at once), or all in y[0] when y_extent is 0. */
    txe_real *y[TXE_MAX_PIECES];
    size_t y_extent, ldy;
    uint16_t *y16; /* or, if not NULL, in bfloat16, ldy16 apart (not with add) */
    size_t ldy16;
    bool add;
    txe_activation act; /* applied to the result; LINEAR with add */
    const txe_real *act_params;
};

/* Bytes of scratch a thread needs for products of at most this K. */
size_t txe_matmul_scratch(const struct txe_kernels *kernels, txe_precision precision,
                          size_t K);

/* Runs it on the thread pool; scratch: nworkers times the above, at a cache line.  Call
 * it outside txe_parallel_for only.  y must not overlap an input.  Cannot fail. */
void txe_matmul_run(const struct txe_matmul *m, const struct txe_kernels *kernels,
                    void *scratch, size_t nworkers);

/* The same on the calling thread alone, as inside txe_parallel_for; scratch for one. */
void txe_matmul_run_here(const struct txe_matmul *m, const struct txe_kernels *kernels,
                         void *scratch);

/* out [C, T padded to whole steps] = the transpose of x [T, C], rows ld_nbytes apart,
 * in the precision of the product, as the left operand of x^T b (sums over T); what
 * pads T is zero.  Rows of out are ldout_nbytes apart, whole steps; those a multiple of
 * 4096 bytes apart drive each other out of the cache, an odd number of cache lines is
 * quick.  sums [C], if not NULL, += the sums of the columns of x.  On the thread pool;
 * the same bits for any number of threads. */
void txe_matmul_transpose(void *out, size_t ldout_nbytes, txe_real *sums, const void *x,
                          size_t ld_nbytes, txe_precision precision, size_t T, size_t C,
                          const struct txe_kernels *kernels, size_t nworkers);
/* The same on the calling thread alone. */
void txe_matmul_transpose_here(void *out, size_t ldout_nbytes, txe_real *sums,
                               const void *x, size_t ld_nbytes, txe_precision precision,
                               size_t T, size_t C, const struct txe_kernels *kernels);

#endif
