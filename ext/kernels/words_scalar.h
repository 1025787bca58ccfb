/* Vectors of integers for random numbers in plain C: VU lanes of 64 bits, here one,
 * each holding 32 bits that count and 32 above them that do not, unless stated. */
#ifndef TXE_KERNELS_WORDS_SCALAR_H
#define TXE_KERNELS_WORDS_SCALAR_H

#include <stdint.h>

typedef uint64_t vu;

#define VU 1 /* lanes */

static inline vu
vu_set(uint32_t x)
{
    return x;
}

/* first, first + 1, ... */
static inline vu
vu_count(uint32_t first)
{
    return first;
}

/* The products, of 64 bits. */
static inline vu
vu_multiply(vu a, vu b)
{
    return (a & UINT32_MAX) * (b & UINT32_MAX);
}

/* (a >> 32) ^ b ^ c, a of 64 bits */
static inline vu
vu_mix(vu a, vu b, vu c)
{
    return a >> 32 ^ b ^ c;
}

/* Eight half-words of each lane, lane by lane: the low and the high half of the lane's
 * a, of its b, c and d. */
static inline void
vu_store(uint16_t *p, vu a, vu b, vu c, vu d)
{
    const vu words[4] = {a, b, c, d};
    for (size_t i = 0; i < 4; i++) {
        p[2 * i] = (uint16_t)words[i];
        p[2 * i + 1] = (uint16_t)(words[i] >> 16);
    }
}

#endif
