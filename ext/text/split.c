/* Pre-tokenisers: see split.h. */
#include "text/split.h"

#include <string.h>

#include "base/common.h"
#include "text/bpe.h"
#include "text/cut.h"
#include "text/rewrite.h"
#include "text/unicode.h"

void
txe_words_free(struct txe_words *words)
{
    free(words->items);
    free(words->spare);
    memset(words, 0, sizeof *words);
}

void
txe_splitter_free(struct txe_splitter *splitter)
{
    for (size_t i = 0; i < splitter->nsteps; i++) {
        free(splitter->steps[i].pattern);
        txe_regex_free(splitter->steps[i].regex);
    }
    free(splitter->steps);
    memset(splitter, 0, sizeof *splitter);
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

/* What has to be put before the word: how many bytes of *out. */
static size_t
prefix(const struct pass *pass, struct txe_word word, const char **out)
{
    const struct txe_split_step *step = pass->step;
    const char *bytes = pass->text->bytes + word.start;
    size_t nbytes = word.end - word.start, length = step->replacement_nbytes;
    if (step->kind == TXE_SPLIT_BYTE_LEVEL) {
        *out = " ";
        return step->add_prefix_space && bytes[0] != ' ';
    }
    *out = step->replacement;
    if (step->kind != TXE_SPLIT_METASPACE || bytes[0] == ' ' ||
        (nbytes >= length && memcmp(bytes, step->replacement, length) == 0))
        return 0;
    bool wanted = step->prepend == TXE_PREPEND_ALWAYS ||
                  (step->prepend == TXE_PREPEND_FIRST && begins_input(pass, word));
    return wanted ? length : 0;
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
    const char *before;
    if (pass->step->kind == TXE_SPLIT_BYTE_CHARS)
        return true;
    if (pass->step->kind != TXE_SPLIT_BYTE_LEVEL &&
        pass->step->kind != TXE_SPLIT_METASPACE)
        return false;
    for (size_t i = 0; i < words->count; i++) {
        struct txe_word word = words->items[i];
        if (prefix(pass, word, &before) != 0 ||
            find_space(pass, word.start, word.end) != NULL)
            return true;
    }
    return false;
}

/* Writes the rest of a word, its spaces replaced. */
static txe_status
replace_spaces(struct txe_rewrite *rewrite, const struct pass *pass, size_t end,
               struct txe_error *err)
{
    const struct txe_split_step *step = pass->step;
    while (rewrite->at < end) {
        const char *space = find_space(pass, rewrite->at, end);
        size_t stop = space != NULL ? (size_t)(space - pass->text->bytes) : end;
        TXE_TRY(txe_rewrite_copy(rewrite, stop - rewrite->at, err));
        if (space == NULL)
            break;
        TXE_TRY(txe_rewrite_insert(rewrite, step->replacement, step->replacement_nbytes,
                                   stop, err));
        rewrite->at = stop + 1;
    }
    return TXE_OK;
}

/* Writes one word with its prefix and its changes; *word is then where it has been
 * written. */
static txe_status
rewrite_word(struct txe_rewrite *rewrite, const struct pass *pass,
             struct txe_word *word, struct txe_error *err)
{
    const char *before;
    size_t nbefore = prefix(pass, *word, &before), start = rewrite->to.nbytes;
    TXE_TRY(txe_rewrite_insert(rewrite, before, nbefore, word->start, err));
    rewrite->at = word->start;
    if (pass->step->kind == TXE_SPLIT_BYTE_CHARS)
        TXE_TRY(txe_rewrite_byte_chars(rewrite, word->end, err));
    else
        TXE_TRY(replace_spaces(rewrite, pass, word->end, err));
    word->start = start;
    word->end = rewrite->to.nbytes;
    return TXE_OK;
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
    case TXE_SPLIT_BYTE_LEVEL:
        return step->use_regex;
    case TXE_SPLIT_METASPACE:
        return step->cut;
    case TXE_SPLIT_BYTE_CHARS:
    case TXE_SPLIT_NONE:
        return false;
    default:
        return true;
    }
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

/* Makes the spare list the one to be filled. */
static void
swap_lists(struct txe_words *words)
{
    struct txe_words old = *words;
    words->items = old.spare;
    words->capacity = old.spare_capacity;
    words->count = 0;
    words->spare = old.items;
    words->spare_capacity = old.capacity;
}

txe_status
txe_split(const struct txe_splitter *splitter, struct txe_text *text, bool at_start,
          struct txe_words *words, struct txe_error *err)
{
    struct txe_regex_work *work = NULL;
    bool sliced = false;
    words->count = 0;
    txe_status status = txe_words_push(words, 0, text->nbytes, err);
    for (size_t i = 0; i < splitter->nsteps && status == TXE_OK; i++) {
        const struct txe_split_step *step = &splitter->steps[i];
        const struct pass pass = {step, text, sliced, at_start};
        if (step->regex != NULL && work == NULL) {
            work = txe_regex_work_new(text->nbytes);
            if (work == NULL)
                return txe_fail_nomem(err, text->nbytes);
        }
        if (changes(&pass, words))
            status = rewrite_words(&pass, text, words, err);
        if (!cuts(step))
            continue;
        size_t count = words->count;
        swap_lists(words);
        for (size_t k = 0; k < count && status == TXE_OK; k++)
            status = txe_cut(step, text->bytes, words->spare[k], work, words, err);
        sliced = true;
    }
    txe_regex_work_free(work);
    return status;
}
