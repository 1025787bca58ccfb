/* The loops of word_loops.h for any processor, and the choice of a variant. */
#include "text/word_loops.h"

#include <string.h>

#include "base/cpu.h"
#include "text/unicode.h"

enum { LETTER, DIGIT, BLANK, TAB, NEWLINE, RETURN, SPACE, CONTROL, QUOTE, HIGH, COUNT };

static unsigned
classes_of(unsigned char c)
{
    unsigned classes = 0;
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
        classes |= 1u << LETTER;
    if (c >= '0' && c <= '9')
        classes |= 1u << DIGIT;
    if (c == ' ')
        classes |= 1u << BLANK;
    if (c == '\t')
        classes |= 1u << TAB;
    if (c == '\n')
        classes |= 1u << NEWLINE;
    if (c == '\r')
        classes |= 1u << RETURN;
    if (c == ' ' || (c >= '\t' && c <= '\r'))
        classes |= 1u << SPACE;
    if (c < ' ' || c == 0x7F)
        classes |= 1u << CONTROL;
    if (c == '\'')
        classes |= 1u << QUOTE;
    if (c >= 0x80)
        classes |= 1u << HIGH;
    return classes;
}

static struct byte_classes
classify(const char *block)
{
    uint64_t masks[COUNT] = {0};
    for (size_t i = 0; i < BLOCK_NBYTES; i++) {
        unsigned classes = classes_of((unsigned char)block[i]);
        for (size_t k = 0; k < COUNT; k++)
            masks[k] |= (uint64_t)(classes >> k & 1) << i;
    }
    return (struct byte_classes){
        masks[LETTER], masks[DIGIT], masks[BLANK],   masks[TAB],   masks[NEWLINE],
        masks[RETURN], masks[SPACE], masks[CONTROL], masks[QUOTE], masks[HIGH],
    };
}

static uint64_t
hash_key(struct txe_word_key key)
{
    return txe_fold(key.low ^ UINT64_C(0x9E3779B97F4A7C15),
                    key.high ^ UINT64_C(0xD6E8FEB86659FD93));
}

#define UTF8_PREFIX txe_utf8_prefix
#define LOOPS_NAME "portable"
#include "text/word_loops_impl.h"

const struct txe_word_loops *
txe_word_loops_for(const char *isa)
{
    const struct txe_cpu cpu = txe_cpu_detect();
    const struct txe_word_loops *found = NULL;
    if (strncmp(isa, "avx512", 6) == 0)
        found = cpu.avx512_vbmi2 && cpu.aes ? txe_word_loops_avx512()
                                            : txe_word_loops_avx2();
    else if (strncmp(isa, "avx2", 4) == 0)
        found = txe_word_loops_avx2();
    return found != NULL ? found : &loops;
}
