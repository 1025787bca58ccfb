/* Viterbi search over a vocabulary with scores: see unigram.h. */
#include "text/unigram.h"

#include <math.h>
#include <string.h>

#define UNK_PENALTY 10.0
#define NOWHERE UINT32_MAX

/* The best way found to a position of the word. */
struct best {
    double score;
    uint32_t start; /* where the last piece of it begins; NOWHERE: not reached yet */
    uint32_t id;
};

txe_status
txe_unigram_init(struct txe_unigram *model, const struct txe_vocab *vocab,
                 const double *scores, struct txe_error *err)
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
        keys[i] = (struct txe_trie_key){txe_vocab_bytes(vocab, entry), entry->nbytes,
                                        entry->id};
        model->scores[i] = scores[i];
        least = TXE_MIN(least, scores[i]);
    }
    model->unk_score = least - UNK_PENALTY;
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

static inline void
offer(struct best *best, double score, size_t start, uint32_t id)
{
    if (best->start == NOWHERE || score > best->score)
        *best = (struct best){score, (uint32_t)start, id};
}

static inline size_t
char_nbytes(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

static txe_status
search(const struct txe_unigram *model, const char *word, size_t nbytes,
       struct best *best, struct txe_error *err)
{
    const struct txe_trie *trie = &model->trie;
    best[0].score = 0.0;
    for (size_t i = 0; i <= nbytes; i++)
        best[i].start = NOWHERE;
    for (size_t start = 0, width; start < nbytes; start += width) {
        double so_far = best[start].score;
        bool is_piece = false;
        width = char_nbytes((unsigned char)word[start]);
        uint32_t node = trie->root[(unsigned char)word[start]];
        for (size_t end = start + 1; node != 0; end++) {
            uint32_t id = trie->nodes[node].value;
            if (id != TXE_TRIE_NONE) {
                offer(&best[end], model->scores[id] + so_far, start, id);
                is_piece |= end - start == width;
            }
            node =
                end < nbytes ? txe_trie_child(trie, node, (unsigned char)word[end]) : 0;
        }
        if (is_piece)
            continue;
        struct best *after = &best[start + width];
        if (!model->has_unk &&
            (after->start == NOWHERE || model->unk_score + so_far > after->score))
            return txe_fail(
                err, TXE_EVALUE,
                "the character '%.*s' is unknown and the model has no unk_id",
                (int)width, word + start);
        offer(after, model->unk_score + so_far, start, model->unk_id);
    }
    return TXE_OK;
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

txe_status
txe_unigram_encode(const struct txe_unigram *model, const char *word, size_t nbytes,
                   struct txe_tokens *tokens, struct txe_scratch *scratch,
                   struct txe_error *err)
{
    struct best *best = txe_scratch_get(scratch, nbytes + 1, sizeof *best);
    if (best == NULL)
        return txe_fail_nomem(err, (nbytes + 1) * sizeof *best);
    if (search(model, word, nbytes, best, err) != TXE_OK)
        return err->status;
    size_t count_before = tokens->count;
    for (size_t end = nbytes, start; end > 0; end = start) {
        uint32_t id = best[end].id;
        start = best[end].start;
        if (model->has_unk && id == model->unk_id) {
            while (start > 0 && best[start].id == model->unk_id)
                start = best[start].start;
            /* What several unknown characters spell may still be a piece. */
            const struct txe_vocab_entry *entry =
                txe_vocab_find(model->vocab, word + start, end - start);
            if (entry != NULL)
                id = entry->id;
        }
        if (!txe_tokens_push(tokens, id, start, end)) {
            tokens->count = count_before;
            return txe_fail_nomem(err, tokens->capacity);
        }
    }
    reverse(tokens, count_before);
    return TXE_OK;
}
