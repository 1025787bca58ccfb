/* Word counts: see train_words.h. */
#include "text/train_words.h"

#include <string.h>

#include "base/common.h"
#include "text/hash.h"

/* The slot of the word, or the empty one where it belongs. */
static size_t
find_slot(const struct txe_word_counts *counts, const char *bytes, size_t nbytes,
          uint64_t hash)
{
    size_t mask = counts->nslots - 1;
    size_t slot = (size_t)hash & mask;
    for (; counts->slots[slot] != 0; slot = (slot + 1) & mask) {
        const struct txe_word_count *item = &counts->items[counts->slots[slot] - 1];
        if (item->hash == (uint32_t)(hash >> 32) && item->nbytes == nbytes &&
            memcmp(counts->bytes + item->start, bytes, nbytes) == 0)
            break;
    }
    return slot;
}

static txe_status
grow_slots(struct txe_word_counts *counts, struct txe_error *err)
{
    size_t nslots = counts->nslots != 0 ? 2 * counts->nslots : 64;
    uint32_t *slots = txe_calloc(nslots, sizeof *slots);
    if (slots == NULL)
        return txe_fail_nomem(err, (unsigned long long)nslots * sizeof *slots);
    if (counts->nslots == 0)
        counts->seed = txe_hash_mix((uint64_t)(uintptr_t)slots);
    for (size_t i = 0; i < counts->count; i++) {
        const struct txe_word_count *item = &counts->items[i];
        uint64_t hash =
            txe_hash_bytes(counts->bytes + item->start, item->nbytes, counts->seed);
        size_t slot = (size_t)hash & (nslots - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (nslots - 1);
        slots[slot] = (uint32_t)i + 1;
    }
    free(counts->slots);
    counts->slots = slots;
    counts->nslots = nslots;
    return TXE_OK;
}

static txe_status
grow_storage(struct txe_word_counts *counts, size_t nbytes, struct txe_error *err)
{
    if (nbytes > counts->bytes_capacity - counts->nbytes) {
        size_t capacity = counts->nbytes + nbytes;
        capacity += capacity / 2 + 256;
        char *bytes = txe_realloc(counts->bytes, capacity, 1);
        if (bytes == NULL)
            return txe_fail_nomem(err, capacity);
        counts->bytes = bytes;
        counts->bytes_capacity = capacity;
    }
    if (counts->count == counts->capacity) {
        size_t capacity = counts->capacity + counts->capacity / 2 + 64;
        struct txe_word_count *items =
            txe_realloc(counts->items, capacity, sizeof *items);
        if (items == NULL)
            return txe_fail_nomem(err, (unsigned long long)capacity * sizeof *items);
        counts->items = items;
        counts->capacity = capacity;
    }
    return TXE_OK;
}

/* There must be an empty slot beside the one that the word may take. */
static txe_status
add_hashed(struct txe_word_counts *counts, const char *bytes, size_t nbytes,
           uint64_t hash, uint64_t times, struct txe_error *err)
{
    size_t slot = find_slot(counts, bytes, nbytes, hash);
    if (counts->slots[slot] != 0) {
        counts->items[counts->slots[slot] - 1].count += times;
        return TXE_OK;
    }
    TXE_TRY(grow_storage(counts, nbytes, err));
    if (nbytes != 0)
        memcpy(counts->bytes + counts->nbytes, bytes, nbytes);
    counts->items[counts->count++] = (struct txe_word_count){
        counts->nbytes, times, (uint32_t)nbytes, (uint32_t)(hash >> 32)};
    counts->nbytes += nbytes;
    counts->slots[slot] = (uint32_t)counts->count;
    return TXE_OK;
}

/* Makes room in the table for nwords more; checks their number. */
static txe_status
reserve_slots(struct txe_word_counts *counts, size_t nwords, struct txe_error *err)
{
    if (counts->count > UINT32_MAX - nwords)
        return txe_fail(err, TXE_EVALUE, "more than %lu distinct words",
                        (unsigned long)UINT32_MAX);
    while (2 * (counts->count + nwords) > counts->nslots)
        TXE_TRY(grow_slots(counts, err));
    return TXE_OK;
}

txe_status
txe_word_counts_add(struct txe_word_counts *counts, const char *bytes, size_t nbytes,
                    uint64_t times, struct txe_error *err)
{
    if (nbytes > UINT32_MAX)
        return txe_fail(err, TXE_EVALUE, "a word is longer than 4 GiB");
    TXE_TRY(reserve_slots(counts, 1, err));
    uint64_t hash = txe_hash_bytes(bytes, nbytes, counts->seed);
    return add_hashed(counts, bytes, nbytes, hash, times, err);
}

txe_status
txe_word_counts_add_each(struct txe_word_counts *counts, const struct txe_str *words,
                         size_t nwords, struct txe_error *err)
{
    uint64_t hashes[TXE_WORDS_AT_ONCE];
    TXE_TRY(reserve_slots(counts, nwords, err));
    size_t mask = counts->nslots - 1;
    for (size_t i = 0; i < nwords; i++) {
        hashes[i] = txe_hash_bytes(words[i].bytes, words[i].nbytes, counts->seed);
        __builtin_prefetch(&counts->slots[hashes[i] & mask]);
    }
    for (size_t i = 0; i < nwords; i++) {
        uint32_t item = counts->slots[hashes[i] & mask];
        if (item != 0)
            __builtin_prefetch(&counts->items[item - 1], 1);
    }
    for (size_t i = 0; i < nwords; i++) {
        uint32_t item = counts->slots[hashes[i] & mask];
        if (item != 0)
            __builtin_prefetch(counts->bytes + counts->items[item - 1].start);
    }
    for (size_t i = 0; i < nwords; i++)
        TXE_TRY(add_hashed(counts, words[i].bytes, words[i].nbytes, hashes[i], 1, err));
    return TXE_OK;
}

txe_status
txe_word_counts_merge(struct txe_word_counts *counts,
                      const struct txe_word_counts *from, struct txe_error *err)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct txe_word_count *item = &from->items[i];
        TXE_TRY(txe_word_counts_add(counts, from->bytes + item->start, item->nbytes,
                                    item->count, err));
    }
    return TXE_OK;
}

void
txe_word_counts_clear(struct txe_word_counts *counts)
{
    counts->nbytes = 0;
    counts->count = 0;
    if (counts->slots != NULL)
        memset(counts->slots, 0, counts->nslots * sizeof *counts->slots);
}

void
txe_word_counts_free(struct txe_word_counts *counts)
{
    free(counts->bytes);
    free(counts->items);
    free(counts->slots);
    *counts = (struct txe_word_counts){0};
}
