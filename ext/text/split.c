/* Pre-tokenisers: see split.h. */
#include "text/split.h"

#include <string.h>

#include "base/common.h"
#include "text/rewrite.h"
#include "text/unicode.h"

static const char metaspace[] = "\xE2\x96\x81"; /* U+2581 */
enum { METASPACE_NBYTES = sizeof metaspace - 1 };

void
txe_words_free(struct txe_words *words)
{
    free(words->items);
    memset(words, 0, sizeof *words);
}

static txe_status
push(struct txe_words *words, size_t start, size_t end, struct txe_error *err)
{
    if (start == end)
        return TXE_OK;
    if (words->count == words->capacity) {
        size_t capacity = words->capacity + words->capacity / 2 + 16;
        struct txe_word *items = txe_realloc(words->items, capacity, sizeof *items);
        if (items == NULL)
            return txe_fail_nomem(err, (unsigned long long)capacity * sizeof *items);
        words->items = items;
        words->capacity = capacity;
    }
    words->items[words->count++] = (struct txe_word){start, end};
    return TXE_OK;
}

/* ---- cutting one word ---- */

static txe_status
cut_at_spaces(const char *bytes, struct txe_word word, bool isolate_punctuation,
              struct txe_words *words, struct txe_error *err)
{
    txe_status status = TXE_OK;
    size_t start = word.start;
    for (size_t at = word.start, length; at < word.end && status == TXE_OK;
         at += length) {
        uint32_t c = txe_utf8_decode(bytes + at, &length);
        bool space = txe_is_whitespace(c);
        if (!space && !(isolate_punctuation && txe_is_bert_punctuation(c)))
            continue;
        status = push(words, start, at, err);
        start = at + length;
        if (!space && status == TXE_OK)
            status = push(words, at, start, err);
    }
    return status != TXE_OK ? status : push(words, start, word.end, err);
}

/* Bytes of the contraction ('s 't 're 've 'm 'll 'd) that bytes[0, nbytes) begins with,
 * or 0. */
static size_t
contraction(const char *bytes, size_t nbytes)
{
    if (nbytes < 2 || bytes[0] != '\'')
        return 0;
    if (bytes[1] == 's' || bytes[1] == 't' || bytes[1] == 'm' || bytes[1] == 'd')
        return 2;
    if (nbytes < 3)
        return 0;
    return (bytes[2] == 'e' && (bytes[1] == 'r' || bytes[1] == 'v')) ||
                   (bytes[1] == 'l' && bytes[2] == 'l')
               ? 3
               : 0;
}

typedef enum { LETTER, NUMBER, SPACE, OTHER } pattern_class;

static pattern_class
classify(const char *bytes, size_t *length)
{
    uint32_t c = txe_utf8_decode(bytes, length);
    if (c < 0x80) {
        if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            return LETTER;
        if (c >= '0' && c <= '9')
            return NUMBER;
        return c == ' ' || (c >= '\t' && c <= '\r') ? SPACE : OTHER;
    }
    return txe_is_regex_letter(c)   ? LETTER
           : txe_is_regex_number(c) ? NUMBER
           : txe_is_regex_space(c)  ? SPACE
                                    : OTHER;
}

/* GPT-2's pattern: contractions | ?letters | ?numbers | ?others | spaces, where a run
 * of spaces leaves its last one to what follows. */
size_t
txe_pattern_word(const char *bytes, size_t nbytes)
{
    size_t at = contraction(bytes, nbytes);
    if (at != 0)
        return at;
    size_t length;
    pattern_class class = classify(bytes, &length);
    if (bytes[0] == ' ' && nbytes > 1) {
        size_t next_length;
        pattern_class next = classify(bytes + 1, &next_length);
        if (next != SPACE)
            class = next;
    }
    size_t last = 0;
    for (at = length; at < nbytes; at += length) {
        if (classify(bytes + at, &length) != class)
            break;
        last = at;
    }
    return class == SPACE && at < nbytes && last != 0 ? last : at;
}

static txe_status
cut_by_pattern(const char *bytes, struct txe_word word, struct txe_words *words,
               struct txe_error *err)
{
    for (size_t start = word.start; start < word.end;) {
        size_t end = start + txe_pattern_word(bytes + start, word.end - start);
        txe_status status = push(words, start, end, err);
        if (status != TXE_OK)
            return status;
        start = end;
    }
    return TXE_OK;
}

static txe_status
cut_before_metaspace(const char *bytes, struct txe_word word, struct txe_words *words,
                     struct txe_error *err)
{
    size_t start = word.start;
    for (size_t at = start; at < word.end; at += txe_utf8_length(bytes[at])) {
        if (bytes[at] != metaspace[0] ||
            memcmp(bytes + at, metaspace, METASPACE_NBYTES) != 0)
            continue;
        txe_status status = push(words, start, at, err);
        if (status != TXE_OK)
            return status;
        start = at;
    }
    return push(words, start, word.end, err);
}

static txe_status
cut(const struct txe_split_step *step, const char *bytes, struct txe_word word,
    struct txe_words *words, struct txe_error *err)
{
    switch (step->kind) {
    case TXE_SPLIT_BERT:
        return cut_at_spaces(bytes, word, true, words, err);
    case TXE_SPLIT_WHITESPACE:
        return cut_at_spaces(bytes, word, false, words, err);
    case TXE_SPLIT_BYTE_LEVEL:
        if (step->use_regex)
            return cut_by_pattern(bytes, word, words, err);
        break;
    case TXE_SPLIT_METASPACE:
        if (step->cut)
            return cut_before_metaspace(bytes, word, words, err);
        break;
    case TXE_SPLIT_NONE:
        break;
    }
    return push(words, word.start, word.end, err);
}

/* ---- changing the text ---- */

/* One step at work. */
struct pass {
    const struct txe_split_step *step;
    const struct txe_text *text;
    bool sliced;   /* an earlier step has cut the text */
    bool at_start; /* the text begins the input */
};

/* Whether the word begins the input.  The reference goes by where an uncut text was
 * found and by what the first byte of a word stands for. */
static bool
begins_input(const struct pass *pass, struct txe_word word)
{
    if (!pass->sliced)
        return pass->at_start;
    if (pass->text->spans != NULL)
        return pass->text->spans[word.start].start == 0;
    return pass->at_start && word.start == 0;
}

/* What has to be put before the word: "" for nothing. */
static const char *
prefix(const struct pass *pass, struct txe_word word)
{
    const struct txe_split_step *step = pass->step;
    const char *bytes = pass->text->bytes + word.start;
    if (step->kind == TXE_SPLIT_BYTE_LEVEL)
        return step->add_prefix_space && bytes[0] != ' ' ? " " : "";
    if (bytes[0] == ' ' || (word.end - word.start >= METASPACE_NBYTES &&
                            memcmp(bytes, metaspace, METASPACE_NBYTES) == 0))
        return "";
    bool wanted = step->prepend == TXE_PREPEND_ALWAYS ||
                  (step->prepend == TXE_PREPEND_FIRST && begins_input(pass, word));
    return wanted ? metaspace : "";
}

/* The first ' ' that the step has to replace, or NULL. */
static const char *
find_space(const struct pass *pass, size_t start, size_t end)
{
    if (pass->step->kind != TXE_SPLIT_METASPACE)
        return NULL;
    return memchr(pass->text->bytes + start, ' ', end - start);
}

/* Whether the step changes any of the words. */
static bool
changes(const struct pass *pass, const struct txe_words *words)
{
    if (pass->step->kind != TXE_SPLIT_BYTE_LEVEL &&
        pass->step->kind != TXE_SPLIT_METASPACE)
        return false;
    for (size_t i = 0; i < words->count; i++) {
        struct txe_word word = words->items[i];
        if (prefix(pass, word)[0] != '\0' ||
            find_space(pass, word.start, word.end) != NULL)
            return true;
    }
    return false;
}

/* Writes one word with its prefix and its spaces replaced; *word is then where it has
 * been written. */
static txe_status
rewrite_word(struct txe_rewrite *rewrite, const struct pass *pass,
             struct txe_word *word, struct txe_error *err)
{
    const char *before = prefix(pass, *word);
    size_t start = rewrite->to.nbytes;
    txe_status status =
        txe_rewrite_insert(rewrite, before, strlen(before), word->start, err);
    rewrite->at = word->start;
    while (status == TXE_OK && rewrite->at < word->end) {
        const char *space = find_space(pass, rewrite->at, word->end);
        size_t stop = space != NULL ? (size_t)(space - pass->text->bytes) : word->end;
        status = txe_rewrite_copy(rewrite, stop - rewrite->at, err);
        if (space != NULL && status == TXE_OK) {
            status =
                txe_rewrite_insert(rewrite, metaspace, METASPACE_NBYTES, stop, err);
            rewrite->at = stop + 1;
        }
    }
    word->start = start;
    word->end = rewrite->to.nbytes;
    return status;
}

/* Puts a text made of the changed words in the place of *text. */
static txe_status
rewrite_words(const struct pass *pass, struct txe_text *text, struct txe_words *words,
              struct txe_error *err)
{
    struct txe_rewrite rewrite;
    txe_status status = txe_rewrite_init(&rewrite, text, err);
    for (size_t i = 0; i < words->count && status == TXE_OK; i++)
        status = rewrite_word(&rewrite, pass, &words->items[i], err);
    if (status == TXE_OK)
        txe_rewrite_finish(&rewrite, text);
    txe_rewrite_free(&rewrite);
    return status;
}

/* ---- all steps ---- */

static bool
cuts(const struct txe_split_step *step)
{
    switch (step->kind) {
    case TXE_SPLIT_BERT:
    case TXE_SPLIT_WHITESPACE:
        return true;
    case TXE_SPLIT_BYTE_LEVEL:
        return step->use_regex;
    case TXE_SPLIT_METASPACE:
        return step->cut;
    case TXE_SPLIT_NONE:
        break;
    }
    return false;
}

bool
txe_splitter_needs_spans(const struct txe_splitter *splitter)
{
    bool sliced = false;
    for (size_t i = 0; i < splitter->nsteps; i++) {
        const struct txe_split_step *step = &splitter->steps[i];
        if (sliced && step->kind == TXE_SPLIT_METASPACE &&
            step->prepend == TXE_PREPEND_FIRST)
            return true;
        sliced = sliced || cuts(step);
    }
    return false;
}

txe_status
txe_split(const struct txe_splitter *splitter, struct txe_text *text, bool at_start,
          struct txe_words *words, struct txe_error *err)
{
    struct txe_words now = {0}, next = {0};
    bool sliced = false;
    txe_status status = push(&now, 0, text->nbytes, err);
    for (size_t i = 0; i < splitter->nsteps && status == TXE_OK; i++) {
        const struct pass pass = {&splitter->steps[i], text, sliced, at_start};
        if (changes(&pass, &now))
            status = rewrite_words(&pass, text, &now, err);
        next.count = 0;
        for (size_t k = 0; k < now.count && status == TXE_OK; k++)
            status = cut(pass.step, text->bytes, now.items[k], &next, err);
        struct txe_words swap = now;
        now = next;
        next = swap;
        sliced = sliced || cuts(pass.step);
    }
    for (size_t k = 0; k < now.count && status == TXE_OK; k++)
        status = push(words, now.items[k].start, now.items[k].end, err);
    txe_words_free(&now);
    txe_words_free(&next);
    return status;
}
