/* Masking: which tokens of a sample a model is to predict, and what it sees instead. */
#ifndef TXE_DATA_MASKING_H
#define TXE_DATA_MASKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/random.h"

/* What is known of each id of a vocabulary. */
#define TXE_BEGINS_WORD 1 /* it does not continue a word */
#define TXE_SPECIAL 2     /* it is never masked */

#define TXE_NOT_MASKED (-100) /* the label of a token that is not to be predicted */

/* How many tokens of a sample of n, special tokens counted, are masked. */
enum txe_mask_count {
    TXE_COUNT_EXACT,    /* max(1, round(rate n)), halves to even (google-research) */
    TXE_COUNT_FAIRSEQ,  /* floor(rate n + u), u uniform from 0 to 1 */
    TXE_COUNT_BERNOULLI /* each unit with probability rate (transformers) */
};

/* Units are words or tokens; neighbours among them form spans.
 *
 * With a count: units are taken in random order; from each begins a span whose length
 * in units is drawn, cut to shorter lengths until it exceeds neither the count nor the
 * text up to the next special token, and left out where that is not possible or where
 * it meets a span before it.  Lengths: {1} whole words or tokens, p(n) ~ 1/n ALBERT's
 * n-grams, geometric SpanBERT's spans. */
struct txe_mask_rules {
    enum txe_mask_count count;
    double rate;           /* 0 to 1 */
    size_t most;           /* of tokens masked in a sample; not with Bernoulli */
    bool words;            /* units are words */
    bool alike;            /* one draw of the replacement for a span, else for each
                            * token */
    const double *lengths; /* [nlengths] rising sums of weights of lengths 1, 2, ... */
    size_t nlengths;       /* at least 1; not used with Bernoulli */
    double mask, random;   /* probabilities of the mask id and of a random id */
    int64_t mask_id;       /* else the token stays */
    const int32_t *random_ids; /* [nrandom] to draw from, each as likely */
    size_t nrandom;            /* at least 1 */
};

/* Masks a row.  ids [n], changed; labels [n]: the ids that were there where they are to
 * be predicted, else TXE_NOT_MASKED.  fixed [n]: tokens that are not masked, as those
 * whose flag [V] says so are not; all ids are below V.  scratch [3 n].  Nothing may
 * overlap.  Cannot fail. */
void txe_mask_row(int64_t *ids, int64_t *labels, const bool *fixed, size_t n,
                  const uint8_t *flags, const struct txe_mask_rules *rules,
                  struct txe_random *random, uint32_t *scratch);

#endif
