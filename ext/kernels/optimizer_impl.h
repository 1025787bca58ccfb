/* The functions of struct txe_optimizer_kernels, written once over the vector type of
 * vec_<isa>.h, included as for ops_impl.h.  Everything here is static. */

/* The first k elements at p: all of a vector, but for the last of an array. */
static inline vf
load_first(const float *p, size_t k)
{
    return k == VW ? v_load(p) : v_load_n(p, k);
}

static inline void
store_first(float *p, size_t k, vf v)
{
    if (k == VW)
        v_store(p, v);
    else
        v_store_n(p, k, v);
}

/* Runs a body for i = 0, VW, ... < n, with k elements at i; k is a constant but for the
 * last. */
#define EACH_PART(n, ...)                \
    do {                                 \
        size_t i = 0;                    \
        for (; i + VW <= (n); i += VW) { \
            const size_t k = VW;         \
            __VA_ARGS__                  \
        }                                \
        if (i < (n)) {                   \
            const size_t k = (n)-i;      \
            __VA_ARGS__                  \
        }                                \
    } while (0)

/* Sixteen chains whatever the vector, for compilers to put in vectors. */
static double
sum_squares(const float *x, size_t n)
{
    double sums[16] = {0.0};
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t k = 0; k < 16; k++)
            sums[k] += (double)x[i + k] * (double)x[i + k];
    for (size_t k = 0; i < n; i++, k++)
        sums[k] += (double)x[i] * (double)x[i];
    for (size_t width = 8; width != 0; width /= 2)
        for (size_t k = 0; k < width; k++)
            sums[k] += sums[k + width];
    return sums[0];
}

static inline vf
scaled_sum(float a, vf x, float b, vf y)
{
    return v_add(v_mul(v_set(a), x), v_mul(v_set(b), y));
}

static inline void
next_moments(vf *m, vf *v, vf g, const struct txe_adam *c)
{
    g = v_mul(v_set(c->clip), g);
    *m = scaled_sum(c->beta1, *m, c->rest1, g);
    *v = scaled_sum(c->beta2, *v, c->rest2, v_mul(g, g));
}

static inline vf
direction(vf p, vf m, vf v, const struct txe_adam *c)
{
    vf root = v_mul(v_set(c->scale), v_sqrt(v));
    vf ratio = v_div(m, v_add(root, v_set(c->eps)));
    return scaled_sum(c->step, ratio, c->decay, p);
}

static void
adam(float *p, float *m, float *v, const float *g, size_t n, const struct txe_adam *c)
{
    const struct txe_adam constants = *c; /* which no store can change */
    EACH_PART(n, {
        vf first = load_first(m + i, k), second = load_first(v + i, k);
        vf value = load_first(p + i, k);
        next_moments(&first, &second, load_first(g + i, k), &constants);
        store_first(m + i, k, first);
        store_first(v + i, k, second);
        store_first(p + i, k,
                    v_sub(value, direction(value, first, second, &constants)));
    });
}

static void
adam_direction(float *u, float *m, float *v, const float *g, const float *p, size_t n,
               const struct txe_adam *c)
{
    const struct txe_adam constants = *c;
    EACH_PART(n, {
        vf first = load_first(m + i, k), second = load_first(v + i, k);
        next_moments(&first, &second, load_first(g + i, k), &constants);
        store_first(m + i, k, first);
        store_first(v + i, k, second);
        store_first(u + i, k,
                    direction(load_first(p + i, k), first, second, &constants));
    });
}

static void
adam_apply(float *p, const float *m, const float *v, float rate, size_t n,
           const struct txe_adam *c)
{
    const struct txe_adam constants = *c;
    EACH_PART(n, {
        vf value = load_first(p + i, k);
        vf u = direction(value, load_first(m + i, k), load_first(v + i, k), &constants);
        store_first(p + i, k, v_sub(value, v_mul(v_set(rate), u)));
    });
}

static void
sgd(float *p, float *b, const float *g, size_t n, const struct txe_sgd *c)
{
    const struct txe_sgd constants = *c;
    EACH_PART(n, {
        vf value = load_first(p + i, k);
        vf d = scaled_sum(constants.clip, load_first(g + i, k), constants.decay, value);
        if (b != NULL) {
            vf buffer = load_first(b + i, k);
            buffer = scaled_sum(constants.momentum, buffer, constants.rest, d);
            store_first(b + i, k, buffer);
            d = constants.nesterov ? v_add(d, v_mul(v_set(constants.momentum), buffer))
                                   : buffer;
        }
        store_first(p + i, k, v_sub(value, v_mul(v_set(constants.lr), d)));
    });
}

static void
blend(float *a, const float *x, float weight, size_t n)
{
    EACH_PART(n, {
        vf old = load_first(a + i, k);
        vf change = v_sub(load_first(x + i, k), old);
        store_first(a + i, k, v_add(old, v_mul(v_set(weight), change)));
    });
}
