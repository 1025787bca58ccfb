/* Embeddings and layers, forward and backward: see step.h.
 *
 *   z1 = x + drop(attention(x) O^T + b),  x1 = LN(z1);
 *   u = x1 U^T + b,  z2 = x1 + drop(act(u) D^T + b),  x = LN(z2).
 *
 * Saved are z1, u, z2, queries, keys, values and what attention gives; LayerNorms,
 * act(u) and the probabilities of attention are computed again on the way back. */
#include <string.h>

#include "base/common.h"
#include "base/threads.h"
#include "train/step.h"

#define BLOCK_ROWS 16
#define TABLE_PARTS 64 /* of a table's rows, for sums of gradients */

/* ---- what is trained ---- */

static bool
trains(const struct txe_linear_weights *w)
{
    return w->weight != NULL || w->bias != NULL;
}

static bool
norm_trains(const struct txe_norm_weights *w)
{
    return w->gamma != NULL || w->beta != NULL;
}

static bool
layer_trains(const struct txe_layer_weights *d)
{
    bool acts = false;
    for (size_t i = 0; i < TXE_MAX_ACT_PARAMS; i++)
        acts |= d->act.params[i] != NULL;
    return acts || trains(&d->query) || trains(&d->key) || trains(&d->value) ||
           trains(&d->output) || trains(&d->up) || trains(&d->down) ||
           norm_trains(&d->attention_norm) || norm_trains(&d->output_norm);
}

bool
txe_step_trains_below(const struct txe_step *step, size_t application)
{
    const struct txe_training *training = step->training;
    const struct txe_weights *d = &training->gradients;
    if (d->word != NULL || d->position != NULL || d->type != NULL ||
        norm_trains(&d->norm) || trains(&d->projection))
        return true;
    for (size_t i = 0; i < application; i++)
        if (layer_trains(&d->layers[txe_config_layer_of(&training->config, i)]))
            return true;
    return false;
}

static struct txe_dense
dense_of(const struct txe_step *step, const struct txe_linear_weights *w,
         const struct txe_linear_weights *d, size_t out, size_t in)
{
    return (struct txe_dense){.w = {w},
                              .d = {d},
                              .npieces = 1,
                              .out = out,
                              .in = in,
                              .precision = step->training->precision};
}

/* ---- embeddings ---- */

static void
embed_rows(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct txe_training *training = step->training;
    const struct txe_weights *w = &training->weights;
    const struct txe_inputs *in = step->inputs;
    const size_t E = training->config.embedding_size;
    const bool projects = txe_config_projects(&training->config);
    const struct txe_dropout dropout =
        txe_dropout_at(step->options, TXE_DROP_EMBEDDINGS, 0);
    (void)context;
    for (size_t t = block->first; t < block->end; t++) {
        const size_t row = step->plan.rows[t];
        const txe_real *word =
            in->ids != NULL ? w->word + (size_t)in->ids[row] * E : in->embeds + row * E;
        const txe_real *position = w->position + (size_t)step->plan.positions[t] * E;
        const txe_real *type = w->type;
        txe_real *z = step->z0 + t * E;
        txe_real *y =
            projects ? step->room + block->worker * step->room_width : step->x + t * E;
        if (type != NULL && in->types != NULL)
            type += (size_t)in->types[row] * E;
        training->math.add(z, word, type != NULL ? type : position,
                           type != NULL ? position : NULL, E);
        training->math.layernorm(y, z, w->norm.gamma, w->norm.beta,
                                 (txe_real)training->config.layer_norm_eps, 1, E);
        if (dropout.threshold != 0)
            training->math.dropout(y, y, E, &dropout, step->keys[t], false);
        if (projects)
            txe_lower(step, &step->e, t, y, E);
    }
}

void
txe_step_embeddings(struct txe_step *step)
{
    const struct txe_training *training = step->training;
    const struct txe_config *config = &training->config;
    const size_t T = step->plan.T, C = config->hidden_size;
    txe_step_rows(step, T, BLOCK_ROWS, embed_rows, NULL);
    if (!txe_config_projects(config))
        return;
    const struct txe_dense projection =
        dense_of(step, &training->weights.projection, &training->gradients.projection,
                 C, config->embedding_size);
    txe_dense_forward(step, &projection, &step->e, T, step->x, C, NULL, false);
}

static void
drop_rows_back(struct txe_step *step, void *context, const struct txe_block *block)
{
    const size_t E = step->training->config.embedding_size;
    const struct txe_dropout *dropout = context;
    for (size_t t = block->first; t < block->end; t++)
        step->training->math.dropout(step->dx + t * E, step->dx + t * E, E, dropout,
                                     step->keys[t], false);
}

/* Rows of a table that a step looks up, row `skipped` of which gets no gradient. */
struct lookups {
    txe_real *table;
    const int64_t
        *rows; /* by token if `plain`, else by place in the batch; NULL: row 0 */
    bool plain;
    int64_t skipped; /* or -1 */
};

static void
add_lookups(void *context, size_t part, size_t worker)
{
    const struct txe_step *step = ((void **)context)[0];
    const struct lookups *lookups = ((void **)context)[1];
    const size_t E = step->training->config.embedding_size;
    (void)worker;
    for (size_t t = 0; t < step->plan.T; t++) {
        const size_t place = lookups->plain ? t : step->plan.rows[t];
        const int64_t row = lookups->rows != NULL ? lookups->rows[place] : 0;
        if ((size_t)row % TABLE_PARTS == part && row != lookups->skipped)
            step->training->math.add(lookups->table + (size_t)row * E,
                                     lookups->table + (size_t)row * E, step->dx + t * E,
                                     NULL, E);
    }
}

/* Each row of the table is summed by one thread, in the order of the tokens. */
static void
gather_lookups(struct txe_step *step, struct lookups *lookups)
{
    void *context[] = {step, lookups};
    if (lookups->table != NULL)
        txe_parallel_for(TABLE_PARTS, step->nworkers, add_lookups, context);
}

static void
lower_dx(struct txe_step *step, void *context, const struct txe_block *block)
{
    const size_t C = step->training->config.hidden_size;
    (void)context;
    for (size_t t = block->first; t < block->end; t++)
        txe_lower(step, &step->dy, t, step->dx + t * C, C);
}

void
txe_step_embeddings_backward(struct txe_step *step)
{
    const struct txe_training *training = step->training;
    const struct txe_config *config = &training->config;
    const struct txe_weights *w = &training->weights, *d = &training->gradients;
    const size_t T = step->plan.T, C = config->hidden_size, E = config->embedding_size;
    if (txe_config_projects(config)) {
        const struct txe_dense projection =
            dense_of(step, &w->projection, &d->projection, C, E);
        txe_step_rows(step, T, BLOCK_ROWS, lower_dx, NULL);
        txe_dense_gradient(step, &projection, &step->dy, &step->e, T);
        txe_dense_backward(step, &projection, &step->dy, T, step->dx, E, NULL, false);
    }
    struct txe_dropout dropout = txe_dropout_at(step->options, TXE_DROP_EMBEDDINGS, 0);
    if (dropout.threshold != 0)
        txe_step_rows(step, T, BLOCK_ROWS, drop_rows_back, &dropout);
    const struct txe_norm_backward norm = {
        .norm = &w->norm, .d = &d->norm, .dx = step->dx, .z = step->z0, .width = E};
    txe_norm_gradient(step, &norm, T);
    const bool roberta = config->family == TXE_ROBERTA;
    if (step->inputs->ids != NULL)
        gather_lookups(step, &(struct lookups){.table = txe_gradient(d->word),
                                               .rows = step->inputs->ids,
                                               .skipped = config->pad_token_id});
    gather_lookups(step,
                   &(struct lookups){.table = txe_gradient(d->position),
                                     .rows = step->plan.positions,
                                     .plain = true,
                                     .skipped = roberta ? config->pad_token_id : -1});
    gather_lookups(step, &(struct lookups){.table = txe_gradient(d->type),
                                           .rows = step->inputs->types,
                                           .skipped = -1});
}

/* ---- a layer ---- */

/* One application of a layer, for its loops over rows. */
struct layer {
    size_t application;
    const struct txe_layer_weights *w, *d;
    const struct txe_low *x; /* [T, C] its input */
    struct txe_saved *saved;
    struct txe_dropout output, feed_forward;
    const size_t *wanted; /* [R] rows of x, where R < T, or NULL */
    size_t R;
    txe_real params[TXE_MAX_ACT_PARAMS];
    const struct txe_dropout *dropout; /* of the loop that runs */
    txe_real *z;                       /* to which it adds */
    size_t first;                      /* row of a chunk */
};

static struct layer
layer_at(struct txe_step *step, size_t application)
{
    const struct txe_training *training = step->training;
    const size_t index = txe_config_layer_of(&training->config, application);
    const bool narrow =
        application + 1 == step->napplications && step->plan.N < step->plan.T;
    struct layer layer = {
        .application = application,
        .x = application == 0 ? &step->x_first : &step->x_low,
        .w = &training->weights.layers[index],
        .d = &training->gradients.layers[index],
        .saved = &step->saved[application],
        .output = txe_dropout_at(step->options, TXE_DROP_ATTENTION_OUTPUT, application),
        .feed_forward =
            txe_dropout_at(step->options, TXE_DROP_FEED_FORWARD, application),
        .wanted = narrow ? step->plan.results : NULL,
        .R = narrow ? step->plan.N : step->plan.T,
    };
    txe_act_params(layer.params, training->config.act, &layer.w->act);
    return layer;
}

static size_t
row_of(const struct layer *layer, size_t i)
{
    return layer->wanted != NULL ? layer->wanted[i] : i;
}

/* The three layers of attention's input, or (`first` to `last`) some of them. */
static struct txe_dense
attention_input(const struct txe_step *step, const struct layer *layer, size_t first,
                size_t last)
{
    const struct txe_linear_weights *w[] = {&layer->w->query, &layer->w->key,
                                            &layer->w->value};
    const struct txe_linear_weights *d[] = {&layer->d->query, &layer->d->key,
                                            &layer->d->value};
    const size_t C = step->training->config.hidden_size;
    struct txe_dense dense = dense_of(step, NULL, NULL, C, C);
    for (size_t i = first; i < last; i++) {
        dense.w[i - first] = w[i];
        dense.d[i - first] = d[i];
    }
    dense.npieces = last - first;
    return dense;
}

static void
take_input(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct layer *layer = context;
    const size_t C = step->training->config.hidden_size;
    for (size_t t = block->first; t < block->end; t++)
        txe_lower(step, layer->x, t, step->x + t * C, C);
}

/* What goes around attention: z1 = x, of the rows wanted. */
static void
take_residual(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct layer *layer = context;
    const size_t C = step->training->config.hidden_size;
    for (size_t i = block->first; i < block->end; i++) {
        const txe_real *x = step->x + row_of(layer, i) * C;
        memcpy(layer->saved->z1 + i * C, x, C * sizeof *x);
        if (layer->wanted != NULL)
            txe_lower(step, &layer->saved->x_wanted, i, x, C);
    }
}

/* z += what stands in step->narrow, dropped out. */
static void
add_dropped(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct layer *layer = context;
    const size_t C = step->training->config.hidden_size;
    for (size_t i = block->first; i < block->end; i++)
        step->training->math.dropout(layer->z + (layer->first + i) * C,
                                     step->narrow + i * C, C, layer->dropout,
                                     step->keys[row_of(layer, layer->first + i)], true);
}

/* z [n, C] += drop(x w^T + b), rows [first, first + n). */
static void
add_output(struct txe_step *step, struct layer *layer, const struct txe_dense *dense,
           const struct txe_low *x, txe_real *z, size_t first, size_t n,
           const struct txe_dropout *dropout)
{
    const size_t C = step->training->config.hidden_size;
    if (dropout->threshold == 0) {
        txe_dense_forward(step, dense, x, n, z + first * C, C, NULL, true);
        return;
    }
    txe_dense_forward(step, dense, x, n, step->narrow, C, NULL, false);
    layer->z = z;
    layer->first = first;
    layer->dropout = dropout;
    txe_step_rows(step, n, BLOCK_ROWS, add_dropped, layer);
}

/* x1 = LN(z1) of a chunk of rows, and, on the way forward, z2 = x1. */
static void
norm_rows(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct layer *layer = context;
    const struct txe_training *training = step->training;
    const size_t C = training->config.hidden_size;
    for (size_t i = block->first; i < block->end; i++) {
        const size_t row = layer->first + i;
        txe_real *y = layer->z != NULL ? layer->z + row * C
                                       : step->room + block->worker * step->room_width;
        training->math.layernorm(y, layer->saved->z1 + row * C,
                                 layer->w->attention_norm.gamma,
                                 layer->w->attention_norm.beta,
                                 (txe_real)training->config.layer_norm_eps, 1, C);
        txe_lower(step, &step->x1, i, y, C);
    }
}

/* x = LN(z2) of the layer before: the input of this one again. */
static void
norm_input_rows(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct layer *layer = context;
    const struct txe_training *training = step->training;
    const size_t C = training->config.hidden_size;
    const size_t before = layer->application - 1;
    const struct txe_norm_weights *norm =
        &training->weights.layers[txe_config_layer_of(&training->config, before)]
             .output_norm;
    for (size_t t = block->first; t < block->end; t++) {
        txe_real *y = step->room + block->worker * step->room_width;
        training->math.layernorm(y, step->saved[before].z2 + t * C, norm->gamma,
                                 norm->beta, (txe_real)training->config.layer_norm_eps,
                                 1, C);
        txe_lower(step, layer->x, t, y, C);
    }
}

static void
norm_output_rows(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct layer *layer = context;
    const struct txe_training *training = step->training;
    const size_t C = training->config.hidden_size, n = block->end - block->first;
    training->math.layernorm(step->x + block->first * C,
                             layer->saved->z2 + block->first * C,
                             layer->w->output_norm.gamma, layer->w->output_norm.beta,
                             (txe_real)training->config.layer_norm_eps, n, C);
}

static void
act_rows(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct layer *layer = context;
    const struct txe_training *training = step->training;
    const size_t F = training->config.intermediate_size;
    txe_real *room = step->room + block->worker * step->room_width;
    for (size_t i = block->first; i < block->end; i++) {
        const txe_real *u =
            txe_raise_row(step, &layer->saved->u, layer->first + i, room, F);
        txe_real *y = step->element == sizeof *y ? txe_low_row(&step->act, i) : room;
        training->math.act(y, u, F, training->config.act, layer->params);
        txe_lower(step, &step->act, i, y, F);
    }
}

static void
run_feed_forward(struct txe_step *step, struct layer *layer)
{
    const struct txe_config *config = &step->training->config;
    const size_t C = config->hidden_size, F = config->intermediate_size;
    struct txe_saved *saved = layer->saved;
    const struct txe_dense up = dense_of(step, &layer->w->up, &layer->d->up, F, C);
    const struct txe_dense down =
        dense_of(step, &layer->w->down, &layer->d->down, C, F);
    for (size_t first = 0; first < layer->R; first += TXE_STEP_ROWS) {
        const size_t n = TXE_MIN((size_t)TXE_STEP_ROWS, layer->R - first);
        const struct txe_low u = txe_low_from(&saved->u, first, 0);
        layer->first = first;
        layer->z = saved->z2;
        txe_step_rows(step, n, BLOCK_ROWS, norm_rows, layer);
        txe_dense_forward(step, &up, &step->x1, n, NULL, 0, &u, false);
        txe_step_rows(step, n, BLOCK_ROWS, act_rows, layer);
        add_output(step, layer, &down, &step->act, saved->z2, first, n,
                   &layer->feed_forward);
    }
}

void
txe_step_layer(struct txe_step *step, size_t application)
{
    const size_t T = step->plan.T, C = step->training->config.hidden_size;
    struct layer layer = layer_at(step, application);
    struct txe_saved *saved = layer.saved;
    const size_t queries = layer.wanted != NULL;
    const struct txe_dense input = attention_input(step, &layer, queries, 3);
    const struct txe_dense output =
        dense_of(step, &layer.w->output, &layer.d->output, C, C);
    txe_step_rows(step, T, BLOCK_ROWS, take_input, &layer);
    txe_step_rows(step, layer.R, BLOCK_ROWS, take_residual, &layer);
    const struct txe_low qkv =
        txe_low_from(&saved->qkv, 0, queries * C * step->element);
    txe_dense_forward(step, &input, layer.x, T, NULL, 0, &qkv, false);
    if (layer.wanted != NULL) {
        const struct txe_dense query = attention_input(step, &layer, 0, 1);
        txe_dense_forward(step, &query, &saved->x_wanted, layer.R, NULL, 0,
                          &saved->queries, false);
    }
    txe_step_attention(step, saved, application);
    for (size_t first = 0; first < layer.R; first += TXE_STEP_ROWS) {
        const struct txe_low rows = txe_low_from(&saved->context, first, 0);
        add_output(step, &layer, &output, &rows, saved->z1, first,
                   TXE_MIN((size_t)TXE_STEP_ROWS, layer.R - first), &layer.output);
    }
    run_feed_forward(step, &layer);
    txe_step_rows(step, layer.R, BLOCK_ROWS, norm_output_rows, &layer);
}

/* ---- and back ---- */

/* From the gradient of act(u), in step->wide: u's, and act(u) again. */
static void
act_rows_back(struct txe_step *step, void *context, const struct txe_block *block)
{
    const struct layer *layer = context;
    const struct txe_training *training = step->training;
    const size_t F = training->config.intermediate_size;
    txe_real *room = step->room + block->worker * step->room_width;
    txe_real *sums = NULL;
    if (txe_activation_nparams(training->config.act) != 0) {
        sums = step->partials + block->index * TXE_MAX_ACT_PARAMS;
        memset(sums, 0, TXE_MAX_ACT_PARAMS * sizeof *sums);
    }
    for (size_t i = block->first; i < block->end; i++) {
        txe_real *du = step->wide + i * F;
        const txe_real *u =
            txe_raise_row(step, &layer->saved->u, layer->first + i, room, F);
        txe_real *y = step->element == sizeof *y ? txe_low_row(&step->act, i) : room;
        training->math.act_backward(du, y, sums, du, u, F, training->config.act,
                                    layer->params);
        txe_lower(step, &step->act, i, y, F);
        txe_lower(step, &step->du, i, du, F);
    }
}

static void
run_feed_forward_back(struct txe_step *step, struct layer *layer)
{
    const struct txe_config *config = &step->training->config;
    const size_t C = config->hidden_size, F = config->intermediate_size;
    const struct txe_dense up = dense_of(step, &layer->w->up, &layer->d->up, F, C);
    const struct txe_dense down =
        dense_of(step, &layer->w->down, &layer->d->down, C, F);
    for (size_t first = 0; first < layer->R; first += TXE_STEP_ROWS) {
        const size_t n = TXE_MIN((size_t)TXE_STEP_ROWS, layer->R - first);
        const struct txe_low dy = txe_low_from(&step->dy, first, 0);
        txe_dense_backward(step, &down, &dy, n, step->wide, F, NULL, false);
        layer->first = first;
        layer->z = NULL;
        txe_step_rows(step, n, BLOCK_ROWS, norm_rows, layer);
        txe_step_rows(step, n, TXE_ACT_ROWS, act_rows_back, layer);
        txe_act_gradient(step, config->act, &layer->d->act, n);
        txe_dense_gradient(step, &down, &dy, &step->act, n);
        txe_dense_gradient(step, &up, &step->du, &step->x1, n);
        txe_dense_backward(step, &up, &step->du, n, step->dx + first * C, C, NULL,
                           true);
    }
}

/* dx [N, C] to where the rows wanted stand among T, zeros elsewhere. */
static void
spread(struct txe_step *step)
{
    const size_t C = step->training->config.hidden_size;
    size_t end = step->plan.T;
    for (size_t i = step->plan.N; i-- > 0;) {
        const size_t row = step->plan.results[i];
        memset(step->dx + (row + 1) * C, 0, (end - row - 1) * C * sizeof *step->dx);
        memmove(step->dx + row * C, step->dx + i * C, C * sizeof *step->dx);
        end = row;
    }
    memset(step->dx, 0, end * C * sizeof *step->dx);
}

void
txe_step_layer_backward(struct txe_step *step, size_t application)
{
    const size_t T = step->plan.T, C = step->training->config.hidden_size;
    struct layer layer = layer_at(step, application);
    struct txe_saved *saved = layer.saved;
    const size_t queries = layer.wanted != NULL;
    struct txe_norm_backward norm = {.norm = &layer.w->output_norm,
                                     .d = &layer.d->output_norm,
                                     .dx = step->dx,
                                     .z = saved->z2,
                                     .width = C,
                                     .low = &step->dy,
                                     .dropout = layer.feed_forward,
                                     .rows = layer.wanted};
    txe_norm_gradient(step, &norm, layer.R);
    run_feed_forward_back(step, &layer);
    norm.norm = &layer.w->attention_norm;
    norm.d = &layer.d->attention_norm;
    norm.z = saved->z1;
    norm.dropout = layer.output;
    txe_norm_gradient(step, &norm, layer.R);

    const struct txe_dense output =
        dense_of(step, &layer.w->output, &layer.d->output, C, C);
    txe_dense_gradient(step, &output, &step->dy, &saved->context, layer.R);
    txe_dense_backward(step, &output, &step->dy, layer.R, NULL, 0, &step->dcontext,
                       false);
    txe_step_attention_backward(step, saved, application);
    if (layer.wanted != NULL) {
        const struct txe_dense query = attention_input(step, &layer, 0, 1);
        txe_dense_gradient(step, &query, &step->dqueries, &saved->x_wanted, layer.R);
        txe_dense_backward(step, &query, &step->dqueries, layer.R, step->dx, C, NULL,
                           true);
        spread(step);
    }
    const struct txe_dense input = attention_input(step, &layer, queries, 3);
    const struct txe_low dqkv =
        txe_low_from(&step->dqkv, 0, queries * C * step->element);
    /* With checkpointing, and of the last layer, it still stands there. */
    if (application > 0 && application + 1 < step->napplications &&
        !step->training->checkpointing)
        txe_step_rows(step, T, BLOCK_ROWS, norm_input_rows, &layer);
    txe_dense_gradient(step, &input, &dqkv, layer.x, T);
    txe_dense_backward(step, &input, &dqkv, T, step->dx, C, NULL, true);
}
