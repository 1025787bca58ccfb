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

/* A seed from the address of something that the table allocated. */
static inline uint64_t
txe_hash_seed(const void *address)
{
    return txe_hash_mix((uint64_t)(uintptr_t)address);
}

static inline uint64_t
txe_hash_load8(const char *bytes)
{
    uint64_t block;
    memcpy(&block, bytes, 8);
    return block;
}

/* The last 1 to 8 of nbytes > 0 bytes, in whole loads: they may overlap what was hashed
 * before, and each other. */
static inline uint64_t
txe_hash_tail(const char *bytes, size_t nbytes)
{
    if (nbytes >= 8)
        return txe_hash_load8(bytes + nbytes - 8);
    if (nbytes >= 4) {
        uint32_t low, high;
        memcpy(&low, bytes, 4);
        memcpy(&high, bytes + nbytes - 4, 4);
        return low | (uint64_t)high << 32;
    }
    return (uint64_t)(unsigned char)bytes[0] |
           (uint64_t)(unsigned char)bytes[nbytes / 2] << 8 |
           (uint64_t)(unsigned char)bytes[nbytes - 1] << 16;
}

static inline uint64_t
txe_hash_bytes(const char *bytes, size_t nbytes, uint64_t seed)
{
    uint64_t h = seed ^ ((uint64_t)nbytes * UINT64_C(0x9E3779B97F4A7C15));
    for (size_t i = 0; i + 8 < nbytes; i += 8)
        h = txe_hash_mix(h ^ txe_hash_load8(bytes + i));
    if (nbytes != 0)
        h ^= txe_hash_tail(bytes, nbytes);
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
