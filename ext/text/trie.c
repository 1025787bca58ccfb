/* The byte trie: see trie.h. */
#include "text/trie.h"

#include "base/common.h"

#define UNUSED 0x100   /* label of a node that is not there */
#define FIRST_BASE 256 /* what base 0 leads to is never in use: it has no children */
#define SEARCHED 4  /* words of bitmap, from the last, that are looked at for a place \
                     */
#define FEW_KEYS 16 /* up to which insertion sort is the fastest */

/* Keys [low, high) that share their first `depth` bytes, and their node. */
struct range {
    uint32_t low, high, depth, node;
};

struct builder {
    struct txe_trie *trie;
    struct txe_trie_key *keys, *sorted;
    /* Nodes whose children are to be added, breadth first: a ring, which has room for
     * all of them because each has keys of its own. */
    struct range *ranges; /* [nkeys] */
    size_t nkeys, head, nranges;
    /* A bit for each node in use and for each base in use: no two nodes may have the
     * same base, or labels would not tell whose child a node is. */
    uint64_t *nodes_used, *bases_used;
    size_t nwords; /* of both; nodes [64 * nwords] */
    size_t first;  /* word before which there is no more place */
    size_t ends_capacity;
    struct txe_error *err;
};

static txe_status
grow_nodes(struct builder *builder)
{
    struct txe_trie *trie = builder->trie;
    size_t old = builder->nwords, nwords = old + old / 2 + 16;
    if (nwords > UINT32_MAX / 64 - 16)
        return txe_fail(builder->err, TXE_EVALUE,
                        "the vocabulary is too large for a trie");
    uint64_t *used = txe_realloc(builder->nodes_used, nwords, sizeof *used);
    if (used == NULL)
        return txe_fail_nomem(builder->err, nwords * sizeof *used);
    builder->nodes_used = used;
    used = txe_realloc(builder->bases_used, nwords, sizeof *used);
    if (used == NULL)
        return txe_fail_nomem(builder->err, nwords * sizeof *used);
    builder->bases_used = used;
    struct txe_trie_node *nodes = txe_realloc(trie->nodes, 64 * nwords, sizeof *nodes);
    if (nodes == NULL)
        return txe_fail_nomem(builder->err, 64 * nwords * sizeof *nodes);
    trie->nodes = nodes;
    memset(builder->nodes_used + old, 0, (nwords - old) * sizeof *used);
    memset(builder->bases_used + old, 0, (nwords - old) * sizeof *used);
    for (size_t i = 64 * old; i < 64 * nwords; i++)
        nodes[i] = (struct txe_trie_node){0, UNUSED};
    builder->nwords = nwords;
    return TXE_OK;
}

static uint64_t
bits_from(const uint64_t *words, size_t bit)
{
    uint64_t low = words[bit / 64] >> bit % 64;
    return bit % 64 != 0 ? low | words[bit / 64 + 1] << (64 - bit % 64) : low;
}

static void
set_bit(uint64_t *words, size_t bit)
{
    words[bit / 64] |= UINT64_C(1) << bit % 64;
}

/* A base that no node has, with a free place for each label: 64 at a time are tried. */
static txe_status
find_base(struct builder *builder, const unsigned char *labels, size_t count,
          uint32_t *base)
{
    for (size_t word = builder->first;; word++) {
        while (word + 6 > builder->nwords) /* labels reach four words further */
            TXE_TRY(grow_nodes(builder));
        uint64_t good = ~builder->bases_used[word];
        for (size_t i = 0; i < count && good != 0; i++)
            good &= ~bits_from(builder->nodes_used, 64 * word + labels[i]);
        if (good != 0) {
            *base = (uint32_t)(64 * word + txe_lowest_bit(good));
            break;
        }
    }
    set_bit(builder->bases_used, *base);
    for (size_t i = 0; i < count; i++) {
        size_t node = *base + labels[i];
        set_bit(builder->nodes_used, node);
        builder->trie->nnodes = TXE_MAX(builder->trie->nnodes, node + 1);
    }
    size_t last = builder->trie->nnodes / 64;
    while (builder->first < last &&
           (builder->bases_used[builder->first] == UINT64_MAX ||
            builder->first + SEARCHED < last))
        builder->first++;
    return TXE_OK;
}

static txe_status
add_end(struct builder *builder, const char *bytes, uint32_t nbytes, uint32_t *where)
{
    struct txe_trie *trie = builder->trie;
    size_t need = trie->ends_nbytes + sizeof nbytes + nbytes;
    if (need > UINT32_MAX)
        return txe_fail(builder->err, TXE_EVALUE,
                        "the vocabulary is too large for a trie");
    if (need > builder->ends_capacity) {
        size_t capacity = need + need / 2 + 1024;
        char *ends = txe_realloc(trie->ends, capacity, 1);
        if (ends == NULL)
            return txe_fail_nomem(builder->err, capacity);
        trie->ends = ends;
        builder->ends_capacity = capacity;
    }
    *where = (uint32_t)trie->ends_nbytes;
    memcpy(trie->ends + trie->ends_nbytes, &nbytes, sizeof nbytes);
    memcpy(trie->ends + trie->ends_nbytes + sizeof nbytes, bytes, nbytes);
    trie->ends_nbytes = need;
    return TXE_OK;
}

/* Sorts keys, longer than `depth`, by their byte there. */
static void
sort_by_byte(struct txe_trie_key *keys, struct txe_trie_key *sorted, size_t nkeys,
             size_t depth)
{
    if (nkeys <= FEW_KEYS) {
        for (size_t i = 1; i < nkeys; i++) {
            struct txe_trie_key key = keys[i];
            unsigned char byte = (unsigned char)key.bytes[depth];
            size_t j = i;
            for (; j > 0 && (unsigned char)keys[j - 1].bytes[depth] > byte; j--)
                keys[j] = keys[j - 1];
            keys[j] = key;
        }
        return;
    }
    size_t places[256] = {0};
    for (size_t i = 0; i < nkeys; i++)
        places[(unsigned char)keys[i].bytes[depth]]++;
    for (size_t byte = 0, sum = 0; byte < 256; byte++) {
        size_t here = places[byte];
        places[byte] = sum;
        sum += here;
    }
    for (size_t i = 0; i < nkeys; i++)
        sorted[places[(unsigned char)keys[i].bytes[depth]]++] = keys[i];
    memcpy(keys, sorted, nkeys * sizeof *keys);
}

static void
queue_range(struct builder *builder, struct range range)
{
    if (range.low < range.high)
        builder->ranges[(builder->head + builder->nranges++) % builder->nkeys] = range;
}

/* Takes the keys that end at the range's depth out of it; returns their value. */
static uint32_t
take_ended(struct range *range, struct txe_trie_key *keys)
{
    uint32_t value = TXE_TRIE_NONE;
    for (uint32_t i = range->low; i < range->high; i++) {
        if (keys[i].nbytes != range->depth)
            continue;
        if (value == TXE_TRIE_NONE || keys[i].value > value)
            value = keys[i].value;
        keys[i] = keys[range->low++];
    }
    return value;
}

/* Fills the node of keys that share their bytes up to and with their `label`. */
static txe_status
fill_node(struct builder *builder, struct range range, unsigned char label)
{
    struct txe_trie_node *node = &builder->trie->nodes[range.node];
    const struct txe_trie_key *key = &builder->keys[range.low];
    if (range.high - range.low == 1 && key->nbytes > range.depth) {
        node->info = key->value << 10 | 0x200 | label;
        return add_end(builder, key->bytes + range.depth, key->nbytes - range.depth,
                       &node->base);
    }
    uint32_t value = take_ended(&range, builder->keys);
    *node = (struct txe_trie_node){0, value << 10 | label};
    queue_range(builder, range);
    return TXE_OK;
}

/* Gives the node of a range, not empty and without keys that end there, its children.
 */
static txe_status
add_children(struct builder *builder, struct range range)
{
    struct txe_trie_key *keys = builder->keys;
    unsigned char labels[256];
    uint32_t ends[256];
    size_t count = 0;
    sort_by_byte(keys + range.low, builder->sorted, range.high - range.low,
                 range.depth);
    for (uint32_t i = range.low; i < range.high; i++) {
        unsigned char byte = (unsigned char)keys[i].bytes[range.depth];
        if (count == 0 || labels[count - 1] != byte)
            labels[count++] = byte;
        ends[count - 1] = i + 1;
    }
    uint32_t base;
    TXE_TRY(find_base(builder, labels, count, &base));
    builder->trie->nodes[range.node].base = base;
    for (size_t i = 0; i < count; i++) {
        struct range child = {i > 0 ? ends[i - 1] : range.low, ends[i], range.depth + 1,
                              base + labels[i]};
        TXE_TRY(fill_node(builder, child, labels[i]));
    }
    return TXE_OK;
}

txe_status
txe_trie_build(struct txe_trie *trie, struct txe_trie_key *keys, size_t nkeys,
               struct txe_error *err)
{
    memset(trie, 0, sizeof *trie);
    if (nkeys >= TXE_TRIE_NONE)
        return txe_fail(err, TXE_EVALUE, "%zu strings are too many: at most %lu", nkeys,
                        (unsigned long)TXE_TRIE_NONE - 1);
    struct builder builder = {.trie = trie, .keys = keys, .nkeys = nkeys, .err = err};
    builder.first = FIRST_BASE / 64;
    builder.sorted = txe_alloc(nkeys, sizeof *builder.sorted);
    builder.ranges = txe_alloc(nkeys, sizeof *builder.ranges);
    txe_status status = TXE_OK;
    if (builder.sorted == NULL || builder.ranges == NULL)
        status = txe_fail_nomem(err, nkeys * sizeof *builder.sorted);
    if (status == TXE_OK)
        status = grow_nodes(&builder);
    struct range all = {0, (uint32_t)nkeys, 0, 0}; /* node 0 is the root */
    take_ended(&all, keys);
    trie->nnodes = 1;
    if (status == TXE_OK)
        queue_range(&builder, all);
    while (builder.nranges != 0 && status == TXE_OK) {
        struct range range = builder.ranges[builder.head];
        builder.head = (builder.head + 1) % nkeys;
        builder.nranges--;
        status = add_children(&builder, range);
    }
    free(builder.sorted);
    free(builder.ranges);
    free(builder.nodes_used);
    free(builder.bases_used);
    if (status != TXE_OK) {
        txe_trie_free(trie);
        return status;
    }
    struct txe_trie_node *nodes =
        txe_realloc(trie->nodes, trie->nnodes + 256, sizeof *nodes);
    trie->nodes = nodes != NULL ? nodes : trie->nodes;
    return TXE_OK;
}

void
txe_trie_free(struct txe_trie *trie)
{
    free(trie->nodes);
    free(trie->ends);
    memset(trie, 0, sizeof *trie);
}
