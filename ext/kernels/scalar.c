/* The kernels in plain C, for every machine: see ops_impl.h. */
#include "base/common.h"
#include "kernels/kernels.h"

#include "kernels/coefficients.h"
#include "kernels/vec_scalar.h"

#define TABLE_NAME "scalar"
#include "kernels/ops_impl.h"

const struct txe_kernels *
txe_kernels_scalar(void)
{
    return &table;
}
