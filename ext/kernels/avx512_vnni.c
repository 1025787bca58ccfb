/* Products of int8 by AVX512-VNNI, for the table of avx512: see tile_impl.h.
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
        "avx2,fma,f16c,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target( \
    "avx2,fma,f16c,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni")
#endif

#define DOT_VNNI
#include "kernels/vec_avx512.h"

#include "kernels/dot_avx512.h"

#include "kernels/tile_impl.h"

DEFINE_PRECISION(s8, S8_ROWS)

static const struct txe_tiles changed = TILES(s8, S8_ROWS, 4);

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

bool
txe_kernels_avx512_vnni(struct txe_kernels *kernels)
{
    kernels->name = "avx512_vnni";
    kernels->tiles[TXE_INT8] = changed;
    return true;
}

#else

bool
txe_kernels_avx512_vnni(struct txe_kernels *kernels)
{
    (void)kernels;
    return false;
}

#endif
