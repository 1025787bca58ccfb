/* Arguments of the bindings for the tests: see testing.h. */
#include "python/testing.h"

#include <string.h>

#include "base/common.h"
#include "python/convert.h"

bool
txe_extent(size_t *out, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t stride)
{
    if (rows < 0 || n < 0 || stride < 0) {
        PyErr_SetString(PyExc_ValueError, "sizes and strides must not be negative");
        return false;
    }
    *out = 0;
    if (rows == 0 || n == 0)
        return true;
    if (!txe_mul_size((size_t)rows - 1, (size_t)stride, out) ||
        !txe_add_size(*out, (size_t)n, out)) {
        PyErr_SetString(PyExc_ValueError, "sizes exceed the address space");
        return false;
    }
    return true;
}

int
txe_kernels_named(struct txe_kernels *kernels, const char *isa)
{
    struct txe_error err;
    if (txe_kernels_choose(kernels, isa, &err) != TXE_OK) {
        txe_raise(&err);
        return -1;
    }
    return 0;
}

bool
txe_activation_named(txe_activation *act, const char *name)
{
    if (txe_activation_find(name, act))
        return true;
    PyErr_Format(PyExc_ValueError, "unknown activation '%s'", name);
    return false;
}
