/* Self-attention: see attention.h. */
#include "model/attention.h"

#include <math.h>
#include <string.h>

#include "base/common.h"
#include "base/threads.h"
#include "kernels/gemm.h"

/* Rows of queries taken at a time: their scores against 512 keys fill 128 KiB. */
#define BLOCK_ROWS 64

struct attention {
    float *out, *probs, *scratch;
    const float *qkv;
    const struct txe_plan *plan;
    const struct txe_inputs *inputs;
    const struct txe_config *config;
    const struct txe_kernels *kernels;
    size_t blocks_per_head; /* of the sequence with the most queries */
    bool results_only;
    float scale;
};

static size_t
count_queries(const struct attention *p, const struct txe_sequence *sequence)
{
    return p->results_only ? sequence->nresults : sequence->nrows;
}

size_t
txe_attention_scratch(const struct txe_plan *plan, size_t nworkers)
{
    return nworkers * BLOCK_ROWS * plan->max_keys;
}

/* Writes the probabilities of rows [first, first + n) of sequence b to where the padded
 * positions want them. */
static void
store_probs(const struct attention *p, size_t b, size_t h, size_t first, size_t n,
            const float *scores)
{
    const struct txe_sequence *sequence = &p->plan->sequences[b];
    const size_t *rows = p->plan->rows + sequence->start;
    const size_t S = p->plan->S;
    for (size_t i = 0; i < n; i++) {
        size_t q = rows[first + i] - b * S;
        float *row = p->probs + ((b * p->config->num_heads + h) * S + q) * S;
        for (size_t k = 0; k < sequence->nkeys; k++)
            row[rows[k] - b * S] = scores[i * sequence->nkeys + k];
    }
}

static void
attend_block(void *context, size_t index, size_t worker)
{
    const struct attention *p = context;
    const size_t H = p->config->num_heads, C = p->config->hidden_size, D = C / H;
    const size_t b = index / p->blocks_per_head / H;
    const size_t h = index / p->blocks_per_head % H;
    const size_t first = index % p->blocks_per_head * BLOCK_ROWS;
    const struct txe_sequence *sequence = &p->plan->sequences[b];
    const size_t nqueries = count_queries(p, sequence);
    if (first >= nqueries)
        return;
    const size_t n = TXE_MIN((size_t)BLOCK_ROWS, nqueries - first);
    const size_t query =
        first + (p->results_only ? sequence->first_result : sequence->start);
    const size_t nkeys = sequence->nkeys;
    float *scores = p->scratch + worker * BLOCK_ROWS * p->plan->max_keys;
    const float *head = p->qkv + sequence->start * 3 * C + h * D;

    txe_gemm1(scores, nkeys, p->qkv + query * 3 * C + h * D, 3 * C, head + C, 3 * C, 1,
              n, nkeys, D);
    const float *bias = NULL;
    size_t bias_stride = 0;
    if (p->inputs->bias != NULL) {
        const size_t *strides = p->inputs->bias_strides;
        bias_stride = strides[2];
        bias = p->inputs->bias + b * strides[0] + h * strides[1] + first * bias_stride;
    }
    p->kernels->softmax(scores, n, nkeys, nkeys, sequence->uniform ? 0.0f : p->scale,
                        bias, bias_stride);
    if (p->probs != NULL)
        store_probs(p, b, h, first, n, scores);
    txe_gemm1(p->out + query * C + h * D, C, scores, nkeys, head + 2 * C, 3 * C, 0, n,
              D, nkeys);
}

void
txe_attention(float *out, const float *qkv, float *probs, float *scratch,
              size_t nworkers, bool results_only, const struct txe_plan *plan,
              const struct txe_inputs *inputs, const struct txe_config *config,
              const struct txe_kernels *kernels)
{
    struct attention p = {
        .out = out,
        .probs = probs,
        .scratch = scratch,
        .qkv = qkv,
        .plan = plan,
        .inputs = inputs,
        .config = config,
        .kernels = kernels,
        .results_only = results_only,
        .scale = 1.0f / sqrtf((float)(config->hidden_size / config->num_heads)),
    };
    size_t most = 0;
    for (size_t b = 0; b < plan->B; b++)
        most = TXE_MAX(most, count_queries(&p, &plan->sequences[b]));
    p.blocks_per_head = (most + BLOCK_ROWS - 1) / BLOCK_ROWS;
    txe_parallel_for(plan->B * config->num_heads * p.blocks_per_head, nworkers,
                     attend_block, &p);
}
