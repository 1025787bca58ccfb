/* Hashing for the open-addressed tables of the tokenizers.
 *
 * Vocabularies come from files that anyone may have written, so every table has a seed
 * of its own (the address of something it allocated): keys that collide cannot be
 * prepared. */
#ifndef TXE_TEXT_HASH_H
#define TXE_TEXT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t
txe_hash_mix(uint64_t h)
{
    h ^= h >> 32;
    h *= UINT64_C(0xD6E8FEB86659FD93);
    h ^= h >> 32;
    h *= UINT64_C(0xD6E8FEB86659FD93);
    h ^= h >> 32;
    return h;
}

static inline uint64_t
txe_hash_bytes(const char *bytes, size_t nbytes, uint64_t seed)
{
    uint64_t h = seed ^ ((uint64_t)nbytes * UINT64_C(0x9E3779B97F4A7C15));
    uint64_t block;
    while (nbytes >= 8) {
        memcpy(&block, bytes, 8);
        h = txe_hash_mix(h ^ block);
        bytes += 8;
        nbytes -= 8;
    }
    if (nbytes != 0) {
        block = 0;
        memcpy(&block, bytes, nbytes);
        h ^= block;
    }
    return txe_hash_mix(h);
}

/* Smallest power of two that keeps `count` keys at most half full; at least 16. */
static inline size_t
txe_hash_slots(size_t count)
{
    size_t nslots = 16;
    while (nslots / 2 < count)
        nslots *= 2;
    return nslots;
}

#endif
