/* The kernels in plain C, for every machine: see table_impl.h. */
#include "kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/common.h"
#include "kernels/coefficients.h"
#include "kernels/training.h"
#include "kernels/vec_scalar.h"

#include "kernels/dot_scalar.h"
#include "kernels/words_scalar.h"

#define TABLE_NAME "scalar"
#include "kernels/table_impl.h"

bool
txe_kernels_scalar(struct txe_kernels *kernels)
{
    *kernels = table;
    return true;
}

bool
txe_training_kernels_scalar(struct txe_training_kernels *kernels)
{
    *kernels = training_table;
    return true;
}
