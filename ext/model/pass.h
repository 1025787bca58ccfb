/* One forward pass in progress, for the parts of the encoder: its arrays, its loops
 * over rows, its products.  Private to encoder.c, heads.c and pass.c. */
#ifndef TXE_MODEL_PASS_H
#define TXE_MODEL_PASS_H

#include "kernels/gemm.h"
#include "model/encoder.h"

#define TXE_CHUNK_ROWS 512        /* rows of the feed-forward's intermediate */
#define TXE_PANEL_SLACK 64        /* columns that a panel may add at most */
#define TXE_LOGITS_CHUNK_ROWS 256 /* rows of the vocabulary projection */

/* Room for rows in the precision of the model; none in float32. */
struct txe_low_rows {
    void *data;
    float *scale, *low; /* int8 */
};

/* All arrays between the embeddings and the outputs are packed, [T, ...]; only
 * txe_pass_scatter knows about padding. */
struct txe_pass {
    struct txe_encoder *encoder;
    const struct txe_inputs *inputs;
    const struct txe_outputs *outputs;
    struct txe_plan plan;
    size_t nworkers;
    size_t *found; /* [N] results that some output reads */
    float *x;      /* [T, C] the residual stream; after the last layer [N, C] */
    float *y;      /* [T, max(C, E)] */
    struct txe_low_rows low; /* [T, max(C, E)] x or y as products take them */
    void *qkv;               /* [T, 3C] in the precision of attention */
    void *queries;           /* [N, C + a panel] those of results, where not all are */
    float *wide; /* [min(T, CHUNK_ROWS), F], rows wide_stride apart; not in bfloat16 */
    struct txe_low_rows low_wide; /* the same as the second product takes it */
    void *scratch;                /* attention */
    float *pooled;                /* [B, C], where a classifier follows */
    float *chunk;               /* [LOGITS_CHUNK_ROWS, widest], results on their way */
    void *memory, *plan_memory; /* what all of this lies in */
    int layer;                  /* for the profile: the layer, or -1 */
    int64_t marked;             /* when the last operation ended, ns */
};

/* Checks the inputs, plans the rows and lays out the arrays in the encoder's spare
 * memory.  Errors as of txe_encoder_forward; end it with txe_pass_end, also then. */
txe_status txe_pass_begin(struct txe_pass *pass, struct txe_error *err);
void txe_pass_end(struct txe_pass *pass);

/* Precision of queries, keys and values, which bfloat16 takes in pairs. */
txe_precision txe_pass_attention_precision(const struct txe_pass *pass);

/* Rows x [n, width] of f32 as a product takes them in the precision of the model:
 * themselves in float32, else where txe_pass_run_rows puts them. */
struct txe_rows txe_pass_rows(const struct txe_pass *pass,
                              const struct txe_low_rows *low, const float *x,
                              size_t width);

/* Floats from one row of pass->wide to the next. */
size_t txe_pass_wide_stride(const struct txe_pass *pass);

/* A loop over rows [n, width], the parts that are not NULL in this order. */
struct txe_row_loop {
    size_t n, width;
    size_t stride; /* floats from one row of x and y to the next; 0: width */
    void (*fill)(const struct txe_pass *pass, size_t row); /* writes row of y */
    const struct txe_norm_weights *norm;                   /* y = LN(x) */
    const float *x;
    float *y;                       /* may be x */
    const struct txe_low_rows *low; /* y as products take it, to here */
};
void txe_pass_run_rows(struct txe_pass *pass, const char *name,
                       const struct txe_row_loop *loop);

/* Runs product->rows rows through a matrix of the model, which is packed first if need
 * be.  TXE_ENOMEM. */
txe_status txe_pass_multiply(struct txe_pass *pass, const char *name,
                             struct txe_matrix *matrix,
                             const struct txe_product *product, struct txe_error *err);

/* out[i] = x[rows[i]], rows [n] of nbytes; out may be x where rows ascend. */
void txe_pass_gather(void *out, const void *x, const size_t *rows, size_t n,
                     size_t nbytes);

/* Copies packed rows [T, width] to their padded places. */
void txe_pass_scatter(struct txe_pass *pass, float *padded, const float *packed,
                      size_t width);

/* Adds the time since the last mark to the profile, if there is one. */
void txe_pass_mark(struct txe_pass *pass, const char *name);

/* ---- what stands on the encoder (heads.c) ---- */

txe_status txe_pass_run_heads(struct txe_pass *pass, struct txe_error *err);

#endif
