/* Steps of the matrix products over AVX-512 (F, BW, CD, DQ, VL) and, where DOT_VNNI and
 * DOT_BF16 are set, with VPDPBUSD and VDPBF16PS: see tile_impl.h, whose terms these
 * are. Include it inside the target region, vec_avx512.h before it. */
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

static inline __m512i
load_bits(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline __m512i
repeat_bits(const void *p)
{
    int32_t x;
    memcpy(&x, p, sizeof x);
    return _mm512_set1_epi32(x);
}

typedef vf f32_sum;
typedef vf f32_row;
typedef vf f32_column;

static inline f32_sum
f32_zero(void)
{
    return _mm512_setzero_ps();
}

static inline f32_row
f32_load_row(const void *p)
{
    return _mm512_set1_ps(*(const float *)p);
}

static inline f32_column
f32_load_column(const void *p)
{
    return _mm512_loadu_ps(p);
}

static inline f32_sum
f32_dot(f32_sum sum, f32_row x, f32_column w)
{
    return _mm512_fmadd_ps(x, w, sum);
}

typedef vf bf16_sum;

static inline bf16_sum
bf16_zero(void)
{
    return _mm512_setzero_ps();
}

#ifdef DOT_BF16

typedef __m512bh bf16_row;
typedef __m512bh bf16_column;

static inline bf16_row
bf16_load_row(const void *p)
{
    return (__m512bh)repeat_bits(p);
}

static inline bf16_column
bf16_load_column(const void *p)
{
    return (__m512bh)load_bits(p);
}

static inline bf16_sum
bf16_dot(bf16_sum sum, bf16_row x, bf16_column w)
{
    return _mm512_dpbf16_ps(sum, x, w);
}

#else

/* Two bfloat16 as two floats. */
typedef struct {
    vf first, second;
} bf16_pair;
typedef bf16_pair bf16_row;
typedef bf16_pair bf16_column;

static inline bf16_pair
widen_pair(__m512i bits)
{
    __m512i second = _mm512_and_si512(bits, _mm512_set1_epi32((int)0xFFFF0000u));
    return (bf16_pair){_mm512_castsi512_ps(_mm512_slli_epi32(bits, 16)),
                       _mm512_castsi512_ps(second)};
}

static inline bf16_row
bf16_load_row(const void *p)
{
    return widen_pair(repeat_bits(p));
}

static inline bf16_column
bf16_load_column(const void *p)
{
    return widen_pair(load_bits(p));
}

/* In the order of VDPBF16PS. */
static inline bf16_sum
bf16_dot(bf16_sum sum, bf16_row x, bf16_column w)
{
    sum = _mm512_fmadd_ps(x.second, w.second, sum);
    return _mm512_fmadd_ps(x.first, w.first, sum);
}

#endif

/* Not __m512i: an array of those gcc keeps in memory. */
typedef int s8_sum __attribute__((vector_size(64)));

static inline s8_sum
s8_zero(void)
{
    return (s8_sum)_mm512_setzero_si512();
}

#ifdef DOT_VNNI

typedef __m512i s8_row;
typedef __m512i s8_column;

static inline s8_row
s8_load_row(const void *p)
{
    return repeat_bits(p);
}

static inline s8_column
s8_load_column(const void *p)
{
    return load_bits(p);
}

static inline s8_sum
s8_dot(s8_sum sum, s8_row x, s8_column w)
{
    return (s8_sum)_mm512_dpbusd_epi32((__m512i)sum, x, w);
}

#else

/* Bytes 0 and 2, 1 and 3 of four, as 16 bits each: the products of VPMADDUBSW, which
 * would take the bytes themselves, saturate. */
typedef struct {
    __m512i even, odd;
} s8_halves;
typedef s8_halves s8_row;
typedef s8_halves s8_column;

static inline s8_row
s8_load_row(const void *p)
{
    __m512i bits = repeat_bits(p);
    return (s8_row){_mm512_and_si512(bits, _mm512_set1_epi32(0x00FF00FF)),
                    _mm512_srli_epi16(bits, 8)};
}

static inline s8_column
s8_load_column(const void *p)
{
    __m512i bits = load_bits(p);
    return (s8_column){_mm512_srai_epi16(_mm512_slli_epi16(bits, 8), 8),
                       _mm512_srai_epi16(bits, 8)};
}

static inline s8_sum
s8_dot(s8_sum sum, s8_row x, s8_column w)
{
    sum += (s8_sum)_mm512_madd_epi16(x.even, w.even);
    return sum + (s8_sum)_mm512_madd_epi16(x.odd, w.odd);
}

#endif

static inline vf
s8_value(s8_sum sum)
{
    return _mm512_cvtepi32_ps((__m512i)sum);
}

#endif
