/* The merging of symbols: see bpe_merge.h.
 *
 * Of all pairs of neighbours the one with the lowest rank is merged, of equal ones the
 * leftmost, until none is left that has a rank. */
#include "text/bpe_merge.h"

/* ---- short words ---- */

#define POSITION_BITS 6 /* 2^6 bits in a mask */
#define NO_KEY ((uint64_t)TXE_PAIRS_NO_RANK << POSITION_BITS)

/* Rank and position in one number: the least is the pair to merge. */
static inline uint64_t
key_of(uint32_t rank, size_t at)
{
    return (uint64_t)rank << POSITION_BITS | at;
}

uint64_t
txe_bpe_merge_short(const struct txe_bpe *model, uint32_t *symbols, uint32_t *ranks,
                    size_t count)
{
    const struct txe_pairs *merges = &model->merges;
    uint64_t keys[TXE_BPE_SHORT + 3];
    for (size_t i = 1; i < count; i++)
        keys[i] = key_of(ranks[i], i);
    keys[count] = keys[count + 1] = NO_KEY;
    /* The ends are symbols that merge with nothing: nothing below asks where it is. */
    symbols[0] = symbols[count + 1] = TXE_PAIRS_NO_SYMBOL;
    uint64_t left_over = UINT64_MAX >> (TXE_BPE_SHORT - count);
    for (;;) {
        uint64_t even = NO_KEY, odd = NO_KEY;
        for (size_t i = 1; i < count; i += 2) {
            even = TXE_MIN(even, keys[i]);
            odd = TXE_MIN(odd, keys[i + 1]);
        }
        uint64_t best = TXE_MIN(even, odd);
        if (best >= NO_KEY)
            return left_over;
        size_t at = best % (1 << POSITION_BITS);
        uint32_t symbol = model->results[best >> POSITION_BITS];
        uint64_t after = left_over & (~UINT64_C(1) << at);
        size_t gone = txe_lowest_bit(after);
        size_t next = txe_lowest_bit(after & (after - 1));
        size_t prev = txe_highest_bit(left_over & ~(~UINT64_C(0) << at));
        left_over ^= UINT64_C(1) << gone;
        symbols[at] = symbol;
        keys[gone] = NO_KEY;
        uint32_t right = txe_pairs_find(merges, symbol, symbols[next]);
        uint32_t left = txe_pairs_find(merges, symbols[prev], symbol);
        TXE_PREFETCH(&model->results[right]); /* harmless where there is no rank */
        TXE_PREFETCH(&model->results[left]);
        keys[at] = key_of(right, at);
        keys[prev] = key_of(left, prev);
    }
}

/* ---- long words ---- */

#define FANOUT 16
#define MAX_LEVELS 9 /* FANOUT^8 > 2^29 */

/* The ranks of all pairs, and above them the least of every FANOUT, up to one number.
 */
struct queue {
    uint32_t *levels[MAX_LEVELS];
    size_t nlevels;
};

static size_t
padded(size_t count)
{
    return (count + FANOUT - 1) / FANOUT * FANOUT;
}

static uint32_t
least(const uint32_t *ranks)
{
    uint32_t low = ranks[0];
    for (size_t i = 1; i < FANOUT; i++)
        low = TXE_MIN(low, ranks[i]);
    return low;
}

/* Lays the levels out over `memory` and computes all but the lowest, which is filled up
 * to `count`. */
static void
queue_init(struct queue *queue, uint32_t *memory, size_t count)
{
    queue->nlevels = 0;
    for (;; count = padded(count) / FANOUT) {
        uint32_t *level = memory;
        memory += padded(count);
        for (size_t i = count; i < padded(count); i++)
            level[i] = TXE_PAIRS_NO_RANK;
        queue->levels[queue->nlevels++] = level;
        if (count == 1)
            return;
        for (size_t i = 0; i < padded(count); i += FANOUT)
            memory[i / FANOUT] = least(level + i);
    }
}

static void
queue_set(struct queue *queue, size_t at, uint32_t rank)
{
    queue->levels[0][at] = rank;
    for (size_t i = 1; i < queue->nlevels; i++) {
        at /= FANOUT;
        uint32_t low = least(queue->levels[i - 1] + at * FANOUT);
        if (queue->levels[i][at] == low)
            break;
        queue->levels[i][at] = low;
    }
}

/* Where the least rank, which goes to *rank, is first. */
static size_t
queue_first(const struct queue *queue, uint32_t *rank)
{
    size_t at = 0;
    *rank = queue->levels[queue->nlevels - 1][0];
    for (size_t i = queue->nlevels - 1; i-- > 0;) {
        at *= FANOUT;
        while (queue->levels[i][at] != *rank)
            at++;
    }
    return at;
}

size_t
txe_bpe_merge_room(size_t count)
{
    size_t room = count;
    for (;; count = padded(count) / FANOUT) {
        room += padded(count);
        if (count == 1)
            return room;
    }
}

void
txe_bpe_merge_long(const struct txe_bpe *model, uint32_t *symbols, size_t count,
                   uint32_t *memory)
{
    const struct txe_pairs *merges = &model->merges;
    /* The number of symbols that one was made of, at its first and at its last place:
     * both neighbours can be found from there. */
    uint32_t *lengths = memory, *ranks = memory + count;
    struct queue queue;
    for (size_t i = 0; i < count; i++) {
        lengths[i] = 1;
        uint32_t right = i + 1 < count ? symbols[i + 1] : TXE_PAIRS_NO_SYMBOL;
        ranks[i] = txe_pairs_find(merges, symbols[i], right);
    }
    queue_init(&queue, ranks, count);
    for (;;) {
        uint32_t rank;
        size_t at = queue_first(&queue, &rank);
        if (rank == TXE_PAIRS_NO_RANK)
            return;
        size_t gone = at + lengths[at];
        size_t next = gone + lengths[gone];
        uint32_t symbol = model->results[rank];
        symbols[at] = symbol;
        lengths[at] = lengths[next - 1] = (uint32_t)(next - at);
        uint32_t right = next < count ? symbols[next] : TXE_PAIRS_NO_SYMBOL;
        queue_set(&queue, gone, TXE_PAIRS_NO_RANK);
        queue_set(&queue, at, txe_pairs_find(merges, symbol, right));
        if (at > 0) {
            size_t prev = at - lengths[at - 1];
            queue_set(&queue, prev, txe_pairs_find(merges, symbols[prev], symbol));
        }
    }
}
