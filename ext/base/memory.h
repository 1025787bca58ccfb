/* Memory whose place matters. */
#ifndef TXE_BASE_MEMORY_H
#define TXE_BASE_MEMORY_H

#include <stddef.h>

/* nbytes that begin at a cache line, and, where there are many and the system has them,
 * lie in large pages, so that random access to them is quick.  NULL when there is no
 * memory.  Free with free(). */
void *txe_alloc_lines(size_t nbytes);

#endif
