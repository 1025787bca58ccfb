/* Words seen before: see word_cache.h. */
#include "text/word_cache.h"

#include "base/memory.h"
#include "text/hash.h"

enum { FIRST_BITS = 8, GROWTH_BITS = 2, LAST_BITS = 17 }; /* of the number of buckets */
enum { LONG_COUNT = 1 << 13, LONG_PROBES = 4 };

struct txe_long_word {
    uint8_t nbytes, count; /* nbytes 0: free */
    char word[TXE_LONG_WORD];
    uint32_t ids[TXE_LONG_IDS];
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

/* The place of a long word, or else the one it should have: a free one, or the first.
 */
static struct txe_long_word *
long_place(const struct txe_word_cache *cache, const char *word, size_t nbytes)
{
    uint64_t hash = txe_hash_bytes(word, nbytes, 0);
    for (uint64_t probe = 0; probe < LONG_PROBES; probe++) {
        struct txe_long_word *place = &cache->long_words[(hash + probe) % LONG_COUNT];
        if (place->nbytes == 0 ||
            (place->nbytes == nbytes && memcmp(place->word, word, nbytes) == 0))
            return place;
    }
    return &cache->long_words[hash % LONG_COUNT];
}

const uint32_t *
txe_word_cache_find_long(const struct txe_word_cache *cache, const char *word,
                         size_t nbytes, size_t *count)
{
    if (cache->long_words == NULL || nbytes > TXE_LONG_WORD)
        return NULL;
    const struct txe_long_word *place = long_place(cache, word, nbytes);
    if (place->nbytes != nbytes || memcmp(place->word, word, nbytes) != 0)
        return NULL;
    *count = place->count;
    return place->ids;
}

static void
put_long(struct txe_word_cache *cache, const char *word, size_t nbytes,
         const uint32_t *ids, size_t count)
{
    if (nbytes > TXE_LONG_WORD || count > TXE_LONG_IDS)
        return;
    if (cache->long_words == NULL)
        cache->long_words = txe_calloc(LONG_COUNT, sizeof *cache->long_words);
    if (cache->long_words == NULL)
        return;
    struct txe_long_word *place = long_place(cache, word, nbytes);
    place->nbytes = (uint8_t)nbytes;
    place->count = (uint8_t)count;
    memcpy(place->word, word, nbytes);
    memcpy(place->ids, ids, count * sizeof *ids);
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
    free(cache->long_words);
    memset(cache, 0, sizeof *cache);
}
