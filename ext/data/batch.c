/* Rows of a batch; see batch.h. */
#include "data/batch.h"

#include <string.h>

#include "base/common.h"

/* A row that is being written, up to `n`. */
struct row {
    int64_t *ids, *types;
    bool *fixed;
    size_t n, S;
    long long sample;
};

static txe_status
put(struct row *row, int64_t id, int64_t type, const struct txe_batch_source *source,
    struct txe_error *err)
{
    if (row->n == row->S)
        return txe_fail(err, TXE_EVALUE, "sample %lld has more than %zu tokens",
                        row->sample, row->S);
    if (id < 0 || (uint64_t)id >= source->V)
        return txe_fail(err, TXE_EVALUE,
                        "special token %lld is not in the vocabulary of %zu",
                        (long long)id, source->V);
    row->ids[row->n] = id;
    row->types[row->n] = type;
    row->fixed[row->n++] = true;
    return TXE_OK;
}

static txe_status
put_text(struct row *row, struct txe_span span, int64_t type,
         const struct txe_batch_source *source, struct txe_error *err)
{
    if (span.begin < 0 || span.end < span.begin ||
        (uint64_t)span.end > (uint64_t)source->nids)
        return txe_fail(
            err, TXE_EVALUE, "sample %lld has tokens %lld to %lld of a corpus of %zu",
            row->sample, (long long)span.begin, (long long)span.end, source->nids);
    size_t count = (size_t)(span.end - span.begin), begin = (size_t)span.begin;
    if (count > row->S - row->n)
        return txe_fail(err, TXE_EVALUE, "sample %lld has more than %zu tokens",
                        row->sample, row->S);
    int64_t *ids = row->ids + row->n, largest = 0;
    for (size_t i = 0; i < count; i++) {
        ids[i] = source->ids16 != NULL ? (int64_t)source->ids16[begin + i]
                                       : (int64_t)source->ids32[begin + i];
        largest = TXE_MAX(largest, ids[i]);
    }
    if (count != 0 && (uint64_t)largest >= source->V)
        return txe_fail(
            err, TXE_EVALUE,
            "sample %lld has the id %lld, which is not in the vocabulary of "
            "%zu",
            row->sample, (long long)largest, source->V);
    for (size_t i = 0; i < count; i++)
        row->types[row->n + i] = type;
    memset(row->fixed + row->n, false, count);
    row->n += count;
    return TXE_OK;
}

static txe_status
fill(struct row *row, const struct txe_batch_source *source, struct txe_error *err)
{
    if (row->sample < 0 || (uint64_t)row->sample >= source->N)
        return txe_fail(err, TXE_EVALUE, "there is no sample %lld: there are %zu",
                        row->sample, source->N);
    int64_t first = source->starts[row->sample], last = source->starts[row->sample + 1];
    if (first < 0 || last < first || (uint64_t)last > source->M ||
        (source->pairs && last - first != 2))
        return txe_fail(err, TXE_EVALUE, "sample %lld has spans %lld to %lld of %zu",
                        row->sample, (long long)first, (long long)last, source->M);
    for (size_t p = 0; p < source->nparts; p++) {
        const struct txe_part *part = source->parts + p;
        if (part->text < 0) {
            TXE_TRY(put(row, part->id, part->type_id, source, err));
            continue;
        }
        int64_t begin = source->pairs ? first + (part->text != 0) : first;
        int64_t end = source->pairs ? begin + 1 : last;
        for (int64_t s = begin; s < end; s++) {
            if (s != begin)
                TXE_TRY(put(row, source->separator, part->type_id, source, err));
            TXE_TRY(put_text(row, source->spans[s], part->type_id, source, err));
        }
    }
    return TXE_OK;
}

static void
pad(struct row *row, bool *attended, int64_t pad_id)
{
    memset(attended, true, row->n);
    memset(attended + row->n, false, row->S - row->n);
    memset(row->fixed + row->n, true, row->S - row->n);
    for (size_t i = row->n; i < row->S; i++) {
        row->ids[i] = pad_id;
        row->types[i] = 0;
    }
}

txe_status
txe_batch_make(int64_t *ids, bool *attended, int64_t *types, bool *fixed,
               int64_t *labels, const struct txe_batch_source *source,
               const int64_t *rows, size_t B, size_t S, struct txe_error *err)
{
    size_t size;
    if (!txe_mul_size(S, 3, &size) || S > UINT32_MAX)
        return txe_fail(err, TXE_EVALUE, "rows of %zu tokens are too long", S);
    uint32_t *scratch = NULL;
    if (source->rules != NULL) {
        scratch = txe_alloc(size, sizeof *scratch);
        if (scratch == NULL)
            return txe_fail_nomem(err, size * sizeof *scratch);
    }
    txe_status status = TXE_OK;
    for (size_t b = 0; b < B && status == TXE_OK; b++) {
        struct row row = {ids + b * S, types + b * S, fixed + b * S, 0, S, rows[b]};
        status = fill(&row, source, err);
        if (status != TXE_OK)
            break;
        pad(&row, attended + b * S, source->pad);
        if (source->rules == NULL)
            continue;
        struct txe_random random = txe_random_start(TXE_RANDOM_MASKS, source->seed,
                                                    source->epoch, (uint64_t)rows[b]);
        txe_mask_row(row.ids, labels + b * S, row.fixed, row.n, source->flags,
                     source->rules, &random, scratch);
        for (size_t i = row.n; i < S; i++)
            labels[b * S + i] = TXE_NOT_MASKED;
    }
    free(scratch);
    return status;
}
