/* Steps of optimisers: see optimizer.h. */
#include "train/optimizer.h"

#include <math.h>
#include <string.h>

#include "base/common.h"
#include "base/threads.h"

/* Elements of a chunk: four arrays of it fit a second-level cache. */
#define CHUNK ((size_t)16384)

struct chunk {
    size_t first, size; /* elements */
    size_t segment, group;
};

struct chunks {
    struct chunk *items;
    size_t count;
};

static size_t
chunks_in(size_t n)
{
    return n / CHUNK + (n % CHUNK != 0);
}

/* Cuts the segments, none of them across two chunks.  Free items. */
static txe_status
make_chunks(struct chunks *chunks, struct txe_segments segments, struct txe_error *err)
{
    chunks->count = 0;
    for (size_t i = 0; i < segments.count; i++)
        chunks->count += chunks_in(segments.items[i].size);
    chunks->items = txe_alloc(chunks->count, sizeof *chunks->items);
    if (chunks->items == NULL)
        return txe_fail_nomem(err, chunks->count * sizeof *chunks->items);
    struct chunk *next = chunks->items;
    for (size_t i = 0; i < segments.count; i++) {
        struct txe_segment segment = segments.items[i];
        for (size_t at = 0; at < segment.size; at += CHUNK)
            *next++ = (struct chunk){
                .first = segment.offset + at,
                .size = TXE_MIN(CHUNK, segment.size - at),
                .segment = i,
                .group = segment.group,
            };
    }
    return TXE_OK;
}

/* What the loops over chunks read; each uses a part of it. */
struct sweep {
    const struct chunk *chunks;
    const struct txe_optimizer_kernels *kernels;
    float *p, *m, *v; /* of SGD m is the buffer */
    const float *g;
    const void *groups;
    double (*sums)[2];   /* [chunks] */
    const double *rates; /* [segments] */
};

static void
run_sweep(struct sweep *sweep, struct chunks chunks, txe_loop_body body)
{
    sweep->chunks = chunks.items;
    txe_parallel_for(chunks.count, txe_threads_get(), body, sweep);
}

/* Cuts the segments and runs `body` for every chunk. */
static txe_status
sweep_once(struct sweep *sweep, struct txe_segments segments, txe_loop_body body,
           struct txe_error *err)
{
    struct chunks chunks;
    TXE_TRY(make_chunks(&chunks, segments, err));
    run_sweep(sweep, chunks, body);
    free(chunks.items);
    return TXE_OK;
}

static void
sum_chunk(void *context, size_t index, size_t worker)
{
    const struct sweep *s = context;
    struct chunk chunk = s->chunks[index];
    s->sums[index][0] = s->kernels->sum_squares(s->g + chunk.first, chunk.size);
}

txe_status
txe_gradient_norm(double *norm, const float *g, struct txe_segments segments,
                  const struct txe_optimizer_kernels *kernels, struct txe_error *err)
{
    struct sweep sweep = {.kernels = kernels, .g = g};
    struct chunks chunks;
    TXE_TRY(make_chunks(&chunks, segments, err));
    sweep.sums = txe_alloc(chunks.count, sizeof *sweep.sums);
    if (sweep.sums == NULL) {
        free(chunks.items);
        return txe_fail_nomem(err, chunks.count * sizeof *sweep.sums);
    }
    run_sweep(&sweep, chunks, sum_chunk);
    double sum = 0.0;
    for (size_t i = 0; i < chunks.count; i++)
        sum += sweep.sums[i][0];
    *norm = sqrt(sum);
    free(sweep.sums);
    free(chunks.items);
    return TXE_OK;
}

static void
adam_chunk(void *context, size_t index, size_t worker)
{
    const struct sweep *s = context;
    struct chunk chunk = s->chunks[index];
    s->kernels->adam(s->p + chunk.first, s->m + chunk.first, s->v + chunk.first,
                     s->g + chunk.first, chunk.size,
                     (const struct txe_adam *)s->groups + chunk.group);
}

txe_status
txe_adam_step(float *p, float *m, float *v, const float *g,
              struct txe_segments segments, const struct txe_adam *groups,
              const struct txe_optimizer_kernels *kernels, struct txe_error *err)
{
    struct sweep sweep = {
        .kernels = kernels, .p = p, .m = m, .v = v, .g = g, .groups = groups};
    return sweep_once(&sweep, segments, adam_chunk, err);
}

static const struct txe_lamb *
lamb_of(const struct sweep *s, struct chunk chunk)
{
    return (const struct txe_lamb *)s->groups + chunk.group;
}

/* The moments, and the sums of squares of p and of u. */
static void
lamb_sum_chunk(void *context, size_t index, size_t worker)
{
    enum { PART = 2048 };
    float u[PART];
    const struct sweep *s = context;
    struct chunk chunk = s->chunks[index];
    double of_p = 0.0, of_u = 0.0;
    for (size_t at = 0; at < chunk.size; at += PART) {
        size_t first = chunk.first + at, n = TXE_MIN(PART, chunk.size - at);
        s->kernels->adam_direction(u, s->m + first, s->v + first, s->g + first,
                                   s->p + first, n, &lamb_of(s, chunk)->adam);
        of_p += s->kernels->sum_squares(s->p + first, n);
        of_u += s->kernels->sum_squares(u, n);
    }
    s->sums[index][0] = of_p;
    s->sums[index][1] = of_u;
}

static void
lamb_apply_chunk(void *context, size_t index, size_t worker)
{
    const struct sweep *s = context;
    struct chunk chunk = s->chunks[index];
    s->kernels->adam_apply(s->p + chunk.first, s->m + chunk.first, s->v + chunk.first,
                           (float)s->rates[chunk.segment], chunk.size,
                           &lamb_of(s, chunk)->adam);
}

static double
lamb_rate(const struct txe_lamb *group, const double squares[2])
{
    double p = TXE_MIN(TXE_MAX(sqrt(squares[0]), group->low), group->high);
    double u = sqrt(squares[1]);
    if (!group->adapt || !(p > 0.0 && u > 0.0))
        return group->lr;
    return group->lr * TXE_MIN(p / u, group->max_ratio);
}

txe_status
txe_lamb_step(float *p, float *m, float *v, const float *g,
              struct txe_segments segments, const struct txe_lamb *groups,
              const struct txe_optimizer_kernels *kernels, struct txe_error *err)
{
    struct sweep sweep = {
        .kernels = kernels, .p = p, .m = m, .v = v, .g = g, .groups = groups};
    txe_status status = TXE_OK;
    struct chunks chunks;
    TXE_TRY(make_chunks(&chunks, segments, err));
    double *rates = txe_calloc(segments.count, sizeof *rates);
    sweep.sums = txe_alloc(chunks.count, sizeof *sweep.sums);
    if (rates == NULL || sweep.sums == NULL) {
        status = txe_fail_nomem(err, chunks.count * sizeof *sweep.sums);
        goto done;
    }
    run_sweep(&sweep, chunks, lamb_sum_chunk);
    for (size_t at = 0; at < chunks.count;) {
        struct chunk first = chunks.items[at];
        double squares[2] = {0.0, 0.0};
        for (; at < chunks.count && chunks.items[at].segment == first.segment; at++) {
            squares[0] += sweep.sums[at][0];
            squares[1] += sweep.sums[at][1];
        }
        rates[first.segment] = lamb_rate(lamb_of(&sweep, first), squares);
    }
    sweep.rates = rates;
    run_sweep(&sweep, chunks, lamb_apply_chunk);

done:
    free(sweep.sums);
    free(rates);
    free(chunks.items);
    return status;
}

static void
sgd_chunk(void *context, size_t index, size_t worker)
{
    const struct sweep *s = context;
    struct chunk chunk = s->chunks[index];
    s->kernels->sgd(s->p + chunk.first, s->m != NULL ? s->m + chunk.first : NULL,
                    s->g + chunk.first, chunk.size,
                    (const struct txe_sgd *)s->groups + chunk.group);
}

txe_status
txe_sgd_step(float *p, float *b, const float *g, struct txe_segments segments,
             const struct txe_sgd *groups, const struct txe_optimizer_kernels *kernels,
             struct txe_error *err)
{
    struct sweep sweep = {.kernels = kernels, .p = p, .m = b, .g = g, .groups = groups};
    return sweep_once(&sweep, segments, sgd_chunk, err);
}

/* Elements of a piece of a whole array: so many that memset goes past the caches. */
#define ZEROED_AT_ONCE 1024 /* elements: a page */
#define PIECE ((size_t)1 << 20)

struct whole {
    float *to;
    const float *from;
    size_t n;
    float weight;
    const struct txe_optimizer_kernels *kernels;
};

/* Whether all bits of n >= 1 elements are 0. */
static bool
is_zero(const float *x, size_t n)
{
    static const float zero = 0;
    return memcmp(x, &zero, sizeof zero) == 0 &&
           memcmp(x, x + 1, (n - 1) * sizeof *x) == 0;
}

/* What is zero already is not written to: memory that nothing was ever written to takes
 * no room. */
static void
zero_piece(void *context, size_t index, size_t worker)
{
    const struct whole *w = context;
    const size_t end = TXE_MIN((index + 1) * PIECE, w->n);
    for (size_t first = index * PIECE, n; first < end; first += n) {
        n = TXE_MIN((size_t)ZEROED_AT_ONCE, end - first);
        if (!is_zero(w->to + first, n))
            memset(w->to + first, 0, n * sizeof *w->to);
    }
}

static void
blend_piece(void *context, size_t index, size_t worker)
{
    const struct whole *w = context;
    size_t first = index * PIECE;
    w->kernels->blend(w->to + first, w->from + first, w->weight,
                      TXE_MIN(PIECE, w->n - first));
}

static void
run_whole(struct whole whole, txe_loop_body body)
{
    size_t pieces = whole.n / PIECE + (whole.n % PIECE != 0);
    txe_parallel_for(pieces, txe_threads_get(), body, &whole);
}

void
txe_fill_zero(float *x, size_t n)
{
    run_whole((struct whole){.to = x, .n = n}, zero_piece);
}

void
txe_blend(float *a, const float *x, float weight, size_t n,
          const struct txe_optimizer_kernels *kernels)
{
    run_whole(
        (struct whole){
            .to = a, .from = x, .n = n, .weight = weight, .kernels = kernels},
        blend_piece);
}
