/* WordPiece: see wordpiece.h. */
#include "text/wordpiece.h"

#include <string.h>

static bool
has_more_chars(const char *word, size_t nbytes, size_t limit)
{
    size_t nchars = 0;
    for (size_t i = 0; i < nbytes; i++)
        if (((unsigned char)word[i] & 0xC0) != 0x80 && ++nchars > limit)
            return true;
    return false;
}

/* Builds a trie of the pieces that begin with `prefix`, without it.  Pieces longer than
 * any word that is looked at are left out. */
static txe_status
build_trie(const struct txe_wordpiece *model, const char *prefix, size_t prefix_nbytes,
           struct txe_trie_key *keys, struct txe_trie *trie, struct txe_error *err)
{
    const struct txe_vocab *vocab = model->vocab;
    size_t nkeys = 0;
    for (size_t i = 0; i < vocab->count; i++) {
        const struct txe_vocab_entry *entry = &vocab->entries[i];
        const char *bytes = txe_vocab_bytes(vocab, entry);
        if (entry->nbytes < prefix_nbytes || memcmp(bytes, prefix, prefix_nbytes) != 0)
            continue;
        struct txe_trie_key key = {bytes + prefix_nbytes,
                                   entry->nbytes - (uint32_t)prefix_nbytes,
                                   (uint32_t)i};
        if (key.nbytes > model->max_nchars &&
            has_more_chars(key.bytes, key.nbytes, model->max_nchars))
            continue;
        if (key.nbytes > TXE_WORDPIECE_MAX_PIECE)
            return txe_fail(err, TXE_EVALUE,
                            "piece %zu, '%.40s...', has %lu bytes: with this "
                            "max_input_chars_per_word at most %d are possible",
                            i, bytes, (unsigned long)key.nbytes,
                            TXE_WORDPIECE_MAX_PIECE);
        keys[nkeys++] = key;
    }
    return txe_trie_build(trie, keys, nkeys, err);
}

txe_status
txe_wordpiece_init(struct txe_wordpiece *model, const struct txe_vocab *vocab,
                   const char *prefix, size_t prefix_nbytes, size_t max_nchars,
                   struct txe_error *err)
{
    memset(model, 0, sizeof *model);
    model->vocab = vocab;
    model->max_nchars = max_nchars;
    struct txe_trie_key *keys = txe_alloc(vocab->count, sizeof *keys);
    if (keys == NULL)
        return txe_fail_nomem(err, vocab->count * sizeof *keys);
    txe_status status =
        build_trie(model, prefix, prefix_nbytes, keys, &model->next, err);
    if (status == TXE_OK)
        status = build_trie(model, "", 0, keys, &model->first, err);
    free(keys);
    if (status != TXE_OK)
        txe_wordpiece_free(model);
    return status;
}

void
txe_wordpiece_free(struct txe_wordpiece *model)
{
    txe_trie_free(&model->first);
    txe_trie_free(&model->next);
}

/* Bytes of the longest key that word[0, nbytes) begins with, 0 if none; its value goes
 * to *value. */
static size_t
longest_piece(const struct txe_trie *trie, const char *word, size_t nbytes,
              uint32_t *value)
{
    size_t longest = 0;
    struct txe_trie_walk walk = txe_trie_begin(trie);
    while (txe_trie_step(trie, &walk, word, nbytes))
        if (walk.value != TXE_TRIE_NONE) {
            *value = walk.value;
            longest = walk.nbytes;
        }
    return longest;
}

txe_status
txe_wordpiece_encode(const struct txe_wordpiece *model, const char *word, size_t nbytes,
                     struct txe_tokens *tokens, struct txe_error *err)
{
    size_t count_before = tokens->count;
    size_t at = 0;
    if (nbytes > model->max_nchars && has_more_chars(word, nbytes, model->max_nchars))
        goto unknown;
    while (at < nbytes) {
        uint32_t piece;
        const struct txe_trie *trie = at == 0 ? &model->first : &model->next;
        size_t length = longest_piece(trie, word + at, nbytes - at, &piece);
        if (length == 0)
            goto unknown;
        if (!txe_tokens_push(tokens, model->vocab->entries[piece].id, at, at + length))
            goto no_memory;
        at += length;
    }
    return TXE_OK;

unknown:
    tokens->count = count_before;
    if (!model->has_unk)
        return txe_fail(
            err, TXE_EVALUE,
            "the word '%.*s' is unknown and the model's unk_token is not in "
            "its vocabulary",
            (int)TXE_MIN(nbytes, 80), word);
    if (!txe_tokens_push(tokens, model->unk_id, 0, nbytes))
        goto no_memory;
    return TXE_OK;

no_memory:
    tokens->count = count_before;
    return txe_fail_nomem(err, tokens->capacity);
}
