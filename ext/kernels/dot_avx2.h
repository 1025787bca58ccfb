/* Vectors of integers and steps of the matrix products over AVX2, FMA and, where
 * DOT_VNNI is set, AVX-VNNI: see dot_simd.h.  Include it inside the target region,
 * vec_avx2.h before it. */
#ifndef TXE_KERNELS_DOT_AVX2_H
#define TXE_KERNELS_DOT_AVX2_H

#define PANEL_VECTORS 2
#define F32_ROWS 6
#define BF16_ROWS 4
#ifdef DOT_VNNI
#define S8_ROWS 6
#else
#define S8_ROWS 4
#endif

typedef __m256i vi;

static inline vi
vi_load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline vi
vi_set(int32_t x)
{
    return _mm256_set1_epi32(x);
}

static inline vi
vi_and(vi a, vi b)
{
    return _mm256_and_si256(a, b);
}

/* Every 32 bits to the left, and every 16 bits; to the right without sign and with. */
static inline vi
vi_left_32(vi a, int n)
{
    return _mm256_slli_epi32(a, n);
}

static inline vi
vi_left_16(vi a, int n)
{
    return _mm256_slli_epi16(a, n);
}

static inline vi
vi_right_16(vi a, int n)
{
    return _mm256_srli_epi16(a, n);
}

static inline vi
vi_signed_right_16(vi a, int n)
{
    return _mm256_srai_epi16(a, n);
}

static inline vf
vi_as_floats(vi a)
{
    return _mm256_castsi256_ps(a);
}

static inline vf
vi_to_floats(vi a)
{
    return _mm256_cvtepi32_ps(a);
}

/* Products of 16 bits with sign, two and two summed. */
static inline vi
vi_madd(vi a, vi b)
{
    return _mm256_madd_epi16(a, b);
}

#ifdef DOT_VNNI
/* sum + products of bytes, without sign and with, four and four summed. */
static inline vi
vi_dot_bytes(vi sum, vi x, vi w)
{
    return _mm256_dpbusd_avx_epi32(sum, x, w);
}
#endif

#include "kernels/dot_simd.h"

#endif
