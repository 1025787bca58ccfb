/* The products of avx2_vnni with VPDPBUSD worked out by AVX2, for machines without
 * AVX-VNNI: a program of its own, see tile_driver.h. */
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

#include "tile_driver.h"

int
main(void)
{
    return check_tiles(&changed, TXE_INT8, 8, 2) != 0;
}
