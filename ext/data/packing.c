/* Samples as spans of a corpus; see packing.h.  Pairs are in pairs.c. */
#include "data/packing.h"

#include "base/common.h"
#include "data/random.h"
#include "data/samples.h"

void
txe_samples_free(struct txe_samples *samples)
{
    free(samples->starts);
    free(samples->spans);
    free(samples->labels);
    *samples = (struct txe_samples){0};
}

/* `old` with room for `count` elements and one more; NULL without memory. */
static void *
grown(void *old, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return old;
    size_t more = 2 * *capacity + 64;
    void *array = txe_realloc(old, more, size);
    if (array != NULL)
        *capacity = more;
    return array;
}

txe_status
txe_samples_span(struct txe_samples *out, struct txe_span span, struct txe_error *err)
{
    struct txe_span *spans =
        grown(out->spans, &out->M_capacity, out->M, sizeof *out->spans);
    if (spans == NULL)
        return txe_fail_nomem(err, 2 * out->M * sizeof *spans);
    out->spans = spans;
    spans[out->M++] = span;
    return TXE_OK;
}

txe_status
txe_samples_close(struct txe_samples *out, int label, struct txe_error *err)
{
    size_t N = out->N, capacity = out->N_capacity; /* of both arrays */
    int64_t *starts = grown(out->starts, &out->N_capacity, N + 1, sizeof *starts);
    if (starts == NULL)
        return txe_fail_nomem(err, 2 * N * sizeof *starts);
    out->starts = starts;
    if (label >= 0) {
        int8_t *labels = grown(out->labels, &capacity, N + 1, sizeof *labels);
        if (labels == NULL) {
            out->N_capacity = capacity;
            return txe_fail_nomem(err, 2 * N * sizeof *labels);
        }
        out->labels = labels;
        labels[N] = (int8_t)label;
    }
    starts[0] = 0;
    starts[N + 1] = (int64_t)out->M;
    out->N++;
    return TXE_OK;
}

/* The sample that is being filled. */
struct run {
    struct txe_samples *out;
    const struct txe_run_rules *rules;
    size_t used; /* tokens in it, 0 for none */
};

static txe_status
close_run(struct run *run, struct txe_error *err)
{
    if (run->used == 0)
        return TXE_OK;
    run->used = 0;
    return txe_samples_close(run->out, -1, err);
}

/* Adds a line, in pieces if need be; `first`: of its document. */
static txe_status
add_line(struct run *run, struct txe_span line, bool first, struct txe_error *err)
{
    const struct txe_run_rules *rules = run->rules;
    while (line.begin < line.end) {
        size_t separators = 0;
        if (run->used != 0 && (first || rules->line_separators))
            separators = first && rules->line_separators ? 2 : 1;
        size_t taken = run->used + separators, length = (size_t)(line.end - line.begin);
        size_t left = taken < rules->room ? rules->room - taken : 0;
        if (length > left && (left == 0 || (run->used != 0 && !rules->cut_lines))) {
            TXE_TRY(close_run(run, err));
            continue;
        }
        struct txe_span piece = {line.begin,
                                 line.begin + (int64_t)TXE_MIN(length, left)};
        if (separators == 2) /* around a line that is empty */
            TXE_TRY(txe_samples_span(run->out,
                                     (struct txe_span){piece.begin, piece.begin}, err));
        if (run->used != 0 && separators == 0)
            run->out->spans[run->out->M - 1].end = piece.end;
        else
            TXE_TRY(txe_samples_span(run->out, piece, err));
        run->used = taken + (size_t)(piece.end - piece.begin);
        line.begin = piece.end;
    }
    return TXE_OK;
}

/* 0 to D - 1 in random order (Fisher and Yates); NULL without memory. */
static size_t *
shuffled(size_t D, uint64_t seed, uint64_t epoch)
{
    size_t *order = txe_alloc(D, sizeof *order);
    if (order == NULL)
        return NULL;
    struct txe_random random = txe_random_start(TXE_RANDOM_ORDER, seed, epoch, 0);
    for (size_t i = 0; i < D; i++) {
        size_t j = txe_random_below(&random, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    return order;
}

static txe_status
pack_in_order(struct txe_samples *out, const struct txe_lines *corpus,
              const struct txe_run_rules *rules, const size_t *order,
              struct txe_error *err)
{
    struct run run = {out, rules, 0};
    for (size_t i = 0; i < corpus->D; i++) {
        size_t d = order != NULL ? order[i] : i;
        for (int64_t l = corpus->documents[d]; l < corpus->documents[d + 1]; l++) {
            struct txe_span line = {corpus->bounds[l], corpus->bounds[l + 1]};
            TXE_TRY(add_line(&run, line, l == corpus->documents[d], err));
        }
        if (!rules->cross_documents)
            TXE_TRY(close_run(&run, err));
    }
    return close_run(&run, err);
}

txe_status
txe_pack_runs(struct txe_samples *out, const struct txe_lines *corpus,
              const struct txe_run_rules *rules, struct txe_error *err)
{
    size_t *order = NULL;
    if (rules->shuffle) {
        order = shuffled(corpus->D, rules->seed, rules->epoch);
        if (order == NULL)
            return txe_fail_nomem(err, corpus->D * sizeof *order);
    }
    txe_status status = pack_in_order(out, corpus, rules, order, err);
    free(order);
    return status;
}
