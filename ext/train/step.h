/* One step in progress, for the parts of a training pass: its arrays, its loops over
 * rows, its products.  Private to ext/train. */
#ifndef TXE_TRAIN_STEP_H
#define TXE_TRAIN_STEP_H

#include "kernels/matmul.h"
#include "train/dropout.h"
#include "train/training.h"

#define TXE_STEP_ROWS \
    512                 /* rows of the feed-forward, and of sums over rows, at a time */
#define TXE_ACT_ROWS 16 /* rows of a block of activations */
#define TXE_LOGITS_ELEMENTS ((size_t)8 << 20) /* logits at a time, about */

/* Rows as the products take them, `stride` bytes apart: txe_real, or bfloat16 with a
 * zero behind an odd row. */
struct txe_low {
    unsigned char *data;
    size_t stride;
};

/* What the backward pass of one application of a layer reads.  R rows: T, or in the
 * last layer those that the losses need.  What a LayerNorm gives is computed again. */
struct txe_saved {
    struct txe_low x_wanted; /* [R, C] of it what asks for attention, where R < T */
    struct txe_low qkv;      /* [T, 3C]; without queries where R < T */
    struct txe_low queries;  /* [R, C], where R < T */
    struct txe_low context;  /* [R, C] what attention gives */
    txe_real *z1;            /* [R, C] before the first LayerNorm */
    struct txe_low u;        /* [R, F] before the activation */
    txe_real *z2;            /* [R, C] before the second LayerNorm */
};

struct txe_step {
    struct txe_training *training;
    const struct txe_inputs *inputs;
    const struct txe_targets *targets;
    const struct txe_step_options *options;
    struct txe_step_result *result;
    struct txe_plan plan;
    size_t nworkers, napplications;
    size_t element;         /* bytes of an element of struct txe_low */
    uint64_t *keys;         /* [T] of the dropout of each row */
    txe_real *x;            /* [T, C] residual stream; after the last layer [N, C] */
    txe_real *z0;           /* [T, E] embeddings before their LayerNorm */
    struct txe_low e;       /* [T, E] what the projection takes */
    struct txe_low x_low;   /* [T, C] the input of the layer at work */
    struct txe_low x_first; /* [T, C] that of the first layer */
    struct txe_low x1;      /* [STEP_ROWS, C] what the first LayerNorm gives */
    txe_real **kept; /* [napplications] of [T, C]: layers' inputs, with checkpointing */
    struct txe_saved *saved; /* [napplications]; with checkpointing [1] */

    txe_real *dx;                      /* [T, max(C, E)] the gradient on its way down */
    struct txe_low dy, dqkv, dqueries; /* [T, C], [T, 3C], [N, C] */
    struct txe_low dcontext;           /* [T, C] */
    txe_real *wide;                    /* [STEP_ROWS, F] */
    struct txe_low act, du;            /* [STEP_ROWS, F] */
    txe_real *narrow;                  /* [STEP_ROWS, C] */
    unsigned char *transposed;         /* left operand of sums over rows */
    txe_real *partials;                /* sums of blocks of rows */
    txe_real *room;                    /* [room_width], one row for each worker */
    size_t room_width;
    unsigned char *scratch;   /* of the products, one for each worker */
    unsigned char *attention; /* likewise */
    size_t attention_nbytes;

    /* The head: n rows of the results. */
    size_t *found; /* [N] */
    struct txe_low h_low, y_low, dh_low, logits_low;
    txe_real *h, *pre, *z, *dh; /* [n, max(C, E)] */
    txe_real *logits, *scores, *dscores;
    double *losses;       /* [n] */
    unsigned char *right; /* [n] 1 where the largest score is the label's */
    size_t logits_rows;
    void *memory, *plan_memory;
};

/* ---- step.c ---- */

/* Row t of rows. */
static inline void *
txe_low_row(const struct txe_low *low, size_t t)
{
    return low->data + t * low->stride;
}

static inline struct txe_low
txe_low_from(const struct txe_low *low, size_t row, size_t nbytes)
{
    return (struct txe_low){low->data + row * low->stride + nbytes, low->stride};
}

/* The result of a product to rows y, ldy apart, or, if not NULL, to `low`. */
static inline void
txe_result_to(struct txe_matmul *m, txe_real *y, size_t ldy, const struct txe_low *low)
{
    m->y[0] = y;
    m->ldy = ldy;
    if (low != NULL && m->precision == TXE_BFLOAT16) {
        m->y16 = (uint16_t *)(void *)low->data;
        m->ldy16 = low->stride / sizeof(uint16_t);
    } else if (low != NULL) {
        m->y[0] = (txe_real *)(void *)low->data;
        m->ldy = low->stride / sizeof(txe_real);
    }
}

/* x [n] into row t. */
void txe_lower(const struct txe_step *step, const struct txe_low *low, size_t t,
               const txe_real *x, size_t n);

/* Row t back as numbers: itself, or in `room` [n]. */
const txe_real *txe_raise_row(const struct txe_step *step, const struct txe_low *low,
                              size_t t, txe_real *room, size_t n);

/* The same of x dropped out with the row's key. */
void txe_drop_lower(const struct txe_step *step, const struct txe_low *low, size_t t,
                    const txe_real *x, size_t n, const struct txe_dropout *dropout,
                    uint64_t key, size_t worker);

/* Rows [first, end) of a loop, and the worker that has them. */
struct txe_block {
    size_t first, end, index, worker;
};

/* Runs body(step, context, block) for blocks of at most `rows` of n rows on the thread
 * pool; the blocks do not depend on the number of threads. */
typedef void (*txe_rows_body)(struct txe_step *step, void *context,
                              const struct txe_block *block);
void txe_step_rows(struct txe_step *step, size_t n, size_t rows, txe_rows_body body,
                   void *context);

/* A dense layer, or several of the same input side by side, with their gradients. */
struct txe_dense {
    const struct txe_linear_weights *w[TXE_MAX_PIECES], *d[TXE_MAX_PIECES];
    size_t npieces, out, in; /* each piece [out, in] */
    txe_precision precision;
};

/* y [n, npieces out] = x w^T + b, rows ldy apart, or into `low`, or (add) y +=. */
void txe_dense_forward(struct txe_step *step, const struct txe_dense *dense,
                       const struct txe_low *x, size_t n, txe_real *y, size_t ldy,
                       const struct txe_low *low, bool add);

/* dx [n, in] = dy w, or into `low`, or (add) dx +=. */
void txe_dense_backward(struct txe_step *step, const struct txe_dense *dense,
                        const struct txe_low *dy, size_t n, txe_real *dx, size_t lddx,
                        const struct txe_low *low, bool add);

/* The gradients of weights and biases += dy^T x, sums of dy; n rows. */
void txe_dense_gradient(struct txe_step *step, const struct txe_dense *dense,
                        const struct txe_low *dy, const struct txe_low *x, size_t n);

/* dx [n, C] = the gradient of LN(z) given dx; then, if `low`, low = it dropped out as
 * `dropout` says with the keys of rows[i] (NULL: of i). */
struct txe_norm_backward {
    const struct txe_norm_weights *norm, *d;
    txe_real *dx;
    const txe_real *z;
    size_t width;
    const struct txe_low *low;
    struct txe_dropout dropout;
    const size_t *rows;
};
void txe_norm_gradient(struct txe_step *step, const struct txe_norm_backward *norm,
                       size_t n);

/* Rows x as struct txe_low without a copy, for products of TXE_FLOAT32. */
static inline struct txe_low
txe_plain_rows(const txe_real *x, size_t width)
{
    return (struct txe_low){(unsigned char *)(uintptr_t)x, width * sizeof *x};
}

/* Where an array of gradients may be written: the weights' struct has it const. */
static inline txe_real *
txe_gradient(const txe_real *array)
{
    return (txe_real *)(uintptr_t)array;
}

/* Adds what loops over n rows, in blocks of TXE_ACT_ROWS, have left in step->partials
 * to the gradients of an activation's parameters. */
void txe_act_gradient(struct txe_step *step, txe_activation act,
                      const struct txe_act_weights *d, size_t n);

/* ---- layers.c ---- */

void txe_step_embeddings(struct txe_step *step);
void txe_step_embeddings_backward(struct txe_step *step);
void txe_step_layer(struct txe_step *step, size_t application);
void txe_step_layer_backward(struct txe_step *step, size_t application);

/* Whether anything before this application, or before the head (napplications), wants a
 * gradient. */
bool txe_step_trains_below(const struct txe_step *step, size_t application);

/* ---- attention.c ---- */

/* Bytes of scratch that a thread needs. */
size_t txe_step_attention_scratch(const struct txe_step *step);

/* context = softmax(q k^T / sqrt D + bias) v, probabilities dropped out; and back: dqkv
 * (and dqueries, where not all rows are wanted) from dcontext. */
void txe_step_attention(struct txe_step *step, const struct txe_saved *saved,
                        size_t application);
void txe_step_attention_backward(struct txe_step *step, const struct txe_saved *saved,
                                 size_t application);

/* ---- heads.c ---- */

/* Scores, losses, and with options->backward dx [N, C] and the head's gradients. */
txe_status txe_step_heads(struct txe_step *step, struct txe_error *err);

/* ---- targets.c ---- */

/* Checks the targets against the batch, and marks in needed [B, S] what they read; all
 * rows are computed unless the result is true.  TXE_EINDEX, TXE_EVALUE. */
txe_status txe_targets_check(bool *needed, bool *narrow,
                             const struct txe_config *config,
                             const struct txe_inputs *inputs,
                             const struct txe_targets *targets, struct txe_error *err);

#endif
