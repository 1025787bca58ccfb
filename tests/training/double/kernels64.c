/* The table of training kernels over double: the gradients are those of
 * training_impl.h; what goes forward is written here once more, from the formulas. */
#include "kernels/training.h"

#include <math.h>
#include <string.h>

#include "base/common.h"
#include "kernels/words_scalar.h"
#include "vec_double.h"

#include "kernels/rows_impl.h"

static void
layernorm_alone(double *y, const double *x, const double *gamma, const double *beta,
                double eps, size_t T, size_t C)
{
    for (size_t t = 0; t < T; t++, x += C, y += C) {
        double mean = 0, variance = 0;
        for (size_t i = 0; i < C; i++)
            mean += x[i] / (double)C;
        for (size_t i = 0; i < C; i++)
            variance += (x[i] - mean) * (x[i] - mean) / (double)C;
        for (size_t i = 0; i < C; i++)
            y[i] = (x[i] - mean) / sqrt(variance + eps) * gamma[i] + beta[i];
    }
}

static double
logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static double
softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* The formulas of kernels.h. */
static double
activation(double x, txe_activation act, const double *p)
{
    switch (act) {
    case TXE_ACT_LINEAR:
        return x;
    case TXE_ACT_GELU:
        return x / 2 * (1 + erf(x / sqrt(2)));
    case TXE_ACT_GELU_TANH:
        return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case TXE_ACT_GELU_10:
        return fmin(10, fmax(-10, x / 2 * (1 + erf(x / sqrt(2)))));
    case TXE_ACT_QUICK_GELU:
        return x * logistic(1.702 * x);
    case TXE_ACT_RELU:
        return fmax(x, 0);
    case TXE_ACT_RELU2:
        return fmax(x, 0) * fmax(x, 0);
    case TXE_ACT_RELU6:
        return fmin(fmax(x, 0), 6);
    case TXE_ACT_LEAKY_RELU:
        return x > 0 ? x : 0.01 * x;
    case TXE_ACT_SILU:
        return x * logistic(x);
    case TXE_ACT_TANH:
        return tanh(x);
    case TXE_ACT_SIGMOID:
        return logistic(x);
    case TXE_ACT_MISH:
        return x * tanh(softplus(x));
    case TXE_ACT_LAPLACE:
        return (1 + erf((x - 0.707107) / (0.282095 * sqrt(2)))) / 2;
    case TXE_ACT_HARDSWISH:
        return x * fmin(fmax(x + 3, 0), 6) / 6;
    case TXE_ACT_SQRTSOFTPLUS:
        return sqrt(softplus(x));
    case TXE_ACT_PRELU:
        return x > 0 ? x : p[0] * x;
    case TXE_ACT_XIELU:
        if (x > 0)
            return softplus(p[0]) * x * x + p[2] * x;
        return (expm1(fmin(x, p[3])) - x) * (p[2] + softplus(p[1])) + p[2] * x;
    default:
        return NAN;
    }
}

static void
act_alone(double *y, const double *x, size_t n, txe_activation act,
          const double *params)
{
    for (size_t i = 0; i < n; i++)
        y[i] = activation(x[i], act, params);
}

static void
softmax(double *x, size_t rows, size_t n, size_t stride, double scale,
        const double *mask, size_t mask_stride)
{
    for (size_t row = 0; row < rows; row++, x += stride) {
        double largest = -INFINITY, sum = 0;
        for (size_t i = 0; i < n; i++) {
            x[i] = scale * x[i] + (mask != NULL ? mask[row * mask_stride + i] : 0);
            largest = fmax(largest, x[i]);
        }
        for (size_t i = 0; i < n; i++)
            sum += exp(x[i] - largest);
        for (size_t i = 0; i < n; i++)
            x[i] = exp(x[i] - largest) / sum;
    }
}

static void
add(double *y, const double *a, const double *b, const double *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] + b[i] + (c != NULL ? c[i] : 0);
}

/* There is nothing in bfloat16: never called. */
static void
to_bf16(uint16_t *y, const double *x, size_t n)
{
    abort();
}

static void
from_bf16(double *y, const uint16_t *x, size_t n)
{
    abort();
}

#include "kernels/training_impl.h"

void
txe_training_kernels_choose(struct txe_training_kernels *out,
                            const struct txe_kernels *kernels)
{
    (void)kernels;
    *out = training_table;
}

txe_status
txe_kernels_choose(struct txe_kernels *out, const char *name, struct txe_error *err)
{
    if (strcmp(name, "double") != 0)
        return txe_fail(err, TXE_EVALUE, "the double build knows \"double\" alone");
    *out = (struct txe_kernels){.name = "double", .lanes = 1, .panel_vectors = 1};
    return TXE_OK;
}
