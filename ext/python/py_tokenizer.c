/* The Python type Tokenizer, over ext/text. */
#include "python/state.h"

#include <string.h>

#include "base/threads.h"
#include "python/convert.h"
#include "python/encode_batch.h"
#include "python/tokenizer_spec.h"

struct tokenizer_object {
    PyObject_HEAD
    struct txe_tokenizer tokenizer;
};

static struct txe_tokenizer *
tokenizer_of(PyObject *self)
{
    return &((struct tokenizer_object *)self)->tokenizer;
}

/* A new object that takes over the references, NULL ones meaning an exception is set.
 */
static PyObject *
wrap(PyTypeObject *type, struct txe_core *core, struct txe_added *added,
     struct txe_post *post)
{
    struct txe_tokenizer tokenizer = {core, added, post};
    PyObject *self = NULL;
    if (core != NULL && added != NULL && post != NULL)
        self = type->tp_alloc(type, 0);
    if (self != NULL)
        *tokenizer_of(self) = tokenizer;
    else
        txe_tokenizer_clear(&tokenizer);
    return self;
}

static PyObject *
tokenizer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"spec", NULL};
    PyObject *spec;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Tokenizer", names, &spec))
        return NULL;
    if (!PyMapping_Check(spec) || PyUnicode_Check(spec) || PySequence_Check(spec))
        return PyErr_Format(PyExc_TypeError, "Tokenizer: expected a dict, got %s",
                            Py_TYPE(spec)->tp_name);
    PyObject *dict = PyObject_CallOneArg((PyObject *)&PyDict_Type, spec);
    if (dict == NULL)
        return NULL;
    struct txe_added *added = NULL;
    struct txe_post *post = NULL;
    struct txe_core *core = txe_spec_core(dict);
    if (core != NULL)
        added = txe_spec_added(PyDict_GetItemString(dict, "added_tokens"), core, false);
    if (added != NULL)
        post = txe_spec_post(PyDict_GetItemString(dict, "post_processor"));
    Py_DECREF(dict);
    return wrap(type, core, added, post);
}

static void
tokenizer_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    txe_tokenizer_clear(tokenizer_of(self));
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
with_added_tokens(PyObject *self, PyObject *spec)
{
    struct txe_tokenizer *old = tokenizer_of(self);
    struct txe_added *added = txe_spec_added(spec, old->core, true);
    return wrap(Py_TYPE(self), txe_core_retain(old->core), added,
                txe_post_retain(old->post));
}

static PyObject *
with_post_processor(PyObject *self, PyObject *spec)
{
    struct txe_tokenizer *old = tokenizer_of(self);
    struct txe_post *post = txe_spec_post(spec);
    return wrap(Py_TYPE(self), txe_core_retain(old->core), txe_added_retain(old->added),
                post);
}

/* ---- encoding ---- */

static int
read_choice(const char *text, const char *const *choices, int count, const char *what)
{
    for (int i = 0; i < count; i++)
        if (strcmp(text, choices[i]) == 0)
            return i;
    PyErr_Format(PyExc_ValueError, "encode_batch: '%s' is not a %s", text, what);
    return -1;
}

static int
read_size(PyObject *object, size_t *out, const char *what)
{
    if (object == NULL)
        return 0;
    Py_ssize_t value = PyNumber_AsSsize_t(object, PyExc_ValueError);
    if (value == -1 && PyErr_Occurred())
        return -1;
    if (value < 0) {
        PyErr_Format(PyExc_ValueError, "encode_batch: %s must not be negative: %zd",
                     what, value);
        return -1;
    }
    *out = (size_t)value;
    return 0;
}

/* The rows' with_* flags from an iterable of names. */
static int
read_fields(PyObject *fields, struct txe_rows *wanted)
{
    static const char *const names[] = {"type_ids", "special_tokens_mask", "offsets",
                                        "word_ids", "sequence_ids",        "tokens"};
    bool *const flags[] = {&wanted->with_type_ids,  &wanted->with_special,
                           &wanted->with_offsets,   &wanted->with_words,
                           &wanted->with_sequences, &wanted->with_values};
    if (fields == NULL)
        return 0;
    PyObject *tuple = PySequence_Tuple(fields);
    if (tuple == NULL)
        return -1;
    int result = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple) && result >= 0; i++) {
        Py_ssize_t nbytes;
        const char *name = txe_utf8(PyTuple_GET_ITEM(tuple, i), &nbytes, "fields");
        result =
            name == NULL ? -1 : read_choice(name, names, (int)TXE_LEN(names), "field");
        if (result >= 0)
            *flags[result] = true;
    }
    Py_DECREF(tuple);
    return result < 0 ? -1 : 0;
}

static PyObject *
encode_batch(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {
        "texts",      "pairs",  "pretokenized",    "add_special_tokens",   "truncation",
        "max_length", "stride", "truncation_side", "split_special_tokens", "fields",
        "overflow",   NULL};
    static const char *const strategies[] = {"", "longest_first", "only_first",
                                             "only_second"};
    static const char *const sides[] = {"right", "left"};
    PyObject *texts, *pairs = Py_None, *fields = NULL;
    int pretokenized = 0, add_special = 1, split_special = 0, overflow = 0;
    const char *truncation = NULL, *side = "right";
    PyObject *max_length = NULL, *stride = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O$ppzOOspOp:encode_batch", names,
                                     &texts, &pairs, &pretokenized, &add_special,
                                     &truncation, &max_length, &stride, &side,
                                     &split_special, &fields, &overflow))
        return NULL;
    struct txe_rows wanted = {0};
    struct txe_encode_options options = {
        .pretokenized = pretokenized,
        .split_special_tokens = split_special,
        .truncate = {.add_special_tokens = add_special, .overflow = overflow},
    };
    int strategy = 0;
    if (truncation != NULL)
        strategy = read_choice(truncation[0] != '\0' ? truncation : "''", strategies,
                               (int)TXE_LEN(strategies), "truncation strategy");
    int left = read_choice(side, sides, (int)TXE_LEN(sides), "truncation side");
    if (strategy < 0 || left < 0 || read_fields(fields, &wanted) < 0 ||
        read_size(max_length, &options.truncate.max_length, "max_length") < 0 ||
        read_size(stride, &options.truncate.stride, "stride") < 0)
        return NULL;
    options.truncate.strategy = (txe_truncation)strategy;
    options.truncate.left = left;
    struct txe_tokenizer *tokenizer = tokenizer_of(self);
    struct txe_error err;
    if (txe_truncate_check(tokenizer->post, &options.truncate, &err) != TXE_OK)
        return txe_raise(&err);
    return txe_encode_batch(tokenizer, &options, texts, pairs, &wanted);
}

/* ---- decoding ---- */

static PyObject *
decode_strings(const struct txe_tokenizer *tokenizer, struct txe_strings *strings)
{
    struct txe_error err;
    PyObject *text = NULL;
    if (txe_decode(&tokenizer->core->decoder, strings, &err) != TXE_OK)
        txe_raise(&err);
    else
        text = PyUnicode_DecodeUTF8(strings->bytes, (Py_ssize_t)strings->nbytes, NULL);
    txe_strings_free(strings);
    return text;
}

static PyObject *
decode(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"ids", "skip_special_tokens", NULL};
    PyObject *object;
    int skip_special = 0;
    struct txe_array ids;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|p:decode", names, &object,
                                     &skip_special) ||
        txe_array_read(&ids, object, TXE_I64, "decode") < 0)
        return NULL;
    if (ids.ndim != 1) {
        PyErr_Format(PyExc_ValueError, "decode: expected ids in one dimension, not %zu",
                     ids.ndim);
        txe_array_release(&ids);
        return NULL;
    }
    const struct txe_tokenizer *tokenizer = tokenizer_of(self);
    const int64_t *values = ids.data;
    struct txe_strings strings = {0};
    struct txe_error err;
    for (size_t i = 0; i < ids.size; i++) {
        size_t nbytes;
        const char *token = txe_token_text(tokenizer, values[i], &nbytes);
        if (token == NULL ||
            (skip_special && txe_added_is_special(tokenizer->added, token, nbytes)))
            continue;
        if (txe_strings_add(&strings, token, nbytes, &err) != TXE_OK) {
            txe_strings_free(&strings);
            txe_array_release(&ids);
            return txe_raise(&err);
        }
    }
    txe_array_release(&ids);
    return decode_strings(tokenizer, &strings);
}

static PyObject *
decode_tokens(PyObject *self, PyObject *tokens)
{
    if (PyUnicode_Check(tokens))
        return PyErr_Format(PyExc_TypeError, "decode_tokens: expected a list of str, "
                                             "got str");
    PyObject *tuple = PySequence_Tuple(tokens);
    if (tuple == NULL)
        return NULL;
    struct txe_strings strings = {0};
    struct txe_error err;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        Py_ssize_t nbytes;
        const char *token =
            txe_utf8(PyTuple_GET_ITEM(tuple, i), &nbytes, "decode_tokens");
        if (token != NULL &&
            txe_strings_add(&strings, token, (size_t)nbytes, &err) == TXE_OK)
            continue;
        if (token != NULL)
            txe_raise(&err);
        txe_strings_free(&strings);
        Py_DECREF(tuple);
        return NULL;
    }
    Py_DECREF(tuple);
    return decode_strings(tokenizer_of(self), &strings);
}

/* ---- vocabulary ---- */

static PyObject *
token_to_id(PyObject *self, PyObject *token)
{
    Py_ssize_t nbytes;
    uint32_t id;
    const char *bytes = txe_utf8(token, &nbytes, "token_to_id");
    if (bytes == NULL)
        return NULL;
    if (!txe_token_id(tokenizer_of(self), bytes, (size_t)nbytes, &id))
        Py_RETURN_NONE;
    return PyLong_FromUnsignedLong(id);
}

static PyObject *
id_to_token(PyObject *self, PyObject *arg)
{
    int overflow;
    long long id = PyLong_AsLongLongAndOverflow(arg, &overflow);
    if (id == -1 && PyErr_Occurred())
        return NULL;
    size_t nbytes;
    const char *token = NULL;
    if (overflow == 0)
        token = txe_token_text(tokenizer_of(self), id, &nbytes);
    if (token == NULL)
        Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(token, (Py_ssize_t)nbytes, NULL);
}

static int
add_to_dict(PyObject *dict, const struct txe_vocab *vocab)
{
    for (size_t i = 0; i < vocab->count; i++) {
        const struct txe_vocab_entry *entry = &vocab->entries[i];
        PyObject *key = PyUnicode_DecodeUTF8(txe_vocab_bytes(vocab, entry),
                                             (Py_ssize_t)entry->nbytes, NULL);
        PyObject *value = PyLong_FromUnsignedLong(entry->id);
        int result = -1;
        if (key != NULL && value != NULL)
            result = PyDict_SetItem(dict, key, value);
        Py_XDECREF(key);
        Py_XDECREF(value);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int
read_with_added(PyObject *args, PyObject *kwargs, const char *format, int *with_added)
{
    static char *names[] = {"with_added_tokens", NULL};
    *with_added = 1;
    return PyArg_ParseTupleAndKeywords(args, kwargs, format, names, with_added);
}

static PyObject *
get_vocab(PyObject *self, PyObject *args, PyObject *kwargs)
{
    int with_added;
    const struct txe_tokenizer *tokenizer = tokenizer_of(self);
    if (!read_with_added(args, kwargs, "|p:get_vocab", &with_added))
        return NULL;
    PyObject *dict = PyDict_New();
    if (dict == NULL || add_to_dict(dict, &tokenizer->core->model.vocab) < 0 ||
        (with_added && add_to_dict(dict, &tokenizer->added->vocab) < 0)) {
        Py_XDECREF(dict);
        return NULL;
    }
    return dict;
}

static PyObject *
get_vocab_size(PyObject *self, PyObject *args, PyObject *kwargs)
{
    int with_added;
    if (!read_with_added(args, kwargs, "|p:get_vocab_size", &with_added))
        return NULL;
    const struct txe_vocab *vocab = &tokenizer_of(self)->core->model.vocab;
    const struct txe_vocab *added = &tokenizer_of(self)->added->vocab;
    size_t count = vocab->count;
    for (size_t i = 0; with_added && i < added->count; i++)
        count += txe_vocab_find(vocab, txe_vocab_bytes(added, &added->entries[i]),
                                added->entries[i].nbytes) == NULL;
    return PyLong_FromSize_t(count);
}

static PyObject *
get_first_free_id(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    const struct txe_vocab *vocab = &tokenizer_of(self)->core->model.vocab;
    uint32_t next = 0;
    for (size_t i = 0; i < vocab->count; i++)
        next = TXE_MAX(next, vocab->entries[i].id + 1);
    return PyLong_FromUnsignedLong(next);
}

static PyObject *
num_special_tokens_to_add(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"is_pair", NULL};
    int is_pair = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:num_special_tokens_to_add",
                                     names, &is_pair))
        return NULL;
    const struct txe_post *post = tokenizer_of(self)->post;
    return PyLong_FromSize_t(is_pair ? post->pair.nspecial : post->single.nspecial);
}

static PyMethodDef tokenizer_methods[] = {
    {"encode_batch", (PyCFunction)(void (*)(void))encode_batch,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("encode_batch(texts, pairs=None, *, pretokenized=False, "
               "add_special_tokens=True, truncation=None, max_length=0, stride=0, "
               "truncation_side='right', split_special_tokens=False, fields=(), "
               "overflow=False)\n--\n\nEncode every text, with its pair, into flat "
               "arrays.")},
    {"decode", (PyCFunction)(void (*)(void))decode, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "decode(ids, skip_special_tokens=False)\n--\n\nText of ids; those outside "
         "the vocabulary add nothing.")},
    {"decode_tokens", decode_tokens, METH_O,
     PyDoc_STR("decode_tokens(tokens)\n--\n\nText of token strings.")},
    {"token_to_id", token_to_id, METH_O,
     PyDoc_STR("token_to_id(token, /)\n--\n\nThe token's id, or None.")},
    {"id_to_token", id_to_token, METH_O,
     PyDoc_STR(
         "id_to_token(id, /)\n--\n\nThe string that an id decodes from, or None.")},
    {"get_vocab", (PyCFunction)(void (*)(void))get_vocab, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("get_vocab(with_added_tokens=True)\n--\n\nTokens and their ids.")},
    {"get_vocab_size", (PyCFunction)(void (*)(void))get_vocab_size,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("get_vocab_size(with_added_tokens=True)\n--\n\nNumber of tokens.")},
    {"get_first_free_id", get_first_free_id, METH_NOARGS,
     PyDoc_STR("get_first_free_id()\n--\n\nThe id behind the last one of the model's "
               "vocabulary.")},
    {"num_special_tokens_to_add",
     (PyCFunction)(void (*)(void))num_special_tokens_to_add,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "num_special_tokens_to_add(is_pair=False)\n--\n\nSpecial tokens that the "
         "post-processor puts around a text or a pair.")},
    {"with_added_tokens", with_added_tokens, METH_O,
     PyDoc_STR("with_added_tokens(tokens)\n--\n\nA tokenizer with this one's model and "
               "these added tokens.")},
    {"with_post_processor", with_post_processor, METH_O,
     PyDoc_STR("with_post_processor(spec)\n--\n\nA tokenizer with this one's model and "
               "this post-processor.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot tokenizer_slots[] = {
    {Py_tp_new, tokenizer_new},
    {Py_tp_dealloc, tokenizer_dealloc},
    {Py_tp_methods, tokenizer_methods},
    {Py_tp_doc, (void *)PyDoc_STR("Tokenizer(spec)\n--\n\nAn immutable tokenizer "
                                  "pipeline, safe to share between threads.")},
    {0, NULL},
};

static PyType_Spec tokenizer_spec = {
    .name = "pytxenc._core.Tokenizer",
    .basicsize = sizeof(struct tokenizer_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = tokenizer_slots,
};

int
txe_add_tokenizer(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &tokenizer_spec, NULL);
    if (type == NULL)
        return -1;
    txe_module_state(module)->tokenizer_type = (PyTypeObject *)type;
    return PyModule_AddType(module, (PyTypeObject *)type);
}
