/* What the parts of a training pass share: see step.h. */
#include "train/step.h"

#include <string.h>

#include "base/common.h"
#include "base/threads.h"

/* Most of K that a product of changing operands packs at once. */
#define MAX_DEPTH ((size_t)4096)
#define NORM_ROWS 64 /* rows whose gradients of gamma and beta are summed first */

/* ---- rows ---- */

void
txe_lower(const struct txe_step *step, const struct txe_low *low, size_t t,
          const txe_real *x, size_t n)
{
    void *row = txe_low_row(low, t);
    if (step->element == sizeof(txe_real)) {
        if (row != x)
            memcpy(row, x, n * sizeof *x);
        return;
    }
    if (n % 2 != 0)
        ((uint16_t *)row)[n] = 0;
    step->training->math.to_bf16(row, x, n);
}

const txe_real *
txe_raise_row(const struct txe_step *step, const struct txe_low *low, size_t t,
              txe_real *room, size_t n)
{
    const void *row = txe_low_row(low, t);
    if (step->element == sizeof(txe_real))
        return row;
    step->training->math.from_bf16(room, row, n);
    return room;
}

void
txe_drop_lower(const struct txe_step *step, const struct txe_low *low, size_t t,
               const txe_real *x, size_t n, const struct txe_dropout *dropout,
               uint64_t key, size_t worker)
{
    txe_real *room = step->room + worker * step->room_width;
    if (dropout->threshold != 0) {
        step->training->math.dropout(room, x, n, dropout, key, false);
        x = room;
    }
    txe_lower(step, low, t, x, n);
}

struct rows_job {
    struct txe_step *step;
    void *context;
    txe_rows_body body;
    size_t n, rows;
};

static void
run_rows(void *context, size_t index, size_t worker)
{
    const struct rows_job *job = context;
    const struct txe_block block = {.first = index * job->rows,
                                    .end = TXE_MIN((index + 1) * job->rows, job->n),
                                    .index = index,
                                    .worker = worker};
    job->body(job->step, job->context, &block);
}

void
txe_step_rows(struct txe_step *step, size_t n, size_t rows, txe_rows_body body,
              void *context)
{
    struct rows_job job = {step, context, body, n, rows};
    txe_parallel_for((n + rows - 1) / rows, step->nworkers, run_rows, &job);
}

/* ---- dense layers ---- */

static size_t
element_of(txe_precision precision)
{
    return precision == TXE_BFLOAT16 ? sizeof(uint16_t) : sizeof(txe_real);
}

void
txe_dense_forward(struct txe_step *step, const struct txe_dense *dense,
                  const struct txe_low *x, size_t n, txe_real *y, size_t ldy,
                  const struct txe_low *low, bool add)
{
    if (n == 0)
        return;
    struct txe_matmul m = {
        .precision = dense->precision,
        .M = n,
        .N = dense->npieces * dense->out,
        .K = dense->in,
        .a = x->data,
        .lda_nbytes = x->stride,
        .b = {.npieces = dense->npieces, .extent = dense->out, .ld = dense->in},
        .add = add,
    };
    for (size_t i = 0; i < dense->npieces; i++) {
        m.b.data[i] = dense->w[i]->weight;
        m.bias[i] = dense->w[i]->bias;
    }
    txe_result_to(&m, y, ldy, low);
    txe_matmul_run(&m, step->training->kernels, step->scratch, step->nworkers);
}

void
txe_dense_backward(struct txe_step *step, const struct txe_dense *dense,
                   const struct txe_low *dy, size_t n, txe_real *dx, size_t lddx,
                   const struct txe_low *low, bool add)
{
    const size_t element = element_of(dense->precision);
    const bool deep = dense->npieces == 1 && dense->out > MAX_DEPTH && low == NULL;
    const size_t depth = deep ? MAX_DEPTH : dense->out;
    for (size_t first = 0; n != 0 && first < dense->out; first += depth) {
        const size_t rows = TXE_MIN(depth, dense->out - first);
        struct txe_matmul m = {
            .precision = dense->precision,
            .M = n,
            .N = dense->in,
            .K = dense->npieces * rows,
            .a = dy->data + first * element,
            .lda_nbytes = dy->stride,
            .b = {.npieces = dense->npieces,
                  .extent = rows,
                  .ld = dense->in,
                  .rows = true},
            .add = add || first > 0,
        };
        for (size_t i = 0; i < dense->npieces; i++)
            m.b.data[i] = dense->w[i]->weight + first * dense->in;
        txe_result_to(&m, dx, lddx, low);
        txe_matmul_run(&m, step->training->kernels, step->scratch, step->nworkers);
    }
}

/* Bytes from one row to the next, of whole pairs. */
static size_t
row_stride(size_t width, size_t element)
{
    return txe_row_stride((width + 1) / 2 * 2 * element);
}

void
txe_dense_gradient(struct txe_step *step, const struct txe_dense *dense,
                   const struct txe_low *dy, const struct txe_low *x, size_t n)
{
    const struct txe_kernels *kernels = step->training->kernels;
    const size_t element = element_of(dense->precision);
    for (size_t i = 0; i < dense->npieces; i++) {
        txe_real *weight = txe_gradient(dense->d[i]->weight);
        txe_real *bias = txe_gradient(dense->d[i]->bias);
        if (weight == NULL && bias == NULL)
            continue;
        for (size_t first = 0; first < n; first += TXE_STEP_ROWS) {
            const size_t rows = TXE_MIN((size_t)TXE_STEP_ROWS, n - first);
            const size_t stride = row_stride(rows, element);
            const struct txe_low from =
                txe_low_from(dy, first, i * dense->out * element);
            txe_matmul_transpose(step->transposed, stride, bias, from.data, from.stride,
                                 dense->precision, rows, dense->out, kernels,
                                 step->nworkers);
            if (weight == NULL)
                continue;
            const struct txe_matmul m = {
                .precision = dense->precision,
                .M = dense->out,
                .N = dense->in,
                .K = rows,
                .a = step->transposed,
                .lda_nbytes = stride,
                .b = {.data = {txe_low_row(x, first)},
                      .npieces = 1,
                      .extent = rows,
                      .ld = x->stride / element,
                      .rows = true,
                      .bf16 = element == sizeof(uint16_t)},
                .y = {weight},
                .ldy = dense->in,
                .add = true,
            };
            txe_matmul_run(&m, kernels, step->scratch, step->nworkers);
        }
    }
}

/* ---- LayerNorm ---- */

static void
norm_gradient_block(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct txe_norm_backward *n = context;
    const struct txe_training *training = step->training;
    const size_t C = n->width;
    txe_real *sums = step->partials + block->index * 2 * C;
    memset(sums, 0, 2 * C * sizeof *sums);
    for (size_t t = block->first; t < block->end; t++) {
        txe_real *dx = n->dx + t * C;
        training->math.layernorm_backward(
            dx, sums, sums + C, dx, n->z + t * C, n->norm->gamma,
            (txe_real)training->config.layer_norm_eps, 1, C);
        if (n->low != NULL)
            txe_drop_lower(step, n->low, t, dx, C, &n->dropout,
                           step->keys[n->rows != NULL ? n->rows[t] : t], block->worker);
    }
}

void
txe_norm_gradient(struct txe_step *step, const struct txe_norm_backward *norm, size_t n)
{
    const size_t C = norm->width;
    txe_real *gamma = txe_gradient(norm->d->gamma), *beta = txe_gradient(norm->d->beta);
    struct txe_norm_backward context = *norm;
    txe_step_rows(step, n, NORM_ROWS, norm_gradient_block, &context);
    for (size_t i = 0; i < (n + NORM_ROWS - 1) / NORM_ROWS; i++) {
        const txe_real *sums = step->partials + i * 2 * C;
        if (gamma != NULL)
            step->training->math.sum_columns(gamma, sums, 1, C, C);
        if (beta != NULL)
            step->training->math.sum_columns(beta, sums + C, 1, C, C);
    }
}

/* ---- activations ---- */

void
txe_act_gradient(struct txe_step *step, txe_activation act,
                 const struct txe_act_weights *d, size_t n)
{
    for (size_t i = 0; i < (n + TXE_ACT_ROWS - 1) / TXE_ACT_ROWS; i++)
        for (size_t p = 0; p < txe_activation_nparams(act); p++)
            if (d->params[p] != NULL)
                *txe_gradient(d->params[p]) +=
                    step->partials[i * TXE_MAX_ACT_PARAMS + p];
}

/* ---- memory ---- */

static struct txe_low
place_low(struct txe_layout *layout, const struct txe_step *step, size_t n,
          size_t width)
{
    const size_t stride = row_stride(width, step->element);
    return (struct txe_low){txe_place(layout, n, stride), stride};
}

/* What R rows of a layer save, but for what the last layer alone has. */
static void
place_saved(struct txe_layout *layout, struct txe_step *step, struct txe_saved *saved,
            size_t R)
{
    const struct txe_config *config = &step->training->config;
    const size_t C = config->hidden_size, F = config->intermediate_size;
    const size_t T = step->plan.T;
    saved->qkv = place_low(layout, step, T, 3 * C);
    saved->context = place_low(layout, step, R, C);
    saved->z1 = txe_place(layout, R, C * sizeof *saved->z1);
    saved->u = place_low(layout, step, R, F);
    saved->z2 = txe_place(layout, R, C * sizeof *saved->z2);
}

/* Layers' arrays: all of their own, or with checkpointing one set for all. */
static void
place_layers(struct txe_layout *layout, struct txe_step *step)
{
    const size_t n = step->napplications, T = step->plan.T, N = step->plan.N;
    const size_t C = step->training->config.hidden_size;
    const bool checkpointing = step->training->checkpointing;
    struct txe_saved saved = {.z1 = NULL};
    step->saved = txe_place(layout, n, sizeof *step->saved);
    step->kept = txe_place(layout, n, sizeof *step->kept);
    for (size_t i = 0; i < n; i++) {
        const bool narrow = i + 1 == n && N < T;
        if (!checkpointing || i == 0)
            place_saved(layout, step, &saved, narrow && !checkpointing ? N : T);
        saved.x_wanted = place_low(layout, step, narrow ? N : 0, C);
        saved.queries = place_low(layout, step, narrow ? N : 0, C);
        txe_real *kept = txe_place(layout, checkpointing ? T : 0, C * sizeof *kept);
        if (layout->memory != NULL) {
            step->saved[i] = saved;
            step->kept[i] = kept;
        }
    }
}

static size_t
largest(const size_t *sizes, size_t n)
{
    size_t most = 0;
    for (size_t i = 0; i < n; i++)
        most = TXE_MAX(most, sizes[i]);
    return most;
}

static void
lay_out(struct txe_step *step, struct txe_layout *layout)
{
    const struct txe_training *training = step->training;
    const struct txe_config *config = &training->config;
    const size_t C = config->hidden_size, E = config->embedding_size;
    const size_t F = config->intermediate_size, K = config->num_labels;
    const size_t T = step->plan.T, N = step->plan.N;
    const size_t width = TXE_MAX(C, E), rows = TXE_MIN(T, (size_t)TXE_STEP_ROWS);
    const bool predicts = txe_config_predicts_tokens(config);
    const size_t V = predicts ? config->vocab_size : 0;
    const bool back = step->options->backward;
    const size_t R = back ? T : 0;
    /* The decoder is laid out anew for every chunk of rows: few, and of one size. */
    const size_t limit =
        TXE_MAX((size_t)16, TXE_LOGITS_ELEMENTS / TXE_MAX(V, (size_t)1));
    const size_t chunks = TXE_MAX((N + limit - 1) / limit, (size_t)1);
    step->logits_rows = (N + chunks - 1) / chunks;
    const size_t P = predicts ? step->logits_rows : 0;

    step->keys = txe_place(layout, T, sizeof *step->keys);
    step->found = txe_place(layout, N, sizeof *step->found);
    step->x = txe_place(layout, T, C * sizeof *step->x);
    step->z0 = txe_place(layout, T, E * sizeof *step->z0);
    step->e = place_low(layout, step, txe_config_projects(config) ? T : 0, E);
    step->x_first = place_low(layout, step, T, C);
    step->x_low = place_low(layout, step, step->napplications > 1 ? T : 0, C);
    place_layers(layout, step);
    step->x1 = place_low(layout, step, rows, C);
    step->narrow = txe_place(layout, rows, C * sizeof *step->narrow);
    step->act = place_low(layout, step, rows, F);

    step->dx = txe_place(layout, R, width * sizeof *step->dx);
    step->dy = place_low(layout, step, R, width);
    step->dcontext = place_low(layout, step, R, C);
    step->dqkv = place_low(layout, step, R, 3 * C);
    step->dqueries = place_low(layout, step, N < T ? TXE_MIN(R, N) : 0, C);
    step->wide = txe_place(layout, back ? rows : 0, F * sizeof *step->wide);
    step->du = place_low(layout, step, back ? rows : 0, F);
    const size_t left[] = {C, E, F, K};
    const size_t transposed[] = {largest(left, TXE_LEN(left)) *
                                     row_stride(rows, sizeof(txe_real)),
                                 V * row_stride(P, step->element)};
    step->transposed =
        txe_place(layout, back ? largest(transposed, TXE_LEN(transposed)) : 0, 1);
    const size_t sums[] = {((T + NORM_ROWS - 1) / NORM_ROWS) * 2 * width,
                           (rows + TXE_ACT_ROWS - 1) / TXE_ACT_ROWS *
                               TXE_MAX_ACT_PARAMS,
                           (N + TXE_ACT_ROWS - 1) / TXE_ACT_ROWS * TXE_MAX_ACT_PARAMS};
    step->partials = txe_place(layout, back ? largest(sums, TXE_LEN(sums)) : 0,
                               sizeof *step->partials);
    const size_t widths[] = {C, E, F};
    step->room_width = largest(widths, TXE_LEN(widths));
    step->room =
        txe_place(layout, step->nworkers, step->room_width * sizeof *step->room);
    const size_t depths[] = {3 * C, E, F, K, TXE_STEP_ROWS, TXE_MIN(V, MAX_DEPTH)};
    step->scratch = txe_place(layout, step->nworkers,
                              txe_matmul_scratch(training->kernels, TXE_FLOAT32,
                                                 largest(depths, TXE_LEN(depths))));
    step->attention_nbytes = txe_step_attention_scratch(step);
    step->attention = txe_place(layout, step->nworkers, step->attention_nbytes);

    /* The head. */
    const size_t H = config->head == TXE_HEAD_NONE ? 0 : N;
    step->h = txe_place(layout, H, C * sizeof *step->h);
    step->pre = txe_place(layout, H, width * sizeof *step->pre);
    step->z = txe_place(layout, H, width * sizeof *step->z);
    step->dh = txe_place(layout, H, width * sizeof *step->dh);
    step->h_low = place_low(layout, step, predicts ? N : 0, C);
    step->y_low = place_low(layout, step, predicts ? N : 0, E);
    step->dh_low = place_low(layout, step, predicts ? N : 0, width);
    step->logits = txe_place(layout, P, V * sizeof *step->logits);
    step->logits_low =
        place_low(layout, step, step->element == sizeof(txe_real) ? 0 : P, V);
    step->scores = txe_place(layout, N, K * sizeof *step->scores);
    step->dscores = txe_place(layout, N, K * sizeof *step->dscores);
    step->losses = txe_place(layout, N, sizeof *step->losses);
    step->right = txe_place(layout, N, sizeof *step->right);
}

/* ---- the whole ---- */

static txe_status
begin(struct txe_step *step, struct txe_error *err)
{
    const struct txe_inputs *in = step->inputs;
    struct txe_training *training = step->training;
    const struct txe_config *config = &training->config;
    size_t planned, nbytes = 0;
    if (txe_plan_nbytes(&planned, in->B, in->S) &&
        txe_add_size(planned, in->B * in->S * sizeof(bool), &nbytes))
        step->plan_memory = txe_spare_take(&training->spare_plan, nbytes);
    if (step->plan_memory == NULL)
        return txe_fail_nomem(err, nbytes);
    bool *needed = (bool *)((char *)step->plan_memory + planned), narrow;
    memset(needed, 0, in->B * in->S * sizeof *needed);
    TXE_TRY(txe_targets_check(needed, &narrow, config, in, step->targets, err));
    TXE_TRY(
        txe_plan_make(&step->plan, step->plan_memory, in, config, needed, narrow, err));
    step->nworkers = txe_threads_get();
    step->napplications = txe_config_napplications(config);
    step->element = element_of(training->precision);
    struct txe_layout layout = {0};
    lay_out(step, &layout);
    if (!layout.overflow)
        layout.memory = step->memory =
            txe_spare_take(&training->spare_rows, layout.nbytes);
    if (layout.memory == NULL)
        return txe_fail(err, TXE_ENOMEM,
                        "out of memory: %zu tokens need %zu bytes of working memory; "
                        "try smaller batches, or activation checkpointing",
                        step->plan.T, layout.nbytes);
    /* Of rows of odd widths products read the element behind, which nothing writes. */
    const size_t widths =
        config->hidden_size | config->intermediate_size | config->embedding_size;
    if (training->precision == TXE_BFLOAT16 && widths % 2 != 0)
        memset(step->memory, 0, layout.nbytes);
    layout.nbytes = 0;
    lay_out(step, &layout);
    for (size_t b = 0; b < in->B; b++) {
        const struct txe_sequence *sequence = &step->plan.sequences[b];
        for (size_t i = 0; i < sequence->nrows; i++)
            step->keys[sequence->start + i] =
                txe_dropout_row(step->options->first_sample + b, 0, i);
    }
    return TXE_OK;
}

static void
tell(const struct txe_step *step, long application)
{
    if (step->options->ready != NULL)
        step->options->ready(step->options->context, application);
}

static txe_status
run(struct txe_step *step, struct txe_error *err)
{
    const size_t n = step->napplications, C = step->training->config.hidden_size;
    txe_step_embeddings(step);
    for (size_t i = 0; i < n; i++) {
        if (step->training->checkpointing)
            memcpy(step->kept[i], step->x, step->plan.T * C * sizeof *step->x);
        txe_step_layer(step, i);
    }
    if (n == 0)
        for (size_t i = 0; i < step->plan.N; i++)
            memmove(step->x + i * C, step->x + step->plan.results[i] * C,
                    C * sizeof *step->x);
    TXE_TRY(txe_step_heads(step, err));
    if (!step->options->backward)
        return TXE_OK;
    tell(step, (long)n);
    for (size_t i = n; i-- > 0 && txe_step_trains_below(step, i + 1);) {
        if (step->training->checkpointing && i + 1 < n) {
            memcpy(step->x, step->kept[i], step->plan.T * C * sizeof *step->x);
            txe_step_layer(step, i);
        }
        txe_step_layer_backward(step, i);
        tell(step, (long)i);
    }
    if (txe_step_trains_below(step, 0))
        txe_step_embeddings_backward(step);
    tell(step, -1);
    return TXE_OK;
}

txe_status
txe_training_step(struct txe_training *training, const struct txe_inputs *inputs,
                  const struct txe_targets *targets,
                  const struct txe_step_options *options,
                  struct txe_step_result *result, struct txe_error *err)
{
    struct txe_step step = {.training = training,
                            .inputs = inputs,
                            .targets = targets,
                            .options = options,
                            .result = result};
    memset(result, 0, sizeof *result);
    txe_status status = begin(&step, err);
    if (status == TXE_OK) {
        result->ntokens = step.plan.T;
        status = run(&step, err);
    }
    txe_spare_give(&training->spare_rows, step.memory);
    txe_spare_give(&training->spare_plan, step.plan_memory);
    return status;
}
