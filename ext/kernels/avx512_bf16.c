/* Products of bfloat16 by AVX512-BF16, for the table of avx512: see tile_impl.h. */
#include "kernels/kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <string.h>

#include "base/common.h"
#include "base/target.h"

TXE_TARGET_BEGIN(TXE_TARGET_AVX512 ",avx512bf16")

#define DOT_BF16
#include "kernels/vec_avx512.h"

#include "kernels/dot_avx512.h"

#include "kernels/tile_impl.h"

DEFINE_PRECISION(bf16, BF16_ROWS)

static const struct txe_tiles changed = TILES(bf16, BF16_ROWS, 2);

TXE_TARGET_END

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
