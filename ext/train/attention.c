/* Self-attention of a training pass: see step.h.  By sequence and head, and for each by
 * blocks of queries, whose scores exist only while they are needed:
 *
 *   P = softmax(q k^T / sqrt D + bias),  context = drop(P) v;
 *   dv += drop(P)^T dcontext,  dP = drop(dcontext v^T),
 *   dS = P (dP - sum P dP) / sqrt D,  dq = dS k,  dk += dS^T q. */
#include <math.h>
#include <string.h>

#include "base/common.h"
#include "base/threads.h"
#include "train/step.h"

#define BLOCK_NBYTES \
    ((size_t)256 << 10) /* of the scores of a block, as far as that goes */
#define LEAST_ROWS 24

/* One thread's arrays. */
struct room {
    size_t rows;                /* queries of a block */
    size_t lds;                 /* numbers from one row of scores to the next */
    txe_real *p, *dropped, *ds; /* [rows, lds] */
    struct txe_low low;     /* [rows, keys] probabilities or dS as products take them */
    struct txe_low columns; /* [keys, rows] the same transposed */
    txe_real *dk, *dv;      /* [keys, D] */
    unsigned char *scratch;
};

struct run {
    struct txe_step *step;
    const struct txe_saved *saved;
    size_t D, H;
    bool narrow;
    struct txe_dropout dropout;
};

/* One head of one sequence. */
struct head {
    const struct run *run;
    const struct txe_sequence *sequence;
    size_t b, h, nqueries, first_query; /* the latter among the rows of queries */
    struct txe_low q, k, v, context, dcontext, dq, dk, dv;
    struct room room;
};

static size_t
low_stride(size_t width, size_t element)
{
    return ((width + 1) * element + TXE_LINE_NBYTES - 1) / TXE_LINE_NBYTES *
           TXE_LINE_NBYTES;
}

static void
lay_out(struct room *room, const struct txe_step *step, size_t nkeys,
        struct txe_layout *layout)
{
    const struct txe_config *config = &step->training->config;
    const size_t D = config->hidden_size / config->num_heads;
    const bool back = step->options->backward;
    room->lds = TXE_MAX(nkeys, (size_t)1);
    const size_t most = TXE_MAX(step->plan.max_keys, (size_t)1);
    const size_t fitting = BLOCK_NBYTES / sizeof(txe_real) / most;
    room->rows = TXE_MAX(TXE_MIN(fitting, step->plan.S), (size_t)LEAST_ROWS);
    const size_t scores = room->rows * room->lds;
    room->p = txe_place(layout, scores, sizeof *room->p);
    room->dropped = txe_place(layout, scores, sizeof *room->dropped);
    room->ds = txe_place(layout, back ? scores : 0, sizeof *room->ds);
    room->low.stride = low_stride(nkeys, step->element);
    room->low.data = txe_place(layout, room->rows, room->low.stride);
    room->columns.stride = low_stride(room->rows, step->element);
    room->columns.data = txe_place(layout, back ? nkeys : 0, room->columns.stride);
    room->dk = txe_place(layout, back ? nkeys : 0, D * sizeof *room->dk);
    room->dv = txe_place(layout, back ? nkeys : 0, D * sizeof *room->dv);
    const size_t deepest = TXE_MAX(TXE_MAX(D, nkeys), room->rows);
    room->scratch = txe_place(layout, 1,
                              txe_matmul_scratch(step->training->kernels,
                                                 step->training->precision, deepest));
}

size_t
txe_step_attention_scratch(const struct txe_step *step)
{
    struct room room;
    struct txe_layout layout = {0};
    lay_out(&room, step, step->plan.max_keys, &layout);
    return layout.overflow ? SIZE_MAX : layout.nbytes;
}

/* The head's columns of rows from `row` on. */
static struct txe_low
columns_of(const struct run *run, const struct txe_low *rows, size_t row, size_t column)
{
    return txe_low_from(rows, row, column * run->step->element);
}

static struct head
head_at(const struct run *run, size_t index, size_t worker)
{
    struct txe_step *step = run->step;
    const size_t C = step->training->config.hidden_size;
    struct head head = {.run = run, .b = index / run->H, .h = index % run->H};
    const struct txe_sequence *sequence = &step->plan.sequences[head.b];
    const size_t column = head.h * run->D, start = sequence->start;
    head.sequence = sequence;
    head.nqueries = run->narrow ? sequence->nresults : sequence->nrows;
    head.first_query = run->narrow ? sequence->first_result : start;
    head.q = columns_of(run, run->narrow ? &run->saved->queries : &run->saved->qkv,
                        head.first_query, column);
    head.k = columns_of(run, &run->saved->qkv, start, C + column);
    head.v = columns_of(run, &run->saved->qkv, start, 2 * C + column);
    head.context = columns_of(run, &run->saved->context, head.first_query, column);
    head.dcontext = columns_of(run, &step->dcontext, head.first_query, column);
    head.dq = columns_of(run, run->narrow ? &step->dqueries : &step->dqkv,
                         head.first_query, column);
    head.dk = columns_of(run, &step->dqkv, start, C + column);
    head.dv = columns_of(run, &step->dqkv, start, 2 * C + column);
    struct txe_layout layout = {.memory =
                                    step->attention + worker * step->attention_nbytes};
    lay_out(&head.room, step, sequence->nkeys, &layout);
    return head;
}

/* y [M, N], f32 rows ldy apart or `low`, (+)= a b; b [K, N] by rows, or [N, K]. */
static void
multiply(const struct head *head, txe_real *y, size_t ldy, const struct txe_low *low,
         const struct txe_low *a, const struct txe_low *b, bool by_rows, size_t M,
         size_t N, size_t K, bool add)
{
    const struct txe_step *step = head->run->step;
    const bool bf16 = step->training->precision == TXE_BFLOAT16;
    struct txe_matmul m = {
        .precision = step->training->precision,
        .M = M,
        .N = N,
        .K = K,
        .a = a->data,
        .lda_nbytes = a->stride,
        .b = {.data = {b->data},
              .npieces = 1,
              .extent = by_rows ? K : N,
              .ld = b->stride / step->element,
              .rows = by_rows,
              .bf16 = bf16},
        .add = add,
    };
    txe_result_to(&m, y, ldy, low);
    txe_matmul_run_here(&m, step->training->kernels, head->room.scratch);
}

/* Row `query` of this head among the rows of its sequence. */
static size_t
token_of(const struct head *head, size_t query)
{
    if (!head->run->narrow)
        return query;
    return head->run->step->plan.results[head->first_query + query] -
           head->sequence->start;
}

/* out = rows of x, [n, nkeys], dropped out. */
static void
drop(const struct head *head, txe_real *out, const txe_real *x, size_t first, size_t n)
{
    const struct run *run = head->run;
    const uint64_t sample = run->step->options->first_sample + head->b;
    const size_t lds = head->room.lds;
    for (size_t i = 0; i < n; i++)
        run->step->training->math.dropout(
            out + i * lds, x + i * lds, head->sequence->nkeys, &run->dropout,
            txe_dropout_row(sample, head->h, token_of(head, first + i)), false);
}

/* room.p: the probabilities of queries [first, first + n); returns them dropped out. */
static const txe_real *
find_probabilities(const struct head *head, size_t first, size_t n)
{
    const struct run *run = head->run;
    const struct txe_step *step = run->step;
    const struct room *room = &head->room;
    const struct txe_inputs *in = step->inputs;
    const size_t nkeys = head->sequence->nkeys;
    const struct txe_low q = txe_low_from(&head->q, first, 0);
    const txe_real scale =
        head->sequence->uniform ? 0 : (txe_real)(1 / sqrt((double)run->D));
    const txe_real *bias = NULL;
    if (in->bias != NULL)
        bias = in->bias + head->b * in->bias_strides[0] +
               head->h * in->bias_strides[1] + first * in->bias_strides[2];
    multiply(head, room->p, room->lds, NULL, &q, &head->k, false, n, nkeys, run->D,
             false);
    step->training->math.softmax(room->p, n, nkeys, room->lds, scale, bias,
                                 in->bias_strides[2]);
    if (run->dropout.threshold == 0)
        return room->p;
    drop(head, room->dropped, room->p, first, n);
    return room->dropped;
}

static void
lower_block(const struct head *head, const txe_real *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        txe_lower(head->run->step, &head->room.low, i, x + i * head->room.lds,
                  head->sequence->nkeys);
}

static void
attend(void *context, size_t index, size_t worker)
{
    const struct run *run = context;
    const struct head head = head_at(run, index, worker);
    for (size_t first = 0; first < head.nqueries; first += head.room.rows) {
        const size_t n = TXE_MIN(head.room.rows, head.nqueries - first);
        const struct txe_low out = txe_low_from(&head.context, first, 0);
        lower_block(&head, find_probabilities(&head, first, n), n);
        multiply(&head, NULL, 0, &out, &head.room.low, &head.v, true, n, run->D,
                 head.sequence->nkeys, false);
    }
}

/* sums [nkeys, D] += low^T x, n rows of queries. */
static void
add_transposed(const struct head *head, txe_real *sums, const struct txe_low *x,
               size_t n)
{
    const struct txe_training *training = head->run->step->training;
    const struct room *room = &head->room;
    const size_t nkeys = head->sequence->nkeys, D = head->run->D;
    txe_matmul_transpose_here(room->columns.data, room->columns.stride, NULL,
                              room->low.data, room->low.stride, training->precision, n,
                              nkeys, training->kernels);
    multiply(head, sums, D, NULL, &room->columns, x, true, nkeys, D, n, true);
}

static void
attend_backward(void *context, size_t index, size_t worker)
{
    const struct run *run = context;
    const struct head head = head_at(run, index, worker);
    const struct room *room = &head.room;
    const struct txe_training *training = run->step->training;
    const size_t nkeys = head.sequence->nkeys, D = run->D;
    memset(room->dk, 0, nkeys * D * sizeof *room->dk);
    memset(room->dv, 0, nkeys * D * sizeof *room->dv);
    for (size_t first = 0; first < head.nqueries; first += room->rows) {
        const size_t n = TXE_MIN(room->rows, head.nqueries - first);
        const struct txe_low q = txe_low_from(&head.q, first, 0);
        const struct txe_low dq = txe_low_from(&head.dq, first, 0);
        const struct txe_low dcontext = txe_low_from(&head.dcontext, first, 0);
        lower_block(&head, find_probabilities(&head, first, n), n);
        add_transposed(&head, room->dv, &dcontext, n);
        multiply(&head, room->ds, room->lds, NULL, &dcontext, &head.v, false, n, nkeys,
                 D, false);
        if (run->dropout.threshold != 0)
            drop(&head, room->ds, room->ds, first, n);
        training->math.softmax_backward(
            room->ds, room->p, room->ds, n, nkeys, room->lds,
            head.sequence->uniform ? 0 : (txe_real)(1 / sqrt((double)D)));
        lower_block(&head, room->ds, n);
        multiply(&head, NULL, 0, &dq, &room->low, &head.k, true, n, D, nkeys, false);
        add_transposed(&head, room->dk, &q, n);
    }
    /* Rows that only attend have no key and no value. */
    for (size_t i = 0; i < head.sequence->nrows; i++) {
        if (i == nkeys)
            memset(room->dk, 0, D * sizeof *room->dk);
        const txe_real *dk = i < nkeys ? room->dk + i * D : room->dk;
        const txe_real *dv = i < nkeys ? room->dv + i * D : room->dk;
        void *to_k = txe_low_row(&head.dk, i), *to_v = txe_low_row(&head.dv, i);
        if (training->precision == TXE_BFLOAT16) {
            training->math.to_bf16(to_k, dk, D);
            training->math.to_bf16(to_v, dv, D);
        } else {
            memcpy(to_k, dk, D * sizeof *dk);
            memcpy(to_v, dv, D * sizeof *dv);
        }
    }
}

static struct run
run_of(struct txe_step *step, const struct txe_saved *saved, size_t application)
{
    const struct txe_config *config = &step->training->config;
    return (struct run){
        .step = step,
        .saved = saved,
        .H = config->num_heads,
        .D = config->hidden_size / config->num_heads,
        .narrow = application + 1 == step->napplications && step->plan.N < step->plan.T,
        .dropout = txe_dropout_at(step->options, TXE_DROP_ATTENTION, application),
    };
}

void
txe_step_attention(struct txe_step *step, const struct txe_saved *saved,
                   size_t application)
{
    struct run run = run_of(step, saved, application);
    txe_parallel_for(step->plan.B * run.H, step->nworkers, attend, &run);
}

void
txe_step_attention_backward(struct txe_step *step, const struct txe_saved *saved,
                            size_t application)
{
    struct run run = run_of(step, saved, application);
    txe_parallel_for(step->plan.B * run.H, step->nworkers, attend_backward, &run);
}
