#include "kernels/kernels.h"
static const struct txe_kernels stub = {.name = "stub"};
txe_status
txe_kernels_choose(const struct txe_kernels **out, const char *name, struct txe_error *err)
{
    (void)name; (void)err;
    *out = &stub;
    return TXE_OK;
}
