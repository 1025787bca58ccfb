/* Writing a changed copy of a text, aligned as the reference aligns it.  Used inside
 * text/ by the steps that cannot work in place. */
#ifndef TXE_TEXT_REWRITE_H
#define TXE_TEXT_REWRITE_H

#include <stddef.h>
#include <stdint.h>

#include "text/normalize.h"

/* The reference's alignment looks only at how many characters go in and come out, in
 * order: a character written takes the place of the next one read (`change` 0), or also
 * of the n after that (`change` -n), or is new (`change` 1) and stands for what the one
 * before it stood for. */
struct txe_rewrite {
    const struct txe_text *from;
    struct txe_text to; /* owned until txe_rewrite_finish */
    size_t at;          /* byte of `from` that the next replaced character begins at */
};

/* Begins a copy of *from, which must stay as it is until the end. */
txe_status txe_rewrite_init(struct txe_rewrite *rewrite, const struct txe_text *from,
                            struct txe_error *err);
/* Writes code point c, aligned by `change` as above. */
txe_status txe_rewrite_put(struct txe_rewrite *rewrite, uint32_t c, ptrdiff_t change,
                           struct txe_error *err);
/* Passes over `nchars` characters of `from`. */
void txe_rewrite_skip(struct txe_rewrite *rewrite, size_t nchars);
/* Writes the next `nbytes` of `from` (whole characters) unchanged. */
txe_status txe_rewrite_copy(struct txe_rewrite *rewrite, size_t nbytes,
                            struct txe_error *err);
/* Writes bytes[0, nbytes) all standing for what byte `like` of `from` stands for, or
 * for nothing at its very beginning where that is SIZE_MAX; does not move on. */
txe_status txe_rewrite_insert(struct txe_rewrite *rewrite, const char *bytes,
                              size_t nbytes, size_t like, struct txe_error *err);
/* Writes the byte-level character of every byte of `from` up to `end`. */
txe_status txe_rewrite_byte_chars(struct txe_rewrite *rewrite, size_t end,
                                  struct txe_error *err);
/* Puts the copy in the place of *text, which is what `from` points to. */
void txe_rewrite_finish(struct txe_rewrite *rewrite, struct txe_text *text);
/* Drops the copy; harmless after txe_rewrite_finish. */
void txe_rewrite_free(struct txe_rewrite *rewrite);

/* Applies a normalisation form to *text: canonical or compatibility decomposition,
 * canonical order, then composition if asked for.  TXE_ENOMEM only. */
txe_status txe_text_form(struct txe_text *text, bool compatibility, bool compose,
                         struct txe_error *err);

/* Applies the map to *text as the reference's Precompiled does.  TXE_ENOMEM only. */
txe_status txe_text_precompiled(struct txe_text *text, const struct txe_charsmap *map,
                                struct txe_error *err);

/* Length of the UTF-8 sequence that begins with this byte. */
static inline size_t
txe_utf8_length(char lead)
{
    unsigned char b = (unsigned char)lead;
    return b < 0x80 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : 4;
}

/* Bytes at the start of bytes[0, nbytes) that are ASCII. */
static inline size_t
txe_ascii_prefix(const char *bytes, size_t nbytes)
{
    size_t n = 0;
    while (n < nbytes && (unsigned char)bytes[n] < 0x80)
        n++;
    return n;
}

#endif
