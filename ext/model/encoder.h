/* The forward pass of one encoder, for all families: embeddings, layers, pooler, head.
 */
#ifndef TXE_MODEL_ENCODER_H
#define TXE_MODEL_ENCODER_H

#include "base/memory.h"
#include "model/batch.h"
#include "model/matrices.h"
#include "model/pooling.h"
#include "model/weights.h"

/* Everything a forward pass reads, shared by any number of threads; what they change in
 * it (packed matrices, spare memory) is safe to share.  The arrays that `weights`
 * points to belong to the caller. */
struct txe_encoder {
    struct txe_config config;
    struct txe_weights weights;
    struct txe_matrices matrices;
    const struct txe_kernels *kernels;
    /* Of the products: those of the embeddings' projection, the layers, and the head
     * that predicts tokens, and in part those of attention (in int8: bfloat16).  What
     * is computed row by row is float32, as are pooler and classifier. */
    txe_precision precision;
    bool plain; /* float32 matrices used where they lie, by OpenBLAS */
    struct txe_spare spare_plan, spare_rows;
};

/* Where the time of a pass goes, in order. */
struct txe_profile_entry {
    const char *name; /* of the operation; static storage */
    int layer;        /* the layer's number, or -1 outside */
    int64_t ns;
};
struct txe_profile {
    struct txe_profile_entry *entries; /* [room] */
    size_t room, count;                /* what does not fit is left out */
};

/* Entries that a profile of any pass fits into. */
size_t txe_profile_room(const struct txe_config *config,
                        const struct txe_inputs *inputs);

/* Where the results go; a NULL pointer means "not wanted".  Every array is the
 * caller's, C-contiguous, and zero-filled beforehand: rows of padding, which are not
 * computed, keep their zeros.  Where only some tokens are read, the last layer computes
 * those alone. */
struct txe_outputs {
    float *last_hidden; /* [B, S, C] */
    float *
        *hidden_states; /* [napplications + 1] of [B, S, C]; the last is last_hidden */
    float **attentions; /* [napplications] of [B, H, S, S], probabilities */
    float *pooled;      /* [B, C]; needs config.pooler */
    float *logits;      /* [B, S, V]; needs a head that predicts tokens */
    const bool *predicted; /* [B, S] or NULL: logits are [n, V] of the n positions where
                              it is true, in their order */
    float *scores;         /* [B, K], or [B, S, K] of every token; needs a classifier */
    float *embeddings;     /* [B, C]; what `pooling` makes of the last hidden states */
    txe_pooling pooling;
    const bool *pooled_tokens; /* [B, S] or NULL: the real tokens that are pooled */
    struct txe_profile *profile;
};

/* Runs the model.  Work is split over the thread pool.
 * Formulas (all post-LayerNorm; Devlin et al. 1810.04805, Liu et al. 1907.11692, Lan et
 * al. 1909.11942, Sanh et al. 1910.01108, Clark et al. 2003.10555):
 *   x = LN(word[id] + type[t] + position[p]),  DistilBERT without type[t];
 *   then x = x P^T + b in ALBERT, and in ELECTRA where its E and C differ;
 *   each layer: a = softmax(q k^T / sqrt D + mask) v, per head;
 *               x = LN(x + a O^T + b);  x = LN(x + act(x U^T + b) D^T + b);
 *   pooled = act(x[0] W^T + b), tanh but in DistilBERT (relu) and ELECTRA (gelu or as
 *   the configuration says);  logits = LN(act(x W^T + b)) decoder^T + b;
 *   scores = pooled W^T + b, or x W^T + b of every token, before which ELECTRA's
 *   detection of replaced tokens has x = act(x W^T + b).
 * With packed matrices every row of a result is the same bits whatever the rest of the
 * batch is and however many threads there are.
 * Errors: those of txe_plan_make, and TXE_ENOMEM.  Outputs are unspecified then. */
txe_status txe_encoder_forward(struct txe_encoder *encoder,
                               const struct txe_inputs *inputs,
                               const struct txe_outputs *outputs,
                               struct txe_error *err);

#endif
