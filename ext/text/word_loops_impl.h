/* The loops of word_loops.h, written once for every instruction set.
 *
 * Before it is included, the file named after the instruction set defines
 *   struct byte_classes classify(const char *block)
 *       classes of the BLOCK_NBYTES bytes of a block
 *   uint64_t hash_key(struct txe_word_key key)
 *   LOOPS_NAME
 * and, with OWN_PUT_BITS_AND_FIND_KEY, in the place of those below
 *   uint32_t *put_bits(uint32_t *out, uint64_t bits, uint32_t base)
 *       which may spoil 16 more
 *   int find_key(const struct txe_word_bucket *bucket, struct txe_word_key key,
 *                uint32_t *out)
 */

#ifndef OWN_PUT_BITS_AND_FIND_KEY

/* Writes base + i for every bit i that is set, in order. */
static uint32_t *
put_bits(uint32_t *out, uint64_t bits, uint32_t base)
{
    for (; bits != 0; bits &= bits - 1)
        *out++ = base + (uint32_t)__builtin_ctzll(bits);
    return out;
}

static int
find_key(const struct txe_word_bucket *bucket, struct txe_word_key key, uint32_t *out)
{
    return txe_word_find(bucket, key, out);
}

#endif

/* Chunks of a block: bit i of `starts` where one begins, of `ends` where one has ended;
 * equally many of both, in turns.  What is between them stands for nothing. */
struct block_chunks {
    uint64_t starts, ends;
    size_t next; /* byte to go on with; 0: the first chunk is longer than the block */
};

/* The characters of a block that are not ASCII, by class. */
struct wide_chars {
    uint64_t letter, number, space, other; /* all their bytes */
    uint64_t isolated, isolated_first;
    uint64_t joining;
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
        switch (txe_chunker_classify(chunker, c)) {
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
    return wide;
}

/* ---- blocks ---- */

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

/* GPT-2's pattern, see txe_pattern_word. */
static struct block_chunks
cut_pattern(const struct txe_chunker *chunker, const struct byte_classes *classes,
            const char *block, size_t nbytes)
{
    bool is_last = nbytes < BLOCK_NBYTES;
    /* What begins at the last byte of a block depends on the byte after it. */
    size_t known = is_last ? nbytes : BLOCK_NBYTES - 1;
    uint64_t letter = classes->letter, number = classes->digit, space = classes->space;
    if (classes->high != 0) {
        struct wide_chars wide = find_wide_chars(chunker, block, classes->high);
        letter |= wide.letter;
        number |= wide.number;
        space |= wide.space;
        /* The rule for the end of white space below is one of bytes. */
        if (wide.space != 0) {
            known = TXE_MIN(known, (size_t)__builtin_ctzll(wide.space));
            is_last = false;
        }
    }
    uint64_t other = ~(letter | number | space);
    uint64_t runs =
        (letter & ~(letter << 1)) | (number & ~(number << 1)) | (other & ~(other << 1));
    uint64_t starts = (runs & ~(classes->blank << 1)) | (space & ~(space << 1)) |
                      (space & (~space >> 1));
    starts = (starts | 1) & bits_below(known);
    if (starts == 0)
        return (struct block_chunks){0, 0, 0};
    /* An apostrophe that begins a word may begin a contraction, which ends early. */
    for (uint64_t left = starts & classes->quote; left != 0; left &= left - 1) {
        unsigned at = (unsigned)__builtin_ctzll(left);
        if (!is_last && at + 3 >= known) { /* seen whole when it begins a block */
            starts &= bits_below(at + 1);
            break;
        }
        size_t length = txe_pattern_contraction(block + at, 3);
        if (length == 0)
            continue;
        starts &= ~(UINT64_C(1) << (at + 1));
        if (at + length < known) {
            starts |= UINT64_C(1) << (at + length);
            /* Another apostrophe there is looked at next: it began a run already. */
        }
    }
    struct block_chunks chunks = {starts, starts & (starts - 1), nbytes};
    if (is_last) {
        chunks.ends |= UINT64_C(1) << nbytes;
    } else {
        chunks.next = last_bit(starts);
        chunks.starts &= ~(UINT64_C(1) << chunks.next);
    }
    return chunks;
}

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

/* ---- loops ---- */

static size_t
list_chunks(const struct txe_chunker *chunker, const char *text, size_t nbytes,
            size_t at, struct txe_chunk_list *list)
{
    uint32_t *starts = list->starts, *ends = list->ends;
    while (at < nbytes && starts < list->starts + TXE_MANY_CHUNKS) {
        const char *block = text + at;
        size_t left = nbytes - at;
        char tail[BLOCK_NBYTES + 3]; /* and the end of a character */
        if (left < sizeof tail) {
            memset(tail, ' ', sizeof tail);
            block = memcpy(tail, block, left);
        }
        struct byte_classes classes = classify(block);
        struct block_chunks chunks =
            chunker->kind == TXE_CHUNKS_PATTERN
                ? cut_pattern(chunker, &classes, block, TXE_MIN(left, BLOCK_NBYTES))
                : cut_spaces(chunker, &classes, block, TXE_MIN(left, BLOCK_NBYTES));
        if (chunks.next == 0) {
            size_t length = txe_chunk_nbytes(chunker, text + at, left);
            *starts++ = (uint32_t)at;
            *ends++ = (uint32_t)(at + TXE_MIN(length, TXE_KEY_LENGTHS));
            at += length;
            continue;
        }
        starts = put_bits(starts, chunks.starts, (uint32_t)at);
        ends = put_bits(ends, chunks.ends, (uint32_t)at);
        at += chunks.next;
    }
    list->count = (size_t)(starts - list->starts);
    return at;
}

static void
hash_chunks(const struct txe_word_cache *cache, const char *text, size_t nbytes,
            struct txe_chunk_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        uint32_t start = list->starts[i];
        const char *word = text + start;
        char tail[16] = {0}; /* as much is read, however short the word */
        if (nbytes - start < sizeof tail)
            word = memcpy(tail, word, nbytes - start);
        struct txe_word_key key = txe_word_key(word, list->ends[i] - start);
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
    LOOPS_NAME, hash_key, list_chunks, hash_chunks, find_chunks,
};
