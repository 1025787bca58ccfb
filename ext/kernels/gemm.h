/* Matrix products.  gemm.c is the only file that calls BLAS.  Row strides are at least
 * the length of a row and at most INT_MAX; the other sizes are any, 0 included (K = 0
 * gives zeros). */
#ifndef TXE_KERNELS_GEMM_H
#define TXE_KERNELS_GEMM_H

#include <stddef.h>

/* y = x W^T.  x [T, K] with row stride ldx, W [N, K] row-major (a Linear layer's weight
 * as stored), y [T, N] with row stride ldy; f32.  y must not overlap an input.  Work is
 * split over the thread pool; call it outside txe_parallel_for only.  Cannot fail. */
void txe_linear(float *y, size_t ldy, const float *x, size_t ldx, const float *W,
                size_t T, size_t N, size_t K);

/* The product on the calling thread alone: C = A B^T (tb = 1, B [N, K]) or A B (tb = 0,
 * B [K, N]), A [M, K], C [M, N], row strides lda, ldb, ldc.  For use inside loop
 * bodies.  C must not overlap an input.  Cannot fail. */
void txe_gemm1(float *C, size_t ldc, const float *A, size_t lda, const float *B,
               size_t ldb, int tb, size_t M, size_t N, size_t K);

/* Keeps OpenBLAS from starting threads of its own inside our loops.  Call once, before
 * the first product. */
void txe_gemm_init(void);

#endif
