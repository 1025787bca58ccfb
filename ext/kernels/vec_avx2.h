/* The vector type of ops_impl.h over AVX2, FMA and F16C: meanings as in vec_scalar.h.
 * Include it inside the target region, <immintrin.h> before it. */
#ifndef TXE_KERNELS_VEC_AVX2_H
#define TXE_KERNELS_VEC_AVX2_H

typedef __m256 vf;
typedef __m256 vm;

#define VW 8
#define ACCS 4

static inline vf
v_set(float x)
{
    return _mm256_set1_ps(x);
}

static inline vf
v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void
v_store(float *p, vf v)
{
    _mm256_storeu_ps(p, v);
}

/* All bits of the first n elements. */
static inline __m256i
first_n(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vf
v_load_n(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, first_n(n));
}

/* In pieces, as a masked store is slow and delays loads of what lies behind it. */
static inline void
v_store_n(float *p, size_t n, vf v)
{
    __m128 part = _mm256_castps256_ps128(v);
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(v, 1);
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
    return _mm256_blendv_ps(other, v, _mm256_castsi256_ps(first_n(n)));
}

static inline vf
v_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}

static inline vf
v_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}

static inline vf
v_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}

static inline vf
v_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}

static inline vf
v_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vf
v_sqrt(vf a)
{
    return _mm256_sqrt_ps(a);
}

/* b where either is NaN, as in plain C. */
static inline vf
v_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

static inline vf
v_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

static inline vf
v_abs(vf a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

static inline vm
v_greater(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_GT_OQ);
}

static inline vf
v_select(vm mask, vf yes, vf no)
{
    return _mm256_blendv_ps(no, yes, mask);
}

static inline vf
v_round(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* 2^n for integers -126 <= n <= 127. */
static inline vf
power_of_2(__m256i n)
{
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

static inline vf
v_scale2(vf a, vf n)
{
    __m256i both = _mm256_cvtps_epi32(n);
    __m256i half = _mm256_srai_epi32(both, 1);
    vf low = power_of_2(half);
    vf high = power_of_2(_mm256_sub_epi32(both, half));
    return _mm256_mul_ps(_mm256_mul_ps(a, low), high);
}

static inline float
v_sum(vf a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline float
v_largest(vf a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

static inline vf
v_load_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline vf
v_load_bf16(const uint16_t *p)
{
    __m256i low =
        _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
    vf v = _mm256_castsi256_ps(_mm256_slli_epi32(low, 16));
    vf quiet = _mm256_castsi256_ps(_mm256_set1_epi32(0x00400000));
    return _mm256_or_ps(v, _mm256_and_ps(_mm256_cmp_ps(v, v, _CMP_UNORD_Q), quiet));
}

static inline vf
v_load_u16(const uint16_t *p)
{
    return _mm256_cvtepi32_ps(
        _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)));
}

/* The low halves of eight integers. */
static inline __m128i
low_halves(__m256i v)
{
    const __m256i halves =
        _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1, 0, 1,
                         4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1);
    v = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(v, halves), 0x08);
    return _mm256_castsi256_si128(v);
}

static inline __m256i
round_to_bf16(vf v)
{
    __m256i bits = _mm256_castps_si256(v);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded =
        _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
    vf quiet =
        _mm256_castsi256_ps(_mm256_or_si256(bits, _mm256_set1_epi32(0x00400000)));
    vf nan = _mm256_cmp_ps(v, v, _CMP_UNORD_Q);
    return _mm256_castps_si256(
        _mm256_blendv_ps(_mm256_castsi256_ps(rounded), quiet, nan));
}

static inline void
v_store_bf16(uint16_t *p, vf v)
{
    _mm_storeu_si128((__m128i *)(void *)p,
                     low_halves(_mm256_srli_epi32(round_to_bf16(v), 16)));
}

static inline void
v_store_bf16_pairs(uint32_t *p, vf low, vf high)
{
    const __m256i upper = _mm256_set1_epi32((int32_t)0xFFFF0000u);
    __m256i pairs = _mm256_or_si256(_mm256_srli_epi32(round_to_bf16(low), 16),
                                    _mm256_and_si256(round_to_bf16(high), upper));
    _mm256_storeu_si256((__m256i *)(void *)p, pairs);
}

static inline void
v_store_bytes(uint8_t *p, vf v)
{
    __m128i bytes = low_halves(_mm256_cvtps_epi32(v));
    bytes = _mm_and_si128(bytes, _mm_set1_epi16(0xFF));
    _mm_storel_epi64((__m128i *)(void *)p, _mm_packus_epi16(bytes, bytes));
}

static inline void
v_transpose(uint32_t *y, size_t ldy, const uint32_t *x, size_t ldx)
{
    __m256 row[8], pair[8], quad[8];
    for (size_t i = 0; i < 8; i++)
        row[i] = _mm256_loadu_ps((const float *)(const void *)(x + i * ldx));
    for (size_t i = 0; i < 8; i += 2) {
        pair[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
        pair[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
    }
    for (size_t i = 0; i < 8; i += 4)
        for (size_t j = 0; j < 2; j++) {
            quad[i + 2 * j] = _mm256_shuffle_ps(pair[i + j], pair[i + j + 2], 0x44);
            quad[i + 2 * j + 1] = _mm256_shuffle_ps(pair[i + j], pair[i + j + 2], 0xEE);
        }
    for (size_t i = 0; i < 4; i++) {
        __m256 low = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x20);
        __m256 high = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x31);
        _mm256_storeu_ps((float *)(void *)(y + i * ldy), low);
        _mm256_storeu_ps((float *)(void *)(y + (i + 4) * ldy), high);
    }
}

static inline vf
v_lookup(const float *table, vf index)
{
    __m256i bits = _mm256_castps_si256(index);
    vf low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), bits);
    vf high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), bits);
    return _mm256_blendv_ps(low, high,
                            _mm256_castsi256_ps(_mm256_slli_epi32(bits, 28)));
}

#endif
