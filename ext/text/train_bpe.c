/* Learning merges: see train_bpe.h.
 *
 * A symbol keeps its place in the array when it grows: its id is where it begins, and
 * the items that follow say so.  The second and the last of them hold its length, so
 * that both neighbours are found at once. */
#include "text/train_bpe.h"

#include <string.h>

#include "base/common.h"
#include "text/train_alphabet.h"
#include "text/train_pairs.h"

/* Set in the items of a symbol but the first. */
#define INSIDE ((uint32_t)1 << 31)
/* Places merged between two reports of progress. */
#define REPORT_PLACES ((size_t)1 << 16)
/* Merges between two reports of progress. */
#define REPORT_MERGES 256

struct trainer {
    const struct txe_bpe_training *options;
    struct txe_symbols symbols;
    struct txe_pair_counts pairs;
    struct txe_vocab vocab;
    struct txe_bpe_rule *merges;
    size_t nmerges, capacity;
    char *token; /* text of a new one */
    size_t token_capacity;
    struct txe_error *err;
};

static inline uint32_t
symbol_length(const uint32_t *items, uint32_t at)
{
    return items[at + 1] & INSIDE ? items[at + 1] & ~INSIDE : 1;
}

/* Length of the symbol that ends before `at`. */
static inline uint32_t
length_before(const uint32_t *items, uint32_t at)
{
    return items[at - 1] & INSIDE ? items[at - 1] & ~INSIDE : 1;
}

static txe_status
count_pairs(struct trainer *trainer)
{
    const struct txe_symbols *symbols = &trainer->symbols;
    uint32_t word = 0, slot;
    for (size_t at = 1; at + 1 < symbols->count; at++) {
        uint32_t left = symbols->items[at], right = symbols->items[at + 1];
        word += left == TXE_SYMBOLS_END;
        if (left == TXE_SYMBOLS_END || right == TXE_SYMBOLS_END)
            continue;
        TXE_TRY(txe_pair_counts_add(&trainer->pairs, left, right,
                                    symbols->word_counts[word], &slot, trainer->err));
        TXE_TRY(txe_pair_counts_note(&trainer->pairs, slot,
                                     (struct txe_occurrence){(uint32_t)at, word}, false,
                                     trainer->err));
    }
    return txe_pair_counts_queue(&trainer->pairs, false, trainer->err);
}

/* The id of what two tokens are together. */
static txe_status
join_tokens(struct trainer *trainer, uint32_t left, uint32_t right, uint32_t *id)
{
    /* Ids are given out in order: entry i has the id i. */
    const struct txe_vocab_entry *a = &trainer->vocab.entries[left];
    const struct txe_vocab_entry *b = &trainer->vocab.entries[right];
    struct txe_str rest = {txe_vocab_bytes(&trainer->vocab, b), b->nbytes};
    const struct txe_str prefix = trainer->options->prefix;
    if (prefix.nbytes != 0 && rest.nbytes >= prefix.nbytes &&
        memcmp(rest.bytes, prefix.bytes, prefix.nbytes) == 0)
        rest =
            (struct txe_str){rest.bytes + prefix.nbytes, rest.nbytes - prefix.nbytes};
    size_t nbytes = a->nbytes + rest.nbytes;
    if (nbytes > trainer->token_capacity) {
        char *token = txe_realloc(trainer->token, 2 * nbytes, 1);
        if (token == NULL)
            return txe_fail_nomem(trainer->err, 2 * nbytes);
        trainer->token = token;
        trainer->token_capacity = 2 * nbytes;
    }
    memcpy(trainer->token, txe_vocab_bytes(&trainer->vocab, a), a->nbytes);
    memcpy(trainer->token + a->nbytes, rest.bytes, rest.nbytes);
    return txe_vocab_intern(&trainer->vocab, (struct txe_str){trainer->token, nbytes},
                            id, trainer->err);
}

/* Counts and notes the pair that a new symbol is part of. */
static txe_status
add_pair(struct trainer *trainer, uint32_t left, uint32_t right, size_t length,
         struct txe_occurrence where)
{
    bool counted = length < trainer->options->max_token_length;
    int64_t change = counted ? trainer->symbols.word_counts[where.word] : 0;
    uint32_t slot;
    TXE_TRY(
        txe_pair_counts_add(&trainer->pairs, left, right, change, &slot, trainer->err));
    return txe_pair_counts_note(&trainer->pairs, slot, where, !counted, trainer->err);
}

/* Makes one symbol of two where they still are at a place. */
static txe_status
merge_at(struct trainer *trainer, uint32_t left, uint32_t right, uint32_t id,
         struct txe_occurrence where, bool *merged)
{
    uint32_t *items = trainer->symbols.items;
    int64_t count = trainer->symbols.word_counts[where.word];
    uint32_t at = where.at;
    *merged = false;
    if (items[at] != left)
        return TXE_OK;
    uint32_t second = at + symbol_length(items, at);
    if (items[second] != right)
        return TXE_OK;
    uint32_t end = second + symbol_length(items, second);
    uint32_t length = end - at;
    *merged = true;
    items[at] = id;
    items[second] = INSIDE;
    items[at + 1] = items[end - 1] = INSIDE | length;
    if (items[at - 1] != TXE_SYMBOLS_END) {
        uint32_t before = length_before(items, at);
        uint32_t other = items[at - before];
        TXE_TRY(txe_pair_counts_add(&trainer->pairs, other, left, -count, NULL,
                                    trainer->err));
        TXE_TRY(add_pair(trainer, other, id, (size_t)before + length,
                         (struct txe_occurrence){at - before, where.word}));
    }
    if (items[end] != TXE_SYMBOLS_END) {
        uint32_t other = items[end];
        TXE_TRY(txe_pair_counts_add(&trainer->pairs, right, other, -count, NULL,
                                    trainer->err));
        TXE_TRY(add_pair(trainer, id, other, (size_t)length + symbol_length(items, end),
                         where));
    }
    return TXE_OK;
}

static txe_status
merge_pair(struct trainer *trainer, const struct txe_queued_pair *pair, size_t *nplaces)
{
    uint32_t id;
    TXE_TRY(join_tokens(trainer, pair->left, pair->right, &id));
    if (trainer->nmerges == trainer->capacity) {
        size_t capacity = trainer->capacity + trainer->capacity / 2 + 64;
        struct txe_bpe_rule *merges =
            txe_realloc(trainer->merges, capacity, sizeof *merges);
        if (merges == NULL)
            return txe_fail_nomem(trainer->err, capacity * sizeof *merges);
        trainer->merges = merges;
        trainer->capacity = capacity;
    }
    trainer->merges[trainer->nmerges++] =
        (struct txe_bpe_rule){pair->left, pair->right};
    const struct txe_occurrence *places;
    TXE_TRY(
        txe_pair_counts_places(&trainer->pairs, pair, &places, nplaces, trainer->err));
    uint32_t last = 0; /* a new symbol is not merged again in the same pass */
    for (size_t i = 0; i < *nplaces; i++) {
        bool merged = false;
        if (places[i].at > last)
            TXE_TRY(merge_at(trainer, pair->left, pair->right, id, places[i], &merged));
        if (merged)
            last = places[i].at;
    }
    return txe_pair_counts_queue(
        &trainer->pairs, trainer->options->max_token_length != SIZE_MAX, trainer->err);
}

static txe_status
learn_merges(struct trainer *trainer)
{
    const struct txe_bpe_training *options = trainer->options;
    struct txe_queued_pair pair;
    size_t nplaces, merged = 0;
    while (trainer->vocab.count < options->vocab_size &&
           txe_pair_counts_next(&trainer->pairs, &pair) && pair.count >= 1 &&
           pair.count >= options->min_frequency) {
        TXE_TRY(merge_pair(trainer, &pair, &nplaces));
        merged += nplaces;
        if (options->progress == NULL ||
            (merged < REPORT_PLACES && trainer->nmerges % REPORT_MERGES != 0))
            continue;
        merged = 0;
        if (!options->progress(options->context, trainer->vocab.count))
            return txe_fail(trainer->err, TXE_EVALUE, "training was interrupted");
    }
    return TXE_OK;
}

/* Of a pair that was merged several times the last rank counts. */
static txe_status
drop_repeated_merges(struct trainer *trainer)
{
    size_t kept = trainer->nmerges;
    for (size_t i = trainer->nmerges; i-- > 0;) {
        struct txe_bpe_rule merge = trainer->merges[i];
        uint32_t slot;
        TXE_TRY(txe_pair_counts_add(&trainer->pairs, merge.left, merge.right, 0, &slot,
                                    trainer->err));
        struct txe_pair_count *pair = &trainer->pairs.slots[slot];
        if (pair->pending != 0)
            continue;
        pair->pending = 1;
        trainer->merges[--kept] = merge;
    }
    trainer->nmerges -= kept;
    if (trainer->nmerges != 0)
        memmove(trainer->merges, trainer->merges + kept,
                trainer->nmerges * sizeof *trainer->merges);
    return TXE_OK;
}

txe_status
txe_bpe_train(struct txe_bpe_trained *out, const struct txe_word_counts *words,
              const struct txe_bpe_training *options, struct txe_error *err)
{
    struct trainer trainer = {.options = options, .err = err};
    txe_status status =
        txe_symbols_make(&trainer.symbols, &trainer.vocab, words, options, err);
    if (status == TXE_OK)
        status = count_pairs(&trainer);
    if (status == TXE_OK)
        status = learn_merges(&trainer);
    if (status == TXE_OK)
        status = drop_repeated_merges(&trainer);
    txe_symbols_free(&trainer.symbols);
    txe_pair_counts_free(&trainer.pairs);
    free(trainer.token);
    struct txe_bpe_trained trained = {trainer.vocab, trainer.merges, trainer.nmerges};
    if (status == TXE_OK)
        *out = trained;
    else
        txe_bpe_trained_free(&trained);
    return status;
}

void
txe_bpe_trained_free(struct txe_bpe_trained *trained)
{
    txe_vocab_free(&trained->vocab);
    free(trained->merges);
    *trained = (struct txe_bpe_trained){0};
}
