/* Products of rows with a layer's weights, and what comes right after them. */
#ifndef TXE_KERNELS_GEMM_H
#define TXE_KERNELS_GEMM_H

#include "kernels/matrix.h"

/* Rows in the precision of a product, `stride` bytes apart, K padded with zeros to
 * whole steps (txe_steps); in int8 as kernels.quantize makes them, one scale and low a
 * row. */
struct txe_rows {
    const void *data;
    size_t stride;
    const float *scale, *low;
};

/* The same rows without the first `first`. */
static inline struct txe_rows
txe_rows_from(const struct txe_rows *rows, size_t first)
{
    return (struct txe_rows){
        .data = (const char *)rows->data + first * rows->stride,
        .stride = rows->stride,
        .scale = rows->scale != NULL ? rows->scale + first : NULL,
        .low = rows->low != NULL ? rows->low + first : NULL,
    };
}

/* y = act(x W^T + b), or y += x W^T + b, for `rows` rows x. */
struct txe_product {
    struct txe_rows x;
    size_t rows;
    size_t first, last; /* columns [first, last) of y; others may be written as well, up
                           to the panels' ends.  0, 0: all */
    float *y;           /* [rows], ldy apart: the result in f32 */
    size_t ldy;
    uint16_t *y16; /* or, if not NULL, in bfloat16, ldy16 apart; then y is not used */
    size_t ldy16;
    bool add; /* to what y holds; then act must be LINEAR, y16 NULL */
    txe_activation act;
    const float *act_params;
};

/* Runs it with packed weights: the tiles of their precision, work split over the thread
 * pool, by rows where there are many and by columns else.  Every element is the same
 * bits whatever the other rows are and however the work is split.  y must not overlap
 * x. Call it outside txe_parallel_for only.  Cannot fail. */
void txe_multiply(const struct txe_product *product, const struct txe_packed *weights,
                  const struct txe_kernels *kernels);

/* The same with weights where they lie, in f32, through OpenBLAS: `first` and `last`
 * must fall between the parts of the matrix, and y16 must be NULL. */
void txe_multiply_plain(const struct txe_product *product,
                        const struct txe_matrix *weights,
                        const struct txe_kernels *kernels);

/* What comes after a tile has run: the activation, in place; then, if y16 is not NULL,
 * the results in bfloat16, rows ldy16 apart. */
void txe_tile_finish(const struct txe_tile *tile, const struct txe_kernels *kernels,
                     txe_activation act, const float *act_params, uint16_t *y16,
                     size_t ldy16);

/* Threads worth having for a product of so many rows, columns and steps. */
size_t txe_product_threads(size_t rows, size_t columns, size_t steps);

/* Operations a second, multiplications and additions, that this thread reaches with
 * products in registers alone, the best of several runs in the given time. */
double txe_measure_peak(const struct txe_tiles *tiles, double seconds);

#endif
