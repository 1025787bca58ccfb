/* Conversions between precisions, written once over the vector type of vec_<isa>.h,
 * included as for ops_impl.h, which stands before this.  Everything here is static. */

#define DEFINE_WIDENING(name, v_load_16)                    \
    static void name(float *y, const uint16_t *x, size_t n) \
    {                                                       \
        size_t i = 0;                                       \
        for (; i + VW <= n; i += VW)                        \
            v_store(y + i, v_load_16(x + i));               \
        if (i < n) {                                        \
            uint16_t last[VW] = {0};                        \
            memcpy(last, x + i, (n - i) * sizeof last[0]);  \
            v_store_n(y + i, n - i, v_load_16(last));       \
        }                                                   \
    }

DEFINE_WIDENING(from_f16, v_load_f16)
DEFINE_WIDENING(from_bf16, v_load_bf16)

static void
to_bf16(uint16_t *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + VW <= n; i += VW)
        v_store_bf16(y + i, v_load(x + i));
    if (i < n) {
        uint16_t last[VW];
        v_store_bf16(last, v_load_n(x + i, n - i));
        memcpy(y + i, last, (n - i) * sizeof last[0]);
    }
}

/* The least and the largest of n >= 1 elements; false where any is not finite, nor
 * where their difference is not. */
static inline bool
find_range(float *least, float *largest, const float *x, size_t n)
{
    const size_t rest = n % VW, whole = n - rest;
    vf high[ACCS], low[ACCS], zero[ACCS];
    fill(high, x[0]);
    fill(low, -x[0]);
    fill(zero, 0.0f);
    EACH_VECTOR(whole, {
        vf v = v_load(x + at);
        high[k] = v_max(high[k], v);
        low[k] = v_max(low[k], v_sub(v_set(0.0f), v));
        zero[k] = v_fma(v, v_set(0.0f), zero[k]); /* NaN where v is not finite */
    });
    if (rest != 0) {
        vf v = v_keep_n(v_load_n(x + whole, rest), rest, v_set(x[0]));
        high[0] = v_max(high[0], v);
        low[0] = v_max(low[0], v_sub(v_set(0.0f), v));
        zero[0] = v_fma(v, v_set(0.0f), zero[0]);
    }
    *largest = largest_of(high);
    *least = -largest_of(low);
    return sum_of(zero) == 0.0f && *largest - *least <= FLT_MAX;
}

/* y = round((x - low) inverse), whole numbers that fit a byte. */
static inline void
round_to_bytes(uint8_t *y, const float *x, size_t n, float low, float inverse)
{
    size_t i = 0;
    for (; i + VW <= n; i += VW)
        v_store_bytes(y + i,
                      v_round(v_mul(v_sub(v_load(x + i), v_set(low)), v_set(inverse))));
    if (i < n) {
        uint8_t last[VW];
        v_store_bytes(last, v_round(v_mul(v_sub(v_load_n(x + i, n - i), v_set(low)),
                                          v_set(inverse))));
        memcpy(y + i, last, n - i);
    }
}

static void
quantize(uint8_t *y, float *scale, float *low, const float *x, size_t n)
{
    float least, largest;
    if (!find_range(&least, &largest, x, n)) {
        memset(y, 0, n);
        *scale = *low = NAN;
        return;
    }
    /* A range so small that its 255th part has no inverse counts as none. */
    const float range = largest - least;
    const float inverse = range > 1e-30f ? 255.0f / range : 0.0f;
    *scale = range / 255.0f;
    *low = least;
    round_to_bytes(y, x, n, least, inverse);
}

static void
quantize_weights(int8_t *y, float *scale, float *sum, const float *x, size_t n)
{
    float least, largest;
    if (!find_range(&least, &largest, x, n)) {
        memset(y, 0, n);
        *scale = *sum = NAN;
        return;
    }
    const float bound = TXE_MAX(largest, -least);
    const float inverse = bound > 1e-30f ? 127.0f / bound : 0.0f;
    *scale = bound / 127.0f;
    round_to_bytes((uint8_t *)y, x, n, 0.0f, inverse);
    int64_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += y[i];
    *sum = *scale * (float)total;
}

static void
transpose(uint32_t *y, size_t ldy, const uint32_t *x, size_t ldx, size_t rows,
          size_t columns)
{
    size_t r = 0;
    for (; r + VW <= rows; r += VW) {
        size_t c = 0;
        for (; c + VW <= columns; c += VW)
            v_transpose(y + c * ldy + r, ldy, x + r * ldx + c, ldx);
        for (; c < columns; c++)
            for (size_t i = r; i < r + VW; i++)
                y[c * ldy + i] = x[i * ldx + c];
    }
    for (; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            y[c * ldy + r] = x[r * ldx + c];
}
