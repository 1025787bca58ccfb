/* Names and shapes of parameters: see weights.h.
 *
 * A row of a table is one tensor: its name, where its pointer goes, its shape in the
 * shape letters of ext/README.md (plus P position rows, Y token types, K labels), how
 * it starts.  An activation's row stands for the parameters that it has, if any; its
 * letter is A for config.act, L for config.pooler_act.
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
#define ACTIVATION(name, type, field, letter)                       \
    {                                                               \
        name, offsetof(type, field), letter, 0, TXE_INIT_ACTIVATION \
    }
#define TABLE(name, dims, init, field)                                     \
    {                                                                      \
        name ".weight", offsetof(struct txe_weights, field), dims, 2, init \
    }

typedef struct txe_weights W;
typedef struct txe_layer_weights Y;
typedef struct txe_masked_lm_weights M;

/* ALBERT's and ELECTRA's too. */
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
static const struct row distilbert_embeddings[] = {
    TABLE("embeddings.word_embeddings", "VE", TXE_INIT_PADDED, word),
    TABLE("embeddings.position_embeddings", "PE", TXE_INIT_NORMAL, position),
    NORM("embeddings.LayerNorm", W, norm, "E"),
};

static const struct row albert_projection[] = {
    LINEAR("encoder.embedding_hidden_mapping_in", W, projection, "CE"),
};
static const struct row electra_projection[] = {
    LINEAR("embeddings_project", W, projection, "CE"),
};

static const struct row bert_layer[] = {
    LINEAR("attention.self.query", Y, query, "CC"),
    LINEAR("attention.self.key", Y, key, "CC"),
    LINEAR("attention.self.value", Y, value, "CC"),
    LINEAR("attention.output.dense", Y, output, "CC"),
    NORM("attention.output.LayerNorm", Y, attention_norm, "C"),
    LINEAR("intermediate.dense", Y, up, "FC"),
    ACTIVATION("intermediate.intermediate_act_fn", Y, act, "A"),
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
    ACTIVATION("activation", Y, act, "A"),
};
static const struct row distilbert_layer[] = {
    LINEAR("attention.q_lin", Y, query, "CC"),
    LINEAR("attention.k_lin", Y, key, "CC"),
    LINEAR("attention.v_lin", Y, value, "CC"),
    LINEAR("attention.out_lin", Y, output, "CC"),
    NORM("sa_layer_norm", Y, attention_norm, "C"),
    LINEAR("ffn.lin1", Y, up, "FC"),
    LINEAR("ffn.lin2", Y, down, "CF"),
    ACTIVATION("ffn.activation", Y, act, "A"),
    NORM("output_layer_norm", Y, output_norm, "C"),
};

static const struct row bert_pooler[] = {LINEAR("pooler.dense", W, pooler, "CC")};
static const struct row albert_pooler[] = {LINEAR("pooler", W, pooler, "CC")};

static const struct row bert_masked_lm[] = {
    {"cls.predictions.bias", offsetof(M, bias), "V", 1, TXE_INIT_ZEROS},
    LINEAR("cls.predictions.transform.dense", M, dense, "EC"),
    ACTIVATION("cls.predictions.transform.transform_act_fn", M, act, "A"),
    NORM("cls.predictions.transform.LayerNorm", M, norm, "E"),
    LINEAR("cls.predictions.decoder", M, decoder, "VE"),
};
/* The heads of RoBERTa and ELECTRA are always gelu, which has no parameters. */
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
    ACTIVATION("predictions.activation", M, act, "A"),
};
static const struct row distilbert_masked_lm[] = {
    ACTIVATION("activation", M, act, "A"),
    LINEAR("vocab_transform", M, dense, "EC"),
    NORM("vocab_layer_norm", M, norm, "E"),
    LINEAR("vocab_projector", M, decoder, "VE"),
};
static const struct row electra_masked_lm[] = {
    NORM("generator_predictions.LayerNorm", M, norm, "E"),
    LINEAR("generator_predictions.dense", M, dense, "EC"),
    LINEAR("generator_lm_head", M, decoder, "VE"),
};

/* Classifiers of every family, where none of those below is meant. */
static const struct row classifier[] = {LINEAR("classifier", W, classifier, "KC")};
static const struct row answer[] = {LINEAR("qa_outputs", W, classifier, "KC")};
/* With a layer of the classifier's own in the place of a pooler. */
static const struct row roberta_sequence[] = {
    LINEAR("classifier.dense", W, pooler, "CC"),
    LINEAR("classifier.out_proj", W, classifier, "KC"),
};
static const struct row distilbert_sequence[] = {
    LINEAR("pre_classifier", W, pooler, "CC"),
    LINEAR("classifier", W, classifier, "KC"),
};
static const struct row electra_choice[] = {
    LINEAR("sequence_summary.summary", W, pooler, "CC"),
    ACTIVATION("sequence_summary.activation", W, pooler_act, "L"),
    LINEAR("classifier", W, classifier, "KC"),
};
static const struct row electra_replaced[] = {
    LINEAR("discriminator_predictions.dense", W, pooler, "CC"),
    ACTIVATION("discriminator_predictions.activation", W, pooler_act, "L"),
    LINEAR("discriminator_predictions.dense_prediction", W, classifier, "KC"),
};
static const struct row bert_next_sentence[] = {
    LINEAR("cls.seq_relationship", W, classifier, "KC")};
static const struct row albert_sentence_order[] = {
    LINEAR("sop_classifier.classifier", W, classifier, "KC")};

struct rows {
    const struct row *rows;
    size_t n;
};
#define ROWS(table)           \
    {                         \
        table, TXE_LEN(table) \
    }

static const struct family {
    const char *prefix; /* of the base model's tensors inside a model with a head */
    const char *layers; /* before a layer's number, or its group's */
    const char *inner;  /* before its number in a group; NULL without groups */
    struct rows embeddings;
    struct rows projection; /* where txe_config_projects */
    struct rows layer;
    struct rows pooler; /* with config.pooler */
    struct rows masked_lm;
    struct rows heads[TXE_NHEADS]; /* classifiers of the family's own */
} families[TXE_NFAMILIES] = {
    [TXE_BERT] =
        {
            .prefix = "bert.",
            .layers = "encoder.layer.",
            .embeddings = ROWS(bert_embeddings),
            .layer = ROWS(bert_layer),
            .pooler = ROWS(bert_pooler),
            .masked_lm = ROWS(bert_masked_lm),
            .heads = {[TXE_HEAD_PRETRAINING] = ROWS(bert_next_sentence),
                      [TXE_HEAD_NEXT_SENTENCE] = ROWS(bert_next_sentence)},
        },
    [TXE_ROBERTA] =
        {
            .prefix = "roberta.",
            .layers = "encoder.layer.",
            .embeddings = ROWS(roberta_embeddings),
            .layer = ROWS(bert_layer),
            .pooler = ROWS(bert_pooler),
            .masked_lm = ROWS(roberta_masked_lm),
            .heads = {[TXE_HEAD_SEQUENCE] = ROWS(roberta_sequence)},
        },
    [TXE_ALBERT] =
        {
            .prefix = "albert.",
            .layers = "encoder.albert_layer_groups.",
            .inner = "albert_layers.",
            .embeddings = ROWS(bert_embeddings),
            .projection = ROWS(albert_projection),
            .layer = ROWS(albert_layer),
            .pooler = ROWS(albert_pooler),
            .masked_lm = ROWS(albert_masked_lm),
            .heads = {[TXE_HEAD_PRETRAINING] = ROWS(albert_sentence_order)},
        },
    [TXE_DISTILBERT] =
        {
            .prefix = "distilbert.",
            .layers = "transformer.layer.",
            .embeddings = ROWS(distilbert_embeddings),
            .layer = ROWS(distilbert_layer),
            .masked_lm = ROWS(distilbert_masked_lm),
            .heads = {[TXE_HEAD_SEQUENCE] = ROWS(distilbert_sequence),
                      [TXE_HEAD_CHOICE] = ROWS(distilbert_sequence)},
        },
    [TXE_ELECTRA] =
        {
            .prefix = "electra.",
            .layers = "encoder.layer.",
            .embeddings = ROWS(bert_embeddings),
            .projection = ROWS(electra_projection),
            .layer = ROWS(bert_layer),
            .masked_lm = ROWS(electra_masked_lm),
            .heads = {[TXE_HEAD_SEQUENCE] = ROWS(roberta_sequence),
                      [TXE_HEAD_CHOICE] = ROWS(electra_choice),
                      [TXE_HEAD_REPLACED] = ROWS(electra_replaced)},
        },
};

/* The rows of the classifier; none where the head has none. */
static struct rows
classifier_rows(const struct txe_config *config)
{
    const struct rows own = families[config->family].heads[config->head];
    const struct rows shared = ROWS(classifier), spans = ROWS(answer), none = {NULL, 0};
    if (config->num_labels == 0)
        return none;
    if (own.n != 0)
        return own;
    return config->head == TXE_HEAD_ANSWER ? spans : shared;
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
    const txe_activation act =
        row->dims[0] == 'L' ? list->config->pooler_act : list->config->act;
    const bool prelu = act == TXE_ACT_PRELU;
    const txe_real **slots = (const txe_real **)(void *)(base + row->offset);
    for (size_t i = 0; i < txe_activation_nparams(act); i++) {
        struct txe_param *param =
            next_param(list, prefix, row->name,
                       prelu ? prelu_params[i].name : xielu_params[i].name, &slots[i]);
        param->ndim = prelu ? prelu_params[i].ndim : xielu_params[i].ndim;
        param->shape[0] = 1;
        param->init = TXE_INIT_ACTIVATION;
    }
}

static void
list_rows(struct list *list, const char *prefix, struct rows table, void *base)
{
    for (size_t i = 0; i < table.n; i++) {
        const struct row *row = &table.rows[i];
        if (row->init == TXE_INIT_ACTIVATION) {
            list_activation(list, prefix, row, base);
            continue;
        }
        struct txe_param *param =
            next_param(list, prefix, row->name, NULL, (char *)base + row->offset);
        param->ndim = row->ndim;
        for (size_t d = 0; d < param->ndim; d++)
            param->shape[d] = dim_size(list->config, row->dims[d]);
        param->init = row->init;
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
    const struct rows classifier_table = classifier_rows(config);
    size_t nlayers = txe_config_nlayers(config);
    size_t most, per_layer = family->layer.n + TXE_MAX_ACT_PARAMS;
    size_t rest = family->embeddings.n + family->projection.n + family->pooler.n +
                  family->masked_lm.n + classifier_table.n + 2 * TXE_MAX_ACT_PARAMS;
    struct list list = {NULL, 0, config};
    if (txe_mul_size(nlayers, per_layer, &most) && txe_add_size(most, rest, &most))
        list.params = txe_alloc(most, sizeof *list.params);
    if (list.params == NULL)
        return txe_fail(err, TXE_ENOMEM, "out of memory: a model of %zu layers",
                        nlayers);

    const char *prefix = config->head != TXE_HEAD_NONE ? family->prefix : "";
    list_rows(&list, prefix, family->embeddings, weights);
    if (txe_config_projects(config))
        list_rows(&list, prefix, family->projection, weights);
    for (size_t i = 0; i < nlayers; i++) {
        const size_t group = i / config->inner_group_num;
        char inner[48] = "", layer_prefix[128];
        if (family->inner != NULL)
            snprintf(inner, sizeof inner, "%s%zu.", family->inner,
                     i % config->inner_group_num);
        snprintf(layer_prefix, sizeof layer_prefix, "%s%s%zu.%s", prefix,
                 family->layers, group, inner);
        list_rows(&list, layer_prefix, family->layer, &weights->layers[i]);
    }
    if (config->pooler)
        list_rows(&list, prefix, family->pooler, weights);
    if (txe_config_predicts_tokens(config))
        list_rows(&list, "", family->masked_lm, &weights->masked_lm);
    list_rows(&list, "", classifier_table, weights);
    *params = list.params;
    *nparams = list.count;
    return TXE_OK;
}
