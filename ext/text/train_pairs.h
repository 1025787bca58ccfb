/* Pairs of neighbouring symbols while a byte-pair vocabulary is learned: how often each
 * occurs, where, and which comes next.
 *
 * The reference (the `tokenizers` library 0.23) has habits of its own that decide which
 * merges follow, and these are kept:
 *  - the count of a pair is not taken back when it is merged, so that a pair that comes
 *    up again (a merge may give a token that is there already) begins with what it had;
 *  - the places found by one merge are an entry of their own in the queue: a pair may
 *    be there several times, each entry with other words, and is merged as often;
 *  - an entry stands for whole words: when its turn comes, the pair is merged wherever
 *    it is found in them, also in places that other entries list or that none does;
 *  - a count that max_token_length has made negative comes first of all, being read as
 *    a huge unsigned one. */
#ifndef TXE_TEXT_TRAIN_PAIRS_H
#define TXE_TEXT_TRAIN_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A place where a pair begins, at the time it was noted. */
struct txe_occurrence {
    uint32_t at; /* index of its left symbol */
    uint32_t word;
};

struct txe_pair_count {
    uint64_t key;     /* left << 32 | right; UINT64_MAX in an empty slot */
    int64_t count;    /* see above */
    uint32_t lists;   /* the first of its lists + 1, or 0 */
    uint32_t pending; /* used while lists are made */
};

/* Occurrences that came with one merge, in rising order. */
struct txe_pair_list {
    uint32_t start, count; /* in txe_pair_counts.occurrences */
    uint32_t next;         /* of the same pair: index + 1, or 0 */
    bool queued;           /* false: known of, but in no entry of the queue */
};

struct txe_queued_pair {
    uint64_t count; /* when it was put in its place */
    uint32_t left, right;
    uint32_t list;
    uint32_t turn; /* of equal entries, the one put in its place first goes first */
};

/* An occurrence noted during a merge, before its list is made. */
struct txe_pair_note {
    uint32_t slot;
    struct txe_occurrence where;
};

struct txe_pair_notes {
    struct txe_pair_note *items;
    size_t count, capacity;
};

/* Zero-initialise, free with txe_pair_counts_free. */
struct txe_pair_counts {
    struct txe_pair_count *slots; /* [nslots], open addressing */
    size_t nslots, count;
    uint64_t seed;
    struct txe_occurrence *occurrences;
    size_t noccurrences, ndead, occurrences_capacity;
    struct txe_pair_list *lists;
    size_t nlists, lists_capacity;
    struct txe_queued_pair *queue; /* a heap, the next pair first */
    size_t nqueued, queue_capacity;
    uint32_t nturns;
    struct txe_pair_notes fresh;  /* to be queued */
    struct txe_pair_notes hidden; /* not to be queued */
    struct txe_occurrence *gathered;
    size_t gathered_capacity;
};

/* At most so many symbols can be numbered. */
#define TXE_TRAIN_MAX_SYMBOLS ((size_t)1 << 29)

/* Adds `change` to the count of a pair; *slot (may be NULL) is where it is, until
 * another pair is counted.  TXE_ENOMEM only. */
txe_status txe_pair_counts_add(struct txe_pair_counts *pairs, uint32_t left,
                               uint32_t right, int64_t change, uint32_t *slot,
                               struct txe_error *err);

/* Notes that the pair in `slot` occurs at a place; `hidden`: without being queued.
 * TXE_ENOMEM only. */
txe_status txe_pair_counts_note(struct txe_pair_counts *pairs, uint32_t slot,
                                struct txe_occurrence where, bool hidden,
                                struct txe_error *err);

/* Queues the pairs noted since the last time, those whose count is above 0.
 * `keep_hidden`: remember also the places of the others.  TXE_ENOMEM only. */
txe_status txe_pair_counts_queue(struct txe_pair_counts *pairs, bool keep_hidden,
                                 struct txe_error *err);

/* Takes the most frequent pair from the queue, of equally frequent ones the one with
 * the lowest left and then right symbol; false when the queue is empty. */
bool txe_pair_counts_next(struct txe_pair_counts *pairs, struct txe_queued_pair *next);

/* The places, in rising order, in the words that the entry just taken stands for.  Some
 * may be out of date or there twice.  Valid until txe_pair_counts_queue.  TXE_ENOMEM
 * only. */
txe_status txe_pair_counts_places(struct txe_pair_counts *pairs,
                                  const struct txe_queued_pair *taken,
                                  const struct txe_occurrence **places, size_t *nplaces,
                                  struct txe_error *err);

void txe_pair_counts_free(struct txe_pair_counts *pairs);

#endif
