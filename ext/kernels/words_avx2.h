/* Vectors of integers for random numbers over AVX2: meanings as in words_scalar.h.
 * Include it inside the target region, <immintrin.h> before it. */
#ifndef TXE_KERNELS_WORDS_AVX2_H
#define TXE_KERNELS_WORDS_AVX2_H

typedef __m256i vu;

#define VU 4

static inline vu
vu_set(uint32_t x)
{
    return _mm256_set1_epi64x(x);
}

static inline vu
vu_count(uint32_t first)
{
    return _mm256_add_epi64(vu_set(first), _mm256_setr_epi64x(0, 1, 2, 3));
}

static inline vu
vu_multiply(vu a, vu b)
{
    return _mm256_mul_epu32(a, b);
}

static inline vu
vu_mix(vu a, vu b, vu c)
{
    return _mm256_xor_si256(_mm256_shuffle_epi32(a, 0xF5), _mm256_xor_si256(b, c));
}

static inline void
vu_store(uint16_t *p, vu a, vu b, vu c, vu d)
{
    vu first = _mm256_blend_epi32(a, _mm256_slli_epi64(b, 32), 0xAA);
    vu second = _mm256_blend_epi32(c, _mm256_slli_epi64(d, 32), 0xAA);
    vu even = _mm256_unpacklo_epi64(first, second);
    vu odd = _mm256_unpackhi_epi64(first, second);
    _mm256_storeu_si256((__m256i *)(void *)p,
                        _mm256_permute2x128_si256(even, odd, 0x20));
    _mm256_storeu_si256((__m256i *)(void *)(p + 16),
                        _mm256_permute2x128_si256(even, odd, 0x31));
}

#endif
