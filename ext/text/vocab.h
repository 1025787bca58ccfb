/* A vocabulary: strings to ids and back. */
#ifndef TXE_TEXT_VOCAB_H
#define TXE_TEXT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Ids are below this. */
#define TXE_VOCAB_MAX_IDS ((uint32_t)1 << 27)

struct txe_vocab_entry {
    uint32_t start; /* of the string in txe_vocab.bytes */
    uint32_t nbytes;
    uint32_t id;
};

/* A place of the table of strings; entry 0 is an empty one. */
struct txe_vocab_slot {
    uint32_t hash;
    uint32_t entry; /* its index + 1 */
};

/* Zero-initialise, fill with txe_vocab_add, free with txe_vocab_free.  Reading is safe
 * from many threads once it is filled. */
struct txe_vocab {
    char *bytes; /* every string, one after the other, not terminated */
    size_t nbytes, bytes_capacity;
    struct txe_vocab_entry *entries; /* [count], in the order they were added */
    size_t count, capacity;
    size_t longest;               /* bytes of the longest string */
    struct txe_vocab_slot *slots; /* [nslots], open addressing */
    size_t nslots;
    uint32_t *by_id; /* [nby_id]: index + 1 of the entry with that id, or 0 */
    size_t nby_id;
    uint32_t *far; /* [nslots], open addressing: the same for larger ids, or NULL */
    uint64_t seed;
};

/* Makes room for `count` strings of `nbytes` in all: nothing has to grow on the way. */
txe_status txe_vocab_reserve(struct txe_vocab *vocab, size_t count, size_t nbytes,
                             struct txe_error *err);

/* Adds a string (copied).  TXE_EVALUE when the id is taken or too large, or the string
 * is there already; with `replace` a repeated string is allowed and its last id counts.
 */
txe_status txe_vocab_add(struct txe_vocab *vocab, const char *bytes, size_t nbytes,
                         uint32_t id, bool replace, struct txe_error *err);

/* The entry of a string, or NULL. */
const struct txe_vocab_entry *txe_vocab_find(const struct txe_vocab *vocab,
                                             const char *bytes, size_t nbytes);

/* The entry that has an id, or NULL. */
const struct txe_vocab_entry *txe_vocab_at(const struct txe_vocab *vocab, uint32_t id);

static inline const char *
txe_vocab_bytes(const struct txe_vocab *vocab, const struct txe_vocab_entry *entry)
{
    return vocab->bytes + entry->start;
}

/* Frees the tables and zeroes *vocab; harmless on a zeroed one. */
void txe_vocab_free(struct txe_vocab *vocab);

#endif
