/* Tiles of matrix products, written once over the vector type of vec_<isa>.h and the
 * steps of dot_<isa>.h, which the including file has included.  Everything here is
 * static.
 *
 * For each precision P those headers define, with 32 bits of K a step (one f32, two
 * bfloat16, four bytes):
 *   P_row      a step of one row, repeated in every lane:  P_load_row(pointer)
 *   P_column   a step of VW columns, side by side:         P_load_column(pointer)
 *   P_sum      VW sums, first P_zero():  P_dot(sum, row, column) adds a step's products
 *   P_ROWS     rows of a tile,  PANEL_VECTORS  vectors of its columns at most.
 *
 * A tile's sums stay in registers over the whole of K, each a single chain of additions
 * in the order of K: a result does not depend on which rows and columns share its tile.
 * The arrays of sums have constant sizes and every loop over them is unrolled:
 * otherwise compilers keep them in memory. */

#if VW == 1
#define UNROLL /* sizes are not known */
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define UNROLL _Pragma("GCC unroll 8")
#else
#define UNROLL
#endif

#if defined(__GNUC__)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE inline
#endif

/* Weights are fetched this far ahead, into the second cache: the first has too few
 * places for what must be under way to hide memory's latency.  (Measured at 8 rows,
 * weights in memory: a quarter more than into the first cache, a sixth more than not at
 * all.) */
#define AHEAD_NBYTES 16384

/* ---- from sums to results ---- */

static ALWAYS_INLINE void
finish(const struct txe_tile *t, size_t r, size_t v, size_t vectors, vf y)
{
    float *out = t->out + r * t->ldo + v * VW;
    const bool whole = v + 1 < vectors || t->last == VW;
    if (t->bias != NULL)
        y = v_add(y, v_load(t->bias + v * VW));
    if (t->add)
        y = v_add(y, whole ? v_load(out) : v_load_n(out, t->last));
    if (whole)
        v_store(out, y);
    else
        v_store_n(out, t->last, y);
}

static ALWAYS_INLINE void
f32_finish(const struct txe_tile *t, size_t r, size_t v, size_t vectors, f32_sum sum)
{
    finish(t, r, v, vectors, sum);
}

static ALWAYS_INLINE void
bf16_finish(const struct txe_tile *t, size_t r, size_t v, size_t vectors, bf16_sum sum)
{
    finish(t, r, v, vectors, sum);
}

/* x = low + scale q  and  w = column_scale p:  x w = scale column_scale (q p) + low w
 */
static ALWAYS_INLINE void
s8_finish(const struct txe_tile *t, size_t r, size_t v, size_t vectors, s8_sum sum)
{
    vf products = v_mul(s8_value(sum), v_load(t->column_scale + v * VW));
    vf shift = v_mul(v_set(t->low[r]), v_load(t->column_sum + v * VW));
    finish(t, r, v, vectors, v_fma(v_set(t->scale[r]), products, shift));
}

/* ---- tiles ---- */

#define DEFINE_TILE(P, MAX_ROWS)                                                    \
    static ALWAYS_INLINE void P##_tile(const struct txe_tile *t, const size_t rows, \
                                       const size_t vectors)                        \
    {                                                                               \
        P##_sum sums[MAX_ROWS][PANEL_VECTORS];                                      \
        const unsigned char *x[MAX_ROWS];                                           \
        const unsigned char *w = t->panel;                                          \
        UNROLL for (size_t r = 0; r < rows; r++)                                    \
        {                                                                           \
            x[r] = (const unsigned char *)t->x + r * t->ldx;                        \
            UNROLL for (size_t v = 0; v < vectors; v++) sums[r][v] = P##_zero();    \
        }                                                                           \
        for (size_t k = 0; k < t->steps; k++) {                                     \
            P##_column column[PANEL_VECTORS];                                       \
            UNROLL for (size_t v = 0; v < vectors; v++)                             \
            {                                                                       \
                column[v] = P##_load_column(w + v * VW * 4);                        \
                TXE_PREFETCH_FAR(w + AHEAD_NBYTES + v * VW * 4);                    \
            }                                                                       \
            UNROLL for (size_t r = 0; r < rows; r++)                                \
            {                                                                       \
                const P##_row row = P##_load_row(x[r] + 4 * k);                     \
                UNROLL for (size_t v = 0; v < vectors; v++) sums[r][v] =            \
                    P##_dot(sums[r][v], row, column[v]);                            \
            }                                                                       \
            w += vectors * VW * 4;                                                  \
        }                                                                           \
        UNROLL for (size_t r = 0; r < rows; r++)                                    \
        {                                                                           \
            UNROLL for (size_t v = 0; v < vectors; v++)                             \
                P##_finish(t, r, v, vectors, sums[r][v]);                           \
        }                                                                           \
    }

#if VW == 1

/* Nothing is won by a function for every size. */
#define DEFINE_TILES(P, MAX_ROWS)                                    \
    static void P##_tiles(const struct txe_tile *t)                  \
    {                                                                \
        P##_tile(t, TXE_MIN(t->rows, (size_t)MAX_ROWS), t->vectors); \
    }

#else

/* One function for every number of rows and vectors. */
#define ROWS_CASE(P, n, MAX_ROWS, vectors)                     \
    case n:                                                    \
        P##_tile(t, (n) < MAX_ROWS ? (n) : MAX_ROWS, vectors); \
        break;

#define DEFINE_WIDTH(P, MAX_ROWS, vectors)                    \
    static void P##_tiles_##vectors(const struct txe_tile *t) \
    {                                                         \
        switch (TXE_MIN(t->rows, (size_t)MAX_ROWS)) {         \
            ROWS_CASE(P, 1, MAX_ROWS, vectors)                \
            ROWS_CASE(P, 2, MAX_ROWS, vectors)                \
            ROWS_CASE(P, 3, MAX_ROWS, vectors)                \
            ROWS_CASE(P, 4, MAX_ROWS, vectors)                \
            ROWS_CASE(P, 5, MAX_ROWS, vectors)                \
            ROWS_CASE(P, 6, MAX_ROWS, vectors)                \
            ROWS_CASE(P, 7, MAX_ROWS, vectors)                \
            ROWS_CASE(P, 8, MAX_ROWS, vectors)                \
        }                                                     \
    }

#if PANEL_VECTORS == 3
#define WIDER(P, MAX_ROWS) DEFINE_WIDTH(P, MAX_ROWS, 3)
#define WIDER_CASE(P)   \
    case 3:             \
        P##_tiles_3(t); \
        break;
#else
#define WIDER(P, MAX_ROWS)
#define WIDER_CASE(P)
#endif

#define DEFINE_TILES(P, MAX_ROWS)                   \
    DEFINE_WIDTH(P, MAX_ROWS, 1)                    \
    DEFINE_WIDTH(P, MAX_ROWS, 2)                    \
    WIDER(P, MAX_ROWS)                              \
    static void P##_tiles(const struct txe_tile *t) \
    {                                               \
        switch (t->vectors) {                       \
        case 1:                                     \
            P##_tiles_1(t);                         \
            break;                                  \
        case 2:                                     \
            P##_tiles_2(t);                         \
            break;                                  \
            WIDER_CASE(P)                           \
        }                                           \
    }

#endif

/* ---- the peak ---- */

/* Products and sums in registers alone, in as many chains as a tile has, which begin
 * with what stands in operand. */
#define DEFINE_PEAK(P, MAX_ROWS)                                               \
    static float P##_peak(size_t steps, const float *operand)                  \
    {                                                                          \
        P##_sum sums[MAX_ROWS][PANEL_VECTORS];                                 \
        const P##_column column = P##_load_column(operand);                    \
        UNROLL for (size_t r = 0; r < MAX_ROWS; r++)                           \
        {                                                                      \
            UNROLL for (size_t v = 0; v < PANEL_VECTORS; v++)                  \
                memcpy(&sums[r][v], operand + (r * PANEL_VECTORS + v) * VW,    \
                       sizeof sums[r][v]);                                     \
        }                                                                      \
        for (size_t k = 0; k < steps; k++) {                                   \
            /* Another each time, so that no product is the same as before. */ \
            const P##_row row = P##_load_row(operand + k % 64);                \
            UNROLL for (size_t r = 0; r < MAX_ROWS; r++)                       \
            {                                                                  \
                UNROLL for (size_t v = 0; v < PANEL_VECTORS; v++) sums[r][v] = \
                    P##_dot(sums[r][v], row, column);                          \
            }                                                                  \
        }                                                                      \
        float total = 0;                                                       \
        UNROLL for (size_t r = 0; r < MAX_ROWS; r++)                           \
        {                                                                      \
            UNROLL for (size_t v = 0; v < PANEL_VECTORS; v++)                  \
            {                                                                  \
                float lanes[VW];                                               \
                memcpy(lanes, &sums[r][v], sizeof lanes);                      \
                total += lanes[0];                                             \
            }                                                                  \
        }                                                                      \
        return total;                                                          \
    }

/* Everything of one precision, and its entry in a table of kernels. */
#define DEFINE_PRECISION(P, MAX_ROWS) \
    DEFINE_TILE(P, MAX_ROWS)          \
    DEFINE_TILES(P, MAX_ROWS)         \
    DEFINE_PEAK(P, MAX_ROWS)

#define TILES(P, MAX_ROWS, PER_STEP)                                        \
    {                                                                       \
        .run = P##_tiles, .rows = (MAX_ROWS), .peak = P##_peak,             \
        .peak_products = (size_t)(MAX_ROWS)*PANEL_VECTORS * VW * (PER_STEP) \
    }
