/* The functions of struct txe_kernels, written once over the vector type of
 * vec_<isa>.h, which the including file has included, as it has <math.h>, <string.h>,
 * base/common.h, kernels.h and coefficients.h: nothing may be included inside a target
 * region. Everything here is static. */

#include "kernels/elementary_impl.h"
#include "kernels/rows_impl.h"

/* ---- activations: p as prepare_params made it ---- */

static inline vf
linear(vf x, const vf *p)
{
    return x;
}

/* max(x, 0) less what is symmetric in x, from a table of polynomials (coefficients.h).
 * Behind the table's end the rest is 0 to f32. */
static inline vf
gelu_by_table(vf x, const float table[6][16])
{
    /* 1.5 * 2^23: added to a small float it leaves the nearest integer in the low bits.
     */
    const vf rounder = v_set(12582912.0f);
    vf t = v_min(v_set(15.0f), v_mul(v_abs(x), v_set(2.625f)));
    vf index = v_add(t, rounder);
    vf u = v_sub(t, v_sub(index, rounder));
    vf rest = v_lookup(table[5], index);
    for (int k = 4; k >= 0; k--)
        rest = v_fma(rest, u, v_lookup(table[k], index));
    vf positive =
        v_sub(x, v_min(v_set(0.0f), x)); /* NaN of -infinity, as of -inf * 0 */
    return v_sub(positive, rest);
}

static inline vf
gelu(vf x, const vf *p)
{
    return gelu_by_table(x, GELU_TABLE);
}

static inline vf
gelu_tanh(vf x, const vf *p)
{
    return gelu_by_table(x, GELU_TANH_TABLE);
}

static inline vf
gelu_10(vf x, const vf *p)
{
    return v_min(v_set(10.0f), v_max(v_set(-10.0f), gelu(x, p)));
}

static inline vf
quick_gelu(vf x, const vf *p)
{
    return v_mul(x, v_sigmoid(v_mul(x, v_set(1.702f))));
}

static inline vf
relu(vf x, const vf *p)
{
    return v_max(v_set(0.0f), x);
}

static inline vf
relu2(vf x, const vf *p)
{
    vf y = relu(x, p);
    return v_mul(y, y);
}

static inline vf
relu6(vf x, const vf *p)
{
    return v_min(v_set(6.0f), relu(x, p));
}

static inline vf
prelu(vf x, const vf *p)
{
    return v_select(v_greater(x, v_set(0.0f)), x, v_mul(x, p[0]));
}

static inline vf
silu(vf x, const vf *p)
{
    return v_mul(x, v_sigmoid(x));
}

static inline vf
tanh_act(vf x, const vf *p)
{
    return v_tanh(x);
}

static inline vf
sigmoid(vf x, const vf *p)
{
    return v_sigmoid(x);
}

/* With e = exp(-|x|), tanh(softplus x) is (1 + 2 e) / (1 + 2 e + 2 e^2) for x > 0 and
 * (2 e + e^2) / (2 + 2 e + e^2) otherwise. */
static inline vf
mish(vf x, const vf *p)
{
    vf e = v_exp_abs(x);
    vm positive = v_greater(x, v_set(0.0f));
    vf above = v_fma(e, v_set(2.0f), v_set(1.0f));
    vf below = v_mul(e, v_add(e, v_set(2.0f)));
    vf top = v_select(positive, above, below);
    vf more = v_select(positive, v_mul(v_mul(e, e), v_set(2.0f)), v_set(2.0f));
    return v_mul(x, v_div(top, v_add(top, more)));
}

static inline vf
laplace(vf x, const vf *p)
{
    vf bell;
    return v_normal(v_div(v_sub(x, v_set(0.707107f)), v_set(0.282095f)), &bell);
}

static inline vf
hardswish(vf x, const vf *p)
{
    vf gate = relu6(v_add(x, v_set(3.0f)), p);
    return v_mul(x, v_div(gate, v_set(6.0f))); /* x gate may overflow */
}

static inline vf
sqrtsoftplus(vf x, const vf *p)
{
    return v_sqrt(v_softplus(x));
}

static inline vf
xielu(vf x, const vf *p)
{
    vf positive = v_fma(v_mul(p[0], x), x, v_mul(p[2], x));
    vf low = v_min(p[3], v_min(v_set(0.0f), x));
    vf negative = v_fma(v_sub(v_expm1(low), x), p[1], v_mul(p[2], x));
    return v_select(v_greater(x, v_set(0.0f)), positive, negative);
}

/* One row; `whole` and `part` are what act is applied to, at i.  Rows with and without
 * bias are loops of their own: a test inside keeps compilers from vectorising C. */
#define ACTIVATE(act, whole, part)                 \
    do {                                           \
        size_t i = 0;                              \
        for (; i + VW <= F; i += VW)               \
            v_store(x + i, act(whole, p));         \
        if (i < F)                                 \
            v_store_n(x + i, F - i, act(part, p)); \
    } while (0)

#define DEFINE_ROWS(act)                                                            \
    static void rows_##act(float *x, const float *bias, size_t T, size_t F,         \
                           size_t stride, const float *params)                      \
    {                                                                               \
        vf p[TXE_MAX_ACT_PARAMS];                                                   \
        for (size_t k = 0; k < TXE_MAX_ACT_PARAMS; k++)                             \
            p[k] = v_set(params[k]);                                                \
        for (size_t t = 0; t < T; t++, x += stride)                                 \
            if (bias != NULL)                                                       \
                ACTIVATE(act, v_add(v_load(x + i), v_load(bias + i)),               \
                         v_add(v_load_n(x + i, F - i), v_load_n(bias + i, F - i))); \
            else                                                                    \
                ACTIVATE(act, v_load(x + i), v_load_n(x + i, F - i));               \
    }

DEFINE_ROWS(linear)
DEFINE_ROWS(gelu)
DEFINE_ROWS(gelu_tanh)
DEFINE_ROWS(gelu_10)
DEFINE_ROWS(quick_gelu)
DEFINE_ROWS(relu)
DEFINE_ROWS(relu2)
DEFINE_ROWS(relu6)
DEFINE_ROWS(prelu)
DEFINE_ROWS(silu)
DEFINE_ROWS(tanh_act)
DEFINE_ROWS(sigmoid)
DEFINE_ROWS(mish)
DEFINE_ROWS(laplace)
DEFINE_ROWS(hardswish)
DEFINE_ROWS(sqrtsoftplus)
DEFINE_ROWS(xielu)

static void
bias_act(float *x, const float *bias, size_t T, size_t F, size_t stride,
         txe_activation act, const float *params)
{
    static void (*const rows[TXE_NACTS])(float *, const float *, size_t, size_t, size_t,
                                         const float *) = {
        [TXE_ACT_LINEAR] = rows_linear,
        [TXE_ACT_GELU] = rows_gelu,
        [TXE_ACT_GELU_TANH] = rows_gelu_tanh,
        [TXE_ACT_GELU_10] = rows_gelu_10,
        [TXE_ACT_QUICK_GELU] = rows_quick_gelu,
        [TXE_ACT_RELU] = rows_relu,
        [TXE_ACT_RELU2] = rows_relu2,
        [TXE_ACT_RELU6] = rows_relu6,
        [TXE_ACT_LEAKY_RELU] = rows_prelu,
        [TXE_ACT_SILU] = rows_silu,
        [TXE_ACT_TANH] = rows_tanh_act,
        [TXE_ACT_SIGMOID] = rows_sigmoid,
        [TXE_ACT_MISH] = rows_mish,
        [TXE_ACT_LAPLACE] = rows_laplace,
        [TXE_ACT_HARDSWISH] = rows_hardswish,
        [TXE_ACT_PRELU] = rows_prelu,
        [TXE_ACT_XIELU] = rows_xielu,
        [TXE_ACT_SQRTSOFTPLUS] = rows_sqrtsoftplus,
    };
    if (act == TXE_ACT_LINEAR && bias == NULL)
        return;
    float p[TXE_MAX_ACT_PARAMS];
    prepare_params(p, act, params);
    rows[act](x, bias, T, F, stride, p);
}

/* ---- rows ----
 *
 * What is left behind the last whole vector of a row stays in a register from pass to
 * pass: memory written under a mask is slow to read back. */

static void
layernorm_row(float *y, const float *x, const float *bias, const float *residual,
              const float *gamma, const float *beta, float eps, size_t C)
{
    const size_t rest = C % VW, whole = C - rest;
    const float count = (float)C;
    const bool stored = bias != NULL || residual != NULL;
    const float *v = stored ? y : x; /* the row of x + bias + residual */
    vf last = v_set(0.0f);           /* and the end of it */
    vf sums[ACCS], squares[ACCS];

    fill(sums, 0.0f);
    EACH_VECTOR(whole, {
        vf sum = v_load(x + at);
        if (bias != NULL)
            sum = v_add(sum, v_load(bias + at));
        if (residual != NULL)
            sum = v_add(sum, v_load(residual + at));
        if (stored)
            v_store(y + at, sum);
        sums[k] = v_add(sums[k], sum);
    });
    if (rest != 0) {
        last = v_load_n(x + whole, rest);
        if (bias != NULL)
            last = v_add(last, v_load_n(bias + whole, rest));
        if (residual != NULL)
            last = v_add(last, v_load_n(residual + whole, rest));
        sums[0] = v_add(sums[0], last);
    }
    const float mean = sum_of(sums) / count;

    /* Deviations from a rounded mean do not quite sum to 0; what they sum to corrects
     * mean and variance, which matters where the mean is far larger than they are. */
    fill(sums, 0.0f);
    fill(squares, 0.0f);
    EACH_VECTOR(whole, {
        vf d = v_sub(v_load(v + at), v_set(mean));
        sums[k] = v_add(sums[k], d);
        squares[k] = v_fma(d, d, squares[k]);
    });
    if (rest != 0) {
        last = v_keep_n(v_sub(last, v_set(mean)), rest, v_set(0.0f));
        sums[0] = v_add(sums[0], last);
        squares[0] = v_fma(last, last, squares[0]);
    }
    const float shift = sum_of(sums) / count;
    const float square = sum_of(squares) / count - shift * shift;
    const float variance = TXE_MAX(square, 0.0f);
    const float scale = 1.0f / sqrtf(variance + eps);
    const float offset = -shift * scale;

    EACH_VECTOR(whole, {
        (void)k;
        vf d = v_sub(v_load(v + at), v_set(mean));
        vf normal = v_fma(d, v_set(scale), v_set(offset));
        v_store(y + at, v_fma(normal, v_load(gamma + at), v_load(beta + at)));
    });
    if (rest != 0) {
        vf normal = v_fma(last, v_set(scale), v_set(offset));
        last =
            v_fma(normal, v_load_n(gamma + whole, rest), v_load_n(beta + whole, rest));
        v_store_n(y + whole, rest, last);
    }
}

static void
layernorm(float *y, const float *x, const float *bias, const float *residual,
          const float *gamma, const float *beta, float eps, size_t T, size_t C)
{
    for (size_t t = 0; t < T; t++)
        layernorm_row(y + t * C, x + t * C, bias,
                      residual != NULL ? residual + t * C : NULL, gamma, beta, eps, C);
}

static void
softmax_row(float *x, size_t n, float scale, const float *mask)
{
    const size_t rest = n % VW, whole = n - rest;
    vf last = v_set(0.0f);
    vf acc[ACCS];

    fill(acc, -INFINITY);
    EACH_VECTOR(whole, {
        vf v = v_mul(v_load(x + at), v_set(scale));
        if (mask != NULL)
            v = v_add(v, v_load(mask + at));
        v_store(x + at, v);
        acc[k] = v_max(acc[k], v);
    });
    if (rest != 0) {
        last = v_mul(v_load_n(x + whole, rest), v_set(scale));
        if (mask != NULL)
            last = v_add(last, v_load_n(mask + whole, rest));
        last = v_keep_n(last, rest, v_set(-INFINITY)); /* adds nothing to the sum */
        acc[0] = v_max(acc[0], last);
    }
    const float largest = largest_of(acc);

    fill(acc, 0.0f);
    EACH_VECTOR(whole, {
        vf e = v_exp(v_sub(v_load(x + at), v_set(largest)));
        v_store(x + at, e);
        acc[k] = v_add(acc[k], e);
    });
    if (rest != 0) {
        last = v_exp(v_sub(last, v_set(largest)));
        acc[0] = v_add(acc[0], last);
    }
    const vf inverse = v_set(1.0f / sum_of(acc));

    EACH_VECTOR(whole, {
        (void)k;
        v_store(x + at, v_mul(v_load(x + at), inverse));
    });
    if (rest != 0)
        v_store_n(x + whole, rest, v_mul(last, inverse));
}

static void
softmax(float *x, size_t rows, size_t n, size_t stride, float scale, const float *mask,
        size_t mask_stride)
{
    for (size_t row = 0; row < rows; row++)
        softmax_row(x + row * stride, n, scale,
                    mask != NULL ? mask + row * mask_stride : NULL);
}

static void
add(float *y, const float *a, const float *b, const float *c, size_t n)
{
    size_t i = 0;
    for (; i + VW <= n; i += VW) {
        vf v = v_add(v_load(a + i), v_load(b + i));
        if (c != NULL)
            v = v_add(v, v_load(c + i));
        v_store(y + i, v);
    }
    if (i < n) {
        size_t some = n - i;
        vf v = v_add(v_load_n(a + i, some), v_load_n(b + i, some));
        if (c != NULL)
            v = v_add(v, v_load_n(c + i, some));
        v_store_n(y + i, some, v);
    }
}
