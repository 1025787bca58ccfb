/* What functions of whole rows share, forwards and backwards: sums and maxima, and the
 * parameters of activations.  Over the vector type of vec_<isa>.h and the functions of
 * elementary_impl.h, included as those.  Everything here is static. */

/* Sums and maxima run in ACCS vectors, so that neither rounding nor the latency of one
 * chain of operations counts. */

/* Runs a block for every whole vector among the first `whole` elements: `at` is where
 * it starts, `k` the accumulator whose turn it is. */
#define EACH_VECTOR(whole, ...)                                  \
    do {                                                         \
        size_t start = 0;                                        \
        for (; start + ACCS * VW <= (whole); start += ACCS * VW) \
            for (size_t k = 0; k < ACCS; k++) {                  \
                const size_t at = start + k * VW;                \
                __VA_ARGS__                                      \
            }                                                    \
        for (; start < (whole); start += VW) {                   \
            const size_t at = start, k = 0;                      \
            __VA_ARGS__                                          \
        }                                                        \
    } while (0)

static inline void
fill(vf *acc, txe_real value)
{
    for (size_t k = 0; k < ACCS; k++)
        acc[k] = v_set(value);
}

static inline txe_real
sum_of(vf *acc)
{
    for (size_t half = ACCS / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++)
            acc[k] = v_add(acc[k], acc[k + half]);
    return v_sum(acc[0]);
}

static inline txe_real
largest_of(vf *acc)
{
    for (size_t half = ACCS / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++)
            acc[k] = v_max(acc[k], acc[k + half]);
    return v_largest(acc[0]);
}

/* p = what activations compute with: {0.01} of leaky_relu, {a} of prelu,
 * {softplus(ap), beta + softplus(an), beta, eps} of xielu. */
static inline void
prepare_params(txe_real p[TXE_MAX_ACT_PARAMS], txe_activation act,
               const txe_real *params)
{
    for (size_t k = 0; k < TXE_MAX_ACT_PARAMS; k++)
        p[k] = 0;
    if (act == TXE_ACT_LEAKY_RELU) {
        p[0] = (txe_real)0.01;
    } else if (act == TXE_ACT_PRELU) {
        p[0] = params[0];
    } else if (act == TXE_ACT_XIELU) {
        p[0] = v_largest(v_softplus(v_set(params[0])));
        p[1] = params[2] + v_largest(v_softplus(v_set(params[1])));
        p[2] = params[2];
        p[3] = params[3];
    }
}
