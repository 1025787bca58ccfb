/* Configurations from Python: see model_config.h. */
#include "python/model_config.h"

#include <string.h>

#include "base/common.h"
#include "python/convert.h"

static const char *const family_names[TXE_NFAMILIES] = {[TXE_BERT] = "bert",
                                                        [TXE_ROBERTA] = "roberta",
                                                        [TXE_ALBERT] = "albert",
                                                        [TXE_DISTILBERT] = "distilbert",
                                                        [TXE_ELECTRA] = "electra"};
static const char *const head_names[TXE_NHEADS] = {
    [TXE_HEAD_NONE] = "none",
    [TXE_HEAD_MASKED_LM] = "masked_lm",
    [TXE_HEAD_PRETRAINING] = "pretraining",
    [TXE_HEAD_NEXT_SENTENCE] = "next_sentence",
    [TXE_HEAD_SEQUENCE] = "sequence",
    [TXE_HEAD_CHOICE] = "choice",
    [TXE_HEAD_TOKENS] = "tokens",
    [TXE_HEAD_ANSWER] = "answer",
    [TXE_HEAD_REPLACED] = "replaced"};

/* New reference to config[key], or NULL with KeyError set. */
static PyObject *
config_get(PyObject *config, const char *key)
{
    return PyMapping_GetItemString(config, key);
}

static int
read_size(size_t *out, PyObject *config, const char *key)
{
    PyObject *value = config_get(config, key);
    if (value == NULL)
        return -1;
    if (!PyLong_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s: expected int, got %R", key, value);
        Py_DECREF(value);
        return -1;
    }
    *out = PyLong_AsSize_t(value);
    if (*out == (size_t)-1 && PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError,
                     "%s is %R; it must not be negative or that large", key, value);
        Py_DECREF(value);
        return -1;
    }
    Py_DECREF(value);
    return 0;
}

/* Index of config[key] in names, or -1 with ValueError set. */
static int
read_choice(PyObject *config, const char *key, const char *const *names, size_t nnames)
{
    PyObject *value = config_get(config, key);
    if (value == NULL)
        return -1;
    const char *text = PyUnicode_Check(value) ? PyUnicode_AsUTF8(value) : NULL;
    int found = -1;
    for (size_t i = 0; text != NULL && i < nnames; i++)
        if (strcmp(text, names[i]) == 0)
            found = (int)i;
    if (found < 0) {
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError, "%s: unknown value %R", key, value);
    }
    Py_DECREF(value);
    return found;
}

static int
read_activation(txe_activation *out, PyObject *config, const char *key)
{
    PyObject *value = config_get(config, key);
    if (value == NULL)
        return -1;
    const char *name = PyUnicode_Check(value) ? PyUnicode_AsUTF8(value) : NULL;
    int found = name != NULL && txe_activation_find(name, out);
    if (!found) {
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError,
                     "%s: unknown activation %R; known are gelu, gelu_new, relu, "
                     "silu, tanh and the other names of transformers' ACT2FN",
                     key, value);
    }
    Py_DECREF(value);
    return found ? 0 : -1;
}

int
txe_model_config_read(struct txe_config *out, PyObject *config)
{
    memset(out, 0, sizeof *out);
    int family = read_choice(config, "family", family_names, TXE_NFAMILIES);
    if (family < 0)
        return -1;
    int head = read_choice(config, "head", head_names, TXE_NHEADS);
    if (head < 0 || read_activation(&out->act, config, "hidden_act") < 0)
        return -1;
    out->family = (txe_family)family;
    out->head = (txe_head)head;
    if (out->family == TXE_ELECTRA && out->head == TXE_HEAD_CHOICE &&
        read_activation(&out->pooler_act, config, "summary_activation") < 0)
        return -1;
    const struct txe_traits *traits = &txe_traits_of[out->family];
    const struct {
        const char *key;
        size_t *size;
        bool has; /* the family's configurations have it */
    } sizes[] = {
        {"vocab_size", &out->vocab_size, true},
        {"hidden_size", &out->hidden_size, true},
        {"num_hidden_layers", &out->num_layers, true},
        {"num_attention_heads", &out->num_heads, true},
        {"intermediate_size", &out->intermediate_size, true},
        {"max_position_embeddings", &out->max_positions, true},
        {"type_vocab_size", &out->type_vocab_size, traits->types},
        {"num_labels", &out->num_labels, true},
        {"embedding_size", &out->embedding_size, traits->factorised},
        {"num_hidden_groups", &out->num_groups, traits->shared},
        {"inner_group_num", &out->inner_group_num, traits->shared},
    };
    for (size_t i = 0; i < TXE_LEN(sizes); i++)
        if (sizes[i].has && read_size(sizes[i].size, config, sizes[i].key) < 0)
            return -1;

    PyObject *value = config_get(config, "pooler");
    if (value == NULL)
        return -1;
    int truth = PyObject_IsTrue(value);
    Py_DECREF(value);
    if (truth < 0)
        return -1;
    out->pooler = truth != 0;

    if ((value = config_get(config, "layer_norm_eps")) == NULL)
        return -1;
    out->layer_norm_eps = (float)PyFloat_AsDouble(value);
    Py_DECREF(value);
    if (PyErr_Occurred())
        return -1;

    if ((value = config_get(config, "pad_token_id")) == NULL)
        return -1;
    out->pad_token_id = value == Py_None ? -1 : PyLong_AsLongLong(value);
    Py_DECREF(value);
    if (PyErr_Occurred())
        return -1;

    struct txe_error err;
    if (txe_config_check(out, &err) != TXE_OK) {
        txe_raise(&err);
        return -1;
    }
    return 0;
}
