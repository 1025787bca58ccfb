/* Steps of optimisers over flat parameters, on all threads.
 *
 * The parameters that are trained are segments of the flat arrays, which belong to
 * groups with coefficients of their own.  What is done for each element does not depend
 * on the others, and sums are taken in chunks of fixed size that are added in a fixed
 * order: the same bits for any number of threads and with any instruction set.
 *
 * Arrays are f32, distinct, and reach beyond every segment; elements in no segment are
 * not touched.  Segments do not overlap.  Every function that can fail does so, with
 * TXE_ENOMEM, before it changes anything.  Thread-safe for distinct arrays. */
#ifndef TXE_TRAIN_OPTIMIZER_H
#define TXE_TRAIN_OPTIMIZER_H

#include "base/error.h"
#include "kernels/kernels.h"

struct txe_segment {
    size_t offset, size; /* elements */
    size_t group;        /* index of its coefficients */
};

struct txe_segments {
    const struct txe_segment *items;
    size_t count;
};

/* *norm = the square root of the sum of squares of all segments of g; finite where all
 * elements are. */
txe_status txe_gradient_norm(double *norm, const float *g, struct txe_segments segments,
                             const struct txe_optimizer_kernels *kernels,
                             struct txe_error *err);

/* struct txe_adam of each group; p, m, v as its formula says, p = p - u. */
txe_status txe_adam_step(float *p, float *m, float *v, const float *g,
                         struct txe_segments segments, const struct txe_adam *groups,
                         const struct txe_optimizer_kernels *kernels,
                         struct txe_error *err);

/* LAMB (You et al., 1904.00962): p = p - lr ratio u, for each segment
 *   ratio = min(|p| / |u|, max_ratio),  |p| first clamped to [low, high],
 * or 1 where a norm is 0 or the group does not adapt. */
struct txe_lamb {
    struct txe_adam adam; /* u */
    bool adapt;
    double lr, low, high, max_ratio;
};
txe_status txe_lamb_step(float *p, float *m, float *v, const float *g,
                         struct txe_segments segments, const struct txe_lamb *groups,
                         const struct txe_optimizer_kernels *kernels,
                         struct txe_error *err);

/* struct txe_sgd of each group; b NULL without momentum. */
txe_status txe_sgd_step(float *p, float *b, const float *g,
                        struct txe_segments segments, const struct txe_sgd *groups,
                        const struct txe_optimizer_kernels *kernels,
                        struct txe_error *err);

/* x [n] = 0, and a [n] = a + weight (x - a). */
void txe_fill_zero(float *x, size_t n);
void txe_blend(float *a, const float *x, float weight, size_t n,
               const struct txe_optimizer_kernels *kernels);

#endif
