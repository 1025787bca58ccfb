/* Random numbers of pretraining data: SplitMix64 (Steele, Lea and Flood, 2014), begun
 * anew for every sample, so that what is drawn for one is a function of the seed, the
 * epoch and the sample alone. */
#ifndef TXE_DATA_RANDOM_H
#define TXE_DATA_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct txe_random {
    uint64_t state;
};

/* What numbers are drawn for; each has streams of its own. */
enum txe_random_use { TXE_RANDOM_ORDER, TXE_RANDOM_PAIRS, TXE_RANDOM_MASKS };

#define TXE_RANDOM_STEP UINT64_C(0x9E3779B97F4A7C15)

static inline uint64_t
txe_random_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* 64 random bits. */
static inline uint64_t
txe_random_next(struct txe_random *random)
{
    return txe_random_mix(random->state += TXE_RANDOM_STEP);
}

/* The generator of one sample: its state is the use, the seed, the epoch and the
 * sample, mixed in one after another. */
static inline struct txe_random
txe_random_start(enum txe_random_use use, uint64_t seed, uint64_t epoch,
                 uint64_t sample)
{
    uint64_t state = txe_random_mix((uint64_t)use + TXE_RANDOM_STEP);
    state = txe_random_mix((state ^ seed) + TXE_RANDOM_STEP);
    state = txe_random_mix((state ^ epoch) + TXE_RANDOM_STEP);
    state = txe_random_mix((state ^ sample) + TXE_RANDOM_STEP);
    return (struct txe_random){state};
}

/* A number from 0 to n - 1 (n > 0), each as likely as the others up to n / 2^64. */
static inline size_t
txe_random_below(struct txe_random *random, size_t n)
{
    return (size_t)(txe_random_next(random) % n);
}

/* A number from 0 to 1 (not included), a multiple of 2^-53. */
static inline double
txe_random_unit(struct txe_random *random)
{
    return (double)(txe_random_next(random) >> 11) * 0x1p-53;
}

static inline bool
txe_random_coin(struct txe_random *random)
{
    return (txe_random_next(random) >> 63) != 0;
}

#endif
