/* WordPiece: the longest known piece, again and again (Schuster and Nakajima, 2012). */
#ifndef TXE_TEXT_WORDPIECE_H
#define TXE_TEXT_WORDPIECE_H

#include "text/tokens.h"
#include "text/trie.h"
#include "text/vocab.h"

/* Bytes that a piece may have if words of that length are possible: encoding takes at
 * most that many steps for each token, so this bounds what a hostile vocabulary costs.
 */
#define TXE_WORDPIECE_MAX_PIECE 1024

/* Immutable once built; safe from many threads. */
struct txe_wordpiece {
    const struct txe_vocab *vocab; /* not owned */
    struct txe_trie trie; /* values are indices of the vocabulary's entries + 1 */
    uint32_t next_base;   /* where the walk goes on behind the prefix */
    size_t prefix_nbytes;
    size_t max_nchars; /* longer words are unknown */
    uint32_t unk_id;
    bool has_unk;
};

/* Builds the model over `vocab`, which must outlive it.  `prefix` marks pieces that
 * continue a word.  TXE_EVALUE when a piece is too long. */
txe_status txe_wordpiece_init(struct txe_wordpiece *model,
                              const struct txe_vocab *vocab, const char *prefix,
                              size_t prefix_nbytes, size_t max_nchars,
                              struct txe_error *err);
void txe_wordpiece_free(struct txe_wordpiece *model);

/* Appends the tokens of word[0, nbytes), not empty, with spans in bytes of the word.
 * Time: nbytes times the longest piece.  TXE_EVALUE when the word is unknown and the
 * vocabulary has no unknown token; TXE_ENOMEM. */
txe_status txe_wordpiece_encode(const struct txe_wordpiece *model, const char *word,
                                size_t nbytes, struct txe_tokens *tokens,
                                struct txe_error *err);

#endif
