/* SafeTensors and to_float32: the file readers as Python sees them. */
#include "python/state.h"

#include <string.h>

#include "base/common.h"
#include "io/safetensors.h"
#include "kernels/kernels.h"
#include "python/convert.h"

/* Arrays over the mapping hold a reference to the object; the object holds no Python
 * objects but its type, so it takes no part in garbage collection. */
struct safetensors_object {
    PyObject_HEAD
    struct txe_safetensors *file; /* never NULL once __new__ has returned */
};

static struct txe_safetensors *
file_of(PyObject *self)
{
    return ((struct safetensors_object *)self)->file;
}

static PyObject *
text_to_str(struct txe_json_text text)
{
    return PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.nbytes, NULL);
}

static PyObject *
safetensors_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"path", NULL};
    PyObject *path = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&:SafeTensors", names,
                                     PyUnicode_FSConverter, &path))
        return NULL;
    PyObject *self = type->tp_alloc(type, 0);
    if (self != NULL) {
        struct txe_safetensors *file = NULL;
        struct txe_error err;
        txe_status status;
        const char *bytes = PyBytes_AS_STRING(path);
        Py_BEGIN_ALLOW_THREADS
        status = txe_safetensors_open(&file, bytes, &err);
        Py_END_ALLOW_THREADS((struct safetensors_object *)self)
        ->file = file;
        if (status != TXE_OK) {
            Py_CLEAR(self);
            txe_raise(&err);
        }
    }
    Py_DECREF(path);
    return self;
}

static void
safetensors_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    txe_safetensors_free(file_of(self));
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
safetensors_metadata(PyObject *self, void *Py_UNUSED(closure))
{
    size_t count;
    const struct txe_json_text *texts = txe_safetensors_metadata(file_of(self), &count);
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && i < count; i++) {
        PyObject *key = text_to_str(texts[2 * i]);
        PyObject *value = text_to_str(texts[2 * i + 1]);
        if (key == NULL || value == NULL || PyDict_SetItem(dict, key, value) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *
safetensors_nbytes(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(txe_safetensors_nbytes(file_of(self)));
}

static PyObject *
safetensors_keys(PyObject *self, PyObject *Py_UNUSED(unused))
{
    size_t count;
    const struct txe_stored_tensor *tensors =
        txe_safetensors_tensors(file_of(self), &count);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *name = text_to_str(tensors[i].name);
        if (name == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, name);
    }
    return list;
}

/* The tensor called `name`, or NULL with KeyError or TypeError set. */
static const struct txe_stored_tensor *
find_tensor(PyObject *self, PyObject *name)
{
    Py_ssize_t nbytes;
    const char *bytes = txe_utf8(name, &nbytes, "name of a tensor");
    if (bytes == NULL)
        return NULL;
    const struct txe_stored_tensor *tensor =
        txe_safetensors_find(file_of(self), bytes, (size_t)nbytes);
    if (tensor == NULL)
        PyErr_SetObject(PyExc_KeyError, name);
    return tensor;
}

static PyObject *
safetensors_dtype(PyObject *self, PyObject *name)
{
    const struct txe_stored_tensor *tensor = find_tensor(self, name);
    if (tensor == NULL)
        return NULL;
    return PyUnicode_FromString(tensor->dtype == TXE_NDTYPES
                                    ? tensor->stored_as
                                    : txe_dtype_name(tensor->dtype));
}

static PyObject *
safetensors_shape(PyObject *self, PyObject *name)
{
    const struct txe_stored_tensor *tensor = find_tensor(self, name);
    if (tensor == NULL)
        return NULL;
    PyObject *shape = PyTuple_New((Py_ssize_t)tensor->ndim);
    for (size_t i = 0; shape != NULL && i < tensor->ndim; i++) {
        PyObject *dim = PyLong_FromSize_t(tensor->shape[i]);
        if (dim == NULL)
            Py_CLEAR(shape);
        else
            PyTuple_SET_ITEM(shape, (Py_ssize_t)i, dim);
    }
    return shape;
}

/* A read-only array of the stored elements: over the mapping, or over a copy when the
 * file has them where this dtype cannot be read. */
static PyObject *
view_tensor(PyObject *self, PyObject *name, const struct txe_stored_tensor *tensor)
{
    if (tensor->dtype == TXE_NDTYPES)
        return PyErr_Format(PyExc_ValueError, "tensor %R: dtype %s is not supported",
                            name, tensor->stored_as);
    if (tensor->ndim > TXE_MAX_DIMS)
        return PyErr_Format(PyExc_ValueError, "tensor %R: %zu dimensions, at most %d",
                            name, tensor->ndim, TXE_MAX_DIMS);
    /* NumPy counts on bools being 0 or 1, to the point of writing past its own arrays.
     */
    for (size_t i = 0; tensor->dtype == TXE_BOOL && i < tensor->nbytes; i++)
        if (tensor->data[i] > 1)
            return PyErr_Format(PyExc_ValueError,
                                "tensor %R: element %zu is %d, not a bool (0 or 1)",
                                name, i, tensor->data[i]);
    size_t size = txe_dtype_size(tensor->dtype);
    if ((uintptr_t)tensor->data % size == 0)
        return txe_array_view(tensor->dtype, tensor->ndim, tensor->shape, tensor->data,
                              self);
    void *copy;
    PyObject *owner = txe_array_new(TXE_U8, 1, &tensor->nbytes, &copy);
    if (owner == NULL)
        return NULL;
    if (tensor->nbytes != 0)
        memcpy(copy, tensor->data, tensor->nbytes);
    PyObject *array =
        txe_array_view(tensor->dtype, tensor->ndim, tensor->shape, copy, owner);
    Py_DECREF(owner);
    return array;
}

static PyObject *
safetensors_tensor(PyObject *self, PyObject *name)
{
    const struct txe_stored_tensor *tensor = find_tensor(self, name);
    return tensor != NULL ? view_tensor(self, name, tensor) : NULL;
}

/* A new float32 array with the elements of `array`, which has this dtype's NumPy type.
 */
static PyObject *
widen(const struct txe_kernels *kernels, PyObject *array, txe_dtype dtype)
{
    struct txe_array in;
    if (txe_array_read(&in, array, dtype == TXE_BF16 ? TXE_U16 : dtype, "array") < 0)
        return NULL;
    void *memory;
    PyObject *result = txe_array_new(TXE_F32, in.ndim, in.shape, &memory);
    if (result != NULL) {
        float *y = memory;
        Py_BEGIN_ALLOW_THREADS
        if (dtype == TXE_F16) {
            kernels->from_f16(y, in.data, in.size);
        } else if (dtype == TXE_BF16) {
            kernels->from_bf16(y, in.data, in.size);
        } else {
            const double *x = in.data;
            for (size_t i = 0; i < in.size; i++)
                y[i] = (float)x[i];
        }
        Py_END_ALLOW_THREADS
    }
    txe_array_release(&in);
    return result;
}

static PyObject *
safetensors_float32(PyObject *self, PyObject *name)
{
    const struct txe_stored_tensor *tensor = find_tensor(self, name);
    PyObject *view = tensor != NULL ? view_tensor(self, name, tensor) : NULL;
    if (view == NULL || tensor->dtype == TXE_F32)
        return view;
    PyObject *result = NULL;
    if (tensor->dtype == TXE_F16 || tensor->dtype == TXE_BF16 ||
        tensor->dtype == TXE_F64)
        result = widen(&txe_type_state(Py_TYPE(self))->kernels, view, tensor->dtype);
    else
        PyErr_Format(PyExc_ValueError,
                     "tensor %R: holds %s, not floating-point numbers", name,
                     txe_dtype_name(tensor->dtype));
    Py_DECREF(view);
    return result;
}

static PyObject *
to_float32(PyObject *module, PyObject *args)
{
    static const struct {
        const char *name, *numpy;
        txe_dtype dtype;
    } sources[] = {
        {"float16", "float16", TXE_F16},
        {"bfloat16", "uint16", TXE_BF16},
        {"float64", "float64", TXE_F64},
    };
    PyObject *array;
    const char *name;
    if (!PyArg_ParseTuple(args, "Os:to_float32", &array, &name))
        return NULL;
    size_t i = 0;
    while (i < TXE_LEN(sources) && strcmp(name, sources[i].name) != 0)
        i++;
    if (i == TXE_LEN(sources))
        return PyErr_Format(PyExc_ValueError,
                            "to_float32: dtype must be 'float16', 'bfloat16' or "
                            "'float64', got '%s'",
                            name);
    /* Bits are about to be reinterpreted: no conversion may happen on the way. */
    PyObject *dtype = PyObject_GetAttrString(array, "dtype");
    PyObject *text = dtype != NULL ? PyObject_Str(dtype) : NULL;
    PyObject *result = NULL;
    if (text == NULL)
        goto done;
    if (!PyUnicode_Check(text) ||
        PyUnicode_CompareWithASCIIString(text, sources[i].numpy) != 0) {
        PyErr_Format(PyExc_TypeError, "to_float32: %s needs an array of %s, got %U",
                     name, sources[i].numpy, text);
        goto done;
    }
    result = widen(&txe_module_state(module)->kernels, array, sources[i].dtype);

done:
    Py_XDECREF(text);
    Py_XDECREF(dtype);
    return result;
}

static PyGetSetDef safetensors_getset[] = {
    {"metadata", safetensors_metadata, NULL,
     PyDoc_STR("The file's __metadata__, a new dict of str; {} when it has none."),
     NULL},
    {"nbytes", safetensors_nbytes, NULL, PyDoc_STR("Bytes of the whole file."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef safetensors_methods[] = {
    {"keys", safetensors_keys, METH_NOARGS,
     PyDoc_STR("keys($self)\n--\n\nNames of the tensors, in the order of their data.")},
    {"dtype", safetensors_dtype, METH_O,
     PyDoc_STR(
         "dtype($self, name, /)\n--\n\nNumPy's name for the stored dtype, 'bfloat16' "
         "included; the file's own name for one that\ncannot be read ('F8_E4M3').  "
         "KeyError if there is no such tensor.")},
    {"shape", safetensors_shape, METH_O,
     PyDoc_STR("shape($self, name, /)\n--\n\nShape of a tensor.")},
    {"tensor", safetensors_tensor, METH_O,
     PyDoc_STR(
         "tensor($self, name, /)\n--\n\nRead-only array over the mapped file (bfloat16 as "
         "uint16), copied only when the\nfile has it misaligned.  ValueError for a "
         "dtype NumPy lacks.")},
    {"float32", safetensors_float32, METH_O,
     PyDoc_STR(
         "float32($self, name, /)\n--\n\nThe tensor as float32: a read-only view when "
         "stored so, else converted.\nValueError when it does not hold floats.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot safetensors_slots[] = {
    {Py_tp_doc,
     (void *)PyDoc_STR("SafeTensors(path)\n--\n\nA memory-mapped .safetensors file, "
                       "validated when opened.\n\nOSError when it cannot be read, "
                       "ValueError when it is malformed.")},
    {Py_tp_new, (void *)safetensors_new},
    {Py_tp_dealloc, (void *)safetensors_dealloc},
    {Py_tp_methods, safetensors_methods},
    {Py_tp_getset, safetensors_getset},
    {0, NULL},
};

static PyType_Spec safetensors_spec = {
    .name = "pytxenc._core.SafeTensors",
    .basicsize = sizeof(struct safetensors_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = safetensors_slots,
};

static PyMethodDef functions[] = {
    {"to_float32", to_float32, METH_VARARGS,
     PyDoc_STR("to_float32(array, dtype, /)\n--\n\nConvert float16, bfloat16 (given as "
               "uint16) or float64 elements to float32.")},
    {NULL, NULL, 0, NULL},
};

int
txe_add_files(PyObject *module)
{
    struct txe_module *state = txe_module_state(module);
    state->safetensors_type =
        (PyTypeObject *)PyType_FromModuleAndSpec(module, &safetensors_spec, NULL);
    if (state->safetensors_type == NULL ||
        PyModule_AddType(module, state->safetensors_type) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
