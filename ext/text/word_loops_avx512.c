/* The loops of word_loops.h for AVX-512 with VBMI2, and AES. */
#include "text/word_loops.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <string.h>

#include "base/target.h"
#include "text/unicode.h"

TXE_TARGET_BEGIN(
    "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi2,bmi,bmi2,popcnt,sse4.2,aes")

static struct byte_classes
classify(const char *block)
{
    const __m512i bytes = _mm512_loadu_si512(block);
    const __m512i lower = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
    const __m512i letter = _mm512_sub_epi8(lower, _mm512_set1_epi8('a'));
    const __m512i digit = _mm512_sub_epi8(bytes, _mm512_set1_epi8('0'));
    const __m512i white = _mm512_sub_epi8(bytes, _mm512_set1_epi8('\t'));
    const __m512i blank = _mm512_set1_epi8(' ');
    struct byte_classes out = {
        .letter = _mm512_cmple_epu8_mask(letter, _mm512_set1_epi8(25)),
        .digit = _mm512_cmple_epu8_mask(digit, _mm512_set1_epi8(9)),
        .blank = _mm512_cmpeq_epi8_mask(bytes, blank),
        .tab = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\t')),
        .newline = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n')),
        .carriage_return = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\r')),
        .space = _mm512_cmple_epu8_mask(white, _mm512_set1_epi8(4)),
        .control = _mm512_cmplt_epu8_mask(bytes, blank) |
                   _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(0x7F)),
        .quote = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\'')),
        .high = _mm512_movepi8_mask(bytes),
    };
    out.space |= out.blank;
    return out;
}

/* The places from the `quarter`-th sixteen on, of 64 in *places, from base on. */
#define PUT_SIXTEEN(out, places, quarter, from) \
    _mm512_storeu_si512(                        \
        (out) + (quarter)*16,                   \
        _mm512_add_epi32(                       \
            from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(places, quarter))))

static uint32_t *
put_bits(uint32_t *out, uint64_t bits, uint32_t base)
{
    static const uint8_t every[BLOCK_NBYTES] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
        32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
        48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i places = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(every));
    const __m512i from = _mm512_set1_epi32((int)base);
    const unsigned count = (unsigned)_mm_popcnt_u64(bits);
    PUT_SIXTEEN(out, places, 0, from);
    if (count > 16)
        PUT_SIXTEEN(out, places, 1, from);
    if (count > 32) {
        PUT_SIXTEEN(out, places, 2, from);
        PUT_SIXTEEN(out, places, 3, from);
    }
    return out + count;
}

static uint64_t
hash_key(struct txe_word_key key)
{
    /* Two rounds, after which every byte has a part in every other. */
    const __m128i round = _mm_set1_epi32(0x3C6EF372);
    const __m128i bytes = _mm_loadu_si128((const __m128i *)&key);
    const __m128i mixed = _mm_aesenc_si128(_mm_aesenc_si128(bytes, round), round);
    return (uint32_t)_mm_cvtsi128_si32(mixed);
}

static struct txe_word_key
key_at(const char *text, size_t nbytes, size_t start, size_t length)
{
    (void)nbytes; /* bytes behind the word are not touched */
    const __mmask16 kept = (__mmask16)_bzhi_u32(UINT16_MAX, (unsigned)length);
    const __m128i bytes = _mm_maskz_loadu_epi8(kept, text + start);
    struct txe_word_key key;
    _mm_storeu_si128((__m128i *)&key, _mm_insert_epi8(bytes, (char)length, 15));
    return key;
}

static int
find_key(const struct txe_word_bucket *bucket, struct txe_word_key key, uint32_t *out)
{
    /* Where the ids are in the bucket, by the quarters of its keys that are equal. */
    enum {
        FIRST = offsetof(struct txe_word_bucket, ids[0]),
        SECOND = offsetof(struct txe_word_bucket, ids[1]),
    };
    static const uint8_t places[16] = {
        [3] = FIRST,   [7] = FIRST,   [11] = FIRST,
        [12] = SECOND, [13] = SECOND, [14] = SECOND,
    };
    const __m128i wanted = _mm_loadu_si128((const __m128i *)&key);
    const __m256i there = _mm256_loadu_si256((const __m256i *)bucket->keys);
    const unsigned place =
        places[_mm256_cmpeq_epi64_mask(_mm256_broadcastsi128_si256(wanted), there)];
    if (place == 0)
        return txe_word_find(bucket, key, out);
    const __m128i ids =
        _mm_loadu_si128((const __m128i *)(const void *)((const char *)bucket + place));
    const __m128i mask = _mm_setr_epi32((1 << TXE_WORD_ID_BITS) - 1, -1, -1, -1);
    _mm_storeu_si128((__m128i *)out, _mm_and_si128(ids, mask));
    return (int)((uint32_t)_mm_cvtsi128_si32(ids) >> TXE_WORD_ID_BITS);
}

#define UTF8_PREFIX txe_utf8_prefix_avx2
#define LOOPS_NAME "avx512"
#define OWN_STEPS
#include "text/word_loops_impl.h"

TXE_TARGET_END

const struct txe_word_loops *
txe_word_loops_avx512(void)
{
    return &loops;
}

#else

const struct txe_word_loops *
txe_word_loops_avx512(void)
{
    return NULL;
}

#endif
