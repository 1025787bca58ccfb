/* Matrix products through OpenBLAS, for weights that are used where they lie.  blas.c
 * is the only file that calls it. */
#ifndef TXE_KERNELS_BLAS_H
#define TXE_KERNELS_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* y = x W^T, or y += x W^T if `add`.  x [T, K] with row stride ldx, W [N, K] row-major
 * (a Linear layer's weight as stored), y [T, N] with row stride ldy; f32.  Row strides
 * are at least the length of a row and at most INT_MAX; the other sizes are any, 0
 * included (K = 0 gives zeros).  y must not overlap an input.  Work is split over the
 * thread pool; call it outside txe_parallel_for only.  Cannot fail. */
void txe_blas_linear(float *y, size_t ldy, const float *x, size_t ldx, const float *W,
                     size_t T, size_t N, size_t K, bool add);

/* Keeps OpenBLAS from starting threads of its own inside our loops.  Call once, before
 * the first product. */
void txe_blas_init(void);

#endif
