/* The forward pass: see encoder.h.
 *
 * The residual stream x stays in f32 and is updated in place; beside it stand the rows
 * as the products take them.  The feed-forward runs over chunks of rows, so that its
 * wide intermediate stays small whatever the batch. */
#include "model/encoder.h"

#include "base/common.h"
#include "model/attention.h"
#include "model/pass.h"

/* ---- embeddings ---- */

/* Row t of y: word + type + position. */
static void
embed_row(const struct txe_pass *pass, size_t t)
{
    const struct txe_weights *w = &pass->encoder->weights;
    const struct txe_inputs *in = pass->inputs;
    const size_t E = pass->encoder->config.embedding_size, row = pass->plan.rows[t];
    const float *word =
        in->ids != NULL ? w->word + (size_t)in->ids[row] * E : in->embeds + row * E;
    const float *position = w->position + (size_t)pass->plan.positions[t] * E;
    const float *type = w->type;
    if (type != NULL && in->types != NULL)
        type += (size_t)in->types[row] * E;
    pass->encoder->kernels->add(pass->y + t * E, word, type != NULL ? type : position,
                                type != NULL ? position : NULL, E);
}

static txe_status
run_embeddings(struct txe_pass *pass, struct txe_error *err)
{
    struct txe_encoder *encoder = pass->encoder;
    const struct txe_config *config = &encoder->config;
    const size_t T = pass->plan.T, E = config->embedding_size, C = config->hidden_size;
    const bool projects = txe_config_projects(config);
    struct txe_row_loop loop = {.n = T,
                                .width = E,
                                .fill = embed_row,
                                .norm = &encoder->weights.norm,
                                .x = pass->y,
                                .y = projects ? pass->y : pass->x,
                                .low = &pass->low};
    txe_pass_run_rows(pass, "embeddings", &loop);
    if (!projects)
        return TXE_OK;
    const struct txe_product product = {
        .x = txe_pass_rows(pass, &pass->low, pass->y, E),
        .rows = T,
        .y = pass->x,
        .ldy = C,
    };
    TXE_TRY(txe_pass_multiply(pass, "projection", &encoder->matrices.projection,
                              &product, err));
    const struct txe_row_loop lower = {
        .n = T, .width = C, .y = pass->x, .low = &pass->low};
    txe_pass_run_rows(pass, "projection", &lower);
    return TXE_OK;
}

/* ---- a layer ---- */

/* Keeps of the rows of x and of `low` the plan's results alone. */
static void
keep_results(struct txe_pass *pass, const struct txe_rows *rows)
{
    const struct txe_plan *plan = &pass->plan;
    const size_t C = pass->encoder->config.hidden_size;
    txe_pass_gather(pass->x, pass->x, plan->results, plan->N, C * sizeof *pass->x);
    if (pass->encoder->precision == TXE_FLOAT32)
        return;
    txe_pass_gather(pass->low.data, pass->low.data, plan->results, plan->N,
                    rows->stride);
    if (pass->encoder->precision == TXE_INT8) {
        txe_pass_gather(pass->low.scale, pass->low.scale, plan->results, plan->N,
                        sizeof *pass->low.scale);
        txe_pass_gather(pass->low.low, pass->low.low, plan->results, plan->N,
                        sizeof *pass->low.low);
    }
}

/* qkv = x W^T + b; if narrow, queries only for the results, which then are the rows of
 * x. */
static txe_status
run_qkv(struct txe_pass *pass, struct txe_matrix *matrix, bool narrow,
        struct txe_error *err)
{
    const size_t C = pass->encoder->config.hidden_size;
    const bool low = txe_pass_attention_precision(pass) == TXE_BFLOAT16;
    const struct txe_rows rows = txe_pass_rows(pass, &pass->low, pass->x, C);
    struct txe_product product = {
        .x = rows,
        .rows = pass->plan.T,
        .first = narrow ? C : 0,
        .last = 3 * C,
        .y = low ? NULL : pass->qkv,
        .ldy = 3 * C,
        .y16 = low ? pass->qkv : NULL,
        .ldy16 = 3 * C,
    };
    TXE_TRY(txe_pass_multiply(pass, "query, key, value", matrix, &product, err));
    if (!narrow)
        return TXE_OK;
    keep_results(pass, &rows);
    product.rows = pass->plan.N;
    product.first = 0;
    product.last = C;
    product.y = low ? NULL : pass->queries;
    product.y16 = low ? pass->queries : NULL;
    product.ldy = product.ldy16 = C + TXE_PANEL_SLACK;
    return txe_pass_multiply(pass, "query, key, value", matrix, &product, err);
}

/* The context of every query, as the next product takes it. */
static struct txe_rows
run_attention(struct txe_pass *pass, float *probs, bool narrow)
{
    const struct txe_encoder *encoder = pass->encoder;
    const size_t C = encoder->config.hidden_size;
    const txe_precision precision = txe_pass_attention_precision(pass);
    const size_t element = precision == TXE_FLOAT32 ? 4 : 2;
    const bool direct = encoder->precision == TXE_BFLOAT16 && precision == TXE_BFLOAT16;
    const struct txe_rows rows = txe_pass_rows(pass, &pass->low, pass->y, C);
    const struct txe_attention attention = {
        .plan = &pass->plan,
        .inputs = pass->inputs,
        .config = &encoder->config,
        .kernels = encoder->kernels,
        .precision = precision,
        .q = narrow ? pass->queries : pass->qkv,
        .k = (const char *)pass->qkv + C * element,
        .v = (const char *)pass->qkv + 2 * C * element,
        .ldq = narrow ? C + TXE_PANEL_SLACK : 3 * C,
        .ldkv = 3 * C,
        .results_only = narrow,
        .out = pass->y,
        .out16 = direct ? pass->low.data : NULL,
        .ldo16 = rows.stride / 2,
        .probs = probs,
    };
    txe_attention_run(&attention, pass->scratch, pass->nworkers);
    txe_pass_mark(pass, "attention");
    if (!direct && encoder->precision != TXE_FLOAT32) {
        const struct txe_row_loop lower = {.n = narrow ? pass->plan.N : pass->plan.T,
                                           .width = C,
                                           .y = pass->y,
                                           .low = &pass->low};
        txe_pass_run_rows(pass, "quantisation", &lower);
    }
    return rows;
}

/* x += act(x U^T + b) D^T + b for T rows. */
static txe_status
run_feed_forward(struct txe_pass *pass, struct txe_layer_matrices *matrices,
                 const struct txe_layer_weights *w, size_t T, struct txe_error *err)
{
    const struct txe_config *config = &pass->encoder->config;
    const txe_precision precision = pass->encoder->precision;
    const size_t C = config->hidden_size, F = config->intermediate_size;
    const struct txe_rows x = txe_pass_rows(pass, &pass->low, pass->x, C);
    const size_t stride = txe_pass_wide_stride(pass);
    struct txe_rows wide = txe_pass_rows(pass, &pass->low_wide, pass->wide, F);
    if (precision == TXE_FLOAT32)
        wide.stride = stride * sizeof *pass->wide;
    float params[TXE_MAX_ACT_PARAMS];
    if (precision == TXE_BFLOAT16 && F % 2 != 0) /* the last step's second half */
        for (size_t t = 0; t < TXE_MIN(T, (size_t)TXE_CHUNK_ROWS); t++)
            ((uint16_t *)pass->low_wide.data)[t * wide.stride / 2 + F] = 0;
    for (size_t t = 0; t < T; t += TXE_CHUNK_ROWS) {
        const size_t n = TXE_MIN((size_t)TXE_CHUNK_ROWS, T - t);
        const struct txe_product up = {
            .x = txe_rows_from(&x, t),
            .rows = n,
            .y = pass->wide,
            .ldy = stride,
            .y16 = precision == TXE_BFLOAT16 ? pass->low_wide.data : NULL,
            .ldy16 = wide.stride / 2,
            .act = config->act,
            .act_params = txe_act_params(params, config->act, &w->act),
        };
        TXE_TRY(txe_pass_multiply(pass, "feed-forward up", &matrices->up, &up, err));
        if (precision == TXE_INT8) {
            const struct txe_row_loop lower = {.n = n,
                                               .width = F,
                                               .stride = stride,
                                               .y = pass->wide,
                                               .low = &pass->low_wide};
            txe_pass_run_rows(pass, "quantisation", &lower);
        }
        const struct txe_product down = {
            .x = wide, .rows = n, .y = pass->x + t * C, .ldy = C, .add = true};
        TXE_TRY(
            txe_pass_multiply(pass, "feed-forward down", &matrices->down, &down, err));
    }
    return TXE_OK;
}

/* x = LN(x), and as products take it, T rows. */
static void
run_norm(struct txe_pass *pass, const struct txe_norm_weights *norm, size_t T)
{
    const struct txe_row_loop loop = {.n = T,
                                      .width = pass->encoder->config.hidden_size,
                                      .norm = norm,
                                      .x = pass->x,
                                      .y = pass->x,
                                      .low = &pass->low};
    txe_pass_run_rows(pass, "layer norm", &loop);
}

/* `last`: of the plan's results alone, which then are the rows of x. */
static txe_status
run_layer(struct txe_pass *pass, size_t index, float *probs, bool last,
          struct txe_error *err)
{
    struct txe_encoder *encoder = pass->encoder;
    const struct txe_layer_weights *w = &encoder->weights.layers[index];
    struct txe_layer_matrices *matrices = &encoder->matrices.layers[index];
    const bool narrow = last && pass->plan.N < pass->plan.T;
    const size_t T = narrow ? pass->plan.N : pass->plan.T;
    TXE_TRY(run_qkv(pass, &matrices->qkv, narrow, err));
    const struct txe_product output = {
        .x = run_attention(pass, probs, narrow),
        .rows = T,
        .y = pass->x,
        .ldy = encoder->config.hidden_size,
        .add = true,
    };
    TXE_TRY(
        txe_pass_multiply(pass, "attention output", &matrices->output, &output, err));
    run_norm(pass, &w->attention_norm, T);
    TXE_TRY(run_feed_forward(pass, matrices, w, T, err));
    run_norm(pass, &w->output_norm, T);
    return TXE_OK;
}

/* ---- the whole ---- */

static txe_status
run(struct txe_pass *pass, struct txe_error *err)
{
    const struct txe_config *config = &pass->encoder->config;
    const struct txe_outputs *outputs = pass->outputs;
    const size_t C = config->hidden_size;
    const size_t napplications = txe_config_napplications(config);
    TXE_TRY(run_embeddings(pass, err));
    for (size_t i = 0; i < napplications; i++) {
        pass->layer = (int)i;
        if (outputs->hidden_states != NULL)
            txe_pass_scatter(pass, outputs->hidden_states[i], pass->x, C);
        TXE_TRY(run_layer(pass, txe_config_layer_of(config, i),
                          outputs->attentions != NULL ? outputs->attentions[i] : NULL,
                          i + 1 == napplications, err));
    }
    pass->layer = -1;
    if (napplications == 0)
        txe_pass_gather(pass->x, pass->x, pass->plan.results, pass->plan.N,
                        C * sizeof *pass->x);
    if (outputs->hidden_states != NULL)
        txe_pass_scatter(pass, outputs->hidden_states[napplications], pass->x, C);
    if (outputs->last_hidden != NULL)
        txe_pass_scatter(pass, outputs->last_hidden, pass->x, C);
    return txe_pass_run_heads(pass, err);
}

txe_status
txe_encoder_forward(struct txe_encoder *encoder, const struct txe_inputs *inputs,
                    const struct txe_outputs *outputs, struct txe_error *err)
{
    struct txe_pass pass = {.encoder = encoder, .inputs = inputs, .outputs = outputs};
    txe_status status = txe_pass_begin(&pass, err);
    if (status == TXE_OK)
        status = run(&pass, err);
    txe_pass_end(&pass);
    return status;
}

size_t
txe_profile_room(const struct txe_config *config, const struct txe_inputs *inputs)
{
    const size_t chunks = inputs->B * inputs->S / TXE_LOGITS_CHUNK_ROWS + 1;
    return 16 + chunks * 3 + txe_config_napplications(config) * (8 + chunks * 3);
}
