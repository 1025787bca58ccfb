/* Words seen before: see word_cache.h. */
#include "text/word_cache.h"

#include "base/memory.h"
#include "text/hash.h"

enum { FIRST_BITS = 8, GROWTH_BITS = 2, LAST_BITS = 17 }; /* of the number of buckets */
enum { LONG_SLOTS = 1 << 15, LONG_PROBES = 4 };
enum { LONG_FIRST = 1 << 12, LONG_LAST = 1 << 20 }; /* of 4 bytes, all long words */

/* memory[at] has the word's bytes in its lower half, and how many ids there are in its
 * upper one; ids and bytes follow. */
struct txe_long_slot {
    uint32_t tag; /* of the word's hash; 0: free */
    uint32_t at;
};

/* Behind the last bucket are a few for the words of the last ones. */
static size_t
places_of(uint64_t mask)
{
    return (size_t)mask + TXE_WORD_PROBES;
}

static struct txe_word_bucket *
new_buckets(uint64_t mask)
{
    size_t nbytes = places_of(mask) * sizeof(struct txe_word_bucket);
    struct txe_word_bucket *buckets = txe_alloc_lines(nbytes);
    if (buckets != NULL)
        memset(buckets, 0, nbytes);
    return buckets;
}

bool
txe_word_cache_prepare(struct txe_word_cache *cache, txe_word_hash_fn hash)
{
    if (cache->buckets == NULL) {
        cache->mask = ((uint64_t)1 << FIRST_BITS) - 1;
        cache->buckets = new_buckets(cache->mask);
        cache->hash = hash;
    }
    return cache->buckets != NULL;
}

static bool
is_free(struct txe_word_key key)
{
    return key.high == 0; /* no word has no length */
}

static void
put_short(struct txe_word_cache *cache, struct txe_word_key key,
          const uint32_t ids[TXE_SHORT_IDS])
{
    struct txe_word_bucket *bucket = &cache->buckets[cache->hash(key) & cache->mask];
    size_t place = 0;
    while (place < 2 * TXE_WORD_PROBES && !is_free(bucket[place / 2].keys[place % 2]))
        place++;
    if (place < 2 * TXE_WORD_PROBES)
        cache->nwords++;
    else
        place = cache->nturns++ % (2 * TXE_WORD_PROBES);
    bucket[place / 2].keys[place % 2] = key;
    memcpy(bucket[place / 2].ids[place % 2], ids, sizeof bucket->ids[0]);
}

/* Goes over to more buckets once half the places are taken. */
static void
grow(struct txe_word_cache *cache)
{
    const uint64_t last = ((uint64_t)1 << LAST_BITS) - 1;
    if (cache->mask == last || cache->nwords <= cache->mask)
        return;
    struct txe_word_cache bigger = *cache;
    bigger.mask = TXE_MIN((cache->mask + 1) << GROWTH_BITS, last + 1) - 1;
    bigger.buckets = new_buckets(bigger.mask);
    if (bigger.buckets == NULL)
        return;
    bigger.nwords = 0;
    for (size_t i = 0; i < places_of(cache->mask); i++)
        for (size_t k = 0; k < 2; k++)
            if (!is_free(cache->buckets[i].keys[k]))
                put_short(&bigger, cache->buckets[i].keys[k], cache->buckets[i].ids[k]);
    free(cache->buckets);
    *cache = bigger;
}

static uint32_t
tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1;
}

const uint32_t *
txe_word_cache_find_long(const struct txe_word_cache *cache, const char *word,
                         size_t nbytes, size_t *count)
{
    const struct txe_long_words *longer = &cache->longer;
    if (longer->slots == NULL || nbytes > TXE_LONG_WORD)
        return NULL;
    uint64_t hash = txe_hash_bytes(word, nbytes, 0);
    const struct txe_long_slot *slot = &longer->slots[hash % LONG_SLOTS];
    for (int probe = 0; probe < LONG_PROBES && slot->tag != 0; probe++, slot++) {
        if (slot->tag != tag_of(hash))
            continue;
        const uint32_t *entry = &longer->memory[slot->at];
        *count = entry[0] >> 16;
        if ((entry[0] & UINT16_MAX) == nbytes &&
            memcmp(entry + 1 + *count, word, nbytes) == 0)
            return entry + 1;
    }
    return NULL;
}

/* Makes room for a word of so many units, if need be by forgetting all others. */
static bool
reserve_long(struct txe_long_words *longer, size_t nunits)
{
    if (longer->slots == NULL)
        longer->slots = txe_calloc(LONG_SLOTS + LONG_PROBES, sizeof *longer->slots);
    if (longer->slots == NULL)
        return false;
    if (longer->capacity - longer->used >= nunits)
        return true;
    if (longer->capacity == LONG_LAST) {
        memset(longer->slots, 0, (LONG_SLOTS + LONG_PROBES) * sizeof *longer->slots);
        longer->used = 0;
        return true;
    }
    size_t capacity = longer->capacity == 0 ? LONG_FIRST : 2 * longer->capacity;
    uint32_t *memory = txe_realloc(longer->memory, capacity, sizeof *memory);
    if (memory == NULL)
        return false;
    longer->memory = memory;
    longer->capacity = capacity;
    return true;
}

static void
put_long(struct txe_word_cache *cache, const char *word, size_t nbytes,
         const uint32_t *ids, size_t count)
{
    struct txe_long_words *longer = &cache->longer;
    size_t nunits = 1 + count + (nbytes + sizeof *ids - 1) / sizeof *ids;
    if (nbytes > TXE_LONG_WORD || count > TXE_LONG_WORD ||
        !reserve_long(longer, nunits))
        return;
    uint64_t hash = txe_hash_bytes(word, nbytes, 0);
    struct txe_long_slot *slot = &longer->slots[hash % LONG_SLOTS];
    for (int probe = 1; probe < LONG_PROBES && slot->tag != 0; probe++)
        slot++;
    *slot = (struct txe_long_slot){tag_of(hash), (uint32_t)longer->used};
    uint32_t *entry = &longer->memory[longer->used];
    entry[0] = (uint32_t)nbytes | (uint32_t)count << 16;
    memcpy(entry + 1, ids, count * sizeof *ids);
    memcpy(entry + 1 + count, word, nbytes);
    longer->used += nunits;
}

void
txe_word_cache_put(struct txe_word_cache *cache, const char *word, size_t nbytes,
                   const uint32_t *ids, size_t count)
{
    if (nbytes > TXE_SHORT_WORD || count > TXE_SHORT_IDS) {
        put_long(cache, word, nbytes, ids, count);
        return;
    }
    uint32_t packed[TXE_SHORT_IDS] = {0};
    memcpy(packed, ids, count * sizeof *ids);
    packed[0] |= (uint32_t)count << TXE_WORD_ID_BITS;
    char padded[16] = {0};
    memcpy(padded, word, nbytes);
    grow(cache);
    put_short(cache, txe_word_key(padded, nbytes), packed);
}

void
txe_word_cache_free(struct txe_word_cache *cache)
{
    free(cache->buckets);
    free(cache->longer.slots);
    free(cache->longer.memory);
    memset(cache, 0, sizeof *cache);
}
