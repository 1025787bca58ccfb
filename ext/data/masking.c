/* Masking of one row; the rules are in masking.h. */
#include "data/masking.h"

#include <math.h>

#include "base/common.h"

struct row {
    int64_t *ids, *labels;
    const struct txe_mask_rules *rules;
    struct txe_random *random;
    uint32_t *begins, *ends; /* [count] of the units */
    size_t count;
};

static void
find_units(struct row *row, const bool *fixed, size_t n, const uint8_t *flags)
{
    bool follows = false; /* a token that may be masked */
    row->count = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t flag = flags[row->ids[i]];
        row->labels[i] = TXE_NOT_MASKED;
        bool free = !fixed[i] && !(flag & TXE_SPECIAL);
        if (free && follows && row->rules->words && !(flag & TXE_BEGINS_WORD))
            row->ends[row->count - 1]++;
        else if (free) {
            row->begins[row->count] = (uint32_t)i;
            row->ends[row->count++] = (uint32_t)i + 1;
        }
        follows = free;
    }
}

/* Masks tokens begin to end (not included). */
static void
mask_span(struct row *row, size_t begin, size_t end)
{
    const struct txe_mask_rules *rules = row->rules;
    double draw = 0;
    for (size_t i = begin; i < end; i++) {
        row->labels[i] = row->ids[i];
        if (i == begin || !rules->alike)
            draw = txe_random_unit(row->random);
        if (draw < rules->mask)
            row->ids[i] = rules->mask_id;
        else if (draw < rules->mask + rules->random)
            row->ids[i] =
                rules->random_ids[txe_random_below(row->random, rules->nrandom)];
    }
}

static size_t
tokens_to_mask(struct row *row, size_t n)
{
    const struct txe_mask_rules *rules = row->rules;
    double wanted = rules->rate * (double)n;
    if (rules->count == TXE_COUNT_EXACT)
        wanted = rules->rate > 0 ? fmax(1, rint(wanted)) : 0;
    else
        wanted = floor(wanted + txe_random_unit(row->random));
    return TXE_MIN((size_t)wanted, rules->most);
}

/* Units of a span from unit u on. */
static size_t
draw_length(struct row *row, size_t u)
{
    const struct txe_mask_rules *rules = row->rules;
    size_t most = 1, length = 1;
    while (most < rules->nlengths && u + most < row->count &&
           row->begins[u + most] == row->ends[u + most - 1])
        most++;
    if (most == 1)
        return 1;
    double draw = txe_random_unit(row->random) * rules->lengths[most - 1];
    while (length < most && rules->lengths[length - 1] <= draw)
        length++;
    return length;
}

static bool
is_masked(const struct row *row, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        if (row->labels[i] != TXE_NOT_MASKED)
            return true;
    return false;
}

static void
mask_count(struct row *row, size_t budget, uint32_t *order)
{
    for (size_t u = 0; u < row->count; u++)
        order[u] = (uint32_t)u;
    for (size_t i = 0; i < row->count && budget > 0; i++) {
        size_t j = i + txe_random_below(row->random, row->count - i), u = order[j];
        order[j] = order[i];
        size_t length = draw_length(row, u), begin = row->begins[u];
        while (length > 0 && row->ends[u + length - 1] - begin > budget)
            length--;
        if (length == 0 || is_masked(row, begin, row->ends[u + length - 1]))
            continue;
        mask_span(row, begin, row->ends[u + length - 1]);
        budget -= row->ends[u + length - 1] - begin;
    }
}

void
txe_mask_row(int64_t *ids, int64_t *labels, const bool *fixed, size_t n,
             const uint8_t *flags, const struct txe_mask_rules *rules,
             struct txe_random *random, uint32_t *scratch)
{
    struct row row = {ids, labels, rules, random, scratch, scratch + n, 0};
    find_units(&row, fixed, n, flags);
    if (rules->count != TXE_COUNT_BERNOULLI) {
        mask_count(&row, tokens_to_mask(&row, n), scratch + 2 * n);
        return;
    }
    for (size_t u = 0; u < row.count; u++)
        if (txe_random_unit(random) < rules->rate)
            mask_span(&row, row.begins[u], row.ends[u]);
}
