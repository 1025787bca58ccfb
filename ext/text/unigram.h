/* Unigram language model: the segmentation with the highest sum of scores (Kudo, 2018).
 */
#ifndef TXE_TEXT_UNIGRAM_H
#define TXE_TEXT_UNIGRAM_H

#include "text/tokens.h"
#include "text/trie.h"
#include "text/vocab.h"

/* Bytes that a piece may have: encoding takes at most that many steps for each byte of
 * a text, so this bounds the time that a hostile vocabulary can cost. */
#define TXE_UNIGRAM_MAX_PIECE 1024

struct txe_unigram_options {
    bool byte_fallback; /* unknown characters are their bytes, pieces like "<0x0A>" */
    bool has_unk;
    uint32_t unk_id;
};

/* Immutable once built; safe from many threads. */
struct txe_unigram {
    const struct txe_vocab *vocab; /* not owned; ids are positions in `scores` */
    struct txe_trie trie;
    double *scores;   /* [vocab->count] */
    double unk_score; /* of a character that is no piece: the least score - 10 */
    size_t window;    /* a power of two, more than the bytes of any piece */
    uint32_t unk_id;
    bool has_unk, byte_fallback;
    uint32_t byte_ids[256]; /* with byte_fallback */
};

/* Builds the model.  vocab->entries[i] must have id i; scores[i] is its score (copied).
 * The vocabulary must outlive the model.  TXE_EVALUE when a piece is too long or a
 * score is beyond +-1e100. */
txe_status txe_unigram_init(struct txe_unigram *model, const struct txe_vocab *vocab,
                            const double *scores,
                            const struct txe_unigram_options *options,
                            struct txe_error *err);
void txe_unigram_free(struct txe_unigram *model);

/* Appends the tokens of word[0, nbytes), not empty, with spans in bytes of the word;
 * neighbouring unknown characters are one token, or with byte_fallback one for each of
 * their bytes, all with the same span.  Of two segmentations with the same sum the one
 * found first, from the left, counts.  Time: nbytes times the longest piece; scratch:
 * at most 4 bytes for each byte, and less where all segmentations meet in between.
 * TXE_EVALUE when a character is unknown and the model has no unknown piece;
 * TXE_ENOMEM. */
txe_status txe_unigram_encode(const struct txe_unigram *model, const char *word,
                              size_t nbytes, struct txe_tokens *tokens,
                              struct txe_scratch *scratch, struct txe_error *err);

#endif
