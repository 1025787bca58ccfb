/* Matrix products: see gemm.h. */
#include "kernels/gemm.h"

#include "base/clock.h"
#include "base/common.h"
#include "base/threads.h"
#include "kernels/blas.h"

/* Rows that a task takes: with fewer, weights are read more often than need be; with
 * more, the rows themselves leave the cache. */
#define BLOCK_ROWS 128
/* Tasks for each thread, so that one that is held up leaves the others work. */
#define TASKS_PER_THREAD 4
/* At least this many multiplications make a share worth waking a thread for. */
#define MIN_TASK_WORK ((size_t)1 << 18)

struct job {
    const struct txe_product *product;
    const struct txe_packed *w;
    const struct txe_kernels *kernels;
    size_t begin, end; /* panels */
    size_t panels_per_task;
    size_t ngroups; /* of panels */
    size_t rows_per_task;
};

void
txe_tile_finish(const struct txe_tile *tile, const struct txe_kernels *kernels,
                txe_activation act, const float *act_params, uint16_t *y16,
                size_t ldy16)
{
    const size_t columns = (tile->vectors - 1) * kernels->lanes + tile->last;
    if (act != TXE_ACT_LINEAR)
        kernels->bias_act(tile->out, NULL, tile->rows, columns, tile->ldo, act,
                          act_params);
    for (size_t r = 0; y16 != NULL && r < tile->rows; r++)
        kernels->to_bf16(y16 + r * ldy16, tile->out + r * tile->ldo, columns);
}

/* Rows [row, end) of one panel of columns. */
static void
run_panel(const struct job *job, size_t panel_index, size_t row, size_t end)
{
    const struct txe_product *p = job->product;
    const struct txe_packed *w = job->w;
    const size_t lanes = job->kernels->lanes;
    const struct txe_tiles *tiles = &job->kernels->tiles[w->precision];
    const struct txe_panel panel = txe_panel_at(job->kernels, w->nvectors, panel_index);
    const size_t column = panel.first * lanes;
    float memory[TXE_MAX_TILE];
    struct txe_tile tile = {
        .panel = w->panels + column * w->steps,
        .ldx = p->x.stride,
        .steps = w->steps,
        .bias = w->bias + column,
        .column_scale = w->scale + column,
        .column_sum = w->sum + column,
        .add = p->add,
        .vectors = panel.count,
        .last = TXE_MIN(lanes, w->N - column - (panel.count - 1) * lanes),
    };
    for (; row < end; row += tiles->rows) {
        const struct txe_rows x = txe_rows_from(&p->x, row);
        tile.rows = TXE_MIN(tiles->rows, end - row);
        tile.x = x.data;
        tile.scale = x.scale;
        tile.low = x.low;
        tile.out = p->y16 != NULL ? memory : p->y + row * p->ldy + column;
        tile.ldo = p->y16 != NULL ? panel.count * lanes : p->ldy;
        tiles->run(&tile);
        txe_tile_finish(&tile, job->kernels, p->act, p->act_params,
                        p->y16 != NULL ? p->y16 + row * p->ldy16 + column : NULL,
                        p->ldy16);
    }
}

static void
run_task(void *context, size_t index, size_t worker)
{
    const struct job *job = context;
    const struct txe_tiles *tiles = &job->kernels->tiles[job->w->precision];
    (void)worker;
    const size_t row = index / job->ngroups * job->rows_per_task;
    const size_t first = job->begin + index % job->ngroups * job->panels_per_task;
    const size_t last = TXE_MIN(first + job->panels_per_task, job->end);
    const size_t end = TXE_MIN(row + job->rows_per_task, job->product->rows);
    txe_tiles_begin(tiles);
    for (size_t panel = first; panel < last; panel++)
        run_panel(job, panel, row, end);
    txe_tiles_end(tiles);
}

size_t
txe_product_threads(size_t rows, size_t columns, size_t steps)
{
    const size_t nthreads = txe_threads_get();
    size_t work;
    if (txe_mul_size(rows, columns, &work) && txe_mul_size(work, steps, &work))
        return TXE_MIN(nthreads, work / MIN_TASK_WORK + 1);
    return nthreads;
}

void
txe_multiply(const struct txe_product *product, const struct txe_packed *weights,
             const struct txe_kernels *kernels)
{
    const size_t npanels = txe_panel_count(kernels, weights->nvectors);
    struct job job = {.product = product,
                      .w = weights,
                      .kernels = kernels,
                      .end = npanels,
                      .rows_per_task = BLOCK_ROWS};
    if (product->last != 0) {
        struct txe_panel panel;
        while (panel = txe_panel_at(kernels, weights->nvectors, job.begin),
               (panel.first + panel.count) * kernels->lanes <= product->first)
            job.begin++;
        while (panel = txe_panel_at(kernels, weights->nvectors, job.end - 1),
               panel.first * kernels->lanes >= product->last)
            job.end--;
    }
    if (product->rows == 0 || job.begin >= job.end)
        return;
    const size_t nthreads =
        txe_product_threads(product->rows, weights->N, weights->steps);
    if (product->rows < 2 * BLOCK_ROWS)
        job.rows_per_task = product->rows;
    const size_t nblocks = (product->rows + job.rows_per_task - 1) / job.rows_per_task;
    const size_t wanted = nthreads == 1 ? 1 : nthreads * TASKS_PER_THREAD;
    const size_t ngroups =
        TXE_MIN((wanted + nblocks - 1) / nblocks, job.end - job.begin);
    job.panels_per_task = (job.end - job.begin + ngroups - 1) / ngroups;
    job.ngroups = (job.end - job.begin + job.panels_per_task - 1) / job.panels_per_task;
    txe_parallel_for(nblocks * job.ngroups, nthreads, run_task, &job);
}

/* ---- weights where they lie ---- */

struct plain {
    const struct txe_product *product;
    const struct txe_matrix *w;
    const struct txe_kernels *kernels;
};

static void
finish_row(void *context, size_t row, size_t worker)
{
    const struct plain *job = context;
    const struct txe_product *p = job->product;
    const size_t width = job->w->N / job->w->nparts;
    (void)worker;
    for (size_t i = 0; i < job->w->nparts; i++)
        if (p->last == 0 || (i * width >= p->first && i * width < p->last))
            job->kernels->bias_act(p->y + row * p->ldy + i * width, job->w->bias[i], 1,
                                   width, width, p->act, p->act_params);
}

void
txe_multiply_plain(const struct txe_product *product, const struct txe_matrix *weights,
                   const struct txe_kernels *kernels)
{
    struct plain job = {product, weights, kernels};
    const size_t width = weights->N / weights->nparts;
    for (size_t i = 0; i < weights->nparts; i++)
        if (product->last == 0 ||
            (i * width >= product->first && i * width < product->last))
            txe_blas_linear(product->y + i * width, product->ldy, product->x.data,
                            product->x.stride / sizeof(float), weights->weight[i],
                            product->rows, width, weights->K, product->add);
    txe_parallel_for(product->rows, txe_product_threads(product->rows, weights->N, 64),
                     finish_row, &job);
}

/* ---- the peak ---- */

double
txe_measure_peak(const struct txe_tiles *tiles, double seconds)
{
    const size_t steps = 100000;
    const float operand[TXE_PEAK_OPERANDS] = {0};
    volatile float sink;
    const int64_t start = txe_clock_ns();
    int64_t end = start;
    double best = 0;
    while ((double)(end - start) < 1e9 * seconds) {
        const int64_t before = txe_clock_ns();
        sink = tiles->peak(steps, operand);
        end = txe_clock_ns();
        const double speed =
            2e9 * (double)(steps * tiles->peak_products) / (double)(end - before);
        best = TXE_MAX(best, speed);
    }
    (void)sink;
    return best;
}
