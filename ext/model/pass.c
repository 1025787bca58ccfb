/* What the parts of a forward pass share: see pass.h. */
#include "model/pass.h"

#include <string.h>

#include "base/clock.h"
#include "base/common.h"
#include "base/memory.h"
#include "base/threads.h"
#include "model/attention.h"

#define BLOCK_ROWS 16 /* rows one task of a loop over rows takes */

/* ---- the profile ---- */

void
txe_pass_mark(struct txe_pass *pass, const char *name)
{
    struct txe_profile *profile = pass->outputs->profile;
    if (profile == NULL)
        return;
    const int64_t time = txe_clock_ns();
    if (name != NULL && profile->count < profile->room)
        profile->entries[profile->count++] =
            (struct txe_profile_entry){name, pass->layer, time - pass->marked};
    pass->marked = time;
}

/* ---- rows ---- */

/* Bytes from one row to the next. */
static size_t
row_stride(txe_precision precision, size_t width)
{
    return txe_row_stride(txe_steps(precision, width) * 4);
}

size_t
txe_pass_wide_stride(const struct txe_pass *pass)
{
    const size_t F = pass->encoder->config.intermediate_size;
    return row_stride(TXE_FLOAT32, F) / sizeof(float);
}

txe_precision
txe_pass_attention_precision(const struct txe_pass *pass)
{
    const struct txe_config *config = &pass->encoder->config;
    const size_t D = config->hidden_size / config->num_heads;
    return pass->encoder->precision == TXE_FLOAT32 || D % 2 != 0 ? TXE_FLOAT32
                                                                 : TXE_BFLOAT16;
}

struct txe_rows
txe_pass_rows(const struct txe_pass *pass, const struct txe_low_rows *low,
              const float *x, size_t width)
{
    const txe_precision precision = pass->encoder->precision;
    if (precision == TXE_FLOAT32)
        return (struct txe_rows){.data = x, .stride = width * sizeof *x};
    return (struct txe_rows){low->data, row_stride(precision, width), low->scale,
                             low->low};
}

/* Row t of the model's precision from n floats, zeros behind them to the last step. */
static void
lower_row(const struct txe_pass *pass, const struct txe_low_rows *low, size_t t,
          const float *x, size_t n)
{
    const struct txe_kernels *kernels = pass->encoder->kernels;
    const txe_precision precision = pass->encoder->precision;
    if (precision == TXE_FLOAT32)
        return;
    unsigned char *row = (unsigned char *)low->data + t * row_stride(precision, n);
    memset(row + (txe_steps(precision, n) - 1) * 4, 0, 4);
    if (precision == TXE_BFLOAT16)
        kernels->to_bf16((uint16_t *)(void *)row, x, n);
    else
        kernels->quantize(row, &low->scale[t], &low->low[t], x, n);
}

struct row_job {
    const struct txe_pass *pass;
    const struct txe_row_loop *loop;
};

static void
run_row_block(void *context, size_t index, size_t worker)
{
    const struct row_job *job = context;
    const struct txe_row_loop *loop = job->loop;
    const struct txe_encoder *encoder = job->pass->encoder;
    const size_t end = TXE_MIN((index + 1) * BLOCK_ROWS, loop->n);
    const size_t stride = loop->stride != 0 ? loop->stride : loop->width;
    (void)worker;
    for (size_t t = index * BLOCK_ROWS; t < end; t++) {
        if (loop->fill != NULL)
            loop->fill(job->pass, t);
        if (loop->norm != NULL)
            encoder->kernels->layernorm(loop->y + t * stride, loop->x + t * stride,
                                        NULL, NULL, loop->norm->gamma, loop->norm->beta,
                                        encoder->config.layer_norm_eps, 1, loop->width);
        if (loop->low != NULL)
            lower_row(job->pass, loop->low, t, loop->y + t * stride, loop->width);
    }
}

void
txe_pass_run_rows(struct txe_pass *pass, const char *name,
                  const struct txe_row_loop *loop)
{
    struct row_job job = {pass, loop};
    txe_parallel_for((loop->n + BLOCK_ROWS - 1) / BLOCK_ROWS, pass->nworkers,
                     run_row_block, &job);
    txe_pass_mark(pass, name);
}

txe_status
txe_pass_multiply(struct txe_pass *pass, const char *name, struct txe_matrix *matrix,
                  const struct txe_product *product, struct txe_error *err)
{
    const struct txe_encoder *encoder = pass->encoder;
    if (encoder->plain) {
        txe_multiply_plain(product, matrix, encoder->kernels);
    } else {
        const struct txe_packed *packed;
        TXE_TRY(txe_matrix_pack(&packed, matrix, encoder->kernels, err));
        txe_multiply(product, packed, encoder->kernels);
    }
    txe_pass_mark(pass, name);
    return TXE_OK;
}

void
txe_pass_gather(void *out, const void *x, const size_t *rows, size_t n, size_t nbytes)
{
    for (size_t i = 0; i < n; i++)
        memmove((char *)out + i * nbytes, (const char *)x + rows[i] * nbytes, nbytes);
}

void
txe_pass_scatter(struct txe_pass *pass, float *padded, const float *packed,
                 size_t width)
{
    for (size_t t = 0; t < pass->plan.T; t++)
        memcpy(padded + pass->plan.rows[t] * width, packed + t * width,
               width * sizeof *packed);
    txe_pass_mark(pass, "results");
}

/* ---- what has to be computed ---- */

/* Marks in needed[B, S] the positions whose output is read even where they are padding,
 * and, if the result is true, which are all that the last layer must compute. */
static bool
find_needed(bool *needed, const struct txe_config *config,
            const struct txe_inputs *inputs, const struct txe_outputs *outputs)
{
    const size_t B = inputs->B, S = inputs->S;
    const bool scores_tokens =
        outputs->scores != NULL && txe_config_classifies_tokens(config);
    for (size_t i = 0; i < B * S; i++)
        needed[i] = (inputs->wanted != NULL && inputs->wanted[i]) ||
                    (outputs->predicted != NULL && outputs->predicted[i]);
    if (outputs->pooled != NULL || (outputs->scores != NULL && !scores_tokens))
        for (size_t b = 0; b < B; b++)
            needed[b * S] = true;
    if (outputs->embeddings != NULL)
        txe_pooling_needs(needed, outputs->pooling, inputs, outputs->pooled_tokens);
    return outputs->last_hidden == NULL && outputs->hidden_states == NULL &&
           outputs->attentions == NULL && inputs->bias == NULL && !scores_tokens &&
           (outputs->logits == NULL || outputs->predicted != NULL);
}

/* ---- memory ---- */

static void
place_low_rows(struct txe_layout *layout, struct txe_low_rows *low,
               txe_precision precision, size_t n, size_t width)
{
    const bool int8 = precision == TXE_INT8;
    low->data = txe_place(layout, n,
                          precision != TXE_FLOAT32 ? row_stride(precision, width) : 0);
    low->scale = txe_place(layout, int8 ? n : 0, sizeof *low->scale);
    low->low = txe_place(layout, int8 ? n : 0, sizeof *low->low);
}

static void
lay_out(struct txe_pass *pass, struct txe_layout *layout)
{
    const struct txe_encoder *encoder = pass->encoder;
    const struct txe_config *config = &encoder->config;
    const struct txe_outputs *outputs = pass->outputs;
    const txe_precision precision = encoder->precision;
    const size_t C = config->hidden_size, F = config->intermediate_size;
    const size_t T = pass->plan.T, N = pass->plan.N;
    const size_t width = TXE_MAX(C, config->embedding_size);
    const size_t rows = TXE_MIN(T, (size_t)TXE_CHUNK_ROWS);
    const size_t element = txe_pass_attention_precision(pass) == TXE_FLOAT32 ? 4 : 2;
    const size_t widest = TXE_MAX(outputs->logits != NULL ? config->vocab_size : 0,
                                  outputs->scores != NULL ? config->num_labels : 0);
    const struct txe_attention attention = {.plan = &pass->plan,
                                            .config = config,
                                            .kernels = encoder->kernels,
                                            .precision =
                                                txe_pass_attention_precision(pass)};
    pass->found = txe_place(layout, N, sizeof *pass->found);
    pass->x = txe_place(layout, T, C * sizeof *pass->x);
    pass->y = txe_place(layout, T, width * sizeof *pass->y);
    place_low_rows(layout, &pass->low, precision, T, width);
    pass->qkv = txe_place(layout, T, 3 * C * element);
    pass->queries = txe_place(layout, N < T ? N : 0, (C + TXE_PANEL_SLACK) * element);
    pass->wide = txe_place(layout, precision != TXE_BFLOAT16 ? rows : 0,
                           txe_pass_wide_stride(pass) * sizeof *pass->wide);
    place_low_rows(layout, &pass->low_wide, precision, rows, F);
    pass->scratch =
        txe_place(layout, pass->nworkers, txe_attention_scratch(&attention));
    pass->pooled = txe_place(layout, outputs->scores != NULL ? pass->plan.B : 0,
                             C * sizeof *pass->pooled);
    pass->chunk = txe_place(layout, TXE_MIN(T, (size_t)TXE_LOGITS_CHUNK_ROWS),
                            widest * sizeof *pass->chunk);
}

txe_status
txe_pass_begin(struct txe_pass *pass, struct txe_error *err)
{
    const struct txe_inputs *in = pass->inputs;
    struct txe_encoder *encoder = pass->encoder;
    size_t planned, nbytes = 0;
    pass->layer = -1;
    txe_pass_mark(pass, NULL);
    if (txe_plan_nbytes(&planned, in->B, in->S) &&
        txe_add_size(planned, in->B * in->S * sizeof(bool), &nbytes))
        pass->plan_memory = txe_spare_take(&encoder->spare_plan, nbytes);
    if (pass->plan_memory == NULL)
        return txe_fail_nomem(err, nbytes);
    bool *needed = (bool *)((char *)pass->plan_memory + planned);
    const bool narrow = find_needed(needed, &encoder->config, in, pass->outputs);
    TXE_TRY(txe_plan_make(&pass->plan, pass->plan_memory, in, &encoder->config, needed,
                          narrow, err));
    pass->nworkers = txe_threads_get();
    struct txe_layout layout = {0};
    lay_out(pass, &layout);
    if (!layout.overflow)
        layout.memory = pass->memory =
            txe_spare_take(&encoder->spare_rows, layout.nbytes);
    if (layout.memory == NULL)
        return txe_fail(err, TXE_ENOMEM,
                        "out of memory: %zu tokens need %zu bytes of working memory",
                        pass->plan.T, layout.nbytes);
    layout.nbytes = 0;
    lay_out(pass, &layout);
    txe_pass_mark(pass, "plan");
    return TXE_OK;
}

void
txe_pass_end(struct txe_pass *pass)
{
    txe_spare_give(&pass->encoder->spare_rows, pass->memory);
    txe_spare_give(&pass->encoder->spare_plan, pass->plan_memory);
}
