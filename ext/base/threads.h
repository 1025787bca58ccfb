/* A pool of threads for loops whose iterations are independent.
 *
 * One pool serves the whole process: it is started on the first loop that can use it
 * and its size is the set number of threads.  A loop run while another thread of the
 * program has the pool runs on its caller alone, so that calls from many Python threads
 * never start more workers than were asked for.  After fork() the child starts a pool
 * of its own when it first needs one. */
#ifndef TXE_BASE_THREADS_H
#define TXE_BASE_THREADS_H

#include <stddef.h>

/* One iteration: `index` in [0, count), `worker` in [0, max_workers) tells which thread
 * runs it, for scratch memory of its own.  Must not call txe_parallel_for. */
typedef void (*txe_loop_body)(void *context, size_t index, size_t worker);

/* Runs body(context, i, worker) for every i in [0, count), each exactly once, in no
 * particular order, on at most min(max_workers, txe_threads_get()) threads, and returns
 * when all are done.  What the bodies wrote is visible to the caller.  Cannot fail:
 * with no threads to be had, the caller runs everything.  Thread-safe. */
void txe_parallel_for(size_t count, size_t max_workers, txe_loop_body body,
                      void *context);

/* Threads a loop may use, the caller among them; at least 1.  At first:
 * $PYTXENC_NUM_THREADS, else $OMP_NUM_THREADS, else the processors that the affinity
 * mask and the cgroup's CPU quota leave to the process. */
size_t txe_threads_get(void);

/* Sets the number above (clamped to [1, TXE_MAX_THREADS]).  Takes effect with the next
 * loop; waits for a running one.  Thread-safe. */
void txe_threads_set(size_t nthreads);

#define TXE_MAX_THREADS 256

#endif
