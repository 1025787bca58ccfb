/* The text buffer and changed copies of it: see normalize.h and rewrite.h. */
#include "text/rewrite.h"

#include <string.h>

#include "base/common.h"
#include "text/bpe.h"
#include "text/unicode.h"

txe_status
txe_text_init(struct txe_text *text, size_t capacity, bool with_spans,
              struct txe_error *err)
{
    memset(text, 0, sizeof *text);
    text->bytes = txe_alloc(capacity, 1);
    if (with_spans)
        text->spans = txe_alloc(capacity, sizeof *text->spans);
    if (text->bytes == NULL || (with_spans && text->spans == NULL)) {
        txe_text_free(text);
        return txe_fail_nomem(err, capacity);
    }
    text->capacity = capacity;
    return TXE_OK;
}

void
txe_text_free(struct txe_text *text)
{
    free(text->bytes);
    free(text->spans);
    memset(text, 0, sizeof *text);
}

txe_status
txe_text_reserve(struct txe_text *text, size_t capacity, struct txe_error *err)
{
    if (capacity <= text->capacity)
        return TXE_OK;
    size_t grown = text->capacity + text->capacity / 2;
    capacity = TXE_MAX(capacity, grown);
    char *bytes = txe_realloc(text->bytes, capacity, 1);
    if (bytes == NULL)
        return txe_fail_nomem(err, capacity);
    text->bytes = bytes;
    if (text->spans != NULL) {
        struct txe_span *spans = txe_realloc(text->spans, capacity, sizeof *spans);
        if (spans == NULL)
            return txe_fail_nomem(err, (unsigned long long)capacity * sizeof *spans);
        text->spans = spans;
    }
    text->capacity = capacity;
    return TXE_OK;
}

txe_status
txe_text_assign(struct txe_text *text, const char *bytes, size_t nbytes, size_t origin,
                struct txe_error *err)
{
    size_t end;
    if (text->spans != NULL &&
        (!txe_add_size(origin, nbytes, &end) || end > UINT32_MAX))
        return txe_fail(err, TXE_EVALUE,
                        "a text of more than %lu bytes is too long for offsets",
                        (unsigned long)UINT32_MAX);
    txe_status status = txe_text_reserve(text, nbytes, err);
    if (status != TXE_OK)
        return status;
    text->nbytes = nbytes;
    if (nbytes == 0)
        return TXE_OK;
    memcpy(text->bytes, bytes, nbytes);
    if (text->spans == NULL)
        return TXE_OK;
    for (size_t i = 0; i < nbytes;) {
        size_t length = txe_utf8_length(bytes[i]);
        struct txe_span span = {(uint32_t)(origin + i),
                                (uint32_t)(origin + i + length)};
        for (size_t stop = TXE_MIN(i + length, nbytes); i < stop; i++)
            text->spans[i] = span;
    }
    return TXE_OK;
}

/* ---- changed copies ---- */

txe_status
txe_rewrite_init(struct txe_rewrite *rewrite, const struct txe_text *from,
                 struct txe_error *err)
{
    rewrite->from = from;
    rewrite->at = 0;
    /* Most changes are small: room for the text and a little more. */
    return txe_text_init(&rewrite->to, from->nbytes + from->nbytes / 8 + 8,
                         from->spans != NULL, err);
}

void
txe_rewrite_free(struct txe_rewrite *rewrite)
{
    txe_text_free(&rewrite->to);
}

void
txe_rewrite_finish(struct txe_rewrite *rewrite, struct txe_text *text)
{
    txe_text_free(text);
    *text = rewrite->to;
    memset(&rewrite->to, 0, sizeof rewrite->to);
}

/* Makes room for nbytes more, with the one comparison that nearly always suffices. */
static inline txe_status
make_room(struct txe_text *to, size_t nbytes, struct txe_error *err)
{
    if (to->capacity - to->nbytes >= nbytes)
        return TXE_OK;
    size_t wanted;
    if (!txe_add_size(to->nbytes, nbytes, &wanted))
        wanted = SIZE_MAX;
    return txe_text_reserve(to, wanted, err);
}

/* What a character written when the copy has come to byte `at` of *from stands for. */
static inline struct txe_span
span_at(const struct txe_text *from, size_t at)
{
    if (from->nbytes == 0)
        return (struct txe_span){0, 0};
    return from->spans[TXE_MIN(at, from->nbytes - 1)];
}

void
txe_rewrite_skip(struct txe_rewrite *rewrite, size_t nchars)
{
    const struct txe_text *from = rewrite->from;
    for (; nchars != 0 && rewrite->at < from->nbytes; nchars--)
        rewrite->at += txe_utf8_length(from->bytes[rewrite->at]);
}

txe_status
txe_rewrite_put(struct txe_rewrite *rewrite, uint32_t c, ptrdiff_t change,
                struct txe_error *err)
{
    struct txe_text *to = &rewrite->to;
    txe_status status = make_room(to, 4, err);
    if (status != TXE_OK)
        return status;
    size_t length = txe_utf8_encode(c, to->bytes + to->nbytes);
    if (to->spans != NULL) {
        size_t like = change <= 0        ? rewrite->at
                      : rewrite->at != 0 ? rewrite->at - 1
                                         : 0;
        struct txe_span span = span_at(rewrite->from, like);
        for (size_t i = 0; i < length; i++)
            to->spans[to->nbytes + i] = span;
    }
    if (change <= 0)
        txe_rewrite_skip(rewrite, 1 + (size_t)-change);
    to->nbytes += length;
    return TXE_OK;
}

txe_status
txe_rewrite_copy(struct txe_rewrite *rewrite, size_t nbytes, struct txe_error *err)
{
    struct txe_text *to = &rewrite->to;
    const struct txe_text *from = rewrite->from;
    txe_status status = make_room(to, nbytes, err);
    if (status != TXE_OK || nbytes == 0)
        return status;
    memcpy(to->bytes + to->nbytes, from->bytes + rewrite->at, nbytes);
    if (to->spans != NULL)
        memcpy(to->spans + to->nbytes, from->spans + rewrite->at,
               nbytes * sizeof *to->spans);
    to->nbytes += nbytes;
    rewrite->at += nbytes;
    return TXE_OK;
}

txe_status
txe_rewrite_insert(struct txe_rewrite *rewrite, const char *bytes, size_t nbytes,
                   size_t like, struct txe_error *err)
{
    struct txe_text *to = &rewrite->to;
    txe_status status = make_room(to, nbytes, err);
    if (status != TXE_OK || nbytes == 0)
        return status;
    memcpy(to->bytes + to->nbytes, bytes, nbytes);
    if (to->spans != NULL) {
        struct txe_span span = span_at(rewrite->from, like != SIZE_MAX ? like : 0);
        if (like == SIZE_MAX)
            span.end = span.start;
        for (size_t i = 0; i < nbytes; i++)
            to->spans[to->nbytes + i] = span;
    }
    to->nbytes += nbytes;
    return TXE_OK;
}

txe_status
txe_rewrite_byte_chars(struct txe_rewrite *rewrite, size_t end, struct txe_error *err)
{
    const struct txe_text *from = rewrite->from;
    while (rewrite->at < end) {
        const char *bytes = from->bytes + rewrite->at;
        size_t length = txe_utf8_length(bytes[0]);
        for (size_t i = 0; i < length; i++)
            TXE_TRY(txe_rewrite_put(rewrite, txe_byte_to_char((uint8_t)bytes[i]),
                                    i != 0, err));
    }
    return TXE_OK;
}
