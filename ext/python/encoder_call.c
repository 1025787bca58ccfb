/* One call of an encoder: see encoder_call.h. */
#include "python/encoder_call.h"

#include <string.h>

#include "base/common.h"
#include "python/convert.h"

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
    PyObject *shape = txe_shape_tuple(array->ndim, array->shape);
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
        PyObject *got = txe_shape_tuple(call->bias.ndim, shape);
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

PyObject *
txe_encoder_call(struct txe_encoder *encoder, PyObject *args, PyObject *kwargs,
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
