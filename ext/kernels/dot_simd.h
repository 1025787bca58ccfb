/* Steps of the matrix products over the vectors of vec_<isa>.h and dot_<isa>.h: see
 * tile_impl.h, whose terms these are.  The latter includes this. */
#ifndef TXE_KERNELS_DOT_SIMD_H
#define TXE_KERNELS_DOT_SIMD_H

#include "kernels/dot_f32.h"

/* The 32 bits at p, in every lane. */
static inline vi
repeat_bits(const void *p)
{
    int32_t x;
    memcpy(&x, p, sizeof x);
    return vi_set(x);
}

/* ---- bfloat16 ---- */

typedef vf bf16_sum;

static inline bf16_sum
bf16_zero(void)
{
    return v_set(0.0f);
}

#ifdef DOT_BF16

typedef vi bf16_row;
typedef vi bf16_column;

static inline bf16_row
bf16_load_row(const void *p)
{
    return repeat_bits(p);
}

static inline bf16_column
bf16_load_column(const void *p)
{
    return vi_load(p);
}

static inline bf16_sum
bf16_dot(bf16_sum sum, bf16_row x, bf16_column w)
{
    return vi_dot_bf16(sum, x, w);
}

#else

/* Two bfloat16 as two floats. */
typedef struct {
    vf first, second;
} bf16_pair;
typedef bf16_pair bf16_row;
typedef bf16_pair bf16_column;

static inline bf16_pair
widen_pair(vi bits)
{
    vi second = vi_and(bits, vi_set((int32_t)0xFFFF0000u));
    return (bf16_pair){vi_as_floats(vi_left_32(bits, 16)), vi_as_floats(second)};
}

static inline bf16_row
bf16_load_row(const void *p)
{
    return widen_pair(repeat_bits(p));
}

static inline bf16_column
bf16_load_column(const void *p)
{
    return widen_pair(vi_load(p));
}

/* In the order of VDPBF16PS. */
static inline bf16_sum
bf16_dot(bf16_sum sum, bf16_row x, bf16_column w)
{
    sum = v_fma(x.second, w.second, sum);
    return v_fma(x.first, w.first, sum);
}

#endif

/* ---- int8 ---- */

/* Not vi: an array of those gcc keeps in memory. */
typedef int s8_sum __attribute__((vector_size(4 * VW)));

static inline s8_sum
s8_zero(void)
{
    return (s8_sum)vi_set(0);
}

static inline vf
s8_value(s8_sum sum)
{
    return vi_to_floats((vi)sum);
}

#ifdef DOT_VNNI

typedef vi s8_row;
typedef vi s8_column;

static inline s8_row
s8_load_row(const void *p)
{
    return repeat_bits(p);
}

static inline s8_column
s8_load_column(const void *p)
{
    return vi_load(p);
}

static inline s8_sum
s8_dot(s8_sum sum, s8_row x, s8_column w)
{
    return (s8_sum)vi_dot_bytes((vi)sum, x, w);
}

#else

/* Bytes 0 and 2, 1 and 3 of four, as 16 bits each: the products of VPMADDUBSW, which
 * would take the bytes themselves, saturate. */
typedef struct {
    vi even, odd;
} s8_halves;
typedef s8_halves s8_row;
typedef s8_halves s8_column;

static inline s8_row
s8_load_row(const void *p)
{
    vi bits = repeat_bits(p);
    return (s8_row){vi_and(bits, vi_set(0x00FF00FF)), vi_right_16(bits, 8)};
}

static inline s8_column
s8_load_column(const void *p)
{
    vi bits = vi_load(p);
    return (s8_column){vi_signed_right_16(vi_left_16(bits, 8), 8),
                       vi_signed_right_16(bits, 8)};
}

static inline s8_sum
s8_dot(s8_sum sum, s8_row x, s8_column w)
{
    sum += (s8_sum)vi_madd(x.even, w.even);
    return sum + (s8_sum)vi_madd(x.odd, w.odd);
}

#endif

#endif
