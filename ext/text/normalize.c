/* The normalisation steps: see normalize.h. */
#include "text/normalize.h"

#include <string.h>

#include "base/common.h"
#include "text/pattern.h"
#include "text/rewrite.h"
#include "text/unicode.h"

/* ---- steps that only drop or shorten characters, in place ---- */

/* Keeps what `keep` says, with the alignment it has. */
static void
filter(struct txe_text *text, bool (*keep)(uint32_t))
{
    size_t kept = 0;
    for (size_t at = 0, length; at < text->nbytes; at += length) {
        if (!keep(txe_utf8_decode(text->bytes + at, &length)))
            continue;
        if (kept != at) {
            memmove(text->bytes + kept, text->bytes + at, length);
            if (text->spans != NULL)
                memmove(text->spans + kept, text->spans + at,
                        length * sizeof *text->spans);
        }
        kept += length;
    }
    text->nbytes = kept;
}

static bool
is_no_control(uint32_t c)
{
    if (c < 0x7F)
        return c >= ' ' || c == '\t' || c == '\n' || c == '\r';
    return !txe_is_bert_control(c);
}

static bool
is_no_nonspacing_mark(uint32_t c)
{
    return c < 0x300 || !txe_is_nonspacing_mark(c);
}

static bool
is_no_combining_mark(uint32_t c)
{
    return c < 0x300 || !txe_is_combining_mark(c);
}

static bool
is_no_nmt_control(uint32_t c)
{
    return !((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) ||
             c == 0x7F || c == 0x8F || c == 0x9F);
}

static bool
is_bert_space(uint32_t c)
{
    return c <= ' ' || (c >= 0x80 && txe_is_whitespace(c));
}

static bool
is_nmt_space(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0x1680 ||
           (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
           c == 0xFEFF || c == 0xFFFD;
}

/* What `is_space` says becomes ' '. */
static void
unify_spaces(struct txe_text *text, bool (*is_space)(uint32_t))
{
    size_t kept = 0;
    for (size_t at = 0, length; at < text->nbytes; at += length) {
        bool space = is_space(txe_utf8_decode(text->bytes + at, &length));
        size_t left = space ? 1 : length;
        if (space)
            text->bytes[kept] = ' ';
        else if (kept != at)
            memmove(text->bytes + kept, text->bytes + at, length);
        if (text->spans != NULL && kept != at)
            memmove(text->spans + kept, text->spans + at, left * sizeof *text->spans);
        kept += left;
    }
    text->nbytes = kept;
}

static void
strip(struct txe_text *text, bool left, bool right)
{
    size_t start = 0, end = text->nbytes, length;
    while (left && start < end &&
           txe_is_whitespace(txe_utf8_decode(text->bytes + start, &length)))
        start += length;
    while (right && end > start) {
        size_t last = end - 1;
        while (last > start && ((unsigned char)text->bytes[last] & 0xC0) == 0x80)
            last--;
        if (!txe_is_whitespace(txe_utf8_decode(text->bytes + last, &length)))
            break;
        end = last;
    }
    text->nbytes = end - start;
    if (start == 0)
        return;
    memmove(text->bytes, text->bytes + start, end - start);
    if (text->spans != NULL)
        memmove(text->spans, text->spans + start, (end - start) * sizeof *text->spans);
}

/* ---- steps that may lengthen the text ---- */

/* Writes what becomes of the next character of the text, c. */
typedef txe_status (*put_character)(struct txe_rewrite *rewrite, uint32_t c,
                                    struct txe_error *err);

static txe_status
put_lowercase(struct txe_rewrite *rewrite, uint32_t c, struct txe_error *err)
{
    uint32_t lower[3];
    size_t count = txe_lowercase(c, lower);
    txe_status status = TXE_OK;
    for (size_t i = 0; i < count && status == TXE_OK; i++)
        status = txe_rewrite_put(rewrite, lower[i], i != 0, err);
    return status;
}

static txe_status
put_spaced_cjk(struct txe_rewrite *rewrite, uint32_t c, struct txe_error *err)
{
    if (!txe_is_cjk(c))
        return txe_rewrite_put(rewrite, c, 0, err);
    txe_status status = txe_rewrite_put(rewrite, ' ', 0, err);
    if (status == TXE_OK)
        status = txe_rewrite_put(rewrite, c, 1, err);
    if (status == TXE_OK)
        status = txe_rewrite_put(rewrite, ' ', 1, err);
    return status;
}

/* Rewrites the text by `put`, from byte `start` on. */
static txe_status
map_from(struct txe_text *text, size_t start, put_character put, struct txe_error *err)
{
    struct txe_rewrite rewrite;
    txe_status status = txe_rewrite_init(&rewrite, text, err);
    if (status == TXE_OK)
        status = txe_rewrite_copy(&rewrite, start, err);
    for (size_t at = start, length; at < text->nbytes && status == TXE_OK; at += length)
        status = put(&rewrite, txe_utf8_decode(text->bytes + at, &length), err);
    if (status == TXE_OK)
        txe_rewrite_finish(&rewrite, text);
    txe_rewrite_free(&rewrite);
    return status;
}

static txe_status
lowercase(struct txe_text *text, struct txe_error *err)
{
    size_t at = 0;
    for (; at < text->nbytes && (unsigned char)text->bytes[at] < 0x80; at++)
        if (text->bytes[at] >= 'A' && text->bytes[at] <= 'Z')
            text->bytes[at] = (char)(text->bytes[at] + ('a' - 'A'));
    return at == text->nbytes ? TXE_OK : map_from(text, at, put_lowercase, err);
}

static txe_status
space_cjk(struct txe_text *text, struct txe_error *err)
{
    for (size_t at = 0, length; at < text->nbytes; at += length)
        if (txe_is_cjk(txe_utf8_decode(text->bytes + at, &length)))
            return map_from(text, at, put_spaced_cjk, err);
    return TXE_OK;
}

static txe_status
bert(const struct txe_normalizer_step *step, struct txe_text *text,
     struct txe_error *err)
{
    txe_status status = TXE_OK;
    if (step->clean_text) {
        filter(text, is_no_control);
        unify_spaces(text, is_bert_space);
    }
    if (step->handle_chinese_chars)
        status = space_cjk(text, err);
    if (step->strip_accents && status == TXE_OK) {
        status = txe_text_form(text, false, false, err);
        if (status == TXE_OK)
            filter(text, is_no_nonspacing_mark);
    }
    if (step->lowercase && status == TXE_OK)
        status = lowercase(text, err);
    return status;
}

static txe_status
prepend(struct txe_text *text, const char *content, size_t nbytes,
        struct txe_error *err)
{
    if (text->nbytes == 0 || nbytes == 0)
        return TXE_OK;
    struct txe_rewrite rewrite;
    txe_status status = txe_rewrite_init(&rewrite, text, err);
    if (status == TXE_OK)
        status = txe_rewrite_insert(&rewrite, content, nbytes, 0, err);
    if (status == TXE_OK)
        status = txe_rewrite_copy(&rewrite, text->nbytes, err);
    if (status == TXE_OK)
        txe_rewrite_finish(&rewrite, text);
    txe_rewrite_free(&rewrite);
    return status;
}

/* The copy that replace() makes, once there is something to replace. */
static txe_status
replace_all(struct txe_text *text, const struct txe_normalizer_step *step,
            struct txe_matches *matches, struct txe_error *err)
{
    struct txe_rewrite rewrite;
    bool found = true;
    txe_status status = txe_rewrite_init(&rewrite, text, err);
    while (found && status == TXE_OK) {
        status = txe_rewrite_copy(&rewrite, matches->start - rewrite.at, err);
        if (status == TXE_OK)
            status = txe_rewrite_insert(&rewrite, step->content, step->content_nbytes,
                                        matches->end - 1, err);
        rewrite.at = matches->end;
        if (status == TXE_OK)
            status = txe_matches_next(matches, &found, err);
    }
    if (status == TXE_OK)
        status = txe_rewrite_copy(&rewrite, text->nbytes - rewrite.at, err);
    if (status == TXE_OK)
        txe_rewrite_finish(&rewrite, text);
    txe_rewrite_free(&rewrite);
    return status;
}

static txe_status
replace(struct txe_text *text, const struct txe_normalizer_step *step,
        struct txe_error *err)
{
    if (text->nbytes == 0)
        return TXE_OK;
    struct txe_matches matches = {
        .literal = step->pattern,
        .literal_nbytes = step->pattern_nbytes,
        .regex = step->regex,
        .text = text->bytes,
        .nbytes = text->nbytes,
    };
    if (step->regex != NULL) {
        matches.work = txe_regex_work_new(text->nbytes);
        if (matches.work == NULL)
            return txe_fail_nomem(err, text->nbytes);
    }
    bool found;
    txe_status status = txe_matches_next(&matches, &found, err);
    if (status == TXE_OK && found)
        status = replace_all(text, step, &matches, err);
    txe_regex_work_free(matches.work);
    return status;
}

static txe_status
byte_chars(struct txe_text *text, struct txe_error *err)
{
    struct txe_rewrite rewrite;
    txe_status status = txe_rewrite_init(&rewrite, text, err);
    if (status == TXE_OK)
        status = txe_rewrite_byte_chars(&rewrite, text->nbytes, err);
    if (status == TXE_OK)
        txe_rewrite_finish(&rewrite, text);
    txe_rewrite_free(&rewrite);
    return status;
}

static txe_status
apply(const struct txe_normalizer_step *step, struct txe_text *text,
      struct txe_error *err)
{
    switch (step->kind) {
    case TXE_NORM_BERT:
        return bert(step, text, err);
    case TXE_NORM_NFC:
        return txe_text_form(text, false, true, err);
    case TXE_NORM_NFD:
        return txe_text_form(text, false, false, err);
    case TXE_NORM_NFKC:
        return txe_text_form(text, true, true, err);
    case TXE_NORM_NFKD:
        return txe_text_form(text, true, false, err);
    case TXE_NORM_LOWERCASE:
        return lowercase(text, err);
    case TXE_NORM_STRIP_ACCENTS:
        filter(text, is_no_combining_mark);
        return TXE_OK;
    case TXE_NORM_STRIP:
        strip(text, step->left, step->right);
        return TXE_OK;
    case TXE_NORM_REPLACE:
        return replace(text, step, err);
    case TXE_NORM_PREPEND:
        return prepend(text, step->content, step->content_nbytes, err);
    case TXE_NORM_PRECOMPILED:
        return txe_text_precompiled(text, step->charsmap, err);
    case TXE_NORM_NMT:
        filter(text, is_no_nmt_control);
        unify_spaces(text, is_nmt_space);
        return TXE_OK;
    case TXE_NORM_BYTE_CHARS:
        return byte_chars(text, err);
    }
    return TXE_OK;
}

txe_status
txe_normalize(const struct txe_normalizer *normalizer, struct txe_text *text,
              struct txe_error *err)
{
    for (size_t i = 0; i < normalizer->nsteps; i++) {
        txe_status status = apply(&normalizer->steps[i], text, err);
        if (status != TXE_OK)
            return status;
    }
    return TXE_OK;
}

void
txe_normalizer_free(struct txe_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->nsteps; i++) {
        free(normalizer->steps[i].pattern);
        free(normalizer->steps[i].content);
        txe_regex_free(normalizer->steps[i].regex);
        txe_charsmap_free(normalizer->steps[i].charsmap);
    }
    free(normalizer->steps);
    memset(normalizer, 0, sizeof *normalizer);
}
