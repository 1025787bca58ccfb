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

/* Makes keys of the pieces but those longer than any word that is looked at. */
static txe_status
make_keys(const struct txe_wordpiece *model, struct txe_trie_key *keys, size_t *nkeys,
          struct txe_error *err)
{
    const struct txe_vocab *vocab = model->vocab;
    size_t most = model->max_nchars + model->prefix_nbytes;
    for (size_t i = 0; i < vocab->count; i++) {
        const struct txe_vocab_entry *entry = &vocab->entries[i];
        const char *bytes = txe_vocab_bytes(vocab, entry);
        if (entry->nbytes > most && has_more_chars(bytes, entry->nbytes, most))
            continue;
        if (entry->nbytes > TXE_WORDPIECE_MAX_PIECE)
            return txe_fail(err, TXE_EVALUE,
                            "piece %zu, '%.40s...', has %lu bytes: with this "
                            "max_input_chars_per_word at most %d are possible",
                            i, bytes, (unsigned long)entry->nbytes,
                            TXE_WORDPIECE_MAX_PIECE);
        keys[(*nkeys)++] = (struct txe_trie_key){bytes, entry->nbytes, (uint32_t)i + 1};
    }
    return TXE_OK;
}

txe_status
txe_wordpiece_init(struct txe_wordpiece *model, const struct txe_vocab *vocab,
                   const char *prefix, size_t prefix_nbytes, size_t max_nchars,
                   struct txe_error *err)
{
    memset(model, 0, sizeof *model);
    model->vocab = vocab;
    model->prefix_nbytes = prefix_nbytes;
    model->max_nchars = max_nchars;
    struct txe_trie_key *keys = txe_alloc(vocab->count + 1, sizeof *keys);
    if (keys == NULL)
        return txe_fail_nomem(err, vocab->count * sizeof *keys);
    /* The prefix has a node even if it is no piece; value 0 says that it is none. */
    size_t nkeys = 1;
    keys[0] = (struct txe_trie_key){prefix, (uint32_t)prefix_nbytes, 0};
    txe_status status = make_keys(model, keys, &nkeys, err);
    if (status == TXE_OK)
        status = txe_trie_build(&model->trie, keys, nkeys, err);
    free(keys);
    if (status != TXE_OK)
        return status;
    struct txe_trie_walk walk = txe_trie_begin(&model->trie);
    while (txe_trie_step(&model->trie, &walk, prefix, prefix_nbytes))
        ;
    model->next_base = walk.base;
    return TXE_OK;
}

void
txe_wordpiece_free(struct txe_wordpiece *model)
{
    txe_trie_free(&model->trie);
}

/* The longest piece at word[at], or NULL; *end is where it ends. */
static const struct txe_vocab_entry *
longest_piece(const struct txe_wordpiece *model, const char *word, size_t nbytes,
              size_t at, size_t *end)
{
    uint32_t value = 0;
    struct txe_trie_walk walk = txe_trie_begin(&model->trie);
    if (at > 0)
        walk.base = model->next_base;
    while (txe_trie_step(&model->trie, &walk, word + at, nbytes - at))
        if (walk.value != TXE_TRIE_NONE && walk.value != 0) {
            value = walk.value;
            *end = at + walk.nbytes;
        }
    return value != 0 ? &model->vocab->entries[value - 1] : NULL;
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
        size_t end = at;
        const struct txe_vocab_entry *piece =
            longest_piece(model, word, nbytes, at, &end);
        if (piece == NULL)
            goto unknown;
        if (!txe_tokens_push(tokens, piece->id, at, end))
            goto no_memory;
        at = end;
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
