/* Documents in plain text as Python sees them: functions on buffers of UTF-8. */
#include "python/state.h"

#include <stdint.h>
#include <string.h>

#include "base/common.h"
#include "python/convert.h"
#include "text/documents.h"
#include "text/sentences.h"
#include "text/unicode.h"

static PyObject *
text_valid(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer text;
    if (!PyArg_ParseTuple(args, "y*:text_valid", &text))
        return NULL;
    bool valid;
    Py_BEGIN_ALLOW_THREADS
    valid = txe_utf8_valid(text.buf, (size_t)text.len);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&text);
    return PyBool_FromLong(valid);
}

/* The spans as an array [count, 2]; they are freed. */
static PyObject *
spans_to_array(struct txe_ranges *spans)
{
    void *data;
    PyObject *array = txe_array_new(TXE_I64, 2, (size_t[]){spans->count, 2}, &data);
    if (array != NULL && spans->count != 0)
        memcpy(data, spans->items, spans->count * sizeof *spans->items);
    free(spans->items);
    return array;
}

static PyObject *
find_documents(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer text;
    int by_line;
    if (!PyArg_ParseTuple(args, "y*p:find_documents", &text, &by_line))
        return NULL;
    struct txe_ranges spans = {0};
    struct txe_error err;
    txe_status status;
    Py_BEGIN_ALLOW_THREADS
    status = txe_documents_find(&spans, text.buf, (size_t)text.len, by_line != 0, &err);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&text);
    if (status != TXE_OK) {
        free(spans.items);
        return txe_raise(&err);
    }
    return spans_to_array(&spans);
}

static PyObject *
find_lines(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer text;
    PyObject *object, *counts = NULL, *found = NULL;
    int by_sentence = 0;
    if (!PyArg_ParseTuple(args, "y*O|p:find_lines", &text, &object, &by_sentence))
        return NULL;
    struct txe_array ends = {0};
    struct txe_ranges spans = {0}, lines = {0};
    struct txe_error err;
    txe_status status;
    if (txe_array_read(&ends, object, TXE_I64, "ends") < 0)
        goto done;
    const int64_t *bounds = ends.data;
    for (size_t d = 0; d < ends.size; d++)
        if (bounds[d] < (d == 0 ? 0 : bounds[d - 1]) || bounds[d] > text.len) {
            PyErr_Format(PyExc_ValueError,
                         "find_lines: document %zu ends at %lld, which is not between "
                         "the one before and the end of the text",
                         d, (long long)bounds[d]);
            goto done;
        }
    void *data;
    counts = txe_array_new(TXE_I64, 1, &ends.size, &data);
    if (counts == NULL)
        goto done;
    Py_BEGIN_ALLOW_THREADS
    status = txe_lines_find(&spans, data, text.buf, bounds, ends.size, &err);
    if (status == TXE_OK && by_sentence) {
        lines = spans;
        spans = (struct txe_ranges){0};
        status = txe_sentences_find(&spans, data, ends.size, text.buf, lines.items,
                                    lines.count, &err);
    }
    Py_END_ALLOW_THREADS
    free(lines.items);
    if (status != TXE_OK) {
        free(spans.items);
        txe_raise(&err);
        goto done;
    }
    found = spans_to_array(&spans);
done:
    txe_array_release(&ends);
    PyBuffer_Release(&text);
    if (found == NULL) {
        Py_XDECREF(counts);
        return NULL;
    }
    return Py_BuildValue("NN", found, counts);
}

static PyObject *
join_spans(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer text;
    PyObject *object, *joined = NULL, *ends = NULL, *result = NULL;
    int drop_cr;
    if (!PyArg_ParseTuple(args, "y*Op:join_spans", &text, &object, &drop_cr))
        return NULL;
    struct txe_array array = {0};
    if (txe_array_read(&array, object, TXE_I64, "spans") < 0)
        goto done;
    if (array.ndim != 2 || array.shape[1] != 2) {
        PyErr_SetString(PyExc_ValueError, "join_spans: spans must be [D, 2]");
        goto done;
    }
    const struct txe_range *spans = array.data;
    size_t count = array.shape[0];
    for (size_t i = 0; i < count; i++)
        if (spans[i].begin < (i == 0 ? 0 : spans[i - 1].end) ||
            spans[i].end < spans[i].begin || spans[i].end > text.len) {
            PyErr_Format(
                PyExc_ValueError,
                "join_spans: span %zu, %lld to %lld, is not in the text behind "
                "the one before",
                i, (long long)spans[i].begin, (long long)spans[i].end);
            goto done;
        }
    size_t nbytes;
    Py_BEGIN_ALLOW_THREADS
    nbytes = txe_spans_nbytes(text.buf, spans, count, drop_cr != 0);
    Py_END_ALLOW_THREADS
    void *out, *bounds;
    joined = txe_array_new(TXE_U8, 1, &nbytes, &out);
    ends = txe_array_new(TXE_I64, 1, &count, &bounds);
    if (joined == NULL || ends == NULL)
        goto done;
    Py_BEGIN_ALLOW_THREADS
    txe_spans_join(out, bounds, text.buf, spans, count, drop_cr != 0);
    Py_END_ALLOW_THREADS
    result = PyTuple_Pack(2, joined, ends);
done:
    Py_XDECREF(joined);
    Py_XDECREF(ends);
    txe_array_release(&array);
    PyBuffer_Release(&text);
    return result;
}

static PyMethodDef functions[] = {
    {"text_valid", text_valid, METH_VARARGS,
     PyDoc_STR("text_valid(text, /)\n--\n\nWhether a buffer holds well-formed UTF-8.")},
    {"find_documents", find_documents, METH_VARARGS,
     PyDoc_STR(
         "find_documents(text, by_line, /)\n--\n\nBegin and end (int64 [D, 2]) of the "
         "documents in a text: its lines, or the lines\nbetween blank lines together.")},
    {"find_lines", find_lines, METH_VARARGS,
     PyDoc_STR(
         "find_lines(text, ends, by_sentence=False, /)\n--\n\nBegin and end (int64 [L, 2]) of "
         "the lines that are not blank in documents, of\nwhich the ends are given (int64 "
         "[D]), and the lines up to the end of each (int64 [D]).\nWith by_sentence their "
         "sentences, which tile them, in place of the lines.")},
    {"join_spans", join_spans, METH_VARARGS,
     PyDoc_STR(
         "join_spans(text, spans, drop_cr, /)\n--\n\nThe spans (int64 [D, 2]) of a "
         "text one after another (uint8 [N]) and where each\nends (int64 [D]); with "
         "drop_cr without the carriage returns before newlines.")},
    {NULL, NULL, 0, NULL},
};

int
txe_add_text(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
