/* Memory whose place matters: see memory.h. */
#define _DEFAULT_SOURCE /* madvise */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { LINE_NBYTES = 64, LARGE_PAGE_NBYTES = 2 << 20 };

void *
txe_alloc_lines(size_t nbytes)
{
    size_t unit = nbytes >= LARGE_PAGE_NBYTES ? LARGE_PAGE_NBYTES : LINE_NBYTES;
    if (nbytes > SIZE_MAX - unit)
        return NULL;
    size_t whole = (nbytes + unit - 1) / unit * unit;
    void *memory = aligned_alloc(unit, whole != 0 ? whole : unit);
#ifdef MADV_HUGEPAGE
    if (memory != NULL && unit == LARGE_PAGE_NBYTES)
        (void)madvise(memory, whole, MADV_HUGEPAGE); /* a wish: failing is no matter */
#endif
    return memory;
}
