/* Tokens of one text while it goes through the pipeline, and scratch memory that the
 * models use on the way: both grow and are used again for the next text. */
#ifndef TXE_TEXT_TOKENS_H
#define TXE_TEXT_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/common.h"
#include "text/normalize.h"

/* White space at the ends of a token's string, in characters; see postprocess.h. */
struct txe_trim {
    uint32_t leading, trailing;
};

/* The arrays but ids are NULL while they are not wanted. */
struct txe_tokens {
    uint32_t *ids;
    struct txe_span
        *spans; /* see who fills them: bytes at first, code points at last */
    uint32_t *words;
    struct txe_trim *trims;
    uint32_t *values; /* number in txe_rows.values of the token's own string, 0: none */
    size_t count, capacity;
    bool with_spans, with_words, with_trims, with_values;
};

/* Makes room for at least `extra` more tokens; false when there is no memory. */
bool txe_tokens_grow(struct txe_tokens *tokens, size_t extra);
void txe_tokens_free(struct txe_tokens *tokens);

/* The same, where there mostly is room already. */
static inline bool
txe_tokens_reserve(struct txe_tokens *tokens, size_t extra)
{
    return tokens->capacity - tokens->count >= extra || txe_tokens_grow(tokens, extra);
}

/* Appends a token that stands for bytes [start, end) of its word. */
static inline bool
txe_tokens_push(struct txe_tokens *tokens, uint32_t id, size_t start, size_t end)
{
    if (!txe_tokens_reserve(tokens, 1))
        return false;
    tokens->ids[tokens->count] = id;
    if (tokens->with_spans)
        tokens->spans[tokens->count] =
            (struct txe_span){(uint32_t)start, (uint32_t)end};
    tokens->count++;
    return true;
}

/* Memory for one call's intermediate results. */
struct txe_scratch {
    void *memory;
    size_t nbytes;
};

/* At least count * size bytes, aligned for anything; what was there before is lost.
 * NULL when there is no memory. */
void *txe_scratch_get(struct txe_scratch *scratch, size_t count, size_t size);

#endif
