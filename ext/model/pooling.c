/* Pooling: see pooling.h. */
#include "model/pooling.h"

#include <math.h>
#include <string.h>

#include "base/common.h"
#include "base/threads.h"

bool
txe_pooling_reads_one(txe_pooling mode)
{
    return mode == TXE_POOL_CLS || mode == TXE_POOL_LAST;
}

void
txe_pooling_needs(bool *needed, txe_pooling mode, const struct txe_inputs *in,
                  const bool *pooled)
{
    for (size_t b = 0; b < in->B; b++) {
        size_t last = SIZE_MAX;
        for (size_t i = b * in->S; i < (b + 1) * in->S; i++) {
            if ((in->mask != NULL && !in->mask[i]) || (pooled != NULL && !pooled[i]))
                continue;
            last = i;
            if (mode != TXE_POOL_LAST)
                needed[i] = true;
            if (mode == TXE_POOL_CLS)
                break;
        }
        if (last != SIZE_MAX)
            needed[last] = true;
    }
}

struct pooling {
    float *out;
    const float *x;
    size_t C;
    txe_pooling mode;
    const struct txe_plan *plan;
    const bool *pooled;
};

static void
pool_sequence(void *context, size_t b, size_t worker)
{
    const struct pooling *p = context;
    const struct txe_sequence *sequence = &p->plan->sequences[b];
    const size_t C = p->C;
    float *restrict out = p->out + b * C;
    float total = 0;
    (void)worker;
    memset(out, 0, C * sizeof *out);
    if (sequence->uniform) /* no real token */
        return;
    for (size_t i = 0; i < sequence->nresults; i++) {
        const size_t result = sequence->first_result + i;
        const size_t token = p->plan->results[result] - sequence->start;
        const float *restrict x = p->x + result * C;
        if (token >= sequence->nkeys)
            break;
        if (p->pooled != NULL && !p->pooled[p->plan->rows[sequence->start + token]])
            continue;
        const float weight =
            p->mode == TXE_POOL_WEIGHTED_MEAN ? (float)(token + 1) : 1.0f;
        if (total == 0 || p->mode == TXE_POOL_LAST)
            for (size_t c = 0; c < C; c++)
                out[c] = weight * x[c];
        else if (p->mode == TXE_POOL_MAX)
            for (size_t c = 0; c < C; c++)
                out[c] = TXE_MAX(out[c], x[c]);
        else
            for (size_t c = 0; c < C; c++)
                out[c] += weight * x[c];
        total += weight;
        if (p->mode == TXE_POOL_CLS)
            break;
    }
    float scale = 1;
    if (p->mode == TXE_POOL_MEAN || p->mode == TXE_POOL_WEIGHTED_MEAN)
        scale = total;
    else if (p->mode == TXE_POOL_MEAN_SQRT_LEN)
        scale = sqrtf(total);
    for (size_t c = 0; scale > 1 && c < C; c++)
        out[c] /= scale;
}

void
txe_pool(float *out, const float *x, size_t C, txe_pooling mode,
         const struct txe_plan *plan, const bool *pooled, size_t nworkers)
{
    struct pooling p = {out, x, C, mode, plan, pooled};
    txe_parallel_for(plan->B, nworkers, pool_sequence, &p);
}
