/* Which table of training kernels to use: see training.h. */
#include "kernels/training.h"

#include <string.h>

void
txe_training_kernels_choose(struct txe_training_kernels *out,
                            const struct txe_kernels *kernels)
{
    /* Sets that only add an instruction for products are named after the one below. */
    if (strncmp(kernels->name, "avx512", 6) == 0)
        txe_training_kernels_avx512(out);
    else if (strncmp(kernels->name, "avx2", 4) == 0)
        txe_training_kernels_avx2(out);
    else
        txe_training_kernels_scalar(out);
}
