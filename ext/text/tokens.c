/* Growing arrays of tokens: see tokens.h. */
#include "text/tokens.h"

/* `old` with room for `capacity` elements, or `old` itself when it is not wanted. */
static void *
resize(void *old, bool wanted, size_t capacity, size_t size, bool *failed)
{
    void *bigger = wanted ? txe_realloc(old, capacity, size) : NULL;
    *failed |= wanted && bigger == NULL;
    return bigger != NULL ? bigger : old;
}

bool
txe_tokens_grow(struct txe_tokens *tokens, size_t extra)
{
    size_t capacity = tokens->capacity + tokens->capacity / 2 + 64 + extra;
    bool failed = false;
    tokens->ids = resize(tokens->ids, true, capacity, sizeof *tokens->ids, &failed);
    tokens->spans = resize(tokens->spans, tokens->with_spans, capacity,
                           sizeof *tokens->spans, &failed);
    tokens->words = resize(tokens->words, tokens->with_words, capacity,
                           sizeof *tokens->words, &failed);
    tokens->trims = resize(tokens->trims, tokens->with_trims, capacity,
                           sizeof *tokens->trims, &failed);
    tokens->values = resize(tokens->values, tokens->with_values, capacity,
                            sizeof *tokens->values, &failed);
    if (!failed)
        tokens->capacity = capacity;
    return !failed;
}

void
txe_tokens_free(struct txe_tokens *tokens)
{
    free(tokens->ids);
    free(tokens->spans);
    free(tokens->words);
    free(tokens->trims);
    free(tokens->values);
    *tokens = (struct txe_tokens){0};
}

void *
txe_scratch_get(struct txe_scratch *scratch, size_t count, size_t size)
{
    size_t nbytes;
    if (!txe_mul_size(count, size, &nbytes))
        return NULL;
    if (nbytes > scratch->nbytes) {
        free(scratch->memory);
        scratch->nbytes = 0;
        scratch->memory = txe_alloc(nbytes + nbytes / 2, 1);
        if (scratch->memory == NULL)
            return NULL;
        scratch->nbytes = nbytes + nbytes / 2;
    }
    return scratch->memory;
}
