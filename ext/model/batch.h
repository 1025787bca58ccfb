/* A padded batch and the plan of the rows that are really computed.
 *
 * Padding is not computed.  The rows of one sequence stand together in the packed
 * arrays [T, ...]: first those that can be attended to (its real tokens, in order),
 * then rows that only attend: padding whose output is asked for all the same (position
 * 0 of a left-padded sequence for the pooler; positions with a label).
 *
 * Results are the rows that the last layer computes: all, or those that the outputs
 * read.  They stand in packed order, those of one sequence together. */
#ifndef TXE_MODEL_BATCH_H
#define TXE_MODEL_BATCH_H

#include "model/config.h"

/* What the caller passes; every pointer is borrowed for the duration of the call. */
struct txe_inputs {
    size_t B, S;              /* sequences, padded length */
    const int64_t *ids;       /* [B, S]; NULL when embeds is given */
    const txe_real *embeds;   /* [B, S, E]; NULL when ids is given */
    const bool *mask;         /* [B, S], true where a token is real; NULL: everywhere */
    const bool *wanted;       /* [B, S], true where padding must be computed; or NULL */
    const txe_real *bias;     /* added to the scaled attention scores, or NULL: */
    size_t bias_strides[3];   /* element [b, h, q, k] at b, h, q strides + k */
    const int64_t *types;     /* [B, S]; NULL: zeros */
    const int64_t *positions; /* [B, S]; NULL: by the family's rule */
};

struct txe_sequence {
    size_t start;        /* first packed row */
    size_t nrows;        /* rows computed */
    size_t nkeys;        /* the first of them, that can be attended to */
    bool uniform;        /* all masked: every row attends to all rows alike */
    size_t first_result; /* index of its first result */
    size_t nresults;
};

struct txe_plan {
    size_t B, S, T, N;
    struct txe_sequence *sequences; /* [B] */
    size_t *rows;                   /* [T]: b * S + s of each packed row */
    int64_t *positions;             /* [T]: row of the position table */
    size_t *results;                /* [N], ascending: the packed row of each result */
    size_t max_keys;                /* largest nkeys */
};

/* Checks the inputs against the model and makes the plan.  Every id, type and position
 * of the batch is checked, padding included.  `needed` [B, S]: positions whose output
 * is read even where they are padding.  The results are those alone if `narrow`, else
 * all rows.  A sequence whose mask is all false is computed whole, each row attending
 * to all alike, as the reference's finite mask value makes it. TXE_EINDEX (which input,
 * where, the limit), TXE_EVALUE (sequence too long or empty). */
txe_status txe_plan_make(struct txe_plan *plan, void *memory,
                         const struct txe_inputs *inputs,
                         const struct txe_config *config, const bool *needed,
                         bool narrow, struct txe_error *err);

/* Bytes of memory, at a cache line, that a plan for B sequences of length S needs as
 * long as it is used; false when they exceed size_t. */
bool txe_plan_nbytes(size_t *nbytes, size_t B, size_t S);

/* Indices of the results at the positions where `chosen` [B, S] is true, in the order
 * of the positions, into found[]; returns how many.  A position that has no result is
 * left out. */
size_t txe_plan_find(size_t *found, const struct txe_plan *plan, const bool *chosen);

#endif
