#include "python/state.h"

int
txe_add_files(PyObject *module)
{
    (void)module;
    return 0;
}
