/* Character properties exactly as the reference (`tokenizers` 0.23) has them.
 *
 * The reference mixes several Unicode versions, one for each operation.  Categories,
 * case and cluster classes of a code point may change from one version to the next, so
 * those are the reference's own answers, in unicode_tables.h (written by
 * unicode_tables.py). Decompositions, compositions and combining classes never change
 * once assigned: utf8proc gives them, and the tables say which code points the
 * reference knows.  Either way a newer utf8proc gives the same results. */
#ifndef TXE_TEXT_UNICODE_H
#define TXE_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one code point of valid UTF-8 at bytes[0]; *nbytes is its length (1-4). */
uint32_t txe_utf8_decode(const char *bytes, size_t *nbytes);

/* Encodes a code point (not a surrogate) into out[4]; returns its length (1-4). */
size_t txe_utf8_encode(uint32_t c, char *out);

/* True when bytes[0, nbytes) is well-formed UTF-8: no surrogates, no overlong forms. */
bool txe_utf8_valid(const char *bytes, size_t nbytes);

/* How many of bytes[0, nbytes) come before the first that is not well-formed. */
size_t txe_utf8_prefix(const char *bytes, size_t nbytes);

bool txe_is_whitespace(uint32_t c);   /* White_Space, as Rust's char::is_whitespace */
bool txe_is_bert_control(uint32_t c); /* dropped by BertNormalizer's clean_text */
bool txe_is_bert_punctuation(uint32_t c); /* isolated by BertPreTokenizer */
bool txe_is_cjk(uint32_t c);              /* padded with spaces by BertNormalizer */
bool txe_is_nonspacing_mark(uint32_t c); /* dropped by BertNormalizer's strip_accents */
bool txe_is_combining_mark(uint32_t c);  /* dropped by StripAccents */

/* What the byte-level pattern tells apart. */
typedef enum {
    TXE_REGEX_OTHER,
    TXE_REGEX_LETTER, /* \p{L} */
    TXE_REGEX_NUMBER, /* \p{N} */
    TXE_REGEX_SPACE,  /* \s */
} txe_regex_class;
txe_regex_class txe_regex_class_of(uint32_t c);

bool txe_is_word(uint32_t c);        /* touches an added token with single_word */
bool txe_is_regex_space(uint32_t c); /* \s of the byte-level pattern */
bool txe_is_numeric(uint32_t c);     /* a digit to Digits */

#define TXE_ANY_SCRIPT 0

/* A number for the script of c as UnicodeScripts has it; TXE_ANY_SCRIPT goes with any.
 */
uint8_t txe_script(uint32_t c);

/* An older code point, as long in UTF-8, that a regex's classes cannot tell from c
 * where the reference's engine knows c and Oniguruma with Unicode 14 does not; else c.
 */
uint32_t txe_stand_in(uint32_t c);

/* May form a grapheme cluster with white space before it or after it. */
bool txe_joins_clusters(uint32_t c);

/* Lower case of c into out[3]; returns how many code points (1-3). */
size_t txe_lowercase(uint32_t c, uint32_t out[3]);

#define TXE_MAX_DECOMPOSITION 18 /* U+FDFA */

/* Full canonical or compatibility decomposition of c, not reordered, into out; returns
 * how many code points (1: c itself, when it has none). */
size_t txe_decompose(uint32_t c, bool compatibility,
                     uint32_t out[TXE_MAX_DECOMPOSITION]);

/* Canonical combining class (0 to 254). */
uint8_t txe_combining_class(uint32_t c);

/* The primary composite of a followed by b, or 0 when there is none. */
uint32_t txe_compose(uint32_t a, uint32_t b);

/* Bytes of the extended grapheme cluster that bytes[0, nbytes), valid UTF-8, begins
 * with; 0 only for no bytes.  Linear in the result. */
size_t txe_grapheme_length(const char *bytes, size_t nbytes);

#endif
