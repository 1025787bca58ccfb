/* Decoders: token strings back to a text. */
#ifndef TXE_TEXT_DECODE_H
#define TXE_TEXT_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/regex.h"
#include "text/strings.h"

typedef enum {
    TXE_DECODE_BYTE_LEVEL, /* characters back to bytes, all tokens in one */
    TXE_DECODE_WORDPIECE,  /* a space before what does not have the prefix `pattern` */
    TXE_DECODE_METASPACE,  /* `pattern` becomes a space, in the first token nothing */
    TXE_DECODE_BPE,     /* the suffix `pattern` becomes a space, at the end nothing */
    TXE_DECODE_REPLACE, /* everything that `pattern` matches becomes `content` */
    TXE_DECODE_STRIP,   /* up to `start` and `stop` times `pattern` off the ends */
    TXE_DECODE_FUSE,    /* all tokens in one */
    TXE_DECODE_BYTE_FALLBACK, /* <0x41> becomes the byte */
    TXE_DECODE_CTC, /* repeated tokens once, `pattern` becomes nothing; with cleanup
                       `content` becomes a space; empty tokens dropped */
} txe_decode_kind;

struct txe_decode_step {
    txe_decode_kind kind;
    char *pattern, *content; /* owned, UTF-8; NULL where not used */
    size_t pattern_nbytes, content_nbytes;
    struct txe_regex *regex; /* REPLACE: owned: `pattern` compiled, or NULL where it is
                                a literal, which is not empty then */
    bool cleanup;            /* WORDPIECE, CTC: take out spaces before punctuation */
    bool keep_first;         /* METASPACE: in the first token too it becomes a space */
    size_t start, stop;      /* STRIP: `pattern` is one character */
};

/* A sequence of steps.  Immutable once built; safe from many threads. */
struct txe_decoder {
    bool present;                  /* false: tokens are joined with spaces */
    struct txe_decode_step *steps; /* [nsteps], owned */
    size_t nsteps;
};
void txe_decoder_free(struct txe_decoder *decoder);

/* Decodes *tokens, whose strings are used up; their text is then tokens->bytes[0,
 * tokens->nbytes), valid UTF-8.  TXE_ENOMEM, or TXE_EVALUE where a regex gives up. */
txe_status txe_decode(const struct txe_decoder *decoder, struct txe_strings *tokens,
                      struct txe_error *err);

#endif
