/* Oniguruma behind its limits: see regex.h. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include "text/regex.h"

#include <limits.h>
#include <oniguruma.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/common.h"
#include "text/rewrite.h"
#include "text/unicode.h"

/* At one place a search may try again as often as the reference's, and a little more in
 * a long text; at all its places together SEARCH times as often.  Each alternative that
 * is kept for later takes about 40 bytes. */
enum { RETRIES = 10000000, RETRIES_A_BYTE = 16, SEARCH = 20, ALTERNATIVES = 1 << 22 };

/* Seconds for a text, and bytes that earn one more: some thousand times what usual
 * patterns take. */
enum { SECONDS = 10, NBYTES_A_SECOND = 200000 };

/* Some patterns look from every place to the end of the text without trying anything
 * twice.  A search is cut into pieces that begin at few enough places for the clock to
 * be looked at in time. */
enum { PIECE_WORK = 1 << 28, LONGEST_PIECE = 4096, SHORTEST_PIECE = 16 };

struct txe_regex {
    regex_t *compiled;
    bool in_one_piece; /* \G is where a search begins */
};

struct txe_regex_work {
    OnigMatchParam *limits;
    OnigRegion *region;
    double deadline;    /* seconds of the monotonic clock */
    size_t nunattended; /* bytes that could be read since the clock was looked at */
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
    const UChar *begin = (const UChar *)pattern;
    OnigErrorInfo info;
    code = onig_new(&regex->compiled, begin, begin + nbytes, ONIG_OPTION_NONE,
                    ONIG_ENCODING_UTF8, ONIG_SYNTAX_ONIGURUMA, &info);
    if (code != ONIG_NORMAL) {
        free(regex);
        return fail(err, "not a usable regular expression", code, &info);
    }
    for (size_t i = 0; i + 1 < nbytes; i++)
        if (pattern[i] == '\\' && pattern[i + 1] == 'G')
            regex->in_one_piece = true;
    *out = regex;
    return TXE_OK;
}

void
txe_regex_free(struct txe_regex *regex)
{
    if (regex == NULL)
        return;
    onig_free(regex->compiled);
    free(regex);
}

static double
seconds(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
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

/* Looks at the clock when enough may have been read since it last did. */
static txe_status
check_time(struct txe_regex_work *work, size_t nbytes, struct txe_error *err)
{
    work->nunattended += nbytes;
    if (work->nunattended < PIECE_WORK / LONGEST_PIECE)
        return TXE_OK;
    work->nunattended = 0;
    if (seconds() < work->deadline)
        return TXE_OK;
    return txe_fail(err, TXE_EVALUE,
                    "the regular expression takes too long on this text: more than %d "
                    "seconds",
                    SECONDS);
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
    unsigned long retries = RETRIES + RETRIES_A_BYTE * (unsigned long)nbytes;
    onig_set_retry_limit_in_match_of_match_param(work->limits, retries);
    onig_set_retry_limit_in_search_of_match_param(work->limits, SEARCH * retries);
    size_t piece = nbytes != 0 ? PIECE_WORK / nbytes : LONGEST_PIECE;
    piece = TXE_MAX(TXE_MIN(piece, LONGEST_PIECE), SHORTEST_PIECE);
    if (regex->in_one_piece)
        piece = nbytes;
    const UChar *bytes = (const UChar *)text;
    int found = ONIG_MISMATCH;
    for (size_t stop; found == ONIG_MISMATCH; from = stop) {
        stop = from + TXE_MIN(piece, nbytes - from);
        while (!begins_char(text, nbytes, stop))
            stop++;
        TXE_TRY(check_time(work, nbytes - from, err));
        found = onig_search_with_param(regex->compiled, bytes, bytes + nbytes,
                                       bytes + from, bytes + stop, work->region,
                                       ONIG_OPTION_NONE, work->limits);
        if (stop == nbytes)
            break;
    }
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
