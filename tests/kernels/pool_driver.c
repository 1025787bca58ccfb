/* Loops of several threads on the pool while its size changes and children are forked:
 * a program of its own for ThreadSanitizer.  Exit status 0 when every index ran once.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/threads.h"

#define MAX_COUNT 200

struct loop {
    int counts[MAX_COUNT]; /* not atomic: a second visit at once would be a race */
    size_t input;          /* set before the loop, read by every body */
};

static void
visit(void *context, size_t index, size_t worker)
{
    struct loop *loop = context;
    loop->counts[index] += (int)loop->input + (worker >= TXE_MAX_THREADS);
}

static int
run(size_t count)
{
    struct loop loop = {.input = 1};
    txe_parallel_for(count, TXE_MAX_THREADS, visit, &loop);
    for (size_t i = 0; i < MAX_COUNT; i++)
        if (loop.counts[i] != (i < count)) {
            fprintf(stderr, "index %zu of %zu ran %d times\n", i, count,
                    loop.counts[i]);
            return 1;
        }
    return 0;
}

static void *
caller(void *arg)
{
    size_t failures = 0;
    for (size_t i = 0; i < 2000; i++)
        failures += (size_t)run((i * 7 + (size_t)arg) % MAX_COUNT);
    return (void *)failures;
}

int
main(void)
{
    pthread_t threads[3];
    size_t failures = 0;
    txe_threads_set(3);
    for (size_t i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, caller, (void *)i) != 0)
            return 1;
    for (size_t i = 0; i < 40; i++) {
        txe_threads_set(i % 8 + 1);
        failures += (size_t)run(i);
    }
    for (size_t i = 0; i < 3; i++) {
        void *result;
        pthread_join(threads[i], &result);
        failures += (size_t)result;
    }
    txe_threads_set(
        1); /* no thread besides this one: the sanitizer wants it so at fork */
    pid_t child = fork();
    if (child == 0)
        _exit(run(MAX_COUNT));
    int status = 1;
    if (waitpid(child, &status, 0) != child || status != 0)
        failures++;
    txe_threads_set(4);
    failures += (size_t)run(MAX_COUNT);
    return failures != 0;
}
