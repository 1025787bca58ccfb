/* What the tests of ext/text call: the text layer without a model. */
#include "python/state.h"

#include <string.h>

#include "base/common.h"
#include "python/convert.h"
#include "text/normalize.h"
#include "text/split.h"
#include "text/unicode.h"

/* Copies an element of a step, str or bytes; *out is owned by the caller. */
static bool
copy_bytes(char **out, size_t *nbytes, PyObject *object)
{
    const char *bytes;
    Py_ssize_t size;
    if (PyBytes_Check(object)) {
        bytes = PyBytes_AS_STRING(object);
        size = PyBytes_GET_SIZE(object);
    } else {
        bytes = txe_utf8(object, &size, "step");
    }
    if (bytes == NULL)
        return false;
    *out = txe_alloc((size_t)size, 1);
    if (*out == NULL) {
        PyErr_NoMemory();
        return false;
    }
    memcpy(*out, bytes, (size_t)size);
    *nbytes = (size_t)size;
    return true;
}

static bool
read_charsmap(struct txe_charsmap **out, PyObject *object)
{
    char *data = NULL;
    size_t nbytes;
    struct txe_error err;
    if (!copy_bytes(&data, &nbytes, object))
        return false;
    txe_status status = txe_charsmap_new(out, data, nbytes, &err);
    free(data);
    if (status != TXE_OK)
        txe_raise(&err);
    return status == TXE_OK;
}

/* ("Name", argument...) with the arguments of the reference's class in order. */
static bool
read_normalizer_step(struct txe_normalizer_step *step, PyObject *tuple)
{
    static const char *const names[] = {
        [TXE_NORM_BERT] = "BertNormalizer",
        [TXE_NORM_NFC] = "NFC",
        [TXE_NORM_NFD] = "NFD",
        [TXE_NORM_NFKC] = "NFKC",
        [TXE_NORM_NFKD] = "NFKD",
        [TXE_NORM_LOWERCASE] = "Lowercase",
        [TXE_NORM_STRIP_ACCENTS] = "StripAccents",
        [TXE_NORM_STRIP] = "Strip",
        [TXE_NORM_REPLACE] = "Replace",
        [TXE_NORM_PREPEND] = "Prepend",
        [TXE_NORM_PRECOMPILED] = "Precompiled",
    };
    const char *name = NULL;
    PyObject *args[4] = {Py_False, Py_False, Py_False, Py_False};
    if (!PyArg_ParseTuple(tuple, "s|OOOO", &name, &args[0], &args[1], &args[2],
                          &args[3]))
        return false;
    size_t kind = 0;
    while (kind < TXE_LEN(names) && strcmp(names[kind], name) != 0)
        kind++;
    if (kind == TXE_LEN(names)) {
        PyErr_Format(PyExc_ValueError, "no normalizer %s", name);
        return false;
    }
    step->kind = (txe_normalizer_kind)kind;
    switch (step->kind) {
    case TXE_NORM_BERT:
        step->clean_text = args[0] == Py_True;
        step->handle_chinese_chars = args[1] == Py_True;
        step->strip_accents = args[2] == Py_True;
        step->lowercase = args[3] == Py_True;
        return true;
    case TXE_NORM_STRIP:
        step->left = args[0] == Py_True;
        step->right = args[1] == Py_True;
        return true;
    case TXE_NORM_REPLACE:
        return copy_bytes(&step->pattern, &step->pattern_nbytes, args[0]) &&
               copy_bytes(&step->content, &step->content_nbytes, args[1]);
    case TXE_NORM_PREPEND:
        return copy_bytes(&step->content, &step->content_nbytes, args[0]);
    case TXE_NORM_PRECOMPILED:
        return read_charsmap(&step->charsmap, args[0]);
    default:
        return true;
    }
}

static bool
read_normalizer(struct txe_normalizer *normalizer, PyObject *list)
{
    memset(normalizer, 0, sizeof *normalizer);
    size_t count = (size_t)PyList_GET_SIZE(list);
    normalizer->steps = txe_calloc(count, sizeof *normalizer->steps);
    if (normalizer->steps == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        normalizer->nsteps = i + 1;
        if (!read_normalizer_step(&normalizer->steps[i],
                                  PyList_GET_ITEM(list, (Py_ssize_t)i)))
            return false;
    }
    return true;
}

static bool
read_splitter(struct txe_splitter *splitter, PyObject *list)
{
    memset(splitter, 0, sizeof *splitter);
    splitter->steps =
        txe_calloc((size_t)PyList_GET_SIZE(list), sizeof *splitter->steps);
    if (splitter->steps == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        struct txe_split_step *step = &splitter->steps[splitter->nsteps++];
        const char *name = NULL, *prepend = "always";
        int first = 1, second = 1;
        PyObject *tuple = PyList_GET_ITEM(list, i);
        if (!PyArg_ParseTuple(tuple, "s|pps", &name, &first, &second, &prepend))
            return false;
        if (strcmp(name, "BertPreTokenizer") == 0)
            step->kind = TXE_SPLIT_BERT;
        else if (strcmp(name, "ByteLevel") == 0)
            step->kind = TXE_SPLIT_BYTE_LEVEL;
        else if (strcmp(name, "WhitespaceSplit") == 0)
            step->kind = TXE_SPLIT_WHITESPACE;
        else if (strcmp(name, "Metaspace") == 0)
            step->kind = TXE_SPLIT_METASPACE;
        else
            step->kind = TXE_SPLIT_NONE;
        memcpy(step->replacement, "\xE2\x96\x81", 3);
        step->replacement_nbytes = 3;
        step->add_prefix_space = first;
        step->use_regex = second;
        step->cut = first;
        step->prepend = strcmp(prepend, "always") == 0  ? TXE_PREPEND_ALWAYS
                        : strcmp(prepend, "first") == 0 ? TXE_PREPEND_FIRST
                                                        : TXE_PREPEND_NEVER;
    }
    return true;
}

static PyObject *
spans_array(const struct txe_text *text)
{
    if (text->spans == NULL)
        Py_RETURN_NONE;
    uint32_t *data;
    PyObject *array =
        txe_array_new(TXE_U32, 2, (size_t[]){text->nbytes, 2}, (void *)&data);
    if (array != NULL && text->nbytes != 0)
        memcpy(data, text->spans, text->nbytes * sizeof *text->spans);
    return array;
}

static PyObject *
words_array(const struct txe_words *words)
{
    uint64_t *data;
    PyObject *array =
        txe_array_new(TXE_U64, 2, (size_t[]){words->count, 2}, (void *)&data);
    for (size_t i = 0; array != NULL && i < words->count; i++) {
        data[2 * i] = words->items[i].start;
        data[2 * i + 1] = words->items[i].end;
    }
    return array;
}

static PyObject *
text_run(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *normalizer_list, *splitter_list, *str;
    int with_spans = 1, at_start = 1;
    Py_ssize_t origin = 0, nbytes;
    if (!PyArg_ParseTuple(args, "O!O!U|pnp", &PyList_Type, &normalizer_list,
                          &PyList_Type, &splitter_list, &str, &with_spans, &origin,
                          &at_start))
        return NULL;
    const char *bytes = txe_utf8(str, &nbytes, "text");
    if (bytes == NULL)
        return NULL;

    PyObject *result = NULL;
    struct txe_normalizer normalizer = {0};
    struct txe_splitter splitter = {0};
    struct txe_text text = {0};
    struct txe_words words = {0};
    struct txe_error err;
    if (!read_normalizer(&normalizer, normalizer_list) ||
        !read_splitter(&splitter, splitter_list))
        goto done;
    if (txe_text_init(&text, 0, with_spans, &err) != TXE_OK ||
        txe_text_assign(&text, bytes, (size_t)nbytes, (size_t)origin, &err) != TXE_OK ||
        txe_normalize(&normalizer, &text, &err) != TXE_OK ||
        txe_split(&splitter, &text, at_start, &words, &err) != TXE_OK) {
        txe_raise(&err);
        goto done;
    }
    PyObject *spans = spans_array(&text);
    PyObject *cut = words_array(&words);
    if (spans != NULL && cut != NULL)
        result =
            Py_BuildValue("(y#OO)", text.bytes, (Py_ssize_t)text.nbytes, spans, cut);
    Py_XDECREF(spans);
    Py_XDECREF(cut);
done:
    txe_words_free(&words);
    txe_text_free(&text);
    txe_normalizer_free(&normalizer);
    txe_splitter_free(&splitter);
    return result;
}

static PyObject *
text_utf8_valid(PyObject *Py_UNUSED(module), PyObject *arg)
{
    char *bytes;
    Py_ssize_t nbytes;
    if (PyBytes_AsStringAndSize(arg, &bytes, &nbytes) < 0)
        return NULL;
    return PyBool_FromLong(txe_utf8_valid(bytes, (size_t)nbytes));
}

static PyObject *
text_graphemes(PyObject *Py_UNUSED(module), PyObject *arg)
{
    Py_ssize_t nbytes;
    const char *bytes = txe_utf8(arg, &nbytes, "text");
    PyObject *list = bytes != NULL ? PyList_New(0) : NULL;
    for (size_t at = 0; list != NULL && at < (size_t)nbytes;) {
        size_t length = txe_grapheme_length(bytes + at, (size_t)nbytes - at);
        PyObject *cluster = PyUnicode_FromStringAndSize(bytes + at, (Py_ssize_t)length);
        if (cluster == NULL || PyList_Append(list, cluster) < 0)
            Py_CLEAR(list);
        Py_XDECREF(cluster);
        at += length;
    }
    return list;
}

static PyMethodDef methods[] = {
    {"_text_run", text_run, METH_VARARGS,
     PyDoc_STR(
         "_text_run(normalizers, pre_tokenizers, text, spans=True, origin=0, "
         "at_start=True, /)\n--\n\nFor tests: (bytes, spans [n, 2] or None, words "
         "[w, 2]).")},
    {"_text_utf8_valid", text_utf8_valid, METH_O,
     PyDoc_STR("_text_utf8_valid(data, /)\n--\n\nFor tests: txe_utf8_valid.")},
    {"_text_graphemes", text_graphemes, METH_O,
     PyDoc_STR("_text_graphemes(text, /)\n--\n\nFor tests: the text's clusters.")},
    {NULL, NULL, 0, NULL},
};

int
txe_add_testing_text(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
