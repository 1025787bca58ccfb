/* Byte-pair encoding: the merge learned first is applied first (Sennrich et al., 2016).
 */
#ifndef TXE_TEXT_BPE_H
#define TXE_TEXT_BPE_H

#include "text/tokens.h"
#include "text/vocab.h"

#define TXE_BPE_NO_ID UINT32_MAX

/* A pair of neighbouring tokens that becomes one. */
struct txe_bpe_merge {
    uint32_t left, right; /* ids; left is TXE_BPE_NO_ID in an empty slot */
    uint32_t rank;        /* the lowest goes first */
    uint32_t id;          /* of the result */
};

/* Immutable once built; safe from many threads. */
struct txe_bpe {
    const struct txe_vocab *vocab; /* not owned */
    bool byte_level; /* words are raw bytes, the vocabulary has a character for each */
    bool fuse_unk;   /* neighbouring unknown characters are one token */
    bool has_unk;
    bool drops; /* byte level: some byte has no token */
    uint32_t unk_id;
    uint32_t byte_ids[256]; /* byte level: the token of each byte, or TXE_BPE_NO_ID */
    struct txe_bpe_merge *merges; /* [nslots], open addressing */
    size_t nmerges, nslots;
    uint64_t seed;
    struct txe_vocab whole; /* with ignore_merges: words that are tokens as they are */
};

/* Prepares the model over `vocab`, which must outlive it, with room for `nmerges`
 * merges. The caller then sets fuse_unk, has_unk and unk_id and adds the merges. */
txe_status txe_bpe_init(struct txe_bpe *model, const struct txe_vocab *vocab,
                        bool byte_level, bool ignore_merges, size_t nmerges,
                        struct txe_error *err);

/* Adds the next merge, of tokens `left` and `right`; its rank is the number of merges
 * added before.  TXE_EVALUE when a token or their concatenation is not in the
 * vocabulary. */
txe_status txe_bpe_add_merge(struct txe_bpe *model, const char *left,
                             size_t left_nbytes, const char *right, size_t right_nbytes,
                             struct txe_error *err);
void txe_bpe_free(struct txe_bpe *model);

/* Appends the tokens of word[0, nbytes), not empty, with spans in bytes of the word.
 * Time: n log n.  TXE_ENOMEM only. */
txe_status txe_bpe_encode(const struct txe_bpe *model, const char *word, size_t nbytes,
                          struct txe_tokens *tokens, struct txe_scratch *scratch,
                          struct txe_error *err);

/* Byte-level vocabularies write each byte as a printable character: the 188 bytes that
 * are printable in Latin-1 as themselves, the others, in order, as U+0100 onwards. */
uint32_t txe_byte_to_char(uint8_t byte);
/* The byte that a character stands for, or -1. */
int txe_char_to_byte(uint32_t c);

#endif
