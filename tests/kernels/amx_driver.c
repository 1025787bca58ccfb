/* The products of avx512_amx with its instructions worked out in plain C, for machines
 * without AMX: a program of its own, see tile_driver.h.  Needs AVX-512. */
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    size_t rows, row_nbytes;
    unsigned char bytes[16][64];
} registers[8];

static void
load_sizes(const void *sizes)
{
    const unsigned char *at = sizes;
    memset(registers, 0, sizeof registers);
    for (size_t i = 0; i < 8; i++) {
        registers[i].row_nbytes = (size_t)at[16 + 2 * i] | (size_t)at[17 + 2 * i] << 8;
        registers[i].rows = at[48 + i];
    }
}

static void
load_register(size_t i, const void *from, size_t ld)
{
    memset(registers[i].bytes, 0, sizeof registers[i].bytes);
    for (size_t r = 0; r < registers[i].rows; r++)
        memcpy(registers[i].bytes[r], (const char *)from + r * ld,
               registers[i].row_nbytes);
}

static void
store_register(size_t i, void *to, size_t ld)
{
    for (size_t r = 0; r < registers[i].rows; r++)
        memcpy((char *)to + r * ld, registers[i].bytes[r], registers[i].row_nbytes);
}

static float
widened(const unsigned char *bytes)
{
    const uint32_t bits = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 24;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void
multiply(size_t sums, size_t a, size_t b, bool bf16)
{
    for (size_t r = 0; r < registers[a].rows; r++)
        for (size_t c = 0; c < registers[b].row_nbytes / 4; c++) {
            unsigned char *at = registers[sums].bytes[r] + 4 * c;
            float real;
            int32_t whole;
            memcpy(&real, at, sizeof real);
            memcpy(&whole, at, sizeof whole);
            for (size_t k = 0; k < registers[a].row_nbytes / 4; k++) {
                const unsigned char *x = registers[a].bytes[r] + 4 * k;
                const unsigned char *w = registers[b].bytes[k] + 4 * c;
                for (size_t i = 0; !bf16 && i < 4; i++)
                    whole += x[i] * (signed char)w[i];
                for (size_t i = 0; bf16 && i < 4; i += 2)
                    real += widened(x + i) * widened(w + i);
            }
            memcpy(at, bf16 ? (const void *)&real : &whole, sizeof real);
        }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#undef _tile_dpbusd
#define _tile_loadconfig load_sizes
#define _tile_release() ((void)0)
#define _tile_zero(i) memset(registers[i].bytes, 0, sizeof registers[i].bytes)
#define _tile_loadd load_register
#define _tile_stored store_register
#define _tile_dpbf16ps(sums, a, b) multiply(sums, a, b, true)
#define _tile_dpbusd(sums, a, b) multiply(sums, a, b, false)
#include "kernels/avx512_amx.c"

#include "tile_driver.h"

int
main(void)
{
    return check_tiles(&bf16_changed, TXE_BFLOAT16, 16, 3) != 0 ||
           check_tiles(&s8_changed, TXE_INT8, 16, 3) != 0;
}
