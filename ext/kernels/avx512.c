/* The kernels for AVX-512 (F, BW, CD, DQ, VL): see table_impl.h.
 *
 * The instruction set is chosen for the region between the pragmas and not for the
 * file, so that no inline function of a header is compiled for it.  System headers come
 * first. */
#include "kernels/kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "base/common.h"
#include "kernels/coefficients.h"
#include "kernels/training.h"

#if defined(__clang__)
#pragma clang attribute push(                                                  \
    __attribute__((                                                            \
        target("avx2,fma,f16c,avx512f,avx512bw,avx512cd,avx512dq,avx512vl"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")
#endif

#include "kernels/vec_avx512.h"

#include "kernels/dot_avx512.h"
#include "kernels/words_avx512.h"

#define TABLE_NAME "avx512"
#include "kernels/table_impl.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

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
