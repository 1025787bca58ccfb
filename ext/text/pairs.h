/* A fixed table from pairs of symbols to ranks: the merges of byte-pair encoding.
 *
 * A cuckoo hash: a pair is in one of two buckets of two places, so that looking it up,
 * whether it is there or not, takes the same four comparisons and no branch.  A place
 * is one 64-bit number, 21 bits for each symbol and 22 for the rank. */
#ifndef TXE_TEXT_PAIRS_H
#define TXE_TEXT_PAIRS_H

#include <stddef.h>
#include <stdint.h>

#include "base/common.h"
#include "base/error.h"

#define TXE_PAIRS_SYMBOL_BITS 21
#define TXE_PAIRS_RANK_BITS 22
/* Ranks and symbols are below these; the last symbol stands for none. */
#define TXE_PAIRS_MAX_RANKS ((uint32_t)1 << TXE_PAIRS_RANK_BITS)
#define TXE_PAIRS_NO_SYMBOL (((uint32_t)1 << TXE_PAIRS_SYMBOL_BITS) - 1)
#define TXE_PAIRS_NO_RANK TXE_PAIRS_MAX_RANKS

/* Zero-initialised it may be freed, not searched. */
struct txe_pairs {
    uint64_t *places;    /* [2 << bits] */
    uint64_t multiplier; /* odd, a secret of the table */
    unsigned bits;       /* log2 of the number of buckets, at least 1 */
};

static inline uint64_t
txe_pair(uint32_t left, uint32_t right, uint32_t rank)
{
    uint64_t symbols = (uint64_t)left << TXE_PAIRS_SYMBOL_BITS | right;
    return symbols << TXE_PAIRS_RANK_BITS | rank;
}

static inline uint32_t
txe_pair_left(uint64_t pair)
{
    return (uint32_t)(pair >> (TXE_PAIRS_SYMBOL_BITS + TXE_PAIRS_RANK_BITS));
}

static inline uint32_t
txe_pair_right(uint64_t pair)
{
    return (uint32_t)(pair >> TXE_PAIRS_RANK_BITS) & TXE_PAIRS_NO_SYMBOL;
}

static inline uint32_t
txe_pair_rank(uint64_t pair)
{
    return (uint32_t)pair & (TXE_PAIRS_MAX_RANKS - 1);
}

/* Builds the table from txe_pair()s [npairs]; of equal pairs of symbols the last one
 * counts.  Time is linear, whatever the pairs are.  TXE_ENOMEM only. */
txe_status txe_pairs_build(struct txe_pairs *table, const uint64_t *pairs,
                           size_t npairs, struct txe_error *err);
void txe_pairs_free(struct txe_pairs *table);

/* First places of the two buckets where a pair may be; its rank does not matter. */
static inline const uint64_t *
txe_pairs_bucket(const struct txe_pairs *table, uint64_t pair, unsigned which)
{
    uint64_t hash = (pair >> TXE_PAIRS_RANK_BITS) * table->multiplier;
    hash <<= which * table->bits;
    return table->places + 2 * (hash >> (64 - table->bits));
}

/* The rank of a pair, TXE_PAIRS_NO_RANK if it is not there or either is no symbol. */
static inline uint32_t
txe_pairs_find(const struct txe_pairs *table, uint32_t left, uint32_t right)
{
    uint64_t pair = txe_pair(left, right, 0);
    const uint64_t *one = txe_pairs_bucket(table, pair, 0);
    const uint64_t *two = txe_pairs_bucket(table, pair, 1);
    /* What is left of the right place is the rank, of any other more. */
    uint64_t low = TXE_MIN(one[0] ^ pair, one[1] ^ pair);
    low = TXE_MIN(low, TXE_MIN(two[0] ^ pair, two[1] ^ pair));
    return (uint32_t)TXE_MIN(low, TXE_PAIRS_NO_RANK);
}

#endif
