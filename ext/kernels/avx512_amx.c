/* Products of bfloat16 and of int8 by AMX, for the table of avx512: sixteen steps of K
 * for sixteen rows and sixteen columns an instruction, in registers of sixteen rows of
 * 64 bytes ("tile registers").  A struct txe_tile takes six of them for its sums, two
 * by three, one for rows and one for columns: panels have the layout they want. */
#include "kernels/kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <string.h>

#include "base/common.h"
#include "base/target.h"

TXE_TARGET_BEGIN(TXE_TARGET_AVX512 ",amx-tile,amx-bf16,amx-int8")

#include "kernels/vec_avx512.h"

#include "kernels/dot_avx512.h"

#include "kernels/tile_impl.h"

#define UNIT 16         /* rows, steps and columns of a register */
#define ROWS (2 * UNIT) /* of a tile */
#define STEP_NBYTES 4   /* of one row or column */
#define UNIT_NBYTES 64  /* its steps of a register */
#define WIDTH (PANEL_VECTORS * UNIT)

/* Registers 0 to 5 hold sums, 6 rows, 7 columns.  Rows beyond `n` are neither read nor
 * written.  Tables, as sizes that were only just written are slow to load. */
struct sizes {
    uint8_t palette, start, reserved[14];
    uint16_t row_nbytes[16];
    uint8_t rows[16];
};
#define EIGHT(x) x, x, x, x, x, x, x, x
#define SIZES(n)                         \
    {                                    \
        1, 0, {0}, {EIGHT(UNIT_NBYTES)}, \
        {                                \
            n, n, n, n, n, n, n, UNIT    \
        }                                \
    }
static const struct sizes sizes_of[UNIT] = {
    SIZES(1),  SIZES(2),  SIZES(3),  SIZES(4),  SIZES(5),  SIZES(6),
    SIZES(7),  SIZES(8),  SIZES(9),  SIZES(10), SIZES(11), SIZES(12),
    SIZES(13), SIZES(14), SIZES(15), SIZES(16),
};

/* Once for many tiles: it takes a quarter of the time of one at K = 256. */
static void
begin_runs(void)
{
    _tile_loadconfig(&sizes_of[UNIT - 1]);
}

static void
end_runs(void)
{
    _tile_release();
}

static inline void
zero_sums(void)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
}

/* Sums += the products of UNIT steps.  x, ldx bytes apart: the upper rows; `lower` the
 * others, or NULL; w, ldw bytes apart: the columns, `vectors` times UNIT. */
#define DEFINE_ADD_PRODUCTS(P, multiply)                                \
    static ALWAYS_INLINE void P##_add_products(                         \
        const unsigned char *x, const unsigned char *lower, size_t ldx, \
        const unsigned char *w, size_t ldw, size_t vectors)             \
    {                                                                   \
        _tile_loadd(6, x, ldx);                                         \
        _tile_loadd(7, w, ldw);                                         \
        multiply(0, 6, 7);                                              \
        if (vectors > 1) {                                              \
            _tile_loadd(7, w + UNIT_NBYTES, ldw);                       \
            multiply(1, 6, 7);                                          \
        }                                                               \
        if (vectors > 2) {                                              \
            _tile_loadd(7, w + 2 * UNIT_NBYTES, ldw);                   \
            multiply(2, 6, 7);                                          \
        }                                                               \
        if (lower == NULL)                                              \
            return;                                                     \
        _tile_loadd(6, lower, ldx);                                     \
        if (vectors > 2)                                                \
            multiply(5, 6, 7);                                          \
        if (vectors > 1) {                                              \
            _tile_loadd(7, w + UNIT_NBYTES, ldw);                       \
            multiply(4, 6, 7);                                          \
            _tile_loadd(7, w, ldw);                                     \
        }                                                               \
        multiply(3, 6, 7);                                              \
    }

/* Both operands of the last steps, fewer than UNIT, with zeros behind them. */
struct rest {
    _Alignas(64) uint32_t x[ROWS][UNIT];
    _Alignas(64) uint32_t w[UNIT][WIDTH];
};

static void
take_rest(struct rest *rest, const struct txe_tile *t, size_t rows)
{
    const size_t done = t->steps / UNIT * UNIT, left = t->steps - done;
    const size_t columns = t->vectors * UNIT;
    const unsigned char *x = (const unsigned char *)t->x + done * STEP_NBYTES;
    const uint32_t *w = (const uint32_t *)t->panel + done * columns;
    const __mmask16 some = first_n(left);
    for (size_t r = 0; r < rows; r++)
        _mm512_store_si512(rest->x[r], _mm512_maskz_loadu_epi32(some, x + r * t->ldx));
    for (size_t k = 0; k < UNIT; k++)
        for (size_t c = 0; c < columns; c += UNIT)
            _mm512_store_si512(rest->w[k] + c,
                               k < left ? vi_load(w + k * columns + c) : vi_set(0));
}

static inline void
store_sums(void *sums, size_t vectors, bool both)
{
    unsigned char *at = sums;
    const size_t ld = WIDTH * STEP_NBYTES;
    _tile_stored(0, at, ld);
    if (vectors > 1)
        _tile_stored(1, at + UNIT_NBYTES, ld);
    if (vectors > 2)
        _tile_stored(2, at + 2 * UNIT_NBYTES, ld);
    if (!both)
        return;
    at += UNIT * ld;
    _tile_stored(3, at, ld);
    if (vectors > 1)
        _tile_stored(4, at + UNIT_NBYTES, ld);
    if (vectors > 2)
        _tile_stored(5, at + 2 * UNIT_NBYTES, ld);
}

/* The lower rows are the last UNIT, of which the upper may have some: a row's sums are
 * the same bits either way. */
#define DEFINE_AMX_TILES(P, multiply)                                                  \
    DEFINE_ADD_PRODUCTS(P, multiply)                                                   \
    static void P##_tiles(const struct txe_tile *t)                                    \
    {                                                                                  \
        _Alignas(64) P##_sum sums[ROWS][PANEL_VECTORS];                                \
        const size_t rows = TXE_MIN(t->rows, (size_t)ROWS);                            \
        const size_t whole = t->steps / UNIT, vectors = t->vectors;                    \
        const size_t upper = TXE_MIN(rows, (size_t)UNIT), lower = rows - upper;        \
        const size_t ldw = vectors * UNIT_NBYTES;                                      \
        const unsigned char *x = t->x, *w = t->panel;                                  \
        if (upper < UNIT)                                                              \
            _tile_loadconfig(&sizes_of[upper - 1]);                                    \
        zero_sums();                                                                   \
        for (size_t k = 0; k < whole; k++) {                                           \
            P##_add_products(x, lower > 0 ? x + lower * t->ldx : NULL, t->ldx, w, ldw, \
                             vectors);                                                 \
            x += UNIT_NBYTES;                                                          \
            w += UNIT * ldw;                                                           \
        }                                                                              \
        if (t->steps % UNIT != 0) {                                                    \
            struct rest rest;                                                          \
            take_rest(&rest, t, rows);                                                 \
            P##_add_products((const unsigned char *)rest.x,                            \
                             lower > 0 ? (const unsigned char *)rest.x[lower] : NULL,  \
                             UNIT_NBYTES, (const unsigned char *)rest.w,               \
                             sizeof rest.w[0], vectors);                               \
        }                                                                              \
        store_sums(sums, vectors, lower > 0);                                          \
        if (upper < UNIT)                                                              \
            begin_runs();                                                              \
        for (size_t r = 0; r < rows; r++)                                              \
            for (size_t v = 0; v < vectors; v++)                                       \
                P##_finish(t, r, v, vectors,                                           \
                           sums[r < upper ? r : UNIT + r - lower][v]);                 \
    }                                                                                  \
                                                                                       \
    static float P##_peak(size_t steps, const float *operand)                          \
    {                                                                                  \
        _Alignas(64) P##_sum sums[ROWS][PANEL_VECTORS];                                \
        float first;                                                                   \
        begin_runs();                                                                  \
        _tile_loadd(6, operand, UNIT_NBYTES);                                          \
        _tile_loadd(7, operand, UNIT_NBYTES);                                          \
        for (size_t k = 0; k < steps; k++) {                                           \
            multiply(0, 6, 7);                                                         \
            multiply(1, 6, 7);                                                         \
            multiply(2, 6, 7);                                                         \
            multiply(3, 6, 7);                                                         \
            multiply(4, 6, 7);                                                         \
            multiply(5, 6, 7);                                                         \
        }                                                                              \
        store_sums(sums, PANEL_VECTORS, true);                                         \
        end_runs();                                                                    \
        memcpy(&first, sums, sizeof first);                                            \
        return first;                                                                  \
    }

DEFINE_AMX_TILES(bf16, _tile_dpbf16ps)
DEFINE_AMX_TILES(s8, _tile_dpbusd)

#define AMX_TILES(P, PER_STEP)                                                 \
    {                                                                          \
        .run = P##_tiles, .begin = begin_runs, .end = end_runs, .rows = ROWS,  \
        .peak = P##_peak, .peak_products = 6 * UNIT * UNIT * UNIT * (PER_STEP) \
    }

static const struct txe_tiles bf16_changed = AMX_TILES(bf16, 2);
static const struct txe_tiles s8_changed = AMX_TILES(s8, 4);

TXE_TARGET_END

bool
txe_kernels_avx512_amx(struct txe_kernels *kernels)
{
    kernels->name = "avx512_amx";
    kernels->tiles[TXE_BFLOAT16] = bf16_changed;
    kernels->tiles[TXE_INT8] = s8_changed;
    return true;
}

#else

bool
txe_kernels_avx512_amx(struct txe_kernels *kernels)
{
    (void)kernels;
    return false;
}

#endif
