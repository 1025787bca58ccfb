/* Matrix products whose operands change from call to call: see matmul.h.
 *
 * A task packs a group of panels and runs it over its rows of a, a block of rows at a
 * time: the group and the block stay in the cache nearest but one. */
#include "kernels/matmul.h"

#include <string.h>

#include "base/common.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/gemm.h"
#include "kernels/matrix.h"

/* Of the panels that a task packs at once, when more than one fits; more of them at
 * once read a less often. */
#define GROUP_NBYTES ((size_t)512 << 10)
#define MAX_GROUP 16 /* panels */
/* Of the rows that every panel of the group takes in turn: a multiple of the rows of
 * every tile, 4, 6, 8 and 32. */
#define BLOCK_NBYTES ((size_t)128 << 10)
#define BLOCK_UNIT 96
/* Tasks for each thread, so that one that is held up leaves the others work. */
#define TASKS_PER_THREAD 4
/* Rows below which packing costs too much of what a task does; the fewer where there
 * are less groups than threads. */
#define MIN_ROWS 256
#define FEW_ROWS 48
/* Steps of rows that are converted at a time on their way to a panel. */
#define CHUNK_STEPS 256

struct job {
    const struct txe_matmul *m;
    const struct txe_kernels *kernels;
    unsigned char *scratch;
    size_t scratch_nbytes; /* of one thread */
    size_t steps, nvectors, npanels;
    size_t panels_per_task, ngroups;
    size_t rows_per_task, nchunks;
};

/* Columns of y under a panel: `n` from `first` on, of `width` places. */
struct columns {
    size_t first, n, width;
};

static size_t
element_nbytes(const struct txe_right *b)
{
    return b->bf16 ? sizeof(uint16_t) : sizeof(float);
}

static size_t
panel_nbytes(const struct txe_kernels *kernels, size_t steps)
{
    return kernels->panel_vectors * kernels->lanes * steps * sizeof(uint32_t);
}

/* Panels of so many steps that fit a thread's scratch. */
static size_t
group_limit(const struct txe_kernels *kernels, size_t steps)
{
    const size_t nbytes = TXE_MAX(panel_nbytes(kernels, steps), (size_t)1);
    return TXE_MIN(TXE_MAX(GROUP_NBYTES / nbytes, (size_t)1), (size_t)MAX_GROUP);
}

size_t
txe_matmul_scratch(const struct txe_kernels *kernels, txe_precision precision, size_t K)
{
    const size_t panel = panel_nbytes(kernels, txe_steps(precision, K));
    const size_t nbytes = TXE_MAX(panel, TXE_MIN(MAX_GROUP * panel, GROUP_NBYTES));
    return (nbytes + TXE_LINE_NBYTES - 1) / TXE_LINE_NBYTES * TXE_LINE_NBYTES;
}

static struct columns
columns_of(const struct job *job, size_t panel_index)
{
    const size_t lanes = job->kernels->lanes;
    const struct txe_panel panel =
        txe_panel_at(job->kernels, job->nvectors, panel_index);
    const size_t first = panel.first * lanes, width = panel.count * lanes;
    return (struct columns){first, TXE_MIN(width, job->m->N - first), width};
}

/* Rows that are read next: a row of weights is too short for the processor to see where
 * the next one is, and far from it. */
#define AHEAD_ROWS 4
#define MIN_STEPS_AHEAD 128 /* of a tile: in fewer there is no time for it */
/* Rows that all panels of a group take in turn. */
#define CHUNK_ROWS 64

/* ---- panels from columns that lie in rows of memory ---- */

/* Steps [first, first + n) of one such row, as bfloat16; beyond K zeros. */
static void
lower_steps(const struct job *job, uint32_t *out, const void *row, size_t first,
            size_t n)
{
    const size_t k = 2 * first, count = TXE_MIN(2 * n, job->m->K - k);
    out[n - 1] = 0;
    if (job->m->b.bf16)
        memcpy(out, (const uint16_t *)row + k, count * sizeof(uint16_t));
    else
        job->kernels->to_bf16((uint16_t *)out, (const float *)row + k, count);
}

/* Steps of these rows that are in memory just as panels want them. */
static size_t
count_ready(const struct job *job, const void *rows)
{
    const struct txe_right *b = &job->m->b;
    if (job->m->precision == TXE_FLOAT32)
        return job->steps;
    const bool pairs =
        b->bf16 && b->ld % 2 == 0 && (uintptr_t)rows % sizeof(uint32_t) == 0;
    return pairs ? job->m->K / 2 : 0;
}

/* out [steps, width] = the transpose of `n` rows. */
static void
transpose_rows(const struct job *job, uint32_t *out, size_t width,
               const unsigned char *rows, size_t n)
{
    const struct txe_kernels *kernels = job->kernels;
    const size_t element = element_nbytes(&job->m->b);
    const size_t ld_nbytes = job->m->b.ld * element;
    const size_t ready = count_ready(job, rows);
    uint32_t buffer[TXE_MAX_LANES * CHUNK_STEPS];
    for (size_t r = 0; ready > 0 && r < n; r += kernels->lanes) {
        const size_t next = TXE_MIN(r + 2 * kernels->lanes, n);
        for (size_t i = r + kernels->lanes; i < next; i++)
            txe_prefetch_far(rows + i * ld_nbytes, ready * sizeof *out);
        kernels->transpose(
            out + r, width, (const uint32_t *)(const void *)(rows + r * ld_nbytes),
            ld_nbytes / sizeof *out, TXE_MIN(kernels->lanes, n - r), ready);
    }
    for (size_t k = ready; k < job->steps; k += CHUNK_STEPS) {
        const size_t depth = TXE_MIN((size_t)CHUNK_STEPS, job->steps - k);
        for (size_t r = 0; r < n; r += kernels->lanes) {
            const size_t count = TXE_MIN(kernels->lanes, n - r);
            for (size_t i = 0; i < count; i++) {
                const unsigned char *row = rows + (r + i) * ld_nbytes;
                if (r + i + AHEAD_ROWS < n)
                    txe_prefetch_far(row + AHEAD_ROWS * ld_nbytes + 2 * k * element,
                                     2 * depth * element);
                lower_steps(job, buffer + i * CHUNK_STEPS, row, k, depth);
            }
            kernels->transpose(out + k * width + r, width, buffer, CHUNK_STEPS, count,
                               depth);
        }
    }
}

static void
pack_columns(const struct job *job, uint32_t *out, const struct columns *columns)
{
    const struct txe_right *b = &job->m->b;
    for (size_t done = 0, n; done < columns->n; done += n) {
        const size_t column = columns->first + done;
        const size_t piece = column / b->extent, row = column % b->extent;
        n = TXE_MIN(columns->n - done, b->extent - row);
        transpose_rows(
            job, out + done, columns->width,
            (const unsigned char *)b->data[piece] + row * b->ld * element_nbytes(b), n);
    }
}

/* ---- panels from rows of the matrix itself ---- */

/* Row k from column `column` on. */
static const void *
row_at(const struct txe_right *b, size_t k, size_t column)
{
    size_t piece = 0;
    for (; k >= b->extent; k -= b->extent)
        piece++;
    return (const unsigned char *)b->data[piece] +
           (k * b->ld + column) * element_nbytes(b);
}

/* Two rows that share a step of bfloat16, n elements of each; converted into `memory`
 * where they are not bfloat16 yet.  Beyond K: zeros. */
struct row_pair {
    const uint16_t *row[2];
    uint16_t memory[2][TXE_MAX_PANEL];
};

static void
take_pair(const struct job *job, struct row_pair *pair, size_t step, size_t column,
          size_t n)
{
    const struct txe_right *b = &job->m->b;
    for (size_t i = 0; i < 2; i++) {
        const size_t k = 2 * step + i;
        pair->row[i] = pair->memory[i];
        if (k >= job->m->K)
            memset(pair->memory[i], 0, n * sizeof(uint16_t));
        else if (b->bf16)
            pair->row[i] = row_at(b, k, column);
        else
            job->kernels->to_bf16(pair->memory[i], row_at(b, k, column), n);
    }
}

/* Steps of a panel from `rows` rows of one piece of the matrix. */
static void
pack_steps(const struct job *job, uint32_t *out, size_t width, const void *x,
           size_t rows, size_t n)
{
    const struct txe_right *b = &job->m->b;
    if (job->m->precision == TXE_FLOAT32)
        job->kernels->panel_f32(out, width, x, b->ld, rows, n);
    else if (b->bf16)
        job->kernels->panel_bf16(out, width, x, b->ld, rows, n);
    else
        job->kernels->panel_lowered(out, width, x, b->ld, rows, n);
}

/* Step s, whose two rows lie in two pieces. */
static void
pack_straddling_step(const struct job *job, uint32_t *out, size_t s, size_t column,
                     size_t n)
{
    struct row_pair pair;
    take_pair(job, &pair, s, column, n);
    job->kernels->interleave(out, pair.row[0], pair.row[1], n);
}

/* A few rows of all panels of a group at a time, so that what is read of a row lies
 * side by side. */
static void
pack_rows(const struct job *job, uint32_t *group, size_t first_panel, size_t last_panel)
{
    const struct txe_right *b = &job->m->b;
    const size_t per_step = job->m->precision == TXE_FLOAT32 ? 1 : 2;
    const size_t begin = columns_of(job, first_panel).first;
    for (size_t s = 0, steps; s < job->steps; s += steps) {
        const size_t k = s * per_step;
        const size_t left = TXE_MIN(b->extent - k % b->extent, job->m->K - k);
        const bool straddles = left < per_step && k + left < job->m->K;
        const size_t some = TXE_MIN(left, (size_t)CHUNK_ROWS);
        const size_t rows = k + some < job->m->K ? some / per_step * per_step : some;
        steps = straddles ? 1 : (rows + per_step - 1) / per_step;
        for (size_t i = first_panel; i < last_panel; i++) {
            const struct columns c = columns_of(job, i);
            uint32_t *out = group + (c.first - begin) * job->steps + s * c.width;
            if (straddles)
                pack_straddling_step(job, out, s, c.first, c.n);
            else
                pack_steps(job, out, c.width, row_at(b, k, c.first), rows, c.n);
        }
    }
}

/* Panels [first, last), one behind the other; columns beyond N are zeros. */
static void
pack_group(const struct job *job, uint32_t *group, size_t first, size_t last)
{
    const size_t begin = columns_of(job, first).first;
    if (job->m->b.rows)
        pack_rows(job, group, first, last);
    for (size_t i = first; i < last; i++) {
        const struct columns columns = columns_of(job, i);
        uint32_t *out = group + (columns.first - begin) * job->steps;
        if (!job->m->b.rows)
            pack_columns(job, out, &columns);
        for (size_t s = 0; columns.n < columns.width && s < job->steps; s++)
            memset(out + s * columns.width + columns.n, 0,
                   (columns.width - columns.n) * sizeof *out);
    }
}

/* ---- products ---- */

/* bias [width] of these columns; false where there is none. */
static bool
gather_bias(const struct txe_matmul *m, float *bias, const struct columns *columns)
{
    const size_t extent = m->b.rows ? m->N : m->b.extent;
    bool found = false;
    memset(bias, 0, columns->width * sizeof *bias);
    for (size_t done = 0, n; done < columns->n; done += n) {
        const size_t column = columns->first + done;
        const float *piece = m->bias[column / extent];
        n = TXE_MIN(columns->n - done, extent - column % extent);
        if (piece != NULL)
            memcpy(bias + done, piece + column % extent, n * sizeof *bias);
        found |= piece != NULL;
    }
    return found;
}

/* Rows [row, end) of one panel, which lies at `panel`. */
static void
run_panel(const struct job *job, const uint32_t *panel, const struct columns *columns,
          size_t row, size_t end)
{
    const struct txe_matmul *m = job->m;
    const size_t lanes = job->kernels->lanes;
    const struct txe_tiles *tiles = &job->kernels->tiles[m->precision];
    const size_t extent = m->y_extent != 0 ? m->y_extent : m->M;
    float bias[TXE_MAX_PANEL], memory[TXE_MAX_TILE];
    struct txe_tile tile = {
        .panel = panel,
        .ldx = m->lda_nbytes,
        .steps = job->steps,
        .bias = gather_bias(m, bias, columns) ? bias : NULL,
        .add = m->add,
        .out = memory,
        .ldo = m->y16 != NULL ? columns->width : m->ldy,
        .vectors = columns->width / lanes,
        .last = columns->n - (columns->width - lanes),
    };
    /* What is added to comes from memory while the tile before is computed. */
    const bool ahead = m->add && job->steps >= MIN_STEPS_AHEAD;
    for (; row < end; row += tile.rows) {
        const size_t piece = row / extent, at = row % extent;
        tile.rows = TXE_MIN(TXE_MIN(tiles->rows, end - row), extent - at);
        tile.x = (const unsigned char *)m->a + row * m->lda_nbytes;
        if (m->y16 == NULL)
            tile.out = m->y[piece] + at * m->ldy + columns->first;
        if (ahead && at + 2 * tiles->rows <= extent)
            for (size_t r = tiles->rows; r < 2 * tiles->rows; r++)
                txe_prefetch_far(tile.out + r * m->ldy, columns->n * sizeof *tile.out);
        tiles->run(&tile);
        txe_tile_finish(
            &tile, job->kernels, m->act, m->act_params,
            m->y16 != NULL ? m->y16 + row * m->ldy16 + columns->first : NULL, m->ldy16);
    }
}

static void
run_task(void *context, size_t index, size_t worker)
{
    const struct job *job = context;
    const struct txe_tiles *tiles = &job->kernels->tiles[job->m->precision];
    uint32_t *group = (uint32_t *)(void *)(job->scratch + worker * job->scratch_nbytes);
    const size_t first = index / job->nchunks * job->panels_per_task;
    const size_t last = TXE_MIN(first + job->panels_per_task, job->npanels);
    const size_t begin = columns_of(job, first).first;
    const size_t row_nbytes = TXE_MAX(job->steps, (size_t)1) * sizeof(uint32_t);
    const size_t units = TXE_MAX(BLOCK_NBYTES / row_nbytes / BLOCK_UNIT, (size_t)1);
    size_t row = index % job->nchunks * job->rows_per_task;
    const size_t end = TXE_MIN(row + job->rows_per_task, job->m->M);
    pack_group(job, group, first, last);
    txe_tiles_begin(tiles);
    for (; row < end; row += units * BLOCK_UNIT)
        for (size_t i = first; i < last; i++) {
            const struct columns columns = columns_of(job, i);
            run_panel(job, group + (columns.first - begin) * job->steps, &columns, row,
                      TXE_MIN(row + units * BLOCK_UNIT, end));
        }
    txe_tiles_end(tiles);
}

static size_t
divide_up(size_t n, size_t by)
{
    return (n + by - 1) / by;
}

/* Cuts the product into tasks for so many threads; false when there is nothing to do.
 * Groups of fewer panels come first, as they are packed once all the same. */
static bool
plan(struct job *job, const struct txe_matmul *m, const struct txe_kernels *kernels,
     void *scratch, size_t nthreads)
{
    if (m->M == 0 || m->N == 0)
        return false;
    *job = (struct job){
        .m = m,
        .kernels = kernels,
        .scratch = scratch,
        .scratch_nbytes = txe_matmul_scratch(kernels, m->precision, m->K),
        .steps = txe_steps(m->precision, m->K),
        .nvectors = divide_up(m->N, kernels->lanes),
    };
    job->npanels = txe_panel_count(kernels, job->nvectors);
    const size_t wanted = nthreads == 1 ? 1 : nthreads * TASKS_PER_THREAD;
    const size_t limit = group_limit(kernels, job->steps);
    job->panels_per_task = TXE_MIN(limit, divide_up(job->npanels, wanted));
    job->ngroups = divide_up(job->npanels, job->panels_per_task);
    const size_t least = job->ngroups < nthreads ? FEW_ROWS : MIN_ROWS;
    const size_t nchunks =
        TXE_MIN(divide_up(wanted, job->ngroups), TXE_MAX(m->M / least, (size_t)1));
    job->rows_per_task =
        divide_up(divide_up(m->M, nchunks), (size_t)BLOCK_UNIT) * BLOCK_UNIT;
    job->nchunks = divide_up(m->M, job->rows_per_task);
    return true;
}

void
txe_matmul_run(const struct txe_matmul *m, const struct txe_kernels *kernels,
               void *scratch, size_t nworkers)
{
    struct job job;
    const size_t nthreads = TXE_MIN(
        nworkers, txe_product_threads(m->M, m->N, txe_steps(m->precision, m->K)));
    if (plan(&job, m, kernels, scratch, nthreads))
        txe_parallel_for(job.ngroups * job.nchunks, nthreads, run_task, &job);
}

void
txe_matmul_run_here(const struct txe_matmul *m, const struct txe_kernels *kernels,
                    void *scratch)
{
    struct job job;
    if (plan(&job, m, kernels, scratch, 1))
        for (size_t i = 0; i < job.ngroups * job.nchunks; i++)
            run_task(&job, i, 0);
}

/* ---- transposing ---- */

/* Columns of x that a task takes, and rows at a time. */
#define TURN_COLUMNS 64
#define TURN_ROWS 128 /* even */

struct turn {
    unsigned char *out;
    size_t ldout_nbytes;
    float *sums;
    const unsigned char *x;
    size_t ld_nbytes;
    txe_precision precision;
    size_t T, C;
    const struct txe_kernels *kernels;
};

/* out [n, steps] = the transpose of x [rows, n], as many columns at a time as a vector
 * has, so that what is written of a row lies side by side. */
static void
turn_block(const struct turn *turn, unsigned char *out, const unsigned char *x,
           size_t rows, size_t n)
{
    const struct txe_kernels *kernels = turn->kernels;
    const bool f32 = turn->precision == TXE_FLOAT32;
    const size_t lanes = kernels->lanes;
    static const uint16_t none[TURN_COLUMNS] = {0};
    uint32_t pairs[TURN_ROWS / 2 * TURN_COLUMNS];
    for (size_t t = 0; !f32 && t < rows; t += 2) {
        const unsigned char *first = x + t * turn->ld_nbytes;
        const void *second =
            t + 1 < rows ? first + turn->ld_nbytes : (const void *)none;
        kernels->interleave(pairs + t / 2 * TURN_COLUMNS, (const void *)first, second,
                            n);
    }
    const uint32_t *from = f32 ? (const uint32_t *)(const void *)x : pairs;
    const size_t ld = f32 ? turn->ld_nbytes / sizeof *from : TURN_COLUMNS;
    for (size_t c = 0; c < n; c += lanes)
        kernels->transpose((uint32_t *)(void *)(out + c * turn->ldout_nbytes),
                           turn->ldout_nbytes / sizeof *from, from + c, ld,
                           f32 ? rows : divide_up(rows, 2), TXE_MIN(lanes, n - c));
}

static void
turn_columns(void *context, size_t index, size_t worker)
{
    const struct turn *turn = context;
    (void)worker;
    const size_t size = turn->precision == TXE_BFLOAT16 ? 2 : 4;
    const size_t first = index * TURN_COLUMNS;
    const size_t n = TXE_MIN((size_t)TURN_COLUMNS, turn->C - first);
    for (size_t t = 0; t < turn->T; t += TURN_ROWS) {
        const size_t rows = TXE_MIN((size_t)TURN_ROWS, turn->T - t);
        const unsigned char *x = turn->x + t * turn->ld_nbytes + first * size;
        float *sums = turn->sums != NULL ? turn->sums + first : NULL;
        if (sums != NULL && turn->precision == TXE_FLOAT32)
            turn->kernels->column_sums(sums, (const float *)(const void *)x, rows, n,
                                       turn->ld_nbytes / size);
        else if (sums != NULL)
            turn->kernels->column_sums_bf16(sums, (const uint16_t *)(const void *)x,
                                            rows, n, turn->ld_nbytes / size);
        turn_block(turn, turn->out + first * turn->ldout_nbytes + t * size, x, rows, n);
    }
}

void
txe_matmul_transpose(void *out, size_t ldout_nbytes, txe_real *sums, const void *x,
                     size_t ld_nbytes, txe_precision precision, size_t T, size_t C,
                     const struct txe_kernels *kernels, size_t nworkers)
{
    struct turn turn = {out, ldout_nbytes, sums, x, ld_nbytes, precision, T,
                        C,   kernels};
    txe_parallel_for(divide_up(C, TURN_COLUMNS), nworkers, turn_columns, &turn);
}

void
txe_matmul_transpose_here(void *out, size_t ldout_nbytes, txe_real *sums, const void *x,
                          size_t ld_nbytes, txe_precision precision, size_t T, size_t C,
                          const struct txe_kernels *kernels)
{
    struct turn turn = {out, ldout_nbytes, sums, x, ld_nbytes, precision, T,
                        C,   kernels};
    for (size_t i = 0; i < divide_up(C, TURN_COLUMNS); i++)
        turn_columns(&turn, i, 0);
}
