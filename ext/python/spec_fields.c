/* Fields of the tokenizer spec: see spec_fields.h. */
#include "python/spec_fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python/convert.h"

/* A place too long to write out ends in dots. */
static void
end_path(struct txe_path *path, int written)
{
    if (written < 0 || (size_t)written >= sizeof path->text)
        memcpy(path->text + sizeof path->text - 4, "...", 4);
}

struct txe_path
txe_path_key(const struct txe_path *parent, const char *key)
{
    struct txe_path path;
    end_path(&path, snprintf(path.text, sizeof path.text, "%s%s%s", parent->text,
                             parent->text[0] != '\0' ? "." : "", key));
    return path;
}

struct txe_path
txe_path_item(const struct txe_path *parent, size_t index)
{
    struct txe_path path;
    end_path(&path,
             snprintf(path.text, sizeof path.text, "%s[%zu]", parent->text, index));
    return path;
}

bool
txe_spec_raise(const struct txe_path *path, const struct txe_error *err)
{
    if (err->status == TXE_ENOMEM) {
        txe_raise(err);
        return false;
    }
    struct txe_error placed;
    txe_fail(&placed, err->status, "tokenizer %s: %s", path->text, err->message);
    txe_raise(&placed);
    return false;
}

bool
txe_spec_fail(const struct txe_path *path, const char *format, ...)
{
    struct txe_error err;
    va_list args;
    va_start(args, format);
    vsnprintf(err.message, sizeof err.message, format, args);
    va_end(args);
    err.status = TXE_EVALUE;
    return txe_spec_raise(path, &err);
}

bool
txe_spec_unsupported(const struct txe_path *path, const char *type)
{
    return txe_spec_fail(path, "the type '%.80s' is not supported", type);
}

static bool
wrong_type(const struct txe_path *path, const char *wanted, PyObject *value)
{
    return txe_spec_fail(path, "expected %s, got %s", wanted,
                         value == NULL ? "nothing" : Py_TYPE(value)->tp_name);
}

PyObject *
txe_spec_get(PyObject *dict, const char *key)
{
    PyObject *value = PyDict_GetItemString(dict, key);
    return value == Py_None ? NULL : value;
}

bool
txe_spec_is_dict(PyObject *value, const struct txe_path *path)
{
    return (value != NULL && PyDict_Check(value)) || wrong_type(path, "a dict", value);
}

bool
txe_spec_is_list(PyObject *value, const struct txe_path *path)
{
    return (value != NULL && (PyList_Check(value) || PyTuple_Check(value))) ||
           wrong_type(path, "a list", value);
}

bool
txe_spec_string(PyObject *value, const struct txe_path *path, const char **bytes,
                size_t *nbytes)
{
    if (value == NULL || !PyUnicode_Check(value))
        return wrong_type(path, "a str", value);
    Py_ssize_t n;
    char what[sizeof path->text + 16];
    snprintf(what, sizeof what, "tokenizer %s", path->text);
    *bytes = txe_utf8(value, &n, what);
    if (*bytes == NULL)
        return false;
    *nbytes = (size_t)n;
    return true;
}

bool
txe_spec_number(PyObject *value, const struct txe_path *path, uint64_t limit,
                uint64_t *out)
{
    if (value == NULL || !PyLong_Check(value) || PyBool_Check(value))
        return wrong_type(path, "an int", value);
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0 || number < 0 || (uint64_t)number >= limit)
        return txe_spec_fail(path, "a number out of range: must be from 0 to %llu",
                             (unsigned long long)limit - 1);
    *out = (uint64_t)number;
    return true;
}

bool
txe_spec_string_field(PyObject *dict, const char *key, const struct txe_path *path,
                      const char **bytes, size_t *nbytes)
{
    struct txe_path place = txe_path_key(path, key);
    return txe_spec_string(txe_spec_get(dict, key), &place, bytes, nbytes);
}

bool
txe_spec_list_field(PyObject *dict, const char *key, const struct txe_path *path,
                    PyObject **list)
{
    struct txe_path place = txe_path_key(path, key);
    *list = txe_spec_get(dict, key);
    return txe_spec_is_list(*list, &place);
}

bool
txe_spec_bool_field(PyObject *dict, const char *key, const struct txe_path *path,
                    int fallback, bool *out)
{
    PyObject *value = txe_spec_get(dict, key);
    if (value == NULL && fallback >= 0) {
        *out = fallback;
        return true;
    }
    if (value == NULL || !PyBool_Check(value)) {
        struct txe_path place = txe_path_key(path, key);
        return wrong_type(&place, "a bool", value);
    }
    *out = value == Py_True;
    return true;
}

bool
txe_spec_char_field(PyObject *dict, const char *key, const struct txe_path *path,
                    const char **bytes, size_t *nbytes)
{
    struct txe_path place = txe_path_key(path, key);
    PyObject *value = txe_spec_get(dict, key);
    return txe_spec_string(value, &place, bytes, nbytes) &&
           (PyUnicode_GetLength(value) == 1 ||
            txe_spec_fail(&place, "expected one character, got %zd",
                          PyUnicode_GetLength(value)));
}

bool
txe_spec_copy_field(PyObject *dict, const char *key, const struct txe_path *path,
                    char **bytes, size_t *nbytes)
{
    const char *text = NULL;
    if (!txe_spec_string_field(dict, key, path, &text, nbytes))
        return false;
    *bytes = malloc(*nbytes + 1);
    if (*bytes == NULL) {
        PyErr_NoMemory();
        return false;
    }
    memcpy(*bytes, text, *nbytes + 1);
    return true;
}

bool
txe_spec_type(PyObject *value, const struct txe_path *path, const char **type)
{
    size_t nbytes;
    return txe_spec_is_dict(value, path) &&
           txe_spec_string_field(value, "type", path, type, &nbytes);
}

static bool
each(PyObject *value, const struct txe_path *path, const char *list_key,
     txe_spec_add add, void *context, int depth)
{
    const char *type;
    PyObject *list;
    if (!txe_spec_type(value, path, &type))
        return false;
    if (strcmp(type, "Sequence") != 0)
        return add(context, value, type, path);
    if (depth == TXE_SPEC_MAX_DEPTH)
        return txe_spec_fail(path, "sequences are nested more than %d deep",
                             TXE_SPEC_MAX_DEPTH);
    if (!txe_spec_list_field(value, list_key, path, &list))
        return false;
    struct txe_path list_path = txe_path_key(path, list_key);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list); i++) {
        struct txe_path item_path = txe_path_item(&list_path, (size_t)i);
        PyObject *item = PySequence_Fast_GET_ITEM(list, i);
        if (!each(item, &item_path, list_key, add, context, depth + 1))
            return false;
    }
    return true;
}

bool
txe_spec_each(PyObject *value, const struct txe_path *path, const char *list_key,
              txe_spec_add add, void *context)
{
    if (value == NULL || value == Py_None)
        return true;
    return each(value, path, list_key, add, context, 0);
}
