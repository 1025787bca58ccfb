/* The first step of learning a vocabulary: its characters, and the words written with
 * them. */
#ifndef TXE_TEXT_TRAIN_ALPHABET_H
#define TXE_TEXT_TRAIN_ALPHABET_H

#include "text/train_bpe.h"

/* Between two words in txe_symbols.items; no id. */
#define TXE_SYMBOLS_END ((uint32_t)INT32_MAX)

/* The words as ids of their characters, one after the other, each with TXE_SYMBOLS_END
 * before and behind it.  Words of less than two are left out. */
struct txe_symbols {
    uint32_t *items;
    size_t count;
    int64_t *word_counts; /* [nwords], in order */
    size_t nwords;
};

/* Adds special tokens and characters to *vocab (empty) and fills *symbols
 * (zero-initialised, to be freed also on failure).  TXE_ENOMEM; TXE_EVALUE when the
 * words have too many characters. */
txe_status txe_symbols_make(struct txe_symbols *symbols, struct txe_vocab *vocab,
                            const struct txe_word_counts *words,
                            const struct txe_bpe_training *options,
                            struct txe_error *err);
void txe_symbols_free(struct txe_symbols *symbols);

/* Adds a token with the next id unless it is there; *id is its id. */
txe_status txe_vocab_intern(struct txe_vocab *vocab, struct txe_str token, uint32_t *id,
                            struct txe_error *err);

#endif
