/* Cutting texts into chunks: see chunks.h. */
#include "text/chunks.h"

#include <string.h>

#include "base/common.h"
#include "text/rewrite.h"
#include "text/unicode.h"

/* ---- what the pipeline allows ---- */

static bool
has_white_space(const char *bytes, size_t nbytes)
{
    for (size_t i = 0, width; i < nbytes; i += width)
        if (txe_is_whitespace(txe_utf8_decode(bytes + i, &width)))
            return true;
    return false;
}

/* Whether a step looks at nothing beyond a grapheme cluster, and so not across ' '
 * between other characters. */
static bool
is_local(const struct txe_normalizer_step *step)
{
    switch (step->kind) {
    case TXE_NORM_BERT:
    case TXE_NORM_NFC:
    case TXE_NORM_NFD:
    case TXE_NORM_NFKC:
    case TXE_NORM_NFKD:
    case TXE_NORM_LOWERCASE:
    case TXE_NORM_STRIP_ACCENTS:
    case TXE_NORM_PRECOMPILED:
        return true;
    case TXE_NORM_REPLACE:
        if (step->regex != NULL)
            return false;
        return step->pattern_nbytes != 0 &&
               !has_white_space(step->pattern, step->pattern_nbytes);
    default:
        return false;
    }
}

/* Whether it leaves every character where it is, so that it may be cut off from
 * punctuation too: composing does not ("=" and a stroke are one character). */
static bool
keeps_apart(const struct txe_normalizer_step *step)
{
    return step->kind == TXE_NORM_BERT || step->kind == TXE_NORM_NFD ||
           step->kind == TXE_NORM_NFKD || step->kind == TXE_NORM_LOWERCASE ||
           step->kind == TXE_NORM_STRIP_ACCENTS;
}

/* Whether the splitter drops white space first and then goes by words alone. */
static bool
splits_at_spaces(const struct txe_splitter *splitter)
{
    if (splitter->nsteps == 0 || (splitter->steps[0].kind != TXE_SPLIT_WHITESPACE &&
                                  splitter->steps[0].kind != TXE_SPLIT_BERT))
        return false;
    for (size_t i = 1; i < splitter->nsteps; i++) {
        const struct txe_split_step *step = &splitter->steps[i];
        if (step->kind != TXE_SPLIT_WHITESPACE && step->kind != TXE_SPLIT_BERT &&
            (step->kind != TXE_SPLIT_METASPACE || step->prepend == TXE_PREPEND_FIRST))
            return false;
    }
    return true;
}

/* Whether tokens that are looked for in normalised text lie inside chunks. */
static bool
tokens_fit(const struct txe_added *added)
{
    for (size_t i = 0; i < added->vocab.count; i++) {
        size_t nbytes;
        const char *bytes = txe_added_text(added, &added->tokens[i], &nbytes);
        if (added->tokens[i].normalized && has_white_space(bytes, nbytes))
            return false;
    }
    return true;
}

/* Words of text[0, nbytes) after normalising, in *words; their bytes stay in *normal.
 */
static txe_status
words_of(const struct txe_normalizer *normalizer, const struct txe_splitter *splitter,
         const char *text, size_t nbytes, struct txe_text *normal,
         struct txe_words *words, struct txe_error *err)
{
    words->count = 0;
    TXE_TRY(txe_text_assign(normal, text, nbytes, 0, err));
    TXE_TRY(txe_normalize(normalizer, normal, err));
    return txe_split(splitter, normal, true, words, err);
}

/* Whether "x<c>x" becomes the words that "x" becomes, twice. */
static txe_status
try_separator(const struct txe_normalizer *normalizer,
              const struct txe_splitter *splitter, char c, bool *separates,
              struct txe_error *err)
{
    const char both[] = {'x', c, 'x'};
    struct txe_text one = {0}, two = {0};
    struct txe_words once = {0}, twice = {0};
    txe_status status = txe_text_init(&one, 64, false, err);
    if (status == TXE_OK)
        status = txe_text_init(&two, 64, false, err);
    if (status == TXE_OK)
        status = words_of(normalizer, splitter, both, 1, &one, &once, err);
    if (status == TXE_OK)
        status = words_of(normalizer, splitter, both, 3, &two, &twice, err);
    *separates = status == TXE_OK && once.count == 1 && twice.count == 2;
    for (size_t i = 0; *separates && i < 2; i++) {
        struct txe_word a = once.items[0], b = twice.items[i];
        *separates =
            a.end - a.start == b.end - b.start &&
            memcmp(one.bytes + a.start, two.bytes + b.start, a.end - a.start) == 0;
    }
    txe_words_free(&once);
    txe_words_free(&twice);
    txe_text_free(&one);
    txe_text_free(&two);
    return status;
}

/* ---- characters beyond ASCII ---- */

txe_char_class
txe_chunker_look_up(const struct txe_chunker *chunker, uint32_t c)
{
    static const txe_char_class classes[] = {
        [TXE_REGEX_OTHER] = TXE_CHAR_OTHER,
        [TXE_REGEX_LETTER] = TXE_CHAR_LETTER,
        [TXE_REGEX_NUMBER] = TXE_CHAR_NUMBER,
        [TXE_REGEX_SPACE] = TXE_CHAR_SPACE,
    };
    if (chunker->kind == TXE_CHUNKS_PATTERN)
        return classes[txe_regex_class_of(c)];
    if (chunker->clusters)
        return txe_joins_clusters(c) ? TXE_CHAR_JOINING : TXE_CHAR_OTHER;
    if (chunker->kind == TXE_CHUNKS_WORDS) {
        if (chunker->isolates_cjk && txe_is_cjk(c))
            return TXE_CHAR_ISOLATED;
        uint32_t parts[TXE_MAX_DECOMPOSITION];
        if (txe_is_bert_punctuation(c) && txe_decompose(c, true, parts) == 1 &&
            parts[0] == c)
            return TXE_CHAR_ISOLATED;
    }
    return TXE_CHAR_OTHER;
}

static void
fill_common(struct txe_chunker *chunker)
{
    for (uint32_t c = 0x80; c < TXE_COMMON_CHARS; c++)
        chunker->common[c] = (uint8_t)txe_chunker_look_up(chunker, c);
}

/* ---- a tokenizer's way ---- */

txe_status
txe_chunker_init(struct txe_chunker *chunker, const struct txe_normalizer *normalizer,
                 const struct txe_splitter *splitter, const struct txe_added *added,
                 struct txe_error *err)
{
    *chunker = (struct txe_chunker){.kind = TXE_CHUNKS_NONE};
    const struct txe_split_step *first = &splitter->steps[0];
    if (normalizer->nsteps == 0 && splitter->nsteps == 1 &&
        first->kind == TXE_SPLIT_BYTE_LEVEL && first->use_regex) {
        chunker->kind = TXE_CHUNKS_PATTERN;
        chunker->adds_space = first->add_prefix_space;
        fill_common(chunker);
        return TXE_OK;
    }
    if (!splits_at_spaces(splitter) || !tokens_fit(added))
        return TXE_OK;
    bool apart = first->kind == TXE_SPLIT_BERT && !added->has_normal;
    bool blank = false;
    for (size_t i = 0; i < normalizer->nsteps; i++) {
        const struct txe_normalizer_step *step = &normalizer->steps[i];
        if (!is_local(step))
            return TXE_OK;
        chunker->clusters |= step->kind == TXE_NORM_PRECOMPILED;
        chunker->isolates_cjk |=
            step->kind == TXE_NORM_BERT && step->handle_chinese_chars;
        apart = apart && keeps_apart(step);
    }
    TXE_TRY(try_separator(normalizer, splitter, ' ', &blank, err));
    TXE_TRY(try_separator(normalizer, splitter, '\t', &chunker->tab, err));
    TXE_TRY(try_separator(normalizer, splitter, '\n', &chunker->newline, err));
    TXE_TRY(try_separator(normalizer, splitter, '\r', &chunker->carriage_return, err));
    if (blank)
        chunker->kind = apart ? TXE_CHUNKS_WORDS : TXE_CHUNKS_SPACES;
    chunker->finds_tokens = added->has_normal;
    chunker->carriage_return &= !chunker->clusters; /* it may be half of a cluster */
    fill_common(chunker);
    return TXE_OK;
}

/* ---- one chunk ---- */

static bool
separates(const struct txe_chunker *chunker, char c)
{
    return c == ' ' || (c == '\t' && chunker->tab) || (c == '\n' && chunker->newline) ||
           (c == '\r' && chunker->carriage_return);
}

static bool
is_ascii_punctuation(char c)
{
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

/* Whether the chunk that goes on to text[at], > 0, ends there. */
static bool
ends_at(const struct txe_chunker *chunker, const char *text, size_t nbytes, size_t at,
        bool after_joining)
{
    size_t width;
    unsigned char c = (unsigned char)text[at];
    bool words = chunker->kind == TXE_CHUNKS_WORDS;
    if (c >= 0x80)
        return words &&
               txe_chunker_classify(chunker, txe_utf8_decode(text + at, &width)) ==
                   TXE_CHAR_ISOLATED;
    if (!separates(chunker, text[at]))
        return words && is_ascii_punctuation(text[at]);
    if (!chunker->clusters)
        return true;
    if (after_joining || text[at - 1] == '\r')
        return false;
    return at + 1 == nbytes || (unsigned char)text[at + 1] < 0x80 ||
           txe_chunker_classify(chunker, txe_utf8_decode(text + at + 1, &width)) !=
               TXE_CHAR_JOINING;
}

size_t
txe_chunk_nbytes(const struct txe_chunker *chunker, const char *text, size_t nbytes)
{
    bool joining = false;
    size_t at = 0;
    do {
        size_t width;
        uint32_t c = txe_utf8_decode(text + at, &width);
        joining = c >= 0x80 && txe_chunker_classify(chunker, c) == TXE_CHAR_JOINING;
        at += width;
    } while (at < nbytes && !ends_at(chunker, text, nbytes, at, joining));
    return at;
}
