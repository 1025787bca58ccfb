/* Matrices of a model: see matrices.h. */
#include "model/matrices.h"

#include <string.h>

#include "base/common.h"

static struct txe_matrix
matrix_of(const struct txe_linear_weights *w, size_t N, size_t K,
          txe_precision precision)
{
    return (struct txe_matrix){.N = N,
                               .K = K,
                               .nparts = 1,
                               .weight = {w->weight},
                               .bias = {w->bias},
                               .precision = precision};
}

txe_status
txe_matrices_init(struct txe_matrices *m, const struct txe_weights *w,
                  const struct txe_config *config, txe_precision precision,
                  struct txe_error *err)
{
    const size_t C = config->hidden_size, E = config->embedding_size;
    const size_t F = config->intermediate_size, nlayers = txe_config_nlayers(config);
    const size_t widest = TXE_MAX(TXE_MAX(C, E), F);
    memset(m, 0, sizeof *m);
    if (precision == TXE_INT8 && widest > TXE_MAX_INT8_WIDTH)
        return txe_fail(
            err, TXE_EVALUE,
            "in int8 no layer may be wider than %d: their sums would exceed 32 "
            "bits; this model has one of %zu: use bfloat16 or float32",
            TXE_MAX_INT8_WIDTH, widest);
    m->layers = txe_calloc(nlayers, sizeof *m->layers);
    if (m->layers == NULL)
        return txe_fail_nomem(err, nlayers * sizeof *m->layers);
    m->nlayers = nlayers;
    for (size_t i = 0; i < nlayers; i++) {
        const struct txe_layer_weights *layer = &w->layers[i];
        struct txe_layer_matrices *to = &m->layers[i];
        to->qkv = (struct txe_matrix){
            .N = 3 * C,
            .K = C,
            .nparts = 3,
            .weight = {layer->query.weight, layer->key.weight, layer->value.weight},
            .bias = {layer->query.bias, layer->key.bias, layer->value.bias},
            .precision = precision};
        to->output = matrix_of(&layer->output, C, C, precision);
        to->up = matrix_of(&layer->up, F, C, precision);
        to->down = matrix_of(&layer->down, C, F, precision);
    }
    m->projection = matrix_of(&w->projection, C, E, precision);
    m->dense = matrix_of(&w->masked_lm.dense, E, C, precision);
    m->decoder = matrix_of(&w->masked_lm.decoder, config->vocab_size, E, precision);
    m->pooler = matrix_of(&w->pooler, C, C, TXE_FLOAT32);
    m->classifier = matrix_of(&w->classifier, config->num_labels, C, TXE_FLOAT32);
    return TXE_OK;
}

/* Matrix i of all, or NULL behind the last. */
static struct txe_matrix *
matrix_at(struct txe_matrices *m, size_t i)
{
    struct txe_matrix *rest[] = {&m->projection, &m->dense, &m->decoder, &m->pooler,
                                 &m->classifier};
    if (i < 4 * m->nlayers) {
        struct txe_layer_matrices *layer = &m->layers[i / 4];
        struct txe_matrix *four[] = {&layer->qkv, &layer->output, &layer->up,
                                     &layer->down};
        return four[i % 4];
    }
    i -= 4 * m->nlayers;
    return i < TXE_LEN(rest) ? rest[i] : NULL;
}

void
txe_matrices_free(struct txe_matrices *m)
{
    for (size_t i = 0; matrix_at(m, i) != NULL; i++)
        txe_matrix_free(matrix_at(m, i));
    free(m->layers);
    memset(m, 0, sizeof *m);
}

txe_status
txe_matrices_pack(struct txe_matrices *m, const struct txe_kernels *kernels,
                  struct txe_error *err)
{
    for (size_t i = 0; matrix_at(m, i) != NULL; i++) {
        const struct txe_packed *packed;
        if (matrix_at(m, i)->weight[0] != NULL) /* the model has such a layer */
            TXE_TRY(txe_matrix_pack(&packed, matrix_at(m, i), kernels, err));
    }
    return TXE_OK;
}
