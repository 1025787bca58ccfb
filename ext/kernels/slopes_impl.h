/* Derivatives of the activations, written once over the vector type of vec_<isa>.h and
 * the functions of elementary_impl.h, included as those: slope_<name>(x, &y, p) is
 * act'(x) and leaves act(x) in y; p is what prepare_params made.  Where act has a
 * corner the slope is that of the side which torch takes.  Everything here is static.
 */

#define V(number) v_set((txe_real)(number))

static inline vf
slope_linear(vf x, vf *y, const vf *p)
{
    *y = x;
    return V(1);
}

/* Phi(x) + x phi(x) */
static inline vf
slope_gelu(vf x, vf *y, const vf *p)
{
    vf bell;
    vf below = v_normal(x, &bell);
    *y = v_mul(x, below);
    return v_fma(v_mul(x, V(0.39894228040143268)), bell, below); /* 1 / sqrt(2 pi) */
}

/* x s(2 u), as (1 + tanh u) / 2 = s(2 u), u = sqrt(2/pi) (x + 0.044715 x^3); where |x|
 * is larger than what is left of it, s is 0 or 1. */
static inline vf
slope_gelu_tanh(vf x, vf *y, const vf *p)
{
    vf t = v_max(V(-30), v_min(V(30), x));
    vf square = v_mul(t, t);
    vf inner = v_mul(t, v_fma(square, V(0.044715), V(1)));
    vf rest, s = v_sigmoid_parts(v_mul(inner, V(1.5957691216057308)), &rest);
    vf growth = v_mul(v_fma(square, V(3 * 0.044715), V(1)), V(1.5957691216057308));
    *y = v_mul(x, s);
    return v_fma(v_mul(v_mul(t, growth), s), rest, s);
}

static inline vf
slope_gelu_10(vf x, vf *y, const vf *p)
{
    vf slope = slope_gelu(x, y, p);
    slope = v_select(v_greater(*y, V(10)), V(0), slope);
    *y = v_min(V(10), *y);
    return slope;
}

/* s + x s (1 - s) */
static inline vf
slope_silu(vf x, vf *y, const vf *p)
{
    vf rest, s = v_sigmoid_parts(x, &rest);
    *y = v_mul(x, s);
    return v_fma(*y, rest, s);
}

static inline vf
slope_quick_gelu(vf x, vf *y, const vf *p)
{
    vf t = v_mul(x, V(1.702));
    vf rest, s = v_sigmoid_parts(t, &rest);
    *y = v_mul(x, s);
    return v_fma(v_mul(t, s), rest, s);
}

static inline vf
slope_relu(vf x, vf *y, const vf *p)
{
    *y = v_max(V(0), x);
    return v_select(v_greater(x, V(0)), V(1), V(0));
}

static inline vf
slope_relu2(vf x, vf *y, const vf *p)
{
    vf positive = v_max(V(0), x);
    *y = v_mul(positive, positive);
    return v_add(positive, positive);
}

static inline vf
slope_relu6(vf x, vf *y, const vf *p)
{
    vf positive = v_max(V(0), x);
    *y = v_min(V(6), positive);
    vf slope = v_select(v_greater(x, V(0)), V(1), V(0));
    return v_select(v_greater(V(6), positive), slope, V(0));
}

static inline vf
slope_prelu(vf x, vf *y, const vf *p)
{
    vf slope = v_select(v_greater(x, V(0)), V(1), p[0]);
    *y = v_mul(x, slope);
    return slope;
}

static inline vf
slope_tanh_act(vf x, vf *y, const vf *p)
{
    *y = v_tanh(x);
    return v_sub(V(1), v_mul(*y, *y));
}

static inline vf
slope_sigmoid(vf x, vf *y, const vf *p)
{
    vf rest;
    *y = v_sigmoid_parts(x, &rest);
    return v_mul(*y, rest);
}

/* t + x (1 - t^2) s(x), t = tanh(softplus x) = top / (top + more) with e = exp(-|x|):
 * top = 1 + 2 e and more = 2 e^2 for x > 0, else 2 e + e^2 and 2; 1 - t is
 * more / (top + more). */
static inline vf
slope_mish(vf x, vf *y, const vf *p)
{
    vf e = v_exp_abs(x);
    vm positive = v_greater(x, V(0));
    vf top = v_select(positive, v_fma(e, V(2), V(1)), v_mul(e, v_add(e, V(2))));
    vf more = v_select(positive, v_mul(v_mul(e, e), V(2)), V(2));
    vf whole = v_add(top, more);
    vf t = v_div(top, whole);
    vf rest = v_mul(v_div(more, whole), v_add(V(1), t));
    vf s = v_div(v_select(positive, V(1), e), v_add(e, V(1)));
    *y = v_mul(x, t);
    return v_fma(v_mul(x, s), rest, t);
}

/* Phi(z), z = (x - 0.707107) / 0.282095: phi(z) / 0.282095 */
static inline vf
slope_laplace(vf x, vf *y, const vf *p)
{
    vf bell;
    *y = v_normal(v_div(v_sub(x, V(0.707107)), V(0.282095)), &bell);
    return v_mul(bell, V(0.39894228040143268 / 0.282095));
}

static inline vf
slope_hardswish(vf x, vf *y, const vf *p)
{
    vf gate = v_min(V(6), v_max(V(0), v_add(x, V(3))));
    *y = v_mul(x, v_div(gate, V(6))); /* x gate may overflow */
    vf slope = v_fma(x, V(1.0 / 3), V(0.5));
    slope = v_select(v_greater(V(3), x), slope, V(1));
    return v_select(v_greater(x, V(-3)), slope, V(0));
}

/* s(x) / (2 sqrt(softplus x)), 0 where both are */
static inline vf
slope_sqrtsoftplus(vf x, vf *y, const vf *p)
{
    *y = v_sqrt(v_softplus(x));
    return v_div(v_sigmoid(x), v_max(V(1e-30), v_add(*y, *y)));
}

static inline vf
slope_xielu(vf x, vf *y, const vf *p)
{
    vm positive = v_greater(x, V(0));
    vf low = v_min(V(0), x);
    vf bent = v_expm1(v_min(p[3], low));
    vf above = v_fma(v_mul(p[0], x), x, v_mul(p[2], x));
    *y = v_select(positive, above, v_fma(v_sub(bent, x), p[1], v_mul(p[2], x)));
    above = v_fma(v_mul(p[0], V(2)), x, p[2]);
    vf growth = v_select(v_greater(low, p[3]), V(-1), bent); /* exp(x) - 1, or 0 - 1 */
    return v_select(positive, above, v_fma(growth, p[1], p[2]));
}

/* With y and without are loops of their own. */
#define DEFINE_BACKWARD(name)                                                   \
    static void backward_##name(txe_real *dx, txe_real *y, const txe_real *dy,  \
                                const txe_real *x, size_t n, const txe_real *q) \
    {                                                                           \
        const size_t rest = n % VW, whole = n - rest;                           \
        vf p[TXE_MAX_ACT_PARAMS], value;                                        \
        for (size_t k = 0; k < TXE_MAX_ACT_PARAMS; k++)                         \
            p[k] = v_set(q[k]);                                                 \
        if (y != NULL)                                                          \
            for (size_t i = 0; i < whole; i += VW) {                            \
                vf slope = slope_##name(v_load(x + i), &value, p);              \
                v_store(dx + i, v_mul(v_load(dy + i), slope));                  \
                v_store(y + i, value);                                          \
            }                                                                   \
        else                                                                    \
            for (size_t i = 0; i < whole; i += VW) {                            \
                vf slope = slope_##name(v_load(x + i), &value, p);              \
                v_store(dx + i, v_mul(v_load(dy + i), slope));                  \
            }                                                                   \
        if (rest != 0) {                                                        \
            vf slope = slope_##name(v_load_n(x + whole, rest), &value, p);      \
            vf gradient = v_mul(v_load_n(dy + whole, rest), slope);             \
            v_store_n(dx + whole, rest, gradient);                              \
            if (y != NULL)                                                      \
                v_store_n(y + whole, rest, value);                              \
        }                                                                       \
    }

DEFINE_BACKWARD(linear)
DEFINE_BACKWARD(gelu)
DEFINE_BACKWARD(gelu_tanh)
DEFINE_BACKWARD(gelu_10)
DEFINE_BACKWARD(quick_gelu)
DEFINE_BACKWARD(relu)
DEFINE_BACKWARD(relu2)
DEFINE_BACKWARD(relu6)
DEFINE_BACKWARD(prelu)
DEFINE_BACKWARD(silu)
DEFINE_BACKWARD(tanh_act)
DEFINE_BACKWARD(sigmoid)
DEFINE_BACKWARD(mish)
DEFINE_BACKWARD(laplace)
DEFINE_BACKWARD(hardswish)
DEFINE_BACKWARD(sqrtsoftplus)
DEFINE_BACKWARD(xielu)

/* The gradients of p[0] to p[3] of xielu, where 1 is softplus(an) + beta, for what one
 * vector adds to them; of p[0] of prelu. */
static inline void
add_param_gradients(vf sums[TXE_MAX_ACT_PARAMS], vf dy, vf x, txe_activation act,
                    const vf *p)
{
    vm positive = v_greater(x, V(0));
    vf below = v_mul(dy, v_select(positive, V(0), x));
    if (act == TXE_ACT_PRELU) {
        sums[0] = v_add(sums[0], below);
        return;
    }
    vf low = v_min(V(0), x);
    vf bent = v_expm1(v_min(p[3], low));
    vf curve = v_select(positive, V(0), v_sub(bent, x));
    vf held = v_select(v_greater(low, p[3]), v_mul(v_add(bent, V(1)), p[1]), V(0));
    sums[0] = v_fma(v_mul(dy, x), v_select(positive, x, V(0)), sums[0]);
    sums[1] = v_fma(dy, curve, sums[1]);
    sums[2] = v_fma(dy, x, sums[2]);
    sums[3] = v_fma(dy, v_select(positive, V(0), held), sums[3]);
}

static void
param_gradients(txe_real *dparams, const txe_real *dy, const txe_real *x, size_t n,
                txe_activation act, const txe_real *params, const txe_real *q)
{
    vf p[TXE_MAX_ACT_PARAMS], sums[TXE_MAX_ACT_PARAMS];
    for (size_t k = 0; k < TXE_MAX_ACT_PARAMS; k++) {
        p[k] = v_set(q[k]);
        sums[k] = V(0);
    }
    const size_t rest = n % VW, whole = n - rest;
    for (size_t i = 0; i < whole; i += VW)
        add_param_gradients(sums, v_load(dy + i), v_load(x + i), act, p);
    if (rest != 0)
        add_param_gradients(sums, v_load_n(dy + whole, rest), v_load_n(x + whole, rest),
                            act, p);
    const txe_real of_0 = v_sum(sums[0]), of_1 = v_sum(sums[1]);
    if (act == TXE_ACT_PRELU) {
        dparams[0] += of_0;
    } else {
        dparams[0] += of_0 * v_largest(v_sigmoid(v_set(params[0])));
        dparams[1] += of_1 * v_largest(v_sigmoid(v_set(params[1])));
        dparams[2] += of_1 + v_sum(sums[2]);
        dparams[3] += v_sum(sums[3]);
    }
}

static void
act_backward(txe_real *dx, txe_real *y, txe_real *dparams, const txe_real *dy,
             const txe_real *x, size_t n, txe_activation act, const txe_real *params)
{
    static void (*const backward[TXE_NACTS])(txe_real *, txe_real *, const txe_real *,
                                             const txe_real *, size_t,
                                             const txe_real *) = {
        [TXE_ACT_LINEAR] = backward_linear,
        [TXE_ACT_GELU] = backward_gelu,
        [TXE_ACT_GELU_TANH] = backward_gelu_tanh,
        [TXE_ACT_GELU_10] = backward_gelu_10,
        [TXE_ACT_QUICK_GELU] = backward_quick_gelu,
        [TXE_ACT_RELU] = backward_relu,
        [TXE_ACT_RELU2] = backward_relu2,
        [TXE_ACT_RELU6] = backward_relu6,
        [TXE_ACT_LEAKY_RELU] = backward_prelu,
        [TXE_ACT_SILU] = backward_silu,
        [TXE_ACT_TANH] = backward_tanh_act,
        [TXE_ACT_SIGMOID] = backward_sigmoid,
        [TXE_ACT_MISH] = backward_mish,
        [TXE_ACT_LAPLACE] = backward_laplace,
        [TXE_ACT_HARDSWISH] = backward_hardswish,
        [TXE_ACT_SQRTSOFTPLUS] = backward_sqrtsoftplus,
        [TXE_ACT_PRELU] = backward_prelu,
        [TXE_ACT_XIELU] = backward_xielu,
    };
    txe_real q[TXE_MAX_ACT_PARAMS];
    prepare_params(q, act, params);
    if (dparams != NULL && (act == TXE_ACT_PRELU || act == TXE_ACT_XIELU))
        param_gradients(dparams, dy, x, n, act, params, q);
    backward[act](dx, y, dy, x, n, q);
}
