/* The thread pool: see threads.h.
 *
 * `round` is odd while a loop is open to workers and even between loops.  Workers wait
 * for an odd round that they have not seen, first spinning, then asleep on a condition
 * variable. A loop publishes its body, opens a round, takes part itself until no index
 * is left, closes the round, and waits for the workers that are inside; one that comes
 * too late finds the round closed, and nobody waits for it.  Indices are handed out by
 * an atomic counter, so an uneven loop balances itself. */
#define _GNU_SOURCE
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/common.h"
#include "base/cpu.h"

/* About 20-60 us, longer than the gap between two loops of a forward pass. */
#define SPINS 2000

static struct {
    pthread_mutex_t owner; /* held by the thread whose loop is running */
    pthread_mutex_t mutex; /* guards sleeping and round changes */
    pthread_cond_t wake;
    atomic_size_t nthreads; /* wanted; 0: not decided yet */
    size_t nworkers;        /* started, besides the caller; guarded by owner */
    pthread_t workers[TXE_MAX_THREADS];

    atomic_size_t round;  /* raised under mutex, so that no sleeper misses it */
    atomic_size_t inside; /* workers that may be using what follows */
    bool stop;            /* this round is for workers to end */
    txe_loop_body body;
    void *context;
    size_t count;
    size_t max_workers; /* the caller among them */
    atomic_size_t next; /* next index to hand out */
} pool = {.owner = PTHREAD_MUTEX_INITIALIZER,
          .mutex = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER};

/* Processors that a cgroup's (v2 or v1) quota allows, rounded up; 0 without a quota. */
static size_t
cgroup_quota(void)
{
    long long quota = -1, period = 0;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (f != NULL) {
        if (fscanf(f, "%lld %lld", &quota, &period) != 2)
            quota = -1; /* "max 100000" */
        fclose(f);
    } else {
        FILE *q = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r");
        FILE *p = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r");
        if (q == NULL || p == NULL || fscanf(q, "%lld", &quota) != 1 ||
            fscanf(p, "%lld", &period) != 1)
            quota = -1;
        if (q != NULL)
            fclose(q);
        if (p != NULL)
            fclose(p);
    }
    if (quota <= 0 || period <= 0)
        return 0;
    return (size_t)((quota + period - 1) / period);
}

static size_t
env_threads(const char *name)
{
    const char *text = getenv(name);
    if (text == NULL)
        return 0;
    char *end;
    long n = strtol(text, &end, 10);
    return end != text && n > 0 ? (size_t)n : 0;
}

static size_t
default_threads(void)
{
    size_t n = env_threads("PYTXENC_NUM_THREADS");
    if (n == 0)
        n = env_threads("OMP_NUM_THREADS");
    if (n == 0) {
#if defined(__linux__)
        cpu_set_t set;
        if (sched_getaffinity(0, sizeof set, &set) == 0)
            n = (size_t)CPU_COUNT(&set);
#endif
        if (n == 0) {
            long online = sysconf(_SC_NPROCESSORS_ONLN);
            n = online > 0 ? (size_t)online : 1;
        }
        size_t quota = cgroup_quota();
        if (quota != 0)
            n = TXE_MIN(n, quota);
    }
    return TXE_MIN(TXE_MAX(n, (size_t)1), (size_t)TXE_MAX_THREADS);
}

static void
run_share(size_t worker)
{
    size_t i;
    while ((i = atomic_fetch_add_explicit(&pool.next, 1, memory_order_relaxed)) <
           pool.count)
        pool.body(pool.context, i, worker);
}

/* The round when it is open and not `seen`, else 0. */
static inline size_t
open_round(size_t seen)
{
    size_t round = atomic_load_explicit(&pool.round, memory_order_acquire);
    return round % 2 == 1 && round != seen ? round : 0;
}

static void *
worker_main(void *arg)
{
    size_t worker = (size_t)(uintptr_t)arg;
    size_t seen = 0;
    for (;;) {
        size_t round = open_round(seen);
        for (int i = 0; round == 0 && i < SPINS; i++) {
            txe_cpu_relax();
            round = open_round(seen);
        }
        if (round == 0) {
            pthread_mutex_lock(&pool.mutex);
            while ((round = open_round(seen)) == 0)
                pthread_cond_wait(&pool.wake, &pool.mutex);
            pthread_mutex_unlock(&pool.mutex);
        }
        seen = round;
        /* Either the caller, having closed the round, sees us inside, or we see it
         * closed: both sides write first and read then, in the one order of seq_cst. */
        atomic_fetch_add(&pool.inside, 1);
        bool entered = atomic_load(&pool.round) == seen;
        bool stop = entered && pool.stop;
        if (entered && !stop && worker < pool.max_workers)
            run_share(worker);
        atomic_fetch_sub_explicit(&pool.inside, 1, memory_order_release);
        if (stop)
            return NULL;
    }
}

/* Opens a round for the workers to see.  Called with `owner` held. */
static void
raise_round(void)
{
    pthread_mutex_lock(&pool.mutex);
    atomic_fetch_add(&pool.round, 1);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.mutex);
}

/* Closes the round and waits until nobody is inside.  Called with `owner` held. */
static void
close_round(void)
{
    atomic_fetch_add(&pool.round, 1);
    for (size_t spins = 0; atomic_load(&pool.inside) != 0; spins++) {
        txe_cpu_relax();
        if (spins > SPINS)
            sched_yield();
    }
}

/* Called with `owner` held. */
static void
stop_workers(void)
{
    if (pool.nworkers == 0)
        return;
    pool.stop = true;
    raise_round();
    for (size_t i = 0; i < pool.nworkers; i++)
        pthread_join(pool.workers[i], NULL);
    pool.stop = false;
    pool.nworkers = 0;
    atomic_store(&pool.round, 0);
}

/* fork() copies only the calling thread: it must find the locks free and no workers. */
static void
before_fork(void)
{
    pthread_mutex_lock(&pool.owner);
    pthread_mutex_lock(&pool.mutex);
}

static void
after_fork_parent(void)
{
    pthread_mutex_unlock(&pool.mutex);
    pthread_mutex_unlock(&pool.owner);
}

static void
after_fork_child(void)
{
    pool.nworkers = 0;
    atomic_store(&pool.round, 0);
    atomic_store(&pool.inside, 0);
    pthread_cond_t fresh = PTHREAD_COND_INITIALIZER;
    pool.wake = fresh;
    pthread_mutex_unlock(&pool.mutex);
    pthread_mutex_unlock(&pool.owner);
}

static void
install_fork_handlers(void)
{
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

/* Before the first use of the locks, that a fork never copies one that is held. */
static void
prepare_for_fork(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_fork_handlers);
}

/* Called with `owner` held. */
static void
start_workers(void)
{
    while (pool.nworkers + 1 < atomic_load(&pool.nthreads)) {
        uintptr_t worker = pool.nworkers + 1;
        if (pthread_create(&pool.workers[pool.nworkers], NULL, worker_main,
                           (void *)worker) != 0) {
            /* These are all there are to be had. */
            atomic_store(&pool.nthreads, pool.nworkers + 1);
            break;
        }
        pool.nworkers++;
    }
}

void
txe_parallel_for(size_t count, size_t max_workers, txe_loop_body body, void *context)
{
    prepare_for_fork();
    if (count <= 1 || max_workers <= 1 || pthread_mutex_trylock(&pool.owner) != 0) {
        for (size_t i = 0; i < count; i++)
            body(context, i, 0);
        return;
    }
    if (txe_threads_get() > 1 && pool.nworkers == 0)
        start_workers();
    pool.body = body;
    pool.context = context;
    pool.count = count;
    pool.max_workers = max_workers;
    atomic_store_explicit(&pool.next, 0, memory_order_relaxed);
    if (pool.nworkers > 0)
        raise_round();
    run_share(0);
    if (pool.nworkers > 0)
        close_round();
    pthread_mutex_unlock(&pool.owner);
}

size_t
txe_threads_get(void)
{
    size_t n = atomic_load_explicit(&pool.nthreads, memory_order_relaxed);
    if (n == 0) {
        size_t chosen = default_threads();
        /* Another thread may have set a number meanwhile: then that one stands. */
        if (atomic_compare_exchange_strong(&pool.nthreads, &n, chosen))
            n = chosen;
    }
    return n;
}

void
txe_threads_set(size_t nthreads)
{
    prepare_for_fork();
    pthread_mutex_lock(&pool.owner);
    stop_workers();
    atomic_store(&pool.nthreads,
                 TXE_MIN(TXE_MAX(nthreads, (size_t)1), (size_t)TXE_MAX_THREADS));
    pthread_mutex_unlock(&pool.owner);
}
