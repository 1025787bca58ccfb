/* Vectors of integers for random numbers over AVX-512 (F): meanings as in
 * words_scalar.h.  Include it inside the target region, <immintrin.h> before it. */
#ifndef TXE_KERNELS_WORDS_AVX512_H
#define TXE_KERNELS_WORDS_AVX512_H

typedef __m512i vu;

#define VU 8

static inline vu
vu_set(uint32_t x)
{
    return _mm512_set1_epi64(x);
}

static inline vu
vu_count(uint32_t first)
{
    return _mm512_add_epi64(vu_set(first), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vu
vu_multiply(vu a, vu b)
{
    return _mm512_mul_epu32(a, b);
}

static inline vu
vu_mix(vu a, vu b, vu c)
{
    return _mm512_ternarylogic_epi64(_mm512_shuffle_epi32(a, 0xF5), b, c,
                                     0x96); /* xor */
}

static inline void
vu_store(uint16_t *p, vu a, vu b, vu c, vu d)
{
    vu first = _mm512_mask_blend_epi32(0xAAAA, a, _mm512_slli_epi64(b, 32));
    vu second = _mm512_mask_blend_epi32(0xAAAA, c, _mm512_slli_epi64(d, 32));
    const vu low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const vu high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    _mm512_storeu_si512(p, _mm512_permutex2var_epi64(first, low, second));
    _mm512_storeu_si512(p + 32, _mm512_permutex2var_epi64(first, high, second));
}

#endif
