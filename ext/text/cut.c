/* Ways to cut a word: see cut.h. */
#include "text/cut.h"

#include <string.h>

#include "base/common.h"
#include "text/pattern.h"
#include "text/rewrite.h"
#include "text/unicode.h"

txe_status
txe_words_push(struct txe_words *words, size_t start, size_t end, struct txe_error *err)
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

/* ---- delimiters ---- */

/* Makes words of the pieces that a text falls into, delimiters and what lies between.
 */
struct joiner {
    txe_delimiter delimiter;
    bool invert;
    struct txe_words *words;
    struct txe_word last; /* may still grow */
    bool any, last_matches;
};

static txe_status
put_piece(struct joiner *joiner, size_t start, size_t end, bool matches,
          struct txe_error *err)
{
    matches = matches != joiner->invert;
    bool joins = joiner->any;
    switch (joiner->delimiter) {
    case TXE_DELIMITER_REMOVED:
        return matches ? TXE_OK : txe_words_push(joiner->words, start, end, err);
    case TXE_DELIMITER_ISOLATED:
        return txe_words_push(joiner->words, start, end, err);
    case TXE_DELIMITER_WITH_PREVIOUS:
        joins = joins && matches && !joiner->last_matches;
        break;
    case TXE_DELIMITER_WITH_NEXT:
        joins = joins && !matches && joiner->last_matches;
        break;
    case TXE_DELIMITER_CONTIGUOUS:
        joins = joins && matches == joiner->last_matches;
        break;
    }
    txe_status status = TXE_OK;
    if (joins) {
        joiner->last.end = end;
    } else {
        status =
            txe_words_push(joiner->words, joiner->last.start, joiner->last.end, err);
        joiner->last = (struct txe_word){start, end};
    }
    joiner->any = true;
    joiner->last_matches = matches;
    return status;
}

static txe_status
end_pieces(struct joiner *joiner, struct txe_error *err)
{
    return txe_words_push(joiner->words, joiner->last.start, joiner->last.end, err);
}

/* Each character that is one of a class delimits. */
static txe_status
cut_at_class(bool (*is_in_class)(uint32_t), const char *bytes, struct txe_word word,
             struct joiner *joiner, struct txe_error *err)
{
    size_t start = word.start;
    for (size_t at = word.start, length; at < word.end; at += length) {
        if (!is_in_class(txe_utf8_decode(bytes + at, &length)))
            continue;
        if (start != at)
            TXE_TRY(put_piece(joiner, start, at, false, err));
        start = at + length;
        TXE_TRY(put_piece(joiner, at, start, true, err));
    }
    if (start != word.end)
        TXE_TRY(put_piece(joiner, start, word.end, false, err));
    return end_pieces(joiner, err);
}

static txe_status
cut_at_pattern(const struct txe_split_step *step, const char *bytes,
               struct txe_word word, struct txe_regex_work *work, struct joiner *joiner,
               struct txe_error *err)
{
    struct txe_matches matches = {
        .literal = step->pattern,
        .literal_nbytes = step->pattern_nbytes,
        .regex = step->regex,
        .text = bytes + word.start,
        .nbytes = word.end - word.start,
        .work = work,
    };
    size_t done = 0;
    bool found;
    for (;;) {
        TXE_TRY(txe_matches_next(&matches, &found, err));
        size_t stop = found ? matches.start : matches.nbytes;
        if (done != stop)
            TXE_TRY(
                put_piece(joiner, word.start + done, word.start + stop, false, err));
        if (!found)
            return end_pieces(joiner, err);
        done = matches.end;
        TXE_TRY(put_piece(joiner, word.start + stop, word.start + done, true, err));
    }
}

/* ---- fixed rules ---- */

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
        status = txe_words_push(words, start, at, err);
        start = at + length;
        if (!space && status == TXE_OK)
            status = txe_words_push(words, at, start, err);
    }
    return status != TXE_OK ? status : txe_words_push(words, start, word.end, err);
}

/* Runs of word characters, and runs of what is neither that nor white space. */
static txe_status
cut_runs(const char *bytes, struct txe_word word, struct txe_words *words,
         struct txe_error *err)
{
    enum { SPACES, WORD, OTHERS } run = SPACES;
    size_t start = word.start, at = word.start;
    for (size_t length; at < word.end; at += length) {
        uint32_t c = txe_utf8_decode(bytes + at, &length);
        int now = txe_is_word(c) ? WORD : txe_is_whitespace(c) ? SPACES : OTHERS;
        if (now == (int)run)
            continue;
        if (run != SPACES)
            TXE_TRY(txe_words_push(words, start, at, err));
        run = now;
        start = at;
    }
    return run != SPACES ? txe_words_push(words, start, at, err) : TXE_OK;
}

static txe_status
cut_to_length(const char *bytes, struct txe_word word, size_t length,
              struct txe_words *words, struct txe_error *err)
{
    size_t start = word.start, nchars = 0;
    for (size_t at = start; at < word.end; at += txe_utf8_length(bytes[at])) {
        if (nchars == length) {
            TXE_TRY(txe_words_push(words, start, at, err));
            start = at;
            nchars = 0;
        }
        nchars++;
    }
    return txe_words_push(words, start, word.end, err);
}

/* A cut before each character of another script than the last that has one.  As in the
 * reference, what precedes the first such character is lost. */
static txe_status
cut_at_scripts(const char *bytes, struct txe_word word, struct txe_words *words,
               struct txe_error *err)
{
    uint8_t last = TXE_ANY_SCRIPT;
    size_t start = word.end;
    for (size_t at = word.start, length; at < word.end; at += length) {
        uint8_t script = txe_script(txe_utf8_decode(bytes + at, &length));
        if (script == TXE_ANY_SCRIPT || script == last)
            continue;
        if (last != TXE_ANY_SCRIPT)
            TXE_TRY(txe_words_push(words, start, at, err));
        start = at;
        last = script;
    }
    return txe_words_push(words, start, word.end, err);
}

/* ---- GPT-2's pattern ---- */

size_t
txe_pattern_contraction(const char *bytes, size_t nbytes)
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
    static const pattern_class classes[] = {
        [TXE_REGEX_OTHER] = OTHER,
        [TXE_REGEX_LETTER] = LETTER,
        [TXE_REGEX_NUMBER] = NUMBER,
        [TXE_REGEX_SPACE] = SPACE,
    };
    return classes[txe_regex_class_of(c)];
}

/* Contractions | ?letters | ?numbers | ?others | spaces, where a run of spaces leaves
 * its last one to what follows. */
size_t
txe_pattern_word(const char *bytes, size_t nbytes)
{
    size_t at = txe_pattern_contraction(bytes, nbytes), length;
    if (at != 0)
        return at;
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
cut_by_gpt2(const char *bytes, struct txe_word word, struct txe_words *words,
            struct txe_error *err)
{
    for (size_t start = word.start, end; start < word.end; start = end) {
        end = start + txe_pattern_word(bytes + start, word.end - start);
        TXE_TRY(txe_words_push(words, start, end, err));
    }
    return TXE_OK;
}

static txe_status
cut_at_gpt2(const char *bytes, struct txe_word word, struct joiner *joiner,
            struct txe_error *err)
{
    for (size_t start = word.start, end; start < word.end; start = end) {
        end = start + txe_pattern_word(bytes + start, word.end - start);
        TXE_TRY(put_piece(joiner, start, end, true, err));
    }
    return end_pieces(joiner, err);
}

/* ---- every kind ---- */

static txe_status
cut_before_replacement(const struct txe_split_step *step, const char *bytes,
                       struct txe_word word, struct txe_words *words,
                       struct txe_error *err)
{
    size_t start = word.start, length = step->replacement_nbytes;
    for (size_t at = start; at < word.end; at += txe_utf8_length(bytes[at])) {
        if (bytes[at] != step->replacement[0] ||
            memcmp(bytes + at, step->replacement, length) != 0)
            continue;
        TXE_TRY(txe_words_push(words, start, at, err));
        start = at;
    }
    return txe_words_push(words, start, word.end, err);
}

txe_status
txe_cut(const struct txe_split_step *step, const char *bytes, struct txe_word word,
        struct txe_regex_work *work, struct txe_words *words, struct txe_error *err)
{
    struct joiner joiner = {step->delimiter, step->invert, words, {0, 0}, false, false};
    switch (step->kind) {
    case TXE_SPLIT_BERT:
        return cut_at_spaces(bytes, word, true, words, err);
    case TXE_SPLIT_WHITESPACE:
        return cut_at_spaces(bytes, word, false, words, err);
    case TXE_SPLIT_BYTE_LEVEL:
        if (step->use_regex)
            return cut_by_gpt2(bytes, word, words, err);
        break;
    case TXE_SPLIT_METASPACE:
        if (step->cut)
            return cut_before_replacement(step, bytes, word, words, err);
        break;
    case TXE_SPLIT_WORDS:
        return cut_runs(bytes, word, words, err);
    case TXE_SPLIT_PUNCTUATION:
        return cut_at_class(txe_is_bert_punctuation, bytes, word, &joiner, err);
    case TXE_SPLIT_DIGITS:
        return cut_at_class(txe_is_numeric, bytes, word, &joiner, err);
    case TXE_SPLIT_GPT2:
        return cut_at_gpt2(bytes, word, &joiner, err);
    case TXE_SPLIT_PATTERN:
        return cut_at_pattern(step, bytes, word, work, &joiner, err);
    case TXE_SPLIT_LENGTH:
        return cut_to_length(bytes, word, step->length, words, err);
    case TXE_SPLIT_SCRIPTS:
        return cut_at_scripts(bytes, word, words, err);
    case TXE_SPLIT_BYTE_CHARS:
    case TXE_SPLIT_NONE:
        break;
    }
    return txe_words_push(words, word.start, word.end, err);
}
