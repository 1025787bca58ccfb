/* Self-attention over the packed rows of a batch. */
#ifndef TXE_MODEL_ATTENTION_H
#define TXE_MODEL_ATTENTION_H

#include "model/batch.h"

/* Floats of scratch that txe_attention needs for `nworkers` threads. */
size_t txe_attention_scratch(const struct txe_plan *plan, size_t nworkers);

/* out = softmax(q k^T / sqrt D + bias) v for every head of every sequence.
 * qkv [T, 3C]: query, key and value side by side; out [T, C]; scratch as above, no
 * overlap.  If `results_only`, queries are the plan's results alone: the first N rows
 * of qkv hold them, beside the keys and values of other tokens, and out is [N, C]; then
 * there must be neither probs nor a bias.  Scores exist only in blocks of rows, never S
 * x S, unless `probs` (zeroed [B, H, S, S], or NULL) asks for the probabilities: rows
 * and columns of padding stay 0. inputs->bias as in batch.h.  Splits the work over the
 * thread pool by sequence, head and block of rows.  Cannot fail. */
void txe_attention(float *out, const float *qkv, float *probs, float *scratch,
                   size_t nworkers, bool results_only, const struct txe_plan *plan,
                   const struct txe_inputs *inputs, const struct txe_config *config,
                   const struct txe_kernels *kernels);

#endif
