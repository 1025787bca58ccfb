/* The byte trie: see trie.h. */
#include "text/trie.h"

#include <string.h>

#include "base/common.h"

/* The keys below a node: keys[low, high) share their first `depth` bytes. */
struct range {
    size_t low, high, depth;
};

static int
compare_keys(const void *a, const void *b)
{
    const struct txe_trie_key *x = a, *y = b;
    size_t n = TXE_MIN(x->nbytes, y->nbytes);
    int order = n != 0 ? memcmp(x->bytes, y->bytes, n) : 0;
    if (order != 0)
        return order;
    if (x->nbytes != y->nbytes)
        return x->nbytes < y->nbytes ? -1 : 1;
    return x->value < y->value ? -1 : x->value > y->value;
}

/* Nodes the trie will have: one for each byte that a key does not share with the key
 * before it. */
static size_t
count_nodes(const struct txe_trie_key *keys, size_t nkeys)
{
    size_t count = 1;
    for (size_t i = 0; i < nkeys; i++) {
        size_t shared = 0;
        if (i > 0) {
            size_t n = TXE_MIN(keys[i - 1].nbytes, keys[i].nbytes);
            while (shared < n && keys[i - 1].bytes[shared] == keys[i].bytes[shared])
                shared++;
        }
        count += keys[i].nbytes - shared;
    }
    return count;
}

static void
add_children(struct txe_trie *trie, struct range *ranges, size_t node,
             const struct txe_trie_key *keys)
{
    struct txe_trie_node *parent = &trie->nodes[node];
    struct range below = ranges[node];
    while (below.low < below.high && keys[below.low].nbytes == below.depth) {
        if (below.depth != 0)
            parent->value = keys[below.low].value;
        below.low++;
    }
    parent->first = (uint32_t)trie->nnodes;
    while (below.low < below.high) {
        char byte = keys[below.low].bytes[below.depth];
        size_t end = below.low + 1;
        while (end < below.high && keys[end].bytes[below.depth] == byte)
            end++;
        trie->nodes[trie->nnodes] =
            (struct txe_trie_node){0, TXE_TRIE_NONE, 0, (uint8_t)byte};
        ranges[trie->nnodes] = (struct range){below.low, end, below.depth + 1};
        trie->nnodes++;
        parent->nchildren++;
        below.low = end;
    }
}

txe_status
txe_trie_build(struct txe_trie *trie, struct txe_trie_key *keys, size_t nkeys,
               struct txe_error *err)
{
    memset(trie, 0, sizeof *trie);
    if (nkeys != 0)
        qsort(keys, nkeys, sizeof *keys, compare_keys);
    size_t nnodes = count_nodes(keys, nkeys);
    if (nnodes > UINT32_MAX)
        return txe_fail(err, TXE_EVALUE,
                        "the vocabulary is too large: %zu bytes in all", nnodes);
    struct range *ranges = txe_alloc(nnodes, sizeof *ranges);
    trie->nodes = txe_alloc(nnodes, sizeof *trie->nodes);
    if (ranges == NULL || trie->nodes == NULL) {
        free(ranges);
        txe_trie_free(trie);
        return txe_fail_nomem(err, nnodes * sizeof *ranges);
    }
    trie->nodes[0] = (struct txe_trie_node){0, TXE_TRIE_NONE, 0, 0};
    trie->nnodes = 1;
    ranges[0] = (struct range){0, nkeys, 0};
    for (size_t node = 0; node < trie->nnodes; node++)
        add_children(trie, ranges, node, keys);
    for (uint32_t i = 0; i < trie->nodes[0].nchildren; i++) {
        uint32_t child = trie->nodes[0].first + i;
        trie->root[trie->nodes[child].label] = child;
    }
    free(ranges);
    return TXE_OK;
}

void
txe_trie_free(struct txe_trie *trie)
{
    free(trie->nodes);
    memset(trie, 0, sizeof *trie);
}
