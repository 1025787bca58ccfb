/* What makes one encoder differ from another: sizes and choices, checked once. */
#ifndef TXE_MODEL_CONFIG_H
#define TXE_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/real.h"
#include "kernels/kernels.h"

/* BERT: positions 0..S-1.  RoBERTa: positions counted over non-pad ids, after
 * pad_token_id. ALBERT: embeddings of width E projected to C, layers shared in groups.
 * DistilBERT: BERT without token types and pooler.  ELECTRA: BERT without a pooler,
 * its embeddings of width E projected to C where the two differ. */
typedef enum {
    TXE_BERT,
    TXE_ROBERTA,
    TXE_ALBERT,
    TXE_DISTILBERT,
    TXE_ELECTRA,
    TXE_NFAMILIES
} txe_family;

/* What a family's configuration has, and its encoder. */
struct txe_traits {
    bool types;      /* embeddings of token types: type_vocab_size */
    bool factorised; /* embeddings of a width of their own: embedding_size */
    bool shared;     /* layers share parameters: num_hidden_groups, inner_group_num */
    bool pooler;     /* the encoder can end in a pooler */
    bool gelu_head;  /* the head that predicts tokens uses gelu whatever act is */
};
extern const struct txe_traits txe_traits_of[TXE_NFAMILIES];

/* What stands on the encoder.  MASKED_LM and PRETRAINING predict a token at every
 * position.  PRETRAINING, NEXT_SENTENCE, SEQUENCE and CHOICE classify a sequence by its
 * first token, TOKENS, ANSWER and REPLACED every token. */
typedef enum {
    TXE_HEAD_NONE,
    TXE_HEAD_MASKED_LM,
    TXE_HEAD_PRETRAINING,   /* with next sentence (BERT) or sentence order (ALBERT) */
    TXE_HEAD_NEXT_SENTENCE, /* BERT */
    TXE_HEAD_SEQUENCE,
    TXE_HEAD_CHOICE, /* one score a sequence */
    TXE_HEAD_TOKENS,
    TXE_HEAD_ANSWER,   /* scores of a span's start and end */
    TXE_HEAD_REPLACED, /* ELECTRA: one score a token, that it is not the original */
    TXE_NHEADS
} txe_head;

struct txe_config {
    txe_family family;
    txe_head head;
    bool pooler;       /* tanh(W hidden[:, 0] + b); not every family and head has one */
    size_t num_labels; /* K, columns of the classifier; 0 without one */
    txe_activation act; /* of the feed-forward (and of the head: see gelu_head) */
    txe_activation pooler_act; /* of the pooler or the layer before the classifier */
    size_t vocab_size;         /* V */
    size_t embedding_size;     /* E; equal to hidden_size but in ALBERT and ELECTRA */
    size_t hidden_size;        /* C */
    size_t num_layers;         /* L */
    size_t num_groups;         /* ALBERT: sets of parameters the layers share; else L */
    size_t inner_group_num;    /* ALBERT: layers a group runs in sequence; else 1 */
    size_t num_heads;          /* H */
    size_t intermediate_size;  /* F */
    size_t max_positions;      /* rows of the position table */
    size_t type_vocab_size;    /* 0: no token types */
    int64_t pad_token_id;      /* RoBERTa: also the offset of positions; -1: none */
    float layer_norm_eps;
};

/* Checks every field against the others; fills type_vocab_size, num_groups,
 * inner_group_num and embedding_size where the family has no such field, pooler,
 * num_labels and pooler_act where the family and the head leave no choice (the last but
 * in ELECTRA's CHOICE).  TXE_EVALUE naming the field. */
txe_status txe_config_check(struct txe_config *config, struct txe_error *err);

/* Whether the head predicts tokens; whether it classifies sequences, or every token. */
bool txe_config_predicts_tokens(const struct txe_config *config);
bool txe_config_classifies_sequences(const struct txe_config *config);
bool txe_config_classifies_tokens(const struct txe_config *config);

/* Whether embeddings are projected from width E to C. */
bool txe_config_projects(const struct txe_config *config);

/* Layers run in one forward pass: L, times inner_group_num in ALBERT. */
size_t txe_config_napplications(const struct txe_config *config);

/* Distinct sets of layer parameters. */
size_t txe_config_nlayers(const struct txe_config *config);

/* Which set of parameters application `i` uses.  ALBERT assigns layer l to group
 * (int)(l / (L / G)) in double precision, as the reference does: not always l*G/L. */
size_t txe_config_layer_of(const struct txe_config *config, size_t application);

#endif
