/* Self-attention over the packed rows of a batch. */
#ifndef TXE_MODEL_ATTENTION_H
#define TXE_MODEL_ATTENTION_H

#include "model/batch.h"

/* out = softmax(q k^T / sqrt D + bias) v for every head of every sequence, in f32 or in
 * bfloat16 (products of bfloat16, softmax and sums in f32).  Strides count elements; D
 * must be even in bfloat16. */
struct txe_attention {
    const struct txe_plan *plan;
    const struct txe_inputs *inputs;
    const struct txe_config *config;
    const struct txe_kernels *kernels;
    txe_precision precision; /* of q, k and v: FLOAT32 or BFLOAT16 */
    const void *q;           /* [T, C], or [N, C] if results_only: rows ldq apart */
    const void *k, *v;       /* [T, C], rows ldkv apart */
    size_t ldq, ldkv;
    bool results_only; /* queries are the plan's results; then no probs and no bias */
    float *out;        /* as q, rows C apart */
    uint16_t *out16;   /* or, if not NULL, in bfloat16, as the precision must be then,
                          rows   ldo16 apart; then out is unused */
    size_t ldo16;
    float *probs; /* zeroed [B, H, S, S] or NULL: the probabilities; rows and columns of
                     padding stay 0 */
};

/* Bytes of scratch that a thread needs. */
size_t txe_attention_scratch(const struct txe_attention *attention);

/* Runs it on at most nworkers threads, by sequence and head and, where those are few,
 * by rows of queries; scratch: nworkers times the above, at a cache line.  Scores exist
 * only in blocks of rows, never S x S.  inputs->bias as in batch.h.  Every row is the
 * same bits whatever the rest of the batch is and however the work is split.  No
 * overlap.  Cannot fail. */
void txe_attention_run(const struct txe_attention *attention, void *scratch,
                       size_t nworkers);

#endif
