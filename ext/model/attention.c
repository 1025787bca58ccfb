/* Self-attention: see attention.h.
 *
 * Keys and values of one head of one sequence are packed as weights are (matrix.h), so
 * that both products run on the tiles of the kernels. */
#include "model/attention.h"

#include <math.h>
#include <string.h>

#include "base/common.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/matrix.h"

/* Rows of queries taken at a time: at most so many, and as few as keep their scores in
 * the cache nearest but one, but a whole tile. */
#define BLOCK_ROWS 64
#define BLOCK_NBYTES ((size_t)128 << 10)
#define TILE_ROWS 24 /* a multiple of the rows of every tile: 4, 6, 8 */
#define TASKS_PER_THREAD 4

/* What the tasks of one run share. */
struct run {
    const struct txe_attention *a;
    size_t D, vectors_d, steps_d;
    size_t chunk_rows, chunks; /* of the queries of a head */
    float scale;
    unsigned char *scratch;
    size_t scratch_nbytes; /* of one thread */
};

/* One head of one sequence. */
struct head {
    const struct run *run;
    const struct txe_sequence *sequence;
    size_t b, h;
    size_t nkeys, vectors_k, steps_k, lds;
    uint32_t *keys;    /* panels of keys, [steps_d] deep */
    uint32_t *values;  /* panels of D, [steps_k] deep */
    float *scores;     /* [rows, lds] */
    uint16_t *weights; /* [rows, 2 steps_k]: probabilities in bfloat16 */
    float *context;    /* [rows, vectors_d * lanes], on its way to bfloat16 */
};

static size_t
count_queries(const struct txe_attention *a, const struct txe_sequence *sequence)
{
    return a->results_only ? sequence->nresults : sequence->nrows;
}

static size_t
round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static size_t
block_rows(size_t lds)
{
    const size_t fitting = BLOCK_NBYTES / sizeof(float) / TXE_MAX(lds, (size_t)1);
    return TXE_MIN((size_t)BLOCK_ROWS, TXE_MAX(fitting, (size_t)TILE_ROWS));
}

/* What the scores of a block take at most; it grows with lds. */
static size_t
block_nbytes(size_t lds)
{
    const size_t row = lds * sizeof(float);
    return TXE_MIN(BLOCK_ROWS * row, TXE_MAX(BLOCK_NBYTES, TILE_ROWS * row));
}

/* Places the arrays of a head with so many keys. */
static void
lay_out(struct head *head, const struct txe_attention *a, size_t nkeys,
        struct txe_layout *layout)
{
    const size_t lanes = a->kernels->lanes;
    const size_t D = a->config->hidden_size / a->config->num_heads;
    const size_t width = round_up(D, lanes);
    head->nkeys = nkeys;
    head->lds = round_up(nkeys, lanes);
    head->vectors_k = head->lds / lanes;
    head->steps_k = txe_steps(a->precision, nkeys);
    head->keys = txe_place(layout, head->lds, txe_steps(a->precision, D) * 4);
    head->values = txe_place(layout, width, head->steps_k * 4);
    const size_t scores = block_nbytes(head->lds);
    head->scores = txe_place(layout, scores, 1);
    const bool low = a->precision == TXE_BFLOAT16;
    head->weights = txe_place(layout, low ? scores / 2 + BLOCK_ROWS * 4 : 0, 1);
    head->context =
        txe_place(layout, low ? BLOCK_ROWS : 0, width * sizeof *head->context);
}

size_t
txe_attention_scratch(const struct txe_attention *attention)
{
    struct head head;
    struct txe_layout layout = {0};
    lay_out(&head, attention, attention->plan->max_keys, &layout);
    return layout.overflow ? SIZE_MAX : layout.nbytes;
}

/* Row `row` of packed rows `ld` elements apart, from the head's first element on. */
static const void *
row_of(const struct head *head, const void *rows, size_t row, size_t ld)
{
    const size_t size = head->run->a->precision == TXE_BFLOAT16 ? 2 : 4;
    return (const char *)rows + (row * ld + head->h * head->run->D) * size;
}

static void
pack_keys(const struct head *head)
{
    const struct txe_attention *a = head->run->a;
    const size_t lanes = a->kernels->lanes, steps = head->run->steps_d;
    const size_t ld = a->precision == TXE_BFLOAT16 ? a->ldkv / 2 : a->ldkv;
    const uint32_t *k = row_of(head, a->k, head->sequence->start, a->ldkv);
    const size_t npanels = txe_panel_count(a->kernels, head->vectors_k);
    for (size_t i = 0; i < npanels; i++) {
        const struct txe_panel panel = txe_panel_at(a->kernels, head->vectors_k, i);
        const size_t first = panel.first * lanes, width = panel.count * lanes;
        const size_t n = TXE_MIN(width, head->nkeys - first);
        uint32_t *out = head->keys + first * steps;
        a->kernels->transpose(out, width, k + first * ld, ld, n, steps);
        for (size_t s = 0; s < steps && n < width; s++)
            memset(out + s * width + n, 0, (width - n) * sizeof *out);
    }
}

/* A step of a panel of values holds one key in f32, two in bfloat16. */
static void
pack_values(const struct head *head)
{
    const struct run *run = head->run;
    const struct txe_attention *a = run->a;
    const size_t lanes = a->kernels->lanes, start = head->sequence->start;
    const size_t npanels = txe_panel_count(a->kernels, run->vectors_d);
    static const uint16_t none[64] = {0}; /* as wide as a panel */
    for (size_t i = 0; i < npanels; i++) {
        const struct txe_panel panel = txe_panel_at(a->kernels, run->vectors_d, i);
        const size_t first = panel.first * lanes, width = panel.count * lanes;
        const size_t n = TXE_MIN(width, run->D - first);
        uint32_t *out = head->values + first * head->steps_k;
        for (size_t s = 0; s < head->steps_k; s++, out += width) {
            if (n < width)
                memset(out + n, 0, (width - n) * sizeof *out);
            if (a->precision == TXE_FLOAT32) {
                const float *v = row_of(head, a->v, start + s, a->ldkv);
                memcpy(out, v + first, n * sizeof *out);
                continue;
            }
            const uint16_t *v = row_of(head, a->v, start + 2 * s, a->ldkv);
            a->kernels->interleave(out, v + first,
                                   2 * s + 1 < head->nkeys ? v + a->ldkv + first : none,
                                   n);
        }
    }
}

/* out [rows, ldo] = x [rows, ldx bytes apart] times packed panels. */
static void
multiply(const struct txe_attention *a, float *out, size_t ldo, const void *x,
         size_t ldx, const uint32_t *panels, size_t steps, size_t nvectors, size_t last,
         size_t rows)
{
    const struct txe_tiles *tiles = &a->kernels->tiles[a->precision];
    const size_t lanes = a->kernels->lanes;
    const size_t npanels = txe_panel_count(a->kernels, nvectors);
    txe_tiles_begin(tiles);
    for (size_t i = 0; i < npanels; i++) {
        const struct txe_panel panel = txe_panel_at(a->kernels, nvectors, i);
        struct txe_tile tile = {
            .panel = panels + panel.first * lanes * steps,
            .ldx = ldx,
            .steps = steps,
            .ldo = ldo,
            .vectors = panel.count,
            .last = panel.first + panel.count == nvectors ? last : lanes,
        };
        for (size_t r = 0; r < rows; r += tiles->rows) {
            tile.x = (const char *)x + r * ldx;
            tile.out = out + r * ldo + panel.first * lanes;
            tile.rows = TXE_MIN(tiles->rows, rows - r);
            tiles->run(&tile);
        }
    }
    txe_tiles_end(tiles);
}

/* Writes the probabilities of queries [first, first + n) to where the padded positions
 * want them. */
static void
store_probs(const struct head *head, size_t first, size_t n)
{
    const struct txe_attention *a = head->run->a;
    const size_t *rows = a->plan->rows + head->sequence->start;
    const size_t S = a->plan->S, base = head->b * S;
    for (size_t i = 0; i < n; i++) {
        const size_t q = rows[first + i] - base;
        float *row =
            a->probs + ((head->b * a->config->num_heads + head->h) * S + q) * S;
        for (size_t k = 0; k < head->nkeys; k++)
            row[rows[k] - base] = head->scores[i * head->lds + k];
    }
}

/* Queries [first, first + n) of the head. */
static void
attend(const struct head *head, size_t first, size_t n)
{
    const struct run *run = head->run;
    const struct txe_attention *a = run->a;
    const struct txe_sequence *sequence = head->sequence;
    const size_t lanes = a->kernels->lanes, C = a->config->hidden_size;
    const size_t query =
        first + (a->results_only ? sequence->first_result : sequence->start);
    const bool low = a->precision == TXE_BFLOAT16;

    multiply(a, head->scores, head->lds, row_of(head, a->q, query, a->ldq),
             a->ldq * (low ? 2 : 4), head->keys, run->steps_d, head->vectors_k, lanes,
             n);
    const float *bias = NULL;
    size_t bias_stride = 0;
    if (a->inputs->bias != NULL) {
        const size_t *strides = a->inputs->bias_strides;
        bias_stride = strides[2];
        bias = a->inputs->bias + head->b * strides[0] + head->h * strides[1] +
               first * bias_stride;
    }
    a->kernels->softmax(head->scores, n, head->nkeys, head->lds,
                        sequence->uniform ? 0.0f : run->scale, bias, bias_stride);
    if (a->probs != NULL)
        store_probs(head, first, n);

    const void *weights = head->scores;
    size_t ldx = head->lds * sizeof *head->scores;
    if (low) {
        weights = head->weights;
        ldx = head->steps_k * 4;
        for (size_t i = 0; i < n; i++) {
            uint16_t *row = head->weights + i * 2 * head->steps_k;
            row[2 * head->steps_k - 1] = 0; /* where the number of keys is odd */
            a->kernels->to_bf16(row, head->scores + i * head->lds, head->nkeys);
        }
    }
    const size_t column = head->h * run->D;
    const size_t last = run->D - (run->vectors_d - 1) * lanes;
    const bool narrow = a->out16 != NULL;
    float *out = narrow ? head->context : a->out + query * C + column;
    const size_t ldo = narrow ? run->vectors_d * lanes : C;
    multiply(a, out, ldo, weights, ldx, head->values, head->steps_k, run->vectors_d,
             last, n);
    for (size_t i = 0; narrow && i < n; i++)
        a->kernels->to_bf16(a->out16 + (query + i) * a->ldo16 + column, out + i * ldo,
                            run->D);
}

static void
attend_chunk(void *context, size_t index, size_t worker)
{
    const struct run *run = context;
    const struct txe_attention *a = run->a;
    const size_t H = a->config->num_heads;
    struct head head = {
        .run = run, .b = index / run->chunks / H, .h = index / run->chunks % H};
    head.sequence = &a->plan->sequences[head.b];
    const size_t first = index % run->chunks * run->chunk_rows;
    const size_t nqueries = count_queries(a, head.sequence);
    if (first >= nqueries)
        return;
    const size_t end = TXE_MIN(first + run->chunk_rows, nqueries);
    struct txe_layout layout = {.memory = run->scratch + worker * run->scratch_nbytes};
    lay_out(&head, a, head.sequence->nkeys, &layout);
    pack_keys(&head);
    pack_values(&head);
    const size_t rows = block_rows(head.lds);
    for (size_t row = first; row < end; row += rows)
        attend(&head, row, TXE_MIN(rows, end - row));
}

void
txe_attention_run(const struct txe_attention *attention, void *scratch, size_t nworkers)
{
    const struct txe_attention *a = attention;
    const size_t H = a->config->num_heads, D = a->config->hidden_size / H;
    struct run run = {
        .a = a,
        .D = D,
        .vectors_d = (D + a->kernels->lanes - 1) / a->kernels->lanes,
        .steps_d = txe_steps(a->precision, D),
        .scale = 1.0f / sqrtf((float)D),
        .scratch = scratch,
        .scratch_nbytes = txe_attention_scratch(a),
    };
    size_t most = 1;
    for (size_t b = 0; b < a->plan->B; b++)
        most = TXE_MAX(most, count_queries(a, &a->plan->sequences[b]));
    const size_t heads = a->plan->B * H;
    const size_t wanted = nworkers == 1 ? 1 : nworkers * TASKS_PER_THREAD;
    const size_t parts = (wanted + heads - 1) / heads;
    run.chunk_rows = round_up((most + parts - 1) / parts, TILE_ROWS);
    run.chunks = (most + run.chunk_rows - 1) / run.chunk_rows;
    txe_parallel_for(heads * run.chunks, nworkers, attend_chunk, &run);
}
