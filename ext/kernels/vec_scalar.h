/* The vector type of ops_impl.h in plain C: one float.  Compilers may vectorise the
 * loops over it for the baseline they are given. */
#ifndef TXE_KERNELS_VEC_SCALAR_H
#define TXE_KERNELS_VEC_SCALAR_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float vf;
typedef uint32_t vm; /* all bits or none: selections without a branch vectorise */

#define VW 1   /* elements of a vf */
#define ACCS 8 /* accumulators of a sum or maximum */

static inline uint32_t
bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float
float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline vf
v_set(float x)
{
    return x;
}

static inline vf
v_load(const float *p)
{
    return *p;
}

static inline void
v_store(float *p, vf v)
{
    *p = v;
}

/* The first n < VW elements, the others 0: never called for a width of 1. */
static inline vf
v_load_n(const float *p, size_t n)
{
    return n != 0 ? *p : 0.0f;
}

static inline void
v_store_n(float *p, size_t n, vf v)
{
    if (n != 0)
        *p = v;
}

/* The first n elements of v, then those of other. */
static inline vf
v_keep_n(vf v, size_t n, vf other)
{
    return n != 0 ? v : other;
}

static inline vf
v_add(vf a, vf b)
{
    return a + b;
}

static inline vf
v_sub(vf a, vf b)
{
    return a - b;
}

static inline vf
v_mul(vf a, vf b)
{
    return a * b;
}

static inline vf
v_div(vf a, vf b)
{
    return a / b;
}

/* a b + c, rounded once where the machine has such an instruction. */
static inline vf
v_fma(vf a, vf b, vf c)
{
#ifdef FP_FAST_FMAF
    return fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

static inline vf
v_sqrt(vf a)
{
    return sqrtf(a);
}

static inline vf
v_abs(vf a)
{
    return fabsf(a);
}

static inline vm
v_greater(vf a, vf b)
{
    return (vm)0 - (vm)(a > b);
}

static inline vf
v_select(vm mask, vf yes, vf no)
{
    return float_of((bits_of(yes) & mask) | (bits_of(no) & ~mask));
}

/* b where a comparison with NaN is false: v_max(constant, x) keeps a NaN in x. */
static inline vf
v_max(vf a, vf b)
{
    return v_select(v_greater(a, b), a, b);
}

static inline vf
v_min(vf a, vf b)
{
    return v_select(v_greater(b, a), a, b);
}

/* 1.5 * 2^23: added to a small float it leaves the nearest integer in the low bits. */
#define ROUNDER 12582912.0f

/* The nearest integer, halves to even, for |a| < 2^22. */
static inline vf
v_round(vf a)
{
    return (a + ROUNDER) - ROUNDER;
}

/* a 2^n, rounded once, for integers |n| <= 252. */
static inline vf
v_scale2(vf a, vf n)
{
    /* In two steps, as 2^n itself may be no float.  Unsigned: n may be NaN. */
    uint32_t both = bits_of(n + ROUNDER) - bits_of(ROUNDER) + 256;
    uint32_t half = both >> 1;
    float low = float_of((half - 128 + 127) << 23);
    float high = float_of((both - half - 128 + 127) << 23);
    return a * low * high;
}

static inline float
v_sum(vf a)
{
    return a;
}

static inline float
v_largest(vf a)
{
    return a;
}

/* Floats from IEEE half bits.  Exact even where denormals are set to be flushed: a
 * denormal half is the difference of two normal floats. */
static inline vf
v_load_f16(const uint16_t *p)
{
    uint32_t sign = (uint32_t)(*p & 0x8000u) << 16;
    uint32_t magnitude = (uint32_t)(*p & 0x7FFFu) << 13;
    uint32_t normal = magnitude + ((127u - 15u) << 23);
    uint32_t tiny = bits_of(float_of(magnitude + (113u << 23)) - float_of(113u << 23));
    uint32_t special =
        magnitude | 0x7F800000u | (magnitude > (0x7C00u << 13) ? 0x00400000u : 0u);
    uint32_t bits = magnitude < (0x0400u << 13)    ? tiny
                    : magnitude >= (0x7C00u << 13) ? special
                                                   : normal;
    return float_of(sign | bits);
}

static inline vf
v_load_bf16(const uint16_t *p)
{
    uint32_t bits = (uint32_t)*p << 16;
    return float_of(bits | ((bits & 0x7FFFFFFFu) > 0x7F800000u ? 0x00400000u : 0u));
}

/* VW whole numbers without sign. */
static inline vf
v_load_u16(const uint16_t *p)
{
    return (float)*p;
}

/* Upper 16 bits: v as bfloat16, halves to even; NaN stays NaN. */
static inline uint32_t
round_to_bf16(vf v)
{
    uint32_t bits = bits_of(v);
    uint32_t rounded = bits + 0x7FFFu + (bits >> 16 & 1);
    bool nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    return nan ? bits | 0x00400000u : rounded;
}

/* VW bfloat16 of v. */
static inline void
v_store_bf16(uint16_t *p, vf v)
{
    *p = (uint16_t)(round_to_bf16(v) >> 16);
}

/* The same of two vectors, those of each lane side by side in 32 bits, the first lower.
 */
static inline void
v_store_bf16_pairs(uint32_t *p, vf low, vf high)
{
    *p = round_to_bf16(low) >> 16 | (round_to_bf16(high) & 0xFFFF0000u);
}

/* VW whole numbers from -128 to 255 as the low bytes of integers. */
static inline void
v_store_bytes(uint8_t *p, vf v)
{
    *p = (uint8_t)(int32_t)v;
}

/* y [VW, ldy] = the transpose of x [VW, ldx]. */
static inline void
v_transpose(uint32_t *y, size_t ldy, const uint32_t *x, size_t ldx)
{
    (void)ldy;
    (void)ldx;
    *y = *x;
}

/* table[16] at the low four bits of index. */
static inline vf
v_lookup(const float *table, vf index)
{
    return table[bits_of(index) & 15];
}

#endif
