/* Arithmetic on plain arrays: one table of functions per instruction set.
 *
 * Every table computes the same formulas; results of two tables agree within the error
 * stated at each function, not bit for bit.  All functions: row-major f32, no alignment
 * required, cannot fail, thread-safe for distinct outputs; nothing outside the arrays
 * is read or written, not even the gap between rows.  Unless said otherwise an output
 * may be the same array as an input of the same shape, but must not overlap it
 * otherwise. Infinities and NaN go through as the formula says.
 *
 * Written once in ops_impl.h over the vector type of vec_<isa>.h; <isa>.c compiles both
 * for one instruction set; dispatch.c chooses. */
#ifndef TXE_KERNELS_KERNELS_H
#define TXE_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/optimizer.h"

/* Activations, by the formula; several names of configuration files share one
 * (txe_activation_find).  s(x) = 1/(1+exp(-x)), p(x) = log(1+exp(x)) (softplus). */
typedef enum {
    TXE_ACT_LINEAR,       /* x */
    TXE_ACT_GELU,         /* x/2 (1 + erf(x/sqrt 2)) */
    TXE_ACT_GELU_TANH,    /* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
    TXE_ACT_GELU_10,      /* gelu clipped to [-10, 10] */
    TXE_ACT_QUICK_GELU,   /* x s(1.702 x) */
    TXE_ACT_RELU,         /* max(x, 0) */
    TXE_ACT_RELU2,        /* max(x, 0)^2 */
    TXE_ACT_RELU6,        /* min(max(x, 0), 6) */
    TXE_ACT_LEAKY_RELU,   /* x > 0 ? x : 0.01 x */
    TXE_ACT_SILU,         /* x s(x) */
    TXE_ACT_TANH,         /* tanh x */
    TXE_ACT_SIGMOID,      /* s(x) */
    TXE_ACT_MISH,         /* x tanh(p(x)) */
    TXE_ACT_LAPLACE,      /* (1 + erf((x - 0.707107) / (0.282095 sqrt 2))) / 2 */
    TXE_ACT_HARDSWISH,    /* x min(max(x + 3, 0), 6) / 6 */
    TXE_ACT_SQRTSOFTPLUS, /* sqrt p(x) */
    TXE_ACT_PRELU,        /* x > 0 ? x : a x;  params {a} */
    TXE_ACT_XIELU,        /* params {ap, an, beta, eps}:  x > 0 ? p(ap) x^2 + beta x :
                             (expm1(min(x, eps)) - x)(beta + p(an)) + beta x */
    TXE_NACTS
} txe_activation;

#define TXE_MAX_ACT_PARAMS 4

/* What matrix products compute in; the sums are f32, of int8 exact integers. */
typedef enum { TXE_FLOAT32, TXE_BFLOAT16, TXE_INT8, TXE_NPRECISIONS } txe_precision;

/* One tile of y = x w^T + bias, or of what is added to y: at most txe_tiles.rows by
 * panel_vectors * lanes.  K goes in steps of 32 bits: one f32, two bfloat16 or four
 * bytes.
 *
 * x [rows], ldx bytes apart, K padded to whole steps (zeros in bfloat16); in int8
 * without sign, standing for low[r] + scale[r] x.  panel [steps, columns] of 32 bits:
 * the weights, columns beyond the last zero; in int8 standing for column_scale[c] w,
 * column_sum[c] their sum over K.  The f32 vectors bias (or NULL), column_scale and
 * column_sum are read to the end of the last vector; out [rows], ldo apart, is touched
 * only where there are columns.  No overlap. */
struct txe_tile {
    const void *x, *panel;
    size_t ldx, steps;
    const float *scale, *low;
    const float *bias, *column_scale, *column_sum;
    float *out;
    size_t ldo;
    bool add;       /* to what `out` holds */
    size_t rows;    /* at least 1; more than txe_tiles.rows are left out */
    size_t vectors; /* of the columns, 1 to panel_vectors */
    size_t last;    /* columns in the last vector, 1 to lanes */
};

/* The tiles of one precision.  The error of a result is that of a chain of K additions
 * in f32 (in int8: of none); a result is the same bits whatever the other rows and
 * columns of its tile.  avx512_amx sums sixteen steps before it adds them to the chain.
 * The instructions for bfloat16 of avx512_bf16 and avx512_amx take denormals as zeros
 * and make none; elsewhere they count. */
#define TXE_PEAK_OPERANDS (8 * 48)
struct txe_tiles {
    void (*run)(const struct txe_tile *tile);
    /* What a thread does before its first run and after its last, without runs of
     * another precision between; NULL: nothing.  Harmless to repeat. */
    void (*begin)(void);
    void (*end)(void);
    size_t rows;
    /* The speed that registers allow: `steps` rounds of peak_products multiplications
     * and additions, on numbers [TXE_PEAK_OPERANDS]. */
    float (*peak)(size_t steps, const float *operand);
    size_t peak_products;
};

static inline void
txe_tiles_begin(const struct txe_tiles *tiles)
{
    if (tiles->begin != NULL)
        tiles->begin();
}

static inline void
txe_tiles_end(const struct txe_tiles *tiles)
{
    if (tiles->end != NULL)
        tiles->end();
}

struct txe_kernels {
    const char *name;     /* of txe_isa_names */
    size_t lanes;         /* elements of a vector */
    size_t panel_vectors; /* of the columns that a tile takes at once */
    struct txe_tiles tiles[TXE_NPRECISIONS];

    /* y = LN(x + bias + residual), row by row over the last axis:
     *   LN(v) = (v - mean v) / sqrt(var v + eps) * gamma + beta,  var the mean square
     * deviation.  x, residual, y [T, C]; bias, gamma, beta [C]; bias and residual may
     * be NULL (taken as 0).  y may be x or residual.  The mean and the deviations from
     * it are summed in f32 in at least 8 interleaved parts, and what the deviations sum
     * to corrects both, so that a mean of 10^4 deviations does no harm; error against
     * exact arithmetic on the same inputs (their sum rounded to f32) at most 1e-6 of
     * the largest |y|. */
    void (*layernorm)(float *y, const float *x, const float *bias,
                      const float *residual, const float *gamma, const float *beta,
                      float eps, size_t T, size_t C);

    /* x = act(x + bias) in place.  x [T, F] with `stride` >= F floats from row to row;
     * bias [F] or NULL; params: the activation's own, NULL when it has none.  Absolute
     * error at most 6e-7 * max(1, |exact|), of gelu and gelu_tanh 6e-8 (1 + |x|);
     * relative error of that size for sigmoid, tanh, silu, mish and sqrtsoftplus while
     * exp(-|x|) is a normal number. */
    void (*bias_act)(float *x, const float *bias, size_t T, size_t F, size_t stride,
                     txe_activation act, const float *params);

    /* Softmax over the first n of each row, in place: x = e / sum e,
     * e = exp(scale x + mask - max).  x [rows, stride]; mask [rows, mask_stride] is
     * added after scaling, or NULL; mask_stride may be 0 (one row of mask for all).  A
     * row whose inputs are all -inf becomes NaN, as the formula says.  Relative error
     * at most 1e-6 + 2e-7 max |scale x + mask|. */
    void (*softmax)(float *x, size_t rows, size_t n, size_t stride, float scale,
                    const float *mask, size_t mask_stride);

    /* y[i] = float(x[i]) from IEEE half and from bfloat16 bits; exact, NaN stays NaN
     * (payload and sign kept, quiet).  y and x must not overlap. */
    void (*from_f16)(float *y, const uint16_t *x, size_t n);
    void (*from_bf16)(float *y, const uint16_t *x, size_t n);

    /* y[i] = x[i] rounded to bfloat16, halves to even; NaN stays NaN. */
    void (*to_bf16)(uint16_t *y, const float *x, size_t n);

    /* y[i] = low[i] + 65536 high[i]: two bfloat16 a step, as struct txe_tile has them,
     * from two rows of K.  No overlap. */
    void (*interleave)(uint32_t *y, const uint16_t *low, const uint16_t *high,
                       size_t n);

    /* Steps of a panel from rows of the matrix that it is of: out [ceil(K / per step),
     * ldout], its first n columns, n at most panel_vectors * lanes, from x [K, ld].
     * panel_f32: a row a step.  panel_bf16: two rows a step, side by side in 32 bits;
     * what an odd K leaves is zero.  panel_lowered: the same of f32 rounded to
     * bfloat16.  No overlap. */
    void (*panel_f32)(uint32_t *out, size_t ldout, const float *x, size_t ld, size_t K,
                      size_t n);
    void (*panel_bf16)(uint32_t *out, size_t ldout, const uint16_t *x, size_t ld,
                       size_t K, size_t n);
    void (*panel_lowered)(uint32_t *out, size_t ldout, const float *x, size_t ld,
                          size_t K, size_t n);

    /* sums [C] += the sums of the columns of x [T, ld], which are chains in the order
     * of the rows: the same bits whatever columns stand beside.  The latter of
     * bfloat16. */
    void (*column_sums)(float *sums, const float *x, size_t T, size_t C, size_t ld);
    void (*column_sums_bf16)(float *sums, const uint16_t *x, size_t T, size_t C,
                             size_t ld);

    /* x[i] = *low + *scale y[i] with y from 0 to 255: *low the least x, *scale the
     * range / 255, each y rounded to nearest.  Where an x is not finite (or the range
     * is not) *scale is NaN and y zeros.  n at least 1. */
    void (*quantize)(uint8_t *y, float *scale, float *low, const float *x, size_t n);

    /* x[i] = *scale y[i] with y from -127 to 127: *scale the largest |x| / 127; *sum is
     * *scale times the sum of y.  Not finite: as above. */
    void (*quantize_weights)(int8_t *y, float *scale, float *sum, const float *x,
                             size_t n);

    /* y [columns, ldy] = the transpose of x [rows, ldx]; elements of 32 bits, strides
     * in elements.  No overlap. */
    void (*transpose)(uint32_t *y, size_t ldy, const uint32_t *x, size_t ldx,
                      size_t rows, size_t columns);

    /* y = a + b + c, [n] each; c may be NULL.  Summed as (a + b) + c. */
    void (*add)(float *y, const float *a, const float *b, const float *c, size_t n);

    struct txe_optimizer_kernels optimizer;
};

/* Fill a table; false where the compiler's target lacks the set.  The last four change
 * what their instructions do better in the table of avx2 and of avx512. */
bool txe_kernels_scalar(struct txe_kernels *table);
bool txe_kernels_avx2(struct txe_kernels *table);
bool txe_kernels_avx512(struct txe_kernels *table);
bool txe_kernels_avx2_vnni(struct txe_kernels *table);
bool txe_kernels_avx512_vnni(struct txe_kernels *table);
bool txe_kernels_avx512_bf16(struct txe_kernels *table);
bool txe_kernels_avx512_amx(struct txe_kernels *table);

/* Every set there is a table for, the widest last. */
#define TXE_NISAS 7
extern const char *const txe_isa_names[TXE_NISAS];

/* Fills the table for `name`, or for the best set of this machine when name is NULL or
 * "".  TXE_EVALUE when the name is unknown or the machine cannot run it. */
txe_status txe_kernels_choose(struct txe_kernels *out, const char *name,
                              struct txe_error *err);

/* Index of the activation that configuration files call `name`; false when unknown. */
int txe_activation_find(const char *name, txe_activation *out);

/* How many learnable parameters an activation has (0, prelu 1, xielu 4). */
size_t txe_activation_nparams(txe_activation act);

#endif
