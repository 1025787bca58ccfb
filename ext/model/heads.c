/* What stands on the encoder: pooler, vocabulary head, classifiers, embeddings. */
#include <string.h>

#include "base/common.h"
#include "model/pass.h"

/* out = act(x w^T + b), rows [n, C], with the pooler's weights: those of the pooler or
 * of the layer that stands before the classifier. */
static txe_status
run_pooler_layer(struct txe_pass *pass, float *out, const float *x, size_t n,
                 struct txe_error *err)
{
    struct txe_encoder *encoder = pass->encoder;
    const size_t C = encoder->config.hidden_size;
    const txe_activation act = encoder->config.pooler_act;
    float params[TXE_MAX_ACT_PARAMS];
    const struct txe_product product = {
        .x = {.data = x, .stride = C * sizeof *x},
        .rows = n,
        .y = out,
        .ldy = C,
        .act = act,
        .act_params = txe_act_params(params, act, &encoder->weights.pooler_act)};
    return txe_pass_multiply(pass, "pooler", &encoder->matrices.pooler, &product, err);
}

/* pooled: [B, C]; y serves meanwhile. */
static txe_status
run_pooler(struct txe_pass *pass, float *pooled, struct txe_error *err)
{
    const struct txe_plan *plan = &pass->plan;
    const size_t B = plan->B, C = pass->encoder->config.hidden_size;
    for (size_t b = 0; b < B; b++) {
        size_t result = plan->sequences[b].first_result;
        while (plan->rows[plan->results[result]] != b * plan->S)
            result++;
        memcpy(pass->y + b * C, pass->x + result * C, C * sizeof *pass->y);
    }
    return run_pooler_layer(pass, pooled, pass->y, B, err);
}

/* out = x w^T + b for all T rows, each put where its token stands in out [B, S, N]. */
static txe_status
project(struct txe_pass *pass, const char *name, struct txe_matrix *matrix, float *out,
        const struct txe_rows *x, struct txe_error *err)
{
    const size_t T = pass->plan.T, N = matrix->N;
    for (size_t t = 0; t < T; t += TXE_LOGITS_CHUNK_ROWS) {
        const size_t n = TXE_MIN((size_t)TXE_LOGITS_CHUNK_ROWS, T - t);
        const struct txe_product product = {
            .x = txe_rows_from(x, t), .rows = n, .y = pass->chunk, .ldy = N};
        TXE_TRY(txe_pass_multiply(pass, name, matrix, &product, err));
        for (size_t i = 0; i < n; i++)
            memcpy(out + pass->plan.rows[t + i] * N, pass->chunk + i * N,
                   N * sizeof *out);
    }
    txe_pass_mark(pass, name);
    return TXE_OK;
}

static txe_status
run_masked_lm(struct txe_pass *pass, struct txe_error *err)
{
    struct txe_encoder *encoder = pass->encoder;
    const struct txe_config *config = &encoder->config;
    const struct txe_masked_lm_weights *w = &encoder->weights.masked_lm;
    const struct txe_outputs *outputs = pass->outputs;
    const size_t C = config->hidden_size, E = config->embedding_size;
    const txe_activation act =
        txe_traits_of[config->family].gelu_head ? TXE_ACT_GELU : config->act;
    float *x = pass->x;
    size_t n = pass->plan.T;
    if (outputs->predicted != NULL) {
        n = txe_plan_find(pass->found, &pass->plan, outputs->predicted);
        x = pass->qkv; /* which has served */
        txe_pass_gather(x, pass->x, pass->found, n, C * sizeof *x);
    }
    const struct txe_row_loop lower = {.n = n, .width = C, .y = x, .low = &pass->low};
    txe_pass_run_rows(pass, "vocabulary head", &lower);
    float params[TXE_MAX_ACT_PARAMS];
    const struct txe_product dense = {.x = txe_pass_rows(pass, &pass->low, x, C),
                                      .rows = n,
                                      .y = pass->y,
                                      .ldy = E,
                                      .act = act,
                                      .act_params =
                                          txe_act_params(params, act, &w->act)};
    TXE_TRY(txe_pass_multiply(pass, "vocabulary head", &encoder->matrices.dense, &dense,
                              err));
    const struct txe_row_loop norm = {.n = n,
                                      .width = E,
                                      .norm = &w->norm,
                                      .x = pass->y,
                                      .y = pass->y,
                                      .low = &pass->low};
    txe_pass_run_rows(pass, "vocabulary head", &norm);
    const struct txe_rows y = txe_pass_rows(pass, &pass->low, pass->y, E);
    struct txe_matrix *decoder = &encoder->matrices.decoder;
    if (outputs->predicted == NULL)
        return project(pass, "vocabulary", decoder, outputs->logits, &y, err);
    const struct txe_product product = {
        .x = y, .rows = n, .y = outputs->logits, .ldy = config->vocab_size};
    return txe_pass_multiply(pass, "vocabulary", decoder, &product, err);
}

static txe_status
run_classifier(struct txe_pass *pass, struct txe_error *err)
{
    struct txe_encoder *encoder = pass->encoder;
    const struct txe_config *config = &encoder->config;
    const size_t C = config->hidden_size;
    float *scores = pass->outputs->scores;
    struct txe_matrix *classifier = &encoder->matrices.classifier;
    if (txe_config_classifies_tokens(config)) {
        const bool replaced = config->head == TXE_HEAD_REPLACED;
        if (replaced)
            TXE_TRY(run_pooler_layer(pass, pass->y, pass->x, pass->plan.T, err));
        const struct txe_rows x = {.data = replaced ? pass->y : pass->x,
                                   .stride = C * sizeof *pass->x};
        return project(pass, "classifier", classifier, scores, &x, err);
    }
    float *pooled = pass->pooled;
    TXE_TRY(run_pooler(pass, pooled, err));
    const struct txe_product product = {
        .x = {.data = pooled, .stride = C * sizeof *pooled},
        .rows = pass->plan.B,
        .y = scores,
        .ldy = config->num_labels};
    return txe_pass_multiply(pass, "classifier", classifier, &product, err);
}

txe_status
txe_pass_run_heads(struct txe_pass *pass, struct txe_error *err)
{
    const struct txe_outputs *outputs = pass->outputs;
    if (outputs->pooled != NULL)
        TXE_TRY(run_pooler(pass, outputs->pooled, err));
    if (outputs->scores != NULL)
        TXE_TRY(run_classifier(pass, err));
    if (outputs->embeddings != NULL) {
        txe_pool(outputs->embeddings, pass->x, pass->encoder->config.hidden_size,
                 outputs->pooling, &pass->plan, outputs->pooled_tokens, pass->nworkers);
        txe_pass_mark(pass, "pooling");
    }
    if (outputs->logits != NULL)
        return run_masked_lm(pass, err);
    return TXE_OK;
}
