/* Steps of the matrix products in f32, over any vector type: see tile_impl.h, whose
 * terms these are. */
#ifndef TXE_KERNELS_DOT_F32_H
#define TXE_KERNELS_DOT_F32_H

typedef vf f32_sum;
typedef vf f32_row;
typedef vf f32_column;

static inline f32_sum
f32_zero(void)
{
    return v_set(0.0f);
}

static inline f32_row
f32_load_row(const void *p)
{
    float x;
    memcpy(&x, p, sizeof x);
    return v_set(x);
}

static inline f32_column
f32_load_column(const void *p)
{
    return v_load((const float *)p);
}

static inline f32_sum
f32_dot(f32_sum sum, f32_row x, f32_column w)
{
    return v_fma(x, w, sum);
}

#endif
