/* Characters of a vocabulary to be learned: see train_alphabet.h. */
#include "text/train_alphabet.h"

#include <string.h>

#include "base/common.h"
#include "text/bpe.h"
#include "text/train_pairs.h"
#include "text/unicode.h"

#define NCODES ((size_t)0x110000)
#define WANTED UINT32_MAX /* an id to be given out */

/* Where in its word a character is, as far as that changes how it is written. */
enum { PLAIN = 0, CONTINUES = 1, ENDS = 2, NPLACES = 4 };

struct alphabet {
    const struct txe_bpe_training *options;
    struct txe_vocab *vocab;
    uint64_t *counts;       /* [NCODES] */
    uint32_t *ids[NPLACES]; /* [NCODES] each: id + 1, 0 for none; [0] always there */
};

txe_status
txe_vocab_intern(struct txe_vocab *vocab, struct txe_str token, uint32_t *id,
                 struct txe_error *err)
{
    const struct txe_vocab_entry *entry =
        txe_vocab_find(vocab, token.bytes, token.nbytes);
    *id = entry != NULL ? entry->id : (uint32_t)vocab->count;
    if (entry != NULL)
        return TXE_OK;
    return txe_vocab_add(vocab, token.bytes, token.nbytes, *id, false, err);
}

/* The next character of a word. */
static inline uint32_t
next_char(const struct txe_bpe_training *options, const char *bytes, size_t *nbytes)
{
    if (!options->byte_level)
        return txe_utf8_decode(bytes, nbytes);
    *nbytes = 1;
    return txe_byte_to_char((uint8_t)bytes[0]);
}

/* ---- which characters ---- */

static void
count_chars(struct alphabet *alphabet, const struct txe_word_counts *words)
{
    for (size_t i = 0; i < words->count; i++) {
        const char *bytes = words->bytes + words->items[i].start;
        for (size_t at = 0, length; at < words->items[i].nbytes; at += length) {
            uint32_t c = next_char(alphabet->options, bytes + at, &length);
            alphabet->counts[c] += words->items[i].count;
        }
    }
    for (size_t i = 0; i < alphabet->options->ninitial_alphabet; i++)
        alphabet->counts[alphabet->options->initial_alphabet[i]] = UINT64_MAX;
}

struct char_count {
    uint64_t count;
    uint32_t c;
};

static int
compare_counts(const void *a, const void *b)
{
    const struct char_count *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    return (x->c < y->c) - (x->c > y->c);
}

/* Sets the counts of the rarest characters to 0; of equally rare ones those with the
 * higher code points go first. */
static txe_status
limit_chars(struct alphabet *alphabet, struct txe_error *err)
{
    size_t nchars = 0;
    for (size_t c = 0; c < NCODES; c++)
        nchars += alphabet->counts[c] != 0;
    if (nchars <= alphabet->options->limit_alphabet)
        return TXE_OK;
    struct char_count *chars = txe_alloc(nchars, sizeof *chars);
    if (chars == NULL)
        return txe_fail_nomem(err, nchars * sizeof *chars);
    size_t n = 0;
    for (size_t c = 0; c < NCODES; c++)
        if (alphabet->counts[c] != 0)
            chars[n++] = (struct char_count){alphabet->counts[c], (uint32_t)c};
    qsort(chars, nchars, sizeof *chars, compare_counts);
    for (size_t i = 0; i < nchars - alphabet->options->limit_alphabet; i++)
        alphabet->counts[chars[i].c] = 0;
    free(chars);
    return TXE_OK;
}

/* A character that was left out is a symbol all the same where it is a special token.
 */
static txe_status
number_chars(struct alphabet *alphabet, struct txe_error *err)
{
    for (uint32_t c = 0; c < NCODES; c++) {
        if (alphabet->counts[c] == 0)
            continue;
        char bytes[4];
        uint32_t id;
        struct txe_str token = {bytes, txe_utf8_encode(c, bytes)};
        TXE_TRY(txe_vocab_intern(alphabet->vocab, token, &id, err));
    }
    for (size_t i = 0; i < alphabet->vocab->count; i++) {
        const struct txe_vocab_entry *entry = &alphabet->vocab->entries[i];
        const char *bytes = txe_vocab_bytes(alphabet->vocab, entry);
        size_t length = 0;
        if (entry->nbytes == 0)
            continue;
        uint32_t c = txe_utf8_decode(bytes, &length);
        if (length == entry->nbytes)
            alphabet->ids[PLAIN][c] = entry->id + 1;
    }
    return TXE_OK;
}

/* ---- words as symbols ---- */

/* Calls use(context, c, place) for each character of a word that is in the alphabet. */
static inline void
each_symbol(const struct alphabet *alphabet, const struct txe_word_counts *words,
            size_t index, void (*use)(void *context, uint32_t c, unsigned place),
            void *context)
{
    const struct txe_bpe_training *options = alphabet->options;
    const struct txe_word_count *item = &words->items[index];
    const char *bytes = words->bytes + item->start;
    for (size_t at = 0, length; at < item->nbytes; at += length) {
        uint32_t c = next_char(options, bytes + at, &length);
        unsigned place = PLAIN;
        if (at > 0 && options->prefix.nbytes != 0)
            place |= CONTINUES;
        if (at + length == item->nbytes && options->suffix.nbytes != 0)
            place |= ENDS;
        if (alphabet->ids[PLAIN][c] != 0)
            use(context, c, place);
    }
}

static void
mark_place(void *context, uint32_t c, unsigned place)
{
    struct alphabet *alphabet = context;
    if (place != PLAIN)
        alphabet->ids[place][c] = WANTED;
}

static txe_status
number_affixed(struct alphabet *alphabet, struct txe_error *err)
{
    const struct txe_str prefix = alphabet->options->prefix;
    const struct txe_str suffix = alphabet->options->suffix;
    char *bytes = txe_alloc(prefix.nbytes + 4 + suffix.nbytes, 1);
    if (bytes == NULL)
        return txe_fail_nomem(err, prefix.nbytes + 4 + suffix.nbytes);
    txe_status status = TXE_OK;
    for (uint32_t c = 0; c < NCODES && status == TXE_OK; c++)
        for (unsigned place = 1; place < NPLACES && status == TXE_OK; place++) {
            if (alphabet->ids[place] == NULL || alphabet->ids[place][c] == 0)
                continue;
            size_t nbytes = 0;
            if (place & CONTINUES) {
                memcpy(bytes, prefix.bytes, prefix.nbytes);
                nbytes = prefix.nbytes;
            }
            nbytes += txe_utf8_encode(c, bytes + nbytes);
            if (place & ENDS) {
                memcpy(bytes + nbytes, suffix.bytes, suffix.nbytes);
                nbytes += suffix.nbytes;
            }
            uint32_t id;
            status = txe_vocab_intern(alphabet->vocab, (struct txe_str){bytes, nbytes},
                                      &id, err);
            alphabet->ids[place][c] = id + 1;
        }
    free(bytes);
    return status;
}

struct writer {
    const struct alphabet *alphabet;
    uint32_t *to;
};

static void
write_symbol(void *context, uint32_t c, unsigned place)
{
    struct writer *writer = context;
    *writer->to++ = writer->alphabet->ids[place][c] - 1;
}

static txe_status
write_words(struct txe_symbols *symbols, const struct alphabet *alphabet,
            const struct txe_word_counts *words, struct txe_error *err)
{
    size_t most = 1;
    for (size_t i = 0; i < words->count; i++)
        most += words->items[i].nbytes + 1;
    if (alphabet->options->byte_level && most > TXE_TRAIN_MAX_SYMBOLS)
        return txe_fail(err, TXE_EVALUE,
                        "the distinct words have %zu bytes in all, at most %zu are "
                        "possible",
                        most, TXE_TRAIN_MAX_SYMBOLS);
    symbols->items = txe_alloc(most, sizeof *symbols->items);
    symbols->word_counts = txe_alloc(words->count, sizeof *symbols->word_counts);
    if (symbols->items == NULL || symbols->word_counts == NULL)
        return txe_fail_nomem(err, (unsigned long long)most * sizeof *symbols->items);
    struct writer writer = {alphabet, symbols->items};
    *writer.to++ = TXE_SYMBOLS_END;
    for (size_t i = 0; i < words->count; i++) {
        uint32_t *start = writer.to;
        each_symbol(alphabet, words, i, write_symbol, &writer);
        if (writer.to - start < 2) {
            writer.to = start;
            continue;
        }
        *writer.to++ = TXE_SYMBOLS_END;
        symbols->word_counts[symbols->nwords++] = (int64_t)words->items[i].count;
    }
    symbols->count = (size_t)(writer.to - symbols->items);
    if (symbols->count > TXE_TRAIN_MAX_SYMBOLS)
        return txe_fail(err, TXE_EVALUE,
                        "the distinct words have %zu characters in all, at most %zu "
                        "are possible",
                        symbols->count, TXE_TRAIN_MAX_SYMBOLS);
    return TXE_OK;
}

txe_status
txe_symbols_make(struct txe_symbols *symbols, struct txe_vocab *vocab,
                 const struct txe_word_counts *words,
                 const struct txe_bpe_training *options, struct txe_error *err)
{
    struct alphabet alphabet = {.options = options, .vocab = vocab};
    txe_status status = TXE_OK;
    uint32_t id;
    for (size_t i = 0; i < options->nspecial_tokens && status == TXE_OK; i++)
        status = txe_vocab_intern(vocab, options->special_tokens[i], &id, err);
    if (status != TXE_OK)
        return status;
    alphabet.counts = txe_calloc(NCODES, sizeof *alphabet.counts);
    bool complete = alphabet.counts != NULL;
    for (unsigned place = 0; place < NPLACES && complete; place++) {
        if ((place & CONTINUES && options->prefix.nbytes == 0) ||
            (place & ENDS && options->suffix.nbytes == 0))
            continue;
        alphabet.ids[place] = txe_calloc(NCODES, sizeof *alphabet.ids[place]);
        complete = alphabet.ids[place] != NULL;
    }
    if (!complete) {
        status = txe_fail_nomem(err, NCODES * sizeof *alphabet.counts);
        goto done;
    }
    count_chars(&alphabet, words);
    status = limit_chars(&alphabet, err);
    if (status == TXE_OK)
        status = number_chars(&alphabet, err);
    for (size_t i = 0; i < options->naffixed && status == TXE_OK; i++)
        status = txe_vocab_intern(vocab, options->affixed[i], &id, err);
    if (status != TXE_OK)
        goto done;
    for (size_t i = 0; i < words->count; i++)
        each_symbol(&alphabet, words, i, mark_place, &alphabet);
    status = number_affixed(&alphabet, err);
    if (status == TXE_OK)
        status = write_words(symbols, &alphabet, words, err);

done:
    free(alphabet.counts);
    for (unsigned place = 0; place < NPLACES; place++)
        free(alphabet.ids[place]);
    return status;
}

void
txe_symbols_free(struct txe_symbols *symbols)
{
    free(symbols->items);
    free(symbols->word_counts);
    *symbols = (struct txe_symbols){0};
}
