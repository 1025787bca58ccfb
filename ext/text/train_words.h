/* Distinct words and how often each was seen. */
#ifndef TXE_TEXT_TRAIN_WORDS_H
#define TXE_TEXT_TRAIN_WORDS_H

#include "text/tokenizer.h"

struct txe_word_count {
    size_t start; /* of the word in txe_word_counts.bytes */
    uint64_t count;
    uint32_t nbytes;
    uint32_t hash; /* upper half of its hash */
};

/* Zero-initialise, fill with txe_word_counts_add, free with txe_word_counts_free. */
struct txe_word_counts {
    char *bytes; /* every word, one after the other, not terminated */
    size_t nbytes, bytes_capacity;
    struct txe_word_count *items; /* [count], in the order they came */
    size_t count, capacity;
    uint32_t *slots; /* [nslots], open addressing: index of the item + 1, or 0 */
    size_t nslots;
    uint64_t seed;
};

/* Adds `times` to the count of a word (copied when it is new).  TXE_ENOMEM; TXE_EVALUE
 * for a word of 4 GiB or for more than 4 G words. */
txe_status txe_word_counts_add(struct txe_word_counts *counts, const char *bytes,
                               size_t nbytes, uint64_t times, struct txe_error *err);

/* Adds 1 to the counts of up to TXE_WORDS_AT_ONCE words, faster than one by one: the
 * table is larger than the cache, and so they wait for memory together. */
txe_status txe_word_counts_add_each(struct txe_word_counts *counts,
                                    const struct txe_str *words, size_t nwords,
                                    struct txe_error *err);
#define TXE_WORDS_AT_ONCE 32

/* Adds all of `from`. */
txe_status txe_word_counts_merge(struct txe_word_counts *counts,
                                 const struct txe_word_counts *from,
                                 struct txe_error *err);

/* Forgets the words and keeps the memory. */
void txe_word_counts_clear(struct txe_word_counts *counts);
void txe_word_counts_free(struct txe_word_counts *counts);

#endif
