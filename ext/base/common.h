/* Small helpers shared by every layer: checked sizes, array length, bits. */
#ifndef TXE_BASE_COMMON_H
#define TXE_BASE_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define TXE_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define TXE_MIN(a, b) ((a) < (b) ? (a) : (b))
#define TXE_MAX(a, b) ((a) > (b) ? (a) : (b))

/* *out = a * b; false (and *out untouched) when that exceeds size_t. */
static inline bool
txe_mul_size(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

/* *out = a + b; false (and *out untouched) when that exceeds size_t. */
static inline bool
txe_add_size(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b)
        return false;
    *out = a + b;
    return true;
}

/* malloc(count * size), NULL on overflow too; never NULL for a zero size that fits.
 * Free with free(). */
static inline void *
txe_alloc(size_t count, size_t size)
{
    size_t nbytes;
    if (!txe_mul_size(count, size, &nbytes))
        return NULL;
    return malloc(nbytes != 0 ? nbytes : 1);
}

/* realloc(old, count * size), NULL on overflow too (old is then still valid). */
static inline void *
txe_realloc(void *old, size_t count, size_t size)
{
    size_t nbytes;
    if (!txe_mul_size(count, size, &nbytes))
        return NULL;
    return realloc(old, nbytes != 0 ? nbytes : 1);
}

/* Index of the lowest and of the highest bit that is set; bits must not be 0. */
static inline unsigned
txe_lowest_bit(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

static inline unsigned
txe_highest_bit(uint64_t bits)
{
    return 63 - (unsigned)__builtin_clzll(bits);
}

/* calloc that never returns NULL for a zero size. */
static inline void *
txe_calloc(size_t count, size_t size)
{
    return calloc(count != 0 ? count : 1, size != 0 ? size : 1);
}

/* The two halves of the 128-bit product a * b, one xor the other: mixes both well. */
static inline uint64_t
txe_fold(uint64_t a, uint64_t b)
{
#if defined(__SIZEOF_INT128__)
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t al = a & UINT32_MAX, ah = a >> 32, bl = b & UINT32_MAX, bh = b >> 32;
    uint64_t low = al * bl, cross = ah * bl + (low >> 32), other = al * bh;
    uint64_t middle = (cross & UINT32_MAX) + (other & UINT32_MAX);
    uint64_t high = ah * bh + (cross >> 32) + (other >> 32) + (middle >> 32);
    return (middle << 32 | (low & UINT32_MAX)) ^ high;
#endif
}

/* Asks for the cache line at `address`, which may be anything: to the nearest cache, or
 * to the one behind it, where more can be under way at once. */
#if defined(__GNUC__)
#define TXE_PREFETCH(address) __builtin_prefetch(address)
#define TXE_PREFETCH_FAR(address) __builtin_prefetch(address, 0, 2)
#else
#define TXE_PREFETCH(address) ((void)(address))
#define TXE_PREFETCH_FAR(address) ((void)(address))
#endif

/* The same of all lines from `data` on to the cache behind the nearest. */
static inline void
txe_prefetch_far(const void *data, size_t nbytes)
{
    for (size_t i = 0; i < nbytes; i += 64)
        TXE_PREFETCH_FAR((const char *)data + i);
}

#endif
