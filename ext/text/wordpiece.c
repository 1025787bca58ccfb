/* WordPiece: see wordpiece.h. */
#include "text/wordpiece.h"

#include <string.h>

txe_status
txe_wordpiece_init(struct txe_wordpiece *model, const struct txe_vocab *vocab,
                   const char *prefix, size_t prefix_nbytes, size_t max_nchars,
                   struct txe_error *err)
{
    memset(model, 0, sizeof *model);
    model->max_nchars = max_nchars;
    struct txe_trie_key *keys = txe_alloc(vocab->count, sizeof *keys);
    if (keys == NULL)
        return txe_fail_nomem(err, vocab->count * sizeof *keys);
    size_t nkeys = 0;
    for (size_t i = 0; i < vocab->count; i++) {
        const struct txe_vocab_entry *entry = &vocab->entries[i];
        const char *bytes = txe_vocab_bytes(vocab, entry);
        if (entry->nbytes > prefix_nbytes && memcmp(bytes, prefix, prefix_nbytes) == 0)
            keys[nkeys++] = (struct txe_trie_key){
                bytes + prefix_nbytes, entry->nbytes - prefix_nbytes, entry->id};
    }
    if (txe_trie_build(&model->next, keys, nkeys, err) != TXE_OK)
        goto fail;
    for (size_t i = 0; i < vocab->count; i++) {
        const struct txe_vocab_entry *entry = &vocab->entries[i];
        keys[i] = (struct txe_trie_key){txe_vocab_bytes(vocab, entry), entry->nbytes,
                                        entry->id};
    }
    if (txe_trie_build(&model->first, keys, vocab->count, err) != TXE_OK)
        goto fail;
    free(keys);
    return TXE_OK;

fail:
    free(keys);
    txe_wordpiece_free(model);
    return err->status;
}

void
txe_wordpiece_free(struct txe_wordpiece *model)
{
    txe_trie_free(&model->first);
    txe_trie_free(&model->next);
}

static bool
has_more_chars(const char *word, size_t nbytes, size_t limit)
{
    size_t nchars = 0;
    for (size_t i = 0; i < nbytes; i++)
        if (((unsigned char)word[i] & 0xC0) != 0x80 && ++nchars > limit)
            return true;
    return false;
}

/* Bytes of the longest key that word[0, nbytes) begins with, 0 if none; its value goes
 * to *id. */
static size_t
longest_piece(const struct txe_trie *trie, const char *word, size_t nbytes,
              uint32_t *id)
{
    size_t longest = 0;
    uint32_t node = trie->root[(unsigned char)word[0]];
    for (size_t i = 1; node != 0; i++) {
        if (trie->nodes[node].value != TXE_TRIE_NONE) {
            *id = trie->nodes[node].value;
            longest = i;
        }
        node = i < nbytes ? txe_trie_child(trie, node, (unsigned char)word[i]) : 0;
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
        uint32_t id;
        const struct txe_trie *trie = at == 0 ? &model->first : &model->next;
        size_t length = longest_piece(trie, word + at, nbytes - at, &id);
        if (length == 0)
            goto unknown;
        if (!txe_tokens_push(tokens, id, at, at + length))
            return txe_fail_nomem(err, tokens->capacity);
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
        return txe_fail_nomem(err, tokens->capacity);
    return TXE_OK;
}
