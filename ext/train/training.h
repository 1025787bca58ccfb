/* Forward and backward pass of a model over one (micro-)batch, its gradients added up.
 *
 * Numbers are txe_real (float; double in the build that tests compile).  In bfloat16
 * the operands of the products in embeddings' projection, layers and vocabulary head
 * are bfloat16, rounded from the parameters at every use; sums, residual stream,
 * softmax, LayerNorm, losses, gradients and parameters stay txe_real. */
#ifndef TXE_TRAIN_TRAINING_H
#define TXE_TRAIN_TRAINING_H

#include "base/memory.h"
#include "kernels/training.h"
#include "model/batch.h"
#include "model/weights.h"

struct txe_training {
    struct txe_config config;
    struct txe_weights weights;   /* the parameters, the caller's arrays */
    struct txe_weights gradients; /* arrays of the same shapes that are added to; NULL
                                     for parameters that stay as they are */
    const struct txe_kernels *kernels;
    struct txe_training_kernels math;
    txe_precision precision; /* FLOAT32 or BFLOAT16 */
    bool checkpointing;      /* keep the layers' inputs alone, compute the rest again */
    struct txe_spare spare_plan, spare_rows;
};

/* Places that drop out, each with a rate from 0 to below 1. */
typedef enum {
    TXE_DROP_EMBEDDINGS, /* what the embeddings' LayerNorm gives */
    TXE_DROP_ATTENTION,  /* attention probabilities */
    TXE_DROP_ATTENTION_OUTPUT,
    TXE_DROP_FEED_FORWARD, /* its output; as above before the residual is added */
    TXE_DROP_HEAD_INPUT,   /* before the layer that stands before the classifier */
    TXE_DROP_HEAD_OUTPUT,  /* before the classifier */
    TXE_NDROPS
} txe_drop;

typedef enum {
    TXE_LOSS_CROSS_ENTROPY, /* labels are classes; ELECTRA's replaced tokens: 0 or 1 */
    TXE_LOSS_SQUARED_ERROR, /* values [B, K]: (score - value)^2 of each */
    TXE_LOSS_BINARY,        /* values [B, K]: entropy of sigmoid(score) against each */
    TXE_LOSS_GIVEN          /* by a function of the scores */
} txe_loss;

/* A negative label does not count. */
struct txe_targets {
    txe_loss loss;
    /* [B, S] of tokens; [B] of sequences; CHOICE: [B / choices]; ANSWER: [B, 2], start
     * and end.  PRETRAINING: of tokens, and sentence_labels [B]. */
    const int64_t *labels, *sentence_labels;
    const txe_real *values;
    size_t choices;     /* CHOICE: sequences that belong together */
    txe_real smoothing; /* of cross-entropies: share of the uniform distribution */
    /* Losses are sums; the gradient is that of scales[0] times the first sum and
     * scales[1] times the second (PRETRAINING: of sentences; ANSWER: of ends). */
    txe_real scales[2];
    /* GIVEN: called with `context` when the scores are written; sets *d_scores to their
     * gradient, of the same shape. */
    txe_status (*given)(void *context, const txe_real **d_scores,
                        struct txe_error *err);
    void *context;
};

struct txe_step_options {
    bool backward;            /* else losses alone */
    double rates[TXE_NDROPS]; /* of dropout */
    uint64_t seed, step;      /* dropout is a function of these, */
    uint64_t first_sample;    /* of the number of the sequence in the step, and of the
                                 place in it alone */
    /* Scores, if not NULL, zeroed: [B, K]; [B, S, K] of tokens; [B, S, V] of a head
     * that predicts tokens and [B, S, C] without a head (these two for GIVEN alone).
     * Rows that are not computed keep their zeros. */
    txe_real *scores;
    /* Called when the gradients of an application of a layer are complete, from the
     * last to the first; -1: those of the embeddings; napplications: those of the head,
     * but for the decoder's where that is tied to the embeddings.  NULL: nobody asks.
     */
    void (*ready)(void *context, long application);
    void *context;
};

struct txe_step_result {
    double losses[2];  /* sums, in nats */
    size_t counts[2];  /* labels (ANSWER: starts, ends) or values that count */
    size_t correct[2]; /* of them predicted right, where they are classes */
    size_t ntokens;    /* rows computed */
};

/* Runs one batch.  Work is split over the thread pool; results and gradients are the
 * same bits for any number of threads, with and without checkpointing, and whatever
 * padding inputs->mask leaves out.  Formulas of the forward pass as of
 * txe_encoder_forward; the padding row of the word table (of RoBERTa's position table
 * too) gets no gradient from look-ups. One caller at a time.  Memory is kept for the
 * next call.  TXE_EINDEX (an id or label outside its table, and where), TXE_EVALUE,
 * TXE_ENOMEM; gradients are then unchanged. */
txe_status txe_training_step(struct txe_training *training,
                             const struct txe_inputs *inputs,
                             const struct txe_targets *targets,
                             const struct txe_step_options *options,
                             struct txe_step_result *result, struct txe_error *err);

#endif
