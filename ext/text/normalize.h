/* Text being tokenized: UTF-8 bytes, and for every byte where it came from.
 *
 * Normalisers change the bytes; the alignment says which bytes of the original text
 * each byte stands for, so that offsets survive removals, expansions and reorderings
 * exactly as the reference (the `tokenizers` library 0.23) reports them. */
#ifndef TXE_TEXT_NORMALIZE_H
#define TXE_TEXT_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "text/regex.h"

struct txe_span {
    uint32_t start, end; /* byte offsets into the original text, end exclusive */
};

/* A piece of text on its way through the pipeline.  Owned by whoever made it. */
struct txe_text {
    char *bytes; /* valid UTF-8, nbytes of them, not terminated */
    size_t nbytes;
    size_t capacity;
    struct txe_span *spans; /* [nbytes], or NULL when offsets are not wanted */
};

/* An empty text with room for `capacity` bytes.  Free with txe_text_free. */
txe_status txe_text_init(struct txe_text *text, size_t capacity, bool with_spans,
                         struct txe_error *err);
/* Frees the buffers and zeroes *text; harmless on a zeroed one. */
void txe_text_free(struct txe_text *text);
/* Replaces the content with bytes[0, nbytes), valid UTF-8 found at byte `origin` of the
 * original.  TXE_EVALUE when spans cannot number its bytes. */
txe_status txe_text_assign(struct txe_text *text, const char *bytes, size_t nbytes,
                           size_t origin, struct txe_error *err);
/* Makes room for `capacity` bytes in all (grows by at least a half). */
txe_status txe_text_reserve(struct txe_text *text, size_t capacity,
                            struct txe_error *err);

/* One normalisation step, by the name tokenizer.json gives it. */
typedef enum {
    TXE_NORM_BERT, /* BertNormalizer: flags below */
    TXE_NORM_NFC,  /* canonical composition */
    TXE_NORM_NFD,
    TXE_NORM_NFKC,
    TXE_NORM_NFKD,
    TXE_NORM_LOWERCASE,
    TXE_NORM_STRIP_ACCENTS, /* drop combining marks */
    TXE_NORM_STRIP,         /* white space at the ends: flags left, right */
    TXE_NORM_REPLACE,       /* everything that `pattern` matches becomes `content` */
    TXE_NORM_PREPEND,       /* `content` in front, when the text is not empty */
    TXE_NORM_PRECOMPILED,   /* SentencePiece's compiled character map */
    TXE_NORM_NMT,           /* controls dropped, odd white space becomes ' ' */
    TXE_NORM_BYTE_CHARS,    /* each byte becomes its byte-level character */
} txe_normalizer_kind;

struct txe_charsmap; /* a parsed precompiled_charsmap: charsmap.c */

struct txe_normalizer_step {
    txe_normalizer_kind kind;
    bool clean_text, handle_chinese_chars, strip_accents, lowercase; /* BERT */
    bool left, right;                                                /* STRIP */
    char *pattern, *content; /* owned, UTF-8, not NULL where the kind uses them */
    size_t pattern_nbytes, content_nbytes;
    struct txe_regex *regex;       /* owned: `pattern` compiled, or NULL where it is a
                                      literal,       which is not empty then */
    struct txe_charsmap *charsmap; /* owned */
};

/* A sequence of steps.  Immutable once built; safe from many threads. */
struct txe_normalizer {
    struct txe_normalizer_step *steps; /* [nsteps], owned */
    size_t nsteps;
};

/* Applies every step to *text in place.  TXE_ENOMEM, or TXE_EVALUE where a regex gives
 * up on the text; *text is then unspecified but may still be freed. */
txe_status txe_normalize(const struct txe_normalizer *normalizer, struct txe_text *text,
                         struct txe_error *err);

/* Frees what the steps own and zeroes *normalizer. */
void txe_normalizer_free(struct txe_normalizer *normalizer);

/* Parses SentencePiece's precompiled map (u32 little-endian trie size, double-array
 * trie, NUL-terminated replacement strings).  The bytes are copied.  TXE_EVALUE when
 * sizes or offsets do not fit; lookups then stay inside, whatever the units say. */
txe_status txe_charsmap_new(struct txe_charsmap **out, const void *data, size_t nbytes,
                            struct txe_error *err);
void txe_charsmap_free(struct txe_charsmap *map);

#endif
