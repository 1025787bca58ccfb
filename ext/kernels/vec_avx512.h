/* The vector type of ops_impl.h over AVX-512 (F, BW, CD, DQ, VL): meanings as in
 * vec_scalar.h.  Include it inside the target region, <immintrin.h> before it. */
#ifndef TXE_KERNELS_VEC_AVX512_H
#define TXE_KERNELS_VEC_AVX512_H

typedef __m512 vf;
typedef __mmask16 vm;

#define VW 16
#define ACCS 4

static inline vf
v_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline vf
v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void
v_store(float *p, vf v)
{
    _mm512_storeu_ps(p, v);
}

static inline vm
first_n(size_t n)
{
    return (vm)((1u << n) - 1);
}

static inline vf
v_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(first_n(n), p);
}

/* In pieces, as a masked store delays loads of what lies behind it. */
static inline void
v_store_n(float *p, size_t n, vf v)
{
    __m256 half = _mm512_castps512_ps256(v);
    if (n & 8) {
        _mm256_storeu_ps(p, half);
        half = _mm512_extractf32x8_ps(v, 1);
        p += 8;
    }
    __m128 part = _mm256_castps256_ps128(half);
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(half, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)(void *)p, part);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    if (n & 1)
        _mm_store_ss(p, part);
}

static inline vf
v_keep_n(vf v, size_t n, vf other)
{
    return _mm512_mask_blend_ps(first_n(n), other, v);
}

static inline vf
v_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}

static inline vf
v_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}

static inline vf
v_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

static inline vf
v_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}

static inline vf
v_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vf
v_sqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}

/* b where either is NaN, as in plain C. */
static inline vf
v_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

static inline vf
v_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

static inline vf
v_abs(vf a)
{
    return _mm512_abs_ps(a);
}

static inline vm
v_greater(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}

static inline vf
v_select(vm mask, vf yes, vf no)
{
    return _mm512_mask_blend_ps(mask, no, yes);
}

static inline vf
v_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline vf
v_scale2(vf a, vf n)
{
    return _mm512_scalef_ps(a, n);
}

static inline float
v_sum(vf a)
{
    return _mm512_reduce_add_ps(a);
}

static inline float
v_largest(vf a)
{
    return _mm512_reduce_max_ps(a);
}

static inline vf
v_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline vf
v_load_bf16(const uint16_t *p)
{
    __m512i low =
        _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p));
    __m512i bits = _mm512_slli_epi32(low, 16);
    vf v = _mm512_castsi512_ps(bits);
    vm nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    return _mm512_castsi512_ps(
        _mm512_mask_or_epi32(bits, nan, bits, _mm512_set1_epi32(0x00400000)));
}

static inline vf
v_load_u16(const uint16_t *p)
{
    return _mm512_cvtepi32_ps(
        _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p)));
}

static inline __m512i
round_to_bf16(vf v)
{
    __m512i bits = _mm512_castps_si512(v);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded =
        _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
    vm nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x00400000));
}

static inline void
v_store_bf16(uint16_t *p, vf v)
{
    _mm256_storeu_si256((__m256i *)(void *)p,
                        _mm512_cvtepi32_epi16(_mm512_srli_epi32(round_to_bf16(v), 16)));
}

static inline void
v_store_bf16_pairs(uint32_t *p, vf low, vf high)
{
    const __m512i upper = _mm512_set1_epi32((int32_t)0xFFFF0000u);
    __m512i pairs = _mm512_or_si512(_mm512_srli_epi32(round_to_bf16(low), 16),
                                    _mm512_and_si512(round_to_bf16(high), upper));
    _mm512_storeu_si512(p, pairs);
}

/* VW whole numbers from -128 to 255 as the low bytes of integers. */
static inline void
v_store_bytes(uint8_t *p, vf v)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)));
}

/* Pairs of rows, then fours within each 128 bits, then the 128 bits themselves. */
static inline void
v_transpose(uint32_t *y, size_t ldy, const uint32_t *x, size_t ldx)
{
    __m512i row[16], pair[16], quad[16];
    for (size_t i = 0; i < 16; i++)
        row[i] = _mm512_loadu_si512(x + i * ldx);
    for (size_t i = 0; i < 16; i += 2) {
        pair[i] = _mm512_unpacklo_epi32(row[i], row[i + 1]);
        pair[i + 1] = _mm512_unpackhi_epi32(row[i], row[i + 1]);
    }
    for (size_t i = 0; i < 16; i += 4)
        for (size_t j = 0; j < 2; j++) {
            quad[i + 2 * j] = _mm512_unpacklo_epi64(pair[i + j], pair[i + j + 2]);
            quad[i + 2 * j + 1] = _mm512_unpackhi_epi64(pair[i + j], pair[i + j + 2]);
        }
    for (size_t i = 0; i < 4; i++) {
        /* Columns i, i + 4, i + 8 and i + 12 of rows 0-3, 4-7, 8-11, 12-15. */
        __m512i a = _mm512_shuffle_i32x4(quad[i], quad[i + 4], 0x88);
        __m512i b = _mm512_shuffle_i32x4(quad[i], quad[i + 4], 0xDD);
        __m512i c = _mm512_shuffle_i32x4(quad[i + 8], quad[i + 12], 0x88);
        __m512i d = _mm512_shuffle_i32x4(quad[i + 8], quad[i + 12], 0xDD);
        _mm512_storeu_si512(y + i * ldy, _mm512_shuffle_i32x4(a, c, 0x88));
        _mm512_storeu_si512(y + (i + 8) * ldy, _mm512_shuffle_i32x4(a, c, 0xDD));
        _mm512_storeu_si512(y + (i + 4) * ldy, _mm512_shuffle_i32x4(b, d, 0x88));
        _mm512_storeu_si512(y + (i + 12) * ldy, _mm512_shuffle_i32x4(b, d, 0xDD));
    }
}

static inline vf
v_lookup(const float *table, vf index)
{
    return _mm512_permutexvar_ps(_mm512_castps_si512(index), _mm512_loadu_ps(table));
}

#endif
