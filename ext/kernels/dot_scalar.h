/* Steps of the matrix products in plain C: see tile_impl.h, whose terms these are. */
#ifndef TXE_KERNELS_DOT_SCALAR_H
#define TXE_KERNELS_DOT_SCALAR_H

#include "kernels/vec_scalar.h"

#include "kernels/dot_f32.h"

#define PANEL_VECTORS 8
#define F32_ROWS 4
#define BF16_ROWS 4
#define S8_ROWS 4

/* Two bfloat16, the first in the low half. */
typedef vf bf16_sum;
typedef uint32_t bf16_row;
typedef uint32_t bf16_column;

static inline bf16_sum
bf16_zero(void)
{
    return 0.0f;
}

static inline bf16_row
bf16_load_row(const void *p)
{
    uint16_t pair[2];
    memcpy(pair, p, sizeof pair);
    return (uint32_t)pair[1] << 16 | pair[0];
}

static inline bf16_column
bf16_load_column(const void *p)
{
    return bf16_load_row(p);
}

static inline bf16_sum
bf16_dot(bf16_sum sum, bf16_row x, bf16_column w)
{
    const uint32_t high = 0xFFFF0000u;
    sum = v_fma(float_of(x & high), float_of(w & high), sum);
    return v_fma(float_of(x << 16), float_of(w << 16), sum);
}

/* Four bytes: without sign in rows, with sign in columns. */
typedef int32_t s8_sum;
typedef struct {
    uint8_t byte[4];
} s8_row;
typedef struct {
    int8_t byte[4];
} s8_column;

static inline s8_sum
s8_zero(void)
{
    return 0;
}

static inline s8_row
s8_load_row(const void *p)
{
    s8_row x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline s8_column
s8_load_column(const void *p)
{
    s8_column w;
    memcpy(&w, p, sizeof w);
    return w;
}

static inline s8_sum
s8_dot(s8_sum sum, s8_row x, s8_column w)
{
    for (int i = 0; i < 4; i++)
        sum += x.byte[i] * w.byte[i];
    return sum;
}

static inline vf
s8_value(s8_sum sum)
{
    return (float)sum;
}

#endif
