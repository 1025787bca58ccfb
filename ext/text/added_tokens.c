/* Finding added tokens: see added_tokens.h. */
#include "text/added_tokens.h"

#include <string.h>

#include "base/common.h"
#include "text/unicode.h"

struct txe_added *
txe_added_new(void)
{
    struct txe_added *added = txe_calloc(1, sizeof *added);
    if (added != NULL)
        atomic_init(&added->nrefs, 1);
    return added;
}

txe_status
txe_added_append(struct txe_added *added, const char *content, size_t nbytes,
                 const struct txe_added_token *token, struct txe_error *err)
{
    size_t count = added->vocab.count;
    if (count == added->capacity) {
        size_t capacity = count + count / 2 + 16;
        struct txe_added_token *tokens =
            txe_realloc(added->tokens, capacity, sizeof *tokens);
        if (tokens == NULL)
            return txe_fail_nomem(err, capacity * sizeof *tokens);
        added->tokens = tokens;
        added->capacity = capacity;
    }
    added->tokens[count] = *token;
    added->tokens[count].normal = NULL;
    added->tokens[count].normal_nbytes = 0;
    return txe_vocab_add(&added->vocab, content, nbytes, token->id, false, err);
}

static txe_status
normalize_token(const struct txe_added *added, struct txe_added_token *token,
                const struct txe_normalizer *normalizer, struct txe_error *err)
{
    const struct txe_vocab_entry *entry = &added->vocab.entries[token - added->tokens];
    const char *content = txe_vocab_bytes(&added->vocab, entry);
    struct txe_text text = {0};
    if (txe_text_init(&text, entry->nbytes, false, err) != TXE_OK)
        return err->status;
    txe_status status = txe_text_assign(&text, content, entry->nbytes, 0, err);
    if (status == TXE_OK)
        status = txe_normalize(normalizer, &text, err);
    if (status == TXE_OK && (text.nbytes != entry->nbytes ||
                             memcmp(text.bytes, content, text.nbytes) != 0)) {
        token->normal = txe_alloc(text.nbytes, 1);
        if (token->normal == NULL)
            status = txe_fail_nomem(err, text.nbytes);
        else if (text.nbytes != 0)
            memcpy(token->normal, text.bytes, text.nbytes);
        token->normal_nbytes = text.nbytes;
    }
    txe_text_free(&text);
    return status;
}

static txe_status
build_trie(struct txe_added *added, bool normalized, struct txe_trie *trie, bool *any,
           int *only_byte, struct txe_error *err)
{
    struct txe_trie_key *keys = txe_alloc(added->vocab.count, sizeof *keys);
    if (keys == NULL)
        return txe_fail_nomem(err, added->vocab.count * sizeof *keys);
    size_t nkeys = 0;
    for (size_t i = 0; i < added->vocab.count; i++) {
        const struct txe_added_token *token = &added->tokens[i];
        size_t nbytes;
        const char *bytes = txe_added_text(added, token, &nbytes);
        if (token->normalized == normalized && nbytes != 0)
            keys[nkeys++] = (struct txe_trie_key){bytes, (uint32_t)nbytes, (uint32_t)i};
    }
    *any = nkeys != 0;
    *only_byte = nkeys != 0 ? (unsigned char)keys[0].bytes[0] : -1;
    for (size_t i = 1; i < nkeys; i++)
        if (keys[i].bytes[0] != keys[0].bytes[0])
            *only_byte = -1;
    txe_status status = txe_trie_build(trie, keys, nkeys, err);
    free(keys);
    return status;
}

txe_status
txe_added_finish(struct txe_added *added, const struct txe_normalizer *normalizer,
                 struct txe_error *err)
{
    for (size_t i = 0; i < added->vocab.count; i++)
        if (added->tokens[i].normalized && normalizer->nsteps != 0 &&
            normalize_token(added, &added->tokens[i], normalizer, err) != TXE_OK)
            return err->status;
    TXE_TRY(
        build_trie(added, false, &added->raw, &added->has_raw, &added->raw_byte, err));
    return build_trie(added, true, &added->normal, &added->has_normal,
                      &added->normal_byte, err);
}

struct txe_added *
txe_added_retain(struct txe_added *added)
{
    atomic_fetch_add_explicit(&added->nrefs, 1, memory_order_relaxed);
    return added;
}

void
txe_added_release(struct txe_added *added)
{
    if (added == NULL ||
        atomic_fetch_sub_explicit(&added->nrefs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < added->vocab.count; i++)
        free(added->tokens[i].normal);
    free(added->tokens);
    txe_vocab_free(&added->vocab);
    txe_trie_free(&added->raw);
    txe_trie_free(&added->normal);
    free(added);
}

const struct txe_added_token *
txe_added_at(const struct txe_added *added, uint32_t id)
{
    const struct txe_vocab_entry *entry = txe_vocab_at(&added->vocab, id);
    return entry != NULL ? &added->tokens[entry - added->vocab.entries] : NULL;
}

const char *
txe_added_text(const struct txe_added *added, const struct txe_added_token *token,
               size_t *nbytes)
{
    if (token->normal != NULL) {
        *nbytes = token->normal_nbytes;
        return token->normal;
    }
    const struct txe_vocab_entry *entry = &added->vocab.entries[token - added->tokens];
    *nbytes = entry->nbytes;
    return txe_vocab_bytes(&added->vocab, entry);
}

bool
txe_added_is_special(const struct txe_added *added, const char *text, size_t nbytes)
{
    const struct txe_vocab_entry *entry = txe_vocab_find(&added->vocab, text, nbytes);
    return entry != NULL && added->tokens[entry - added->vocab.entries].special;
}

void
txe_segments_free(struct txe_segments *segments)
{
    free(segments->items);
    *segments = (struct txe_segments){0};
}

static txe_status
add_segment(struct txe_segments *segments, size_t start, size_t end,
            const struct txe_added_token *token, struct txe_error *err)
{
    if (start >= end)
        return TXE_OK;
    if (segments->count == segments->capacity) {
        size_t capacity = segments->capacity + segments->capacity / 2 + 16;
        struct txe_segment *items =
            txe_realloc(segments->items, capacity, sizeof *items);
        if (items == NULL)
            return txe_fail_nomem(err, capacity * sizeof *items);
        segments->items = items;
        segments->capacity = capacity;
    }
    segments->items[segments->count++] = (struct txe_segment){start, end, token};
    return TXE_OK;
}

/* Start of the character that ends at text[end], end > 0. */
static size_t
char_before(const char *text, size_t end)
{
    do
        end--;
    while (((unsigned char)text[end] & 0xC0) == 0x80);
    return end;
}

static bool
is_single_word(const char *text, size_t nbytes, size_t start, size_t end)
{
    size_t width;
    if (start > 0 &&
        txe_is_word(txe_utf8_decode(text + char_before(text, start), &width)))
        return false;
    return end == nbytes || !txe_is_word(txe_utf8_decode(text + end, &width));
}

/* Where the white space that ends at `start` begins, not before `limit`. */
static size_t
skip_space_left(const char *text, size_t start, size_t limit)
{
    while (start > limit) {
        size_t width, before = char_before(text, start);
        if (!txe_is_whitespace(txe_utf8_decode(text + before, &width)))
            break;
        start = before;
    }
    return TXE_MAX(start, limit);
}

static size_t
skip_space_right(const char *text, size_t nbytes, size_t end)
{
    size_t width;
    for (; end < nbytes; end += width)
        if (!txe_is_whitespace(txe_utf8_decode(text + end, &width)))
            break;
    return end;
}

/* The longest key at text[at], or NULL; *end is where it ends. */
static const struct txe_added_token *
match_at(const struct txe_added *added, const struct txe_trie *trie, const char *text,
         size_t nbytes, size_t at, size_t *end)
{
    const struct txe_added_token *longest = NULL;
    struct txe_trie_walk walk = txe_trie_begin(trie);
    while (txe_trie_step(trie, &walk, text + at, nbytes - at))
        if (walk.value != TXE_TRIE_NONE) {
            longest = &added->tokens[walk.value];
            *end = at + walk.nbytes;
        }
    return longest;
}

/* The first place from `at` on where a key may begin; nbytes if there is none. */
static size_t
next_candidate(const struct txe_trie *trie, int only_byte, const char *text,
               size_t nbytes, size_t at)
{
    if (only_byte >= 0) {
        const char *found = memchr(text + at, only_byte, nbytes - at);
        return found != NULL ? (size_t)(found - text) : nbytes;
    }
    while (at < nbytes && !txe_trie_has_first(trie, (unsigned char)text[at]))
        at++;
    return at;
}

txe_status
txe_added_find(const struct txe_added *added, bool normalized, bool skip_special,
               const char *text, size_t nbytes, struct txe_segments *segments,
               struct txe_error *err)
{
    const struct txe_trie *trie = normalized ? &added->normal : &added->raw;
    bool any = normalized ? added->has_normal : added->has_raw;
    size_t done = 0;      /* end of the last segment */
    size_t space_end = 0; /* end of the white space that a token took last */
    segments->count = 0;
    int only_byte = normalized ? added->normal_byte : added->raw_byte;
    for (size_t at = 0, next; any && at < nbytes; at = next) {
        at = next_candidate(trie, only_byte, text, nbytes, at);
        if (at == nbytes)
            break;
        size_t end = at;
        const struct txe_added_token *token =
            match_at(added, trie, text, nbytes, at, &end);
        if (token == NULL) {
            next = at + 1;
            continue;
        }
        /* A match that is turned down below hides shorter ones inside it all the same.
         */
        next = end;
        if (skip_special && token->special)
            continue;
        if (token->single_word && !is_single_word(text, nbytes, at, end))
            continue;
        size_t start = token->lstrip ? skip_space_left(text, at, done) : at;
        /* As in the reference, tokens may begin in white space that the last one took:
         * then its end is known, and not looked for again by each of them. */
        if (token->rstrip && end < space_end)
            end = space_end;
        else if (token->rstrip)
            end = space_end = skip_space_right(text, nbytes, end);
        if (add_segment(segments, done, start, NULL, err) != TXE_OK ||
            add_segment(segments, start, end, token, err) != TXE_OK)
            return err->status;
        done = end;
    }
    return add_segment(segments, done, nbytes, NULL, err);
}
