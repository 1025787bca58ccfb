/* Arguments of the bindings for the tests: see testing.h. */
#include "python/testing.h"

#include <string.h>

#include "base/common.h"
#include "python/convert.h"

void
txe_buffers_release(struct txe_buffers *buffers)
{
    while (buffers->count > 0)
        PyBuffer_Release(&buffers->views[--buffers->count]);
}

int
txe_buffers_add(struct txe_buffers *buffers, void *out, PyObject *object,
                const char *format, size_t nitems, int flags)
{
    *(void **)out = NULL;
    if (object == Py_None)
        return 0;
    Py_buffer *view = &buffers->views[buffers->count];
    if (PyObject_GetBuffer(object, view, flags | PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
        return -1;
    buffers->count++;
    if (view->format == NULL || strcmp(view->format, format) != 0) {
        PyErr_Format(PyExc_TypeError, "expected a buffer of format '%s', got '%s'",
                     format, view->format != NULL ? view->format : "B");
        return -1;
    }
    if ((size_t)(view->len / view->itemsize) < nitems) {
        PyErr_Format(PyExc_ValueError, "buffer of %zd items where %zu are needed",
                     view->len / view->itemsize, nitems);
        return -1;
    }
    *(void **)out = view->buf;
    return 0;
}

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
