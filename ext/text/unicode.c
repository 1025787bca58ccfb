/* Character properties: see unicode.h. */
#include "text/unicode.h"

#include <string.h>

#include <utf8proc.h>

#include "base/common.h"
#include "text/unicode_tables.h"

/* Bits of a word of property_runs; unicode_tables.py names them alike. */
enum {
    GRAPHEME_MASK = 0xF,
    WHITESPACE = 1 << 4,
    CONTROL = 1 << 5,
    PUNCTUATION = 1 << 6,
    NONSPACING = 1 << 7,
    MARK = 1 << 8,
    REGEX_SHIFT = 9,
    CODE_POINT_SHIFT = 11
};

enum { HANGUL_S = 0xAC00, HANGUL_L = 0x1100, HANGUL_V = 0x1161, HANGUL_T = 0x11A7 };
enum { HANGUL_NL = 19, HANGUL_NV = 21, HANGUL_NT = 28 };
enum { HANGUL_NS = HANGUL_NL * HANGUL_NV * HANGUL_NT };

/* ---- UTF-8 ---- */

uint32_t
txe_utf8_decode(const char *bytes, size_t *nbytes)
{
    const unsigned char *b = (const unsigned char *)bytes;
    if (b[0] < 0x80) {
        *nbytes = 1;
        return b[0];
    }
    if (b[0] < 0xE0) {
        *nbytes = 2;
        return (b[0] & 0x1Fu) << 6 | (b[1] & 0x3Fu);
    }
    if (b[0] < 0xF0) {
        *nbytes = 3;
        return (b[0] & 0x0Fu) << 12 | (b[1] & 0x3Fu) << 6 | (b[2] & 0x3Fu);
    }
    *nbytes = 4;
    return (b[0] & 0x07u) << 18 | (b[1] & 0x3Fu) << 12 | (b[2] & 0x3Fu) << 6 |
           (b[3] & 0x3Fu);
}

size_t
txe_utf8_encode(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* Length of the well-formed sequence that begins at bytes[0], 0 if there is none. */
static size_t
sequence_nbytes(const char *bytes, size_t nbytes)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)bytes[0];
    if (lead < 0x80)
        return 1;
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC0 || lead >= 0xF8 || nbytes < length)
        return 0;
    for (size_t k = 1; k < length; k++)
        if (((unsigned char)bytes[k] & 0xC0) != 0x80)
            return 0;
    uint32_t c = txe_utf8_decode(bytes, &length);
    bool good = c >= smallest[length] && c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
    return good ? length : 0;
}

/* Eight bytes, of which only the bits that no ASCII has are left. */
static uint64_t
beyond_ascii(const char *bytes)
{
    uint64_t eight;
    memcpy(&eight, bytes, sizeof eight);
    return eight & UINT64_C(0x8080808080808080);
}

size_t
txe_utf8_prefix(const char *bytes, size_t nbytes)
{
    size_t at = 0;
    while (at < nbytes) {
        /* Most of most texts is ASCII: pass over 32 or 8 bytes of it at once. */
        if (nbytes - at >= 32 &&
            (beyond_ascii(bytes + at) | beyond_ascii(bytes + at + 8) |
             beyond_ascii(bytes + at + 16) | beyond_ascii(bytes + at + 24)) == 0) {
            at += 32;
            continue;
        }
        for (size_t stop = TXE_MIN(at + 32, nbytes); at < stop;) {
            if (nbytes - at >= 8 && beyond_ascii(bytes + at) == 0) {
                at += 8;
                continue;
            }
            size_t length = sequence_nbytes(bytes + at, nbytes - at);
            if (length == 0)
                return at;
            at += length;
        }
    }
    return at;
}

bool
txe_utf8_valid(const char *bytes, size_t nbytes)
{
    return txe_utf8_prefix(bytes, nbytes) == nbytes;
}

/* ---- properties ---- */

static uint32_t
properties(uint32_t c)
{
    const size_t last_page = TXE_LEN(property_index) - 1;
    size_t page = TXE_MIN(c >> 8, last_page);
    size_t low = property_index[page];
    size_t high =
        page < last_page ? property_index[page + 1] : TXE_LEN(property_runs) - 1;
    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;
        if (property_runs[middle] >> CODE_POINT_SHIFT <= c)
            low = middle;
        else
            high = middle - 1;
    }
    return property_runs[low];
}

txe_regex_class
txe_regex_class_of(uint32_t c)
{
    return (txe_regex_class)(properties(c) >> REGEX_SHIFT & 3);
}

bool
txe_is_whitespace(uint32_t c)
{
    return properties(c) & WHITESPACE;
}

bool
txe_is_bert_control(uint32_t c)
{
    return properties(c) & CONTROL;
}

bool
txe_is_bert_punctuation(uint32_t c)
{
    return properties(c) & PUNCTUATION;
}

bool
txe_is_nonspacing_mark(uint32_t c)
{
    return properties(c) & NONSPACING;
}

bool
txe_is_combining_mark(uint32_t c)
{
    return properties(c) & MARK;
}

bool
txe_is_regex_space(uint32_t c)
{
    return txe_regex_class_of(c) == TXE_REGEX_SPACE;
}

bool
txe_joins_clusters(uint32_t c)
{
    switch (properties(c) & GRAPHEME_MASK) {
    case GRAPHEME_EXTEND:
    case GRAPHEME_INDIC_EXTEND:
    case GRAPHEME_LINKER:
    case GRAPHEME_ZWJ:
    case GRAPHEME_SPACING:
    case GRAPHEME_PREPEND:
        return true;
    default:
        return false;
    }
}

static bool
in_ranges(uint32_t c, const struct code_range *ranges, size_t count)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ranges[low].first <= c;
}

bool
txe_is_word(uint32_t c)
{
    return in_ranges(c, word_ranges, TXE_LEN(word_ranges));
}

bool
txe_is_numeric(uint32_t c)
{
    return in_ranges(c, numeric_ranges, TXE_LEN(numeric_ranges));
}

uint8_t
txe_script(uint32_t c)
{
    enum { SCRIPT_BITS = 8 };
    size_t low = 0, high = TXE_LEN(script_runs) - 1;
    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;
        if (script_runs[middle] >> SCRIPT_BITS <= c)
            low = middle;
        else
            high = middle - 1;
    }
    return (uint8_t)script_runs[low];
}

uint32_t
txe_stand_in(uint32_t c)
{
    size_t low = 0, high = TXE_LEN(stand_ins);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stand_ins[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < TXE_LEN(stand_ins) && stand_ins[low].first <= c ? stand_ins[low].like
                                                                 : c;
}

bool
txe_is_cjk(uint32_t c)
{
    static const struct code_range blocks[] = {
        {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
        {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F},
    };
    return c >= blocks[0].first && in_ranges(c, blocks, TXE_LEN(blocks));
}

size_t
txe_lowercase(uint32_t c, uint32_t out[3])
{
    out[0] = c;
    if (c < 0x80) {
        if (c >= 'A' && c <= 'Z')
            out[0] = c + ('a' - 'A');
        return 1;
    }
    if (c == 0x130) { /* I with a dot: the only one to become two characters */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    size_t low = 0, high = TXE_LEN(lowercase_rules);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lowercase_rules[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < TXE_LEN(lowercase_rules)) {
        const struct lowercase_rule *rule = &lowercase_rules[low];
        if (c >= rule->first && (c - rule->first) % (uint32_t)rule->step == 0)
            out[0] = (uint32_t)((int32_t)c + rule->difference);
    }
    return 1;
}

/* ---- normalisation forms ---- */

size_t
txe_decompose(uint32_t c, bool compatibility, uint32_t out[TXE_MAX_DECOMPOSITION])
{
    out[0] = c;
    if (c < 0x80)
        return 1;
    bool known = compatibility
                     ? in_ranges(c, compatibility_ranges, TXE_LEN(compatibility_ranges))
                     : in_ranges(c, canonical_ranges, TXE_LEN(canonical_ranges));
    if (!known)
        return 1;
    utf8proc_int32_t parts[TXE_MAX_DECOMPOSITION];
    int options = UTF8PROC_DECOMPOSE | (compatibility ? UTF8PROC_COMPAT : 0);
    utf8proc_ssize_t count =
        utf8proc_decompose_char((utf8proc_int32_t)c, parts, TXE_MAX_DECOMPOSITION,
                                (utf8proc_option_t)options, NULL);
    if (count < 1 || count > TXE_MAX_DECOMPOSITION)
        return 1;
    for (utf8proc_ssize_t i = 0; i < count; i++)
        out[i] = (uint32_t)parts[i];
    return (size_t)count;
}

uint8_t
txe_combining_class(uint32_t c)
{
    if (c < 0x300)
        return 0;
    uint8_t class =
        (uint8_t)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
    if (class == 0 || !in_ranges(c, reordered_ranges, TXE_LEN(reordered_ranges)))
        return 0;
    return class;
}

uint32_t
txe_compose(uint32_t a, uint32_t b)
{
    /* utf8proc would also swallow U+11A7, which is no trailing consonant. */
    if (a - HANGUL_L < HANGUL_NL && b - HANGUL_V < HANGUL_NV)
        return HANGUL_S + ((a - HANGUL_L) * HANGUL_NV + (b - HANGUL_V)) * HANGUL_NT;
    if (a - HANGUL_S < HANGUL_NS)
        return (a - HANGUL_S) % HANGUL_NT == 0 && b > HANGUL_T &&
                       b < HANGUL_T + HANGUL_NT
                   ? a + (b - HANGUL_T)
                   : 0;
    if (b < 0x300) /* nothing else composes with what stands before it */
        return 0;
    utf8proc_int32_t pair[2] = {(utf8proc_int32_t)a, (utf8proc_int32_t)b};
    if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) != 1)
        return 0;
    uint32_t composed = (uint32_t)pair[0];
    return in_ranges(composed, canonical_ranges, TXE_LEN(canonical_ranges)) ? composed
                                                                            : 0;
}

/* ---- grapheme clusters ---- */

size_t
txe_grapheme_length(const char *bytes, size_t nbytes)
{
    /* What stands before, as far as the rules of UAX #29 look back. */
    enum { NOTHING, BASE, READY };
    int emoji = NOTHING; /* BASE: pictograph Extend*, READY: and then a joiner */
    int indic = NOTHING; /* BASE: consonant (extend | linker)*, READY: with a linker */
    bool regional = false; /* an odd number of regional indicators */
    uint32_t previous = 0, before = GRAPHEME_OTHER;
    size_t at = 0;
    while (at < nbytes) {
        size_t length;
        uint32_t c = txe_utf8_decode(bytes + at, &length);
        uint32_t class = properties(c) & GRAPHEME_MASK;
        bool extends = class == GRAPHEME_EXTEND || class == GRAPHEME_INDIC_EXTEND ||
                       class == GRAPHEME_LINKER;
        if (at != 0) {
            bool joins;
            if (before == GRAPHEME_CONTROL || class == GRAPHEME_CONTROL)
                joins = previous == '\r' && c == '\n';
            else if (extends || class == GRAPHEME_ZWJ || class == GRAPHEME_SPACING ||
                     before == GRAPHEME_PREPEND)
                joins = true;
            else if (before == GRAPHEME_HANGUL_L)
                joins = class == GRAPHEME_HANGUL_L || class == GRAPHEME_HANGUL_V ||
                        class == GRAPHEME_HANGUL_SYLLABLE;
            else if (before == GRAPHEME_HANGUL_V)
                joins = class == GRAPHEME_HANGUL_V || class == GRAPHEME_HANGUL_T;
            else if (before == GRAPHEME_HANGUL_T)
                joins = class == GRAPHEME_HANGUL_T;
            else
                joins = (class == GRAPHEME_CONSONANT && indic == READY) ||
                        (class == GRAPHEME_PICTOGRAPH && emoji == READY) ||
                        (class == GRAPHEME_REGIONAL && regional);
            if (!joins)
                return at;
        }
        if (class == GRAPHEME_PICTOGRAPH)
            emoji = BASE;
        else if (class == GRAPHEME_ZWJ && emoji == BASE)
            emoji = READY;
        else if (!extends || emoji != BASE)
            emoji = NOTHING;
        if (class == GRAPHEME_CONSONANT)
            indic = BASE;
        else if (class == GRAPHEME_LINKER && indic == BASE)
            indic = READY;
        else if (class != GRAPHEME_LINKER && class != GRAPHEME_INDIC_EXTEND &&
                 class != GRAPHEME_ZWJ)
            indic = NOTHING;
        regional = class == GRAPHEME_REGIONAL && !regional;
        /* What follows a syllable may follow the last letter in it. */
        if (class == GRAPHEME_HANGUL_SYLLABLE)
            class =
                (c - HANGUL_S) % HANGUL_NT == 0 ? GRAPHEME_HANGUL_V : GRAPHEME_HANGUL_T;
        previous = c;
        before = class;
        at += length;
    }
    return at;
}
