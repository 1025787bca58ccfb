/* What training needs of arithmetic on plain arrays beyond kernels.h: gradients,
 * losses, dropout.  One table of functions per instruction set, as there; same
 * conventions. Gradients d<name> stand beside what they are of; those of parameters are
 * added to. */
#ifndef TXE_KERNELS_TRAINING_H
#define TXE_KERNELS_TRAINING_H

#include "base/real.h"
#include "kernels/kernels.h"

/* Which numbers a place in the network draws.  Element i of a row is dropped where the
 * 16-bit half-word i of the row's stream of Philox4x32-10 (Salmon et al., SC 2011) is
 * below round(65536 p); what stays is multiplied by `scale`, 65536 / (65536 -
 * threshold). The stream of a row: key = seed (64 bits), counter = (block of eight
 * elements, row, `site`, row >> 32). */
struct txe_dropout {
    uint64_t seed;
    uint32_t site;      /* purpose and layer; see train/dropout.h */
    uint32_t threshold; /* round(65536 p); 0: nothing is dropped */
    txe_real scale;
};

struct txe_training_kernels {
    /* y = LN(x) for T rows, as struct txe_kernels has it. */
    void (*layernorm)(txe_real *y, const txe_real *x, const txe_real *gamma,
                      const txe_real *beta, txe_real eps, size_t T, size_t C);
    /* dx = the gradient of x given dy of LN(x); dgamma [C], dbeta [C] (NULL: not
     * wanted) += theirs, row by row.  dx may be dy.  The mean and deviation are
     * computed again from x [T, C].  Errors at most 2e-6 max(1, largest |exact|). */
    void (*layernorm_backward)(txe_real *dx, txe_real *dgamma, txe_real *dbeta,
                               const txe_real *dy, const txe_real *x,
                               const txe_real *gamma, txe_real eps, size_t T, size_t C);

    /* y = act(x), [n]; y may be x. */
    void (*act)(txe_real *y, const txe_real *x, size_t n, txe_activation act,
                const txe_real *params);
    /* dx = dy act'(x), y = act(x) (NULL: not wanted), dparams (NULL: not wanted) += the
     * gradients of the activation's own parameters; [n] each; dx may be dy, y may be x.
     * Errors of act' and y at most 1e-6 max(1, |exact|).  At a corner act' is as torch
     * has it. */
    void (*act_backward)(txe_real *dx, txe_real *y, txe_real *dparams,
                         const txe_real *dy, const txe_real *x, size_t n,
                         txe_activation act, const txe_real *params);

    /* Softmax over the first n of each row in place, as struct txe_kernels has it; mask
     * [rows, mask_stride] or NULL. */
    void (*softmax)(txe_real *x, size_t rows, size_t n, size_t stride, txe_real scale,
                    const txe_real *mask, size_t mask_stride);
    /* ds = scale p (dp - sum p dp), row by row over the first n; p the softmax.  ds may
     * be dp.  All three [rows, stride].  Error at most 1e-6 scale max p max |dp|. */
    void (*softmax_backward)(txe_real *ds, const txe_real *p, const txe_real *dp,
                             size_t rows, size_t n, size_t stride, txe_real scale);

    /* y[i] = x[i] scale, or 0 where the row's stream says so; [n]; y may be x.  If
     * `add`, that is added to y. */
    void (*dropout)(txe_real *y, const txe_real *x, size_t n,
                    const struct txe_dropout *dropout, uint64_t row, bool add);

    /* -log softmax(x)[label], smoothed: (1 - smoothing) of it and smoothing times the
     * mean of -log softmax over all n.  Then x = weight (softmax(x) - target), target
     * the smoothed one: the gradient, unless weight is 0, when x is left as it was.
     * *best: the index of the largest x, the first of equals.  In nats.  Errors of the
     * loss at most 1e-6 max(1, loss), of the gradient 1e-6 weight. */
    double (*cross_entropy)(txe_real *x, size_t n, size_t label, txe_real smoothing,
                            txe_real weight, size_t *best);

    /* y[i] = x[i] rounded to bfloat16 and back; not in the double build. */
    void (*to_bf16)(uint16_t *y, const txe_real *x, size_t n);
    void (*from_bf16)(txe_real *y, const uint16_t *x, size_t n);

    /* y = a + b + c, [n] each; c may be NULL. */
    void (*add)(txe_real *y, const txe_real *a, const txe_real *b, const txe_real *c,
                size_t n);
    /* sums [C] += the columns of x [T, ld], in the order of the rows. */
    void (*sum_columns)(txe_real *sums, const txe_real *x, size_t T, size_t C,
                        size_t ld);
};

/* Fill a table; false where the compiler's target lacks the set. */
bool txe_training_kernels_scalar(struct txe_training_kernels *table);
bool txe_training_kernels_avx2(struct txe_training_kernels *table);
bool txe_training_kernels_avx512(struct txe_training_kernels *table);

/* The table that belongs to `kernels`. */
void txe_training_kernels_choose(struct txe_training_kernels *out,
                                 const struct txe_kernels *kernels);

#endif
