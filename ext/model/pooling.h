/* One vector a sequence out of its tokens' vectors. */
#ifndef TXE_MODEL_POOLING_H
#define TXE_MODEL_POOLING_H

#include "model/batch.h"

/* Which vector stands for the n pooled tokens x_1 .. x_n of a sequence (the modes of
 * sentence-transformers; Reimers and Gurevych, arXiv 1908.10084). */
typedef enum {
    TXE_POOL_CLS,           /* x_1 */
    TXE_POOL_LAST,          /* x_n */
    TXE_POOL_MEAN,          /* sum x_i / n */
    TXE_POOL_MAX,           /* the largest of each column */
    TXE_POOL_MEAN_SQRT_LEN, /* sum x_i / sqrt n */
    TXE_POOL_WEIGHTED_MEAN, /* sum w_i x_i / sum w_i, w_i the token's number among the
                               sequence's real tokens, from 1 */
    TXE_NPOOLINGS
} txe_pooling;

/* Whether the mode reads a single token. */
bool txe_pooling_reads_one(txe_pooling mode);

/* Sets needed[B, S] where the mode reads a token.  `pooled` [B, S]: the tokens that
 * count, of those that are real; NULL: all. */
void txe_pooling_needs(bool *needed, txe_pooling mode, const struct txe_inputs *inputs,
                       const bool *pooled);

/* out[B, C] of the results x[N, C], which include all that txe_pooling_needs names.  A
 * sequence without a token that counts gives zeros.  Splits the work over the thread
 * pool by sequences.  No overlap; cannot fail. */
void txe_pool(float *out, const float *x, size_t C, txe_pooling mode,
              const struct txe_plan *plan, const bool *pooled, size_t nworkers);

#endif
