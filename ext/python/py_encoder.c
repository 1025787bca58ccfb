/* `_core.Encoder` and `_core.encoder_parameters`: the encoder of ext/model for Python.
 */
#include "python/state.h"

#include <string.h>

#include "base/common.h"
#include "kernels/blas.h"
#include "kernels/gemm.h"
#include "model/encoder.h"
#include "python/convert.h"
#include "python/encoder_call.h"
#include "python/model_config.h"
#include "python/model_inputs.h"

/* ---- parameters ---- */

static const char *const init_names[] = {[TXE_INIT_NORMAL] = "normal",
                                         [TXE_INIT_PADDED] = "padded",
                                         [TXE_INIT_ZEROS] = "zeros",
                                         [TXE_INIT_ONES] = "ones",
                                         [TXE_INIT_ACTIVATION] = "activation"};
static PyObject *
encoder_parameters(PyObject *Py_UNUSED(module), PyObject *mapping)
{
    struct txe_config config;
    struct txe_error err;
    if (txe_model_config_read(&config, mapping) < 0)
        return NULL;
    struct txe_weights weights;
    if (txe_weights_init(&weights, &config, &err) != TXE_OK)
        return txe_raise(&err);
    struct txe_param *params = NULL;
    size_t nparams;
    PyObject *list = NULL;
    if (txe_weights_list(&params, &nparams, &weights, &config, &err) != TXE_OK)
        txe_raise(&err);
    else
        list = PyList_New((Py_ssize_t)nparams);
    for (size_t i = 0; list != NULL && i < nparams; i++) {
        PyObject *shape = txe_shape_tuple(params[i].ndim, params[i].shape);
        PyObject *item = shape == NULL ? NULL
                                       : Py_BuildValue("(sNs)", params[i].name, shape,
                                                       init_names[params[i].init]);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    free(params);
    txe_weights_free(&weights);
    return list;
}

/* ---- the type ---- */

typedef struct {
    PyObject_HEAD
    struct txe_encoder encoder;
    struct txe_array *arrays; /* [narrays] keep the weights alive */
    size_t narrays;
} EncoderObject;

static const char *const precision_names[TXE_NPRECISIONS] = {
    [TXE_FLOAT32] = "float32", [TXE_BFLOAT16] = "bfloat16", [TXE_INT8] = "int8"};

static int
find_precision(txe_precision *out, const char *name)
{
    for (int i = 0; i < TXE_NPRECISIONS; i++)
        if (strcmp(name, precision_names[i]) == 0) {
            *out = (txe_precision)i;
            return 0;
        }
    PyErr_Format(PyExc_ValueError,
                 "dtype is '%s'; it must be 'float32', 'bfloat16' or 'int8'", name);
    return -1;
}

static PyObject *
encoder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"config", "weights", "dtype", "packed", NULL};
    PyObject *mapping, *weights;
    const char *dtype = "float32";
    int packed = 1;
    txe_precision precision;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|sp:Encoder", keywords, &mapping,
                                     &weights, &dtype, &packed) ||
        find_precision(&precision, dtype) < 0)
        return NULL;
    if (!packed && precision != TXE_FLOAT32)
        return PyErr_Format(PyExc_ValueError,
                            "weights in %s are always packed: packed=False is for "
                            "float32 alone",
                            dtype);
    EncoderObject *self = (EncoderObject *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    struct txe_error err;
    struct txe_param *params = NULL;
    size_t nparams = 0;
    struct txe_encoder *encoder = &self->encoder;
    const struct txe_kernels *kernels = &txe_type_state(type)->kernels;
    encoder->kernels = kernels;
    encoder->precision = precision;
    /* Plain C multiplies more slowly than OpenBLAS, which knows most machines. */
    encoder->plain =
        precision == TXE_FLOAT32 && (!packed || strcmp(kernels->name, "scalar") == 0);
    if (txe_model_config_read(&encoder->config, mapping) < 0)
        goto fail;
    if (txe_weights_init(&encoder->weights, &encoder->config, &err) != TXE_OK ||
        txe_weights_list(&params, &nparams, &encoder->weights, &encoder->config,
                         &err) != TXE_OK) {
        txe_raise(&err);
        goto fail;
    }
    self->arrays = txe_calloc(nparams, sizeof *self->arrays);
    if (self->arrays == NULL) {
        PyErr_NoMemory();
        goto fail;
    }
    for (; self->narrays < nparams; self->narrays++)
        if (txe_param_take(&self->arrays[self->narrays], &params[self->narrays],
                           weights) < 0) {
            txe_array_release(&self->arrays[self->narrays]);
            goto fail;
        }
    if (txe_matrices_init(&encoder->matrices, &encoder->weights, &encoder->config,
                          precision, &err) != TXE_OK) {
        txe_raise(&err);
        goto fail;
    }
    free(params);
    return (PyObject *)self;

fail:
    free(params);
    Py_DECREF(self);
    return NULL;
}

static int
encoder_traverse(PyObject *object, visitproc visit, void *arg)
{
    EncoderObject *self = (EncoderObject *)object;
    Py_VISIT(Py_TYPE(self));
    for (size_t i = 0; i < self->narrays; i++)
        Py_VISIT(self->arrays[i].owner);
    return 0;
}

static void
encoder_dealloc(PyObject *object)
{
    EncoderObject *self = (EncoderObject *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    for (size_t i = 0; i < self->narrays; i++)
        txe_array_release(&self->arrays[i]);
    free(self->arrays);
    txe_matrices_free(&self->encoder.matrices);
    txe_weights_free(&self->encoder.weights);
    txe_spare_free(&self->encoder.spare_plan);
    txe_spare_free(&self->encoder.spare_rows);
    type->tp_free(object);
    Py_DECREF(type);
}
/* ---- calls ---- */

static PyObject *
encoder_forward(PyObject *object, PyObject *args, PyObject *kwargs)
{
    return txe_encoder_call(&((EncoderObject *)object)->encoder, args, kwargs, NULL);
}

static PyObject *
encoder_profile(PyObject *object, PyObject *args, PyObject *kwargs)
{
    struct txe_profile profile = {0};
    PyObject *results =
        txe_encoder_call(&((EncoderObject *)object)->encoder, args, kwargs, &profile);
    PyObject *list = results != NULL ? PyList_New((Py_ssize_t)profile.count) : NULL;
    for (size_t i = 0; list != NULL && i < profile.count; i++) {
        const struct txe_profile_entry *entry = &profile.entries[i];
        PyObject *item =
            Py_BuildValue("(isL)", entry->layer, entry->name, (long long)entry->ns);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    free(profile.entries);
    if (list == NULL) {
        Py_XDECREF(results);
        return NULL;
    }
    return Py_BuildValue("(NN)", results, list);
}

static PyObject *
encoder_pack(PyObject *object, PyObject *Py_UNUSED(unused))
{
    struct txe_encoder *encoder = &((EncoderObject *)object)->encoder;
    struct txe_error err;
    txe_status status = TXE_OK;
    Py_BEGIN_ALLOW_THREADS
    if (!encoder->plain)
        status = txe_matrices_pack(&encoder->matrices, encoder->kernels, &err);
    Py_END_ALLOW_THREADS
    if (status != TXE_OK)
        return txe_raise(&err);
    Py_RETURN_NONE;
}

static PyMethodDef encoder_methods[] = {
    {"profile", (PyCFunction)(void (*)(void))encoder_profile,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("profile($self, /, **kwargs)\n--\n\n"
               "The results of forward with these arguments, and where the time went:\n"
               "[(layer or -1, operation, nanoseconds)] in order.")},
    {"pack", encoder_pack, METH_NOARGS,
     PyDoc_STR(
         "pack($self, /)\n--\n\n"
         "Lay the matrices out for the kernels now, all of them, and not when they\n"
         "are first needed.")},
    {"forward", (PyCFunction)(void (*)(void))encoder_forward,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "forward($self, *, input_ids=None, inputs_embeds=None, attention_mask=None,\n"
         "        attention_bias=None, token_type_ids=None, position_ids=None,\n"
         "        wanted=None, last_hidden=True, hidden_states=False, attentions=False,\n"
         "        pooled=False, logits=False, scores=False, predicted=None,\n"
         "        pooling=None, pooled_tokens=None)\n--\n\n"
         "Run the model; returns a dict of the float32 arrays asked for.\n\n"
         "input_ids, token_type_ids, position_ids int64 (B, S); inputs_embeds float32\n"
         "(B, S, E); attention_mask bool (B, S); attention_bias float32, broadcast to\n"
         "(B, H, S, S) and added to the scores.  Rows of padding are zero, but where\n"
         "wanted, bool (B, S), is true.  With predicted, bool (B, S), logits are (n, V) of\n"
         "the n positions where it is true.  pooling names how the last hidden states\n"
         "become embeddings (B, C), of the tokens that pooled_tokens, bool (B, S), leaves.\n"
         "The GIL is released.  IndexError for an id outside its table, ValueError for a wrong shape\n"
         "or too long a sequence.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot encoder_slots[] = {
    {Py_tp_doc,
     (void *)PyDoc_STR(
         "Encoder(config, weights, dtype='float32', packed=True)\n--\n\n"
         "Weights and forward pass of one model, shared freely between threads.  dtype is\n"
         "what matrix products compute in: 'float32', 'bfloat16' or 'int8'; packed=False\n"
         "(float32 alone) uses the matrices where they lie.")},
    {Py_tp_new, (void *)encoder_new},
    {Py_tp_dealloc, (void *)encoder_dealloc},
    {Py_tp_traverse, (void *)encoder_traverse},
    {Py_tp_methods, encoder_methods},
    {0, NULL},
};

static PyType_Spec encoder_spec = {
    .name = "pytxenc._core.Encoder",
    .basicsize = sizeof(EncoderObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = encoder_slots,
};

static PyObject *
measure_peak(PyObject *module, PyObject *args)
{
    const char *dtype;
    double seconds;
    txe_precision precision;
    if (!PyArg_ParseTuple(args, "sd:measure_peak", &dtype, &seconds) ||
        find_precision(&precision, dtype) < 0)
        return NULL;
    if (!(seconds > 0 && seconds <= 60))
        return PyErr_Format(PyExc_ValueError, "seconds must be above 0 and at most 60");
    double peak;
    Py_BEGIN_ALLOW_THREADS
    peak =
        txe_measure_peak(&txe_module_state(module)->kernels.tiles[precision], seconds);
    Py_END_ALLOW_THREADS
    return PyFloat_FromDouble(peak);
}

static PyMethodDef functions[] = {
    {"measure_peak", measure_peak, METH_VARARGS,
     PyDoc_STR(
         "measure_peak(dtype, seconds, /)\n--\n\n"
         "Operations a second (a multiplication and an addition count two) that one\n"
         "thread reaches with products of this dtype in registers alone: the bound\n"
         "of every matrix product here.")},
    {"encoder_parameters", encoder_parameters, METH_O,
     PyDoc_STR("encoder_parameters(config, /)\n--\n\n"
               "[(name, shape, init)] of every parameter, in state-dict order.")},
    {NULL, NULL, 0, NULL},
};

int
txe_add_encoder(PyObject *module)
{
    struct txe_module *state = txe_module_state(module);
    txe_blas_init();
    state->encoder_type =
        (PyTypeObject *)PyType_FromModuleAndSpec(module, &encoder_spec, NULL);
    if (state->encoder_type == NULL ||
        PyModule_AddType(module, state->encoder_type) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
