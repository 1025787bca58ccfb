/* What products that sum over rows need of the columns of their operands, written once
 * over the vector type of vec_<isa>.h, which stands before this.  Everything here is
 * static. */

#define MAX_PANEL (3 * 16) /* columns */

/* Compilers vectorise it for the region they are in. */
static void
interleave(uint32_t *restrict y, const uint16_t *restrict low,
           const uint16_t *restrict high, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = low[i] | (uint32_t)high[i] << 16;
}

/* Asks for the row that is read a while later; rows of a few lines each are too short
 * for the processor to see where the next one is. */
#define ROWS_AHEAD 16

static void
panel_f32(uint32_t *out, size_t ldout, const float *x, size_t ld, size_t K, size_t n)
{
    for (size_t k = 0; k < K; k++, x += ld, out += ldout) {
        float *to = (float *)(void *)out;
        size_t c = 0;
        txe_prefetch_far(x + ROWS_AHEAD * ld, n * sizeof *x);
        for (; c + VW <= n; c += VW)
            v_store(to + c, v_load(x + c));
        if (c < n)
            v_store_n(to + c, n - c, v_load_n(x + c, n - c));
    }
}

static void
panel_bf16(uint32_t *out, size_t ldout, const uint16_t *x, size_t ld, size_t K,
           size_t n)
{
    static const uint16_t none[MAX_PANEL] = {0};
    for (size_t k = 0; k < K; k += 2, x += 2 * ld, out += ldout) {
        txe_prefetch_far(x + ROWS_AHEAD * ld, n * sizeof *x);
        txe_prefetch_far(x + (ROWS_AHEAD + 1) * ld, n * sizeof *x);
        interleave(out, x, k + 1 < K ? x + ld : none, n);
    }
}

static void
panel_lowered(uint32_t *out, size_t ldout, const float *x, size_t ld, size_t K,
              size_t n)
{
    static const float none[MAX_PANEL] = {0};
    for (size_t k = 0; k < K; k += 2, x += 2 * ld, out += ldout) {
        const float *second = k + 1 < K ? x + ld : none;
        size_t c = 0;
        txe_prefetch_far(x + ROWS_AHEAD * ld, n * sizeof *x);
        txe_prefetch_far(x + (ROWS_AHEAD + 1) * ld, n * sizeof *x);
        for (; c + VW <= n; c += VW)
            v_store_bf16_pairs(out + c, v_load(x + c), v_load(second + c));
        if (c < n) {
            uint32_t last[VW];
            v_store_bf16_pairs(last, v_load_n(x + c, n - c),
                               v_load_n(second + c, n - c));
            memcpy(out + c, last, (n - c) * sizeof last[0]);
        }
    }
}

/* The first n elements as floats, n < VW; the others 0. */
static inline vf
v_load_bf16_n(const uint16_t *p, size_t n)
{
    uint16_t first[VW] = {0};
    memcpy(first, p, n * sizeof first[0]);
    return v_load_bf16(first);
}

/* The sums of a few vectors of columns stay in registers over all rows. */
#define DEFINE_COLUMN_SUMS(name, type, load, load_n)                             \
    static void name(float *sums, const type *x, size_t T, size_t C, size_t ld)  \
    {                                                                            \
        size_t c = 0;                                                            \
        for (; c + ACCS * VW <= C; c += ACCS * VW) {                             \
            vf total[ACCS];                                                      \
            for (size_t k = 0; k < ACCS; k++)                                    \
                total[k] = v_set(0.0f);                                          \
            for (size_t t = 0; t < T; t++)                                       \
                for (size_t k = 0; k < ACCS; k++)                                \
                    total[k] = v_add(total[k], load(x + t * ld + c + k * VW));   \
            for (size_t k = 0; k < ACCS; k++)                                    \
                v_store(sums + c + k * VW,                                       \
                        v_add(v_load(sums + c + k * VW), total[k]));             \
        }                                                                        \
        for (; c + VW <= C; c += VW) {                                           \
            vf total = v_set(0.0f);                                              \
            for (size_t t = 0; t < T; t++)                                       \
                total = v_add(total, load(x + t * ld + c));                      \
            v_store(sums + c, v_add(v_load(sums + c), total));                   \
        }                                                                        \
        if (c < C) {                                                             \
            vf total = v_set(0.0f);                                              \
            for (size_t t = 0; t < T; t++)                                       \
                total = v_add(total, load_n(x + t * ld + c, C - c));             \
            v_store_n(sums + c, C - c, v_add(v_load_n(sums + c, C - c), total)); \
        }                                                                        \
    }

DEFINE_COLUMN_SUMS(column_sums, float, v_load, v_load_n)
DEFINE_COLUMN_SUMS(column_sums_bf16, uint16_t, v_load_bf16, v_load_bf16_n)
