/* Activations as configuration files name them: see kernels.h. */
#include "kernels/kernels.h"

#include <string.h>

#include "base/common.h"

static const struct {
    const char *name;
    txe_activation act;
} names[] = {
    {"gelu", TXE_ACT_GELU},
    {"gelu_10", TXE_ACT_GELU_10},
    {"gelu_accurate", TXE_ACT_GELU_TANH},
    {"gelu_fast", TXE_ACT_GELU_TANH},
    {"gelu_new", TXE_ACT_GELU_TANH},
    {"gelu_python", TXE_ACT_GELU},
    {"gelu_python_tanh", TXE_ACT_GELU_TANH},
    {"gelu_pytorch_tanh", TXE_ACT_GELU_TANH},
    {"hardswish", TXE_ACT_HARDSWISH},
    {"laplace", TXE_ACT_LAPLACE},
    {"leaky_relu", TXE_ACT_LEAKY_RELU},
    {"linear", TXE_ACT_LINEAR},
    {"mish", TXE_ACT_MISH},
    {"prelu", TXE_ACT_PRELU},
    {"quick_gelu", TXE_ACT_QUICK_GELU},
    {"relu", TXE_ACT_RELU},
    {"relu2", TXE_ACT_RELU2},
    {"relu6", TXE_ACT_RELU6},
    {"sigmoid", TXE_ACT_SIGMOID},
    {"silu", TXE_ACT_SILU},
    {"sqrtsoftplus", TXE_ACT_SQRTSOFTPLUS},
    {"swish", TXE_ACT_SILU},
    {"tanh", TXE_ACT_TANH},
    {"xielu", TXE_ACT_XIELU},
};

int
txe_activation_find(const char *name, txe_activation *out)
{
    for (size_t i = 0; i < TXE_LEN(names); i++)
        if (strcmp(names[i].name, name) == 0) {
            *out = names[i].act;
            return 1;
        }
    return 0;
}

size_t
txe_activation_nparams(txe_activation act)
{
    switch (act) {
    case TXE_ACT_PRELU:
        return 1;
    case TXE_ACT_XIELU:
        return 4;
    default:
        return 0;
    }
}
