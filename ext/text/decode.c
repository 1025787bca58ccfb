/* Token strings back to a text: see decode.h. */
#include "text/decode.h"

#include <string.h>

#include "base/common.h"
#include "text/bpe.h"
#include "text/pattern.h"
#include "text/rewrite.h"
#include "text/unicode.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* ---- bytes that should be UTF-8 ---- */

/* Bytes of the sequence that text begins with: its length when it is valid UTF-8, or,
 * negative, how many bytes one U+FFFD stands for (the longest beginning of a sequence).
 */
static int
sequence_nbytes(const unsigned char *text, size_t nbytes)
{
    unsigned char lead = text[0];
    if (lead < 0x80)
        return 1;
    int need = lead >= 0xC2 && lead <= 0xDF   ? 2
               : lead >= 0xE0 && lead <= 0xEF ? 3
               : lead >= 0xF0 && lead <= 0xF4 ? 4
                                              : 0;
    for (int i = 1; i < need; i++) {
        unsigned char low = 0x80, high = 0xBF;
        if (i == 1) {
            low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
            high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        }
        if ((size_t)i >= nbytes || text[i] < low || text[i] > high)
            return -i;
    }
    return need != 0 ? need : -1;
}

/* Appends bytes with U+FFFD in place of what is no UTF-8. */
static txe_status
append_lossy(struct txe_strings *out, const char *bytes, size_t nbytes,
             struct txe_error *err)
{
    size_t clean = 0; /* start of what is valid and not copied yet */
    for (size_t at = 0; at < nbytes;) {
        int n = sequence_nbytes((const unsigned char *)bytes + at, nbytes - at);
        if (n > 0) {
            at += (size_t)n;
            continue;
        }
        if (txe_strings_append(out, bytes + clean, at - clean, err) != TXE_OK ||
            txe_strings_append(out, REPLACEMENT, strlen(REPLACEMENT), err) != TXE_OK)
            return err->status;
        at += (size_t)-n;
        clean = at;
    }
    return txe_strings_append(out, bytes + clean, nbytes - clean, err);
}

/* ---- steps: each makes the strings of *out from those of *in ---- */

/* Appends text with everything replaced that *matches, fresh, finds in it. */
static txe_status
append_changed(struct txe_strings *out, struct txe_matches *matches,
               const char *content, size_t content_nbytes, struct txe_error *err)
{
    const char *text = matches->text;
    size_t copied = 0;
    for (;;) {
        bool found;
        TXE_TRY(txe_matches_next(matches, &found, err));
        if (!found)
            return txe_strings_append(out, text + copied, matches->nbytes - copied,
                                      err);
        TXE_TRY(txe_strings_append(out, text + copied, matches->start - copied, err));
        TXE_TRY(txe_strings_append(out, content, content_nbytes, err));
        copied = matches->end;
    }
}

/* Appends text with every occurrence of a string replaced; an empty one occurs before
 * every character and at the end. */
static txe_status
append_replaced(struct txe_strings *out, const char *text, size_t nbytes,
                const char *pattern, size_t pattern_nbytes, const char *content,
                size_t content_nbytes, struct txe_error *err)
{
    if (pattern_nbytes != 0) {
        struct txe_matches matches = {
            .literal = pattern,
            .literal_nbytes = pattern_nbytes,
            .text = text,
            .nbytes = nbytes,
        };
        return append_changed(out, &matches, content, content_nbytes, err);
    }
    for (size_t at = 0, length; at < nbytes; at += length) {
        length = txe_utf8_length(text[at]);
        TXE_TRY(txe_strings_append(out, content, content_nbytes, err));
        TXE_TRY(txe_strings_append(out, text + at, length, err));
    }
    return txe_strings_append(out, content, content_nbytes, err);
}

/* The bytes of byte-level tokens; a token with a character that stands for no byte is
 * taken as it is. */
static txe_status
byte_level(const struct txe_strings *in, struct txe_strings *out, struct txe_error *err)
{
    struct txe_strings raw = {0};
    txe_status status = TXE_OK;
    for (size_t i = 0; i < in->count && status == TXE_OK; i++) {
        size_t nbytes, width = 1, before = raw.nbytes;
        const char *token = txe_strings_at(in, i, &nbytes);
        for (size_t at = 0; at < nbytes && status == TXE_OK; at += width) {
            int byte = txe_char_to_byte(txe_utf8_decode(token + at, &width));
            if (byte < 0) {
                raw.nbytes = before;
                status = txe_strings_append(&raw, token, nbytes, err);
                break;
            }
            char c = (char)(unsigned char)byte;
            status = txe_strings_append(&raw, &c, 1, err);
        }
    }
    if (status == TXE_OK)
        status = append_lossy(out, raw.bytes, raw.nbytes, err);
    if (status == TXE_OK)
        status = txe_strings_end(out, err);
    txe_strings_free(&raw);
    return status;
}

/* English spacing that WordPiece loses, put right one rule after the other. */
static const char *const cleanup_rules[][2] = {
    {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
    {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
    {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
};

/* Replaces a string in the last string of *out, which has no end yet and begins at
 * `start`; `other` is scratch. */
static txe_status
change_last(struct txe_strings *out, size_t start, struct txe_strings *other,
            const char *pattern, size_t pattern_nbytes, const char *content,
            size_t content_nbytes, struct txe_error *err)
{
    size_t nbytes = out->nbytes - start;
    if (nbytes < pattern_nbytes)
        return TXE_OK;
    other->nbytes = 0;
    TXE_TRY(append_replaced(other, out->bytes + start, nbytes, pattern, pattern_nbytes,
                            content, content_nbytes, err));
    out->nbytes = start;
    return txe_strings_append(out, other->bytes, other->nbytes, err);
}

/* Applies the rules to the last string of *out, in the same way. */
static txe_status
clean_up(struct txe_strings *out, size_t start, struct txe_strings *other,
         struct txe_error *err)
{
    for (size_t i = 0; i < TXE_LEN(cleanup_rules); i++) {
        const char *pattern = cleanup_rules[i][0], *content = cleanup_rules[i][1];
        TXE_TRY(change_last(out, start, other, pattern, strlen(pattern), content,
                            strlen(content), err));
    }
    return TXE_OK;
}

static txe_status
wordpiece(const struct txe_decode_step *step, const struct txe_strings *in,
          struct txe_strings *out, struct txe_error *err)
{
    struct txe_strings other = {0};
    txe_status status = TXE_OK;
    for (size_t i = 0; i < in->count && status == TXE_OK; i++) {
        size_t nbytes, start = out->nbytes;
        const char *token = txe_strings_at(in, i, &nbytes);
        if (i > 0 && nbytes >= step->pattern_nbytes &&
            memcmp(token, step->pattern, step->pattern_nbytes) == 0) {
            token += step->pattern_nbytes;
            nbytes -= step->pattern_nbytes;
        } else if (i > 0) {
            status = txe_strings_append(out, " ", 1, err);
        }
        if (status == TXE_OK)
            status = txe_strings_append(out, token, nbytes, err);
        if (status == TXE_OK && step->cleanup)
            status = clean_up(out, start, &other, err);
        if (status == TXE_OK)
            status = txe_strings_end(out, err);
    }
    txe_strings_free(&other);
    return status;
}

/* A string becomes a space in every token but the first or the last, there nothing. */
static txe_status
blank(const struct txe_decode_step *step, const struct txe_strings *in,
      struct txe_strings *out, struct txe_error *err)
{
    for (size_t i = 0; i < in->count; i++) {
        size_t nbytes;
        const char *token = txe_strings_at(in, i, &nbytes);
        bool space = step->kind == TXE_DECODE_METASPACE ? i > 0 || step->keep_first
                                                        : i + 1 < in->count;
        TXE_TRY(append_replaced(out, token, nbytes, step->pattern, step->pattern_nbytes,
                                " ", space, err));
        TXE_TRY(txe_strings_end(out, err));
    }
    return TXE_OK;
}

static txe_status
replace(const struct txe_decode_step *step, const struct txe_strings *in,
        struct txe_strings *out, struct txe_error *err)
{
    struct txe_regex_work *work = NULL;
    if (step->regex != NULL && (work = txe_regex_work_new(in->nbytes)) == NULL)
        return txe_fail_nomem(err, in->nbytes);
    txe_status status = TXE_OK;
    for (size_t i = 0; i < in->count && status == TXE_OK; i++) {
        struct txe_matches matches = {
            .literal = step->pattern,
            .literal_nbytes = step->pattern_nbytes,
            .regex = step->regex,
            .work = work,
        };
        matches.text = txe_strings_at(in, i, &matches.nbytes);
        if (matches.nbytes != 0) /* an empty token stays empty, whatever matches it */
            status =
                append_changed(out, &matches, step->content, step->content_nbytes, err);
        if (status == TXE_OK)
            status = txe_strings_end(out, err);
    }
    txe_regex_work_free(work);
    return status;
}

static bool
repeats(const struct txe_strings *in, size_t index)
{
    if (index == 0)
        return false;
    size_t nbytes, before;
    const char *token = txe_strings_at(in, index, &nbytes);
    const char *last = txe_strings_at(in, index - 1, &before);
    return nbytes == before && memcmp(token, last, nbytes) == 0;
}

static txe_status
ctc(const struct txe_decode_step *step, const struct txe_strings *in,
    struct txe_strings *out, struct txe_error *err)
{
    struct txe_strings other = {0};
    txe_status status = TXE_OK;
    for (size_t i = 0; i < in->count && status == TXE_OK; i++) {
        size_t nbytes, start = out->nbytes;
        const char *token = txe_strings_at(in, i, &nbytes);
        if (repeats(in, i))
            continue;
        status = append_replaced(out, token, nbytes, step->pattern,
                                 step->pattern_nbytes, "", 0, err);
        if (status == TXE_OK && step->cleanup)
            status = clean_up(out, start, &other, err);
        if (status == TXE_OK && step->cleanup)
            status = change_last(out, start, &other, step->content,
                                 step->content_nbytes, " ", 1, err);
        if (status == TXE_OK && out->nbytes != start)
            status = txe_strings_end(out, err);
    }
    txe_strings_free(&other);
    return status;
}

static txe_status
strip(const struct txe_decode_step *step, const struct txe_strings *in,
      struct txe_strings *out, struct txe_error *err)
{
    size_t width = step->pattern_nbytes;
    for (size_t i = 0; i < in->count; i++) {
        size_t nbytes, low = 0;
        const char *token = txe_strings_at(in, i, &nbytes);
        size_t high = nbytes;
        for (size_t n = 0; n < step->start && nbytes - low >= width &&
                           memcmp(token + low, step->pattern, width) == 0;
             n++)
            low += width;
        for (size_t n = 0; n < step->stop && high - low >= width &&
                           memcmp(token + high - width, step->pattern, width) == 0;
             n++)
            high -= width;
        if (txe_strings_add(out, token + low, high - low, err) != TXE_OK)
            return err->status;
    }
    return TXE_OK;
}

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The byte that a token like <0x41> stands for, or -1. */
static int
fallback_byte(const char *token, size_t nbytes)
{
    if (nbytes != 6 || memcmp(token, "<0x", 3) != 0 || token[5] != '>')
        return -1;
    int high = hex_digit(token[3]), low = hex_digit(token[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

/* A run of bytes becomes a token when it is UTF-8, else one U+FFFD for each byte. */
static txe_status
end_byte_run(struct txe_strings *out, struct txe_strings *run, struct txe_error *err)
{
    txe_status status = TXE_OK;
    if (run->nbytes != 0 && txe_utf8_valid(run->bytes, run->nbytes))
        status = txe_strings_add(out, run->bytes, run->nbytes, err);
    else
        for (size_t i = 0; i < run->nbytes && status == TXE_OK; i++)
            status = txe_strings_add(out, REPLACEMENT, strlen(REPLACEMENT), err);
    run->nbytes = 0;
    return status;
}

static txe_status
byte_fallback(const struct txe_strings *in, struct txe_strings *out,
              struct txe_error *err)
{
    struct txe_strings run = {0};
    txe_status status = TXE_OK;
    for (size_t i = 0; i < in->count && status == TXE_OK; i++) {
        size_t nbytes;
        const char *token = txe_strings_at(in, i, &nbytes);
        int byte = fallback_byte(token, nbytes);
        if (byte >= 0) {
            char c = (char)(unsigned char)byte;
            status = txe_strings_append(&run, &c, 1, err);
            continue;
        }
        status = end_byte_run(out, &run, err);
        if (status == TXE_OK)
            status = txe_strings_add(out, token, nbytes, err);
    }
    if (status == TXE_OK)
        status = end_byte_run(out, &run, err);
    txe_strings_free(&run);
    return status;
}

static txe_status
apply(const struct txe_decode_step *step, const struct txe_strings *in,
      struct txe_strings *out, struct txe_error *err)
{
    switch (step->kind) {
    case TXE_DECODE_BYTE_LEVEL:
        return byte_level(in, out, err);
    case TXE_DECODE_WORDPIECE:
        return wordpiece(step, in, out, err);
    case TXE_DECODE_METASPACE:
    case TXE_DECODE_BPE:
        return blank(step, in, out, err);
    case TXE_DECODE_REPLACE:
        return replace(step, in, out, err);
    case TXE_DECODE_CTC:
        return ctc(step, in, out, err);
    case TXE_DECODE_STRIP:
        return strip(step, in, out, err);
    case TXE_DECODE_BYTE_FALLBACK:
        return byte_fallback(in, out, err);
    case TXE_DECODE_FUSE:
        break;
    }
    return txe_strings_add(out, in->bytes, in->nbytes, err);
}

/* The strings with a space between them, as one. */
static txe_status
join_with_spaces(const struct txe_strings *in, struct txe_strings *out,
                 struct txe_error *err)
{
    for (size_t i = 0; i < in->count; i++) {
        size_t nbytes;
        const char *token = txe_strings_at(in, i, &nbytes);
        if ((i > 0 && txe_strings_append(out, " ", 1, err) != TXE_OK) ||
            txe_strings_append(out, token, nbytes, err) != TXE_OK)
            return err->status;
    }
    return txe_strings_end(out, err);
}

txe_status
txe_decode(const struct txe_decoder *decoder, struct txe_strings *tokens,
           struct txe_error *err)
{
    size_t nsteps = decoder->present ? decoder->nsteps : 1;
    for (size_t i = 0; i < nsteps; i++) {
        struct txe_strings out = {0};
        txe_status status = decoder->present
                                ? apply(&decoder->steps[i], tokens, &out, err)
                                : join_with_spaces(tokens, &out, err);
        if (status != TXE_OK) {
            txe_strings_free(&out);
            return status;
        }
        txe_strings_free(tokens);
        *tokens = out;
    }
    return TXE_OK;
}

void
txe_decoder_free(struct txe_decoder *decoder)
{
    for (size_t i = 0; i < decoder->nsteps; i++) {
        free(decoder->steps[i].pattern);
        free(decoder->steps[i].content);
        txe_regex_free(decoder->steps[i].regex);
    }
    free(decoder->steps);
    *decoder = (struct txe_decoder){0};
}
