/* A bounded memory of words and the ids they became.
 *
 * Language repeats itself: nearly every word of a text has been seen before.  A cache
 * belongs to one thread at a time; what it holds never changes a result, so it may
 * forget: it grows up to a fixed size, and then a new word takes an old one's place.
 *
 * Words of up to TXE_SHORT_WORD bytes with up to TXE_SHORT_IDS ids lie in buckets of
 * one cache line, two to a bucket; longer ones one behind the other, with an index. */
#ifndef TXE_TEXT_WORD_CACHE_H
#define TXE_TEXT_WORD_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/common.h"

#define TXE_SHORT_WORD 15
#define TXE_SHORT_IDS 4
#define TXE_WORD_ID_BITS 27 /* ids are below 1 << 27 */
#define TXE_LONG_WORD 1000  /* bytes, and ids, of the longest that are remembered */

/* A short word: its bytes, zeros, and its length in the last byte. */
struct txe_word_key {
    uint64_t low, high;
};

struct txe_word_bucket {
    struct txe_word_key keys[2]; /* all zero: free; the second is not taken alone */
    /* Ids of each word; the first one also has how many there are, from bit
     * TXE_WORD_ID_BITS on. */
    uint32_t ids[2][TXE_SHORT_IDS];
};

/* Longer words, and what they became. */
struct txe_long_words {
    struct txe_long_slot *slots; /* word_cache.c */
    uint32_t *memory;
    size_t used, capacity; /* of memory */
};

/* Where a word belongs: a key's hash, of which the lower bits count.  A cache uses the
 * same one all the time. */
typedef uint64_t (*txe_word_hash_fn)(struct txe_word_key key);

/* Zero-initialise, then txe_word_cache_prepare; free with txe_word_cache_free. */
struct txe_word_cache {
    struct txe_word_bucket *buckets;
    uint64_t mask; /* hash & mask is a word's first bucket */
    size_t nwords; /* in the buckets */
    struct txe_long_words longer;
    size_t nturns; /* words so far that found no free place */
    txe_word_hash_fn hash;
};

/* n < 256 where the last of eight bytes in memory is. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define TXE_IN_LAST_BYTE(n) ((uint64_t)(n))
#else
#define TXE_IN_LAST_BYTE(n) ((uint64_t)(n) << 56)
#endif

/* Words of so many bytes and more may give this length instead. */
#define TXE_KEY_LENGTHS 64

/* The key of word[0, nbytes); of a word that is not short, a key that no short one has.
 * nbytes <= TXE_KEY_LENGTHS; 16 bytes must be readable. */
static inline struct txe_word_key
txe_word_key(const char *word, size_t nbytes)
{
    /* Masks of the bytes kept, from the end of the ones on: no branch on the length. */
#define ONES 255, 255, 255, 255, 255, 255, 255, 255
    static const uint8_t ones[TXE_KEY_LENGTHS + 16] = {ONES, ONES, ONES, ONES,
                                                       ONES, ONES, ONES, ONES};
#undef ONES
    struct txe_word_key key;
    uint64_t low, high;
    memcpy(&key.low, word, 8);
    memcpy(&key.high, word + 8, 8);
    memcpy(&low, ones + TXE_KEY_LENGTHS - nbytes, 8);
    memcpy(&high, ones + TXE_KEY_LENGTHS + 8 - nbytes, 8);
    key.low &= low;
    key.high = (key.high & high) | TXE_IN_LAST_BYTE(nbytes);
    return key;
}

static inline bool
txe_word_key_equal(struct txe_word_key a, struct txe_word_key b)
{
    return ((a.low ^ b.low) | (a.high ^ b.high)) == 0;
}

/* Gets the buckets ready; false when there is no memory. */
bool txe_word_cache_prepare(struct txe_word_cache *cache, txe_word_hash_fn hash);

/* A word goes into the first free place of its bucket or of the next ones. */
#define TXE_WORD_PROBES 4

/* Copies the ids of a short word to out, which has room for TXE_SHORT_IDS whatever
 * their number; returns how many there are, or -1 when the word is not known.  `bucket`
 * is the word's first. */
static inline int
txe_word_find(const struct txe_word_bucket *bucket, struct txe_word_key key,
              uint32_t out[TXE_SHORT_IDS])
{
    for (int probe = 0; probe < TXE_WORD_PROBES; probe++, bucket++) {
        bool first = txe_word_key_equal(bucket->keys[0], key);
        bool second = txe_word_key_equal(bucket->keys[1], key);
        if (first || second) {
            memcpy(out, bucket->ids[second], sizeof bucket->ids[0]);
            int count = (int)(out[0] >> TXE_WORD_ID_BITS);
            out[0] &= (UINT32_C(1) << TXE_WORD_ID_BITS) - 1;
            return count;
        }
        if (bucket->keys[1].high == 0)
            break;
    }
    return -1;
}

/* The ids of a word of any length that was too long for a bucket or had too many ids;
 * NULL when it is not known.  They are valid until the next put. */
const uint32_t *txe_word_cache_find_long(const struct txe_word_cache *cache,
                                         const char *word, size_t nbytes,
                                         size_t *count);

/* Remembers the ids of a word that is not there.  A word that does not fit, or for
 * which there is no memory, is forgotten at once. */
void txe_word_cache_put(struct txe_word_cache *cache, const char *word, size_t nbytes,
                        const uint32_t *ids, size_t count);

void txe_word_cache_free(struct txe_word_cache *cache);

#endif
