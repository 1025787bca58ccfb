/* Memory whose place matters: see memory.h. */
#define _DEFAULT_SOURCE /* madvise */
#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/common.h"

enum { LARGE_PAGE_NBYTES = 2 << 20 };

void *
txe_alloc_lines(size_t nbytes)
{
    size_t unit = nbytes >= LARGE_PAGE_NBYTES ? LARGE_PAGE_NBYTES : TXE_LINE_NBYTES;
    void *memory;
    if (posix_memalign(&memory, unit, nbytes != 0 ? nbytes : unit) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    /* Whole large pages only: the rest of one would be memory that nobody uses.  A
     * wish: failing is no matter. */
    if (unit == LARGE_PAGE_NBYTES)
        (void)madvise(memory, nbytes / unit * unit, MADV_HUGEPAGE);
#endif
    return memory;
}

void *
txe_place(struct txe_layout *layout, size_t count, size_t size)
{
    size_t nbytes;
    void *at = layout->memory != NULL ? layout->memory + layout->nbytes : NULL;
    if (!txe_mul_size(count, size, &nbytes) ||
        !txe_add_size(nbytes, TXE_LINE_NBYTES - 1, &nbytes) ||
        !txe_add_size(layout->nbytes, nbytes & ~(size_t)(TXE_LINE_NBYTES - 1),
                      &layout->nbytes))
        layout->overflow = true;
    return at;
}

/* ---- pages that can be dropped ---- */

struct range {
    uintptr_t start, end;
};

static struct {
    pthread_mutex_t mutex;
    struct range *ranges;
    size_t count, room;
} noted = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void
lock(void)
{
    pthread_mutex_lock(&noted.mutex);
}

static void
unlock(void)
{
    pthread_mutex_unlock(&noted.mutex);
}

/* A fork must not copy a lock that is held. */
static void
prepare_for_fork(void)
{
    pthread_atfork(lock, unlock, unlock);
}

void
txe_pages_note(const void *data, size_t nbytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare_for_fork);
    lock();
    if (noted.count == noted.room) {
        const size_t room = 2 * noted.room + 8;
        struct range *ranges = txe_realloc(noted.ranges, room, sizeof *ranges);
        if (ranges != NULL) {
            noted.ranges = ranges;
            noted.room = room;
        }
    }
    if (noted.count < noted.room)
        noted.ranges[noted.count++] =
            (struct range){(uintptr_t)data, (uintptr_t)data + nbytes};
    unlock();
}

void
txe_pages_end(const void *data)
{
    lock();
    for (size_t i = 0; i < noted.count; i++)
        if (noted.ranges[i].start == (uintptr_t)data) {
            noted.ranges[i] = noted.ranges[--noted.count];
            break;
        }
    unlock();
}

/* The whole pages within these nbytes: from *first up to *last; false where there are
 * none. */
static bool
find_pages(uintptr_t *first, uintptr_t *last, const void *data, size_t nbytes)
{
    const long unit = sysconf(_SC_PAGESIZE);
    if (unit <= 0)
        return false;
    const uintptr_t page = (uintptr_t)unit, start = (uintptr_t)data;
    *first = (start + page - 1) / page * page;
    *last = (start + nbytes) / page * page;
    return *first < *last;
}

void
txe_pages_drop(const void *data, size_t nbytes)
{
    const uintptr_t start = (uintptr_t)data, end = start + nbytes;
    uintptr_t first, last;
    if (!find_pages(&first, &last, data, nbytes))
        return;
    lock(); /* held until it is done, so that the range cannot end meanwhile */
    for (size_t i = 0; i < noted.count; i++)
        if (noted.ranges[i].start <= start && end <= noted.ranges[i].end) {
            (void)madvise((void *)first, last - first, MADV_DONTNEED);
            break;
        }
    unlock();
}

void
txe_pages_small(void *data, size_t nbytes)
{
#ifdef MADV_NOHUGEPAGE
    uintptr_t first, last;
    if (find_pages(&first, &last, data, nbytes))
        (void)madvise((void *)first, last - first, MADV_NOHUGEPAGE);
#else
    (void)data;
    (void)nbytes;
#endif
}

/* ---- memory for the next call ---- */

struct txe_block {
    size_t nbytes;
};

/* The memory given out begins one cache line behind the block's head. */
static void *
memory_of(struct txe_block *block)
{
    return (char *)block + TXE_LINE_NBYTES;
}

void *
txe_spare_take(struct txe_spare *spare, size_t nbytes)
{
    struct txe_block *block = atomic_exchange(&spare->block, NULL);
    if (block != NULL && block->nbytes >= nbytes)
        return memory_of(block);
    free(block);
    if (nbytes > SIZE_MAX - TXE_LINE_NBYTES)
        return NULL;
    block = txe_alloc_lines(nbytes + TXE_LINE_NBYTES);
    if (block == NULL)
        return NULL;
    block->nbytes = nbytes;
    return memory_of(block);
}

void
txe_spare_give(struct txe_spare *spare, void *memory)
{
    if (memory != NULL)
        free(atomic_exchange(
            &spare->block,
            (struct txe_block *)(void *)((char *)memory - TXE_LINE_NBYTES)));
}

void
txe_spare_free(struct txe_spare *spare)
{
    free(atomic_exchange(&spare->block, NULL));
}
