/* Byte-pair encoding: see bpe.h. */
#include "text/bpe.h"

#include <string.h>

#include "text/hash.h"
#include "text/unicode.h"

#define NO_RANK UINT32_MAX
#define NO_SYMBOL UINT32_MAX
#define SHORT_WORD 48 /* symbols up to which scanning beats a heap */

/* ---- bytes as characters ---- */

static bool
is_printable_latin1(uint32_t c)
{
    return (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xAC) ||
           (c >= 0xAE && c <= 0xFF);
}

uint32_t
txe_byte_to_char(uint8_t byte)
{
    if (is_printable_latin1(byte))
        return byte;
    if (byte <= 0x20)
        return 0x100u + byte;
    return byte == 0xAD ? 0x143u : 0x121u + (byte - 0x7Fu);
}

int
txe_char_to_byte(uint32_t c)
{
    if (is_printable_latin1(c))
        return (int)c;
    if (c >= 0x100 && c <= 0x120)
        return (int)(c - 0x100);
    if (c >= 0x121 && c <= 0x142)
        return (int)(c - 0x121 + 0x7F);
    return c == 0x143 ? 0xAD : -1;
}

/* The raw bytes that a token stands for into out[nbytes]; false when a character of it
 * stands for none. */
static bool
token_to_raw(const char *token, size_t nbytes, char *out, size_t *raw_nbytes)
{
    size_t n = 0, width;
    for (size_t i = 0; i < nbytes; i += width) {
        int byte = txe_char_to_byte(txe_utf8_decode(token + i, &width));
        if (byte < 0)
            return false;
        out[n++] = (char)(unsigned char)byte;
    }
    *raw_nbytes = n;
    return true;
}

/* ---- building ---- */

static txe_status
add_whole_words(struct txe_bpe *model, struct txe_error *err)
{
    const struct txe_vocab *vocab = model->vocab;
    char *raw = txe_alloc(vocab->nbytes, 1);
    if (raw == NULL)
        return txe_fail_nomem(err, vocab->nbytes);
    txe_status status = TXE_OK;
    for (size_t i = 0; i < vocab->count && status == TXE_OK; i++) {
        const struct txe_vocab_entry *entry = &vocab->entries[i];
        const char *bytes = txe_vocab_bytes(vocab, entry);
        size_t nbytes = entry->nbytes;
        if (model->byte_level) {
            if (!token_to_raw(bytes, nbytes, raw, &nbytes))
                continue;
            bytes = raw;
        }
        status = txe_vocab_add(&model->whole, bytes, nbytes, entry->id, false, err);
    }
    free(raw);
    return status;
}

txe_status
txe_bpe_init(struct txe_bpe *model, const struct txe_vocab *vocab, bool byte_level,
             bool ignore_merges, size_t nmerges, struct txe_error *err)
{
    memset(model, 0, sizeof *model);
    model->vocab = vocab;
    model->byte_level = byte_level;
    if (nmerges > UINT32_MAX / 4)
        return txe_fail(err, TXE_EVALUE, "%zu merges are too many", nmerges);
    model->nslots = txe_hash_slots(nmerges);
    model->merges = txe_alloc(model->nslots, sizeof *model->merges);
    if (model->merges == NULL)
        return txe_fail_nomem(err, model->nslots * sizeof *model->merges);
    model->seed = txe_hash_mix((uint64_t)(uintptr_t)model->merges);
    for (size_t i = 0; i < model->nslots; i++)
        model->merges[i].left = TXE_BPE_NO_ID;
    for (int byte = 0; byte_level && byte < 256; byte++) {
        char bytes[4];
        size_t nbytes = txe_utf8_encode(txe_byte_to_char((uint8_t)byte), bytes);
        const struct txe_vocab_entry *entry = txe_vocab_find(vocab, bytes, nbytes);
        model->byte_ids[byte] = entry != NULL ? entry->id : TXE_BPE_NO_ID;
        model->drops |= entry == NULL;
    }
    if (ignore_merges && add_whole_words(model, err) != TXE_OK) {
        txe_bpe_free(model);
        return err->status;
    }
    return TXE_OK;
}

static struct txe_bpe_merge *
find_merge(const struct txe_bpe *model, uint32_t left, uint32_t right)
{
    size_t mask = model->nslots - 1;
    uint64_t key = ((uint64_t)left << 32 | right) ^ model->seed;
    size_t slot = (size_t)txe_hash_mix(key) & mask;
    struct txe_bpe_merge *merges = model->merges;
    while (merges[slot].left != TXE_BPE_NO_ID &&
           (merges[slot].left != left || merges[slot].right != right))
        slot = (slot + 1) & mask;
    return &merges[slot];
}

static txe_status
find_token(const struct txe_vocab *vocab, const char *token, size_t nbytes,
           uint32_t *id, struct txe_error *err)
{
    const struct txe_vocab_entry *entry = txe_vocab_find(vocab, token, nbytes);
    if (entry == NULL)
        return txe_fail(err, TXE_EVALUE, "'%.*s' is not in the vocabulary",
                        (int)TXE_MIN(nbytes, 80), token);
    *id = entry->id;
    return TXE_OK;
}

txe_status
txe_bpe_add_merge(struct txe_bpe *model, const char *left, size_t left_nbytes,
                  const char *right, size_t right_nbytes, struct txe_error *err)
{
    uint32_t left_id = 0, right_id = 0, id = 0;
    if (find_token(model->vocab, left, left_nbytes, &left_id, err) != TXE_OK ||
        find_token(model->vocab, right, right_nbytes, &right_id, err) != TXE_OK)
        return err->status;
    char *joined = txe_alloc(left_nbytes + right_nbytes, 1);
    if (joined == NULL)
        return txe_fail_nomem(err, left_nbytes + right_nbytes);
    memcpy(joined, left, left_nbytes);
    memcpy(joined + left_nbytes, right, right_nbytes);
    txe_status status =
        find_token(model->vocab, joined, left_nbytes + right_nbytes, &id, err);
    free(joined);
    if (status == TXE_OK) /* a merge given twice: the last rank counts */
        *find_merge(model, left_id, right_id) =
            (struct txe_bpe_merge){left_id, right_id, (uint32_t)model->nmerges++, id};
    return status;
}

void
txe_bpe_free(struct txe_bpe *model)
{
    free(model->merges);
    model->merges = NULL;
    txe_vocab_free(&model->whole);
}

/* ---- encoding ---- */

/* A token so far.  `nbytes` counts bytes of the word, or, in a model that drops bytes,
 * of the word as characters: see emit_dropping. */
struct symbol {
    uint32_t id, nbytes;
    uint32_t prev, next; /* neighbours in a long word; nbytes 0: merged away */
};

/* A merge that is possible at symbol `at` with the symbol after it. */
struct candidate {
    uint32_t rank, at, id;
};

/* Whether bytes may vanish: some have no token and there is no unknown token either. */
static bool
dropping(const struct txe_bpe *model)
{
    return model->drops && !model->has_unk;
}

static size_t
mapped_nbytes(uint8_t byte)
{
    return txe_byte_to_char(byte) < 0x80 ? 1 : 2;
}

/* Splits the word into symbols; a word has no more of them than bytes. */
static size_t
first_symbols(const struct txe_bpe *model, const char *word, size_t nbytes,
              struct symbol *symbols)
{
    size_t count = 0, width = 1;
    bool was_unk = false;
    for (size_t i = 0; i < nbytes; i += width) {
        uint32_t id;
        size_t length;
        if (model->byte_level) {
            unsigned char byte = (unsigned char)word[i];
            id = model->byte_ids[byte];
            length = dropping(model) ? mapped_nbytes(byte) : 1;
        } else {
            txe_utf8_decode(word + i, &width);
            const struct txe_vocab_entry *entry =
                txe_vocab_find(model->vocab, word + i, width);
            id = entry != NULL ? entry->id : TXE_BPE_NO_ID;
            length = width;
        }
        bool is_unk = id == TXE_BPE_NO_ID;
        if (is_unk && !model->has_unk)
            continue; /* the reference drops what it cannot write */
        if (is_unk && was_unk && model->fuse_unk)
            symbols[count - 1].nbytes += (uint32_t)length;
        else
            symbols[count++] =
                (struct symbol){is_unk ? model->unk_id : id, (uint32_t)length, 0, 0};
        was_unk = is_unk;
    }
    return count;
}

static struct candidate
candidate_at(const struct txe_bpe *model, const struct symbol *left,
             const struct symbol *right, size_t at)
{
    const struct txe_bpe_merge *merge = find_merge(model, left->id, right->id);
    if (merge->left == TXE_BPE_NO_ID)
        return (struct candidate){NO_RANK, (uint32_t)at, 0};
    return (struct candidate){merge->rank, (uint32_t)at, merge->id};
}

/* Merges by scanning for the lowest rank; returns how many symbols are left. */
static size_t
merge_short(const struct txe_bpe *model, struct symbol *symbols, size_t count)
{
    struct candidate pairs[SHORT_WORD];
    for (size_t i = 0; i + 1 < count; i++)
        pairs[i] = candidate_at(model, &symbols[i], &symbols[i + 1], i);
    while (count > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < count; i++)
            if (pairs[i].rank < pairs[best].rank)
                best = i;
        if (pairs[best].rank == NO_RANK)
            break;
        symbols[best].id = pairs[best].id;
        symbols[best].nbytes += symbols[best + 1].nbytes;
        count--;
        memmove(&symbols[best + 1], &symbols[best + 2],
                (count - best - 1) * sizeof *symbols);
        memmove(&pairs[best], &pairs[best + 1], (count - best - 1) * sizeof *pairs);
        if (best > 0)
            pairs[best - 1] =
                candidate_at(model, &symbols[best - 1], &symbols[best], best - 1);
        if (best + 1 < count)
            pairs[best] = candidate_at(model, &symbols[best], &symbols[best + 1], best);
    }
    return count;
}

static bool
goes_before(struct candidate a, struct candidate b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void
heap_push(struct candidate *heap, size_t *count, struct candidate item)
{
    size_t at = (*count)++;
    for (; at > 0 && goes_before(item, heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = item;
}

static struct candidate
heap_pop(struct candidate *heap, size_t *count)
{
    struct candidate top = heap[0];
    struct candidate item = heap[--*count];
    size_t at = 0;
    for (size_t child = 1; child < *count; child = 2 * at + 1) {
        if (child + 1 < *count && goes_before(heap[child + 1], heap[child]))
            child++;
        if (!goes_before(heap[child], item))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = item;
    return top;
}

/* Merges with a heap of candidates, room for 3 * count of them; returns how many
 * symbols are left. */
static size_t
merge_long(const struct txe_bpe *model, struct symbol *symbols, size_t count,
           struct candidate *heap)
{
    size_t pending = 0;
    for (size_t i = 0; i < count; i++) {
        symbols[i].prev = i > 0 ? (uint32_t)i - 1 : NO_SYMBOL;
        symbols[i].next = i + 1 < count ? (uint32_t)i + 1 : NO_SYMBOL;
        if (i + 1 < count) {
            struct candidate pair =
                candidate_at(model, &symbols[i], &symbols[i + 1], i);
            if (pair.rank != NO_RANK)
                heap_push(heap, &pending, pair);
        }
    }
    while (pending > 0) {
        struct candidate top = heap_pop(heap, &pending);
        struct symbol *left = &symbols[top.at];
        if (left->nbytes == 0 || left->next == NO_SYMBOL)
            continue;
        struct symbol *right = &symbols[left->next];
        if (candidate_at(model, left, right, top.at).rank != top.rank)
            continue; /* one of the two has changed since */
        left->id = top.id;
        left->nbytes += right->nbytes;
        left->next = right->next;
        right->nbytes = 0;
        struct candidate pair;
        if (left->next != NO_SYMBOL) {
            symbols[left->next].prev = top.at;
            pair = candidate_at(model, left, &symbols[left->next], top.at);
            if (pair.rank != NO_RANK)
                heap_push(heap, &pending, pair);
        }
        if (left->prev != NO_SYMBOL) {
            pair = candidate_at(model, &symbols[left->prev], left, left->prev);
            if (pair.rank != NO_RANK)
                heap_push(heap, &pending, pair);
        }
    }
    size_t left_over = 0;
    for (size_t i = 0; i < count; i++)
        if (symbols[i].nbytes != 0)
            symbols[left_over++] = symbols[i];
    return left_over;
}

static bool
emit(const struct symbol *symbols, size_t count, struct txe_tokens *tokens)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (!txe_tokens_push(tokens, symbols[i].id, at, at + symbols[i].nbytes))
            return false;
        at += symbols[i].nbytes;
    }
    return true;
}

/* emit for a model that drops bytes.  The reference adds up the lengths of the
 * characters that are left, so tokens after a dropped byte are said to be where it was:
 * the sums are positions in the word as characters, and are turned back into bytes
 * here. */
static bool
emit_dropping(const char *word, const struct symbol *symbols, size_t count,
              struct txe_tokens *tokens)
{
    size_t mapped = 0; /* sum so far */
    size_t byte = 0;   /* of the word ... */
    size_t byte_end =
        mapped_nbytes((uint8_t)word[0]); /* ... and where it ends, mapped */
    for (size_t i = 0; i < count; i++) {
        while (mapped >= byte_end)
            byte_end += mapped_nbytes((uint8_t)word[++byte]);
        size_t start = byte;
        mapped += symbols[i].nbytes;
        while (mapped - 1 >= byte_end)
            byte_end += mapped_nbytes((uint8_t)word[++byte]);
        if (!txe_tokens_push(tokens, symbols[i].id, start, byte + 1))
            return false;
    }
    return true;
}

txe_status
txe_bpe_encode(const struct txe_bpe *model, const char *word, size_t nbytes,
               struct txe_tokens *tokens, struct txe_scratch *scratch,
               struct txe_error *err)
{
    if (model->whole.count != 0) {
        const struct txe_vocab_entry *entry =
            txe_vocab_find(&model->whole, word, nbytes);
        if (entry != NULL) {
            if (!txe_tokens_push(tokens, entry->id, 0, nbytes))
                return txe_fail_nomem(err, tokens->capacity);
            return TXE_OK;
        }
    }
    struct symbol local[SHORT_WORD];
    struct symbol *symbols = local;
    size_t count_before = tokens->count;
    size_t count;
    if (nbytes <= SHORT_WORD) {
        count = first_symbols(model, word, nbytes, symbols);
        count = merge_short(model, symbols, count);
    } else {
        size_t each = sizeof *symbols + 3 * sizeof(struct candidate);
        symbols = txe_scratch_get(scratch, nbytes, each);
        if (symbols == NULL)
            return txe_fail_nomem(err, nbytes * each);
        count = first_symbols(model, word, nbytes, symbols);
        count =
            merge_long(model, symbols, count, (struct candidate *)(symbols + nbytes));
    }
    if (!(dropping(model) ? emit_dropping(word, symbols, count, tokens)
                          : emit(symbols, count, tokens))) {
        tokens->count = count_before;
        return txe_fail_nomem(err, tokens->capacity);
    }
    return TXE_OK;
}
