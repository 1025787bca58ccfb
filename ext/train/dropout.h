/* Which random numbers each place drops out with: see struct txe_dropout. */
#ifndef TXE_TRAIN_DROPOUT_H
#define TXE_TRAIN_DROPOUT_H

#include <math.h>

#include "train/training.h"

/* The key of a step: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) of seed and step. */
static inline uint64_t
txe_dropout_seed(uint64_t seed, uint64_t step)
{
    uint64_t z = seed + (step + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* The numbers of one place in one application of a layer (0 outside layers).  Its site
 * is place + TXE_NDROPS * application.  Without a rate nothing is dropped. */
static inline struct txe_dropout
txe_dropout_at(const struct txe_step_options *options, txe_drop place,
               size_t application)
{
    const uint32_t threshold = (uint32_t)lround(65536 * options->rates[place]);
    return (struct txe_dropout){
        .seed = txe_dropout_seed(options->seed, options->step),
        .site = (uint32_t)place + TXE_NDROPS * (uint32_t)application,
        .threshold = threshold,
        .scale = (txe_real)(65536.0 / (65536.0 - threshold)),
    };
}

/* The row of a token: sample (its sequence's number in the step) in the upper half,
 * then the head of attention, then the token's number among the rows of its sequence.
 */
static inline uint64_t
txe_dropout_row(uint64_t sample, size_t head, size_t token)
{
    return sample << 32 | (uint64_t)head << 20 | token;
}

#endif
