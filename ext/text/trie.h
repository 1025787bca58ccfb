/* A byte trie over a fixed set of keys, for finding every key that a text begins with.
 */
#ifndef TXE_TEXT_TRIE_H
#define TXE_TEXT_TRIE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define TXE_TRIE_NONE UINT32_MAX /* value of a node where no key ends */

struct txe_trie_key {
    const char *bytes;
    size_t nbytes;
    uint32_t value; /* not TXE_TRIE_NONE */
};

struct txe_trie_node {
    uint32_t first; /* children are nodes [first, first + nchildren), by label */
    uint32_t value; /* of the key that ends here, or TXE_TRIE_NONE */
    uint16_t nchildren;
    uint8_t label;
};

/* Zero-initialised it holds no key.  Immutable once built; safe from many threads. */
struct txe_trie {
    struct txe_trie_node *nodes; /* [nnodes], breadth first; the root is node 0 */
    size_t nnodes;
    uint32_t root[256]; /* the root's children by byte, 0 where there is none */
};

/* Builds the trie in time linear in the keys' bytes after sorting them (in place).
 * Empty keys are left out; of equal keys the one with the greatest value counts.  The
 * bytes are not needed afterwards. */
txe_status txe_trie_build(struct txe_trie *trie, struct txe_trie_key *keys,
                          size_t nkeys, struct txe_error *err);
void txe_trie_free(struct txe_trie *trie);

/* The child of a node other than the root along `byte`, or 0. */
static inline uint32_t
txe_trie_child(const struct txe_trie *trie, uint32_t node, uint8_t byte)
{
    const struct txe_trie_node *nodes = trie->nodes;
    uint32_t low = nodes[node].first;
    uint32_t high = low + nodes[node].nchildren;
    while (high - low > 8) {
        uint32_t middle = low + (high - low) / 2;
        if (nodes[middle].label <= byte)
            low = middle;
        else
            high = middle;
    }
    for (; low < high; low++)
        if (nodes[low].label == byte)
            return low;
    return 0;
}

#endif
