/* Strings to ids and back: see vocab.h. */
#include "text/vocab.h"

#include <string.h>

#include "base/common.h"
#include "text/hash.h"

static uint32_t
hash_of(const struct txe_vocab *vocab, const char *bytes, size_t nbytes)
{
    return (uint32_t)txe_hash_bytes(bytes, nbytes, vocab->seed);
}

static size_t
find_slot(const struct txe_vocab *vocab, const char *bytes, size_t nbytes,
          uint32_t hash)
{
    size_t mask = vocab->nslots - 1;
    size_t slot = hash & mask;
    for (; vocab->slots[slot].entry != 0; slot = (slot + 1) & mask) {
        if (vocab->slots[slot].hash != hash)
            continue;
        const struct txe_vocab_entry *entry =
            &vocab->entries[vocab->slots[slot].entry - 1];
        if (entry->nbytes == nbytes &&
            memcmp(vocab->bytes + entry->start, bytes, nbytes) == 0)
            break;
    }
    return slot;
}

/* Where the entry with an id is noted; NULL when it is far and no such id is there. */
static uint32_t *
find_id(const struct txe_vocab *vocab, uint32_t id)
{
    if (id < vocab->nby_id)
        return &vocab->by_id[id];
    if (vocab->far == NULL)
        return NULL;
    size_t mask = vocab->nslots - 1;
    size_t slot = (size_t)txe_hash_mix(vocab->seed ^ id) & mask;
    while (vocab->far[slot] != 0 && vocab->entries[vocab->far[slot] - 1].id != id)
        slot = (slot + 1) & mask;
    return &vocab->far[slot];
}

/* Notes entry `i` in the tables; there is room, and `slot` is the string's. */
static void
note(struct txe_vocab *vocab, size_t i, size_t slot, uint32_t hash)
{
    vocab->slots[slot] = (struct txe_vocab_slot){hash, (uint32_t)i + 1};
    *find_id(vocab, vocab->entries[i].id) = (uint32_t)i + 1;
}

/* New tables for `capacity` entries: ids up to twice that number have a place each, a
 * file may have others few and far apart. */
static txe_status
grow_tables(struct txe_vocab *vocab, size_t capacity, struct txe_error *err)
{
    struct txe_vocab bigger = *vocab;
    bool any_far = false;
    bigger.nby_id = 2 * capacity;
    for (size_t i = 0; i < vocab->count; i++)
        any_far |= vocab->entries[i].id >= bigger.nby_id;
    bigger.nslots = txe_hash_slots(capacity);
    bigger.slots = txe_calloc(bigger.nslots, sizeof *bigger.slots);
    bigger.by_id = txe_calloc(bigger.nby_id, sizeof *bigger.by_id);
    bigger.far = any_far ? txe_calloc(bigger.nslots, sizeof *bigger.far) : NULL;
    if (bigger.slots == NULL || bigger.by_id == NULL ||
        (any_far && bigger.far == NULL)) {
        free(bigger.slots);
        free(bigger.by_id);
        free(bigger.far);
        return txe_fail_nomem(err, bigger.nslots * sizeof *bigger.slots);
    }
    if (vocab->seed == 0)
        bigger.seed = txe_hash_seed(bigger.slots) | 1;
    for (size_t i = 0; i < vocab->count; i++) {
        const struct txe_vocab_entry *entry = &vocab->entries[i];
        const char *bytes = txe_vocab_bytes(vocab, entry);
        uint32_t hash = hash_of(&bigger, bytes, entry->nbytes);
        /* Of a repeated string the last entry counts. */
        note(&bigger, i, find_slot(&bigger, bytes, entry->nbytes, hash), hash);
    }
    free(vocab->slots);
    free(vocab->by_id);
    free(vocab->far);
    *vocab = bigger;
    return TXE_OK;
}

static txe_status
grow_entries(struct txe_vocab *vocab, size_t capacity, struct txe_error *err)
{
    struct txe_vocab_entry *entries =
        txe_realloc(vocab->entries, capacity, sizeof *entries);
    if (entries == NULL)
        return txe_fail_nomem(err, capacity * sizeof *entries);
    vocab->entries = entries;
    if (grow_tables(vocab, capacity, err) != TXE_OK)
        return err->status;
    vocab->capacity = capacity;
    return TXE_OK;
}

static txe_status
grow_bytes(struct txe_vocab *vocab, size_t capacity, struct txe_error *err)
{
    char *bytes = txe_realloc(vocab->bytes, capacity, 1);
    if (bytes == NULL)
        return txe_fail_nomem(err, capacity);
    vocab->bytes = bytes;
    vocab->bytes_capacity = capacity;
    return TXE_OK;
}

txe_status
txe_vocab_reserve(struct txe_vocab *vocab, size_t count, size_t nbytes,
                  struct txe_error *err)
{
    if (count > TXE_VOCAB_MAX_IDS || nbytes > UINT32_MAX)
        return txe_fail(err, TXE_EVALUE, "%zu tokens of %zu bytes are too many", count,
                        nbytes);
    if (nbytes > vocab->bytes_capacity && grow_bytes(vocab, nbytes, err) != TXE_OK)
        return err->status;
    return count > vocab->capacity ? grow_entries(vocab, count, err) : TXE_OK;
}

/* Room for one more entry of nbytes, with this id. */
static txe_status
make_room(struct txe_vocab *vocab, size_t nbytes, uint32_t id, struct txe_error *err)
{
    size_t need = vocab->nbytes + nbytes;
    if (need > UINT32_MAX)
        return txe_fail(err, TXE_EVALUE, "the tokens are too long: %zu bytes in all",
                        need);
    if ((vocab->bytes == NULL || need > vocab->bytes_capacity) &&
        grow_bytes(vocab, need + need / 2 + 64, err) != TXE_OK)
        return err->status;
    if (vocab->count == vocab->capacity &&
        grow_entries(vocab, vocab->capacity + vocab->capacity / 2 + 16, err) != TXE_OK)
        return err->status;
    if (id >= vocab->nby_id && vocab->far == NULL) {
        vocab->far = txe_calloc(vocab->nslots, sizeof *vocab->far);
        if (vocab->far == NULL)
            return txe_fail_nomem(err, vocab->nslots * sizeof *vocab->far);
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
    if (make_room(vocab, nbytes, id, err) != TXE_OK)
        return err->status;
    const struct txe_vocab_entry *other = txe_vocab_at(vocab, id);
    if (other != NULL)
        return txe_fail(err, TXE_EVALUE, "'%.*s' and '%.*s' have the same id %lu",
                        (int)TXE_MIN(other->nbytes, 80), txe_vocab_bytes(vocab, other),
                        (int)TXE_MIN(nbytes, 80), bytes, (unsigned long)id);
    uint32_t hash = hash_of(vocab, bytes, nbytes);
    size_t slot = find_slot(vocab, bytes, nbytes, hash);
    if (vocab->slots[slot].entry != 0 && !replace)
        return txe_fail(err, TXE_EVALUE, "'%.*s' is there twice",
                        (int)TXE_MIN(nbytes, 80), bytes);
    if (nbytes != 0)
        memcpy(vocab->bytes + vocab->nbytes, bytes, nbytes);
    vocab->entries[vocab->count] =
        (struct txe_vocab_entry){(uint32_t)vocab->nbytes, (uint32_t)nbytes, id};
    note(vocab, vocab->count, slot, hash);
    vocab->nbytes += nbytes;
    vocab->longest = TXE_MAX(vocab->longest, nbytes);
    vocab->count++;
    return TXE_OK;
}

const struct txe_vocab_entry *
txe_vocab_find(const struct txe_vocab *vocab, const char *bytes, size_t nbytes)
{
    if (vocab->count == 0 || nbytes > vocab->longest)
        return NULL;
    size_t slot = find_slot(vocab, bytes, nbytes, hash_of(vocab, bytes, nbytes));
    uint32_t found = vocab->slots[slot].entry;
    return found != 0 ? &vocab->entries[found - 1] : NULL;
}

const struct txe_vocab_entry *
txe_vocab_at(const struct txe_vocab *vocab, uint32_t id)
{
    const uint32_t *found = find_id(vocab, id);
    return found != NULL && *found != 0 ? &vocab->entries[*found - 1] : NULL;
}

void
txe_vocab_free(struct txe_vocab *vocab)
{
    free(vocab->bytes);
    free(vocab->entries);
    free(vocab->slots);
    free(vocab->by_id);
    free(vocab->far);
    memset(vocab, 0, sizeof *vocab);
}
