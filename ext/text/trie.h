/* A byte trie over a fixed set of keys, for finding every key that a text begins with.
 *
 * A double array (Aoe, 1989): the child of a node along a byte is at the node's base
 * plus the byte, if the label there is that byte.  What only one key has in its end is
 * kept aside as a string, and compared as one. */
#ifndef TXE_TEXT_TRIE_H
#define TXE_TEXT_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* Values are below this; it is also what a node has where no key ends. */
#define TXE_TRIE_NONE (((uint32_t)1 << 22) - 1)

struct txe_trie_key {
    const char *bytes;
    uint32_t nbytes;
    uint32_t value; /* below TXE_TRIE_NONE */
};

struct txe_trie_node {
    uint32_t base; /* of the children; with an end aside, where it is in `ends` */
    uint32_t info; /* value << 10 | has an end aside << 9 | label, 256: not in use */
};

/* Zero-initialised it may be freed, not searched.  Immutable once built; safe from many
 * threads. */
struct txe_trie {
    struct txe_trie_node *nodes; /* [nnodes + 256] */
    size_t nnodes;
    char *ends; /* ends kept aside: uint32_t length and bytes, one after the other */
    size_t ends_nbytes;
};

/* Builds the trie from keys (which it reorders) in time linear in their bytes.  Empty
 * keys are left out; of equal keys the one with the greatest value counts.  The bytes
 * are not needed afterwards. */
txe_status txe_trie_build(struct txe_trie *trie, struct txe_trie_key *keys,
                          size_t nkeys, struct txe_error *err);
void txe_trie_free(struct txe_trie *trie);

/* A walk from the root; zero-initialise.  After txe_trie_step, `value` is that of the
 * key that is text[0, nbytes), or TXE_TRIE_NONE. */
struct txe_trie_walk {
    uint32_t base;
    uint32_t value;
    size_t nbytes; /* walked so far */
};

static inline struct txe_trie_walk
txe_trie_begin(const struct txe_trie *trie)
{
    return (struct txe_trie_walk){trie->nodes[0].base, TXE_TRIE_NONE, 0};
}

/* Whether a key begins with the byte. */
static inline bool
txe_trie_has_first(const struct txe_trie *trie, unsigned char byte)
{
    return (trie->nodes[trie->nodes[0].base + byte].info & 0x1FF) == byte;
}

/* Goes on along text[walk->nbytes], or to the end of the one key that is left; false
 * when no key goes on like that. */
static inline bool
txe_trie_step(const struct txe_trie *trie, struct txe_trie_walk *walk, const char *text,
              size_t nbytes)
{
    size_t at = walk->nbytes;
    if (at == nbytes)
        return false;
    unsigned char byte = (unsigned char)text[at++];
    struct txe_trie_node node = trie->nodes[walk->base + byte];
    if ((node.info & 0x1FF) != byte)
        return false;
    walk->base = node.base;
    if ((node.info & 0x200) != 0) {
        uint32_t length;
        memcpy(&length, trie->ends + node.base, sizeof length);
        const char *end = trie->ends + node.base + sizeof length;
        if (nbytes - at < length || memcmp(text + at, end, length) != 0)
            return false;
        at += length;
        walk->base = 0; /* of no children */
    }
    walk->value = node.info >> 10;
    walk->nbytes = at;
    return true;
}

#endif
