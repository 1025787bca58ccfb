/* Texts in: see texts.h. */
#include "python/texts.h"

#include <stdio.h>
#include <stdlib.h>

#include "python/convert.h"

static bool
add_string(struct txe_texts *texts, struct txe_str *string, PyObject *object,
           const char *name, Py_ssize_t index, Py_ssize_t word)
{
    Py_ssize_t nbytes;
    const char *bytes = NULL;
    if (PyUnicode_Check(object))
        bytes = PyUnicode_AsUTF8AndSize(object, &nbytes);
    if (bytes == NULL) {
        char what[80];
        if (word < 0)
            snprintf(what, sizeof what, "%s[%zd]", name, index);
        else
            snprintf(what, sizeof what, "%s[%zd][%zd]", name, index, word);
        PyErr_Clear();
        bytes = txe_utf8(object, &nbytes, what);
        if (bytes == NULL)
            return false;
    }
    *string = (struct txe_str){bytes, (size_t)nbytes};
    texts->nbytes += (size_t)nbytes;
    return true;
}

static PyObject *
as_tuple(PyObject *object, const char *name, Py_ssize_t index)
{
    if (!PyUnicode_Check(object) && PySequence_Check(object))
        return PySequence_Tuple(object);
    char where[32] = "";
    if (index >= 0)
        snprintf(where, sizeof where, "[%zd]", index);
    return PyErr_Format(PyExc_TypeError, "%s%s: expected a list of %s, got %s", name,
                        where, index >= 0 ? "words" : "texts",
                        Py_TYPE(object)->tp_name);
}

/* Replaces each text's list of words by a tuple of its own and counts the words. */
static bool
own_words(struct txe_texts *texts, const char *name, size_t *nwords)
{
    *nwords = 0;
    PyObject *outer = PyTuple_New((Py_ssize_t)texts->count);
    if (outer == NULL)
        return false;
    for (size_t i = 0; i < texts->count; i++) {
        PyObject *words = PyTuple_GET_ITEM(texts->keep, (Py_ssize_t)i);
        PyObject *tuple = as_tuple(words, name, (Py_ssize_t)i);
        if (tuple == NULL) {
            Py_DECREF(outer);
            return false;
        }
        PyTuple_SET_ITEM(outer, (Py_ssize_t)i, tuple);
        *nwords += (size_t)PyTuple_GET_SIZE(tuple);
    }
    Py_SETREF(texts->keep, outer);
    return true;
}

bool
txe_texts_read(struct txe_texts *texts, PyObject *object, bool pretokenized,
               const char *name)
{
    if (PyUnicode_Check(object) && !pretokenized) {
        texts->keep = Py_NewRef(object);
        texts->count = 1;
        texts->one_input = (struct txe_input){&texts->one_string, 1};
        texts->inputs = &texts->one_input;
        return add_string(texts, &texts->one_string, object, name, 0, -1);
    }
    texts->keep = as_tuple(object, name, -1);
    if (texts->keep == NULL)
        return false;
    texts->count = (size_t)PyTuple_GET_SIZE(texts->keep);
    size_t nstrings = texts->count;
    if (pretokenized && !own_words(texts, name, &nstrings))
        return false;
    texts->strings = txe_alloc(nstrings, sizeof *texts->strings);
    texts->inputs = txe_alloc(texts->count, sizeof *texts->inputs);
    if (texts->strings == NULL || texts->inputs == NULL) {
        PyErr_NoMemory();
        return false;
    }
    struct txe_str *string = texts->strings;
    for (Py_ssize_t i = 0; i < (Py_ssize_t)texts->count; i++) {
        PyObject *text = PyTuple_GET_ITEM(texts->keep, i);
        struct txe_input *input = &texts->inputs[i];
        *input = (struct txe_input){string, 1};
        if (!pretokenized) {
            if (!add_string(texts, string++, text, name, i, -1))
                return false;
            continue;
        }
        input->nparts = (size_t)PyTuple_GET_SIZE(text);
        for (Py_ssize_t k = 0; k < (Py_ssize_t)input->nparts; k++)
            if (!add_string(texts, string++, PyTuple_GET_ITEM(text, k), name, i, k))
                return false;
    }
    return true;
}

void
txe_texts_free(struct txe_texts *texts)
{
    Py_CLEAR(texts->keep);
    free(texts->strings);
    if (texts->inputs != &texts->one_input)
        free(texts->inputs);
}
