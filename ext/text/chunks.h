/* Cutting a text where it may be cut: into chunks that become the same ids each on its
 * own as in the whole text.  So the ids of a chunk can be remembered (word_cache.h).
 *
 * Which cuts are right depends on the whole pipeline; txe_chunker_init decides from its
 * parts, and where it finds no certain way there are no chunks. */
#ifndef TXE_TEXT_CHUNKS_H
#define TXE_TEXT_CHUNKS_H

#include <stdbool.h>

#include "text/added_tokens.h"
#include "text/split.h"

typedef enum {
    TXE_CHUNKS_NONE,    /* the text has to stay whole */
    TXE_CHUNKS_PATTERN, /* the words of the byte-level pattern, all of the text */
    TXE_CHUNKS_SPACES,  /* what is between white space */
    TXE_CHUNKS_WORDS, /* the same, and each punctuation mark or ideograph on its own */
} txe_chunk_kind;

/* What a character is to the cutting; each kind has classes of its own. */
typedef enum {
    TXE_CHAR_LETTER,
    TXE_CHAR_NUMBER,
    TXE_CHAR_SPACE,
    TXE_CHAR_OTHER,
    TXE_CHAR_ISOLATED, /* a chunk of its own */
    TXE_CHAR_JOINING,  /* may form a cluster with white space beside it */
} txe_char_class;

/* Characters below this, which are those of most texts, have their classes in a table.
 */
#define TXE_COMMON_CHARS 0x2100

/* Immutable once made; safe from many threads. */
struct txe_chunker {
    txe_chunk_kind kind;
    bool tab, newline, carriage_return; /* separate chunks, as the space does */
    bool clusters;     /* white space inside a grapheme cluster separates nothing */
    bool isolates_cjk; /* WORDS: ideographs are chunks */
    bool adds_space;   /* PATTERN: a space goes in front of a text without one */
    bool finds_tokens; /* SPACES: chunks may hold added tokens */
    uint8_t common[TXE_COMMON_CHARS]; /* txe_char_class */
};

/* How texts may be cut for a tokenizer of these parts.  TXE_ENOMEM only. */
txe_status txe_chunker_init(struct txe_chunker *chunker,
                            const struct txe_normalizer *normalizer,
                            const struct txe_splitter *splitter,
                            const struct txe_added *added, struct txe_error *err);

/* The class of any character that is not ASCII. */
txe_char_class txe_chunker_look_up(const struct txe_chunker *chunker, uint32_t c);

/* The same, quickly. */
static inline txe_char_class
txe_chunker_classify(const struct txe_chunker *chunker, uint32_t c)
{
    return c < TXE_COMMON_CHARS ? (txe_char_class)chunker->common[c]
                                : txe_chunker_look_up(chunker, c);
}

/* Bytes of the chunk that text[0, nbytes) begins with, however long; SPACES and WORDS
 * only.  Of PATTERN it is txe_pattern_word. */
size_t txe_chunk_nbytes(const struct txe_chunker *chunker, const char *text,
                        size_t nbytes);

#endif
