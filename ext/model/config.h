/* What makes one encoder differ from another: sizes and choices, checked once. */
#ifndef TXE_MODEL_CONFIG_H
#define TXE_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/kernels.h"

/* BERT: positions 0..S-1.  RoBERTa: positions counted over non-pad ids, after
 * pad_token_id. ALBERT: embeddings of width E projected to C, layers shared in groups.
 */
typedef enum { TXE_BERT, TXE_ROBERTA, TXE_ALBERT, TXE_NFAMILIES } txe_family;

/* What stands on the encoder.  MASKED_LM and PRETRAINING predict a token at every
 * position.  PRETRAINING, NEXT_SENTENCE, SEQUENCE and CHOICE classify a sequence by its
 * first token, TOKENS and ANSWER every token. */
typedef enum {
    TXE_HEAD_NONE,
    TXE_HEAD_MASKED_LM,
    TXE_HEAD_PRETRAINING,   /* with next sentence (BERT) or sentence order (ALBERT) */
    TXE_HEAD_NEXT_SENTENCE, /* BERT */
    TXE_HEAD_SEQUENCE,
    TXE_HEAD_CHOICE, /* one score a sequence */
    TXE_HEAD_TOKENS,
    TXE_HEAD_ANSWER, /* scores of a span's start and end */
    TXE_NHEADS
} txe_head;

struct txe_config {
    txe_family family;
    txe_head head;
    bool pooler;        /* tanh(W hidden[:, 0] + b); the head decides if there is one */
    size_t num_labels;  /* K, columns of the classifier; 0 without one */
    txe_activation act; /* of the feed-forward (and, but in RoBERTa, of the head) */
    size_t vocab_size;  /* V */
    size_t embedding_size;    /* E; equal to hidden_size but in ALBERT */
    size_t hidden_size;       /* C */
    size_t num_layers;        /* L */
    size_t num_groups;        /* ALBERT: sets of parameters the layers share; else L */
    size_t inner_group_num;   /* ALBERT: layers a group runs in sequence; else 1 */
    size_t num_heads;         /* H */
    size_t intermediate_size; /* F */
    size_t max_positions;     /* rows of the position table */
    size_t type_vocab_size;
    int64_t pad_token_id; /* RoBERTa: also the offset of positions; -1: none */
    float layer_norm_eps;
};

/* Checks every field against the others; fills num_groups, inner_group_num and
 * embedding_size where the family has no such field, pooler and num_labels where the
 * head leaves no choice.  TXE_EVALUE naming the field. */
txe_status txe_config_check(struct txe_config *config, struct txe_error *err);

/* Whether the head predicts tokens; whether it classifies sequences, or every token. */
bool txe_config_predicts_tokens(const struct txe_config *config);
bool txe_config_classifies_sequences(const struct txe_config *config);
bool txe_config_classifies_tokens(const struct txe_config *config);

/* Layers run in one forward pass: L, times inner_group_num in ALBERT. */
size_t txe_config_napplications(const struct txe_config *config);

/* Distinct sets of layer parameters. */
size_t txe_config_nlayers(const struct txe_config *config);

/* Which set of parameters application `i` uses.  ALBERT assigns layer l to group
 * (int)(l / (L / G)) in double precision, as the reference does: not always l*G/L. */
size_t txe_config_layer_of(const struct txe_config *config, size_t application);

#endif
