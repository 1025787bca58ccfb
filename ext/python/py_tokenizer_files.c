/* Files of tokenizers: SentencePiece models, and the large parts of a tokenizer.json
 * taken out before Python parses the rest. */
#include "python/state.h"

#include <string.h>

#include "base/common.h"
#include "io/json.h"
#include "python/convert.h"
#include "text/spm_model.h"

/* ---- tokenizer.json ---- */

/* Where a value is in the text; empty: not there. */
struct extent {
    size_t start, end;
};

/* Notes where the value of a key is; a key given twice is an error. */
static txe_status
note_value(struct txe_json *json, struct extent *extent, struct txe_error *err)
{
    if (extent->end != 0)
        return txe_fail(err, TXE_EVALUE, "a key is there twice");
    txe_json_peek(json); /* goes to where it begins */
    extent->start = json->at;
    TXE_TRY(txe_json_skip(json, err));
    extent->end = json->at;
    return TXE_OK;
}

static bool
is_key(const char *key, size_t nbytes, const char *name)
{
    return nbytes == strlen(name) && memcmp(key, name, nbytes) == 0;
}

/* Finds "vocab" and "merges" in the object of the model. */
static txe_status
find_in_model(struct txe_json *json, char *key, struct extent *vocab,
              struct extent *merges, struct txe_error *err)
{
    bool more;
    size_t nbytes;
    if (vocab->end != 0 || merges->end != 0)
        return txe_fail(err, TXE_EVALUE, "a key is there twice");
    TXE_TRY(txe_json_open(json, '{', err));
    for (;;) {
        TXE_TRY(txe_json_next(json, '}', &more, err));
        if (!more)
            return TXE_OK;
        TXE_TRY(txe_json_key(json, key, &nbytes, err));
        if (is_key(key, nbytes, "vocab"))
            TXE_TRY(note_value(json, vocab, err));
        else if (is_key(key, nbytes, "merges"))
            TXE_TRY(note_value(json, merges, err));
        else
            TXE_TRY(txe_json_skip(json, err));
    }
}

/* Checks the whole text, and finds the two in the object under "model". */
static txe_status
find_parts(struct txe_json *json, char *key, struct extent *vocab,
           struct extent *merges, struct txe_error *err)
{
    bool more;
    size_t nbytes;
    TXE_TRY(txe_json_open(json, '{', err));
    for (;;) {
        TXE_TRY(txe_json_next(json, '}', &more, err));
        if (!more)
            return txe_json_end(json, err);
        TXE_TRY(txe_json_key(json, key, &nbytes, err));
        if (is_key(key, nbytes, "model"))
            TXE_TRY(find_in_model(json, key, vocab, merges, err));
        else
            TXE_TRY(txe_json_skip(json, err));
    }
}

static PyObject *
slice(const char *text, struct extent extent)
{
    if (extent.end == 0)
        return Py_NewRef(Py_None);
    return PyBytes_FromStringAndSize(text + extent.start,
                                     (Py_ssize_t)(extent.end - extent.start));
}

/* The text with `null` in the place of the two values. */
static PyObject *
rest_of(const char *text, size_t nbytes, struct extent a, struct extent b)
{
    static const char null[] = "null";
    struct extent first = a.start < b.start ? a : b;
    struct extent second = a.start < b.start ? b : a;
    PyObject *rest = PyBytes_FromStringAndSize(
        NULL, (Py_ssize_t)(nbytes - (a.end - a.start) - (b.end - b.start) +
                           2 * (sizeof null - 1)));
    if (rest == NULL)
        return NULL;
    char *out = PyBytes_AS_STRING(rest);
    size_t at = 0;
    const struct extent parts[] = {first, second};
    for (size_t i = 0; i < TXE_LEN(parts); i++) {
        if (parts[i].end == 0)
            continue;
        memcpy(out, text + at, parts[i].start - at);
        out += parts[i].start - at;
        memcpy(out, null, sizeof null - 1);
        out += sizeof null - 1;
        at = parts[i].end;
    }
    memcpy(out, text + at, nbytes - at);
    out += nbytes - at;
    _PyBytes_Resize(&rest, out - PyBytes_AS_STRING(rest));
    return rest;
}

static PyObject *
split_tokenizer_json(PyObject *Py_UNUSED(module), PyObject *data)
{
    if (!PyBytes_Check(data))
        return PyErr_Format(PyExc_TypeError,
                            "split_tokenizer_json: expected bytes, got %s",
                            Py_TYPE(data)->tp_name);
    const char *text = PyBytes_AS_STRING(data);
    size_t nbytes = (size_t)PyBytes_GET_SIZE(data);
    struct extent vocab = {0, 0}, merges = {0, 0};
    struct txe_json json;
    struct txe_error err;
    char *key = txe_alloc(nbytes, 1);
    if (key == NULL)
        return PyErr_NoMemory();
    txe_json_start(&json, text, nbytes, "tokenizer.json");
    txe_status status = find_parts(&json, key, &vocab, &merges, &err);
    free(key);
    if (status != TXE_OK)
        Py_RETURN_NONE;
    PyObject *parts[3] = {rest_of(text, nbytes, vocab, merges), slice(text, vocab),
                          slice(text, merges)};
    PyObject *result = NULL;
    if (parts[0] != NULL && parts[1] != NULL && parts[2] != NULL)
        result = PyTuple_Pack(3, parts[0], parts[1], parts[2]);
    for (size_t i = 0; i < TXE_LEN(parts); i++)
        Py_XDECREF(parts[i]);
    return result;
}

/* ---- SentencePiece ---- */

/* (piece, score, type) of all pieces, or None for normal ones unless they are wanted.
 */
static PyObject *
piece_list(const struct txe_spm_model *model, const char *data, bool with_normal)
{
    PyObject *list = PyList_New((Py_ssize_t)model->npieces);
    for (size_t i = 0; list != NULL && i < model->npieces; i++) {
        const struct txe_spm_piece *piece = &model->pieces[i];
        bool wanted = with_normal || piece->type != TXE_SPM_NORMAL;
        PyObject *item = !wanted
                             ? Py_NewRef(Py_None)
                             : Py_BuildValue("(s#di)", data + piece->start,
                                             (Py_ssize_t)piece->nbytes,
                                             (double)piece->score, (int)piece->type);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    return list;
}

static PyObject *
read_sentencepiece(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "with_normal", NULL};
    PyObject *data_object;
    int with_normal = 1;
    Py_buffer buffer;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|p:read_sentencepiece", names,
                                     &data_object, &with_normal) ||
        PyObject_GetBuffer(data_object, &buffer, PyBUF_SIMPLE) < 0)
        return NULL;
    struct txe_spm_model model;
    struct txe_error err;
    PyObject *result = NULL;
    if (txe_spm_parse(&model, buffer.buf, (size_t)buffer.len, &err) != TXE_OK) {
        txe_raise(&err);
    } else {
        const char *data = buffer.buf;
        PyObject *pieces = piece_list(&model, data, with_normal);
        if (pieces != NULL)
            result = Py_BuildValue(
                "{sNsisisisisisy#sNsNsN}", "pieces", pieces, "model_type",
                (int)model.model_type, "unk_id", (int)model.unk_id, "bos_id",
                (int)model.bos_id, "eos_id", (int)model.eos_id, "pad_id",
                (int)model.pad_id, "precompiled_charsmap", data + model.charsmap_start,
                (Py_ssize_t)model.charsmap_nbytes, "add_dummy_prefix",
                PyBool_FromLong(model.add_dummy_prefix), "remove_extra_whitespaces",
                PyBool_FromLong(model.remove_extra_whitespaces), "escape_whitespaces",
                PyBool_FromLong(model.escape_whitespaces));
        txe_spm_free(&model);
    }
    PyBuffer_Release(&buffer);
    return result;
}

static PyMethodDef functions[] = {
    {"read_sentencepiece", (PyCFunction)(void (*)(void))read_sentencepiece,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("read_sentencepiece(data, /, with_normal=True)\n--\n\nParse a "
               "SentencePiece .model.\n\nRaises ValueError with the byte offset when "
               "it is malformed.")},
    {"split_tokenizer_json", split_tokenizer_json, METH_O,
     PyDoc_STR("split_tokenizer_json(data, /)\n--\n\nThe JSON text without model.vocab "
               "and model.merges, and these two.")},
    {NULL, NULL, 0, NULL},
};

int
txe_add_tokenizer_files(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
