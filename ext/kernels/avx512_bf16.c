/* Products of bfloat16 by AVX512-BF16, for the table of avx512: see tile_impl.h.
 *
 * The instruction set is chosen for the region between the pragmas and not for the
 * file, so that no inline function of a header is compiled for it.  System headers come
 * first. */
#include "kernels/kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <string.h>

#include "base/common.h"

#if defined(__clang__)
#pragma clang attribute push(                                                      \
    __attribute__((target(                                                         \
        "avx2,fma,f16c,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target( \
    "avx2,fma,f16c,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16")
#endif

#define DOT_BF16
#include "kernels/vec_avx512.h"

#include "kernels/dot_avx512.h"

#include "kernels/tile_impl.h"

DEFINE_PRECISION(bf16, BF16_ROWS)

static const struct txe_tiles changed = TILES(bf16, BF16_ROWS, 2);

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

bool
txe_kernels_avx512_bf16(struct txe_kernels *kernels)
{
    kernels->name = "avx512_bf16";
    kernels->tiles[TXE_BFLOAT16] = changed;
    return true;
}

#else

bool
txe_kernels_avx512_bf16(struct txe_kernels *kernels)
{
    (void)kernels;
    return false;
}

#endif
