/* The Python type Tokenizer, over ext/text. */
#include "python/state.h"

#include <string.h>

#include "kernels/kernels.h"
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
    PyObject *self = NULL;
    if (core != NULL && added != NULL && post != NULL)
        self = type->tp_alloc(type, 0);
    if (self == NULL) {
        txe_core_release(core);
        txe_added_release(added);
        txe_post_release(post);
        return NULL;
    }
    const char *isa = txe_type_state(type)->kernels.name;
    struct txe_error err;
    if (txe_tokenizer_init(tokenizer_of(self), core, added, post,
                           txe_word_loops_for(isa), &err) != TXE_OK) {
        Py_DECREF(self);
        return txe_raise(&err);
    }
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

static PyObject *
encode(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4)
        return PyErr_Format(PyExc_TypeError, "encode takes 4 arguments, not %zd",
                            nargs);
    const struct txe_plan *plan =
        txe_plan_of(args[2], txe_type_state(Py_TYPE(self))->plan_type);
    int single = PyObject_IsTrue(args[3]);
    if (plan == NULL || single < 0)
        return NULL;
    return txe_encode_texts(tokenizer_of(self), plan, args[0], args[1], single);
}

static PyObject *
plan(PyObject *self, PyObject *args, PyObject *kwargs)
{
    PyTypeObject *type = txe_type_state(Py_TYPE(self))->plan_type;
    if (PyTuple_GET_SIZE(args) != 0)
        return PyErr_Format(PyExc_TypeError, "plan takes keyword arguments only");
    return type->tp_new(type, args, kwargs);
}

/* The keyword arguments of a plan from those of encode_batch, which always gives the
 * ids and, with overflow, the samples. */
static PyObject *
batch_options(PyObject *kwargs)
{
    PyObject *options = kwargs != NULL ? PyDict_Copy(kwargs) : PyDict_New();
    PyObject *asked = options != NULL ? PyDict_GetItemString(options, "fields") : NULL;
    PyObject *overflow =
        options != NULL ? PyDict_GetItemString(options, "overflow") : NULL;
    int cuts = overflow != NULL ? PyObject_IsTrue(overflow) : 0;
    PyObject *all = NULL;
    if (options != NULL && cuts >= 0)
        all = Py_BuildValue(cuts ? "[ss]" : "[s]", "ids", "sample");
    if (all != NULL && asked != NULL)
        Py_SETREF(all, PySequence_InPlaceConcat(all, asked));
    if (all == NULL || PyDict_SetItemString(options, "fields", all) < 0)
        Py_CLEAR(options);
    Py_XDECREF(all);
    return options;
}

/* encode_batch(texts, pairs=None, **options): what is left of the keyword arguments
 * after the first two is for the plan. */
static PyObject *
encode_batch(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"texts", "pairs"};
    PyTypeObject *plan_type = txe_type_state(Py_TYPE(self))->plan_type;
    PyObject *given[2] = {NULL, Py_None}, *plan_object = NULL, *result = NULL;
    PyObject *none = PyTuple_New(0), *options = batch_options(kwargs);
    if (none == NULL || options == NULL ||
        !PyArg_ParseTuple(args, "|OO:encode_batch", &given[0], &given[1]))
        goto done;
    for (int i = 0; i < 2; i++) {
        PyObject *value = PyDict_GetItemString(options, names[i]);
        if (value == NULL)
            continue;
        given[i] = PyDict_GetItemString(kwargs, names[i]); /* which goes on owning it */
        if (PyDict_DelItemString(options, names[i]) < 0)
            goto done;
    }
    for (int i = 0; i < 2; i++)
        if (given[i] == NULL || PyUnicode_Check(given[i])) {
            PyErr_Format(PyExc_TypeError, "%s: expected a list of texts, got %s",
                         names[i],
                         given[i] != NULL ? Py_TYPE(given[i])->tp_name : "nothing");
            goto done;
        }
    plan_object = plan_type->tp_new(plan_type, none, options);
    if (plan_object != NULL)
        result =
            txe_encode_texts(tokenizer_of(self), txe_plan_of(plan_object, plan_type),
                             given[0], given[1], false);

done:
    Py_XDECREF(plan_object);
    Py_XDECREF(options);
    Py_XDECREF(none);
    return result;
}

static PyObject *
encode_flat(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return txe_encode_flat(tokenizer_of(self), args, kwargs);
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
    {"plan", (PyCFunction)(void (*)(void))plan, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("plan($self, **options)\n--\n\nAn EncodePlan for encode().")},
    {"encode", (PyCFunction)(void (*)(void))encode, METH_FASTCALL,
     PyDoc_STR(
         "encode($self, texts, pairs, plan, single, /)\n--\n\nEncode texts as the plan "
         "says.")},
    {"encode_flat", (PyCFunction)(void (*)(void))encode_flat,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("encode_flat($self, data, ends=None, *, dtype='uint32', "
               "add_special_tokens=False, split_special_tokens=False)\n--\n\nEncode "
               "documents into one array of ids.")},
    {"encode_batch", (PyCFunction)(void (*)(void))encode_batch,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("encode_batch($self, texts, pairs=None, *, fields=(), overflow=False, "
               "**options)\n--\n\nEncode every text, with its pair, into flat arrays.\n"
               "The options are those of an EncodePlan.")},
    {"decode", (PyCFunction)(void (*)(void))decode, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "decode($self, ids, skip_special_tokens=False)\n--\n\nText of ids; those outside "
         "the vocabulary add nothing.")},
    {"decode_tokens", decode_tokens, METH_O,
     PyDoc_STR("decode_tokens($self, tokens, /)\n--\n\nText of token strings.")},
    {"token_to_id", token_to_id, METH_O,
     PyDoc_STR("token_to_id($self, token, /)\n--\n\nThe token's id, or None.")},
    {"id_to_token", id_to_token, METH_O,
     PyDoc_STR(
         "id_to_token($self, id, /)\n--\n\nThe string that an id decodes from, or None.")},
    {"get_vocab", (PyCFunction)(void (*)(void))get_vocab, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "get_vocab($self, with_added_tokens=True)\n--\n\nTokens and their ids.")},
    {"get_vocab_size", (PyCFunction)(void (*)(void))get_vocab_size,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "get_vocab_size($self, with_added_tokens=True)\n--\n\nNumber of tokens.")},
    {"get_first_free_id", get_first_free_id, METH_NOARGS,
     PyDoc_STR(
         "get_first_free_id($self)\n--\n\nThe id behind the last one of the model's "
         "vocabulary.")},
    {"num_special_tokens_to_add",
     (PyCFunction)(void (*)(void))num_special_tokens_to_add,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "num_special_tokens_to_add($self, is_pair=False)\n--\n\nSpecial tokens that the "
         "post-processor puts around a text or a pair.")},
    {"with_added_tokens", with_added_tokens, METH_O,
     PyDoc_STR(
         "with_added_tokens($self, tokens, /)\n--\n\nA tokenizer with this one's model and "
         "these added tokens.")},
    {"with_post_processor", with_post_processor, METH_O,
     PyDoc_STR(
         "with_post_processor($self, spec, /)\n--\n\nA tokenizer with this one's model and "
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
    if (PyModule_AddType(module, (PyTypeObject *)type) < 0)
        return -1;
    return txe_add_encode_plan(module);
}
