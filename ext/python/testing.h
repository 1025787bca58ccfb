/* What the bindings for the tests share.  Private to py_testing*.c.
 *
 * Arrays come as buffers, so that tests can place them at any address; sizes and
 * strides are checked against them. */
#ifndef TXE_PYTHON_TESTING_H
#define TXE_PYTHON_TESTING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels/kernels.h"
#include "python/buffers.h"

/* Items that `rows` rows of n items, `stride` apart, reach over; false with an
 * exception when that is no size. */
bool txe_extent(size_t *out, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t stride);

/* What a name stands for; -1 or false with an exception when it is unknown. */
int txe_kernels_named(struct txe_kernels *kernels, const char *isa);
bool txe_activation_named(txe_activation *act, const char *name);

#endif
