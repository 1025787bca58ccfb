/* The loops of word_loops.h, written once for every instruction set.
 *
 * Before it is included, the file named after the instruction set defines
 *   struct byte_classes classify(const char *block)
 *       classes of the BLOCK_NBYTES bytes of a block
 *   uint64_t hash_key(struct txe_word_key key)
 *   UTF8_PREFIX
 *   LOOPS_NAME
 * and, with OWN_STEPS, in the place of those below
 *   uint32_t *put_bits(uint32_t *out, uint64_t bits, uint32_t base)
 *       which may spoil 16 more
 *   struct txe_word_key key_at(const char *text, size_t nbytes, size_t start,
 *                              size_t length)
 *   int find_key(const struct txe_word_bucket *bucket, struct txe_word_key key,
 *                uint32_t *out)
 */

#ifndef OWN_STEPS

/* Writes base + i for every bit i that is set, in order. */
static uint32_t *
put_bits(uint32_t *out, uint64_t bits, uint32_t base)
{
    for (; bits != 0; bits &= bits - 1)
        *out++ = base + (uint32_t)__builtin_ctzll(bits);
    return out;
}

/* The key of text[start, start + length), of a text of nbytes;
 * length <= TXE_KEY_LENGTHS. */
static struct txe_word_key
key_at(const char *text, size_t nbytes, size_t start, size_t length)
{
    const char *word = text + start;
    char tail[16] = {0}; /* as much is read, however short the word */
    if (nbytes - start < sizeof tail)
        word = memcpy(tail, word, nbytes - start);
    return txe_word_key(word, length);
}

static int
find_key(const struct txe_word_bucket *bucket, struct txe_word_key key, uint32_t *out)
{
    return txe_word_find(bucket, key, out);
}

#endif

/* The characters of a block that are not ASCII, by class. */
struct wide_chars {
    uint64_t letter, number, space, other; /* all their bytes */
    uint64_t isolated, isolated_first;
    uint64_t joining;
    txe_char_class last; /* of the last one, and its bytes in the next block */
    unsigned beyond;
};

static struct wide_chars
find_wide_chars(const struct txe_chunker *chunker, const char *block, uint64_t high)
{
    struct wide_chars wide = {0};
    while (high != 0) {
        unsigned at = (unsigned)__builtin_ctzll(high);
        size_t width;
        uint32_t c = txe_utf8_decode(block + at, &width);
        uint64_t bytes = ((UINT64_C(1) << width) - 1) << at;
        wide.last = txe_chunker_classify(chunker, c);
        wide.beyond = at + (unsigned)width;
        switch (wide.last) {
        case TXE_CHAR_LETTER:
            wide.letter |= bytes;
            break;
        case TXE_CHAR_NUMBER:
            wide.number |= bytes;
            break;
        case TXE_CHAR_SPACE:
            wide.space |= bytes;
            break;
        case TXE_CHAR_OTHER:
            wide.other |= bytes;
            break;
        case TXE_CHAR_ISOLATED:
            wide.isolated |= bytes;
            wide.isolated_first |= UINT64_C(1) << at;
            break;
        case TXE_CHAR_JOINING:
            wide.joining |= bytes;
            break;
        }
        high &= ~bytes;
    }
    wide.beyond -= TXE_MIN(wide.beyond, BLOCK_NBYTES);
    return wide;
}

static uint64_t
bits_below(size_t n)
{
    return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

static unsigned
last_bit(uint64_t bits)
{
    return 63 - (unsigned)__builtin_clzll(bits);
}

/* ---- the words of GPT-2's pattern, see txe_pattern_word ---- */

/* What a block has to know of the one before it. */
struct carry {
    uint64_t letter, number, space, other, blank; /* bit 0: its last byte is one */
    uint64_t more_letter, more_number; /* the bytes of a character begun there */
    unsigned more;                     /* how many bytes of it there are */
    uint64_t set, cleared;             /* starts, by a contraction begun there */
};

/* Contractions end early; bit i of the result: text[i] begins a word. */
static uint64_t
cut_contractions(const char *text, size_t nbytes, uint64_t starts, uint64_t quote,
                 struct carry *carry)
{
    for (uint64_t left = starts & quote; left != 0; left &= left - 1) {
        unsigned at = (unsigned)__builtin_ctzll(left);
        size_t length = txe_pattern_contraction(text + at, TXE_MIN(nbytes - at, 3));
        if (length == 0)
            continue;
        /* Another apostrophe behind it is looked at next: it began a word already. */
        size_t no_start = at + 1, start = at + length;
        if (no_start < BLOCK_NBYTES)
            starts &= ~(UINT64_C(1) << no_start);
        else
            carry->cleared |= UINT64_C(1) << (no_start - BLOCK_NBYTES);
        if (start < BLOCK_NBYTES)
            starts |= UINT64_C(1) << start;
        else
            carry->set |= UINT64_C(1) << (start - BLOCK_NBYTES);
    }
    return starts;
}

static bool
begins_with_space(const struct txe_chunker *chunker, const char *bytes)
{
    size_t width;
    unsigned char c = (unsigned char)*bytes;
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return txe_chunker_classify(chunker, txe_utf8_decode(bytes, &width)) ==
           TXE_CHAR_SPACE;
}

/* Bit i: a word begins at text[i], of a text of nbytes more.  `block` are its first
 * bytes, with white space behind the end.  White space beyond ASCII, from where on the
 * result tells nothing, goes to *wide_space. */
static uint64_t
pattern_starts(const struct txe_chunker *chunker, const char *text, size_t nbytes,
               const char *block, struct carry *carry, uint64_t *wide_space)
{
    const struct byte_classes classes = classify(block);
    const struct carry before = *carry;
    uint64_t letter = classes.letter | before.more_letter;
    uint64_t number = classes.digit | before.more_number;
    uint64_t space = classes.space;
    *carry = (struct carry){0};
    *wide_space = 0;
    if (classes.high != 0) {
        struct wide_chars wide =
            find_wide_chars(chunker, block, classes.high & ~bits_below(before.more));
        letter |= wide.letter;
        number |= wide.number;
        space |= wide.space;
        *wide_space = wide.space;
        carry->more = wide.beyond;
        carry->more_letter = wide.last == TXE_CHAR_LETTER ? bits_below(wide.beyond) : 0;
        carry->more_number = wide.last == TXE_CHAR_NUMBER ? bits_below(wide.beyond) : 0;
    }
    uint64_t other = ~(letter | number | space);
    uint64_t runs = (letter & ~(letter << 1 | before.letter)) |
                    (number & ~(number << 1 | before.number)) |
                    (other & ~(other << 1 | before.other));
    uint64_t starts = runs & ~(classes.blank << 1 | before.blank);
    /* Of white space the last begins a word again, unless nothing follows. */
    uint64_t last = space & ~(space >> 1);
    if (last >> 63 != 0 && begins_with_space(chunker, block + BLOCK_NBYTES))
        last &= bits_below(63);
    starts |= (space & ~(space << 1 | before.space)) | last;
    starts = (starts & ~before.cleared) | before.set;
    if ((starts & classes.quote) != 0)
        starts = cut_contractions(text, nbytes, starts, classes.quote, carry);
    carry->letter = letter >> 63;
    carry->number = number >> 63;
    carry->space = space >> 63;
    carry->other = other >> 63;
    carry->blank = classes.blank >> 63;
    return starts & bits_below(nbytes);
}

static size_t
list_pattern(const struct txe_chunker *chunker, const char *text, size_t nbytes,
             size_t at, struct txe_chunk_list *list)
{
    uint32_t *out = list->starts;
    struct carry carry = {0};
    bool fresh = true; /* text[at] begins a word whatever is before it */
    while (at < nbytes && out < list->starts + TXE_MANY_CHUNKS) {
        const char *block = text + at;
        size_t left = nbytes - at;
        char tail[BLOCK_TAIL];
        if (left < sizeof tail) {
            memset(tail, ' ', sizeof tail);
            block = memcpy(tail, block, left);
        }
        uint64_t wide_space;
        uint64_t starts =
            pattern_starts(chunker, text + at, left, block, &carry, &wide_space);
        if (wide_space != 0)
            starts &= bits_below((size_t)__builtin_ctzll(wide_space));
        out = put_bits(out, starts, (uint32_t)at);
        if (wide_space == 0) {
            at += BLOCK_NBYTES;
            fresh = false;
            continue;
        }
        /* Goes on with the last word before it, or with the one it begins. */
        size_t start = fresh && starts == 0 ? at : *--out;
        at = start + txe_pattern_word(text + start, nbytes - start);
        *out++ = (uint32_t)start;
        carry = (struct carry){0};
        fresh = true;
    }
    at = TXE_MIN(at, nbytes);
    if (fresh || at == nbytes)
        *out = (uint32_t)at;
    else
        at = *--out; /* it may go on */
    list->ends = list->starts + 1;
    list->count = (size_t)(out - list->starts);
    return at;
}

/* ---- what is between white space ---- */

/* Chunks of a block: bit i of `starts` where one begins, of `ends` where one has ended;
 * equally many of both, in turns. */
struct block_chunks {
    uint64_t starts, ends;
    size_t next; /* byte to go on with; 0: the first chunk is longer than the block */
};

static struct block_chunks
cut_spaces(const struct txe_chunker *chunker, const struct byte_classes *classes,
           const char *block, size_t nbytes)
{
    bool is_last = nbytes < BLOCK_NBYTES;
    uint64_t space = classes->blank | (chunker->tab ? classes->tab : 0) |
                     (chunker->newline ? classes->newline : 0) |
                     (chunker->carriage_return ? classes->carriage_return : 0);
    uint64_t isolated = 0, isolated_first = 0;
    if (chunker->kind == TXE_CHUNKS_WORDS) {
        isolated = ~(classes->letter | classes->digit | classes->space |
                     classes->control | classes->high);
        isolated_first = isolated;
    }
    if (chunker->clusters)
        space &= ~(classes->carriage_return << 1);
    bool wide_matter = chunker->clusters || chunker->kind == TXE_CHUNKS_WORDS;
    if (classes->high != 0 && wide_matter) {
        struct wide_chars wide = find_wide_chars(chunker, block, classes->high);
        space &= ~(wide.joining << 1 | wide.joining >> 1);
        isolated |= wide.isolated;
        isolated_first |= wide.isolated_first;
    }
    if (is_last)
        space |= ~bits_below(nbytes);
    uint64_t word = ~(space | isolated);
    uint64_t isolated_last = isolated & ~((isolated & ~isolated_first) >> 1);
    struct block_chunks chunks = {
        .starts = (word & ~(word << 1)) | isolated_first,
        .ends = (~word & word << 1) | (isolated_last << 1),
        .next = nbytes,
    };
    if (is_last) { /* every chunk has its end */
        chunks.starts &= bits_below(nbytes);
        chunks.ends &= bits_below(nbytes + 1);
        return chunks;
    }
    /* Whether the last byte separates is seen together with the byte after it. */
    chunks.ends &= bits_below(BLOCK_NBYTES - 1);
    chunks.next = BLOCK_NBYTES - 1;
    size_t nends = (size_t)__builtin_popcountll(chunks.ends);
    while ((size_t)__builtin_popcountll(chunks.starts) > nends) {
        chunks.next = last_bit(chunks.starts);
        chunks.starts &= ~(UINT64_C(1) << chunks.next);
    }
    return chunks;
}

static size_t
list_spaces(const struct txe_chunker *chunker, const char *text, size_t nbytes,
            size_t at, struct txe_chunk_list *list)
{
    uint32_t *starts = list->starts, *ends = list->own_ends;
    while (at < nbytes && starts < list->starts + TXE_MANY_CHUNKS) {
        const char *block = text + at;
        size_t left = nbytes - at;
        char tail[BLOCK_TAIL];
        if (left < sizeof tail) {
            memset(tail, ' ', sizeof tail);
            block = memcpy(tail, block, left);
        }
        struct byte_classes classes = classify(block);
        struct block_chunks chunks =
            cut_spaces(chunker, &classes, block, TXE_MIN(left, BLOCK_NBYTES));
        if (chunks.next == 0) {
            size_t length = txe_chunk_nbytes(chunker, text + at, left);
            *starts++ = (uint32_t)at;
            *ends++ = (uint32_t)(at + length);
            at += length;
            continue;
        }
        starts = put_bits(starts, chunks.starts, (uint32_t)at);
        ends = put_bits(ends, chunks.ends, (uint32_t)at);
        at += chunks.next;
    }
    list->ends = list->own_ends;
    list->count = (size_t)(starts - list->starts);
    return at;
}

/* ---- loops ---- */

static size_t
list_chunks(const struct txe_chunker *chunker, const char *text, size_t nbytes,
            size_t at, struct txe_chunk_list *list)
{
    return chunker->kind == TXE_CHUNKS_PATTERN
               ? list_pattern(chunker, text, nbytes, at, list)
               : list_spaces(chunker, text, nbytes, at, list);
}

static void
hash_chunks(const struct txe_word_cache *cache, const char *text, size_t nbytes,
            struct txe_chunk_list *list)
{
    const uint32_t *ends = list->ends;
    for (size_t i = 0; i < list->count; i++) {
        uint32_t start = list->starts[i];
        uint32_t length = TXE_MIN(ends[i] - start, TXE_KEY_LENGTHS);
        struct txe_word_key key = key_at(text, nbytes, start, length);
        uint32_t bucket = (uint32_t)(hash_key(key) & cache->mask);
        TXE_PREFETCH(&cache->buckets[bucket]);
        list->keys[i] = key;
        list->buckets[i] = bucket;
    }
}

static size_t
find_chunks(const struct txe_word_cache *cache, const struct txe_chunk_list *list,
            size_t first, uint32_t **out)
{
    uint32_t *ids = *out;
    size_t i = first;
    for (; i < list->count; i++) {
        int count = find_key(&cache->buckets[list->buckets[i]], list->keys[i], ids);
        if (count < 0)
            break;
        ids += count;
    }
    *out = ids;
    return i;
}

static const struct txe_word_loops loops = {
    LOOPS_NAME, hash_key, UTF8_PREFIX, list_chunks, hash_chunks, find_chunks,
};
