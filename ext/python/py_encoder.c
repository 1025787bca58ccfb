/* `_core.Encoder` and `_core.encoder_parameters`: the encoder of ext/model for Python.
 */
#include "python/state.h"

#include <string.h>

#include "base/common.h"
#include "kernels/blas.h"
#include "kernels/gemm.h"
#include "model/encoder.h"
#include "python/convert.h"
#include "python/model_config.h"

/* ---- parameters ---- */

static const char *const init_names[] = {[TXE_INIT_NORMAL] = "normal",
                                         [TXE_INIT_PADDED] = "padded",
                                         [TXE_INIT_ZEROS] = "zeros",
                                         [TXE_INIT_ONES] = "ones",
                                         [TXE_INIT_ACTIVATION] = "activation"};

static PyObject *
shape_tuple(size_t ndim, const size_t *shape)
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
        PyObject *shape = shape_tuple(params[i].ndim, params[i].shape);
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

/* Takes weights[param->name] as float32 of the right shape and points the slot at it.
 */
static int
take_weight(struct txe_array *array, const struct txe_param *param, PyObject *weights)
{
    PyObject *value = PyMapping_GetItemString(weights, param->name);
    if (value == NULL) {
        if (PyErr_ExceptionMatches(PyExc_KeyError))
            PyErr_Format(PyExc_KeyError, "tensor '%s' is missing", param->name);
        return -1;
    }
    int failed = txe_array_read(array, value, TXE_F32, param->name);
    Py_DECREF(value);
    if (failed)
        return -1;
    bool same = array->ndim == param->ndim;
    for (size_t i = 0; same && i < param->ndim; i++)
        same = array->shape[i] == param->shape[i];
    if (!same) {
        PyObject *got = shape_tuple(array->ndim, array->shape);
        PyObject *want = shape_tuple(param->ndim, param->shape);
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
        if (take_weight(&self->arrays[self->narrays], &params[self->narrays], weights) <
            0) {
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

/* ---- forward ---- */

/* The arguments of one call, held while C computes with them. */
struct call {
    struct txe_array ids, embeds, mask, wanted, bias, types, positions, predicted,
        pooled;
    struct txe_inputs inputs;
};

static void
call_release(struct call *call)
{
    txe_array_release(&call->ids);
    txe_array_release(&call->embeds);
    txe_array_release(&call->mask);
    txe_array_release(&call->wanted);
    txe_array_release(&call->bias);
    txe_array_release(&call->types);
    txe_array_release(&call->positions);
    txe_array_release(&call->predicted);
    txe_array_release(&call->pooled);
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
static int
read_grid(struct txe_array *array, PyObject *object, txe_dtype dtype, const char *what,
          const struct txe_inputs *inputs)
{
    if (object == Py_None)
        return 0;
    if (txe_array_read(array, object, dtype, what) < 0)
        return -1;
    if (array->ndim == 2 && array->shape[0] == inputs->B &&
        array->shape[1] == inputs->S)
        return dtype == TXE_BOOL ? check_bools(array, what) : 0;
    PyObject *shape = shape_tuple(array->ndim, array->shape);
    if (shape != NULL)
        PyErr_Format(PyExc_ValueError, "%s has shape %S; the batch needs (%zu, %zu)",
                     what, shape, inputs->B, inputs->S);
    Py_XDECREF(shape);
    return -1;
}

static int
read_tokens(struct call *call, PyObject *ids, PyObject *embeds,
            const struct txe_config *config)
{
    if ((ids == Py_None) == (embeds == Py_None)) {
        PyErr_SetString(PyExc_ValueError,
                        "You must specify exactly one of input_ids or inputs_embeds");
        return -1;
    }
    struct txe_array *tokens = ids != Py_None ? &call->ids : &call->embeds;
    const char *what = ids != Py_None ? "input_ids" : "inputs_embeds";
    if (txe_array_read(tokens, ids != Py_None ? ids : embeds,
                       ids != Py_None ? TXE_I64 : TXE_F32, what) < 0)
        return -1;
    size_t ndim = ids != Py_None ? 2 : 3;
    if (tokens->ndim != ndim ||
        (ndim == 3 && tokens->shape[2] != config->embedding_size)) {
        PyObject *shape = shape_tuple(tokens->ndim, tokens->shape);
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
    call->inputs.B = tokens->shape[0];
    call->inputs.S = tokens->shape[1];
    call->inputs.ids = call->ids.data;
    call->inputs.embeds = call->embeds.data;
    return 0;
}

/* The four-dimensional mask [B or 1, H or 1, S or 1, S]: a stride of 0 repeats. */
static int
read_bias(struct call *call, PyObject *object, const struct txe_config *config)
{
    if (object == Py_None)
        return 0;
    if (txe_array_read(&call->bias, object, TXE_F32, "attention_mask") < 0)
        return -1;
    struct txe_inputs *in = &call->inputs;
    const size_t want[4] = {in->B, config->num_heads, in->S, in->S};
    const size_t *shape = call->bias.shape;
    bool fits = call->bias.ndim == 4 && shape[3] == want[3];
    for (size_t i = 0; fits && i < 3; i++)
        fits = shape[i] == want[i] || shape[i] == 1;
    if (!fits) {
        PyObject *got = shape_tuple(call->bias.ndim, shape);
        if (got != NULL)
            PyErr_Format(PyExc_ValueError,
                         "attention_mask has shape %S; with four dimensions it must be "
                         "(%zu or 1, %zu or 1, %zu or 1, %zu)",
                         got, want[0], want[1], want[2], want[3]);
        Py_XDECREF(got);
        return -1;
    }
    in->bias = call->bias.data;
    in->bias_strides[2] = shape[2] == 1 ? 0 : shape[3];
    in->bias_strides[1] = shape[1] == 1 ? 0 : shape[2] * shape[3];
    in->bias_strides[0] = shape[0] == 1 ? 0 : shape[1] * shape[2] * shape[3];
    return 0;
}

/* A tuple of `count` zeroed arrays, their memory in *data (free with free()). */
static PyObject *
zero_arrays(size_t count, size_t ndim, const size_t *shape, float ***data)
{
    *data = txe_alloc(count, sizeof **data);
    if (*data == NULL)
        return PyErr_NoMemory();
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    for (size_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *array = txe_array_zeros(TXE_F32, ndim, shape, &(*data)[i]);
        if (array == NULL)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, array);
    }
    return tuple;
}

/* Adds dict[key] = value and drops the reference to value (NULL: already failed). */
static int
put(PyObject *dict, const char *key, PyObject *value)
{
    int failed = value == NULL || PyDict_SetItemString(dict, key, value) < 0;
    Py_XDECREF(value);
    return failed ? -1 : 0;
}

struct wanted {
    int last_hidden, hidden_states, attentions, pooled, logits, scores;
    const char *pooling; /* or NULL */
};

static const char *const pooling_names[TXE_NPOOLINGS] = {
    [TXE_POOL_CLS] = "cls",
    [TXE_POOL_LAST] = "last",
    [TXE_POOL_MEAN] = "mean",
    [TXE_POOL_MAX] = "max",
    [TXE_POOL_MEAN_SQRT_LEN] = "mean_sqrt_len",
    [TXE_POOL_WEIGHTED_MEAN] = "weighted_mean",
};

static int
find_pooling(txe_pooling *out, const char *name)
{
    for (int i = 0; i < TXE_NPOOLINGS; i++)
        if (strcmp(name, pooling_names[i]) == 0) {
            *out = (txe_pooling)i;
            return 0;
        }
    PyErr_Format(PyExc_ValueError,
                 "pooling is '%s'; it must be 'cls', 'last', 'mean', 'max', "
                 "'mean_sqrt_len' or 'weighted_mean'",
                 name);
    return -1;
}

/* Makes the arrays that are wanted and puts them into `results`. */
static int
make_outputs(struct txe_outputs *out, PyObject *results, const struct wanted *want,
             const struct txe_inputs *in, const struct txe_config *config)
{
    const size_t hidden[3] = {in->B, in->S, config->hidden_size};
    const size_t probs[4] = {in->B, config->num_heads, in->S, in->S};
    const size_t pooled[2] = {in->B, config->hidden_size};
    const size_t logits[3] = {in->B, in->S, config->vocab_size};
    size_t chosen[2] = {0, config->vocab_size}; /* logits of the predicted positions */
    for (size_t i = 0; out->predicted != NULL && i < in->B * in->S; i++)
        chosen[0] += out->predicted[i];
    const bool tokens = txe_config_classifies_tokens(config);
    const size_t scores[3] = {in->B, tokens ? in->S : config->num_labels,
                              config->num_labels};
    const size_t n = txe_config_napplications(config);
    if (want->hidden_states) {
        PyObject *states = zero_arrays(n + 1, 3, hidden, &out->hidden_states);
        if (states != NULL && want->last_hidden &&
            PyDict_SetItemString(results, "last_hidden_state",
                                 PyTuple_GET_ITEM(states, (Py_ssize_t)n)) < 0)
            Py_CLEAR(states);
        if (put(results, "hidden_states", states) < 0)
            return -1;
    } else if (want->last_hidden &&
               put(results, "last_hidden_state",
                   txe_array_zeros(TXE_F32, 3, hidden, &out->last_hidden)) < 0)
        return -1;
    if (want->attentions &&
        put(results, "attentions", zero_arrays(n, 4, probs, &out->attentions)) < 0)
        return -1;
    if (want->pooled && put(results, "pooler_output",
                            txe_array_zeros(TXE_F32, 2, pooled, &out->pooled)) < 0)
        return -1;
    const bool all = out->predicted == NULL;
    if (want->logits && put(results, "logits",
                            txe_array_zeros(TXE_F32, all ? 3 : 2, all ? logits : chosen,
                                            &out->logits)) < 0)
        return -1;
    if (want->pooling != NULL &&
        (find_pooling(&out->pooling, want->pooling) < 0 ||
         put(results, "embeddings",
             txe_array_zeros(TXE_F32, 2, pooled, &out->embeddings)) < 0))
        return -1;
    if (want->scores &&
        put(results, "scores",
            txe_array_zeros(TXE_F32, tokens ? 3 : 2, scores, &out->scores)) < 0)
        return -1;
    return 0;
}

/* forward, and where its time goes into *profile if that is not NULL (its entries are
 * allocated here: free with free()). */
static PyObject *
run_forward(PyObject *object, PyObject *args, PyObject *kwargs,
            struct txe_profile *profile)
{
    static char *keywords[] = {"input_ids",
                               "inputs_embeds",
                               "attention_mask",
                               "attention_bias",
                               "token_type_ids",
                               "position_ids",
                               "wanted",
                               "last_hidden",
                               "hidden_states",
                               "attentions",
                               "pooled",
                               "logits",
                               "scores",
                               "predicted",
                               "pooling",
                               "pooled_tokens",
                               NULL};
    struct txe_encoder *encoder = &((EncoderObject *)object)->encoder;
    const struct txe_config *config = &encoder->config;
    PyObject *ids = Py_None, *embeds = Py_None, *mask = Py_None, *bias = Py_None;
    PyObject *types = Py_None, *positions = Py_None, *wanted = Py_None;
    PyObject *predicted = Py_None, *pooled = Py_None;
    struct wanted want = {.last_hidden = 1};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "|$OOOOOOOppppppOzO:forward", keywords, &ids, &embeds, &mask,
            &bias, &types, &positions, &wanted, &want.last_hidden, &want.hidden_states,
            &want.attentions, &want.pooled, &want.logits, &want.scores, &predicted,
            &want.pooling, &pooled))
        return NULL;
    const char *missing = NULL;
    if (want.pooled && !config->pooler)
        missing = "pooler";
    else if (want.logits && !txe_config_predicts_tokens(config))
        missing = "vocabulary head";
    else if (want.scores && config->num_labels == 0)
        missing = "classifier";
    if (missing != NULL)
        return PyErr_Format(PyExc_ValueError, "this model has no %s", missing);

    struct call call;
    memset(&call, 0, sizeof call);
    struct txe_outputs out = {0};
    PyObject *results = NULL;
    struct txe_error err;
    if (read_tokens(&call, ids, embeds, config) < 0 ||
        read_grid(&call.mask, mask, TXE_BOOL, "attention_mask", &call.inputs) < 0 ||
        read_grid(&call.wanted, wanted, TXE_BOOL, "wanted", &call.inputs) < 0 ||
        read_grid(&call.types, types, TXE_I64, "token_type_ids", &call.inputs) < 0 ||
        read_grid(&call.positions, positions, TXE_I64, "position_ids", &call.inputs) <
            0 ||
        read_grid(&call.predicted, predicted, TXE_BOOL, "positions", &call.inputs) <
            0 ||
        read_grid(&call.pooled, pooled, TXE_BOOL, "pooled", &call.inputs) < 0 ||
        read_bias(&call, bias, config) < 0)
        goto fail;
    if (call.mask.data != NULL && call.bias.data != NULL) {
        PyErr_SetString(PyExc_ValueError,
                        "attention_mask and attention_bias exclude each other");
        goto fail;
    }
    call.inputs.mask = call.mask.data;
    call.inputs.wanted = call.wanted.data;
    call.inputs.types = call.types.data;
    call.inputs.positions = call.positions.data;
    out.predicted = call.predicted.data;
    out.pooled_tokens = call.pooled.data;
    if ((results = PyDict_New()) == NULL ||
        make_outputs(&out, results, &want, &call.inputs, config) < 0)
        goto fail;
    if (profile != NULL) {
        profile->room = txe_profile_room(config, &call.inputs);
        profile->entries = txe_alloc(profile->room, sizeof *profile->entries);
        if (profile->entries == NULL) {
            PyErr_NoMemory();
            goto fail;
        }
        out.profile = profile;
    }
    txe_status status;
    Py_BEGIN_ALLOW_THREADS
    status = txe_encoder_forward(encoder, &call.inputs, &out, &err);
    Py_END_ALLOW_THREADS
    if (status != TXE_OK) {
        txe_raise(&err);
        goto fail;
    }
    goto done;

fail:
    Py_CLEAR(results);
done:
    free(out.hidden_states);
    free(out.attentions);
    call_release(&call);
    return results;
}

static PyObject *
encoder_forward(PyObject *object, PyObject *args, PyObject *kwargs)
{
    return run_forward(object, args, kwargs, NULL);
}

static PyObject *
encoder_profile(PyObject *object, PyObject *args, PyObject *kwargs)
{
    struct txe_profile profile = {0};
    PyObject *results = run_forward(object, args, kwargs, &profile);
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
