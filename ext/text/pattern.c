/* Matches one after the other: see pattern.h. */
#define _GNU_SOURCE /* memmem, whose time is linear */
#include "text/pattern.h"

#include <string.h>

#include "base/common.h"
#include "text/rewrite.h"

static bool
next_literal(struct txe_matches *matches)
{
    const char *place =
        memmem(matches->text + matches->at, matches->nbytes - matches->at,
               matches->literal, matches->literal_nbytes);
    if (place == NULL)
        return false;
    matches->start = (size_t)(place - matches->text);
    matches->end = matches->at = matches->start + matches->literal_nbytes;
    return true;
}

txe_status
txe_matches_next(struct txe_matches *matches, bool *found, struct txe_error *err)
{
    *found = false;
    if (matches->regex == NULL) {
        *found = next_literal(matches);
        return TXE_OK;
    }
    if (matches->prepared == NULL)
        TXE_TRY(txe_regex_prepare(matches->work, &matches->prepared, matches->text,
                                  matches->nbytes, err));
    while (matches->at <= matches->nbytes) {
        size_t start, end;
        TXE_TRY(txe_regex_search(matches->regex, matches->work, matches->prepared,
                                 matches->nbytes, matches->at, &start, &end, err));
        if (start == TXE_REGEX_NONE) {
            matches->at = matches->nbytes + 1;
            return TXE_OK;
        }
        if (start == end && matches->any && end == matches->end) {
            matches->at += matches->at < matches->nbytes
                               ? txe_utf8_length(matches->text[matches->at])
                               : 1;
            continue;
        }
        /* With \K a match may begin inside the one before it. */
        matches->start = matches->any ? TXE_MAX(start, matches->end) : start;
        matches->end = matches->at = TXE_MAX(end, matches->start);
        matches->any = *found = true;
        return TXE_OK;
    }
    return TXE_OK;
}
