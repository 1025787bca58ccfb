/* What models take from Python: see model_inputs.h. */
#include "python/model_inputs.h"

#include <string.h>

PyObject *
txe_shape_tuple(size_t ndim, const size_t *shape)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)ndim);
    for (size_t i = 0; tuple != NULL && i < ndim; i++) {
        PyObject *size = PyLong_FromSize_t(shape[i]);
        if (size == NULL)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, size);
    }
    return tuple;
}

/* NumPy lets other bytes be viewed as bools; C does not. */
static int
check_bools(const struct txe_array *array, const char *what)
{
    const unsigned char *bytes = array->data;
    for (size_t i = 0; i < array->shape[0] * array->shape[1]; i++)
        if (bytes[i] > 1) {
            PyErr_Format(PyExc_ValueError,
                         "%s holds %d, which is neither true nor false", what,
                         (int)bytes[i]);
            return -1;
        }
    return 0;
}

/* Reads an optional argument that must have the batch's shape (B, S). */
int
txe_grid_read(struct txe_array *array, PyObject *object, txe_dtype dtype,
              const char *what, const struct txe_inputs *inputs)
{
    if (object == Py_None)
        return 0;
    if (txe_array_read(array, object, dtype, what) < 0)
        return -1;
    if (array->ndim == 2 && array->shape[0] == inputs->B &&
        array->shape[1] == inputs->S)
        return dtype == TXE_BOOL ? check_bools(array, what) : 0;
    PyObject *shape = txe_shape_tuple(array->ndim, array->shape);
    if (shape != NULL)
        PyErr_Format(PyExc_ValueError, "%s has shape %S; the batch needs (%zu, %zu)",
                     what, shape, inputs->B, inputs->S);
    Py_XDECREF(shape);
    return -1;
}

static int
read_tokens(struct txe_inputs *in, struct txe_input_arrays *arrays, PyObject *ids,
            PyObject *embeds, const struct txe_config *config)
{
    if ((ids == Py_None) == (embeds == Py_None)) {
        PyErr_SetString(PyExc_ValueError,
                        "You must specify exactly one of input_ids or inputs_embeds");
        return -1;
    }
    struct txe_array *tokens = ids != Py_None ? &arrays->ids : &arrays->embeds;
    const char *what = ids != Py_None ? "input_ids" : "inputs_embeds";
    if (txe_array_read(tokens, ids != Py_None ? ids : embeds,
                       ids != Py_None ? TXE_I64 : TXE_REAL_DTYPE, what) < 0)
        return -1;
    size_t ndim = ids != Py_None ? 2 : 3;
    if (tokens->ndim != ndim ||
        (ndim == 3 && tokens->shape[2] != config->embedding_size)) {
        PyObject *shape = txe_shape_tuple(tokens->ndim, tokens->shape);
        if (shape != NULL && ndim == 2)
            PyErr_Format(PyExc_ValueError,
                         "input_ids has shape %S; it must be (batch, length): wrap one "
                         "sequence in a list, or use return_tensors in the tokenizer",
                         shape);
        else if (shape != NULL)
            PyErr_Format(PyExc_ValueError,
                         "inputs_embeds has shape %S; it must be (batch, length, %zu)",
                         shape, config->embedding_size);
        Py_XDECREF(shape);
        return -1;
    }
    in->B = tokens->shape[0];
    in->S = tokens->shape[1];
    in->ids = arrays->ids.data;
    in->embeds = arrays->embeds.data;
    return 0;
}

/* The four-dimensional mask [B or 1, H or 1, S or 1, S]: a stride of 0 repeats. */
static int
read_bias(struct txe_inputs *in, struct txe_input_arrays *arrays, PyObject *object,
          const struct txe_config *config)
{
    if (object == Py_None)
        return 0;
    if (txe_array_read(&arrays->bias, object, TXE_REAL_DTYPE, "attention_mask") < 0)
        return -1;
    const size_t want[4] = {in->B, config->num_heads, in->S, in->S};
    const size_t *shape = arrays->bias.shape;
    bool fits = arrays->bias.ndim == 4 && shape[3] == want[3];
    for (size_t i = 0; fits && i < 3; i++)
        fits = shape[i] == want[i] || shape[i] == 1;
    if (!fits) {
        PyObject *got = txe_shape_tuple(arrays->bias.ndim, shape);
        if (got != NULL)
            PyErr_Format(PyExc_ValueError,
                         "attention_mask has shape %S; with four dimensions it must be "
                         "(%zu or 1, %zu or 1, %zu or 1, %zu)",
                         got, want[0], want[1], want[2], want[3]);
        Py_XDECREF(got);
        return -1;
    }
    in->bias = arrays->bias.data;
    in->bias_strides[2] = shape[2] == 1 ? 0 : shape[3];
    in->bias_strides[1] = shape[1] == 1 ? 0 : shape[2] * shape[3];
    in->bias_strides[0] = shape[0] == 1 ? 0 : shape[1] * shape[2] * shape[3];
    return 0;
}

int
txe_param_take(struct txe_array *array, const struct txe_param *param,
               PyObject *weights)
{
    PyObject *value = PyMapping_GetItemString(weights, param->name);
    if (value == NULL) {
        if (PyErr_ExceptionMatches(PyExc_KeyError))
            PyErr_Format(PyExc_KeyError, "tensor '%s' is missing", param->name);
        return -1;
    }
    int failed = txe_array_read(array, value, TXE_REAL_DTYPE, param->name);
    Py_DECREF(value);
    if (failed)
        return -1;
    bool same = array->ndim == param->ndim;
    for (size_t i = 0; same && i < param->ndim; i++)
        same = array->shape[i] == param->shape[i];
    if (!same) {
        PyObject *got = txe_shape_tuple(array->ndim, array->shape);
        PyObject *want = txe_shape_tuple(param->ndim, param->shape);
        if (got != NULL && want != NULL)
            PyErr_Format(PyExc_ValueError,
                         "tensor '%s' has shape %S; the configuration needs %S",
                         param->name, got, want);
        Py_XDECREF(got);
        Py_XDECREF(want);
        return -1;
    }
    *param->slot = array->data;
    return 0;
}

int
txe_inputs_read(struct txe_inputs *in, struct txe_input_arrays *arrays,
                const struct txe_input_objects *objects,
                const struct txe_config *config)
{
    memset(in, 0, sizeof *in);
    memset(arrays, 0, sizeof *arrays);
    if (read_tokens(in, arrays, objects->ids, objects->embeds, config) < 0 ||
        txe_grid_read(&arrays->mask, objects->mask, TXE_BOOL, "attention_mask", in) <
            0 ||
        txe_grid_read(&arrays->types, objects->types, TXE_I64, "token_type_ids", in) <
            0 ||
        txe_grid_read(&arrays->positions, objects->positions, TXE_I64, "position_ids",
                      in) < 0 ||
        read_bias(in, arrays, objects->bias, config) < 0)
        return -1;
    if (arrays->mask.data != NULL && arrays->bias.data != NULL) {
        PyErr_SetString(PyExc_ValueError,
                        "attention_mask and attention_bias exclude each other");
        return -1;
    }
    in->mask = arrays->mask.data;
    in->types = arrays->types.data;
    in->positions = arrays->positions.data;
    return 0;
}

void
txe_inputs_release(struct txe_input_arrays *arrays)
{
    txe_array_release(&arrays->ids);
    txe_array_release(&arrays->embeds);
    txe_array_release(&arrays->mask);
    txe_array_release(&arrays->bias);
    txe_array_release(&arrays->types);
    txe_array_release(&arrays->positions);
}
