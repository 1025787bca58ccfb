/* The Python type WordCounter, which counts words and learns vocabularies from them. */
#include "python/state.h"

#include <stdio.h>
#include <string.h>

#include "python/convert.h"
#include "python/tokenizer_spec.h"
#include "text/train_bpe.h"
#include "text/train_counter.h"
#include "text/unicode.h"

struct counter_object {
    PyObject_HEAD
    struct txe_word_counter counter;
    bool busy;   /* a thread is using it without the GIL */
    bool failed; /* it may only be freed */
};

static struct counter_object *
counter_of(PyObject *self)
{
    return (struct counter_object *)self;
}

static bool
begin(struct counter_object *self)
{
    if (self->busy)
        PyErr_SetString(PyExc_RuntimeError,
                        "WordCounter: another thread is using this counter");
    else if (self->failed)
        PyErr_SetString(PyExc_RuntimeError, "WordCounter: an earlier call failed");
    else
        return self->busy = true;
    return false;
}

static PyObject *
counter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"spec", NULL};
    PyObject *spec;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!:WordCounter", names,
                                     &PyDict_Type, &spec))
        return NULL;
    struct txe_core *core = txe_spec_core(spec);
    if (core == NULL)
        return NULL;
    PyObject *self = type->tp_alloc(type, 0);
    if (self != NULL)
        txe_word_counter_init(&counter_of(self)->counter, core);
    txe_core_release(core);
    return self;
}

static void
counter_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    txe_word_counter_free(&counter_of(self)->counter);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- strings ---- */

/* The strings of a tuple, which owns their bytes.  `what` and, unless negative, the
 * index counted from `first` name a bad one. */
static struct txe_str *
read_strings(PyObject *tuple, const char *what, Py_ssize_t first)
{
    size_t count = (size_t)PyTuple_GET_SIZE(tuple);
    struct txe_str *strings = txe_alloc(count, sizeof *strings);
    if (strings == NULL)
        return (struct txe_str *)PyErr_NoMemory();
    for (size_t i = 0; i < count; i++) {
        PyObject *object = PyTuple_GET_ITEM(tuple, (Py_ssize_t)i);
        Py_ssize_t nbytes;
        const char *bytes = NULL;
        if (PyUnicode_Check(object))
            bytes = PyUnicode_AsUTF8AndSize(object, &nbytes);
        if (bytes == NULL) {
            char place[64];
            snprintf(place, sizeof place, "%s %zd", what, first + (Py_ssize_t)i);
            PyErr_Clear();
            bytes = txe_utf8(object, &nbytes, place);
        }
        if (bytes == NULL) {
            free(strings);
            return NULL;
        }
        strings[i] = (struct txe_str){bytes, (size_t)nbytes};
    }
    return strings;
}

static PyObject *
add(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"texts", "first", NULL};
    PyObject *texts;
    Py_ssize_t first = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|n:add", names, &texts, &first))
        return NULL;
    if (PyUnicode_Check(texts))
        return PyErr_Format(PyExc_TypeError, "add: expected a list of str, got str");
    PyObject *tuple = PySequence_Tuple(texts);
    if (tuple == NULL)
        return NULL;
    PyObject *result = NULL;
    struct txe_str *strings = read_strings(tuple, "text", first);
    if (strings == NULL || !begin(counter_of(self)))
        goto done;
    struct txe_error err;
    txe_status status;
    Py_BEGIN_ALLOW_THREADS
    status = txe_word_counter_add(&counter_of(self)->counter, strings,
                                  (size_t)PyTuple_GET_SIZE(tuple), &err);
    Py_END_ALLOW_THREADS
    counter_of(self)->busy = false;
    counter_of(self)->failed = status != TXE_OK;
    result = status == TXE_OK ? Py_NewRef(Py_None) : txe_raise(&err);

done:
    free(strings);
    Py_DECREF(tuple);
    return result;
}

/* All words, or NULL with an exception set; the object is busy when they are there. */
static const struct txe_word_counts *
get_words(struct counter_object *self)
{
    const struct txe_word_counts *words = NULL;
    struct txe_error err;
    txe_status status;
    if (!begin(self))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = txe_word_counter_words(&self->counter, &words, &err);
    Py_END_ALLOW_THREADS
    if (status == TXE_OK)
        return words;
    self->busy = false;
    self->failed = true;
    txe_raise(&err);
    return NULL;
}

static PyObject *
words(PyObject *self, PyObject *Py_UNUSED(unused))
{
    const struct txe_word_counts *all = get_words(counter_of(self));
    if (all == NULL)
        return NULL;
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && i < all->count; i++) {
        const struct txe_word_count *item = &all->items[i];
        PyObject *key = PyBytes_FromStringAndSize(all->bytes + item->start,
                                                  (Py_ssize_t)item->nbytes);
        PyObject *value = PyLong_FromUnsignedLongLong(item->count);
        if (key == NULL || value == NULL || PyDict_SetItem(dict, key, value) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    counter_of(self)->busy = false;
    return dict;
}

/* ---- training ---- */

/* A Python function called while the GIL is released. */
struct progress {
    PyObject *function; /* or None */
    PyThreadState *thread;
};

/* False with an exception set, by the function or by a signal's handler. */
static bool
report(void *context, size_t ntokens)
{
    struct progress *progress = context;
    PyEval_RestoreThread(progress->thread);
    bool good = PyErr_CheckSignals() == 0;
    if (good && progress->function != Py_None) {
        PyObject *result = PyObject_CallFunction(progress->function, "n", ntokens);
        good = result != NULL;
        Py_XDECREF(result);
    }
    progress->thread = PyEval_SaveThread();
    return good;
}

static PyObject *
token_string(const struct txe_vocab *vocab, uint32_t id)
{
    const struct txe_vocab_entry *entry = txe_vocab_at(vocab, id);
    return PyUnicode_DecodeUTF8(txe_vocab_bytes(vocab, entry),
                                (Py_ssize_t)entry->nbytes, NULL);
}

/* ([token, ...] by id, [(left, right), ...] by rank). */
static PyObject *
make_result(const struct txe_bpe_trained *trained)
{
    PyObject *merges = NULL;
    PyObject *tokens = PyList_New((Py_ssize_t)trained->vocab.count);
    for (size_t i = 0; tokens != NULL && i < trained->vocab.count; i++) {
        PyObject *token = token_string(&trained->vocab, (uint32_t)i);
        if (token == NULL)
            goto fail;
        PyList_SET_ITEM(tokens, (Py_ssize_t)i, token);
    }
    merges = PyList_New((Py_ssize_t)trained->nmerges);
    if (tokens == NULL || merges == NULL)
        goto fail;
    for (size_t i = 0; i < trained->nmerges; i++) {
        struct txe_bpe_rule merge = trained->merges[i];
        PyObject *pair = PyTuple_Pack(2, PyList_GET_ITEM(tokens, merge.left),
                                      PyList_GET_ITEM(tokens, merge.right));
        if (pair == NULL)
            goto fail;
        PyList_SET_ITEM(merges, (Py_ssize_t)i, pair);
    }
    return Py_BuildValue("(NN)", tokens, merges);

fail:
    Py_XDECREF(tokens);
    Py_XDECREF(merges);
    return NULL;
}

/* A size that may be None, which is SIZE_MAX. */
static bool
read_limit(PyObject *object, size_t *out)
{
    *out = SIZE_MAX;
    if (object != Py_None)
        *out = PyLong_AsSize_t(object);
    return !PyErr_Occurred();
}

/* One code point for each of the strings, their first. */
static uint32_t *
read_alphabet(PyObject *tuple, size_t *count)
{
    struct txe_str *strings = read_strings(tuple, "initial_alphabet", 0);
    if (strings == NULL)
        return NULL;
    size_t total = (size_t)PyTuple_GET_SIZE(tuple), length;
    uint32_t *codes = txe_alloc(total, sizeof *codes);
    *count = 0;
    for (size_t i = 0; codes != NULL && i < total; i++)
        if (strings[i].nbytes != 0)
            codes[(*count)++] = txe_utf8_decode(strings[i].bytes, &length);
    free(strings);
    return codes != NULL ? codes : (uint32_t *)PyErr_NoMemory();
}

static PyObject *
run_training(struct counter_object *self, struct txe_bpe_training *options,
             PyObject *function)
{
    const struct txe_word_counts *all = get_words(self);
    if (all == NULL)
        return NULL;
    struct progress progress = {.function = function};
    struct txe_bpe_trained trained = {0};
    struct txe_error err;
    options->progress = report;
    options->context = &progress;
    progress.thread = PyEval_SaveThread();
    txe_status status = txe_bpe_train(&trained, all, options, &err);
    PyEval_RestoreThread(progress.thread);
    self->busy = false;
    if (status != TXE_OK)
        return PyErr_Occurred() ? NULL : txe_raise(&err);
    PyObject *result = make_result(&trained);
    txe_bpe_trained_free(&trained);
    return result;
}

static PyObject *
train_bpe(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"vocab_size",
                            "min_frequency",
                            "special_tokens",
                            "limit_alphabet",
                            "initial_alphabet",
                            "prefix",
                            "suffix",
                            "max_token_length",
                            "affixed",
                            "progress",
                            NULL};
    PyObject *vocab_size, *min_frequency, *limit = Py_None, *max_length = Py_None;
    PyObject *special = NULL, *initial = NULL, *affixed = NULL, *function = Py_None;
    const char *prefix = "", *suffix = "";
    Py_ssize_t prefix_nbytes = 0, suffix_nbytes = 0;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O!O!O!|$OO!s#s#OO!O:train_bpe", names, &PyLong_Type,
            &vocab_size, &PyLong_Type, &min_frequency, &PyTuple_Type, &special, &limit,
            &PyTuple_Type, &initial, &prefix, &prefix_nbytes, &suffix, &suffix_nbytes,
            &max_length, &PyTuple_Type, &affixed, &function))
        return NULL;
    const struct txe_splitter *splitter = &counter_of(self)->counter.core->splitter;
    struct txe_bpe_training options = {
        .byte_level =
            splitter->nsteps != 0 &&
            splitter->steps[splitter->nsteps - 1].kind == TXE_SPLIT_BYTE_LEVEL,
        .prefix = {prefix, (size_t)prefix_nbytes},
        .suffix = {suffix, (size_t)suffix_nbytes},
    };
    options.vocab_size = PyLong_AsSize_t(vocab_size);
    if (!PyErr_Occurred())
        options.min_frequency = PyLong_AsUnsignedLongLong(min_frequency);
    if (PyErr_Occurred() || !read_limit(limit, &options.limit_alphabet) ||
        !read_limit(max_length, &options.max_token_length))
        return NULL;
    struct txe_str *special_tokens = read_strings(special, "special token", 0);
    struct txe_str *affixed_tokens = NULL;
    uint32_t *alphabet = NULL;
    PyObject *result = NULL;
    options.special_tokens = special_tokens;
    options.nspecial_tokens = (size_t)PyTuple_GET_SIZE(special);
    if (special_tokens == NULL)
        goto done;
    if (affixed != NULL) {
        options.affixed = affixed_tokens = read_strings(affixed, "affixed", 0);
        options.naffixed = (size_t)PyTuple_GET_SIZE(affixed);
        if (affixed_tokens == NULL)
            goto done;
    }
    if (initial != NULL) {
        options.initial_alphabet = alphabet =
            read_alphabet(initial, &options.ninitial_alphabet);
        if (alphabet == NULL)
            goto done;
    }
    result = run_training(counter_of(self), &options, function);

done:
    free(special_tokens);
    free(affixed_tokens);
    free(alphabet);
    return result;
}

/* ---- normalising ---- */

static PyObject *
normalize_tuple(const struct txe_core *core, PyObject *tuple)
{
    struct txe_text text = {0};
    struct txe_error err;
    struct txe_str *strings = read_strings(tuple, "text", 0);
    if (strings == NULL)
        return NULL;
    PyObject *list = PyList_New(PyTuple_GET_SIZE(tuple));
    txe_status status = txe_text_init(&text, 256, false, &err);
    for (Py_ssize_t i = 0; list != NULL && i < PyTuple_GET_SIZE(tuple); i++) {
        PyObject *string = NULL;
        if (status == TXE_OK)
            status =
                txe_text_assign(&text, strings[i].bytes, strings[i].nbytes, 0, &err);
        if (status == TXE_OK)
            status = txe_normalize(&core->normalizer, &text, &err);
        if (status == TXE_OK)
            string = PyUnicode_DecodeUTF8(text.bytes, (Py_ssize_t)text.nbytes, NULL);
        if (string != NULL)
            PyList_SET_ITEM(list, i, string);
        else
            Py_CLEAR(list);
    }
    if (status != TXE_OK)
        txe_raise(&err);
    txe_text_free(&text);
    free(strings);
    return list;
}

static PyObject *
normalize_texts(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *spec, *texts;
    if (!PyArg_ParseTuple(args, "O!O:normalize_texts", &PyDict_Type, &spec, &texts))
        return NULL;
    struct txe_core *core = txe_spec_core(spec);
    if (core == NULL)
        return NULL;
    PyObject *tuple = PySequence_Tuple(texts);
    PyObject *list = tuple != NULL ? normalize_tuple(core, tuple) : NULL;
    Py_XDECREF(tuple);
    txe_core_release(core);
    return list;
}

/* ---- the type ---- */

static PyMethodDef counter_methods[] = {
    {"add", (PyCFunction)(void (*)(void))add, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("add($self, texts, first=0)\n--\n\nCount the words of the texts.")},
    {"words", words, METH_NOARGS,
     PyDoc_STR("words($self)\n--\n\nEvery word (bytes) and its count.")},
    {"train_bpe", (PyCFunction)(void (*)(void))train_bpe, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("train_bpe($self, vocab_size, min_frequency, special_tokens, *, "
               "limit_alphabet=None, initial_alphabet=(), prefix='', suffix='', "
               "max_token_length=None, affixed=(), progress=None)\n--\n\n"
               "Learn tokens and merges from the words.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot counter_slots[] = {
    {Py_tp_new, counter_new},
    {Py_tp_dealloc, counter_dealloc},
    {Py_tp_methods, counter_methods},
    {Py_tp_doc, (void *)PyDoc_STR("Counts the words of a corpus.")},
    {0, NULL},
};

static PyType_Spec counter_spec = {
    .name = "pytxenc._core.WordCounter",
    .basicsize = sizeof(struct counter_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = counter_slots,
};

static PyMethodDef functions[] = {
    {"normalize_texts", normalize_texts, METH_VARARGS,
     PyDoc_STR("normalize_texts(spec, texts, /)\n--\n\nThe texts as the normalizer of "
               "a tokenizer.json changes them.")},
    {NULL, NULL, 0, NULL},
};

int
txe_add_trainer(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &counter_spec, NULL);
    if (type == NULL)
        return -1;
    int result = PyModule_AddObjectRef(module, "WordCounter", type);
    Py_DECREF(type);
    return result < 0 ? -1 : PyModule_AddFunctions(module, functions);
}
