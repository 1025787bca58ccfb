/* Arrays used where they lie: see buffers.h. */
#include "python/buffers.h"

#include <string.h>

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
