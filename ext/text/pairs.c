/* The cuckoo hash of pairs: see pairs.h. */
#include "text/pairs.h"

#include <string.h>

#include "text/hash.h"

#define EMPTY UINT64_MAX /* a pair of no symbols */
#define MAX_MOVES 512    /* after which another multiplier is tried */
#define MAX_TRIES 4      /* after which the table is made larger */

static uint64_t *
bucket(const struct txe_pairs *table, uint64_t pair, unsigned which)
{
    return (uint64_t *)txe_pairs_bucket(table, pair, which);
}

static bool
same_symbols(uint64_t a, uint64_t b)
{
    return (a ^ b) < TXE_PAIRS_MAX_RANKS;
}

/* Puts the pair where it is already, or into an empty place. */
static bool
put(uint64_t *places, uint64_t pair, bool only_same)
{
    for (int i = 0; i < 2; i++)
        if (only_same ? same_symbols(places[i], pair) : places[i] == EMPTY) {
            places[i] = pair;
            return true;
        }
    return false;
}

/* Inserts a pair, moving others to their other bucket to make room. */
static bool
insert(struct txe_pairs *table, uint64_t pair)
{
    uint64_t *one = bucket(table, pair, 0), *two = bucket(table, pair, 1);
    if (put(one, pair, true) || put(two, pair, true) || put(one, pair, false) ||
        put(two, pair, false))
        return true;
    for (unsigned move = 0; move < MAX_MOVES; move++) {
        uint64_t moved = one[move / 2 % 2];
        one[move / 2 % 2] = pair;
        pair = moved;
        uint64_t *other = bucket(table, pair, 0);
        one = other == one ? bucket(table, pair, 1) : other;
        if (put(one, pair, false))
            return true;
    }
    return false;
}

static bool
insert_all(struct txe_pairs *table, const uint64_t *pairs, size_t npairs)
{
    memset(table->places, 0xFF, (sizeof *table->places * 2) << table->bits);
    for (size_t i = 0; i < npairs; i++)
        if (!insert(table, pairs[i]))
            return false;
    return true;
}

txe_status
txe_pairs_build(struct txe_pairs *table, const uint64_t *pairs, size_t npairs,
                struct txe_error *err)
{
    memset(table, 0, sizeof *table);
    table->bits = 1;
    while (((size_t)2 << table->bits) * 4 < npairs * 5) /* at most four fifths full */
        table->bits++;
    for (unsigned try = 0;; try++) {
        if (try % MAX_TRIES == 0) {
            table->bits += try != 0;
            free(table->places);
            table->places = txe_alloc((size_t)2 << table->bits, sizeof *table->places);
            if (table->places == NULL)
                return txe_fail_nomem(err, (sizeof *table->places * 2) << table->bits);
            table->multiplier = txe_hash_seed(table->places) | 1;
        }
        if (insert_all(table, pairs, npairs))
            return TXE_OK;
        table->multiplier = txe_hash_mix(table->multiplier) | 1;
    }
}

void
txe_pairs_free(struct txe_pairs *table)
{
    free(table->places);
    memset(table, 0, sizeof *table);
}
