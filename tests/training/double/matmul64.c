/* kernels/matmul.h over double, as plain loops: what the training sources run on where
 * gradients are held against finite differences.  Every operand is txe_real, whatever
 * the precision says. */
#include "kernels/matmul.h"

#include "kernels/training.h"

size_t
txe_matmul_scratch(const struct txe_kernels *kernels, txe_precision precision, size_t K)
{
    (void)kernels;
    (void)precision;
    (void)K;
    return 64;
}

static txe_real
right_at(const struct txe_right *b, size_t k, size_t n)
{
    const size_t row = b->rows ? k : n, column = b->rows ? n : k;
    const txe_real *piece = b->data[row / b->extent];
    return piece[row % b->extent * b->ld + column];
}

static txe_real
bias_at(const struct txe_matmul *m, size_t n)
{
    const size_t extent = m->b.rows ? m->N : m->b.extent;
    const txe_real *piece = m->bias[n / extent];
    return piece != NULL ? piece[n % extent] : 0;
}

void
txe_matmul_run_here(const struct txe_matmul *m, const struct txe_kernels *kernels,
                    void *scratch)
{
    (void)scratch;
    const size_t extent = m->y_extent != 0 ? m->y_extent : m->M;
    struct txe_training_kernels training;
    txe_training_kernels_choose(&training, kernels);
    for (size_t i = 0; i < m->M; i++) {
        const txe_real *a = (const void *)((const char *)m->a + i * m->lda_nbytes);
        txe_real *y = m->y[i / extent] + i % extent * m->ldy;
        for (size_t n = 0; n < m->N; n++) {
            txe_real sum = 0;
            for (size_t k = 0; k < m->K; k++)
                sum += a[k] * right_at(&m->b, k, n);
            y[n] = sum + bias_at(m, n) + (m->add ? y[n] : 0);
        }
        if (m->act != TXE_ACT_LINEAR)
            training.act(y, y, m->N, m->act, m->act_params);
    }
}

void
txe_matmul_run(const struct txe_matmul *m, const struct txe_kernels *kernels,
               void *scratch, size_t nworkers)
{
    (void)nworkers;
    txe_matmul_run_here(m, kernels, scratch);
}

void
txe_matmul_transpose_here(void *out, size_t ldout_nbytes, txe_real *sums, const void *x,
                          size_t ld_nbytes, txe_precision precision, size_t T, size_t C,
                          const struct txe_kernels *kernels)
{
    (void)precision;
    (void)kernels;
    for (size_t c = 0; c < C; c++) {
        txe_real *to = (void *)((char *)out + c * ldout_nbytes);
        for (size_t t = 0; t < T; t++) {
            to[t] =
                ((const txe_real *)(const void *)((const char *)x + t * ld_nbytes))[c];
            if (sums != NULL)
                sums[c] += to[t];
        }
    }
}

void
txe_matmul_transpose(void *out, size_t ldout_nbytes, txe_real *sums, const void *x,
                     size_t ld_nbytes, txe_precision precision, size_t T, size_t C,
                     const struct txe_kernels *kernels, size_t nworkers)
{
    (void)nworkers;
    txe_matmul_transpose_here(out, ldout_nbytes, sums, x, ld_nbytes, precision, T, C,
                              kernels);
}
