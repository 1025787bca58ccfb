/* Pairs of symbols and their queue: see train_pairs.h. */
#include "text/train_pairs.h"

#include <string.h>

#include "base/common.h"
#include "text/hash.h"

#define NO_KEY UINT64_MAX
/* In txe_pair_count.pending: what follows is the number of a list. */
#define FILLING ((uint32_t)1 << 31)
/* Lists with fewer occurrences out of use are not worth moving. */
#define MIN_DEAD ((size_t)1 << 20)
/* The first pass, over all words, needs far more room for notes than merges do. */
#define MAX_KEPT_NOTES ((size_t)1 << 20)

static uint64_t
pair_key(uint32_t left, uint32_t right)
{
    return (uint64_t)left << 32 | right;
}

/* Makes room for one more item than there are; *items are of `size` bytes. */
static txe_status
grow(void *items_of, size_t *capacity, size_t count, size_t size, struct txe_error *err)
{
    if (count < *capacity)
        return TXE_OK;
    size_t wanted = count + count / 2 + 64;
    void *old;
    memcpy(&old, items_of, sizeof old);
    void *items = txe_realloc(old, wanted, size);
    if (items == NULL)
        return txe_fail_nomem(err, (unsigned long long)wanted * size);
    memcpy(items_of, &items, sizeof items);
    *capacity = wanted;
    return TXE_OK;
}

/* ---- the table ---- */

static size_t
find_slot(const struct txe_pair_counts *pairs, uint64_t key)
{
    size_t mask = pairs->nslots - 1;
    size_t slot = (size_t)txe_hash_mix(key ^ pairs->seed) & mask;
    while (pairs->slots[slot].key != NO_KEY && pairs->slots[slot].key != key)
        slot = (slot + 1) & mask;
    return slot;
}

static void
move_notes(struct txe_pair_notes *notes, const struct txe_pair_counts *to,
           const struct txe_pair_count *old)
{
    for (size_t i = 0; i < notes->count; i++)
        notes->items[i].slot = (uint32_t)find_slot(to, old[notes->items[i].slot].key);
}

static txe_status
grow_slots(struct txe_pair_counts *pairs, struct txe_error *err)
{
    struct txe_pair_count *old = pairs->slots;
    size_t old_nslots = pairs->nslots;
    size_t nslots = old_nslots != 0 ? 2 * old_nslots : 1024;
    struct txe_pair_count *slots = txe_alloc(nslots, sizeof *slots);
    if (slots == NULL)
        return txe_fail_nomem(err, (unsigned long long)nslots * sizeof *slots);
    for (size_t i = 0; i < nslots; i++)
        slots[i] = (struct txe_pair_count){.key = NO_KEY};
    pairs->slots = slots;
    pairs->nslots = nslots;
    pairs->seed = txe_hash_mix((uint64_t)(uintptr_t)slots);
    for (size_t i = 0; i < old_nslots; i++)
        if (old[i].key != NO_KEY)
            slots[find_slot(pairs, old[i].key)] = old[i];
    move_notes(&pairs->fresh, pairs, old);
    move_notes(&pairs->hidden, pairs, old);
    free(old);
    return TXE_OK;
}

txe_status
txe_pair_counts_add(struct txe_pair_counts *pairs, uint32_t left, uint32_t right,
                    int64_t change, uint32_t *slot_out, struct txe_error *err)
{
    if (pairs->count >= pairs->nslots / 2)
        TXE_TRY(grow_slots(pairs, err));
    uint64_t key = pair_key(left, right);
    size_t slot = find_slot(pairs, key);
    pairs->count += pairs->slots[slot].key == NO_KEY;
    pairs->slots[slot].key = key;
    pairs->slots[slot].count += change;
    if (slot_out != NULL)
        *slot_out = (uint32_t)slot;
    return TXE_OK;
}

/* ---- the queue ---- */

static inline bool
comes_before(const struct txe_queued_pair *a, const struct txe_queued_pair *b)
{
    if (a->count != b->count)
        return a->count > b->count;
    uint64_t key_a = pair_key(a->left, a->right), key_b = pair_key(b->left, b->right);
    return key_a != key_b ? key_a < key_b : a->turn < b->turn;
}

static txe_status
push(struct txe_pair_counts *pairs, struct txe_queued_pair item, struct txe_error *err)
{
    TXE_TRY(grow(&pairs->queue, &pairs->queue_capacity, pairs->nqueued,
                 sizeof *pairs->queue, err));
    size_t at = pairs->nqueued++;
    for (; at > 0 && comes_before(&item, &pairs->queue[(at - 1) / 2]);
         at = (at - 1) / 2)
        pairs->queue[at] = pairs->queue[(at - 1) / 2];
    pairs->queue[at] = item;
    return TXE_OK;
}

/* Puts an item in the place of the first. */
static void
replace_first(struct txe_pair_counts *pairs, struct txe_queued_pair item)
{
    struct txe_queued_pair *queue = pairs->queue;
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < pairs->nqueued; at = child) {
        if (child + 1 < pairs->nqueued &&
            comes_before(&queue[child + 1], &queue[child]))
            child++;
        if (!comes_before(&queue[child], &item))
            break;
        queue[at] = queue[child];
    }
    queue[at] = item;
}

bool
txe_pair_counts_next(struct txe_pair_counts *pairs, struct txe_queued_pair *next)
{
    while (pairs->nqueued != 0) {
        struct txe_queued_pair first = pairs->queue[0];
        uint64_t key = pair_key(first.left, first.right);
        uint64_t count = (uint64_t)pairs->slots[find_slot(pairs, key)].count;
        if (count == first.count) {
            struct txe_queued_pair last = pairs->queue[--pairs->nqueued];
            if (pairs->nqueued != 0)
                replace_first(pairs, last);
            *next = first;
            return true;
        }
        first.count = count;
        first.turn = pairs->nturns++;
        replace_first(pairs, first);
    }
    return false;
}

/* ---- lists ---- */

txe_status
txe_pair_counts_note(struct txe_pair_counts *pairs, uint32_t slot,
                     struct txe_occurrence where, bool hidden, struct txe_error *err)
{
    struct txe_pair_notes *notes = hidden ? &pairs->hidden : &pairs->fresh;
    TXE_TRY(
        grow(&notes->items, &notes->capacity, notes->count, sizeof *notes->items, err));
    notes->items[notes->count++] = (struct txe_pair_note){slot, where};
    return TXE_OK;
}

/* Closes the gaps that lists out of use have left. */
static void
compact(struct txe_pair_counts *pairs)
{
    size_t kept = 0;
    for (size_t i = 0; i < pairs->nlists; i++) {
        struct txe_pair_list *list = &pairs->lists[i];
        memmove(pairs->occurrences + kept, pairs->occurrences + list->start,
                list->count * sizeof *pairs->occurrences);
        list->start = (uint32_t)kept;
        kept += list->count;
    }
    pairs->noccurrences = kept;
    pairs->ndead = 0;
}

static void
drop_list(struct txe_pair_counts *pairs, uint32_t index)
{
    pairs->ndead += pairs->lists[index].count;
    pairs->lists[index].count = 0;
}

/* Moves the notes to a list for each pair; txe_pair_count.pending is then FILLING and
 * the list's number. */
static txe_status
make_lists(struct txe_pair_counts *pairs, const struct txe_pair_notes *notes,
           bool queued, struct txe_error *err)
{
    for (size_t i = 0; i < notes->count; i++)
        pairs->slots[notes->items[i].slot].pending++;
    for (size_t i = 0; i < notes->count; i++) {
        struct txe_pair_count *pair = &pairs->slots[notes->items[i].slot];
        if ((pair->pending & FILLING) == 0) {
            TXE_TRY(grow(&pairs->lists, &pairs->lists_capacity, pairs->nlists,
                         sizeof *pairs->lists, err));
            pairs->lists[pairs->nlists] = (struct txe_pair_list){
                (uint32_t)pairs->noccurrences, 0, pair->lists, queued};
            pairs->noccurrences += pair->pending;
            pair->pending = FILLING | (uint32_t)pairs->nlists++;
            pair->lists = (uint32_t)pairs->nlists;
        }
        struct txe_pair_list *list = &pairs->lists[pair->pending & ~FILLING];
        pairs->occurrences[list->start + list->count++] = notes->items[i].where;
    }
    return TXE_OK;
}

/* Makes the lists of the notes and queues them or not. */
static txe_status
file_notes(struct txe_pair_counts *pairs, struct txe_pair_notes *notes, bool queued,
           bool keep_hidden, struct txe_error *err)
{
    if (notes->count == 0)
        return TXE_OK;
    if (pairs->ndead >= MIN_DEAD && pairs->ndead > pairs->noccurrences / 2)
        compact(pairs);
    TXE_TRY(grow(&pairs->occurrences, &pairs->occurrences_capacity,
                 pairs->noccurrences + notes->count, sizeof *pairs->occurrences, err));
    TXE_TRY(make_lists(pairs, notes, queued, err));
    for (size_t i = 0; i < notes->count; i++) {
        struct txe_pair_count *pair = &pairs->slots[notes->items[i].slot];
        if ((pair->pending & FILLING) == 0)
            continue; /* done */
        uint32_t index = pair->pending & ~FILLING;
        pair->pending = 0;
        if (queued && pair->count > 0) {
            TXE_TRY(push(pairs,
                         (struct txe_queued_pair){
                             (uint64_t)pair->count, (uint32_t)(pair->key >> 32),
                             (uint32_t)pair->key, index, pairs->nturns++},
                         err));
        } else if (keep_hidden) {
            pairs->lists[index].queued = false;
        } else {
            pair->lists = pairs->lists[index].next;
            drop_list(pairs, index);
        }
    }
    notes->count = 0;
    if (notes->capacity > MAX_KEPT_NOTES) {
        free(notes->items);
        *notes = (struct txe_pair_notes){0};
    }
    return TXE_OK;
}

txe_status
txe_pair_counts_queue(struct txe_pair_counts *pairs, bool keep_hidden,
                      struct txe_error *err)
{
    TXE_TRY(file_notes(pairs, &pairs->fresh, true, keep_hidden, err));
    return file_notes(pairs, &pairs->hidden, false, keep_hidden, err);
}

static int
compare_places(const void *a, const void *b)
{
    uint32_t at_a = ((const struct txe_occurrence *)a)->at;
    uint32_t at_b = ((const struct txe_occurrence *)b)->at;
    return (at_a > at_b) - (at_a < at_b);
}

/* Adds the occurrences of `from` in the words of `of` to those gathered; takes them out
 * of `from` when it is in no entry of the queue. */
static void
gather(struct txe_pair_counts *pairs, const struct txe_pair_list *of,
       struct txe_pair_list *from, size_t *ngathered)
{
    const struct txe_occurrence *word = pairs->occurrences + of->start;
    const struct txe_occurrence *end = word + of->count;
    struct txe_occurrence *places = pairs->occurrences + from->start;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < from->count; i++) {
        while (word < end && word->word < places[i].word)
            word++;
        if (word < end && word->word == places[i].word)
            pairs->gathered[(*ngathered)++] = places[i];
        else if (!from->queued)
            places[kept++] = places[i];
    }
    if (!from->queued) {
        pairs->ndead += from->count - kept;
        from->count = kept;
    }
}

txe_status
txe_pair_counts_places(struct txe_pair_counts *pairs,
                       const struct txe_queued_pair *taken,
                       const struct txe_occurrence **places, size_t *nplaces,
                       struct txe_error *err)
{
    struct txe_pair_list *lists = pairs->lists;
    struct txe_pair_list *own = &lists[taken->list];
    struct txe_pair_count *pair =
        &pairs->slots[find_slot(pairs, pair_key(taken->left, taken->right))];
    uint32_t *link = &pair->lists;
    while (*link != taken->list + 1)
        link = &lists[*link - 1].next;
    *link = own->next;
    *places = pairs->occurrences + own->start;
    *nplaces = own->count;
    if (pair->lists != 0) {
        size_t total = own->count;
        for (uint32_t i = pair->lists; i != 0; i = lists[i - 1].next)
            total += lists[i - 1].count;
        TXE_TRY(grow(&pairs->gathered, &pairs->gathered_capacity, total,
                     sizeof *pairs->gathered, err));
        size_t ngathered = 0;
        gather(pairs, own, own, &ngathered);
        for (link = &pair->lists; *link != 0;) {
            struct txe_pair_list *list = &lists[*link - 1];
            gather(pairs, own, list, &ngathered);
            if (list->count == 0 && !list->queued)
                *link = list->next;
            else
                link = &list->next;
        }
        qsort(pairs->gathered, ngathered, sizeof *pairs->gathered, compare_places);
        *places = pairs->gathered;
        *nplaces = ngathered;
    }
    drop_list(pairs, taken->list);
    return TXE_OK;
}

void
txe_pair_counts_free(struct txe_pair_counts *pairs)
{
    free(pairs->slots);
    free(pairs->occurrences);
    free(pairs->lists);
    free(pairs->queue);
    free(pairs->fresh.items);
    free(pairs->hidden.items);
    free(pairs->gathered);
    memset(pairs, 0, sizeof *pairs);
}
