/* Memory whose place matters. */
#ifndef TXE_BASE_MEMORY_H
#define TXE_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* nbytes that begin at a cache line, and, where there are many and the system has them,
 * lie in large pages, so that random access to them is quick.  NULL when there is no
 * memory.  Free with free(). */
void *txe_alloc_lines(size_t nbytes);

/* Bytes of a cache line; the blocks given out here begin at one. */
#define TXE_LINE_NBYTES 64

/* Bytes from one row of nbytes to the next: an odd number of cache lines, as rows that
 * are a power of two apart would drive each other out of the cache. */
static inline size_t
txe_row_stride(size_t nbytes)
{
    return ((nbytes + TXE_LINE_NBYTES - 1) / TXE_LINE_NBYTES | 1) * TXE_LINE_NBYTES;
}

/* Arrays one behind the other in one block.  The same calls first count, with `memory`
 * NULL, and then, from nbytes 0 on again, give the addresses. */
struct txe_layout {
    unsigned char *memory; /* the block, at a cache line, or NULL */
    size_t nbytes;         /* taken so far */
    bool overflow;         /* the sizes exceed size_t */
};

/* The next `count` elements of `size` bytes, in cache lines of their own, so that no
 * two arrays share one; NULL while counting. */
void *txe_place(struct txe_layout *layout, size_t count, size_t size);

/* Says that the pages of these nbytes can be dropped at any time, as reading them again
 * brings them back: those of a mapped file.  txe_pages_end: that the range which
 * began at `data` ends.  Without memory for the list nothing is noted.  Thread-safe. */
void txe_pages_note(const void *data, size_t nbytes);
void txe_pages_end(const void *data);

/* Takes the whole pages within these nbytes out of the process's memory, if they lie in
 * one noted range; else does nothing.  Their content stays.  Thread-safe. */
void txe_pages_drop(const void *data, size_t nbytes);

/* Asks for small pages under these nbytes, of which only a few places will be written
 * to, so that the others take no memory.  A wish: failing is no matter. */
void txe_pages_small(void *data, size_t nbytes);

/* A block of memory that one call leaves behind for the next, so that a steady state
 * allocates nothing.  Zeroed: none yet.  Any number of threads may take and give at
 * once. */
struct txe_spare {
    _Atomic(struct txe_block *) block;
};

/* Memory of nbytes, at a cache line, content undefined, from the spare block where that
 * is large enough.  NULL when there is no memory.  Give it back, never free it
 * yourself. */
void *txe_spare_take(struct txe_spare *spare, size_t nbytes);
void txe_spare_give(struct txe_spare *spare, void *memory);

/* Frees the spare block. */
void txe_spare_free(struct txe_spare *spare);

#endif
