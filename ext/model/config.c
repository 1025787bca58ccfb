/* Configuration: see config.h. */
#include "model/config.h"

#include <limits.h>

#include "base/common.h"

const struct txe_traits txe_traits_of[TXE_NFAMILIES] = {
    [TXE_BERT] = {.types = true, .pooler = true},
    [TXE_ROBERTA] = {.types = true, .pooler = true, .gelu_head = true},
    [TXE_ALBERT] = {.types = true, .factorised = true, .shared = true, .pooler = true},
    [TXE_DISTILBERT] = {.types = false},
    [TXE_ELECTRA] = {.types = true, .factorised = true, .gelu_head = true},
};

/* Heads that only some families have: a bit for each family. */
#define BIT(family) (1u << (family))
static const unsigned head_families[TXE_NHEADS] = {
    [TXE_HEAD_PRETRAINING] = BIT(TXE_BERT) | BIT(TXE_ALBERT),
    [TXE_HEAD_NEXT_SENTENCE] = BIT(TXE_BERT),
    [TXE_HEAD_REPLACED] = BIT(TXE_ELECTRA),
};

static txe_status
check_size(const char *name, size_t value, size_t least, struct txe_error *err)
{
    /* BLAS counts in int; so does everything that is ever multiplied by it here. */
    if (value < least || value > INT_MAX)
        return txe_fail(err, TXE_EVALUE, "%s is %zu; it must be from %zu to %d", name,
                        value, least, INT_MAX);
    return TXE_OK;
}

bool
txe_config_predicts_tokens(const struct txe_config *config)
{
    return config->head == TXE_HEAD_MASKED_LM || config->head == TXE_HEAD_PRETRAINING;
}

bool
txe_config_classifies_sequences(const struct txe_config *config)
{
    return config->head == TXE_HEAD_PRETRAINING ||
           config->head == TXE_HEAD_NEXT_SENTENCE ||
           config->head == TXE_HEAD_SEQUENCE || config->head == TXE_HEAD_CHOICE;
}

bool
txe_config_classifies_tokens(const struct txe_config *config)
{
    return config->head == TXE_HEAD_TOKENS || config->head == TXE_HEAD_ANSWER ||
           config->head == TXE_HEAD_REPLACED;
}

bool
txe_config_projects(const struct txe_config *config)
{
    return config->family == TXE_ALBERT ||
           config->embedding_size != config->hidden_size;
}

/* The activation of the pooler, or of the layer that stands before the classifier. */
static void
settle_pooler_act(struct txe_config *config)
{
    if (config->family == TXE_DISTILBERT)
        config->pooler_act = TXE_ACT_RELU;
    else if (config->family != TXE_ELECTRA)
        config->pooler_act = TXE_ACT_TANH;
    else if (config->head == TXE_HEAD_REPLACED)
        config->pooler_act = config->act;
    else if (config->head != TXE_HEAD_CHOICE)
        config->pooler_act = TXE_ACT_GELU;
}

/* What the family and the head say of the pooler and the number of labels. */
static txe_status
settle_head(struct txe_config *config, struct txe_error *err)
{
    const bool sequences = txe_config_classifies_sequences(config);
    const unsigned families = head_families[config->head];
    if (families != 0 && !(families & BIT(config->family)))
        return txe_fail(err, TXE_EVALUE, "the model's family has no such head");
    if (config->head != TXE_HEAD_NONE) /* RoBERTa's classifier has a layer of its own */
        config->pooler = sequences && (config->family != TXE_ROBERTA ||
                                       config->head != TXE_HEAD_SEQUENCE);
    if (!txe_traits_of[config->family].pooler)
        config->pooler = false;
    settle_pooler_act(config);
    if (config->head == TXE_HEAD_CHOICE || config->head == TXE_HEAD_REPLACED)
        config->num_labels = 1;
    else if (config->family == TXE_BERT && sequences &&
             config->head != TXE_HEAD_SEQUENCE)
        config->num_labels = 2;
    else if (!sequences && !txe_config_classifies_tokens(config))
        config->num_labels = 0;
    else
        return check_size("num_labels", config->num_labels, 1, err);
    return TXE_OK;
}

txe_status
txe_config_check(struct txe_config *config, struct txe_error *err)
{
    const struct txe_traits *traits = &txe_traits_of[config->family];
    if (!traits->types)
        config->type_vocab_size = 0;
    if (!traits->factorised)
        config->embedding_size = config->hidden_size;
    if (!traits->shared) {
        config->num_groups = config->num_layers;
        config->inner_group_num = 1;
    }
    const struct {
        const char *name;
        size_t value, least;
    } sizes[] = {
        {"vocab_size", config->vocab_size, 1},
        {"hidden_size", config->hidden_size, 1},
        {"embedding_size", config->embedding_size, 1},
        {"num_hidden_layers", config->num_layers, 0},
        {"num_hidden_groups", config->num_groups, traits->shared},
        {"inner_group_num", config->inner_group_num, 1},
        {"num_attention_heads", config->num_heads, 1},
        {"intermediate_size", config->intermediate_size, 1},
        {"max_position_embeddings", config->max_positions, 1},
        {"type_vocab_size", config->type_vocab_size, traits->types},
    };
    for (size_t i = 0; i < TXE_LEN(sizes); i++)
        if (check_size(sizes[i].name, sizes[i].value, sizes[i].least, err) != TXE_OK)
            return err->status;
    TXE_TRY(settle_head(config, err));
    if (config->hidden_size >
        INT_MAX / 3) /* rows of query, key and value side by side */
        return txe_fail(err, TXE_EVALUE, "hidden_size is %zu; it must be at most %d",
                        config->hidden_size, INT_MAX / 3);
    if (config->hidden_size % config->num_heads != 0)
        return txe_fail(err, TXE_EVALUE,
                        "hidden_size (%zu) must be a multiple of num_attention_heads "
                        "(%zu)",
                        config->hidden_size, config->num_heads);
    if (!(config->layer_norm_eps >= 0.0f))
        return txe_fail(err, TXE_EVALUE,
                        "layer_norm_eps is %g; it must not be negative",
                        (double)config->layer_norm_eps);
    if (config->family == TXE_ROBERTA &&
        (config->pad_token_id < 0 ||
         (uint64_t)config->pad_token_id + 1 >= config->max_positions))
        return txe_fail(err, TXE_EVALUE,
                        "pad_token_id is %lld; RoBERTa counts positions from "
                        "pad_token_id + 1, so it must be from 0 to %lld "
                        "(max_position_embeddings - 2)",
                        (long long)config->pad_token_id,
                        (long long)config->max_positions - 2);
    if (config->num_layers != 0 && config->num_groups > config->num_layers)
        return txe_fail(
            err, TXE_EVALUE,
            "num_hidden_groups (%zu) must not exceed num_hidden_layers (%zu)",
            config->num_groups, config->num_layers);
    return TXE_OK;
}

size_t
txe_config_napplications(const struct txe_config *config)
{
    return config->num_layers * config->inner_group_num;
}

size_t
txe_config_nlayers(const struct txe_config *config)
{
    return config->num_groups * config->inner_group_num;
}

size_t
txe_config_layer_of(const struct txe_config *config, size_t application)
{
    if (!txe_traits_of[config->family].shared)
        return application;
    size_t layer = application / config->inner_group_num;
    double per_group = (double)config->num_layers / (double)config->num_groups;
    size_t group = (size_t)((double)layer / per_group);
    return group * config->inner_group_num + application % config->inner_group_num;
}
