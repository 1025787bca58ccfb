/* Documents and lines in plain text; see documents.h. */
#include "text/documents.h"

#include <string.h>

#include "base/common.h"

/* The line at `text`; *next is where the one after it begins. */
static struct txe_range
line_at(const char *text, int64_t begin, int64_t stop, int64_t *next)
{
    const char *newline = memchr(text + begin, '\n', (size_t)(stop - begin));
    if (newline == NULL) {
        *next = stop;
        return (struct txe_range){begin, stop};
    }
    int64_t end = newline - text;
    *next = end + 1;
    if (end > begin && text[end - 1] == '\r')
        end--;
    return (struct txe_range){begin, end};
}

static bool
is_blank(const char *text, struct txe_range line)
{
    for (int64_t i = line.begin; i < line.end; i++)
        if (text[i] != ' ' && !(text[i] >= '\t' && text[i] <= '\r'))
            return false;
    return true;
}

txe_status
txe_ranges_add(struct txe_ranges *spans, struct txe_range span, struct txe_error *err)
{
    if (spans->count == spans->capacity) {
        size_t capacity = 2 * spans->capacity + 64;
        struct txe_range *items = txe_realloc(spans->items, capacity, sizeof *items);
        if (items == NULL)
            return txe_fail_nomem(err, capacity * sizeof *items);
        spans->items = items;
        spans->capacity = capacity;
    }
    spans->items[spans->count++] = span;
    return TXE_OK;
}

txe_status
txe_documents_find(struct txe_ranges *out, const char *text, size_t nbytes,
                   bool by_line, struct txe_error *err)
{
    bool open = false; /* the last document goes on with this line */
    for (int64_t at = 0; at < (int64_t)nbytes;) {
        struct txe_range line = line_at(text, at, (int64_t)nbytes, &at);
        bool begins = by_line || !is_blank(text, line);
        if (begins && open)
            out->items[out->count - 1].end = line.end;
        else if (begins)
            TXE_TRY(txe_ranges_add(out, line, err));
        open = begins && !by_line;
    }
    return TXE_OK;
}

txe_status
txe_lines_find(struct txe_ranges *out, int64_t *counts, const char *text,
               const int64_t *ends, size_t D, struct txe_error *err)
{
    int64_t at = 0;
    for (size_t d = 0; d < D; d++) {
        while (at < ends[d]) {
            struct txe_range line = line_at(text, at, ends[d], &at);
            if (!is_blank(text, line))
                TXE_TRY(txe_ranges_add(out, line, err));
        }
        counts[d] = (int64_t)out->count;
    }
    return TXE_OK;
}

/* The first "\r\n" from `begin` on, or `end`. */
static int64_t
find_crlf(const char *text, int64_t begin, int64_t end)
{
    while (begin < end) {
        const char *cr = memchr(text + begin, '\r', (size_t)(end - begin));
        if (cr == NULL)
            break;
        begin = cr - text + 1;
        if (begin < end && text[begin] == '\n')
            return begin - 1;
    }
    return end;
}

size_t
txe_spans_nbytes(const char *text, const struct txe_range *spans, size_t count,
                 bool drop_cr)
{
    size_t nbytes = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t end = spans[i].end;
        nbytes += (size_t)(end - spans[i].begin);
        int64_t at = drop_cr ? find_crlf(text, spans[i].begin, end) : end;
        for (; at < end; at = find_crlf(text, at + 1, end))
            nbytes--;
    }
    return nbytes;
}

void
txe_spans_join(char *out, int64_t *ends, const char *text,
               const struct txe_range *spans, size_t count, bool drop_cr)
{
    char *start = out;
    for (size_t i = 0; i < count; i++) {
        for (int64_t at = spans[i].begin; at < spans[i].end;) {
            int64_t stop = drop_cr ? find_crlf(text, at, spans[i].end) : spans[i].end;
            memcpy(out, text + at, (size_t)(stop - at));
            out += stop - at;
            at = stop + 1; /* after the "\r" */
        }
        ends[i] = out - start;
    }
}
