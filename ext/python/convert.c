/* NumPy arrays, strings and exceptions: see convert.h. */
#include "python/convert.h"

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>

#include <string.h>

static const int numpy_types[TXE_NDTYPES] = {
    [TXE_BOOL] = NPY_BOOL,   [TXE_U8] = NPY_UINT8,    [TXE_I8] = NPY_INT8,
    [TXE_U16] = NPY_UINT16,  [TXE_I16] = NPY_INT16,   [TXE_U32] = NPY_UINT32,
    [TXE_I32] = NPY_INT32,   [TXE_U64] = NPY_UINT64,  [TXE_I64] = NPY_INT64,
    [TXE_F16] = NPY_FLOAT16, [TXE_BF16] = NPY_UINT16, [TXE_F32] = NPY_FLOAT32,
    [TXE_F64] = NPY_FLOAT64,
};

int
txe_convert_init(void)
{
    return PyArray_ImportNumPyAPI();
}

PyObject *
txe_raise(const struct txe_error *err)
{
    PyObject *type = PyExc_SystemError;
    switch (err->status) {
    case TXE_ENOMEM:
        type = PyExc_MemoryError;
        break;
    case TXE_EIO:
        type = PyExc_OSError;
        break;
    case TXE_EVALUE:
        type = PyExc_ValueError;
        break;
    case TXE_ETYPE:
        type = PyExc_TypeError;
        break;
    case TXE_EINDEX:
        type = PyExc_IndexError;
        break;
    case TXE_OK:
        break;
    }
    /* Names out of files may hold any bytes: never let them fail the report itself. */
    PyObject *message =
        PyUnicode_DecodeUTF8(err->message, (Py_ssize_t)strlen(err->message), "replace");
    if (message != NULL) {
        PyErr_SetObject(type, message);
        Py_DECREF(message);
    }
    return NULL;
}

int
txe_array_read(struct txe_array *out, PyObject *object, txe_dtype dtype,
               const char *what)
{
    memset(out, 0, sizeof *out);
    PyObject *any = PyArray_FROM_O(object);
    if (any == NULL) {
        if (PyErr_ExceptionMatches(PyExc_ValueError))
            PyErr_Format(PyExc_ValueError,
                         "%s: cannot be made into a rectangular array of %s (rows of "
                         "different lengths?)",
                         what, txe_dtype_name(dtype));
        return -1;
    }
    PyArrayObject *array = (PyArrayObject *)any;
    PyArray_Descr *wanted = PyArray_DescrFromType(numpy_types[dtype]);
    if (wanted == NULL)
        goto fail;
    /* An empty list is float64 to NumPy; there is nothing in it to lose. */
    if (PyArray_SIZE(array) != 0 &&
        !PyArray_CanCastArrayTo(array, wanted, NPY_SAME_KIND_CASTING)) {
        PyErr_Format(PyExc_TypeError, "%s: expected an array of %s, got %R", what,
                     txe_dtype_name(dtype), (PyObject *)PyArray_DESCR(array));
        Py_DECREF(wanted);
        goto fail;
    }
    /* Steals the reference to wanted. */
    PyObject *ready = PyArray_FromArray(array, wanted,
                                        NPY_ARRAY_CARRAY_RO | NPY_ARRAY_NOTSWAPPED |
                                            NPY_ARRAY_FORCECAST);
    Py_DECREF(any);
    if (ready == NULL)
        return -1;
    array = (PyArrayObject *)ready;
    if (PyArray_NDIM(array) > TXE_MAX_DIMS) {
        PyErr_Format(PyExc_ValueError, "%s: an array of %d dimensions, at most %d",
                     what, PyArray_NDIM(array), TXE_MAX_DIMS);
        Py_DECREF(ready);
        return -1;
    }
    out->data = PyArray_DATA(array);
    out->dtype = dtype;
    out->ndim = (size_t)PyArray_NDIM(array);
    out->size = (size_t)PyArray_SIZE(array);
    for (size_t i = 0; i < out->ndim; i++)
        out->shape[i] = (size_t)PyArray_DIM(array, (int)i);
    out->owner = ready;
    return 0;

fail:
    Py_DECREF(any);
    return -1;
}

void
txe_array_release(struct txe_array *array)
{
    PyObject *owner = array->owner;
    memset(array, 0, sizeof *array);
    Py_XDECREF(owner);
}

static bool
numpy_shape(npy_intp *dims, size_t ndim, const size_t *shape)
{
    if (ndim > TXE_MAX_DIMS) {
        PyErr_Format(PyExc_ValueError, "an array of %zu dimensions, at most %d", ndim,
                     TXE_MAX_DIMS);
        return false;
    }
    for (size_t i = 0; i < ndim; i++) {
        if (shape[i] > (size_t)NPY_MAX_INTP) {
            PyErr_NoMemory();
            return false;
        }
        dims[i] = (npy_intp)shape[i];
    }
    return true;
}

static PyObject *
new_array(txe_dtype dtype, size_t ndim, const size_t *shape, void *data_out, int zeroed)
{
    npy_intp dims[TXE_MAX_DIMS];
    if (!numpy_shape(dims, ndim, shape))
        return NULL;
    PyObject *array = zeroed ? PyArray_ZEROS((int)ndim, dims, numpy_types[dtype], 0)
                             : PyArray_EMPTY((int)ndim, dims, numpy_types[dtype], 0);
    if (array != NULL && data_out != NULL)
        *(void **)data_out = PyArray_DATA((PyArrayObject *)array);
    return array;
}

PyObject *
txe_array_new(txe_dtype dtype, size_t ndim, const size_t *shape, void *data_out)
{
    return new_array(dtype, ndim, shape, data_out, 0);
}

PyObject *
txe_array_zeros(txe_dtype dtype, size_t ndim, const size_t *shape, void *data_out)
{
    return new_array(dtype, ndim, shape, data_out, 1);
}

PyObject *
txe_array_view(txe_dtype dtype, size_t ndim, const size_t *shape, const void *data,
               PyObject *owner)
{
    npy_intp dims[TXE_MAX_DIMS];
    if (!numpy_shape(dims, ndim, shape))
        return NULL;
    PyObject *array = PyArray_SimpleNewFromData((int)ndim, dims, numpy_types[dtype],
                                                (void *)(uintptr_t)data);
    if (array == NULL)
        return NULL;
    PyArray_CLEARFLAGS((PyArrayObject *)array, NPY_ARRAY_WRITEABLE);
    /* Steals the new reference, also when it fails. */
    if (PyArray_SetBaseObject((PyArrayObject *)array, Py_NewRef(owner)) < 0) {
        Py_DECREF(array);
        return NULL;
    }
    return array;
}

PyObject *
txe_array_copy(txe_dtype dtype, size_t count, const void *data)
{
    void *memory;
    PyObject *array = txe_array_new(dtype, 1, &count, &memory);
    if (array != NULL && count != 0)
        memcpy(memory, data, count * txe_dtype_size(dtype));
    return array;
}

static void
free_capsule(PyObject *capsule)
{
    free(PyCapsule_GetPointer(capsule, NULL));
}

PyObject *
txe_array_adopt(txe_dtype dtype, size_t count, void *data)
{
    PyObject *owner = PyCapsule_New(data, NULL, free_capsule);
    if (owner == NULL) {
        free(data);
        return NULL;
    }
    PyObject *array = txe_array_view(dtype, 1, &count, data, owner);
    Py_DECREF(owner);
    if (array != NULL)
        PyArray_ENABLEFLAGS((PyArrayObject *)array, NPY_ARRAY_WRITEABLE);
    return array;
}

const char *
txe_utf8(PyObject *str, Py_ssize_t *nbytes, const char *what)
{
    if (!PyUnicode_Check(str)) {
        PyErr_Format(PyExc_TypeError, "%s: expected str, got %s", what,
                     Py_TYPE(str)->tp_name);
        return NULL;
    }
    const char *bytes = PyUnicode_AsUTF8AndSize(str, nbytes);
    if (bytes != NULL || !PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return bytes;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    Py_ssize_t at = 0;
    if (PyUnicodeEncodeError_GetStart(error, &at) < 0)
        PyErr_Clear();
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
    /* PyErr_Format knows no %X before Python 3.12. */
    char code[8];
    PyOS_snprintf(code, sizeof code, "%04X", (unsigned)PyUnicode_READ_CHAR(str, at));
    PyErr_Format(
        PyExc_ValueError,
        "%s: lone surrogate U+%s at character %zd is not text; decode the "
        "bytes with errors=\"replace\" or encode the str with \"surrogatepass\" "
        "first",
        what, code, at);
    return NULL;
}
