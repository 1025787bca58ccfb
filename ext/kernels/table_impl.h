/* One table of kernels, named TABLE_NAME, over the vector type of vec_<isa>.h and the
 * steps of dot_<isa>.h and the integers of words_<isa>.h, which the including file has
 * included, as it has <float.h>, <math.h>, <string.h>, base/common.h, training.h and
 * coefficients.h: nothing may be included inside a target region. */
#include "kernels/ops_impl.h"

#include "kernels/columns_impl.h"
#include "kernels/convert_impl.h"
#include "kernels/optimizer_impl.h"
#include "kernels/tile_impl.h"

static void
layernorm_alone(float *y, const float *x, const float *gamma, const float *beta,
                float eps, size_t T, size_t C)
{
    layernorm(y, x, NULL, NULL, gamma, beta, eps, T, C);
}

static void
act_alone(float *y, const float *x, size_t n, txe_activation act, const float *params)
{
    if (y != x)
        memcpy(y, x, n * sizeof *y);
    bias_act(y, NULL, 1, n, n, act, params);
}

#include "kernels/training_impl.h"

DEFINE_PRECISION(f32, F32_ROWS)
DEFINE_PRECISION(bf16, BF16_ROWS)
DEFINE_PRECISION(s8, S8_ROWS)

static const struct txe_kernels table = {
    .name = TABLE_NAME,
    .lanes = VW,
    .panel_vectors = PANEL_VECTORS,
    .tiles =
        {
            [TXE_FLOAT32] = TILES(f32, F32_ROWS, 1),
            [TXE_BFLOAT16] = TILES(bf16, BF16_ROWS, 2),
            [TXE_INT8] = TILES(s8, S8_ROWS, 4),
        },
    .layernorm = layernorm,
    .bias_act = bias_act,
    .softmax = softmax,
    .from_f16 = from_f16,
    .from_bf16 = from_bf16,
    .to_bf16 = to_bf16,
    .interleave = interleave,
    .panel_f32 = panel_f32,
    .panel_bf16 = panel_bf16,
    .panel_lowered = panel_lowered,
    .column_sums = column_sums,
    .column_sums_bf16 = column_sums_bf16,
    .quantize = quantize,
    .quantize_weights = quantize_weights,
    .transpose = transpose,
    .add = add,
    .optimizer =
        {
            .sum_squares = sum_squares,
            .adam = adam,
            .adam_direction = adam_direction,
            .adam_apply = adam_apply,
            .sgd = sgd,
            .blend = blend,
        },
};
