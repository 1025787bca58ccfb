/* Updates of parameters by optimisers, element by element.
 *
 * All arrays f32, [n] each, distinct.  Every formula is computed as written, each
 * operation rounded once and none contracted, so that all instruction sets give the
 * same bits. */
#ifndef TXE_KERNELS_OPTIMIZER_H
#define TXE_KERNELS_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>

/* Coefficients of the family of Adam:
 *   m = beta1 m + rest1 (clip g),  v = beta2 v + rest2 (clip g)^2,
 *   u = step (m / (scale sqrt v + eps)) + decay p */
struct txe_adam {
    float clip;
    float beta1, rest1; /* rest1 = 1 - beta1 */
    float beta2, rest2;
    float step, scale, eps, decay;
};

/* d = clip g + decay p;  with a buffer b = momentum b + rest d and then
 * d = nesterov ? d + momentum b : b;  p = p - lr d. */
struct txe_sgd {
    float clip;
    float lr, decay, momentum, rest;
    bool nesterov;
};

struct txe_optimizer_kernels {
    /* Sum of x[i]^2 in double, which cannot overflow: it is finite where all x are. */
    double (*sum_squares)(const float *x, size_t n);

    /* m and v as above, then p = p - u. */
    void (*adam)(float *p, float *m, float *v, const float *g, size_t n,
                 const struct txe_adam *c);
    /* m, v and u as above; p stays. */
    void (*adam_direction)(float *u, float *m, float *v, const float *g, const float *p,
                           size_t n, const struct txe_adam *c);
    /* p = p - rate u, with u from m and v as they are. */
    void (*adam_apply)(float *p, const float *m, const float *v, float rate, size_t n,
                       const struct txe_adam *c);

    /* b may be NULL: no momentum. */
    void (*sgd)(float *p, float *b, const float *g, size_t n, const struct txe_sgd *c);

    /* a = a + weight (x - a). */
    void (*blend)(float *a, const float *x, float weight, size_t n);
};

#endif
