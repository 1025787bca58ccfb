/* The loops of word_loops.h for AVX2, half a block at a time. */
#include "text/word_loops.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <string.h>

#include "base/target.h"
#include "text/unicode.h"

TXE_TARGET_BEGIN("avx2,bmi,bmi2,sse4.2")

static __m256i
load(const char *bytes)
{
    return _mm256_loadu_si256((const __m256i *)bytes);
}

static uint64_t
mask_of(__m256i bytes)
{
    return (uint32_t)_mm256_movemask_epi8(bytes);
}

static uint64_t
equal(__m256i bytes, char c)
{
    return mask_of(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c)));
}

/* Bytes in [first, first + extra], as unsigned ones. */
static uint64_t
within(__m256i bytes, char first, char extra)
{
    const __m256i above = _mm256_sub_epi8(bytes, _mm256_set1_epi8(first));
    return mask_of(
        _mm256_cmpeq_epi8(_mm256_min_epu8(above, _mm256_set1_epi8(extra)), above));
}

static struct byte_classes
classify_half(const char *half)
{
    const __m256i bytes = load(half);
    const __m256i lower = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
    const uint64_t blank = equal(bytes, ' ');
    return (struct byte_classes){
        .letter = within(lower, 'a', 25),
        .digit = within(bytes, '0', 9),
        .blank = blank,
        .tab = equal(bytes, '\t'),
        .newline = equal(bytes, '\n'),
        .carriage_return = equal(bytes, '\r'),
        .space = blank | within(bytes, '\t', 4),
        .control = within(bytes, 0, 31) | equal(bytes, 0x7F),
        .quote = equal(bytes, '\''),
        .high = mask_of(bytes),
    };
}

static struct byte_classes
classify(const char *block)
{
    const struct byte_classes low = classify_half(block);
    const struct byte_classes high = classify_half(block + 32);
    return (struct byte_classes){
        .letter = low.letter | high.letter << 32,
        .digit = low.digit | high.digit << 32,
        .blank = low.blank | high.blank << 32,
        .tab = low.tab | high.tab << 32,
        .newline = low.newline | high.newline << 32,
        .carriage_return = low.carriage_return | high.carriage_return << 32,
        .space = low.space | high.space << 32,
        .control = low.control | high.control << 32,
        .quote = low.quote | high.quote << 32,
        .high = low.high | high.high << 32,
    };
}

static uint64_t
hash_key(struct txe_word_key key)
{
    return _mm_crc32_u64(_mm_crc32_u64(0, key.low), key.high);
}

/* ---- UTF-8 ---- */

/* Tables for the upper and the lower half of a byte, the same in both lanes. */
static __m256i
table(uint8_t x0, uint8_t x1, uint8_t x2, uint8_t x3, uint8_t x4, uint8_t x5,
      uint8_t x6, uint8_t x7, uint8_t x8, uint8_t x9, uint8_t xA, uint8_t xB,
      uint8_t xC, uint8_t xD, uint8_t xE, uint8_t xF)
{
    return _mm256_broadcastsi128_si256(
        _mm_setr_epi8((char)x0, (char)x1, (char)x2, (char)x3, (char)x4, (char)x5,
                      (char)x6, (char)x7, (char)x8, (char)x9, (char)xA, (char)xB,
                      (char)xC, (char)xD, (char)xE, (char)xF));
}

/* Bytes that are wrong behind the three before them, as bits that are not zero: what
 * two neighbours may not be is the same bit of three tables (J. Keiser and D. Lemire,
 * Validating UTF-8 in less than one instruction per byte, 2021). */
static __m256i
wrong_utf8(const char *bytes)
{
    enum {
        SHORT = 1 << 0,      /* a lead without a continuation */
        LONG = 1 << 1,       /* ASCII with one */
        OVERLONG_3 = 1 << 2, /* E0 80-9F */
        LARGE = 1 << 3,      /* F4 90-BF, F5-FF 90-BF */
        SURROGATE = 1 << 4,  /* ED A0-BF */
        OVERLONG_2 = 1 << 5, /* C0, C1 */
        LARGE_80 = 1 << 6,   /* F5-FF 80-8F */
        OVERLONG_4 = 1 << 6, /* F0 80-8F */
        TWO = 1 << 7,        /* two continuations: right if a lead is before them */
        ANY = SHORT | LONG | TWO,
        BIG = ANY | LARGE | LARGE_80,
        SECOND = LONG | OVERLONG_2 | TWO,
    };
    const __m256i half = _mm256_set1_epi8(0x0F);
    const __m256i here = load(bytes), before = load(bytes - 1);
    const __m256i upper = _mm256_shuffle_epi8(
        table(LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, TWO, TWO, TWO, TWO,
              SHORT | OVERLONG_2, SHORT, SHORT | OVERLONG_3 | SURROGATE,
              SHORT | LARGE | LARGE_80 | OVERLONG_4),
        _mm256_and_si256(_mm256_srli_epi16(before, 4), half));
    const __m256i lower = _mm256_shuffle_epi8(
        table(ANY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, ANY | OVERLONG_2, ANY, ANY,
              ANY | LARGE, BIG, BIG, BIG, BIG, BIG, BIG, BIG, BIG, BIG | SURROGATE, BIG,
              BIG),
        _mm256_and_si256(before, half));
    const __m256i second = _mm256_shuffle_epi8(
        table(SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT,
              SECOND | OVERLONG_3 | LARGE_80 | OVERLONG_4, SECOND | OVERLONG_3 | LARGE,
              SECOND | SURROGATE | LARGE, SECOND | SURROGATE | LARGE, SHORT, SHORT,
              SHORT, SHORT),
        _mm256_and_si256(_mm256_srli_epi16(here, 4), half));
    /* The sign where two before is the lead of three or three before that of four. */
    const __m256i continues = _mm256_or_si256(
        _mm256_subs_epu8(load(bytes - 2), _mm256_set1_epi8(0xE0 - 0x80)),
        _mm256_subs_epu8(load(bytes - 3), _mm256_set1_epi8(0xF0 - 0x80)));
    return _mm256_xor_si256(_mm256_and_si256(_mm256_and_si256(upper, lower), second),
                            _mm256_and_si256(continues, _mm256_set1_epi8((char)0x80)));
}

size_t
txe_utf8_prefix_avx2(const char *bytes, size_t nbytes)
{
    enum { FIRST = 3, LONGEST = 4 }; /* bytes looked back at; of a character */
    if (nbytes < FIRST + LONGEST + BLOCK_NBYTES)
        return txe_utf8_prefix(bytes, nbytes);
    size_t at = txe_utf8_prefix(bytes, FIRST + LONGEST);
    if (at < FIRST)
        return at;
    bool open = false; /* a character may go on in this block */
    for (; nbytes - at >= BLOCK_NBYTES; at += BLOCK_NBYTES) {
        const char *block = bytes + at;
        bool high = mask_of(_mm256_or_si256(load(block), load(block + 32))) != 0;
        if (high || open) {
            const __m256i wrong =
                _mm256_or_si256(wrong_utf8(block), wrong_utf8(block + 32));
            if (!_mm256_testz_si256(wrong, wrong))
                break;
        }
        open = high;
    }
    do { /* back to the last beginning of a character */
        at--;
    } while (((unsigned char)bytes[at] & 0xC0) == 0x80);
    return at + txe_utf8_prefix(bytes + at, nbytes - at);
}

#define UTF8_PREFIX txe_utf8_prefix_avx2
#define LOOPS_NAME "avx2"
#include "text/word_loops_impl.h"

TXE_TARGET_END

const struct txe_word_loops *
txe_word_loops_avx2(void)
{
    return &loops;
}

#else

const struct txe_word_loops *
txe_word_loops_avx2(void)
{
    return NULL;
}

#endif
