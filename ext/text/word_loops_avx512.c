/* The loops of word_loops.h for AVX-512. */
#include "text/word_loops.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <string.h>

#include "text/unicode.h"

/* As in kernels/: for the region, so that no function of a header is compiled for it.
 */
#if defined(__clang__)
#pragma clang attribute push(                                                    \
    __attribute__((target(                                                       \
        "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,bmi,bmi2,popcnt,sse4.2"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,bmi,bmi2,popcnt,sse4.2")
#endif

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

static uint32_t *
put_bits(uint32_t *out, uint64_t bits, uint32_t base)
{
    const __m512i places =
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (uint32_t i = 0; i < 64; i += 16) {
        const __mmask16 some = (__mmask16)(bits >> i);
        const __m512i values =
            _mm512_add_epi32(places, _mm512_set1_epi32((int)(base + i)));
        _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(some, values));
        out += _mm_popcnt_u32(some);
    }
    return out;
}

static uint64_t
hash_key(struct txe_word_key key)
{
    return _mm_crc32_u64(_mm_crc32_u64(0, key.low), key.high);
}

static int
find_key(const struct txe_word_bucket *bucket, struct txe_word_key key, uint32_t *out)
{
    const __m128i wanted = _mm_loadu_si128((const __m128i *)&key);
    const __m256i there = _mm256_loadu_si256((const __m256i *)bucket->keys);
    const unsigned halves =
        _mm256_cmpeq_epi64_mask(_mm256_broadcastsi128_si256(wanted), there);
    const unsigned whole =
        halves & halves >> 1 & 5; /* 1: the first key, 4: the second */
    if (whole == 0)
        return txe_word_find(bucket, key, out);
    const __m128i ids = _mm_loadu_si128((const __m128i *)bucket->ids[whole >> 2]);
    const __m128i mask = _mm_setr_epi32((1 << TXE_WORD_ID_BITS) - 1, -1, -1, -1);
    _mm_storeu_si128((__m128i *)out, _mm_and_si128(ids, mask));
    return (int)((uint32_t)_mm_cvtsi128_si32(ids) >> TXE_WORD_ID_BITS);
}

#define LOOPS_NAME "avx512"
#define OWN_PUT_BITS_AND_FIND_KEY
#include "text/word_loops_impl.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

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
