#include "python/state.h"

int
txe_add_tokenizer(PyObject *module)
{
    (void)module;
    return 0;
}
