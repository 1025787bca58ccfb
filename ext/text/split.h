/* Pre-tokenisers: cut normalised text into words before the model sees it. */
#ifndef TXE_TEXT_SPLIT_H
#define TXE_TEXT_SPLIT_H

#include "text/normalize.h"

typedef enum {
    TXE_SPLIT_NONE,       /* the whole text is one word */
    TXE_SPLIT_BERT,       /* white space removed, punctuation isolated */
    TXE_SPLIT_BYTE_LEVEL, /* GPT-2's pattern; words are raw bytes, not mapped */
    TXE_SPLIT_WHITESPACE, /* WhitespaceSplit: white space removed */
    TXE_SPLIT_METASPACE,  /* ' ' becomes U+2581, text is cut before each U+2581 */
} txe_split_kind;

typedef enum { TXE_PREPEND_ALWAYS, TXE_PREPEND_FIRST, TXE_PREPEND_NEVER } txe_prepend;

struct txe_split_step {
    txe_split_kind kind;
    bool add_prefix_space; /* BYTE_LEVEL: a space in front unless one is there */
    bool use_regex;        /* BYTE_LEVEL: cut by the pattern */
    txe_prepend prepend;   /* METASPACE */
    bool cut;              /* METASPACE: cut before each U+2581 */
};

/* A sequence of steps, each applied to what the one before left; immutable. */
struct txe_splitter {
    struct txe_split_step steps[4];
    size_t nsteps;
};

struct txe_word {
    size_t start, end; /* bytes of txe_text.bytes; never empty */
};

/* A growing list of words; zero-initialise, free with txe_words_free. */
struct txe_words {
    struct txe_word *items;
    size_t count, capacity;
};
void txe_words_free(struct txe_words *words);

/* Whether the texts given to txe_split need spans even where offsets are not wanted:
 * after a cut, TXE_PREPEND_FIRST asks what a word's first byte stands for. */
bool txe_splitter_needs_spans(const struct txe_splitter *splitter);

/* Cuts *text (which BYTE_LEVEL and METASPACE also change) and appends the words to
 * *words. `at_start`: the text begins the input (for TXE_PREPEND_FIRST).  The words'
 * bytes are disjoint and in order.  TXE_ENOMEM only. */
txe_status txe_split(const struct txe_splitter *splitter, struct txe_text *text,
                     bool at_start, struct txe_words *words, struct txe_error *err);

/* Bytes of the first word that GPT-2's pattern (BYTE_LEVEL) finds in bytes[0, nbytes),
 * not empty. */
size_t txe_pattern_word(const char *bytes, size_t nbytes);

#endif
