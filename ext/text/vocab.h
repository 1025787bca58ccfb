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
    size_t start; /* of the string in txe_vocab.bytes */
    uint32_t nbytes;
    uint32_t id;
};

/* Zero-initialise, fill with txe_vocab_add, free with txe_vocab_free.  Reading is safe
 * from many threads once it is filled. */
struct txe_vocab {
    char *bytes; /* every string, one after the other, not terminated */
    size_t nbytes, bytes_capacity;
    struct txe_vocab_entry *entries; /* [count], in the order they were added */
    size_t count, capacity;
    uint32_t *slots; /* [nslots], open addressing: index of the entry + 1, or 0 */
    size_t nslots;
    uint32_t *by_id; /* [nslots], the same by id: a file may have few ids far apart */
    uint64_t seed;
};

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
