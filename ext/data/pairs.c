/* Pairs of segments with a label, for NSP and SOP; the rules are in packing.h. */
#include "base/common.h"
#include "data/packing.h"
#include "data/random.h"
#include "data/samples.h"

/* A document whose pairs are being made. */
struct maker {
    struct txe_samples *out;
    const struct txe_lines *corpus;
    const struct txe_pair_rules *rules;
    size_t document;
    struct txe_random random;
};

static size_t
length(struct txe_span span)
{
    return (size_t)(span.end - span.begin);
}

/* The tokens of lines first to last (not included). */
static struct txe_span
tokens_of(const struct maker *maker, int64_t first, int64_t last)
{
    return (struct txe_span){maker->corpus->bounds[first], maker->corpus->bounds[last]};
}

/* Sentences from a random one of another document on, until they have `wanted` tokens
 * or the document ends. */
static struct txe_span
elsewhere(struct maker *maker, size_t wanted)
{
    const int64_t *documents = maker->corpus->documents;
    size_t d = txe_random_below(&maker->random, maker->corpus->D - 1);
    d += d >= maker->document;
    size_t count = (size_t)(documents[d + 1] - documents[d]);
    int64_t first = documents[d] + (int64_t)txe_random_below(&maker->random, count);
    int64_t last = first + 1;
    while (last < documents[d + 1] && length(tokens_of(maker, first, last)) < wanted)
        last++;
    return tokens_of(maker, first, last);
}

static txe_status
add(struct maker *maker, struct txe_span a, struct txe_span b, int label,
    struct txe_error *err)
{
    while (length(a) + length(b) > maker->rules->room) {
        struct txe_span *longer = length(a) > length(b) ? &a : &b;
        if (txe_random_coin(&maker->random))
            longer->begin++;
        else
            longer->end--;
    }
    TXE_TRY(txe_samples_span(maker->out, a, err));
    TXE_TRY(txe_samples_span(maker->out, b, err));
    return txe_samples_close(maker->out, label, err);
}

static txe_status
pair_sentences(struct maker *maker, int64_t first, int64_t last, struct txe_error *err)
{
    while (first + 1 < last) {
        int label = txe_random_coin(&maker->random);
        struct txe_span a = tokens_of(maker, first, first + 1);
        struct txe_span b =
            label ? elsewhere(maker, 0) : tokens_of(maker, first + 1, first + 2);
        TXE_TRY(add(maker, a, b, label, err));
        first += label ? 1 : 2;
    }
    return TXE_OK;
}

static txe_status
pair_segments(struct maker *maker, int64_t first, int64_t last, struct txe_error *err)
{
    const struct txe_pair_rules *rules = maker->rules;
    struct txe_random *random = &maker->random;
    bool order = rules->kind == TXE_SENTENCE_ORDER;
    size_t target = rules->room;
    if (txe_random_unit(random) < rules->short_prob)
        target = 2 + txe_random_below(random, rules->room - 1);
    int64_t chunk = first, next = first; /* the chunk is lines chunk to next */
    while (next < last) {
        next++;
        if (next < last && length(tokens_of(maker, chunk, next)) < target)
            continue;
        size_t count = (size_t)(next - chunk);
        if (count == 1 && !rules->quirk) {
            chunk = next;
            continue;
        }
        int64_t middle = next;
        if (count > 1)
            middle = chunk + 1 + (int64_t)txe_random_below(random, count - 1);
        struct txe_span a = tokens_of(maker, chunk, middle);
        struct txe_span b = tokens_of(maker, middle, next);
        int label = count == 1 || txe_random_coin(random);
        if (label && (count == 1 || !order)) {
            b = elsewhere(maker, target > length(a) ? target - length(a) : 0);
            next = middle;
        } else if (label) {
            struct txe_span swapped = a;
            a = b;
            b = swapped;
        }
        TXE_TRY(add(maker, a, b, label, err));
        chunk = next;
    }
    return TXE_OK;
}

txe_status
txe_pack_pairs(struct txe_samples *out, const struct txe_lines *corpus,
               const struct txe_pair_rules *rules, struct txe_error *err)
{
    for (size_t d = 0; d < corpus->D; d++) {
        struct maker maker = {
            out, corpus, rules, d,
            txe_random_start(TXE_RANDOM_PAIRS, rules->seed, rules->epoch, d)};
        int64_t first = corpus->documents[d], last = corpus->documents[d + 1];
        if (rules->kind == TXE_SENTENCE_PAIR)
            TXE_TRY(pair_sentences(&maker, first, last, err));
        else
            TXE_TRY(pair_segments(&maker, first, last, err));
    }
    return TXE_OK;
}
