/* Products of int8 by AVX-VNNI, for the table of avx2: see tile_impl.h. */
#include "kernels/kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <string.h>

#include "base/common.h"
#include "base/target.h"

TXE_TARGET_BEGIN(TXE_TARGET_AVX2 ",avxvnni")

#define DOT_VNNI
#include "kernels/vec_avx2.h"

#include "kernels/dot_avx2.h"

#include "kernels/tile_impl.h"

DEFINE_PRECISION(s8, S8_ROWS)

static const struct txe_tiles changed = TILES(s8, S8_ROWS, 4);

TXE_TARGET_END

bool
txe_kernels_avx2_vnni(struct txe_kernels *kernels)
{
    kernels->name = "avx2_vnni";
    kernels->tiles[TXE_INT8] = changed;
    return true;
}

#else

bool
txe_kernels_avx2_vnni(struct txe_kernels *kernels)
{
    (void)kernels;
    return false;
}

#endif
