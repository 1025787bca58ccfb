/* Learns a byte-pair vocabulary from word counts (Sennrich et al., 2016), giving the
 * ids and merges that the reference's BpeTrainer gives.
 *
 * With a prefix for what continues a word it is also the reference's WordPieceTrainer.
 * There the reference numbers the prefixed characters in an order that differs from run
 * to run, and so do the merges between equally frequent pairs; here they are in the
 * order of their code points.  Counts are 64 bits wide (the reference's have 32). */
#ifndef TXE_TEXT_TRAIN_BPE_H
#define TXE_TEXT_TRAIN_BPE_H

#include "text/tokenizer.h"
#include "text/train_words.h"

struct txe_bpe_training {
    size_t vocab_size;      /* learning stops at so many tokens */
    uint64_t min_frequency; /* or when no pair is so frequent any more */
    bool byte_level;        /* symbols are bytes, written as txe_byte_to_char */
    const struct txe_str *special_tokens; /* the first ids */
    size_t nspecial_tokens;
    const uint32_t *initial_alphabet; /* code points that are tokens in any case */
    size_t ninitial_alphabet;
    size_t limit_alphabet; /* keep the most frequent characters only; SIZE_MAX: all */
    struct txe_str prefix; /* of what continues a word; may be empty */
    struct txe_str suffix; /* of what ends a word; may be empty */
    const struct txe_str
        *affixed; /* characters with prefix or suffix to number first */
    size_t naffixed;
    size_t max_token_length; /* in characters; SIZE_MAX: any */
    /* Called from time to time with the number of tokens, unless NULL; false stops. */
    bool (*progress)(void *context, size_t ntokens);
    void *context;
};

/* Zero-initialise, free with txe_bpe_trained_free. */
struct txe_bpe_trained {
    struct txe_vocab vocab;
    struct txe_bpe_rule {
        uint32_t left, right; /* ids */
    } * merges;               /* [nmerges], by rank */
    size_t nmerges;
};

/* Fills *out.  TXE_ENOMEM; TXE_EVALUE when there is too much text in distinct words, or
 * when `progress` returned false.  *out is untouched on failure. */
txe_status txe_bpe_train(struct txe_bpe_trained *out,
                         const struct txe_word_counts *words,
                         const struct txe_bpe_training *options, struct txe_error *err);

void txe_bpe_trained_free(struct txe_bpe_trained *trained);

#endif
