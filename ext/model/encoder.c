/* The forward pass: see encoder.h.
 *
 * All arrays between the embeddings and the outputs are packed, [T, ...]; only
 * scatter() knows about padding.  The feed-forward and the vocabulary projection run
 * over chunks of rows, so that their wide intermediates stay small whatever the batch.
 */
#include "model/encoder.h"

#include <string.h>

#include "base/common.h"
#include "base/threads.h"
#include "kernels/gemm.h"
#include "model/attention.h"

#define CHUNK_ROWS 1024       /* rows of the feed-forward's intermediate */
#define LOGITS_CHUNK_ROWS 256 /* rows of the vocabulary projection */
#define BLOCK_ROWS 16         /* rows one task of an element-wise loop takes */

/* One forward pass in progress. */
struct pass {
    const struct txe_encoder *encoder;
    const struct txe_inputs *inputs;
    const struct txe_outputs *outputs;
    struct txe_plan plan;
    size_t nworkers;
    size_t *found;  /* [N] results that some output reads */
    float *x;       /* [T, C] the residual stream; after the last layer [N, C] */
    float *y;       /* [T, max(C, E)] what a sub-layer computed */
    float *qkv;     /* [T, 3C] */
    float *wide;    /* [min(T, CHUNK_ROWS), F] */
    float *scratch; /* attention scores */
};

/* ---- element-wise loops over rows, in parallel ---- */

struct rows_job {
    const struct txe_kernels *kernels;
    size_t T, width, stride;
    float *y;
    /* bias_act */
    const float *bias;
    txe_activation act;
    const float *params;
    /* layernorm */
    const float *x, *residual, *gamma, *beta;
    float eps;
};

static void
bias_act_block(void *context, size_t index, size_t worker)
{
    const struct rows_job *job = context;
    (void)worker;
    size_t t = index * BLOCK_ROWS;
    job->kernels->bias_act(job->y + t * job->stride, job->bias,
                           TXE_MIN((size_t)BLOCK_ROWS, job->T - t), job->width,
                           job->stride, job->act, job->params);
}

static void
layernorm_block(void *context, size_t index, size_t worker)
{
    const struct rows_job *job = context;
    (void)worker;
    size_t at = index * BLOCK_ROWS * job->width;
    job->kernels->layernorm(
        job->y + at, job->x + at, job->bias,
        job->residual != NULL ? job->residual + at : NULL, job->gamma, job->beta,
        job->eps, TXE_MIN((size_t)BLOCK_ROWS, job->T - index * BLOCK_ROWS), job->width);
}

static void
run_rows(const struct pass *pass, txe_loop_body body, struct rows_job *job)
{
    txe_parallel_for((job->T + BLOCK_ROWS - 1) / BLOCK_ROWS, pass->nworkers, body, job);
}

/* y = act(y + bias), rows [T, width] of the given stride. */
static void
bias_act(const struct pass *pass, float *y, const float *bias, size_t T, size_t width,
         size_t stride, txe_activation act, const struct txe_act_weights *weights)
{
    float params[TXE_MAX_ACT_PARAMS] = {0};
    for (size_t i = 0; weights != NULL && i < txe_activation_nparams(act); i++)
        params[i] = *weights->params[i];
    struct rows_job job = {.kernels = pass->encoder->kernels,
                           .T = T,
                           .width = width,
                           .stride = stride,
                           .y = y,
                           .bias = bias,
                           .act = act,
                           .params = params};
    run_rows(pass, bias_act_block, &job);
}

/* y = LN(x + bias + residual), rows [T, width]. */
static void
layernorm(const struct pass *pass, float *y, const float *x, const float *bias,
          const float *residual, const struct txe_norm_weights *norm, size_t T,
          size_t width)
{
    struct rows_job job = {.kernels = pass->encoder->kernels,
                           .T = T,
                           .width = width,
                           .y = y,
                           .bias = bias,
                           .x = x,
                           .residual = residual,
                           .gamma = norm->gamma,
                           .beta = norm->beta,
                           .eps = pass->encoder->config.layer_norm_eps};
    run_rows(pass, layernorm_block, &job);
}

/* ---- the parts of the model ---- */

/* out[i] = x[rows[i]], rows [n, width]; out may be x where rows ascend. */
static void
gather(float *out, const float *x, const size_t *rows, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++)
        memmove(out + i * width, x + rows[i] * width, width * sizeof *x);
}

/* Copies packed rows [T, width] to their padded places. */
static void
scatter(const struct pass *pass, float *padded, const float *packed, size_t width)
{
    for (size_t t = 0; t < pass->plan.T; t++)
        memcpy(padded + pass->plan.rows[t] * width, packed + t * width,
               width * sizeof *packed);
}

static void
embed_block(void *context, size_t index, size_t worker)
{
    const struct pass *pass = context;
    const struct txe_weights *w = &pass->encoder->weights;
    const struct txe_inputs *in = pass->inputs;
    const size_t E = pass->encoder->config.embedding_size;
    const size_t end = TXE_MIN((index + 1) * BLOCK_ROWS, pass->plan.T);
    (void)worker;
    for (size_t t = index * BLOCK_ROWS; t < end; t++) {
        const size_t row = pass->plan.rows[t];
        const float *word =
            in->ids != NULL ? w->word + (size_t)in->ids[row] * E : in->embeds + row * E;
        const float *position = w->position + (size_t)pass->plan.positions[t] * E;
        const float *type = w->type;
        if (type != NULL && in->types != NULL)
            type += (size_t)in->types[row] * E;
        pass->encoder->kernels->add(pass->y + t * E, word,
                                    type != NULL ? type : position,
                                    type != NULL ? position : NULL, E);
    }
}

static void
run_embeddings(const struct pass *pass)
{
    const struct txe_config *config = &pass->encoder->config;
    const struct txe_weights *w = &pass->encoder->weights;
    const size_t T = pass->plan.T, E = config->embedding_size, C = config->hidden_size;
    txe_parallel_for((T + BLOCK_ROWS - 1) / BLOCK_ROWS, pass->nworkers, embed_block,
                     (void *)pass);
    if (!txe_config_projects(config)) {
        layernorm(pass, pass->x, pass->y, NULL, NULL, &w->norm, T, E);
        return;
    }
    layernorm(pass, pass->y, pass->y, NULL, NULL, &w->norm, T, E);
    txe_linear(pass->x, C, pass->y, E, w->projection.weight, T, C, E);
    bias_act(pass, pass->x, w->projection.bias, T, C, C, TXE_ACT_LINEAR, NULL);
}

/* `last`: of the plan's results alone, which then are the rows of x. */
static void
run_layer(const struct pass *pass, const struct txe_layer_weights *w, float *probs,
          bool last)
{
    const struct txe_config *config = &pass->encoder->config;
    const struct txe_plan *plan = &pass->plan;
    const size_t C = config->hidden_size, F = config->intermediate_size;
    const bool narrow = last && plan->N < plan->T;
    size_t T = plan->T;

    const struct txe_linear_weights *qkv[] = {&w->query, &w->key, &w->value};
    for (size_t i = 3; i-- > 0;) { /* queries at the end, maybe of fewer rows */
        if (i == 0 && narrow) {
            T = plan->N;
            gather(pass->x, pass->x, plan->results, T, C);
        }
        txe_linear(pass->qkv + i * C, 3 * C, pass->x, C, qkv[i]->weight, T, C, C);
        bias_act(pass, pass->qkv + i * C, qkv[i]->bias, T, C, 3 * C, TXE_ACT_LINEAR,
                 NULL);
    }
    txe_attention(pass->y, pass->qkv, probs, pass->scratch, pass->nworkers, narrow,
                  plan, pass->inputs, config, pass->encoder->kernels);
    /* qkv has served; its memory takes the projected context. */
    txe_linear(pass->qkv, C, pass->y, C, w->output.weight, T, C, C);
    layernorm(pass, pass->x, pass->qkv, w->output.bias, pass->x, &w->attention_norm, T,
              C);

    for (size_t t = 0; t < T; t += CHUNK_ROWS) {
        const size_t n = TXE_MIN((size_t)CHUNK_ROWS, T - t);
        txe_linear(pass->wide, F, pass->x + t * C, C, w->up.weight, n, F, C);
        bias_act(pass, pass->wide, w->up.bias, n, F, F, config->act, &w->act);
        txe_linear(pass->y + t * C, C, pass->wide, F, w->down.weight, n, C, F);
    }
    layernorm(pass, pass->x, pass->y, w->down.bias, pass->x, &w->output_norm, T, C);
}

/* out = act(x w^T + b), rows [n, C], with the pooler's weights: those of the pooler or
 * of the layer that stands before the classifier. */
static void
run_pooler_layer(const struct pass *pass, float *out, const float *x, size_t n)
{
    const struct txe_config *config = &pass->encoder->config;
    const struct txe_weights *w = &pass->encoder->weights;
    const size_t C = config->hidden_size;
    txe_linear(out, C, x, C, w->pooler.weight, n, C, C);
    bias_act(pass, out, w->pooler.bias, n, C, C, config->pooler_act, &w->pooler_act);
}

/* pooled: [B, C]; y serves meanwhile. */
static void
run_pooler(const struct pass *pass, float *pooled)
{
    const struct txe_plan *plan = &pass->plan;
    const size_t B = plan->B, C = pass->encoder->config.hidden_size;
    for (size_t b = 0; b < B; b++) {
        size_t result = plan->sequences[b].first_result;
        while (plan->rows[plan->results[result]] != b * plan->S)
            result++;
        memcpy(pass->y + b * C, pass->x + result * C, C * sizeof *pass->y);
    }
    run_pooler_layer(pass, pooled, pass->y, B);
}

/* out = x w^T + b for rows x [T, nin] of all results, each put where its token stands
 * in out [B, S, nout].  chunk: [LOGITS_CHUNK_ROWS, nout], for results on their way. */
static void
project(const struct pass *pass, float *out, const float *x, size_t nin,
        const struct txe_linear_weights *w, size_t nout, float *chunk)
{
    const size_t T = pass->plan.T;
    for (size_t t = 0; t < T; t += LOGITS_CHUNK_ROWS) {
        const size_t n = TXE_MIN((size_t)LOGITS_CHUNK_ROWS, T - t);
        txe_linear(chunk, nout, x + t * nin, nin, w->weight, n, nout, nin);
        bias_act(pass, chunk, w->bias, n, nout, nout, TXE_ACT_LINEAR, NULL);
        for (size_t i = 0; i < n; i++)
            memcpy(out + pass->plan.rows[t + i] * nout, chunk + i * nout,
                   nout * sizeof *chunk);
    }
}

static void
run_masked_lm(const struct pass *pass, float *chunk)
{
    const struct txe_config *config = &pass->encoder->config;
    const struct txe_masked_lm_weights *w = &pass->encoder->weights.masked_lm;
    const struct txe_outputs *outputs = pass->outputs;
    const size_t C = config->hidden_size, E = config->embedding_size,
                 V = config->vocab_size;
    const float *x = pass->x;
    size_t n = pass->plan.T;
    if (outputs->predicted != NULL) {
        n = txe_plan_find(pass->found, &pass->plan, outputs->predicted);
        gather(pass->qkv, pass->x, pass->found, n, C);
        x = pass->qkv;
    }
    txe_linear(pass->y, E, x, C, w->dense.weight, n, E, C);
    bias_act(pass, pass->y, w->dense.bias, n, E, E,
             txe_traits_of[config->family].gelu_head ? TXE_ACT_GELU : config->act,
             &w->act);
    layernorm(pass, pass->y, pass->y, NULL, NULL, &w->norm, n, E);
    if (outputs->predicted == NULL) {
        project(pass, outputs->logits, pass->y, E, &w->decoder, V, chunk);
        return;
    }
    txe_linear(outputs->logits, V, pass->y, E, w->decoder.weight, n, V, E);
    bias_act(pass, outputs->logits, w->decoder.bias, n, V, V, TXE_ACT_LINEAR, NULL);
}

static void
run_classifier(const struct pass *pass, float *chunk)
{
    const struct txe_config *config = &pass->encoder->config;
    const struct txe_linear_weights *w = &pass->encoder->weights.classifier;
    const size_t B = pass->plan.B, C = config->hidden_size, K = config->num_labels;
    float *scores = pass->outputs->scores;
    if (txe_config_classifies_tokens(config)) {
        const bool replaced = config->head == TXE_HEAD_REPLACED;
        if (replaced)
            run_pooler_layer(pass, pass->y, pass->x, pass->plan.T);
        project(pass, scores, replaced ? pass->y : pass->x, C, w, K, chunk);
        return;
    }
    run_pooler(pass, pass->qkv);
    txe_linear(scores, K, pass->qkv, C, w->weight, B, K, C);
    bias_act(pass, scores, w->bias, B, K, K, TXE_ACT_LINEAR, NULL);
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

/* ---- workspace ---- */

/* Adds room for count x width floats to *total; false on overflow. */
static bool
plan_floats(size_t *total, size_t *offset, size_t count, size_t width)
{
    size_t n;
    *offset = *total;
    /* Whole cache lines, so that no two arrays share one. */
    return txe_mul_size(count, width, &n) && txe_add_size(n, 15, &n) &&
           txe_add_size(*total, n & ~(size_t)15, total);
}

txe_status
txe_encoder_forward(const struct txe_encoder *encoder, const struct txe_inputs *inputs,
                    const struct txe_outputs *outputs, struct txe_error *err)
{
    const struct txe_config *config = &encoder->config;
    const size_t C = config->hidden_size, E = config->embedding_size;
    struct pass pass = {.encoder = encoder, .inputs = inputs, .outputs = outputs};
    bool *needed = txe_alloc(inputs->B * inputs->S, sizeof *needed);
    if (needed == NULL)
        return txe_fail_nomem(err, inputs->B * inputs->S);
    const bool narrow = find_needed(needed, config, inputs, outputs);
    const txe_status status =
        txe_plan_make(&pass.plan, inputs, config, needed, narrow, err);
    free(needed);
    TXE_TRY(status);
    pass.nworkers = txe_threads_get();

    const size_t T = pass.plan.T;
    const size_t chunk = TXE_MIN(T, (size_t)LOGITS_CHUNK_ROWS);
    const size_t widest = TXE_MAX(outputs->logits != NULL ? config->vocab_size : 0,
                                  outputs->scores != NULL ? config->num_labels : 0);
    size_t total = 0, x, y, qkv, wide, scratch, logits;
    float *memory = NULL;
    if (plan_floats(&total, &x, T, C) && plan_floats(&total, &y, T, TXE_MAX(C, E)) &&
        plan_floats(&total, &qkv, T, 3 * C) &&
        plan_floats(&total, &wide, TXE_MIN(T, (size_t)CHUNK_ROWS),
                    config->intermediate_size) &&
        plan_floats(&total, &scratch, txe_attention_scratch(&pass.plan, pass.nworkers),
                    1) &&
        plan_floats(&total, &logits, chunk, widest))
        memory = txe_alloc(total, sizeof *memory);
    pass.found = txe_alloc(pass.plan.N, sizeof *pass.found);
    if (memory == NULL || pass.found == NULL) {
        free(memory);
        free(pass.found);
        txe_plan_free(&pass.plan);
        return txe_fail(err, TXE_ENOMEM,
                        "out of memory: %zu tokens need %zu bytes of working memory", T,
                        total * sizeof *memory);
    }
    pass.x = memory + x;
    pass.y = memory + y;
    pass.qkv = memory + qkv;
    pass.wide = memory + wide;
    pass.scratch = memory + scratch;

    run_embeddings(&pass);
    const size_t napplications = txe_config_napplications(config);
    for (size_t i = 0; i < napplications; i++) {
        if (outputs->hidden_states != NULL)
            scatter(&pass, outputs->hidden_states[i], pass.x, C);
        run_layer(&pass, &encoder->weights.layers[txe_config_layer_of(config, i)],
                  outputs->attentions != NULL ? outputs->attentions[i] : NULL,
                  i + 1 == napplications);
    }
    if (napplications == 0)
        gather(pass.x, pass.x, pass.plan.results, pass.plan.N, C);
    if (outputs->hidden_states != NULL)
        scatter(&pass, outputs->hidden_states[napplications], pass.x, C);
    if (outputs->last_hidden != NULL)
        scatter(&pass, outputs->last_hidden, pass.x, C);
    if (outputs->pooled != NULL)
        run_pooler(&pass, outputs->pooled);
    if (outputs->logits != NULL)
        run_masked_lm(&pass, memory + logits);
    if (outputs->scores != NULL)
        run_classifier(&pass, memory + logits);
    if (outputs->embeddings != NULL)
        txe_pool(outputs->embeddings, pass.x, C, outputs->pooling, &pass.plan,
                 outputs->pooled_tokens, pass.nworkers);
    free(memory);
    free(pass.found);
    txe_plan_free(&pass.plan);
    return TXE_OK;
}
