/* Viterbi search over a vocabulary with scores: see unigram.h. */
#include "text/unigram.h"

#include <math.h>
#include <string.h>

#define UNK_PENALTY 10.0
#define MAX_SCORE 1e100 /* no sum of scores is infinite */
#define UNREACHED (-INFINITY)
#define UNKNOWN ((uint32_t)1 << 31) /* | bytes of a character that is no piece */
#define SHORT_WORD 255              /* bytes up to which the stack is enough */

txe_status
txe_unigram_init(struct txe_unigram *model, const struct txe_vocab *vocab,
                 const double *scores, const struct txe_unigram_options *options,
                 struct txe_error *err)
{
    memset(model, 0, sizeof *model);
    model->vocab = vocab;
    model->scores = txe_alloc(vocab->count, sizeof *model->scores);
    struct txe_trie_key *keys = txe_alloc(vocab->count, sizeof *keys);
    if (model->scores == NULL || keys == NULL) {
        txe_fail_nomem(err, vocab->count * sizeof *keys);
        goto fail;
    }
    double least = INFINITY;
    for (size_t i = 0; i < vocab->count; i++) {
        const struct txe_vocab_entry *entry = &vocab->entries[i];
        const char *bytes = txe_vocab_bytes(vocab, entry);
        keys[i] = (struct txe_trie_key){bytes, entry->nbytes, entry->id};
        if (entry->nbytes > TXE_UNIGRAM_MAX_PIECE) {
            txe_fail(err, TXE_EVALUE,
                     "piece %zu, '%.40s...', has %lu bytes: at most %d are possible", i,
                     bytes, (unsigned long)entry->nbytes, TXE_UNIGRAM_MAX_PIECE);
            goto fail;
        }
        if (!(fabs(scores[i]) <= MAX_SCORE)) {
            txe_fail(err, TXE_EVALUE, "the score %g of piece %zu is out of range",
                     scores[i], i);
            goto fail;
        }
        model->scores[i] = scores[i];
        least = TXE_MIN(least, scores[i]);
    }
    model->unk_score = least - UNK_PENALTY;
    model->window = 8; /* at least a character */
    while (model->window <= vocab->longest)
        model->window *= 2;
    model->has_unk = options->has_unk;
    model->unk_id = options->unk_id;
    model->byte_fallback = options->byte_fallback;
    for (size_t byte = 0; byte < 256 && model->byte_fallback; byte++) {
        static const char digits[] = "0123456789ABCDEF";
        const char piece[6] = {'<', '0', 'x', digits[byte / 16], digits[byte % 16],
                               '>'};
        const struct txe_vocab_entry *entry =
            txe_vocab_find(vocab, piece, sizeof piece);
        model->byte_ids[byte] = entry != NULL ? entry->id : TXE_TRIE_NONE;
    }
    if (txe_trie_build(&model->trie, keys, vocab->count, err) != TXE_OK)
        goto fail;
    free(keys);
    return TXE_OK;

fail:
    free(keys);
    txe_unigram_free(model);
    return err->status;
}

void
txe_unigram_free(struct txe_unigram *model)
{
    txe_trie_free(&model->trie);
    free(model->scores);
    model->scores = NULL;
}

/* The search in a word, from left to right. */
struct search {
    const struct txe_unigram *model;
    const char *word;
    struct txe_tokens *tokens;
    /* The best sum to each position from the present one to where a piece can reach: a
     * ring, in which position i is at i & mask. */
    double *sums;
    size_t mask;
    /* How the best way gets to each position: the id of its last piece, or UNKNOWN.
     * Those of positions up to `settled` are tokens already; back[0] is for settled. */
    uint32_t *back;
    size_t settled;
    struct txe_error *err;
};

static bool
is_unknown(const struct txe_unigram *model, uint32_t step)
{
    return step >= UNKNOWN || (model->has_unk && step == model->unk_id);
}

/* Where the last step of the best way to `end` begins. */
static size_t
step_start(const struct search *search, size_t end)
{
    uint32_t step = search->back[end - search->settled];
    if (step >= UNKNOWN)
        return end - (step - UNKNOWN);
    return end - search->model->vocab->entries[step].nbytes;
}

static bool
push_bytes(const struct search *search, size_t start, size_t end)
{
    for (size_t i = end; i-- > start;) {
        unsigned char byte = (unsigned char)search->word[i];
        if (!txe_tokens_push(search->tokens, search->model->byte_ids[byte], start, end))
            return false;
    }
    return true;
}

/* Unknown characters [start, end): what several of them spell may still be a piece. */
static bool
push_unknown(const struct search *search, size_t start, size_t end)
{
    const struct txe_unigram *model = search->model;
    const struct txe_vocab_entry *entry =
        txe_vocab_find(model->vocab, search->word + start, end - start);
    if (entry != NULL)
        return txe_tokens_push(search->tokens, entry->id, start, end);
    bool all = model->byte_fallback;
    for (size_t i = start; all && i < end; i++)
        all = model->byte_ids[(unsigned char)search->word[i]] != TXE_TRIE_NONE;
    return all ? push_bytes(search, start, end)
               : txe_tokens_push(search->tokens, model->unk_id, start, end);
}

static void
reverse(struct txe_tokens *tokens, size_t first)
{
    for (size_t i = first, j = tokens->count; i + 1 < j; i++) {
        j--;
        uint32_t id = tokens->ids[i];
        tokens->ids[i] = tokens->ids[j];
        tokens->ids[j] = id;
        if (tokens->with_spans) {
            struct txe_span span = tokens->spans[i];
            tokens->spans[i] = tokens->spans[j];
            tokens->spans[j] = span;
        }
    }
}

/* Appends the tokens of the best way from where it is settled to `position`, and
 * settles it. */
static bool
settle(struct search *search, size_t position)
{
    size_t first = search->tokens->count;
    for (size_t end = position, start; end > search->settled; end = start) {
        uint32_t step = search->back[end - search->settled];
        start = step_start(search, end);
        bool good;
        if (is_unknown(search->model, step)) {
            while (start > search->settled &&
                   is_unknown(search->model, search->back[start - search->settled]))
                start = step_start(search, start);
            good = push_unknown(search, start, end);
        } else {
            good = txe_tokens_push(search->tokens, step, start, end);
        }
        if (!good)
            return false;
    }
    reverse(search->tokens, first);
    search->settled = position;
    return true;
}

static inline size_t
char_nbytes(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* Notes a way to `end` if it is better than what was found before; *reach becomes the
 * furthest position that some way has got to. */
static inline bool
offer(struct search *search, double sum, size_t end, uint32_t step, size_t *reach)
{
    double *best = &search->sums[end & search->mask];
    if (!(sum > *best))
        return false;
    *best = sum;
    search->back[end - search->settled] = step;
    *reach = TXE_MAX(*reach, end);
    return true;
}

static txe_status
run(struct search *search, size_t nbytes)
{
    const struct txe_unigram *model = search->model;
    const struct txe_trie *trie = &model->trie;
    const char *word = search->word;
    size_t reach = 0;
    for (size_t start = 0, width; start < nbytes; start += width) {
        /* Every way leads through here: what is behind cannot change any more.  Only
         * unknown characters are one token with what may follow. */
        if (reach == start && start != search->settled &&
            !is_unknown(model, search->back[start - search->settled]) &&
            !settle(search, start))
            return txe_fail_nomem(search->err, search->tokens->capacity);
        double sum = search->sums[start & search->mask];
        search->sums[start & search->mask] = UNREACHED;
        bool is_piece = false;
        width = char_nbytes((unsigned char)word[start]);
        struct txe_trie_walk walk = txe_trie_begin(trie);
        while (txe_trie_step(trie, &walk, word + start, nbytes - start)) {
            if (walk.value == TXE_TRIE_NONE)
                continue;
            offer(search, model->scores[walk.value] + sum, start + walk.nbytes,
                  walk.value, &reach);
            is_piece |= walk.nbytes == width;
        }
        if (!is_piece &&
            offer(search, model->unk_score + sum, start + width,
                  UNKNOWN | (uint32_t)width, &reach) &&
            !model->has_unk)
            return txe_fail(
                search->err, TXE_EVALUE,
                "the character '%.*s' is unknown and the model has no unk_id",
                (int)width, word + start);
    }
    if (!settle(search, nbytes))
        return txe_fail_nomem(search->err, search->tokens->capacity);
    return TXE_OK;
}

txe_status
txe_unigram_encode(const struct txe_unigram *model, const char *word, size_t nbytes,
                   struct txe_tokens *tokens, struct txe_scratch *scratch,
                   struct txe_error *err)
{
    double sums[SHORT_WORD + 1];
    uint32_t back[SHORT_WORD + 1];
    struct search search = {.model = model,
                            .word = word,
                            .tokens = tokens,
                            .sums = sums,
                            .mask = SHORT_WORD,
                            .back = back,
                            .err = err};
    if (nbytes > SHORT_WORD) {
        size_t count = nbytes + 1 + 2 * model->window;
        search.sums = txe_scratch_get(scratch, count, sizeof *back);
        if (search.sums == NULL)
            return txe_fail_nomem(err, count * sizeof *back);
        search.back = (uint32_t *)(search.sums + model->window);
        search.mask = model->window - 1;
    }
    size_t size = TXE_MIN(search.mask, nbytes);
    search.sums[0] = 0.0;
    for (size_t i = 1; i <= size; i++)
        search.sums[i] = UNREACHED;
    size_t count_before = tokens->count;
    txe_status status = run(&search, nbytes);
    if (status != TXE_OK)
        tokens->count = count_before;
    return status;
}
