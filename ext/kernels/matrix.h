/* A layer's weights, as stored and as the kernels want them. */
#ifndef TXE_KERNELS_MATRIX_H
#define TXE_KERNELS_MATRIX_H

#include <stdatomic.h>

#include "kernels/kernels.h"

/* Weights laid out for the tiles of one table of kernels (struct txe_tile): panels of
 * panel_vectors vectors of columns or fewer, each [steps][columns] of 32 bits, columns
 * beyond N zero. */
struct txe_packed {
    txe_precision precision;
    size_t N, steps;
    size_t nvectors;          /* of the columns: ceil(N / lanes) */
    const uint32_t *panels;   /* vector v starts at v * steps * lanes */
    const float *bias;        /* [nvectors * lanes], zeros where there is none */
    const float *scale, *sum; /* of the columns, in int8 alone */
};

#define TXE_MAX_PARTS 3

/* Of any table: lanes, columns of a panel, elements of a tile. */
#define TXE_MAX_LANES 16
#define TXE_MAX_PANEL 48
#define TXE_MAX_TILE ((size_t)32 * TXE_MAX_PANEL)

/* y = x W^T + b with W [N, K] and b [N], or several such layers of the same input side
 * by side: `nparts` of N / nparts rows each.  The arrays are the caller's. */
struct txe_matrix {
    size_t N, K, nparts;
    const float *weight[TXE_MAX_PARTS]; /* [N / nparts, K] */
    const float *bias[TXE_MAX_PARTS];   /* [N / nparts], or NULL */
    txe_precision precision;
    _Atomic(struct txe_packed *) packed; /* NULL until it is first asked for */
};

/* *out = the packed weights, packed now if they were not, the work split over the
 * thread pool.  Pages of a mapped file under the weights are dropped then
 * (txe_pages_drop).  Any number of threads may ask at once.  TXE_ENOMEM.  Owned by the
 * matrix. */
txe_status txe_matrix_pack(const struct txe_packed **out, struct txe_matrix *matrix,
                           const struct txe_kernels *kernels, struct txe_error *err);

/* Frees what was packed; harmless on a zeroed matrix. */
void txe_matrix_free(struct txe_matrix *matrix);

/* A run of vectors of columns that a tile takes at once. */
struct txe_panel {
    size_t first, count;
};

/* How many panels `nvectors` make, and the i-th of them.  A last panel of one vector is
 * avoided where two panels of two are as good. */
size_t txe_panel_count(const struct txe_kernels *kernels, size_t nvectors);
struct txe_panel txe_panel_at(const struct txe_kernels *kernels, size_t nvectors,
                              size_t i);

/* Steps of 32 bits that K elements take. */
size_t txe_steps(txe_precision precision, size_t K);

#endif
