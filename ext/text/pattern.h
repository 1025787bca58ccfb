/* Everything in a text that is a given string or matches a regular expression. */
#ifndef TXE_TEXT_PATTERN_H
#define TXE_TEXT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "text/regex.h"

/* A walk over the matches from left to right.  None overlap; an empty one is never
 * right behind the one before it.  Fill in the members down to `work`, zero the others.
 */
struct txe_matches {
    const char *literal; /* [literal_nbytes], not empty: what is looked for, ... */
    size_t literal_nbytes;
    const struct txe_regex *regex; /* ... unless this is not NULL */
    const char *text;              /* [nbytes], valid UTF-8 */
    size_t nbytes;
    struct txe_regex_work *work; /* with a regex: the caller's, for all of its texts */
    const char *prepared;        /* what the regex searches in */
    size_t at;                   /* byte from which to go on */
    bool any;                    /* a match has been found */
    size_t start, end;           /* the present match */
};

/* Goes to the next match: *found, and bytes [start, end) of the text.  TXE_EVALUE and
 * TXE_ENOMEM as for txe_regex_search; a literal cannot fail and takes linear time. */
txe_status txe_matches_next(struct txe_matches *matches, bool *found,
                            struct txe_error *err);

#endif
