/* Heads of a training pass, their losses, and back: see step.h.  Vocabulary heads run
 * in the precision of the model, poolers and classifiers in txe_real. */
#include <string.h>

#include "base/common.h"
#include "train/losses.h"
#include "train/step.h"

#define BLOCK_ROWS 16

/* dx [N, C] += rows of dh, row i to found[i]. */
static void
add_to_results(struct txe_step *step, const txe_real *dh, size_t n)
{
    const size_t C = step->training->config.hidden_size;
    for (size_t i = 0; i < n; i++) {
        txe_real *dx = step->dx + step->found[i] * C;
        step->training->math.add(dx, dx, dh + i * C, NULL, C);
    }
}

/* Indices of the results whose label counts (NULL: of all) into found; returns how
 * many. */
static size_t
find_labelled(struct txe_step *step, const int64_t *labels)
{
    size_t n = 0;
    for (size_t i = 0; i < step->plan.N; i++)
        if (labels == NULL || labels[step->plan.rows[step->plan.results[i]]] >= 0)
            step->found[n++] = i;
    return n;
}

/* The same of the first token of every sequence. */
static size_t
find_first(struct txe_step *step)
{
    const struct txe_plan *plan = &step->plan;
    for (size_t b = 0; b < plan->B; b++) {
        size_t result = plan->sequences[b].first_result;
        while (plan->rows[plan->results[result]] != b * plan->S)
            result++;
        step->found[b] = result;
    }
    return plan->B;
}

/* Where row i of the head stands in the batch. */
static size_t
place_of(const struct txe_step *step, size_t i)
{
    return step->plan.rows[step->plan.results[step->found[i]]];
}

/* A layer with an activation, for loops over its rows. */
struct transform {
    const txe_real *x; /* before the activation, [n, width] */
    txe_real *dx;      /* the gradient behind it, then before it */
    size_t width;
    txe_activation act;
    txe_real params[TXE_MAX_ACT_PARAMS];
    const struct txe_low *low; /* dx as products take it, or NULL */
};

static struct transform
transform_of(txe_activation act, const struct txe_act_weights *w)
{
    struct transform transform = {.act = act};
    txe_act_params(transform.params, act, w);
    return transform;
}

static void
transform_rows_back(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct transform *t = context;
    txe_real *sums = step->partials + block->index * TXE_MAX_ACT_PARAMS;
    memset(sums, 0, TXE_MAX_ACT_PARAMS * sizeof *sums);
    for (size_t i = block->first; i < block->end; i++) {
        txe_real *dx = t->dx + i * t->width;
        step->training->math.act_backward(dx, NULL, sums, dx, t->x + i * t->width,
                                          t->width, t->act, t->params);
        if (t->low != NULL)
            txe_lower(step, t->low, i, dx, t->width);
    }
}

static void
transform_back(struct txe_step *step, struct transform *transform, size_t n,
               const struct txe_act_weights *d)
{
    txe_step_rows(step, n, TXE_ACT_ROWS, transform_rows_back, transform);
    txe_act_gradient(step, transform->act, d, n);
}

/* ---- the vocabulary head ---- */

struct masked_lm {
    const struct txe_masked_lm_weights *w, *d;
    struct transform transform;
    struct txe_dense dense, decoder;
    const txe_real *dscores; /* of a given loss, by place in the batch */
    size_t n, first;         /* rows, and the first of a chunk */
};

static void
take_hidden(struct txe_step *step, void *context, const struct txe_block *block)
{
    const size_t C = step->training->config.hidden_size;
    (void)context;
    for (size_t i = block->first; i < block->end; i++)
        txe_lower(step, &step->h_low, i, step->x + step->found[i] * C, C);
}

static void
transform_rows(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct masked_lm *head = context;
    const struct txe_training *training = step->training;
    const size_t E = training->config.embedding_size;
    txe_real *room = step->room + block->worker * step->room_width;
    for (size_t i = block->first; i < block->end; i++) {
        txe_real *z = step->z + i * E;
        training->math.act(z, step->pre + i * E, E, head->transform.act,
                           head->transform.params);
        training->math.layernorm(room, z, head->w->norm.gamma, head->w->norm.beta,
                                 (txe_real)training->config.layer_norm_eps, 1, E);
        txe_lower(step, &step->y_low, i, room, E);
    }
}

static struct txe_low
logits_as_operand(const struct txe_step *step)
{
    if (step->element != sizeof(txe_real))
        return step->logits_low;
    return txe_plain_rows(step->logits, step->training->config.vocab_size);
}

/* From logits to losses and, with backward, the gradient of logits. */
static void
lose_rows(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct masked_lm *head = context;
    const struct txe_targets *targets = step->targets;
    const size_t V = step->training->config.vocab_size;
    const struct txe_low low = logits_as_operand(step);
    for (size_t i = block->first; i < block->end; i++) {
        txe_real *logits = step->logits + i * V;
        const size_t place = place_of(step, head->first + i);
        if (targets->loss == TXE_LOSS_GIVEN) {
            memcpy(logits, head->dscores + place * V, V * sizeof *logits);
        } else {
            const size_t label = (size_t)targets->labels[place];
            size_t best;
            step->losses[head->first + i] = step->training->math.cross_entropy(
                logits, V, label, targets->smoothing,
                step->options->backward ? targets->scales[0] : 0, &best);
            step->right[head->first + i] = best == label;
        }
        if (step->options->backward)
            txe_lower(step, &low, i, logits, V);
    }
}

/* Logits of rows [first, first + n). */
static void
project(struct txe_step *step, const struct masked_lm *head, size_t n)
{
    const struct txe_low y = txe_low_from(&step->y_low, head->first, 0);
    txe_dense_forward(step, &head->decoder, &y, n, step->logits,
                      step->training->config.vocab_size, NULL, false);
}

/* All logits, for a loss that is given. */
static txe_status
give_logits(struct txe_step *step, struct masked_lm *head, struct txe_error *err)
{
    const size_t V = step->training->config.vocab_size;
    for (head->first = 0; head->first < head->n; head->first += step->logits_rows) {
        const size_t n = TXE_MIN(step->logits_rows, head->n - head->first);
        project(step, head, n);
        for (size_t i = 0; i < n; i++)
            memcpy(step->options->scores + place_of(step, head->first + i) * V,
                   step->logits + i * V, V * sizeof *step->logits);
    }
    return step->targets->given(step->targets->context, &head->dscores, err);
}

static void
masked_lm_back(struct txe_step *step, struct masked_lm *head)
{
    const struct txe_config *config = &step->training->config;
    const size_t C = config->hidden_size, E = config->embedding_size;
    const struct txe_norm_backward norm = {.norm = &head->w->norm,
                                           .d = &head->d->norm,
                                           .dx = step->dh,
                                           .z = step->z,
                                           .width = E};
    txe_norm_gradient(step, &norm, head->n);
    head->transform.x = step->pre;
    head->transform.dx = step->dh;
    head->transform.width = E;
    head->transform.low = &step->dh_low;
    transform_back(step, &head->transform, head->n, &head->d->act);
    txe_dense_gradient(step, &head->dense, &step->dh_low, &step->h_low, head->n);
    txe_dense_backward(step, &head->dense, &step->dh_low, head->n, step->h, C, NULL,
                       false);
    add_to_results(step, step->h, head->n);
}

static txe_status
run_masked_lm(struct txe_step *step, struct txe_error *err)
{
    const struct txe_training *training = step->training;
    const struct txe_config *config = &training->config;
    const struct txe_masked_lm_weights *w = &training->weights.masked_lm;
    const struct txe_masked_lm_weights *d = &training->gradients.masked_lm;
    const size_t C = config->hidden_size, E = config->embedding_size;
    const bool given = step->targets->loss == TXE_LOSS_GIVEN;
    const txe_activation act =
        txe_traits_of[config->family].gelu_head ? TXE_ACT_GELU : config->act;
    struct masked_lm head = {
        .w = w,
        .d = d,
        .transform = transform_of(act, &w->act),
        .dense = {.w = {&w->dense},
                  .d = {&d->dense},
                  .npieces = 1,
                  .out = E,
                  .in = C,
                  .precision = training->precision},
        .decoder = {.w = {&w->decoder},
                    .d = {&d->decoder},
                    .npieces = 1,
                    .out = config->vocab_size,
                    .in = E,
                    .precision = training->precision},
        .n = find_labelled(step, given ? NULL : step->targets->labels),
    };
    txe_step_rows(step, head.n, BLOCK_ROWS, take_hidden, NULL);
    txe_dense_forward(step, &head.dense, &step->h_low, head.n, step->pre, E, NULL,
                      false);
    txe_step_rows(step, head.n, BLOCK_ROWS, transform_rows, &head);
    if (given)
        TXE_TRY(give_logits(step, &head, err));
    if (given && !step->options->backward)
        return TXE_OK;
    for (head.first = 0; head.first < head.n; head.first += step->logits_rows) {
        const size_t n = TXE_MIN(step->logits_rows, head.n - head.first);
        if (!given)
            project(step, &head, n);
        txe_step_rows(step, n, 1, lose_rows, &head);
        if (!step->options->backward)
            continue;
        const struct txe_low dlogits = logits_as_operand(step);
        const struct txe_low y = txe_low_from(&step->y_low, head.first, 0);
        txe_dense_gradient(step, &head.decoder, &dlogits, &y, n);
        txe_dense_backward(step, &head.decoder, &dlogits, n, step->dh + head.first * E,
                           E, NULL, false);
    }
    if (!given)
        txe_losses_add(step, 0, head.n);
    if (step->options->backward)
        masked_lm_back(step, &head);
    return TXE_OK;
}

/* ---- pooler and classifier ---- */

struct classifier {
    struct transform transform;
    struct txe_dense layer, scorer;
    bool has_layer;
    struct txe_dropout input, output;
    size_t n;
};

/* rows [n, C] dropped out, with the keys of the rows of the head. */
static void
drop_rows(struct txe_step *step, txe_real *x, size_t n,
          const struct txe_dropout *dropout)
{
    const size_t C = step->training->config.hidden_size;
    for (size_t i = 0; dropout->threshold != 0 && i < n; i++)
        step->training->math.dropout(x + i * C, x + i * C, C, dropout,
                                     step->keys[step->plan.results[step->found[i]]],
                                     false);
}

static struct classifier
classifier_of(const struct txe_step *step)
{
    const struct txe_training *training = step->training;
    const struct txe_config *config = &training->config;
    const struct txe_weights *w = &training->weights, *d = &training->gradients;
    const size_t C = config->hidden_size;
    return (struct classifier){
        .transform = transform_of(config->pooler_act, &w->pooler_act),
        .layer =
            {.w = {&w->pooler}, .d = {&d->pooler}, .npieces = 1, .out = C, .in = C},
        .scorer = {.w = {&w->classifier},
                   .d = {&d->classifier},
                   .npieces = 1,
                   .out = config->num_labels,
                   .in = C},
        .has_layer = txe_config_classifies_sequences(config) ||
                     config->head == TXE_HEAD_REPLACED,
        .input = txe_dropout_at(step->options, TXE_DROP_HEAD_INPUT, 0),
        .output = txe_dropout_at(step->options, TXE_DROP_HEAD_OUTPUT, 0),
    };
}

static void
score(struct txe_step *step, const struct classifier *head)
{
    const struct txe_config *config = &step->training->config;
    const size_t C = config->hidden_size;
    for (size_t i = 0; i < head->n; i++)
        memcpy(step->h + i * C, step->x + step->found[i] * C, C * sizeof *step->h);
    if (head->has_layer) {
        const struct txe_low h = txe_plain_rows(step->h, C);
        drop_rows(step, step->h, head->n, &head->input);
        txe_dense_forward(step, &head->layer, &h, head->n, step->pre, C, NULL, false);
        step->training->math.act(step->z, step->pre, head->n * C, head->transform.act,
                                 head->transform.params);
    } else {
        memcpy(step->z, step->h, head->n * C * sizeof *step->z);
    }
    drop_rows(step, step->z, head->n, &head->output);
    const struct txe_low z = txe_plain_rows(step->z, C);
    txe_dense_forward(step, &head->scorer, &z, head->n, step->scores,
                      config->num_labels, NULL, false);
}

static void
score_back(struct txe_step *step, struct classifier *head)
{
    const struct txe_config *config = &step->training->config;
    const size_t C = config->hidden_size, n = head->n;
    const struct txe_low z = txe_plain_rows(step->z, C);
    const struct txe_low dscores = txe_plain_rows(step->dscores, config->num_labels);
    txe_real *dh = step->dh;
    txe_dense_gradient(step, &head->scorer, &dscores, &z, n);
    txe_dense_backward(step, &head->scorer, &dscores, n, dh, C, NULL, false);
    drop_rows(step, dh, n, &head->output);
    if (head->has_layer) {
        const struct txe_low h = txe_plain_rows(step->h, C);
        const struct txe_low dpre = txe_plain_rows(dh, C);
        head->transform.x = step->pre;
        head->transform.dx = dh;
        head->transform.width = C;
        transform_back(step, &head->transform, n,
                       &step->training->gradients.pooler_act);
        txe_dense_gradient(step, &head->layer, &dpre, &h, n);
        txe_dense_backward(step, &head->layer, &dpre, n, step->z, C, NULL, false);
        dh = step->z;
        drop_rows(step, dh, n, &head->input);
    }
    add_to_results(step, dh, n);
}

/* Copies rows [n, width] to or from where they stand in the batch: [B, width] of
 * sequences, [B, S, width] of tokens. */
static void
copy_scores(const struct txe_step *step, txe_real *batch, const txe_real *from,
            txe_real *rows, size_t n, size_t width, bool sequences)
{
    for (size_t i = 0; i < n; i++) {
        const size_t place = sequences ? i : place_of(step, i);
        if (batch != NULL)
            memcpy(batch + place * width, rows + i * width, width * sizeof *rows);
        else
            memcpy(rows + i * width, from + place * width, width * sizeof *rows);
    }
}

/* The rows of scores are written out, and, if the loss is given, its gradient taken in.
 */
static txe_status
give_scores(struct txe_step *step, txe_real *rows, txe_real *drows, size_t n,
            size_t width, bool sequences, struct txe_error *err)
{
    const struct txe_targets *targets = step->targets;
    if (step->options->scores != NULL)
        copy_scores(step, step->options->scores, NULL, rows, n, width, sequences);
    if (targets->loss != TXE_LOSS_GIVEN)
        return TXE_OK;
    const txe_real *given;
    TXE_TRY(targets->given(targets->context, &given, err));
    if (step->options->backward)
        copy_scores(step, NULL, given, drows, n, width, sequences);
    return TXE_OK;
}

static txe_status
run_classifier(struct txe_step *step, struct txe_error *err)
{
    const struct txe_config *config = &step->training->config;
    const struct txe_targets *targets = step->targets;
    const bool sequences = txe_config_classifies_sequences(config);
    const bool labelled =
        config->head == TXE_HEAD_TOKENS || config->head == TXE_HEAD_REPLACED;
    struct classifier head = classifier_of(step);
    if (sequences)
        head.n = find_first(step);
    else
        head.n = find_labelled(
            step, labelled && targets->loss != TXE_LOSS_GIVEN ? targets->labels : NULL);
    score(step, &head);
    TXE_TRY(give_scores(step, step->scores, step->dscores, head.n, config->num_labels,
                        sequences, err));
    if (targets->loss != TXE_LOSS_GIVEN)
        txe_losses_of_scores(step, head.n);
    if (step->options->backward)
        score_back(step, &head);
    return TXE_OK;
}

/* ---- the whole ---- */

txe_status
txe_step_heads(struct txe_step *step, struct txe_error *err)
{
    const struct txe_config *config = &step->training->config;
    const struct txe_targets *targets = step->targets;
    const bool given = targets->loss == TXE_LOSS_GIVEN;
    const bool both = targets->sentence_labels != NULL;
    const size_t C = config->hidden_size;
    if (step->options->backward)
        memset(step->dx, 0, step->plan.N * C * sizeof *step->dx);
    if (config->head == TXE_HEAD_NONE) {
        find_labelled(step, NULL);
        return give_scores(step, step->x, step->dx, step->plan.N, C, false, err);
    }
    if (txe_config_predicts_tokens(config) && (given || targets->labels != NULL))
        TXE_TRY(run_masked_lm(step, err));
    if (config->num_labels != 0 && (config->head != TXE_HEAD_PRETRAINING || both))
        TXE_TRY(run_classifier(step, err));
    return TXE_OK;
}
