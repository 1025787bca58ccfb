/* The merging of symbols, for bpe.c: short words by scanning, long ones with a queue.
 */
#ifndef TXE_TEXT_BPE_MERGE_H
#define TXE_TEXT_BPE_MERGE_H

#include "text/bpe.h"

/* Symbols up to which scanning beats a queue: with the two ends, one bit each. */
#define TXE_BPE_SHORT 62

/* Merges symbols[1, count], 0 < count <= TXE_BPE_SHORT, in an array [count + 2];
 * ranks[i], used up, is that of symbols i and i + 1.  Returns bit i for each symbol
 * that is left, and bits 0 and count + 1; a merged symbol is where its first one was.
 */
uint64_t txe_bpe_merge_short(const struct txe_bpe *model, uint32_t *symbols,
                             uint32_t *ranks, size_t count);

/* uint32_ts that txe_bpe_merge_long needs for `count` symbols. */
size_t txe_bpe_merge_room(size_t count);

/* Merges symbols[0, count), 0 < count <= 2^29, with memory [txe_bpe_merge_room(count)].
 * On return memory[i], for the symbol left at i, is how many symbols it was made of:
 * the next one is that much further. */
void txe_bpe_merge_long(const struct txe_bpe *model, uint32_t *symbols, size_t count,
                        uint32_t *memory);

#endif
