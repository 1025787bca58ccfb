#include "python/state.h"

int
txe_add_encoder(PyObject *module)
{
    (void)module;
    return 0;
}
