/* Regular expressions in the syntax of Oniguruma, which is the reference's own engine.
 *
 * Patterns come with files from outside, so a search has limits: in steps tried again,
 * in memory for them, and in time over everything that one txe_regex_work is used for.
 * What the reference would go on computing for hours is an error here. */
#ifndef TXE_TEXT_REGEX_H
#define TXE_TEXT_REGEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A compiled pattern.  Immutable; any number of threads may search with one. */
struct txe_regex;

/* Compiles pattern[0, nbytes), valid UTF-8.  One thread of the process at a time.
 * TXE_EVALUE says what is wrong with the pattern; TXE_ENOMEM. */
txe_status txe_regex_new(struct txe_regex **out, const char *pattern, size_t nbytes,
                         struct txe_error *err);
void txe_regex_free(struct txe_regex *regex);

/* Memory and time for the searches in one text or in its parts; not shared. */
struct txe_regex_work;

/* For `nbytes` of text in all.  NULL when there is no memory. */
struct txe_regex_work *txe_regex_work_new(size_t nbytes);
void txe_regex_work_free(struct txe_regex_work *work);

/* Makes text[0, nbytes) ready for searches: *out is what to search in, the text itself
 * or a copy that lives until the next call.  The copy has stand-ins for characters that
 * this Oniguruma may be too old to know, each as long as what it stands for, so that
 * classes such as \p{L} match what they match in the reference.  TXE_ENOMEM only. */
txe_status txe_regex_prepare(struct txe_regex_work *work, const char **out,
                             const char *text, size_t nbytes, struct txe_error *err);

#define TXE_REGEX_NONE SIZE_MAX

/* The leftmost match in text[0, nbytes), prepared, that begins at byte `from` or
 * behind, from <= nbytes: bytes [*start, *end), whole characters, maybe none of them;
 * *start is TXE_REGEX_NONE without a match.  TXE_EVALUE where a limit is reached or the
 * text is longer than the engine can number; TXE_ENOMEM. */
txe_status txe_regex_search(const struct txe_regex *regex, struct txe_regex_work *work,
                            const char *text, size_t nbytes, size_t from, size_t *start,
                            size_t *end, struct txe_error *err);

/* Version of the Oniguruma in use; static storage. */
const char *txe_regex_library(void);

#endif
