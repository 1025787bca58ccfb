/* What the module `pytxenc._core` owns.  One struct per module object, no C globals. */
#ifndef TXE_PYTHON_STATE_H
#define TXE_PYTHON_STATE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels/kernels.h"

struct txe_module {
    PyTypeObject *tokenizer_type;   /* py_tokenizer.c */
    PyTypeObject *plan_type;        /* encode_plan.c */
    PyTypeObject *safetensors_type; /* py_files.c */
    PyTypeObject *encoder_type;     /* py_encoder.c */
    struct txe_kernels kernels;     /* the table chosen at import */
};

/* The module's state; never NULL for a module made by module.c. */
struct txe_module *txe_module_state(PyObject *module);

/* The state of the module that defined `type` (a heap type of ours). */
struct txe_module *txe_type_state(PyTypeObject *type);

/* Each adds one file's types and functions to the module while it is being executed.
 * 0, or -1 with an exception set. */
int txe_add_tokenizer(PyObject *module);
int txe_add_tokenizer_files(PyObject *module);
int txe_add_files(PyObject *module);
int txe_add_text(PyObject *module);
int txe_add_data(PyObject *module);
int txe_add_encoder(PyObject *module);
int txe_add_trainer(PyObject *module);
int txe_add_training(PyObject *module);
int txe_add_optimizer(PyObject *module);
int txe_add_testing(PyObject *module);
int txe_add_testing_products(PyObject *module);
int txe_add_testing_matmul(PyObject *module);
int txe_add_testing_training(PyObject *module);
int txe_add_testing_text(PyObject *module);

#endif
