/* Oniguruma behind its limits: see regex.h. */
#include "text/regex.h"

#include <limits.h>
#include <oniguruma.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/common.h"
#include "text/rewrite.h"
#include "text/unicode.h"

/* At one place a search may try again as often as the reference's, at all of its places
 * together SEARCH times as often, and a little more in a long text.  Each alternative
 * that is kept for later takes about 40 bytes. */
enum { RETRIES = 10000000, RETRIES_A_BYTE = 16, SEARCH = 20, ALTERNATIVES = 1 << 22 };

/* Seconds for a text, and bytes that earn one more: many times what usual patterns
 * take. The clock is looked at whenever this many bytes could have been read since. */
enum { SECONDS = 10, NBYTES_A_SECOND = 1000000, UNATTENDED = 1 << 16 };

struct txe_regex {
    regex_t *plain;
    /* The same with a call of watch() first, for long texts: some patterns look from
     * every place to the end of the text without trying anything again.  NULL where the
     * pattern cannot be written that way. */
    regex_t *watched;
};

struct txe_regex_work {
    OnigMatchParam *limits;
    OnigRegion *region;
    double deadline;    /* seconds of the monotonic clock */
    size_t nunattended; /* bytes that could be read since the clock was looked at */
    size_t nahead;      /* bytes that an attempt to match can read */
    char *copy;         /* of a text, with stand-ins */
    size_t capacity;
};

static txe_status
fail(struct txe_error *err, const char *what, int code, OnigErrorInfo *info)
{
    if (code == ONIGERR_MEMORY)
        return txe_fail_nomem(err, 0);
    UChar message[ONIG_MAX_ERROR_MESSAGE_LEN];
    int nbytes = info != NULL ? onig_error_code_to_str(message, code, info)
                              : onig_error_code_to_str(message, code);
    return txe_fail(err, TXE_EVALUE, "%s: %.*s", what, nbytes, (const char *)message);
}

static int
compile(regex_t **out, const char *pattern, size_t nbytes, OnigErrorInfo *info)
{
    const UChar *begin = (const UChar *)pattern;
    return onig_new(out, begin, begin + nbytes, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                    ONIG_SYNTAX_ONIGURUMA, info);
}

/* The pattern behind a callout, which Oniguruma makes of (?{...}). */
static bool
compile_watched(regex_t **out, const char *pattern, size_t nbytes)
{
    static const char before[] = "(?{watch})(?:";
    size_t nbefore = sizeof before - 1;
    char *wrapped = txe_alloc(nbefore + nbytes + 1, 1);
    if (wrapped == NULL)
        return false;
    memcpy(wrapped, before, nbefore);
    memcpy(wrapped + nbefore, pattern, nbytes);
    wrapped[nbefore + nbytes] = ')';
    OnigErrorInfo info;
    if (compile(out, wrapped, nbefore + nbytes + 1, &info) != ONIG_NORMAL)
        *out = NULL;
    free(wrapped);
    return true;
}

txe_status
txe_regex_new(struct txe_regex **out, const char *pattern, size_t nbytes,
              struct txe_error *err)
{
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    int code = onig_initialize(encodings, 1);
    if (code != ONIG_NORMAL)
        return fail(err, "Oniguruma does not start", code, NULL);
    struct txe_regex *regex = txe_calloc(1, sizeof *regex);
    if (regex == NULL)
        return txe_fail_nomem(err, sizeof *regex);
    OnigErrorInfo info;
    code = compile(&regex->plain, pattern, nbytes, &info);
    if (code != ONIG_NORMAL) {
        free(regex);
        return fail(err, "not a usable regular expression", code, &info);
    }
    if (!compile_watched(&regex->watched, pattern, nbytes)) {
        txe_regex_free(regex);
        return txe_fail_nomem(err, nbytes);
    }
    *out = regex;
    return TXE_OK;
}

void
txe_regex_free(struct txe_regex *regex)
{
    if (regex == NULL)
        return;
    onig_free(regex->plain);
    onig_free(regex->watched);
    free(regex);
}

static double
seconds(void)
{
    return 1e-9 * (double)txe_clock_ns();
}

/* Whether there is time left, looking at the clock when another `nbytes` to be read
 * have made it worth while. */
static bool
in_time(struct txe_regex_work *work, size_t nbytes)
{
    work->nunattended += nbytes;
    if (work->nunattended < UNATTENDED)
        return true;
    work->nunattended = 0;
    return seconds() < work->deadline;
}

static int
watch(OnigCalloutArgs *args, void *user_data)
{
    struct txe_regex_work *work = user_data;
    return in_time(work, work->nahead) ? ONIG_CALLOUT_SUCCESS : ONIG_ABORT;
}

struct txe_regex_work *
txe_regex_work_new(size_t nbytes)
{
    struct txe_regex_work *work = txe_calloc(1, sizeof *work);
    if (work == NULL)
        return NULL;
    work->deadline = seconds() + SECONDS + (double)nbytes / NBYTES_A_SECOND;
    work->limits = onig_new_match_param();
    work->region = onig_region_new();
    if (work->limits == NULL || work->region == NULL) {
        txe_regex_work_free(work);
        return NULL;
    }
    onig_initialize_match_param(work->limits);
    onig_set_match_stack_limit_size_of_match_param(work->limits, ALTERNATIVES);
    onig_set_progress_callout_of_match_param(work->limits, watch);
    onig_set_callout_user_data_of_match_param(work->limits, work);
    return work;
}

void
txe_regex_work_free(struct txe_regex_work *work)
{
    if (work == NULL)
        return;
    if (work->limits != NULL)
        onig_free_match_param(work->limits);
    if (work->region != NULL)
        onig_region_free(work->region, 1);
    free(work->copy);
    free(work);
}

static txe_status
make_copy(struct txe_regex_work *work, const char *text, size_t nbytes,
          struct txe_error *err)
{
    if (nbytes > work->capacity) {
        char *copy = txe_realloc(work->copy, nbytes, 1);
        if (copy == NULL)
            return txe_fail_nomem(err, nbytes);
        work->copy = copy;
        work->capacity = nbytes;
    }
    memcpy(work->copy, text, nbytes);
    return TXE_OK;
}

txe_status
txe_regex_prepare(struct txe_regex_work *work, const char **out, const char *text,
                  size_t nbytes, struct txe_error *err)
{
    *out = text;
    for (size_t at = 0, length = 1; at < nbytes; at += length) {
        length = txe_utf8_length(text[at]);
        if (length < 3)
            continue;
        uint32_t c = txe_utf8_decode(text + at, &length), like = txe_stand_in(c);
        if (like == c)
            continue;
        if (*out == text)
            TXE_TRY(make_copy(work, text, nbytes, err));
        *out = work->copy;
        txe_utf8_encode(like, work->copy + at);
    }
    return TXE_OK;
}

static bool
begins_char(const char *text, size_t nbytes, size_t at)
{
    return at >= nbytes || ((unsigned char)text[at] & 0xC0) != 0x80;
}

txe_status
txe_regex_search(const struct txe_regex *regex, struct txe_regex_work *work,
                 const char *text, size_t nbytes, size_t from, size_t *start,
                 size_t *end, struct txe_error *err)
{
    if (nbytes > INT_MAX)
        return txe_fail(err, TXE_EVALUE,
                        "a text of %zu bytes is too long for a regular expression: at "
                        "most %d are possible",
                        nbytes, INT_MAX);
    unsigned long more = RETRIES_A_BYTE * (unsigned long)nbytes;
    onig_set_retry_limit_in_match_of_match_param(work->limits, RETRIES + more);
    onig_set_retry_limit_in_search_of_match_param(work->limits,
                                                  SEARCH * RETRIES + more);
    bool is_long = nbytes - from > UNATTENDED && regex->watched != NULL;
    work->nahead = nbytes - from;
    const UChar *bytes = (const UChar *)text, *stop = bytes + nbytes;
    int found = ONIG_ABORT;
    if (in_time(work, work->nahead))
        found = onig_search_with_param(is_long ? regex->watched : regex->plain, bytes,
                                       stop, bytes + from, stop, work->region,
                                       ONIG_OPTION_NONE, work->limits);
    if (found == ONIG_ABORT)
        return txe_fail(err, TXE_EVALUE,
                        "the regular expression takes too long on this text: more than "
                        "%d seconds",
                        SECONDS);
    if (found == ONIG_MISMATCH) {
        *start = TXE_REGEX_NONE;
        return TXE_OK;
    }
    if (found < 0)
        return fail(err, "the regular expression fails on this text", found, NULL);
    size_t first = (size_t)work->region->beg[0], last = (size_t)work->region->end[0];
    if (first > last || last > nbytes || !begins_char(text, nbytes, first) ||
        !begins_char(text, nbytes, last))
        return txe_fail(err, TXE_EVALUE,
                        "the regular expression matches part of a character");
    *start = first;
    *end = last;
    return TXE_OK;
}

const char *
txe_regex_library(void)
{
    return onig_version();
}
