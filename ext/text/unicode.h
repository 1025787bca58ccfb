/* Character properties exactly as the reference has them.
 *
 * The reference library mixes several Unicode versions, one for each operation.  utf8proc
 * gives the algorithms and the bulk of the data; unicode_tables.h (written by
 * unicode_tables.py out of the reference's own answers) holds what differs.  A code point
 * that a frozen version does not know is unassigned there whatever the linked utf8proc
 * says, so results do not change with the distribution. */
#ifndef TXE_TEXT_UNICODE_H
#define TXE_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one code point of valid UTF-8 at bytes[0]; *nbytes is its length (1-4). */
uint32_t txe_utf8_decode(const char *bytes, size_t *nbytes);

/* Encodes a code point (not a surrogate) into out[4]; returns its length (1-4). */
size_t txe_utf8_encode(uint32_t c, char *out);

/* True when bytes[0, nbytes) is well-formed UTF-8 (no surrogates, no overlong forms). */
bool txe_utf8_valid(const char *bytes, size_t nbytes);

bool txe_is_whitespace(uint32_t c);       /* White_Space, as Rust's char::is_whitespace */
bool txe_is_bert_control(uint32_t c);     /* dropped by BertNormalizer's clean_text */
bool txe_is_bert_punctuation(uint32_t c); /* isolated by BertPreTokenizer */
bool txe_is_cjk(uint32_t c);              /* padded with spaces by BertNormalizer */
bool txe_is_nonspacing_mark(uint32_t c);  /* dropped by BertNormalizer's strip_accents */
bool txe_is_combining_mark(uint32_t c);   /* dropped by StripAccents */
bool txe_is_regex_letter(uint32_t c);     /* \p{L} of the byte-level pattern */
bool txe_is_regex_number(uint32_t c);     /* \p{N} of the byte-level pattern */
bool txe_is_regex_space(uint32_t c);      /* \s of the byte-level pattern */

/* Lower case of c into out[3]; returns how many code points (1-3). */
size_t txe_lowercase(uint32_t c, uint32_t out[3]);

#endif
