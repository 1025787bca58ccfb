/* Matrix products through OpenBLAS: see blas.h.
 *
 * OpenBLAS computes on one thread; the split over threads is ours.  Its interface
 * counts in int, so a product that exceeds that is cut into blocks. */
#include "kernels/blas.h"

#include <limits.h>
#include <string.h>

#include <cblas.h>

#include "base/common.h"
#include "base/threads.h"

/* The package builds OpenBLAS with this prefix on every symbol. */
void scipy_openblas_set_num_threads(int n);

/* At least this many multiplications make a share worth waking a thread for. */
#define MIN_SHARE_WORK ((size_t)1 << 18)
#define MIN_SHARE_ROWS 64
#define ROW_UNIT 16
#define COLUMN_UNIT 64

/* The largest block that one call computes in each direction. */
#define BLOCK ((size_t)INT_MAX & ~(size_t)1023)

void
txe_blas_init(void)
{
    scipy_openblas_set_num_threads(1);
}

/* C = A B^T, or C += it, on the calling thread: A [M, K], B [N, K], C [M, N]. */
static void
multiply(float *C, size_t ldc, const float *A, size_t lda, const float *B, size_t ldb,
         size_t M, size_t N, size_t K, bool add)
{
    if (K == 0 && !add) /* OpenBLAS refuses row strides of 0 */
        for (size_t m = 0; m < M && N != 0; m++)
            memset(C + m * ldc, 0, N * sizeof *C);
    for (size_t m = 0; m < M; m += BLOCK)
        for (size_t n = 0; n < N; n += BLOCK)
            for (size_t k = 0; k < K; k += BLOCK)
                scipy_cblas_sgemm(
                    CblasRowMajor, CblasNoTrans, CblasTrans, (int)TXE_MIN(BLOCK, M - m),
                    (int)TXE_MIN(BLOCK, N - n), (int)TXE_MIN(BLOCK, K - k), 1.0f,
                    A + m * lda + k, (int)lda, B + n * ldb + k, (int)ldb,
                    k == 0 && !add ? 0.0f : 1.0f, C + m * ldc + n, (int)ldc);
}

struct linear {
    float *y;
    const float *x, *W;
    size_t ldy, ldx, T, N, K;
    size_t row_step, column_step; /* one of them covers everything */
    bool add;
};

static void
linear_share(void *context, size_t index, size_t worker)
{
    const struct linear *p = context;
    (void)worker;
    size_t row_shares = (p->T + p->row_step - 1) / p->row_step;
    size_t t = index % row_shares * p->row_step;
    size_t n = index / row_shares * p->column_step;
    multiply(p->y + t * p->ldy + n, p->ldy, p->x + t * p->ldx, p->ldx, p->W + n * p->K,
             p->K, TXE_MIN(p->row_step, p->T - t), TXE_MIN(p->column_step, p->N - n),
             p->K, p->add);
}

static size_t
share(size_t total, size_t shares, size_t unit)
{
    size_t step = (total + shares - 1) / shares;
    return (step + unit - 1) / unit * unit;
}

void
txe_blas_linear(float *y, size_t ldy, const float *x, size_t ldx, const float *W,
                size_t T, size_t N, size_t K, bool add)
{
    if (T == 0 || N == 0)
        return;
    struct linear p = {y, x, W, ldy, ldx, T, N, K, T, N, add};
    size_t nthreads = txe_threads_get();
    size_t work;
    if (txe_mul_size(T, N, &work) && txe_mul_size(work, K, &work))
        nthreads = TXE_MIN(nthreads, work / MIN_SHARE_WORK + 1);
    if (nthreads > 1) {
        if (T >= MIN_SHARE_ROWS * nthreads)
            p.row_step = share(T, nthreads, ROW_UNIT);
        else
            p.column_step = share(N, nthreads, COLUMN_UNIT);
    }
    size_t shares =
        ((T + p.row_step - 1) / p.row_step) * ((N + p.column_step - 1) / p.column_step);
    txe_parallel_for(shares, nthreads, linear_share, &p);
}
