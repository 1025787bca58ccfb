/* The loops that find most words of a text: cutting it into chunks and looking them up.
 * There is a variant for each instruction set; all give the same ids. */
#ifndef TXE_TEXT_WORD_LOOPS_H
#define TXE_TEXT_WORD_LOOPS_H

#include "text/chunks.h"
#include "text/word_cache.h"

/* Chunks are taken so many at a time, and hashed all before any is looked for, so that
 * the memory they need is on its way meanwhile. */
#define TXE_MANY_CHUNKS 256

/* One block more than that, and what is written past the end in passing. */
#define TXE_LIST_CHUNKS (TXE_MANY_CHUNKS + 64 + 16)

struct txe_chunk_list {
    uint32_t starts[TXE_LIST_CHUNKS]; /* bytes of the text */
    const uint32_t *ends; /* own_ends, or starts + 1: each ends where the next begins */
    uint32_t own_ends[TXE_LIST_CHUNKS];
    struct txe_word_key keys[TXE_LIST_CHUNKS];
    uint32_t buckets[TXE_LIST_CHUNKS];
    size_t count;
};

struct txe_word_loops {
    const char *name;
    txe_word_hash_fn hash; /* what the cache must have been prepared with */

    size_t (*utf8_prefix)(const char *bytes, size_t nbytes); /* txe_utf8_prefix */

    /* Lists the chunks of text[0, nbytes) from byte `at` on, where one or white space
     * begins; returns where to go on.  Fills starts, ends and count. */
    size_t (*list_chunks)(const struct txe_chunker *chunker, const char *text,
                          size_t nbytes, size_t at, struct txe_chunk_list *list);

    /* Fills keys and buckets. */
    void (*hash_chunks)(const struct txe_word_cache *cache, const char *text,
                        size_t nbytes, struct txe_chunk_list *list);

    /* Writes the ids of the chunks from `first` on up to the first that is not known;
     * returns its index, or the list's count.  *out has room for TXE_SHORT_IDS ids of
     * each chunk, and then points behind the last one written. */
    size_t (*find_chunks)(const struct txe_word_cache *cache,
                          const struct txe_chunk_list *list, size_t first,
                          uint32_t **out);
};

/* The variant for an instruction set, "avx512..." or "avx2...", that the processor must
 * have; the portable one for any other name.  "avx512" also takes VBMI2 and AES, and is
 * "avx2" where the processor has not got them.  Static storage. */
const struct txe_word_loops *txe_word_loops_for(const char *isa);

/* NULL where the compiler does not have them. */
const struct txe_word_loops *txe_word_loops_avx2(void);
const struct txe_word_loops *txe_word_loops_avx512(void);

/* txe_utf8_prefix by AVX2; only where txe_word_loops_avx2 is not NULL. */
size_t txe_utf8_prefix_avx2(const char *bytes, size_t nbytes);

/* Bit i tells about byte i of a block of BLOCK_NBYTES; for the variants. */
enum {
    BLOCK_NBYTES = 64,
    BLOCK_TAIL = BLOCK_NBYTES + 4 /* a character that goes on */
};

struct byte_classes {
    uint64_t letter; /* A-Z a-z */
    uint64_t digit;  /* 0-9 */
    uint64_t blank;  /* the space character */
    uint64_t tab, newline, carriage_return;
    uint64_t space;   /* the four above, vertical tab and form feed */
    uint64_t control; /* below the space character, and DEL */
    uint64_t quote;   /* the apostrophe */
    uint64_t high;    /* of a character beyond ASCII */
};

#endif
