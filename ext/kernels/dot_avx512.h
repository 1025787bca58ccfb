/* Vectors of integers and steps of the matrix products over AVX-512 (F, BW, CD, DQ, VL)
 * and, where DOT_VNNI and DOT_BF16 are set, with VPDPBUSD and VDPBF16PS: see
 * dot_simd.h. Include it inside the target region, vec_avx512.h before it. */
#ifndef TXE_KERNELS_DOT_AVX512_H
#define TXE_KERNELS_DOT_AVX512_H

#define PANEL_VECTORS 3
#define F32_ROWS 8
#ifdef DOT_BF16
#define BF16_ROWS 8
#else
#define BF16_ROWS 6
#endif
#ifdef DOT_VNNI
#define S8_ROWS 8
#else
#define S8_ROWS 6
#endif

typedef __m512i vi;

static inline vi
vi_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline vi
vi_set(int32_t x)
{
    return _mm512_set1_epi32(x);
}

static inline vi
vi_and(vi a, vi b)
{
    return _mm512_and_si512(a, b);
}

/* Every 32 bits to the left, and every 16 bits; to the right without sign and with. */
static inline vi
vi_left_32(vi a, int n)
{
    return _mm512_slli_epi32(a, n);
}

static inline vi
vi_left_16(vi a, int n)
{
    return _mm512_slli_epi16(a, n);
}

static inline vi
vi_right_16(vi a, int n)
{
    return _mm512_srli_epi16(a, n);
}

static inline vi
vi_signed_right_16(vi a, int n)
{
    return _mm512_srai_epi16(a, n);
}

static inline vf
vi_as_floats(vi a)
{
    return _mm512_castsi512_ps(a);
}

static inline vf
vi_to_floats(vi a)
{
    return _mm512_cvtepi32_ps(a);
}

/* Products of 16 bits with sign, two and two summed. */
static inline vi
vi_madd(vi a, vi b)
{
    return _mm512_madd_epi16(a, b);
}

#ifdef DOT_VNNI
/* sum + products of bytes, without sign and with, four and four summed. */
static inline vi
vi_dot_bytes(vi sum, vi x, vi w)
{
    return _mm512_dpbusd_epi32(sum, x, w);
}
#endif

#ifdef DOT_BF16
static inline vf
vi_dot_bf16(vf sum, vi x, vi w)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w);
}
#endif

#include "kernels/dot_simd.h"

#endif
