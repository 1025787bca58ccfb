/* What the bindings for the tests share.  Private to py_testing*.c.
 *
 * Arrays come as buffers and are used where they lie, without copies, so that tests can
 * place them at any address; sizes and strides are checked against them. */
#ifndef TXE_PYTHON_TESTING_H
#define TXE_PYTHON_TESTING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels/kernels.h"

#define TXE_MAX_BUFFERS 12

/* The buffers of one call. */
struct txe_buffers {
    Py_buffer views[TXE_MAX_BUFFERS];
    size_t count;
};

void txe_buffers_release(struct txe_buffers *buffers);

/* *out = the memory of `object`, which must have `format`'s item size and at least
 * `nitems` items; NULL for None where that is allowed.  0, or -1 with an exception. */
int txe_buffers_add(struct txe_buffers *buffers, void *out, PyObject *object,
                    const char *format, size_t nitems, int flags);

/* The same into a local `buffers`. */
#define READ(out, object, format, nitems) \
    txe_buffers_add(&buffers, &(out), object, format, nitems, PyBUF_SIMPLE)
#define WRITE(out, object, format, nitems) \
    txe_buffers_add(&buffers, &(out), object, format, nitems, PyBUF_WRITABLE)

/* Items that `rows` rows of n items, `stride` apart, reach over; false with an
 * exception when that is no size. */
bool txe_extent(size_t *out, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t stride);

/* What a name stands for; -1 or false with an exception when it is unknown. */
int txe_kernels_named(struct txe_kernels *kernels, const char *isa);
bool txe_activation_named(txe_activation *act, const char *name);

#endif
