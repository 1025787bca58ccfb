/* Checking a batch and planning its rows: see batch.h. */
#include "model/batch.h"

#include <string.h>

#include "base/common.h"
#include "base/memory.h"

static txe_status
check_range(const char *what, const int64_t *values, size_t limit, const char *table,
            const struct txe_inputs *in, struct txe_error *err)
{
    for (size_t i = 0; i < in->B * in->S; i++)
        if (values[i] < 0 || (uint64_t)values[i] >= limit)
            return txe_fail(
                err, TXE_EINDEX,
                "%s[%zu, %zu] is %lld; it must be from 0 to %zu (%s is %zu)", what,
                i / in->S, i % in->S, (long long)values[i], limit - 1, table, limit);
    return TXE_OK;
}

static txe_status
check_inputs(const struct txe_inputs *in, const struct txe_config *config,
             struct txe_error *err)
{
    if (in->B == 0 || in->S == 0)
        return txe_fail(err, TXE_EVALUE,
                        "the input has shape (%zu, %zu): there is nothing to compute; "
                        "at least one sequence of at least one token is needed",
                        in->B, in->S);
    if (in->ids != NULL && check_range("input_ids", in->ids, config->vocab_size,
                                       "vocab_size", in, err) != TXE_OK)
        return err->status;
    if (in->types != NULL && config->type_vocab_size == 0)
        return txe_fail(err, TXE_EVALUE,
                        "this model has no token types: leave token_type_ids out");
    if (in->types != NULL &&
        check_range("token_type_ids", in->types, config->type_vocab_size,
                    "type_vocab_size", in, err) != TXE_OK)
        return err->status;
    if (in->positions != NULL)
        return check_range("position_ids", in->positions, config->max_positions,
                           "max_position_embeddings", in, err);
    if (config->family != TXE_ROBERTA && in->S > config->max_positions)
        return txe_fail(err, TXE_EVALUE,
                        "sequences of %zu tokens are too long: the model has positions "
                        "for %zu (max_position_embeddings); truncate the text, for "
                        "example with tokenizer(..., truncation=True, max_length=%zu)",
                        in->S, config->max_positions, config->max_positions);
    return TXE_OK;
}

/* The position of every token of sequence b by the family's rule, into positions[S]. */
static txe_status
count_positions(int64_t *positions, const struct txe_inputs *in,
                const struct txe_config *config, size_t b, struct txe_error *err)
{
    if (in->positions != NULL) {
        memcpy(positions, in->positions + b * in->S, in->S * sizeof *positions);
        return TXE_OK;
    }
    if (config->family != TXE_ROBERTA) {
        for (size_t s = 0; s < in->S; s++)
            positions[s] = (int64_t)s;
        return TXE_OK;
    }
    const int64_t pad = config->pad_token_id;
    int64_t seen = 0;
    for (size_t s = 0; s < in->S; s++) {
        bool real = in->ids == NULL || in->ids[b * in->S + s] != pad;
        seen += real;
        positions[s] = real ? seen + pad : pad;
    }
    if ((uint64_t)(seen + pad) >= config->max_positions) {
        const long long limit = (long long)config->max_positions - 1 - (long long)pad;
        return txe_fail(
            err, TXE_EVALUE,
            "sequence %zu of the batch has %lld tokens: the model has "
            "positions for %lld (max_position_embeddings %zu, of which "
            "RoBERTa skips the first pad_token_id + 1 = %lld); truncate the "
            "text, for example with tokenizer(..., truncation=True, "
            "max_length=%lld)",
            b, (long long)seen, limit, config->max_positions, (long long)pad + 1,
            limit);
    }
    return TXE_OK;
}

static void
add_row(struct txe_plan *plan, size_t row, int64_t position, bool result)
{
    plan->rows[plan->T] = row;
    plan->positions[plan->T] = position;
    if (result)
        plan->results[plan->N++] = plan->T;
    plan->T++;
}

static void
plan_sequence(struct txe_plan *plan, const struct txe_inputs *in, size_t b,
              const bool *needed, bool narrow, const int64_t *positions)
{
    struct txe_sequence *sequence = &plan->sequences[b];
    const size_t row = b * in->S;
    const bool *mask = in->mask != NULL ? in->mask + row : NULL;
    size_t nkeys = in->S;
    if (mask != NULL) {
        nkeys = 0;
        for (size_t s = 0; s < in->S; s++)
            nkeys += mask[s];
    }
    sequence->start = plan->T;
    sequence->first_result = plan->N;
    sequence->uniform = nkeys == 0;
    if (sequence->uniform) {
        mask = NULL;
        nkeys = in->S;
    }
    for (size_t s = 0; s < in->S; s++)
        if (mask == NULL || mask[s])
            add_row(plan, row + s, positions[s], !narrow || needed[row + s]);
    for (size_t s = 0; mask != NULL && s < in->S; s++)
        if (!mask[s] && needed[row + s])
            add_row(plan, row + s, positions[s], true);
    sequence->nrows = plan->T - sequence->start;
    sequence->nresults = plan->N - sequence->first_result;
    sequence->nkeys = nkeys;
    plan->max_keys = TXE_MAX(plan->max_keys, nkeys);
}

/* Places the arrays of a plan, B and S set; returns room for the positions of one
 * sequence. */
static int64_t *
lay_out(struct txe_plan *plan, struct txe_layout *layout)
{
    const size_t tokens = plan->B * plan->S;
    plan->sequences = txe_place(layout, plan->B, sizeof *plan->sequences);
    plan->rows = txe_place(layout, tokens, sizeof *plan->rows);
    plan->results = txe_place(layout, tokens, sizeof *plan->results);
    plan->positions = txe_place(layout, tokens, sizeof *plan->positions);
    return txe_place(layout, plan->S, sizeof *plan->positions);
}

bool
txe_plan_nbytes(size_t *nbytes, size_t B, size_t S)
{
    struct txe_plan plan = {.B = B, .S = S};
    struct txe_layout layout = {0};
    size_t tokens;
    lay_out(&plan, &layout);
    *nbytes = layout.nbytes;
    return txe_mul_size(B, S, &tokens) && !layout.overflow;
}

txe_status
txe_plan_make(struct txe_plan *plan, void *memory, const struct txe_inputs *in,
              const struct txe_config *config, const bool *needed, bool narrow,
              struct txe_error *err)
{
    memset(plan, 0, sizeof *plan);
    TXE_TRY(check_inputs(in, config, err));
    plan->B = in->B;
    plan->S = in->S;
    struct txe_layout layout = {.memory = memory};
    int64_t *positions = lay_out(plan, &layout);
    for (size_t b = 0; b < in->B; b++) {
        TXE_TRY(count_positions(positions, in, config, b, err));
        plan_sequence(plan, in, b, needed, narrow, positions);
    }
    return TXE_OK;
}

size_t
txe_plan_find(size_t *found, const struct txe_plan *plan, const bool *chosen)
{
    size_t n = 0;
    for (size_t b = 0; b < plan->B; b++) {
        const struct txe_sequence *sequence = &plan->sequences[b];
        const size_t end = sequence->first_result + sequence->nresults;
        /* Two runs, each in order: rows attended to, then padding. */
        size_t real = sequence->first_result, padding = real;
        while (padding < end &&
               plan->results[padding] < sequence->start + sequence->nkeys)
            padding++;
        const size_t last_real = padding;
        for (size_t row = b * plan->S; row < (b + 1) * plan->S; row++) {
            size_t result;
            if (real < last_real && plan->rows[plan->results[real]] == row)
                result = real++;
            else if (padding < end && plan->rows[plan->results[padding]] == row)
                result = padding++;
            else
                continue;
            if (chosen[row])
                found[n++] = result;
        }
    }
    return n;
}
