/* Steps of the matrix products over AVX2, FMA and, where DOT_VNNI is set, AVX-VNNI: see
 * tile_impl.h, whose terms these are.  Include it inside the target region, vec_avx2.h
 * before it. */
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

static inline __m256i
load_bits(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline __m256i
repeat_bits(const void *p)
{
    int32_t x;
    memcpy(&x, p, sizeof x);
    return _mm256_set1_epi32(x);
}

typedef vf f32_sum;
typedef vf f32_row;
typedef vf f32_column;

static inline f32_sum
f32_zero(void)
{
    return _mm256_setzero_ps();
}

static inline f32_row
f32_load_row(const void *p)
{
    return _mm256_broadcast_ss((const float *)p);
}

static inline f32_column
f32_load_column(const void *p)
{
    return _mm256_loadu_ps((const float *)p);
}

static inline f32_sum
f32_dot(f32_sum sum, f32_row x, f32_column w)
{
    return _mm256_fmadd_ps(x, w, sum);
}

/* Two bfloat16 as two floats. */
typedef struct {
    vf first, second;
} bf16_pair;
typedef vf bf16_sum;
typedef bf16_pair bf16_row;
typedef bf16_pair bf16_column;

static inline bf16_sum
bf16_zero(void)
{
    return _mm256_setzero_ps();
}

static inline bf16_pair
widen_pair(__m256i bits)
{
    __m256i second = _mm256_and_si256(bits, _mm256_set1_epi32((int)0xFFFF0000u));
    return (bf16_pair){_mm256_castsi256_ps(_mm256_slli_epi32(bits, 16)),
                       _mm256_castsi256_ps(second)};
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
    sum = _mm256_fmadd_ps(x.second, w.second, sum);
    return _mm256_fmadd_ps(x.first, w.first, sum);
}

/* Not __m256i: an array of those gcc keeps in memory. */
typedef int s8_sum __attribute__((vector_size(32)));

static inline s8_sum
s8_zero(void)
{
    return (s8_sum)_mm256_setzero_si256();
}

#ifdef DOT_VNNI

typedef __m256i s8_row;
typedef __m256i s8_column;

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
    return (s8_sum)_mm256_dpbusd_avx_epi32((__m256i)sum, x, w);
}

#else

/* Bytes 0 and 2, 1 and 3 of four, as 16 bits each: the products of VPMADDUBSW, which
 * would take the bytes themselves, saturate. */
typedef struct {
    __m256i even, odd;
} s8_halves;
typedef s8_halves s8_row;
typedef s8_halves s8_column;

static inline s8_row
s8_load_row(const void *p)
{
    __m256i bits = repeat_bits(p);
    return (s8_row){_mm256_and_si256(bits, _mm256_set1_epi32(0x00FF00FF)),
                    _mm256_srli_epi16(bits, 8)};
}

static inline s8_column
s8_load_column(const void *p)
{
    __m256i bits = load_bits(p);
    return (s8_column){_mm256_srai_epi16(_mm256_slli_epi16(bits, 8), 8),
                       _mm256_srai_epi16(bits, 8)};
}

static inline s8_sum
s8_dot(s8_sum sum, s8_row x, s8_column w)
{
    sum += (s8_sum)_mm256_madd_epi16(x.even, w.even);
    return sum + (s8_sum)_mm256_madd_epi16(x.odd, w.odd);
}

#endif

static inline vf
s8_value(s8_sum sum)
{
    return _mm256_cvtepi32_ps((__m256i)sum);
}

#endif
