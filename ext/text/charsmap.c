/* SentencePiece's precompiled character map, used as the reference (`tokenizers` 0.23)
 * uses it.
 *
 * The map is a double-array trie over UTF-8 bytes whose values are offsets into a block
 * of NUL-terminated replacements.  A 32-bit unit of the trie holds, from the low end:
 * its label (8 bits), whether a value follows (1), whether the offset below counts in
 * 256s (1) and the offset to its children (22); a value unit holds the value (31 bits).
 */
#include <string.h>

#include "base/common.h"
#include "text/rewrite.h"
#include "text/unicode.h"

struct txe_charsmap {
    uint32_t *units; /* [nunits], owned; nunits > 0 */
    size_t nunits;
    char *values; /* [nvalues], valid UTF-8, owned */
    size_t nvalues;
};

/* Clusters of fewer bytes than this are looked up whole. */
enum { WHOLE_CLUSTER = 6 };

static uint32_t
read_u32(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

txe_status
txe_charsmap_new(struct txe_charsmap **out, const void *data, size_t nbytes,
                 struct txe_error *err)
{
    const unsigned char *bytes = data;
    if (nbytes < 4)
        return txe_fail(err, TXE_EVALUE,
                        "precompiled_charsmap: %zu bytes, at least 4 expected for the "
                        "size of its trie",
                        nbytes);
    size_t trie_nbytes = read_u32(bytes);
    if (trie_nbytes == 0 || trie_nbytes % 4 != 0 || trie_nbytes > nbytes - 4)
        return txe_fail(
            err, TXE_EVALUE,
            "precompiled_charsmap: a trie of %zu bytes, expected a multiple "
            "of 4 from 4 to the %zu that follow",
            trie_nbytes, nbytes - 4);
    const char *values = (const char *)bytes + 4 + trie_nbytes;
    size_t nvalues = nbytes - 4 - trie_nbytes;
    if (!txe_utf8_valid(values, nvalues))
        return txe_fail(err, TXE_EVALUE,
                        "precompiled_charsmap: the %zu bytes of replacements after the "
                        "trie are not valid UTF-8",
                        nvalues);

    struct txe_charsmap *map = txe_calloc(1, sizeof *map);
    if (map == NULL)
        return txe_fail_nomem(err, sizeof *map);
    map->nunits = trie_nbytes / 4;
    map->nvalues = nvalues;
    map->units = txe_alloc(map->nunits, sizeof *map->units);
    map->values = txe_alloc(nvalues, 1);
    if (map->units == NULL || map->values == NULL) {
        txe_charsmap_free(map);
        return txe_fail_nomem(err, nbytes);
    }
    for (size_t i = 0; i < map->nunits; i++)
        map->units[i] = read_u32(bytes + 4 + 4 * i);
    if (nvalues != 0)
        memcpy(map->values, values, nvalues);
    *out = map;
    return TXE_OK;
}

void
txe_charsmap_free(struct txe_charsmap *map)
{
    if (map == NULL)
        return;
    free(map->units);
    free(map->values);
    free(map);
}

static size_t
unit_offset(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* Replacement of the shortest entry that key[0, nbytes) begins with: true and where it
 * is in map->values, or false.  What leads out of the map ends the search. */
static bool
find_shortest(const struct txe_charsmap *map, const char *key, size_t nbytes,
              size_t *start, size_t *end)
{
    size_t at = unit_offset(map->units[0]);
    for (size_t i = 0; i < nbytes && key[i] != '\0'; i++) {
        unsigned char byte = (unsigned char)key[i];
        at ^= byte;
        if (at >= map->nunits)
            return false;
        uint32_t unit = map->units[at];
        if ((unit & (1u << 31 | 0xFF)) != byte)
            return false;
        at ^= unit_offset(unit);
        if ((unit >> 8 & 1) == 0)
            continue;
        if (at >= map->nunits)
            return false;
        size_t value = map->units[at] & 0x7FFFFFFF;
        if (value > map->nvalues)
            return false;
        const char *first = map->values + value;
        const char *stop = memchr(first, '\0', map->nvalues - value);
        *start = value;
        *end = stop != NULL ? value + (size_t)(stop - first) : map->nvalues;
        /* Never from inside a character. */
        return *start == *end || ((unsigned char)*first & 0xC0) != 0x80;
    }
    return false;
}

/* The last character written waits, because what vanishes after it is counted with it.
 */
struct state {
    struct txe_rewrite rewrite;
    bool waiting;
    uint32_t c;
    ptrdiff_t change;
};

static txe_status
flush(struct state *state, struct txe_error *err)
{
    if (!state->waiting)
        return TXE_OK;
    state->waiting = false;
    return txe_rewrite_put(&state->rewrite, state->c, state->change, err);
}

static txe_status
put(struct state *state, uint32_t c, ptrdiff_t change, struct txe_error *err)
{
    txe_status status = flush(state, err);
    state->waiting = true;
    state->c = c;
    state->change = change;
    return status;
}

static size_t
count_chars(const char *bytes, size_t nbytes)
{
    size_t n = 0;
    for (size_t i = 0; i < nbytes; i++)
        n += ((unsigned char)bytes[i] & 0xC0) != 0x80;
    return n;
}

/* Writes the nnew characters of bytes in the place of nold.  The reference counts those
 * that vanish with the character before them, wherever that came from, and forgets them
 * at the very beginning: what follows is then aligned that much too early. */
static txe_status
replace(struct state *state, const char *bytes, size_t nbytes, size_t nold,
        struct txe_error *err)
{
    size_t nnew = 0;
    for (size_t i = 0; i < nbytes; nnew++) {
        size_t length;
        uint32_t c = txe_utf8_decode(bytes + i, &length);
        txe_status status = put(state, c, nnew >= nold, err);
        if (status != TXE_OK)
            return status;
        i += length;
    }
    if (nnew < nold && state->waiting)
        state->change -= (ptrdiff_t)(nold - nnew);
    return TXE_OK;
}

txe_status
txe_text_precompiled(struct txe_text *text, const struct txe_charsmap *map,
                     struct txe_error *err)
{
    const char *bytes = text->bytes;
    struct state state = {.waiting = false};
    txe_status status = txe_rewrite_init(&state.rewrite, text, err);
    if (status != TXE_OK)
        return status;
    for (size_t at = 0; at < text->nbytes;) {
        size_t cluster = txe_grapheme_length(bytes + at, text->nbytes - at);
        bool whole = cluster < WHOLE_CLUSTER;
        size_t end = at + cluster;
        while (at < end) {
            size_t length = whole ? cluster : txe_utf8_length(bytes[at]);
            size_t from, to;
            if (find_shortest(map, bytes + at, length, &from, &to)) {
                status = replace(&state, map->values + from, to - from,
                                 count_chars(bytes + at, length), err);
                at += length;
            } else if (whole && txe_utf8_length(bytes[at]) < cluster) {
                whole = false; /* and now character by character */
            } else {
                status = put(&state, txe_utf8_decode(bytes + at, &length), 0, err);
                at += length;
            }
            if (status != TXE_OK)
                goto done;
        }
    }
    status = flush(&state, err);
    if (status == TXE_OK)
        txe_rewrite_finish(&state.rewrite, text);
done:
    txe_rewrite_free(&state.rewrite);
    return status;
}
