/* Strings to ids and back: see vocab.h. */
#include "text/vocab.h"

#include <string.h>

#include "base/common.h"
#include "text/hash.h"

static size_t
find_slot(const struct txe_vocab *vocab, const char *bytes, size_t nbytes)
{
    size_t mask = vocab->nslots - 1;
    size_t slot = (size_t)txe_hash_bytes(bytes, nbytes, vocab->seed) & mask;
    for (; vocab->slots[slot] != 0; slot = (slot + 1) & mask) {
        const struct txe_vocab_entry *entry = &vocab->entries[vocab->slots[slot] - 1];
        if (entry->nbytes == nbytes &&
            memcmp(vocab->bytes + entry->start, bytes, nbytes) == 0)
            break;
    }
    return slot;
}

static size_t
find_id_slot(const struct txe_vocab *vocab, uint32_t id)
{
    size_t mask = vocab->nslots - 1;
    size_t slot = (size_t)txe_hash_mix(vocab->seed ^ id) & mask;
    while (vocab->by_id[slot] != 0 && vocab->entries[vocab->by_id[slot] - 1].id != id)
        slot = (slot + 1) & mask;
    return slot;
}

static txe_status
grow_slots(struct txe_vocab *vocab, struct txe_error *err)
{
    struct txe_vocab bigger = *vocab;
    bigger.nslots = txe_hash_slots(2 * (vocab->count + 1));
    bigger.slots = txe_calloc(bigger.nslots, sizeof *bigger.slots);
    bigger.by_id = txe_calloc(bigger.nslots, sizeof *bigger.by_id);
    if (bigger.slots == NULL || bigger.by_id == NULL) {
        free(bigger.slots);
        free(bigger.by_id);
        return txe_fail_nomem(err, bigger.nslots * sizeof *bigger.slots);
    }
    bigger.seed = txe_hash_mix((uint64_t)(uintptr_t)bigger.slots);
    for (size_t i = 0; i < vocab->count; i++) {
        const struct txe_vocab_entry *entry = &vocab->entries[i];
        size_t slot = find_slot(&bigger, vocab->bytes + entry->start, entry->nbytes);
        bigger.slots[slot] = (uint32_t)i + 1; /* a repeated string: the last counts */
        bigger.by_id[find_id_slot(&bigger, entry->id)] = (uint32_t)i + 1;
    }
    free(vocab->slots);
    free(vocab->by_id);
    *vocab = bigger;
    return TXE_OK;
}

static txe_status
grow_storage(struct txe_vocab *vocab, size_t nbytes, struct txe_error *err)
{
    size_t need;
    if (!txe_add_size(vocab->nbytes, nbytes, &need))
        return txe_fail_nomem(err, SIZE_MAX);
    if (vocab->bytes == NULL || need > vocab->bytes_capacity) {
        size_t capacity = need + need / 2 + 64;
        char *bytes = txe_realloc(vocab->bytes, capacity, 1);
        if (bytes == NULL)
            return txe_fail_nomem(err, capacity);
        vocab->bytes = bytes;
        vocab->bytes_capacity = capacity;
    }
    if (vocab->count == vocab->capacity) {
        size_t capacity = vocab->capacity + vocab->capacity / 2 + 16;
        struct txe_vocab_entry *entries =
            txe_realloc(vocab->entries, capacity, sizeof *entries);
        if (entries == NULL)
            return txe_fail_nomem(err, capacity * sizeof *entries);
        vocab->entries = entries;
        vocab->capacity = capacity;
    }
    return TXE_OK;
}

txe_status
txe_vocab_add(struct txe_vocab *vocab, const char *bytes, size_t nbytes, uint32_t id,
              bool replace, struct txe_error *err)
{
    if (id >= TXE_VOCAB_MAX_IDS)
        return txe_fail(err, TXE_EVALUE, "id %lu is too large: ids must be below %lu",
                        (unsigned long)id, (unsigned long)TXE_VOCAB_MAX_IDS);
    if (nbytes > UINT32_MAX)
        return txe_fail(err, TXE_EVALUE, "a token of %zu bytes is too long", nbytes);
    const struct txe_vocab_entry *other = txe_vocab_at(vocab, id);
    if (other != NULL)
        return txe_fail(err, TXE_EVALUE, "'%.*s' and '%.*s' have the same id %lu",
                        (int)TXE_MIN(other->nbytes, 80), txe_vocab_bytes(vocab, other),
                        (int)TXE_MIN(nbytes, 80), bytes, (unsigned long)id);
    if (2 * (vocab->count + 1) > vocab->nslots && grow_slots(vocab, err) != TXE_OK)
        return err->status;
    size_t slot = find_slot(vocab, bytes, nbytes);
    if (vocab->slots[slot] != 0 && !replace)
        return txe_fail(err, TXE_EVALUE, "'%.*s' is there twice",
                        (int)TXE_MIN(nbytes, 80), bytes);
    if (grow_storage(vocab, nbytes, err) != TXE_OK)
        return err->status;
    if (nbytes != 0)
        memcpy(vocab->bytes + vocab->nbytes, bytes, nbytes);
    size_t id_slot = find_id_slot(vocab, id);
    vocab->entries[vocab->count] =
        (struct txe_vocab_entry){vocab->nbytes, (uint32_t)nbytes, id};
    vocab->nbytes += nbytes;
    vocab->count++;
    vocab->slots[slot] = vocab->by_id[id_slot] = (uint32_t)vocab->count;
    return TXE_OK;
}

const struct txe_vocab_entry *
txe_vocab_find(const struct txe_vocab *vocab, const char *bytes, size_t nbytes)
{
    if (vocab->nslots == 0)
        return NULL;
    uint32_t found = vocab->slots[find_slot(vocab, bytes, nbytes)];
    return found != 0 ? &vocab->entries[found - 1] : NULL;
}

const struct txe_vocab_entry *
txe_vocab_at(const struct txe_vocab *vocab, uint32_t id)
{
    if (vocab->nslots == 0)
        return NULL;
    uint32_t found = vocab->by_id[find_id_slot(vocab, id)];
    return found != 0 ? &vocab->entries[found - 1] : NULL;
}

void
txe_vocab_free(struct txe_vocab *vocab)
{
    free(vocab->bytes);
    free(vocab->entries);
    free(vocab->slots);
    free(vocab->by_id);
    memset(vocab, 0, sizeof *vocab);
}
