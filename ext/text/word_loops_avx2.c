/* The loops of word_loops.h for AVX2, half a block at a time. */
#include "text/word_loops.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <string.h>

#include "text/unicode.h"

/* As in kernels/: for the region, so that no function of a header is compiled for it.
 */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,sse4.2"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,sse4.2")
#endif

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
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)half);
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

#define LOOPS_NAME "avx2"
#include "text/word_loops_impl.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

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
