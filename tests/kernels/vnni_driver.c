/* The products of avx2_vnni with VPDPBUSD worked out by AVX2, for machines without
 * AVX-VNNI: a program of its own.  Exit status 0 when every tile is exact. */
#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>

/* As the instruction does it: four products a sum, in 32 bits, without saturation.  Not
 * inline: compilers would make other instructions of AVX-VNNI of it. */
__attribute__((target("avx2"), noinline)) static __m256i
worked_out(__m256i sum, __m256i x, __m256i w)
{
    const __m256i low = _mm256_set1_epi16(0x00FF);
    __m256i even = _mm256_madd_epi16(_mm256_and_si256(x, low),
                                     _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
    __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(w, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}

#undef _mm256_dpbusd_avx_epi32
#define _mm256_dpbusd_avx_epi32 worked_out
#include "kernels/avx2_vnni.c"

#define MAX_STEPS 40
#define LANES 8

static uint8_t x[8][4 * MAX_STEPS];
static int8_t panel[MAX_STEPS][2 * LANES][4];
static float out[8][2 * LANES];

/* Bytes of which many are extreme. */
static int
random_byte(int least, int most)
{
    const int choice = rand() % 4;
    return choice == 0   ? least
           : choice == 1 ? most
                         : least + rand() % (most - least + 1);
}

static int
check(size_t rows, size_t vectors, size_t last, size_t steps)
{
    const size_t columns = vectors * LANES, n = columns - LANES + last;
    int8_t(*const w)[4] = panel[0]; /* [steps * columns] */
    float ones[2 * LANES], zeros[2 * LANES] = {0};
    for (size_t c = 0; c < 2 * LANES; c++)
        ones[c] = 1;
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < 4 * steps; k++)
            x[r][k] = (uint8_t)random_byte(0, 255);
    for (size_t i = 0; i < steps * columns; i++)
        for (size_t k = 0; k < 4; k++)
            w[i][k] = (int8_t)random_byte(-127, 127);
    memset(out, 0, sizeof out);
    const struct txe_tile tile = {.x = x,
                                  .panel = panel,
                                  .ldx = sizeof x[0],
                                  .steps = steps,
                                  .scale = ones,
                                  .low = zeros,
                                  .column_scale = ones,
                                  .column_sum = zeros,
                                  .out = out[0],
                                  .ldo = 2 * LANES,
                                  .rows = rows,
                                  .vectors = vectors,
                                  .last = last};
    changed.run(&tile);
    for (size_t r = 0; r < 8; r++)
        for (size_t c = 0; c < 2 * LANES; c++) {
            int sum = 0;
            for (size_t k = 0; k < 4 * steps && r < rows && c < n; k++)
                sum += x[r][k] * w[k / 4 * columns + c][k % 4];
            if (out[r][c] != (float)sum) {
                fprintf(stderr,
                        "%zu rows, %zu columns, %zu steps: %g at %zu, %zu, not %d\n",
                        rows, n, steps, (double)out[r][c], r, c, sum);
                return 1;
            }
        }
    return 0;
}

int
main(void)
{
    int failures = 0;
    for (size_t rows = 1; rows <= changed.rows; rows++)
        for (size_t vectors = 1; vectors <= 2; vectors++)
            for (size_t last = 1; last <= LANES; last++)
                for (size_t steps = 0; steps <= MAX_STEPS; steps += 1 + steps / 3)
                    failures += check(rows, vectors, last, steps);
    return failures != 0;
}
