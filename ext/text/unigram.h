/* Unigram language model: the segmentation with the highest sum of scores (Kudo, 2018).
 */
#ifndef TXE_TEXT_UNIGRAM_H
#define TXE_TEXT_UNIGRAM_H

#include "text/tokens.h"
#include "text/trie.h"
#include "text/vocab.h"

/* Immutable once built; safe from many threads. */
struct txe_unigram {
    const struct txe_vocab *vocab; /* not owned; ids are positions in `scores` */
    struct txe_trie trie;
    double *scores;   /* [vocab->count] */
    double unk_score; /* of a character that is no piece: the least score - 10 */
    uint32_t unk_id;
    bool has_unk;
};

/* Builds the model.  vocab->entries[i] must have id i; scores[i], finite, is its score
 * (copied).  The vocabulary must outlive the model. */
txe_status txe_unigram_init(struct txe_unigram *model, const struct txe_vocab *vocab,
                            const double *scores, struct txe_error *err);
void txe_unigram_free(struct txe_unigram *model);

/* Appends the tokens of word[0, nbytes), not empty, with spans in bytes of the word;
 * neighbouring unknown characters are one token.  Of two segmentations with the same
 * sum the one found first, from the left, counts.  Time: nbytes times the longest
 * piece; scratch: 16 bytes for each byte.  TXE_EVALUE when a character is unknown and
 * the model has no unknown piece; TXE_ENOMEM. */
txe_status txe_unigram_encode(const struct txe_unigram *model, const char *word,
                              size_t nbytes, struct txe_tokens *tokens,
                              struct txe_scratch *scratch, struct txe_error *err);

#endif
