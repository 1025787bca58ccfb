/* The extension module `pytxenc._core`: its life, its settings, its parts. */
#include "python/state.h"

#include "base/common.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "python/convert.h"
#include "text/library.h"

static PyObject *
get_num_threads(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyLong_FromSize_t(txe_threads_get());
}

static PyObject *
set_num_threads(PyObject *Py_UNUSED(module), PyObject *arg)
{
    long n = PyLong_AsLong(arg);
    if (n == -1 && PyErr_Occurred())
        return NULL;
    if (n < 1 || n > TXE_MAX_THREADS)
        return PyErr_Format(PyExc_ValueError,
                            "set_num_threads: %ld is not a number of threads between 1 "
                            "and %d",
                            n, TXE_MAX_THREADS);
    Py_BEGIN_ALLOW_THREADS
    txe_threads_set((size_t)n);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *
get_isa(PyObject *module, PyObject *Py_UNUSED(unused))
{
    return PyUnicode_FromString(txe_module_state(module)->kernels.name);
}

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static PyObject *
get_build_info(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return Py_BuildValue("{s:s, s:s}", "compiler", COMPILER, "utf8proc",
                         txe_unicode_library());
}

static PyMethodDef module_methods[] = {
    {"get_num_threads", get_num_threads, METH_NOARGS,
     PyDoc_STR("get_num_threads()\n--\n\nThreads that one call may use, the caller's "
               "own among them.")},
    {"set_num_threads", set_num_threads, METH_O,
     PyDoc_STR(
         "set_num_threads(n, /)\n--\n\nSet the number of threads that one call may "
         "use (1 to 256).\n\nRaises ValueError outside that range.")},
    {"get_isa", get_isa, METH_NOARGS,
     PyDoc_STR(
         "get_isa()\n--\n\nInstruction set whose kernels are in use: 'scalar', "
         "'avx2', 'avx2_vnni', 'avx512',\n'avx512_vnni', 'avx512_bf16' or 'avx512_amx'.\n\n"
         "Chosen at import; PYTXENC_ISA forces one.")},
    {"get_build_info", get_build_info, METH_NOARGS,
     PyDoc_STR(
         "get_build_info()\n--\n\nThe compiler and the library of Unicode algorithms "
         "that this module was built with.")},
    {NULL, NULL, 0, NULL},
};

static int
module_exec(PyObject *module)
{
    if (txe_convert_init() < 0)
        return -1;
    struct txe_error err;
    struct txe_module *state = txe_module_state(module);
    if (txe_kernels_choose(&state->kernels, getenv("PYTXENC_ISA"), &err) != TXE_OK) {
        PyErr_Format(PyExc_ImportError, "pytxenc: %s", err.message);
        return -1;
    }
    int (*const parts[])(PyObject *) = {
        txe_add_files,
        txe_add_text,
        txe_add_tokenizer,
        txe_add_tokenizer_files,
        txe_add_trainer,
        txe_add_encoder,
        txe_add_training,
        txe_add_optimizer,
        txe_add_data,
        txe_add_testing,
        txe_add_testing_products,
        txe_add_testing_matmul,
        txe_add_testing_training,
        txe_add_testing_text,
    };
    for (size_t i = 0; i < TXE_LEN(parts); i++)
        if (parts[i](module) < 0)
            return -1;
    return 0;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct txe_module *state = txe_module_state(module);
    Py_VISIT(state->tokenizer_type);
    Py_VISIT(state->plan_type);
    Py_VISIT(state->safetensors_type);
    Py_VISIT(state->encoder_type);
    return 0;
}

static int
module_clear(PyObject *module)
{
    struct txe_module *state = txe_module_state(module);
    Py_CLEAR(state->tokenizer_type);
    Py_CLEAR(state->plan_type);
    Py_CLEAR(state->safetensors_type);
    Py_CLEAR(state->encoder_type);
    return 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
#if PY_VERSION_HEX >= 0x030C0000
    /* NumPy itself does not support several interpreters. */
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pytxenc._core",
    .m_doc = PyDoc_STR("Kernels, encoders, tokenizers and file readers in C."),
    .m_size = sizeof(struct txe_module),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
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
PyInit__core(void)
{
    return PyModuleDef_Init(&module_def);
}
