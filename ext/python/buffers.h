/* Arrays of a call that are used where they lie, without copies, and may be written to.
 */
#ifndef TXE_PYTHON_BUFFERS_H
#define TXE_PYTHON_BUFFERS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stddef.h>

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

#endif
