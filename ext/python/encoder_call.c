/* One call of an encoder: see encoder_call.h. */
#include "python/encoder_call.h"

#include <string.h>

#include "base/common.h"
#include "python/convert.h"
#include "python/model_inputs.h"

/* The arguments of one call, held while C computes with them. */
struct call {
    struct txe_input_arrays arrays;
    struct txe_array wanted, predicted, pooled;
    struct txe_inputs inputs;
};

static void
call_release(struct call *call)
{
    txe_inputs_release(&call->arrays);
    txe_array_release(&call->wanted);
    txe_array_release(&call->predicted);
    txe_array_release(&call->pooled);
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
    struct txe_input_objects objects = TXE_NO_INPUTS;
    PyObject *wanted = Py_None, *predicted = Py_None, *pooled = Py_None;
    struct wanted want = {.last_hidden = 1};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "|$OOOOOOOppppppOzO:forward", keywords, &objects.ids,
            &objects.embeds, &objects.mask, &objects.bias, &objects.types,
            &objects.positions, &wanted, &want.last_hidden, &want.hidden_states,
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
    if (txe_inputs_read(&call.inputs, &call.arrays, &objects, config) < 0 ||
        txe_grid_read(&call.wanted, wanted, TXE_BOOL, "wanted", &call.inputs) < 0 ||
        txe_grid_read(&call.predicted, predicted, TXE_BOOL, "positions", &call.inputs) <
            0 ||
        txe_grid_read(&call.pooled, pooled, TXE_BOOL, "pooled", &call.inputs) < 0)
        goto fail;
    call.inputs.wanted = call.wanted.data;
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
