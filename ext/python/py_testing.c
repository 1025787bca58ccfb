#include "python/state.h"

int
txe_add_testing(PyObject *module)
{
    (void)module;
    return 0;
}
