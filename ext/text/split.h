/* Pre-tokenisers: cut normalised text into words before the model sees it. */
#ifndef TXE_TEXT_SPLIT_H
#define TXE_TEXT_SPLIT_H

#include "text/normalize.h"
#include "text/regex.h"

typedef enum {
    TXE_SPLIT_NONE,       /* the whole text is one word */
    TXE_SPLIT_BERT,       /* white space removed, punctuation isolated */
    TXE_SPLIT_BYTE_LEVEL, /* GPT-2's pattern; words are raw bytes, not mapped */
    TXE_SPLIT_WHITESPACE, /* WhitespaceSplit: white space removed */
    TXE_SPLIT_METASPACE,  /* ' ' becomes `replacement`, text is cut before each */
    TXE_SPLIT_BYTE_CHARS, /* cuts nothing: each byte becomes its byte-level character */
    TXE_SPLIT_WORDS,      /* Whitespace: runs of word characters and runs of others */
    TXE_SPLIT_PUNCTUATION, /* delimiters are punctuation */
    TXE_SPLIT_DIGITS,      /* delimiters are numeric characters */
    TXE_SPLIT_GPT2,        /* delimiters are what GPT-2's pattern matches: everything */
    TXE_SPLIT_PATTERN,     /* delimiters are what `pattern` matches */
    TXE_SPLIT_LENGTH,      /* pieces of `length` characters */
    TXE_SPLIT_SCRIPTS,     /* a cut where the script changes */
} txe_split_kind;

typedef enum { TXE_PREPEND_ALWAYS, TXE_PREPEND_FIRST, TXE_PREPEND_NEVER } txe_prepend;

/* What becomes of a delimiter. */
typedef enum {
    TXE_DELIMITER_REMOVED,
    TXE_DELIMITER_ISOLATED,      /* a word of its own */
    TXE_DELIMITER_WITH_PREVIOUS, /* the end of the word before it */
    TXE_DELIMITER_WITH_NEXT,     /* the beginning of the word behind it */
    TXE_DELIMITER_CONTIGUOUS,    /* one word with the delimiters next to it */
} txe_delimiter;

struct txe_split_step {
    txe_split_kind kind;
    bool add_prefix_space; /* BYTE_LEVEL: a space in front unless one is there */
    bool use_regex;        /* BYTE_LEVEL: cut by the pattern */
    txe_prepend prepend;   /* METASPACE */
    bool cut;              /* METASPACE: cut before each `replacement` */
    char replacement[4];   /* METASPACE: one character, U+2581 as a rule */
    size_t replacement_nbytes;
    txe_delimiter delimiter; /* PUNCTUATION, DIGITS, GPT2, PATTERN */
    bool invert;             /* these: delimiters are what lies between */
    char *pattern; /* PATTERN: owned; not empty where it is a literal, regex NULL */
    size_t pattern_nbytes;
    struct txe_regex *regex; /* owned */
    size_t length;           /* LENGTH: at least 1 */
};

/* A sequence of steps, each applied to what the one before left; immutable once built.
 */
struct txe_splitter {
    struct txe_split_step *steps; /* [nsteps], owned */
    size_t nsteps;
};

/* Frees what the steps own and zeroes *splitter. */
void txe_splitter_free(struct txe_splitter *splitter);

struct txe_word {
    size_t start, end; /* bytes of txe_text.bytes; never empty */
};

/* A growing list of words; zero-initialise, free with txe_words_free. */
struct txe_words {
    struct txe_word *items;
    size_t count, capacity;
    struct txe_word *spare; /* what txe_split works with, kept for the next time */
    size_t spare_capacity;
};
void txe_words_free(struct txe_words *words);

/* Whether the texts given to txe_split need spans even where offsets are not wanted:
 * after a cut, TXE_PREPEND_FIRST asks what a word's first byte stands for. */
bool txe_splitter_needs_spans(const struct txe_splitter *splitter);

/* Cuts *text (which BYTE_LEVEL, METASPACE and BYTE_CHARS also change) into *words,
 * whose content is replaced.  `at_start`: the text begins the input (for
 * TXE_PREPEND_FIRST). The words' bytes are disjoint and in order.  TXE_ENOMEM;
 * TXE_EVALUE where a regex gives up on the text. */
txe_status txe_split(const struct txe_splitter *splitter, struct txe_text *text,
                     bool at_start, struct txe_words *words, struct txe_error *err);

/* Bytes of the first word that GPT-2's pattern (BYTE_LEVEL) finds in bytes[0, nbytes),
 * not empty. */
size_t txe_pattern_word(const char *bytes, size_t nbytes);

/* Bytes of the contraction of that pattern ('s 't 're 've 'm 'll 'd) that
 * bytes[0, nbytes) begins with, or 0. */
size_t txe_pattern_contraction(const char *bytes, size_t nbytes);

#endif
