/* Added tokens: strings found in a text before the model sees it.
 *
 * Tokens with normalized=False are looked for in the text as it came, the others, in
 * their normalised form, in what the normaliser made of the rest. */
#ifndef TXE_TEXT_ADDED_TOKENS_H
#define TXE_TEXT_ADDED_TOKENS_H

#include <stdatomic.h>

#include "text/normalize.h"
#include "text/trie.h"
#include "text/vocab.h"

struct txe_added_token {
    uint32_t id;
    bool single_word; /* only where no letter or digit touches it */
    bool lstrip;      /* takes the white space on its left with it */
    bool rstrip;
    bool normalized;
    bool special; /* left out of a decoded text when that is asked for */
    /* Where it differs from the content, the normalised form: it is also what the token
     * decodes to.  Owned; NULL otherwise. */
    char *normal;
    size_t normal_nbytes;
};

/* Reference-counted; immutable once txe_added_finish has been called. */
struct txe_added {
    atomic_size_t nrefs;
    struct txe_vocab vocab;         /* contents and ids; entry i is tokens[i] */
    struct txe_added_token *tokens; /* [vocab.count] */
    size_t capacity;
    struct txe_trie raw, normal; /* values are indices of tokens */
    bool has_raw, has_normal;
    int raw_byte, normal_byte; /* that all keys begin with, -1: there are several */
};

/* An empty list with one reference; NULL when there is no memory. */
struct txe_added *txe_added_new(void);

/* Appends a token (fields but `normal` from *token).  TXE_EVALUE when the content or
 * the id is there already. */
txe_status txe_added_append(struct txe_added *added, const char *content, size_t nbytes,
                            const struct txe_added_token *token, struct txe_error *err);

/* Normalises what needs it and prepares the search.  Call once, after the last append.
 */
txe_status txe_added_finish(struct txe_added *added,
                            const struct txe_normalizer *normalizer,
                            struct txe_error *err);

struct txe_added *txe_added_retain(struct txe_added *added);
void txe_added_release(struct txe_added *added);

/* The token with an id, or NULL. */
const struct txe_added_token *txe_added_at(const struct txe_added *added, uint32_t id);

/* The string that a token decodes to. */
const char *txe_added_text(const struct txe_added *added,
                           const struct txe_added_token *token, size_t *nbytes);

/* Whether `text` is the content of a special token. */
bool txe_added_is_special(const struct txe_added *added, const char *text,
                          size_t nbytes);

/* A part of a text: an added token, or what lies between two of them. */
struct txe_segment {
    size_t start, end;
    const struct txe_added_token *token; /* NULL between tokens */
};

/* A growing list; zero-initialise, free with txe_segments_free. */
struct txe_segments {
    struct txe_segment *items;
    size_t count, capacity;
};
void txe_segments_free(struct txe_segments *segments);

/* Cuts text[0, nbytes) at the added tokens of one kind into *segments (replaced), none
 * of them empty.  Of the tokens that match, the leftmost and there the longest counts;
 * `skip_special` leaves special ones as plain text.  TXE_ENOMEM only. */
txe_status txe_added_find(const struct txe_added *added, bool normalized,
                          bool skip_special, const char *text, size_t nbytes,
                          struct txe_segments *segments, struct txe_error *err);

#endif
