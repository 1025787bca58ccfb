/* Between Python objects and what the layers below understand.  convert.c is the only
 * file that includes NumPy's headers and the only one that turns a txe_status into an
 * exception. */
#ifndef TXE_PYTHON_CONVERT_H
#define TXE_PYTHON_CONVERT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/dtype.h"
#include "base/error.h"

/* Imports NumPy's C API.  0, or -1 with an exception set.  Call once, from exec. */
int txe_convert_init(void);

/* Raises the exception that `err` describes (its status must not be TXE_OK) and returns
 * NULL, so that a binding can write `return txe_raise(&err);`. */
PyObject *txe_raise(const struct txe_error *err);

#define TXE_MAX_DIMS 8

/* A C-contiguous, aligned, native-endian view of a NumPy array. */
struct txe_array {
    void *data;
    txe_dtype dtype;
    size_t ndim;
    size_t shape[TXE_MAX_DIMS];
    size_t size;     /* product of shape */
    PyObject *owner; /* strong reference that keeps data alive; NULL when unset */
};

/* Fills *out from any object NumPy can make an array of.  The array is used in place
 * when it already is C-contiguous and of the wanted dtype, and converted otherwise, but
 * only where NumPy's "same_kind" casting allows (so floats never become ids silently).
 * `dtype`: the element type wanted (not TXE_BF16).  `what` names the argument in
 * errors. 0, or -1 with TypeError/ValueError set and *out zeroed.  Release with
 * txe_array_release. */
int txe_array_read(struct txe_array *out, PyObject *object, txe_dtype dtype,
                   const char *what);

/* Drops the reference and zeroes *array; harmless on a zeroed one. */
void txe_array_release(struct txe_array *array);

/* A new, uninitialised C-contiguous NumPy array; *data_out (may be NULL) is its memory.
 * NULL with an exception set on failure. */
PyObject *txe_array_new(txe_dtype dtype, size_t ndim, const size_t *shape,
                        void *data_out);

/* The same, filled with zeros. */
PyObject *txe_array_zeros(txe_dtype dtype, size_t ndim, const size_t *shape,
                          void *data_out);

/* A read-only NumPy array over memory that `owner` keeps alive (a new reference to it
 * is taken).  data must be aligned for dtype.  NULL with an exception set on failure.
 */
PyObject *txe_array_view(txe_dtype dtype, size_t ndim, const size_t *shape,
                         const void *data, PyObject *owner);

/* A new array holding `count` elements copied from data (1-D). */
PyObject *txe_array_copy(txe_dtype dtype, size_t count, const void *data);

/* A 1-D array whose memory is `data`, `count` elements from malloc or its like, which
 * it takes over, on failure too. */
PyObject *txe_array_adopt(txe_dtype dtype, size_t count, void *data);

/* UTF-8 bytes of a str, valid while it lives.  A lone surrogate is a ValueError that
 * names `what` and its position; another type is a TypeError.  NULL on failure. */
const char *txe_utf8(PyObject *str, Py_ssize_t *nbytes, const char *what);

#endif
