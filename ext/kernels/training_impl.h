/* The functions of struct txe_training_kernels, written once over the vector type of
 * vec_<isa>.h and the integers of words_<isa>.h, which the including file has included,
 * as it has <math.h>, <string.h>, base/common.h, training.h, elementary_impl.h,
 * rows_impl.h and the forward functions layernorm, softmax, act, add, to_bf16 and
 * from_bf16.  Everything here is static. */

#include "kernels/slopes_impl.h"

/* With d = x - mean, r = 1 / sqrt(var + eps), n = r d and g = gamma dy:
 * dx = r (g - mean g - n mean(g n)). */
static void
layernorm_backward_row(txe_real *dx, txe_real *dgamma, txe_real *dbeta,
                       const txe_real *dy, const txe_real *x, const txe_real *gamma,
                       txe_real eps, size_t C)
{
    const size_t rest = C % VW, whole = C - rest;
    const txe_real count = (txe_real)C;
    vf last = V(0), last_dy = V(0), last_g = V(0); /* the end of x - mean, dy, g */
    vf sums[ACCS], squares[ACCS], gs[ACCS], products[ACCS];

    fill(sums, 0);
    EACH_VECTOR(whole, { sums[k] = v_add(sums[k], v_load(x + at)); });
    if (rest != 0) {
        last = v_load_n(x + whole, rest);
        sums[0] = v_add(sums[0], last);
    }
    const txe_real mean = sum_of(sums) / count;

    /* Corrected by what the deviations sum to, as in the forward function. */
    fill(sums, 0);
    fill(squares, 0);
    fill(gs, 0);
    fill(products, 0);
    EACH_VECTOR(whole, {
        vf d = v_sub(v_load(x + at), v_set(mean));
        vf g = v_mul(v_load(gamma + at), v_load(dy + at));
        sums[k] = v_add(sums[k], d);
        squares[k] = v_fma(d, d, squares[k]);
        gs[k] = v_add(gs[k], g);
        products[k] = v_fma(g, d, products[k]);
    });
    if (rest != 0) {
        last = v_keep_n(v_sub(last, v_set(mean)), rest, V(0));
        last_dy = v_load_n(dy + whole, rest);
        last_g = v_mul(v_load_n(gamma + whole, rest), last_dy);
        sums[0] = v_add(sums[0], last);
        squares[0] = v_fma(last, last, squares[0]);
        gs[0] = v_add(gs[0], last_g);
        products[0] = v_fma(last_g, last, products[0]);
    }
    const txe_real shift = sum_of(sums) / count;
    const txe_real square = sum_of(squares) / count - shift * shift;
    const txe_real variance = TXE_MAX(square, (txe_real)0);
    const txe_real r = v_largest(v_div(V(1), v_sqrt(v_set(variance + eps))));
    const txe_real mean_g = sum_of(gs) / count;
    const txe_real mean_gn = r * (sum_of(products) / count - shift * mean_g);

    EACH_VECTOR(whole, {
        (void)k;
        vf of_y = v_load(dy + at);
        vf n = v_mul(v_sub(v_sub(v_load(x + at), v_set(mean)), v_set(shift)), v_set(r));
        vf g = v_fma(v_load(gamma + at), of_y, v_set(-mean_g));
        v_store(dx + at, v_mul(v_fma(n, v_set(-mean_gn), g), v_set(r)));
        if (dgamma != NULL)
            v_store(dgamma + at, v_fma(of_y, n, v_load(dgamma + at)));
        if (dbeta != NULL)
            v_store(dbeta + at, v_add(v_load(dbeta + at), of_y));
    });
    if (rest != 0) {
        vf n = v_mul(v_sub(last, v_set(shift)), v_set(r));
        vf g = v_sub(last_g, v_set(mean_g));
        v_store_n(dx + whole, rest, v_mul(v_fma(n, v_set(-mean_gn), g), v_set(r)));
        if (dgamma != NULL)
            v_store_n(dgamma + whole, rest,
                      v_fma(last_dy, n, v_load_n(dgamma + whole, rest)));
        if (dbeta != NULL)
            v_store_n(dbeta + whole, rest,
                      v_add(v_load_n(dbeta + whole, rest), last_dy));
    }
}

static void
layernorm_backward(txe_real *dx, txe_real *dgamma, txe_real *dbeta, const txe_real *dy,
                   const txe_real *x, const txe_real *gamma, txe_real eps, size_t T,
                   size_t C)
{
    for (size_t t = 0; t < T; t++)
        layernorm_backward_row(dx + t * C, dgamma, dbeta, dy + t * C, x + t * C, gamma,
                               eps, C);
}

static void
softmax_backward_row(txe_real *ds, const txe_real *p, const txe_real *dp, size_t n,
                     txe_real scale)
{
    const size_t rest = n % VW, whole = n - rest;
    vf last_p = V(0), last_dp = V(0);
    vf acc[ACCS];

    fill(acc, 0);
    EACH_VECTOR(whole, { acc[k] = v_fma(v_load(p + at), v_load(dp + at), acc[k]); });
    if (rest != 0) {
        last_p = v_load_n(p + whole, rest);
        last_dp = v_load_n(dp + whole, rest);
        acc[0] = v_fma(last_p, last_dp, acc[0]);
    }
    const vf mean = v_set(sum_of(acc));

    EACH_VECTOR(whole, {
        (void)k;
        vf from_mean = v_sub(v_load(dp + at), mean);
        v_store(ds + at, v_mul(v_mul(v_load(p + at), v_set(scale)), from_mean));
    });
    if (rest != 0)
        v_store_n(ds + whole, rest,
                  v_mul(v_mul(last_p, v_set(scale)), v_sub(last_dp, mean)));
}

static void
softmax_backward(txe_real *ds, const txe_real *p, const txe_real *dp, size_t rows,
                 size_t n, size_t stride, txe_real scale)
{
    for (size_t row = 0; row < rows; row++)
        softmax_backward_row(ds + row * stride, p + row * stride, dp + row * stride, n,
                             scale);
}

/* ---- dropout ---- */

#define PHILOX_ROUNDS 10
#define CHAINS 2                /* vectors of blocks at a time, for their latency */
#define WORDS (8 * VU * CHAINS) /* half-words drawn at a time */

struct philox_keys {
    vu first[PHILOX_ROUNDS], second[PHILOX_ROUNDS];
};

static inline void
philox_prepare(struct philox_keys *keys, uint64_t seed)
{
    uint32_t first = (uint32_t)seed, second = (uint32_t)(seed >> 32);
    for (size_t i = 0; i < PHILOX_ROUNDS; i++) {
        keys->first[i] = vu_set(first);
        keys->second[i] = vu_set(second);
        first += 0x9E3779B9u;
        second += 0xBB67AE85u;
    }
}

/* The half-words of the blocks block, block + 1, ... of a row's stream. */
static inline void
philox(uint16_t words[WORDS], const struct philox_keys *keys, uint32_t block,
       uint64_t row, uint32_t site)
{
    vu a[CHAINS], b[CHAINS], c[CHAINS], d[CHAINS];
    for (size_t k = 0; k < CHAINS; k++) {
        a[k] = vu_count(block + (uint32_t)k * VU);
        b[k] = vu_set((uint32_t)row);
        c[k] = vu_set(site);
        d[k] = vu_set((uint32_t)(row >> 32));
    }
    for (size_t i = 0; i < PHILOX_ROUNDS; i++)
        for (size_t k = 0; k < CHAINS; k++) {
            vu of_a = vu_multiply(a[k], vu_set(0xD2511F53u));
            vu of_c = vu_multiply(c[k], vu_set(0xCD9E8D57u));
            a[k] = vu_mix(of_c, b[k], keys->first[i]);
            b[k] = of_c;
            c[k] = vu_mix(of_a, d[k], keys->second[i]);
            d[k] = of_a;
        }
    for (size_t k = 0; k < CHAINS; k++)
        vu_store(words + k * 8 * VU, a[k], b[k], c[k], d[k]);
}

static void
dropout(txe_real *y, const txe_real *x, size_t n, const struct txe_dropout *place,
        uint64_t row, bool adding)
{
    uint16_t words[WORDS] = {0};
    struct philox_keys keys;
    const vf scale = v_set(place->scale);
    const vf below = v_sub(v_set((txe_real)place->threshold), V(0.5));
    if (place->threshold != 0)
        philox_prepare(&keys, place->seed);
    for (size_t i = 0; i < n; i += WORDS) {
        if (place->threshold != 0)
            philox(words, &keys, (uint32_t)(i / 8), row, place->site);
        const size_t some = TXE_MIN(n - i, (size_t)WORDS), rest = some % VW;
        const size_t whole = some - rest;
        for (size_t j = 0; j < whole; j += VW) {
            const vm kept = v_greater(v_load_u16(words + j), below);
            vf v = v_select(kept, v_mul(v_load(x + i + j), scale), V(0));
            v_store(y + i + j, adding ? v_add(v_load(y + i + j), v) : v);
        }
        if (rest != 0) {
            txe_real *end = y + i + whole;
            const vm kept = v_greater(v_load_u16(words + whole), below);
            vf v = v_mul(v_load_n(x + i + whole, rest), scale);
            v = v_select(kept, v, V(0));
            v_store_n(end, rest, adding ? v_add(v_load_n(end, rest), v) : v);
        }
    }
}

/* ---- cross-entropy ---- */

/* Elements whose sum is f32; those of such pieces are added in double. */
#define PIECE ((size_t)(32 * ACCS * VW))

/* The largest of x, *place its index, the first of equals, and *sum the sum. */
static txe_real
find_largest(const txe_real *x, size_t n, size_t *place, double *sum)
{
    txe_real largest = -INFINITY;
    size_t found = 0; /* the piece it is in */
    *sum = 0;
    for (size_t i = 0; i < n; i += PIECE) {
        const size_t some = TXE_MIN(n - i, PIECE), rest = some % VW;
        const size_t whole = some - rest;
        const txe_real *piece = x + i;
        vf most[ACCS], acc[ACCS];
        fill(most, -INFINITY);
        fill(acc, 0);
        EACH_VECTOR(whole, {
            vf v = v_load(piece + at);
            most[k] = v_max(most[k], v);
            acc[k] = v_add(acc[k], v);
        });
        if (rest != 0) {
            vf v = v_load_n(piece + whole, rest);
            most[0] = v_max(most[0], v_keep_n(v, rest, V(-INFINITY)));
            acc[0] = v_add(acc[0], v);
        }
        *sum += (double)sum_of(acc);
        const txe_real of_piece = largest_of(most);
        if (of_piece > largest) {
            largest = of_piece;
            found = i;
        }
    }
    *place = found;
    while (*place < n && x[*place] != largest)
        *place += 1;
    if (*place == n) /* nothing but NaN */
        *place = 0;
    return largest;
}

/* The sum of e = exp(x - largest), which take the place of x if `stored`. */
static double
sum_exponentials(txe_real *x, size_t n, txe_real largest, bool stored)
{
    vf acc[ACCS];
    double sum = 0;
    for (size_t i = 0; i < n; i += PIECE, x += PIECE) {
        const size_t some = TXE_MIN(n - i, PIECE), rest = some % VW;
        const size_t whole = some - rest;
        fill(acc, 0);
        EACH_VECTOR(whole, {
            vf e = v_exp(v_sub(v_load(x + at), v_set(largest)));
            if (stored)
                v_store(x + at, e);
            acc[k] = v_add(acc[k], e);
        });
        if (rest != 0) {
            vf e = v_exp(v_sub(v_load_n(x + whole, rest), v_set(largest)));
            if (stored)
                v_store_n(x + whole, rest, e);
            acc[0] = v_add(acc[0], v_keep_n(e, rest, V(0)));
        }
        sum += (double)sum_of(acc);
    }
    return sum;
}

static double
cross_entropy(txe_real *x, size_t n, size_t label, txe_real smoothing, txe_real weight,
              size_t *best)
{
    const double right = (double)x[label];
    double total;
    const txe_real largest = find_largest(x, n, best, &total);
    const double sum = sum_exponentials(x, n, largest, weight != 0);
    double loss = log(sum) + (1 - (double)smoothing) * ((double)largest - right);
    if (smoothing != 0)
        loss += (double)smoothing * ((double)largest - total / (double)n);
    if (weight == 0)
        return loss;

    const vf factor = v_set((txe_real)((double)weight / sum));
    const vf even = v_set((txe_real)(-(double)weight * (double)smoothing / (double)n));
    const size_t rest = n % VW, whole = n - rest;
    for (size_t i = 0; i < whole; i += VW)
        v_store(x + i, v_fma(v_load(x + i), factor, even));
    if (rest != 0)
        v_store_n(x + whole, rest, v_fma(v_load_n(x + whole, rest), factor, even));
    x[label] -= weight * (1 - smoothing);
    return loss;
}

static void
sum_columns(txe_real *sums, const txe_real *x, size_t T, size_t C, size_t ld)
{
    const size_t rest = C % VW, whole = C - rest;
    for (size_t t = 0; t < T; t++, x += ld) {
        for (size_t i = 0; i < whole; i += VW)
            v_store(sums + i, v_add(v_load(sums + i), v_load(x + i)));
        if (rest != 0)
            v_store_n(sums + whole, rest,
                      v_add(v_load_n(sums + whole, rest), v_load_n(x + whole, rest)));
    }
}

static const struct txe_training_kernels training_table = {
    .layernorm = layernorm_alone,
    .layernorm_backward = layernorm_backward,
    .act = act_alone,
    .act_backward = act_backward,
    .softmax = softmax,
    .softmax_backward = softmax_backward,
    .dropout = dropout,
    .cross_entropy = cross_entropy,
    .to_bf16 = to_bf16,
    .from_bf16 = from_bf16,
    .add = add,
    .sum_columns = sum_columns,
};
