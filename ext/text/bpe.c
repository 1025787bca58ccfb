/* Byte-pair encoding: see bpe.h. */
#include "text/bpe.h"

#include <string.h>

#include "text/bpe_merge.h"
#include "text/unicode.h"

#define NO_SYMBOL TXE_PAIRS_NO_SYMBOL

/* Where in its word a character is: an index of txe_bpe.first_symbols. */
enum { INSIDE = 0, FIRST = 1, LAST = 2 };

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

/* ---- building ---- */

static uint32_t
symbol_of(const struct txe_vocab *vocab, const char *token, size_t nbytes)
{
    const struct txe_vocab_entry *entry = txe_vocab_find(vocab, token, nbytes);
    return entry != NULL ? (uint32_t)(entry - vocab->entries) : NO_SYMBOL;
}

/* The symbol of a character, with what the vocabulary writes around it. */
static uint32_t
symbol_of_char(const struct txe_bpe *model, const char *c, size_t nbytes, int place)
{
    char token[2 * TXE_BPE_MAX_AFFIX + 4];
    size_t n = 0;
    if ((place & FIRST) == 0) {
        memcpy(token, model->prefix, model->prefix_nbytes);
        n = model->prefix_nbytes;
    }
    memcpy(token + n, c, nbytes);
    n += nbytes;
    if ((place & LAST) != 0) {
        memcpy(token + n, model->suffix, model->suffix_nbytes);
        n += model->suffix_nbytes;
    }
    return symbol_of(model->vocab, token, n);
}

static void
find_first_symbols(struct txe_bpe *model)
{
    for (int place = 0; place < 4; place++)
        for (int byte = 0; byte < (model->byte_level ? 256 : 128); byte++) {
            char c[4] = {(char)byte};
            size_t nbytes = 1;
            if (model->byte_level)
                nbytes = txe_utf8_encode(txe_byte_to_char((uint8_t)byte), c);
            uint32_t symbol = symbol_of_char(model, c, nbytes, place);
            model->first_symbols[place][byte] = symbol;
            model->drops |= model->byte_level && symbol == NO_SYMBOL;
        }
    for (int byte = 0; byte < 256; byte++) {
        static const char digits[] = "0123456789ABCDEF";
        const char token[6] = {'<', '0', 'x', digits[byte / 16], digits[byte % 16],
                               '>'};
        model->fallback[byte] = symbol_of(model->vocab, token, sizeof token);
    }
}

static txe_status
init_affix(char affix[TXE_BPE_MAX_AFFIX], size_t *out, const char *bytes, size_t nbytes,
           struct txe_error *err)
{
    if (nbytes > TXE_BPE_MAX_AFFIX)
        return txe_fail(err, TXE_EVALUE,
                        "a prefix or suffix of %zu bytes is too long: at most %d are "
                        "possible",
                        nbytes, TXE_BPE_MAX_AFFIX);
    if (nbytes != 0)
        memcpy(affix, bytes, nbytes);
    *out = nbytes;
    return TXE_OK;
}

txe_status
txe_bpe_init(struct txe_bpe *model, const struct txe_vocab *vocab,
             const struct txe_bpe_options *options, size_t nmerges,
             struct txe_error *err)
{
    memset(model, 0, sizeof *model);
    if (vocab->count >= NO_SYMBOL || nmerges > TXE_PAIRS_MAX_RANKS)
        return txe_fail(err, TXE_EVALUE,
                        "%zu tokens and %zu merges are too many: at most %lu and %lu "
                        "are possible",
                        vocab->count, nmerges, (unsigned long)NO_SYMBOL - 1,
                        (unsigned long)TXE_PAIRS_MAX_RANKS);
    TXE_TRY(init_affix(model->prefix, &model->prefix_nbytes, options->prefix,
                       options->prefix_nbytes, err));
    TXE_TRY(init_affix(model->suffix, &model->suffix_nbytes, options->suffix,
                       options->suffix_nbytes, err));
    if (options->byte_fallback && model->prefix_nbytes + model->suffix_nbytes != 0)
        return txe_fail(err, TXE_EVALUE,
                        "byte_fallback is not supported together with "
                        "continuing_subword_prefix or end_of_word_suffix");
    model->vocab = vocab;
    model->byte_level = options->byte_level;
    model->ignore_merges = options->ignore_merges;
    model->fuse_unk = options->fuse_unk;
    model->byte_fallback = options->byte_fallback;
    model->unk = NO_SYMBOL;
    if (options->has_unk)
        model->unk = (uint32_t)(txe_vocab_at(vocab, options->unk_id) - vocab->entries);
    find_first_symbols(model);
    model->plain = options->byte_level && !model->drops &&
                   options->prefix_nbytes == 0 && options->suffix_nbytes == 0;
    model->room = nmerges;
    model->pairs = txe_alloc(nmerges, sizeof *model->pairs);
    model->results = txe_alloc(nmerges, sizeof *model->results);
    if (model->plain) {
        model->byte_ranks = txe_alloc(1 << 16, sizeof *model->byte_ranks);
        model->joins = txe_calloc(1 << 16, 1);
    }
    if (model->pairs != NULL && model->results != NULL &&
        (!model->plain || (model->byte_ranks != NULL && model->joins != NULL)))
        return TXE_OK;
    txe_bpe_free(model);
    return txe_fail_nomem(err, nmerges * sizeof *model->pairs);
}

static txe_status
find_token(const struct txe_vocab *vocab, const char *token, size_t nbytes,
           uint32_t *symbol, struct txe_error *err)
{
    *symbol = symbol_of(vocab, token, nbytes);
    if (*symbol == NO_SYMBOL)
        return txe_fail(err, TXE_EVALUE, "'%.*s' is not in the vocabulary",
                        (int)TXE_MIN(nbytes, 80), token);
    return TXE_OK;
}

/* The token that two make together. */
static txe_status
find_joined(const struct txe_bpe *model, const char *left, size_t left_nbytes,
            const char *right, size_t right_nbytes, uint32_t *symbol,
            struct txe_error *err)
{
    size_t nbytes = left_nbytes + right_nbytes;
    char local[256];
    char *joined = nbytes <= sizeof local ? local : txe_alloc(nbytes, 1);
    if (joined == NULL)
        return txe_fail_nomem(err, nbytes);
    memcpy(joined, left, left_nbytes);
    memcpy(joined + left_nbytes, right, right_nbytes);
    txe_status status = find_token(model->vocab, joined, nbytes, symbol, err);
    if (joined != local)
        free(joined);
    return status;
}

/* Notes that a merge joins what ends as `left` does to what begins as `right` does. */
static void
note_join(struct txe_bpe *model, const char *left, size_t left_nbytes,
          const char *right)
{
    size_t at = left_nbytes, width;
    do
        at--;
    while (at > 0 && ((unsigned char)left[at] & 0xC0) == 0x80);
    int last = txe_char_to_byte(txe_utf8_decode(left + at, &width));
    int first = txe_char_to_byte(txe_utf8_decode(right, &width));
    if (last >= 0 && first >= 0)
        model->joins[last << 8 | first] = true;
}

txe_status
txe_bpe_add_merge(struct txe_bpe *model, const char *left, size_t left_nbytes,
                  const char *right, size_t right_nbytes, struct txe_error *err)
{
    uint32_t a, b, joined;
    size_t skip = model->prefix_nbytes;
    if (model->nmerges == model->room)
        return txe_fail(err, TXE_EVALUE, "there are more than %zu merges", model->room);
    TXE_TRY(find_token(model->vocab, left, left_nbytes, &a, err));
    TXE_TRY(find_token(model->vocab, right, right_nbytes, &b, err));
    if (skip > right_nbytes ||
        (skip < right_nbytes && ((unsigned char)right[skip] & 0xC0) == 0x80))
        return txe_fail(err, TXE_EVALUE,
                        "'%.*s' does not begin with the continuing_subword_prefix",
                        (int)TXE_MIN(right_nbytes, 80), right);
    TXE_TRY(find_joined(model, left, left_nbytes, right + skip, right_nbytes - skip,
                        &joined, err));
    if (model->plain && left_nbytes != 0 && right_nbytes != 0)
        note_join(model, left, left_nbytes, right);
    model->pairs[model->nmerges] = txe_pair(a, b, (uint32_t)model->nmerges);
    model->results[model->nmerges++] = joined;
    return TXE_OK;
}

txe_status
txe_bpe_finish(struct txe_bpe *model, struct txe_error *err)
{
    TXE_TRY(txe_pairs_build(&model->merges, model->pairs, model->nmerges, err));
    free(model->pairs);
    model->pairs = NULL;
    for (size_t left = 0; model->plain && left < 256; left++)
        for (size_t right = 0; right < 256; right++)
            model->byte_ranks[left << 8 | right] =
                txe_pairs_find(&model->merges, model->first_symbols[INSIDE][left],
                               model->first_symbols[INSIDE][right]);
    return TXE_OK;
}

void
txe_bpe_free(struct txe_bpe *model)
{
    txe_pairs_free(&model->merges);
    free(model->pairs);
    free(model->results);
    free(model->byte_ranks);
    free(model->joins);
    model->pairs = NULL;
    model->results = model->byte_ranks = NULL;
    model->joins = NULL;
}

/* ---- encoding ---- */

/* A word as symbols: at first one for each character, and then what is left of them. */
struct word {
    const char *bytes;
    uint32_t *symbols;
    /* Where each of the first symbols ends, NULL when each is a byte.  In a model that
     * drops bytes these are positions in the word as characters: see to_raw. */
    uint32_t *ends;
    size_t count;
};

static size_t
mapped_nbytes(uint8_t byte)
{
    return txe_byte_to_char(byte) < 0x80 ? 1 : 2;
}

/* Splitting a word into its first symbols.  An unknown character is held back until
 * something else comes, for fuse_unk; so are, as in the reference, bytes in its place
 * put in front of it. */
struct splitting {
    const struct txe_bpe *model;
    struct word *word;
    size_t unk_nbytes; /* of the unknown symbol that is held back, 0: none */
};

static void
add_symbol(struct word *word, uint32_t symbol, size_t nbytes)
{
    uint32_t start = word->count > 0 ? word->ends[word->count - 1] : 0;
    word->ends[word->count] = start + (uint32_t)nbytes;
    word->symbols[word->count++] = symbol;
}

static void
flush_unk(struct splitting *state)
{
    if (state->unk_nbytes != 0)
        add_symbol(state->word, state->model->unk, state->unk_nbytes);
    state->unk_nbytes = 0;
}

static void
add_char(struct splitting *state, uint32_t symbol, const char *c, size_t nbytes)
{
    const struct txe_bpe *model = state->model;
    if (symbol != NO_SYMBOL) {
        flush_unk(state);
        add_symbol(state->word, symbol, nbytes);
        return;
    }
    bool all = model->byte_fallback;
    for (size_t i = 0; i < nbytes; i++)
        all &= model->fallback[(unsigned char)c[i]] != NO_SYMBOL;
    for (size_t i = 0; all && i < nbytes; i++)
        add_symbol(state->word, model->fallback[(unsigned char)c[i]], 1);
    if (all || model->unk == NO_SYMBOL)
        return; /* the reference drops what it cannot write */
    if (!model->fuse_unk)
        flush_unk(state);
    state->unk_nbytes += nbytes;
}

/* Splits the word into symbols: no more than bytes, or than twice as many in a model
 * that drops bytes. */
static void
split(const struct txe_bpe *model, size_t nbytes, struct word *word)
{
    const bool affixed = model->prefix_nbytes != 0 || model->suffix_nbytes != 0;
    struct splitting state = {model, word, 0};
    for (size_t i = 0, width; i < nbytes; i += width) {
        unsigned char byte = (unsigned char)word->bytes[i];
        const char *c = word->bytes + i;
        char mapped[4];
        size_t c_nbytes;
        if (model->byte_level) {
            width = c_nbytes = 1;
            if (model->drops)
                c_nbytes = txe_utf8_encode(txe_byte_to_char(byte), mapped);
            c = mapped;
        } else {
            txe_utf8_decode(c, &width);
            c_nbytes = width;
        }
        int place = INSIDE;
        if (affixed)
            place = (i == 0 ? FIRST : 0) | (i + width == nbytes ? LAST : 0);
        uint32_t symbol = model->byte_level || byte < 0x80
                              ? model->first_symbols[place][byte]
                              : symbol_of_char(model, c, width, place);
        add_char(&state, symbol, c, c_nbytes);
    }
    flush_unk(&state);
}

/* Walks over a word that drops bytes from a position in it as characters to the byte
 * there.  The reference adds up the lengths of the characters that are left, so tokens
 * after a dropped byte are said to be where it was. */
struct cursor {
    size_t byte;
    size_t end; /* of that byte's character */
};

static size_t
to_raw(struct cursor *cursor, const char *bytes, size_t mapped)
{
    while (mapped >= cursor->end)
        cursor->end += mapped_nbytes((uint8_t)bytes[++cursor->byte]);
    return cursor->byte;
}

static bool
push_token(const struct txe_bpe *model, const struct word *word, uint32_t symbol,
           size_t first, size_t next, struct cursor *cursor, struct txe_tokens *tokens)
{
    size_t start = first > 0 ? word->ends[first - 1] : 0;
    size_t end = word->ends[next - 1];
    if (model->drops) {
        start = to_raw(cursor, word->bytes, start);
        end = to_raw(cursor, word->bytes, end - 1) + 1;
    }
    uint32_t id = model->vocab->entries[symbol].id;
    return txe_tokens_push(tokens, id, start, end);
}

/* Merges a word of any kind and appends its tokens; `memory` is for merging, if it is
 * long. */
static bool
encode_word(const struct txe_bpe *model, struct word *word, uint32_t *memory,
            struct txe_tokens *tokens)
{
    struct cursor cursor = {0, mapped_nbytes((uint8_t)word->bytes[0])};
    size_t count = word->count;
    if (count == 0)
        return true;
    if (count > TXE_BPE_SHORT) {
        txe_bpe_merge_long(model, word->symbols, count, memory);
        for (size_t at = 0; at < count; at += memory[at])
            if (!push_token(model, word, word->symbols[at], at, at + memory[at],
                            &cursor, tokens))
                return false;
        return true;
    }
    uint32_t symbols[TXE_BPE_SHORT + 2], ranks[TXE_BPE_SHORT];
    memcpy(symbols + 1, word->symbols, count * sizeof *symbols);
    for (size_t i = 1; i < count; i++)
        ranks[i] = txe_pairs_find(&model->merges, symbols[i], symbols[i + 1]);
    uint64_t left = txe_bpe_merge_short(model, symbols, ranks, count);
    for (size_t at = 1, next; at <= count; at = next) {
        left &= left - 1;
        next = txe_lowest_bit(left & (left - 1));
        if (!push_token(model, word, symbols[at], at - 1, next - 1, &cursor, tokens))
            return false;
    }
    return true;
}

/* Any word: its first symbols are found one by one. */
static txe_status
encode_any(const struct txe_bpe *model, const char *bytes, size_t nbytes,
           struct txe_tokens *tokens, struct txe_scratch *scratch,
           struct txe_error *err)
{
    uint32_t symbols[TXE_BPE_SHORT], ends[TXE_BPE_SHORT];
    struct word word = {bytes, symbols, ends, 0};
    uint32_t *memory = NULL;
    size_t most = nbytes * (model->drops && model->byte_fallback ? 2 : 1);
    if (most > TXE_BPE_SHORT) {
        size_t room = 2 * most + txe_bpe_merge_room(most);
        word.symbols = txe_scratch_get(scratch, room, sizeof *symbols);
        if (word.symbols == NULL)
            return txe_fail_nomem(err, room * sizeof *symbols);
        word.ends = word.symbols + most;
        memory = word.ends + most;
    }
    split(model, nbytes, &word);
    if (!encode_word(model, &word, memory, tokens))
        return txe_fail_nomem(err, tokens->capacity);
    return TXE_OK;
}

/* Bytes [start, end), at most TXE_BPE_SHORT, of a word of a plain model. */
static bool
encode_bytes(const struct txe_bpe *model, const char *word, size_t start, size_t end,
             struct txe_tokens *tokens)
{
    const struct txe_vocab_entry *entries = model->vocab->entries;
    const unsigned char *bytes = (const unsigned char *)word + start;
    uint32_t symbols[TXE_BPE_SHORT + 2], ranks[TXE_BPE_SHORT];
    size_t count = end - start;
    for (size_t i = 1; i < count; i++) {
        symbols[i] = model->first_symbols[INSIDE][bytes[i - 1]];
        ranks[i] = model->byte_ranks[bytes[i - 1] << 8 | bytes[i]];
    }
    symbols[count] = model->first_symbols[INSIDE][bytes[count - 1]];
    uint64_t left = txe_bpe_merge_short(model, symbols, ranks, count);
    for (size_t at = 1, next; at <= count; at = next) {
        left &= left - 1;
        next = txe_lowest_bit(left & (left - 1));
        if (!txe_tokens_push(tokens, entries[symbols[at]].id, start + at - 1,
                             start + next - 1))
            return false;
    }
    return true;
}

/* encode_bytes for any number of bytes. */
static txe_status
encode_many_bytes(const struct txe_bpe *model, const char *word, size_t start,
                  size_t end, struct txe_tokens *tokens, struct txe_scratch *scratch,
                  struct txe_error *err)
{
    const struct txe_vocab_entry *entries = model->vocab->entries;
    size_t count = end - start;
    size_t room = count + txe_bpe_merge_room(count);
    uint32_t *symbols = txe_scratch_get(scratch, room, sizeof *symbols);
    if (symbols == NULL)
        return txe_fail_nomem(err, room * sizeof *symbols);
    uint32_t *lengths = symbols + count;
    for (size_t i = 0; i < count; i++)
        symbols[i] = model->first_symbols[INSIDE][(unsigned char)word[start + i]];
    txe_bpe_merge_long(model, symbols, count, lengths);
    for (size_t at = 0; at < count; at += lengths[at])
        if (!txe_tokens_push(tokens, entries[symbols[at]].id, start + at,
                             start + at + lengths[at]))
            return txe_fail_nomem(err, tokens->capacity);
    return TXE_OK;
}

/* A word of a plain model.  A long one is cut where no merge joins the bytes on both
 * sides: neither part can then tell what the other is. */
static txe_status
encode_plain(const struct txe_bpe *model, const char *word, size_t nbytes,
             struct txe_tokens *tokens, struct txe_scratch *scratch,
             struct txe_error *err)
{
    const unsigned char *bytes = (const unsigned char *)word;
    for (size_t start = 0, end; start < nbytes; start = end) {
        end = nbytes;
        if (nbytes > TXE_BPE_SHORT)
            for (end = start + 1; end < nbytes; end++)
                if (!model->joins[bytes[end - 1] << 8 | bytes[end]])
                    break;
        if (end - start > TXE_BPE_SHORT)
            TXE_TRY(encode_many_bytes(model, word, start, end, tokens, scratch, err));
        else if (!encode_bytes(model, word, start, end, tokens))
            return txe_fail_nomem(err, tokens->capacity);
    }
    return TXE_OK;
}

/* The token that a word is as it stands, or NULL. */
static const struct txe_vocab_entry *
find_whole(const struct txe_bpe *model, const char *word, size_t nbytes,
           struct txe_scratch *scratch)
{
    if (!model->byte_level || nbytes > model->vocab->longest)
        return txe_vocab_find(model->vocab, word, nbytes);
    char local[128];
    char *mapped = local;
    if (nbytes > sizeof local / 2)
        mapped = txe_scratch_get(scratch, nbytes, 2);
    size_t n = 0;
    for (size_t i = 0; mapped != NULL && i < nbytes; i++)
        n += txe_utf8_encode(txe_byte_to_char((uint8_t)word[i]), mapped + n);
    return mapped != NULL ? txe_vocab_find(model->vocab, mapped, n) : NULL;
}

txe_status
txe_bpe_encode(const struct txe_bpe *model, const char *word, size_t nbytes,
               struct txe_tokens *tokens, struct txe_scratch *scratch,
               struct txe_error *err)
{
    if (model->ignore_merges) {
        const struct txe_vocab_entry *entry = find_whole(model, word, nbytes, scratch);
        if (entry != NULL && !txe_tokens_push(tokens, entry->id, 0, nbytes))
            return txe_fail_nomem(err, tokens->capacity);
        if (entry != NULL)
            return TXE_OK;
    }
    size_t count_before = tokens->count;
    txe_status status = model->plain
                            ? encode_plain(model, word, nbytes, tokens, scratch, err)
                            : encode_any(model, word, nbytes, tokens, scratch, err);
    if (status != TXE_OK)
        tokens->count = count_before;
    return status;
}
