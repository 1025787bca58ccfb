/* The module `core64`: the training sources over double. */
#include "python/state.h"

#include "base/threads.h"
#include "python/convert.h"

static int
module_exec(PyObject *module)
{
    struct txe_error err;
    struct txe_module *state = txe_module_state(module);
    if (txe_convert_init() < 0)
        return -1;
    if (txe_kernels_choose(&state->kernels, "double", &err) != TXE_OK) {
        txe_raise(&err);
        return -1;
    }
    txe_threads_set(1);
    return txe_add_testing_training(module) < 0 || txe_add_training(module) < 0 ? -1
                                                                                : 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "core64",
    .m_size = sizeof(struct txe_module),
    .m_slots = module_slots,
};

struct txe_module *
txe_module_state(PyObject *module)
{
    return PyModule_GetState(module);
}

struct txe_module *
txe_type_state(PyTypeObject *type)
{
    return PyType_GetModuleState(type);
}

PyMODINIT_FUNC
PyInit_core64(void)
{
    return PyModuleDef_Init(&module_def);
}
