/* The weights of a model's linear layers as matrices for the kernels. */
#ifndef TXE_MODEL_MATRICES_H
#define TXE_MODEL_MATRICES_H

#include "kernels/matrix.h"
#include "model/weights.h"

struct txe_layer_matrices {
    struct txe_matrix qkv; /* [3C, C]: query, key and value side by side */
    struct txe_matrix output, up, down;
};

struct txe_matrices {
    struct txe_layer_matrices *layers; /* [nlayers] */
    size_t nlayers;
    struct txe_matrix projection, dense, decoder; /* dense and decoder of masked_lm */
    struct txe_matrix pooler, classifier;         /* always in float32 */
};

/* 255 * 127 times this is still an int32. */
#define TXE_MAX_INT8_WIDTH 66000

/* Matrices over the arrays of `weights`, which must have been filled; nothing is packed
 * yet.  TXE_EVALUE for int8 and a layer wider than the above, TXE_ENOMEM.  Free with
 * txe_matrices_free. */
txe_status txe_matrices_init(struct txe_matrices *matrices,
                             const struct txe_weights *weights,
                             const struct txe_config *config, txe_precision precision,
                             struct txe_error *err);
void txe_matrices_free(struct txe_matrices *matrices);

/* Packs everything that is not packed yet. */
txe_status txe_matrices_pack(struct txe_matrices *matrices,
                             const struct txe_kernels *kernels, struct txe_error *err);

#endif
