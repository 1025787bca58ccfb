/* The kernels for AVX-512 (F, BW, CD, DQ, VL): see table_impl.h. */
#include "kernels/kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "base/common.h"
#include "base/target.h"
#include "kernels/coefficients.h"
#include "kernels/training.h"

TXE_TARGET_BEGIN(TXE_TARGET_AVX512)

#include "kernels/vec_avx512.h"

#include "kernels/dot_avx512.h"
#include "kernels/words_avx512.h"

#define TABLE_NAME "avx512"
#include "kernels/table_impl.h"

TXE_TARGET_END

bool
txe_kernels_avx512(struct txe_kernels *kernels)
{
    *kernels = table;
    return true;
}

bool
txe_training_kernels_avx512(struct txe_training_kernels *kernels)
{
    *kernels = training_table;
    return true;
}

#else

bool
txe_kernels_avx512(struct txe_kernels *kernels)
{
    (void)kernels;
    return false;
}

bool
txe_training_kernels_avx512(struct txe_training_kernels *kernels)
{
    (void)kernels;
    return false;
}

#endif
