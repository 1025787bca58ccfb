/* Byte-pair encoding: the merge learned first is applied first (Sennrich et al., 2016).
 */
#ifndef TXE_TEXT_BPE_H
#define TXE_TEXT_BPE_H

#include "text/pairs.h"
#include "text/tokens.h"
#include "text/vocab.h"

/* Bytes that a continuing_subword_prefix or an end_of_word_suffix may have. */
#define TXE_BPE_MAX_AFFIX 64

struct txe_bpe_options {
    bool byte_level; /* words are raw bytes, the vocabulary has a character for each */
    bool ignore_merges; /* a word that is a token is that token, whatever the merges */
    bool fuse_unk;      /* neighbouring unknown characters are one token */
    bool byte_fallback; /* an unknown character is its bytes, tokens like "<0x0A>" */
    bool has_unk;
    uint32_t unk_id;
    /* What the vocabulary writes before characters that do not begin a word, and after
     * the last one; usually nothing.  Not owned, needed while building only. */
    const char *prefix, *suffix;
    size_t prefix_nbytes, suffix_nbytes;
};

/* Immutable once built; safe from many threads.  A symbol is the index of a token's
 * entry in the vocabulary. */
struct txe_bpe {
    const struct txe_vocab *vocab; /* not owned */
    bool byte_level, ignore_merges, fuse_unk, byte_fallback;
    bool plain; /* byte level, no affix: every byte has the same symbol everywhere */
    bool drops; /* byte level: some byte has no token */
    char prefix[TXE_BPE_MAX_AFFIX], suffix[TXE_BPE_MAX_AFFIX];
    size_t prefix_nbytes, suffix_nbytes;
    uint32_t unk; /* symbol of unknown characters, or TXE_PAIRS_NO_SYMBOL */
    /* Symbols of single bytes, TXE_PAIRS_NO_SYMBOL for those without: by whether the
     * byte is the first of the word (1) and the last (2).  Without byte_level, ASCII.
     */
    uint32_t first_symbols[4][256];
    uint32_t fallback[256]; /* with byte_fallback: symbols of bytes */
    struct txe_pairs merges;
    uint32_t *results;    /* [nmerges] symbol that each merge makes, by rank */
    uint64_t *pairs;      /* [nmerges] while building */
    size_t nmerges, room; /* room: of both arrays */
    uint32_t *byte_ranks; /* plain: [65536] rank of two bytes, or TXE_PAIRS_NO_RANK */
    uint8_t *joins; /* plain: [65536] whether a merge may join what ends in one byte to
                       what begins with another */
};

/* Prepares the model over `vocab`, which must outlive it, for `nmerges` calls of
 * txe_bpe_add_merge; then txe_bpe_finish makes it ready.  TXE_EVALUE when something is
 * too large for the tables. */
txe_status txe_bpe_init(struct txe_bpe *model, const struct txe_vocab *vocab,
                        const struct txe_bpe_options *options, size_t nmerges,
                        struct txe_error *err);

/* Adds the next merge, of tokens `left` and `right`; its rank is the number of merges
 * added before.  A merge given twice has the last rank.  TXE_EVALUE when a token or
 * their concatenation (without the prefix of the right one) is not in the vocabulary.
 */
txe_status txe_bpe_add_merge(struct txe_bpe *model, const char *left,
                             size_t left_nbytes, const char *right, size_t right_nbytes,
                             struct txe_error *err);
txe_status txe_bpe_finish(struct txe_bpe *model, struct txe_error *err);
void txe_bpe_free(struct txe_bpe *model);

/* Appends the tokens of word[0, nbytes), not empty, with spans in bytes of the word.
 * Time: n log n; scratch: at most 18 bytes for each byte.  TXE_ENOMEM only. */
txe_status txe_bpe_encode(const struct txe_bpe *model, const char *word, size_t nbytes,
                          struct txe_tokens *tokens, struct txe_scratch *scratch,
                          struct txe_error *err);

/* Byte-level vocabularies write each byte as a printable character: the 188 bytes that
 * are printable in Latin-1 as themselves, the others, in order, as U+0100 onwards. */
uint32_t txe_byte_to_char(uint8_t byte);
/* The byte that a character stands for, or -1. */
int txe_char_to_byte(uint32_t c);

#endif
