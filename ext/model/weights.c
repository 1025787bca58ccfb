/* Names and shapes of parameters: see weights.h.
 *
 * A row of a table is one tensor: its name, where its pointer goes, its shape in the
 * shape letters of ext/README.md (plus P position rows, Y token types, K labels), how
 * it starts.
 */
#include "model/weights.h"

#include <stdio.h>
#include <string.h>

#include "base/common.h"

struct row {
    const char *name;
    size_t offset;    /* of the pointer in its struct */
    const char *dims; /* shape letters; the first `ndim` count */
    size_t ndim;
    txe_init init;
};

#define LINEAR(name, type, field, dims)                                       \
    {name ".weight", offsetof(type, field.weight), dims, 2, TXE_INIT_NORMAL}, \
    {                                                                         \
        name ".bias", offsetof(type, field.bias), dims, 1, TXE_INIT_ZEROS     \
    }
#define NORM(name, type, field, dims)                                      \
    {name ".weight", offsetof(type, field.gamma), dims, 1, TXE_INIT_ONES}, \
    {                                                                      \
        name ".bias", offsetof(type, field.beta), dims, 1, TXE_INIT_ZEROS  \
    }
#define ACTIVATION(name, type, field)                           \
    {                                                           \
        name, offsetof(type, field), "", 0, TXE_INIT_ACTIVATION \
    }
#define TABLE(name, dims, init, field)                                     \
    {                                                                      \
        name ".weight", offsetof(struct txe_weights, field), dims, 2, init \
    }

typedef struct txe_weights W;
typedef struct txe_layer_weights Y;
typedef struct txe_masked_lm_weights M;

static const struct row bert_embeddings[] = {
    TABLE("embeddings.word_embeddings", "VE", TXE_INIT_PADDED, word),
    TABLE("embeddings.position_embeddings", "PE", TXE_INIT_NORMAL, position),
    TABLE("embeddings.token_type_embeddings", "YE", TXE_INIT_NORMAL, type),
    NORM("embeddings.LayerNorm", W, norm, "E"),
};
static const struct row roberta_embeddings[] = {
    TABLE("embeddings.word_embeddings", "VE", TXE_INIT_PADDED, word),
    TABLE("embeddings.token_type_embeddings", "YE", TXE_INIT_NORMAL, type),
    NORM("embeddings.LayerNorm", W, norm, "E"),
    TABLE("embeddings.position_embeddings", "PE", TXE_INIT_PADDED, position),
};
static const struct row albert_embeddings[] = {
    TABLE("embeddings.word_embeddings", "VE", TXE_INIT_PADDED, word),
    TABLE("embeddings.position_embeddings", "PE", TXE_INIT_NORMAL, position),
    TABLE("embeddings.token_type_embeddings", "YE", TXE_INIT_NORMAL, type),
    NORM("embeddings.LayerNorm", W, norm, "E"),
    LINEAR("encoder.embedding_hidden_mapping_in", W, projection, "CE"),
};

static const struct row bert_layer[] = {
    LINEAR("attention.self.query", Y, query, "CC"),
    LINEAR("attention.self.key", Y, key, "CC"),
    LINEAR("attention.self.value", Y, value, "CC"),
    LINEAR("attention.output.dense", Y, output, "CC"),
    NORM("attention.output.LayerNorm", Y, attention_norm, "C"),
    LINEAR("intermediate.dense", Y, up, "FC"),
    ACTIVATION("intermediate.intermediate_act_fn", Y, act),
    LINEAR("output.dense", Y, down, "CF"),
    NORM("output.LayerNorm", Y, output_norm, "C"),
};
static const struct row albert_layer[] = {
    NORM("full_layer_layer_norm", Y, output_norm, "C"),
    LINEAR("attention.query", Y, query, "CC"),
    LINEAR("attention.key", Y, key, "CC"),
    LINEAR("attention.value", Y, value, "CC"),
    LINEAR("attention.dense", Y, output, "CC"),
    NORM("attention.LayerNorm", Y, attention_norm, "C"),
    LINEAR("ffn", Y, up, "FC"),
    LINEAR("ffn_output", Y, down, "CF"),
    ACTIVATION("activation", Y, act),
};

static const struct row bert_pooler[] = {LINEAR("pooler.dense", W, pooler, "CC")};
static const struct row albert_pooler[] = {LINEAR("pooler", W, pooler, "CC")};

static const struct row bert_masked_lm[] = {
    {"cls.predictions.bias", offsetof(M, bias), "V", 1, TXE_INIT_ZEROS},
    LINEAR("cls.predictions.transform.dense", M, dense, "EC"),
    ACTIVATION("cls.predictions.transform.transform_act_fn", M, act),
    NORM("cls.predictions.transform.LayerNorm", M, norm, "E"),
    LINEAR("cls.predictions.decoder", M, decoder, "VE"),
};
/* RoBERTa's head is always gelu, which has no parameters. */
static const struct row roberta_masked_lm[] = {
    {"lm_head.bias", offsetof(M, bias), "V", 1, TXE_INIT_ZEROS},
    LINEAR("lm_head.dense", M, dense, "EC"),
    NORM("lm_head.layer_norm", M, norm, "E"),
    LINEAR("lm_head.decoder", M, decoder, "VE"),
};
static const struct row albert_masked_lm[] = {
    {"predictions.bias", offsetof(M, bias), "V", 1, TXE_INIT_ZEROS},
    NORM("predictions.LayerNorm", M, norm, "E"),
    LINEAR("predictions.dense", M, dense, "EC"),
    LINEAR("predictions.decoder", M, decoder, "VE"),
    ACTIVATION("predictions.activation", M, act),
};

/* Of every family, where roberta_sequence is not meant. */
static const struct row classifier[] = {LINEAR("classifier", W, classifier, "KC")};
static const struct row answer[] = {LINEAR("qa_outputs", W, classifier, "KC")};
/* A pooler of the classifier's own. */
static const struct row roberta_sequence[] = {
    LINEAR("classifier.dense", W, pooler, "CC"),
    LINEAR("classifier.out_proj", W, classifier, "KC"),
};
static const struct row bert_next_sentence[] = {
    LINEAR("cls.seq_relationship", W, classifier, "KC")};
static const struct row albert_sentence_order[] = {
    LINEAR("sop_classifier.classifier", W, classifier, "KC")};

#define ROWS(table) table, TXE_LEN(table)

static const struct family {
    const char *prefix; /* of the base model's tensors inside a model with a head */
    const struct row *embeddings;
    size_t nembeddings;
    const struct row *layer;
    size_t nlayer;
    const struct row *pooler;
    size_t npooler;
    const struct row *masked_lm;
    size_t nmasked_lm;
} families[TXE_NFAMILIES] = {
    [TXE_BERT] = {"bert.", ROWS(bert_embeddings), ROWS(bert_layer), ROWS(bert_pooler),
                  ROWS(bert_masked_lm)},
    [TXE_ROBERTA] = {"roberta.", ROWS(roberta_embeddings), ROWS(bert_layer),
                     ROWS(bert_pooler), ROWS(roberta_masked_lm)},
    [TXE_ALBERT] = {"albert.", ROWS(albert_embeddings), ROWS(albert_layer),
                    ROWS(albert_pooler), ROWS(albert_masked_lm)},
};

/* The rows of the classifier, where the head has one. */
static const struct row *
classifier_rows(const struct txe_config *config, size_t *nrows)
{
    const struct row *rows = classifier;
    *nrows = TXE_LEN(classifier);
    if (config->num_labels == 0) {
        *nrows = 0;
    } else if (config->head == TXE_HEAD_ANSWER) {
        rows = answer;
    } else if (config->head == TXE_HEAD_PRETRAINING ||
               config->head == TXE_HEAD_NEXT_SENTENCE) {
        rows = config->family == TXE_BERT ? bert_next_sentence : albert_sentence_order;
    } else if (config->head == TXE_HEAD_SEQUENCE && config->family == TXE_ROBERTA) {
        rows = roberta_sequence;
        *nrows = TXE_LEN(roberta_sequence);
    }
    return rows;
}

static const struct {
    const char *name;
    size_t ndim;
} prelu_params[] = {{"weight", 1}},
  xielu_params[] = {{"alpha_p", 1}, {"alpha_n", 1}, {"beta", 0}, {"eps", 0}};

struct list {
    struct txe_param *params;
    size_t count;
    const struct txe_config *config;
};

static size_t
dim_size(const struct txe_config *config, char letter)
{
    switch (letter) {
    case 'V':
        return config->vocab_size;
    case 'P':
        return config->max_positions;
    case 'Y':
        return config->type_vocab_size;
    case 'E':
        return config->embedding_size;
    case 'K':
        return config->num_labels;
    case 'F':
        return config->intermediate_size;
    default:
        return config->hidden_size;
    }
}

static struct txe_param *
next_param(struct list *list, const char *prefix, const char *name, const char *last,
           void *slot)
{
    struct txe_param *param = &list->params[list->count++];
    snprintf(param->name, sizeof param->name, "%s%s%s%s", prefix, name,
             last != NULL ? "." : "", last != NULL ? last : "");
    param->slot = slot;
    return param;
}

static void
list_activation(struct list *list, const char *prefix, const struct row *row,
                char *base)
{
    size_t nparams = txe_activation_nparams(list->config->act);
    const float **slots = (const float **)(void *)(base + row->offset);
    for (size_t i = 0; i < nparams; i++) {
        const bool prelu = list->config->act == TXE_ACT_PRELU;
        struct txe_param *param =
            next_param(list, prefix, row->name,
                       prelu ? prelu_params[i].name : xielu_params[i].name, &slots[i]);
        param->ndim = prelu ? prelu_params[i].ndim : xielu_params[i].ndim;
        param->shape[0] = 1;
        param->init = TXE_INIT_ACTIVATION;
    }
}

static void
list_rows(struct list *list, const char *prefix, const struct row *rows, size_t nrows,
          void *base)
{
    for (size_t i = 0; i < nrows; i++) {
        if (rows[i].init == TXE_INIT_ACTIVATION) {
            list_activation(list, prefix, &rows[i], base);
            continue;
        }
        struct txe_param *param =
            next_param(list, prefix, rows[i].name, NULL, (char *)base + rows[i].offset);
        param->ndim = rows[i].ndim;
        for (size_t d = 0; d < param->ndim; d++)
            param->shape[d] = dim_size(list->config, rows[i].dims[d]);
        param->init = rows[i].init;
    }
}

txe_status
txe_weights_init(struct txe_weights *weights, const struct txe_config *config,
                 struct txe_error *err)
{
    memset(weights, 0, sizeof *weights);
    size_t nlayers = txe_config_nlayers(config);
    weights->layers = txe_calloc(nlayers, sizeof *weights->layers);
    if (weights->layers == NULL)
        return txe_fail_nomem(err, nlayers * sizeof *weights->layers);
    return TXE_OK;
}

void
txe_weights_free(struct txe_weights *weights)
{
    free(weights->layers);
    memset(weights, 0, sizeof *weights);
}

txe_status
txe_weights_list(struct txe_param **params, size_t *nparams,
                 struct txe_weights *weights, const struct txe_config *config,
                 struct txe_error *err)
{
    const struct family *family = &families[config->family];
    size_t nlayers = txe_config_nlayers(config);
    size_t most, per_layer = family->nlayer + TXE_MAX_ACT_PARAMS, nclassifier;
    const struct row *classifier_table = classifier_rows(config, &nclassifier);
    size_t rest = family->nembeddings + family->npooler + family->nmasked_lm +
                  TXE_MAX_ACT_PARAMS + nclassifier;
    struct list list = {NULL, 0, config};
    if (txe_mul_size(nlayers, per_layer, &most) && txe_add_size(most, rest, &most))
        list.params = txe_alloc(most, sizeof *list.params);
    if (list.params == NULL)
        return txe_fail(err, TXE_ENOMEM, "out of memory: a model of %zu layers",
                        nlayers);

    const char *prefix = config->head != TXE_HEAD_NONE ? family->prefix : "";
    list_rows(&list, prefix, family->embeddings, family->nembeddings, weights);
    for (size_t i = 0; i < nlayers; i++) {
        char layer_prefix[96];
        if (config->family == TXE_ALBERT)
            snprintf(layer_prefix, sizeof layer_prefix,
                     "%sencoder.albert_layer_groups.%zu.albert_layers.%zu.", prefix,
                     i / config->inner_group_num, i % config->inner_group_num);
        else
            snprintf(layer_prefix, sizeof layer_prefix, "%sencoder.layer.%zu.", prefix,
                     i);
        list_rows(&list, layer_prefix, family->layer, family->nlayer,
                  &weights->layers[i]);
    }
    if (config->pooler)
        list_rows(&list, prefix, family->pooler, family->npooler, weights);
    if (txe_config_predicts_tokens(config))
        list_rows(&list, "", family->masked_lm, family->nmasked_lm,
                  &weights->masked_lm);
    list_rows(&list, "", classifier_table, nclassifier, weights);
    *params = list.params;
    *nparams = list.count;
    return TXE_OK;
}
