/* Where sentences end; the rules are in sentences.h. */
#include "text/sentences.h"

#include <string.h>

#include <utf8proc.h>

#include "base/common.h"
#include "text/unicode.h"

#define REPLACEMENT 0xFFFD
#define MAX_WORD 12 /* bytes of the longest word in the lists, and more */

/* Titles and the like, written with a capital, before names. */
static const char *const titles[] = {
    "Adm", "Capt", "Cmdr", "Col",    "Dr",   "Drs", "Fr",  "Ft",  "Gen", "Gov",
    "Hon", "Lt",   "Maj",  "Messrs", "Mlle", "Mme", "Mr",  "Mrs", "Ms",  "Msgr",
    "Mt",  "Pres", "Prof", "Rep",    "Rev",  "Sen", "Sgt", "Sra", "Sr",  "St",
};
/* What never ends a sentence, in any case. */
static const char *const joining[] = {
    "approx", "ca", "cf", "eds", "esp", "incl", "resp", "viz", "vs",
};
/* Before numbers alone: elsewhere they are words or ends of sentences. */
static const char *const numbering[] = {
    "art", "ch", "chap", "eq", "eqs", "fig",  "figs", "no",  "nos",  "nr",
    "p",   "pp", "para", "pt", "sec", "sect", "tab",  "vol", "vols",
};
/* Abbreviations that may be the last word of a sentence too. */
static const char *const either[] = {
    "al",   "apr", "aug", "ave", "blvd", "bros", "co",   "corp", "dec",
    "dept", "est", "etc", "feb", "inc",  "jan",  "jr",   "jul",  "jun",
    "ltd",  "mar", "nov", "oct", "rd",   "sep",  "sept", "univ",
};
/* Words that often begin sentences and are no names. */
static const char *const starters[] = {
    "A",     "After",   "All",    "Although",  "An",     "And",     "As",
    "At",    "Because", "Before", "But",       "By",     "During",  "Each",
    "Every", "For",     "From",   "He",        "Her",    "Here",    "His",
    "How",   "However", "I",      "If",        "In",     "Instead", "It",
    "Its",   "Later",   "Many",   "Meanwhile", "Most",   "My",      "No",
    "Not",   "On",      "One",    "Other",     "Others", "Our",     "She",
    "Since", "So",      "Some",   "Such",      "That",   "The",     "Their",
    "Then",  "There",   "These",  "They",      "This",   "Those",   "Though",
    "Thus",  "To",      "Under",  "Until",     "We",     "What",    "When",
    "Where", "While",   "Who",    "Why",       "With",   "Yet",     "You",
    "Your",
};

/* The character at text[at]; what is no UTF-8 there is one byte long. */
static uint32_t
char_at(const char *text, int64_t at, int64_t end, size_t *nbytes)
{
    unsigned char lead = (unsigned char)text[at];
    *nbytes = 1;
    if (lead < 0x80)
        return lead;
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (length == 1 || at + (int64_t)length > end)
        return REPLACEMENT;
    return txe_utf8_decode(text + at, nbytes);
}

enum stop { NO_STOP, STOP, WIDE };

static enum stop
stop_of(uint32_t c)
{
    switch (c) {
    case '.':
    case 0x2026: /* … */
    case '!':
    case '?':
    case 0x0589: /* Armenian */
    case 0x061F: /* Arabic */
    case 0x06D4:
    case 0x0964: /* danda and double danda */
    case 0x0965:
    case 0x1362: /* Ethiopic */
    case 0x203C: /* ‼ */
    case 0x203D: /* ‽ */
    case 0x2047: /* ⁇ ⁈ ⁉ */
    case 0x2048:
    case 0x2049:
        return STOP;
    case 0x3002: /* 。 */
    case 0xFF01: /* ！ */
    case 0xFF1F: /* ？ */
    case 0xFF61: /* ｡ */
        return WIDE;
    default:
        return NO_STOP;
    }
}

static bool
is_quote(uint32_t c)
{
    return c == '"' || c == '\'' || c == 0xAB || c == 0xBB ||
           (c >= 0x2018 && c <= 0x201F) || c == 0x2039 || c == 0x203A;
}

static bool
is_closing(uint32_t c)
{
    return is_quote(c) ||
           (c >= 0x80 ? utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_PE
                      : c == ')' || c == ']' || c == '}');
}

/* May stand before the first word of a sentence. */
static bool
is_opening(uint32_t c)
{
    if (c < 0x80)
        return is_quote(c) || c == '(' || c == '[' || c == '{' || c == '-' || c == '*';
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return is_quote(c) || category == UTF8PROC_CATEGORY_PS ||
           category == UTF8PROC_CATEGORY_PD || c == 0xBF || c == 0xA1;
}

static bool
has_category(uint32_t c, utf8proc_category_t category)
{
    return utf8proc_category((utf8proc_int32_t)c) == category;
}

static bool
is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The first character from `at` on that is not white space or (`opening`) a quote or
 * bracket; *at is where it is. */
static uint32_t
skip(const char *text, int64_t *at, int64_t end, bool opening)
{
    while (*at < end) {
        size_t n;
        uint32_t c = char_at(text, *at, end, &n);
        if (!txe_is_whitespace(c) && !(opening && is_opening(c)))
            return c;
        *at += (int64_t)n;
    }
    return 0;
}

/* Whether the word text[0, n) is in a list; `lower`: of words in lower case. */
static bool
is_in(const char *const *list, size_t count, const char *text, size_t n, bool lower)
{
    char word[MAX_WORD + 1];
    if (n > MAX_WORD)
        return false;
    for (size_t i = 0; i < n; i++)
        word[i] = lower && is_letter(text[i]) ? (char)(text[i] | 0x20) : text[i];
    word[n] = '\0';
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], word) == 0)
            return true;
    return false;
}
#define IS_IN(list, text, n, lower) is_in(list, TXE_LEN(list), text, n, lower)

static bool
is_starter(const char *text, int64_t at, int64_t end)
{
    int64_t stop = at;
    while (stop < end && is_letter(text[stop]))
        stop++;
    bool initial = stop < end && text[stop] == '.';
    return !initial && IS_IN(starters, text + at, (size_t)(stop - at), false);
}

/* e.g, U.S, Ph.D: stops between pieces of one to three letters. */
static bool
has_stops_inside(const char *word, size_t n)
{
    size_t piece = 0, stops = 0;
    for (size_t i = 0; i < n; i++) {
        if (word[i] == '.' && piece == 0)
            return false;
        if (word[i] != '.' && (!is_letter(word[i]) || piece == 3))
            return false;
        piece = word[i] == '.' ? 0 : piece + 1;
        stops += word[i] == '.';
    }
    return stops != 0 && piece != 0;
}

/* The letters and digits, and what may stand between them, that end before `dot`. */
static int64_t
word_before(const char *text, int64_t start, int64_t dot)
{
    int64_t at = dot;
    while (at > start && dot - at <= 4 * MAX_WORD) {
        char c = text[at - 1];
        if (!is_letter(c) && !is_digit((unsigned char)c) && (unsigned char)c < 0x80 &&
            c != '.' && c != '-' && c != '/' && c != '\'')
            break;
        at--;
    }
    skip(text, &at, dot, true); /* “ is above 0x7F too */
    return at;
}

/* Whether the full stop at `dot` ends the sentence whose first word begins at `start`,
 * where `next` is the place of the character c that a new one would begin with. */
static bool
full_stop_ends(const char *text, int64_t start, int64_t dot, int64_t next, uint32_t c,
               int64_t end)
{
    int64_t begin = word_before(text, start, dot);
    const char *word = text + begin;
    size_t n = (size_t)(dot - begin), nbytes = 0;
    if (n == 0)
        return true;
    uint32_t first = char_at(text, begin, dot, &nbytes);
    bool letter = nbytes == n && (n > 1 ? has_category(first, UTF8PROC_CATEGORY_LU)
                                        : is_letter(word[0]));
    size_t digits = 0;
    while (digits < n && is_digit((unsigned char)word[digits]))
        digits++;
    if (begin <= start && (letter || digits == n))
        return false;
    if (letter && has_category(first, UTF8PROC_CATEGORY_LU))
        return is_starter(text, next, end);
    if (has_stops_inside(word, n)) /* e.g. and i.e. do not end; a.m. and U.S. may */
        return (word[0] != 'e' && word[0] != 'i') && is_starter(text, next, end);
    if (IS_IN(titles, word, n, false) || IS_IN(joining, word, n, true))
        return false;
    if (IS_IN(numbering, word, n, true))
        return !is_digit(c);
    if (IS_IN(either, word, n, true))
        return is_starter(text, next, end);
    return true;
}

/* Behind a » or › that stands between white space, as in French; else `at`. */
static int64_t
behind_guillemet(const char *text, int64_t at, int64_t end)
{
    int64_t mark = at;
    size_t n;
    uint32_t c = skip(text, &mark, end, false);
    if (mark == at || (c != 0xBB && c != 0x203A))
        return at;
    char_at(text, mark, end, &n);
    mark += (int64_t)n;
    return mark == end || txe_is_whitespace(char_at(text, mark, end, &n)) ? mark : at;
}

/* The end of the sentence that begins at `start`: behind its stops and what closes. */
static int64_t
sentence_end(const char *text, int64_t start, int64_t end)
{
    int64_t at = start, word = start;
    skip(text, &word, end, true);
    while (at < end) {
        size_t n;
        uint32_t c = char_at(text, at, end, &n);
        if (stop_of(c) == NO_STOP) {
            at += (int64_t)n;
            continue;
        }
        int64_t first = at, stops = 0;
        bool single_dot = c == '.', wide = false, closed = false;
        for (enum stop kind; at < end; at += (int64_t)n, stops++) {
            kind = stop_of(char_at(text, at, end, &n));
            if (kind == NO_STOP)
                break;
            wide = wide || kind == WIDE;
        }
        single_dot = single_dot && stops == 1;
        for (; at < end && is_closing(char_at(text, at, end, &n)); at += (int64_t)n)
            closed = true;
        at = behind_guillemet(text, at, end);
        if (at == end)
            break;
        c = char_at(text, at, end, &n);
        if (wide) {
            if (!(closed && c >= 0x3041 && c <= 0x3096))
                return at;
            continue;
        }
        if (!txe_is_whitespace(c))
            continue;
        int64_t next = at;
        c = skip(text, &next, end, true);
        if (next == end || has_category(c, UTF8PROC_CATEGORY_LL))
            continue;
        if (!single_dot || full_stop_ends(text, word, first, next, c, end))
            return at;
    }
    return end;
}

txe_status
txe_sentences_find(struct txe_ranges *out, int64_t *counts, size_t D, const char *text,
                   const struct txe_range *lines, size_t L, struct txe_error *err)
{
    size_t line = 0;
    for (size_t d = 0; d < D; d++) {
        for (; line < L && (int64_t)line < counts[d]; line++) {
            int64_t end = lines[line].end, at = lines[line].begin;
            do {
                int64_t stop = sentence_end(text, at, end), rest = stop;
                skip(text, &rest, end, false);
                if (rest == end) /* nothing but white space is left */
                    stop = end;
                TXE_TRY(txe_ranges_add(out, (struct txe_range){at, stop}, err));
                at = stop;
            } while (at < end);
        }
        counts[d] = (int64_t)out->count;
    }
    return TXE_OK;
}
