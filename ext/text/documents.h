/* Documents and lines in plain UTF-8 text, found and put together without copies in
 * between: what reading a corpus is made of.
 *
 * A line ends before "\n", and before a "\r" in front of it.  It is blank when it holds
 * nothing but spaces, tabs, vertical tabs, form feeds and carriage returns.
 *
 * Nothing here keeps state: any number of threads may call everything. */
#ifndef TXE_TEXT_DOCUMENTS_H
#define TXE_TEXT_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Bytes begin to end (not included) of a text. */
struct txe_range {
    int64_t begin;
    int64_t end;
};

/* A growing list; zeroed, it is empty.  Free items with free(). */
struct txe_ranges {
    struct txe_range *items; /* [count] */
    size_t count;
    size_t capacity;
};

/* Adds one range.  TXE_ENOMEM; the list is then as it was. */
txe_status txe_ranges_add(struct txe_ranges *list, struct txe_range range,
                          struct txe_error *err);

/* Adds the documents of a text [nbytes]: every line (`by_line`), or else the lines
 * between blank lines together.  TXE_ENOMEM; spans added before it stay. */
txe_status txe_documents_find(struct txe_ranges *out, const char *text, size_t nbytes,
                              bool by_line, struct txe_error *err);

/* Adds the lines of documents that are not blank; document d is text[ends[d - 1]] to
 * text[ends[d]], `ends` [D] must not fall.  counts [D]: lines up to the end of each
 * document.  TXE_ENOMEM; spans added before it stay. */
txe_status txe_lines_find(struct txe_ranges *out, int64_t *counts, const char *text,
                          const int64_t *ends, size_t D, struct txe_error *err);

/* Bytes that txe_spans_join writes. */
size_t txe_spans_nbytes(const char *text, const struct txe_range *spans, size_t count,
                        bool drop_cr);

/* Copies the spans [count], which must lie in the text, one after another to `out`;
 * ends [count]: where in it each ends.  With `drop_cr` a "\r" before "\n" is left out.
 * out and ends must not overlap the inputs.  Cannot fail. */
void txe_spans_join(char *out, int64_t *ends, const char *text,
                    const struct txe_range *spans, size_t count, bool drop_cr);

#endif
