/* Reading fields of nested dicts with errors that say where: for tokenizer_spec.c. */
#ifndef TXE_PYTHON_SPEC_FIELDS_H
#define TXE_PYTHON_SPEC_FIELDS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/common.h"
#include "base/error.h"

/* A place in the spec, like "normalizer.normalizers[2]"; long ones are cut. */
struct txe_path {
    char text[160];
};
struct txe_path txe_path_key(const struct txe_path *parent, const char *key);
struct txe_path txe_path_item(const struct txe_path *parent, size_t index);

/* All of these return false with an exception set that names the place. */

/* Raises ValueError "tokenizer <path>: <message>". */
bool txe_spec_fail(const struct txe_path *path, const char *format, ...)
    TXE_PRINTF(2, 3);
/* Raises ValueError: a component of this type is not supported. */
bool txe_spec_unsupported(const struct txe_path *path, const char *type);
/* Raises what a C function reported, with the place in front. */
bool txe_spec_raise(const struct txe_path *path, const struct txe_error *err);

/* Borrowed reference to dict[key]; NULL when it is absent or None. */
PyObject *txe_spec_get(PyObject *dict, const char *key);
bool txe_spec_is_dict(PyObject *value, const struct txe_path *path);
bool txe_spec_is_list(PyObject *value, const struct txe_path *path);
/* UTF-8 that lives as long as `value`. */
bool txe_spec_string(PyObject *value, const struct txe_path *path, const char **bytes,
                     size_t *nbytes);
/* An int in [0, limit). */
bool txe_spec_number(PyObject *value, const struct txe_path *path, uint64_t limit,
                     uint64_t *out);

/* The same for a field of a dict at `path`, which must be there. */
bool txe_spec_string_field(PyObject *dict, const char *key, const struct txe_path *path,
                           const char **bytes, size_t *nbytes);
bool txe_spec_list_field(PyObject *dict, const char *key, const struct txe_path *path,
                         PyObject **list);
/* A bool; `fallback` -1: it must be there, else its value when it is absent or null. */
bool txe_spec_bool_field(PyObject *dict, const char *key, const struct txe_path *path,
                         int fallback, bool *out);
/* A string of one character. */
bool txe_spec_char_field(PyObject *dict, const char *key, const struct txe_path *path,
                         const char **bytes, size_t *nbytes);
/* A copy to own, from malloc. */
bool txe_spec_copy_field(PyObject *dict, const char *key, const struct txe_path *path,
                         char **bytes, size_t *nbytes);
/* The component's "type"; it lives as long as the dict. */
bool txe_spec_type(PyObject *value, const struct txe_path *path, const char **type);

/* Components inside a Sequence may be Sequences: how deep. */
#define TXE_SPEC_MAX_DEPTH 16

/* Calls `add` for each component in `value`, entering those of type Sequence, whose
 * list is under `list_key`; None is an empty sequence. */
typedef bool (*txe_spec_add)(void *context, PyObject *component, const char *type,
                             const struct txe_path *path);
bool txe_spec_each(PyObject *value, const struct txe_path *path, const char *list_key,
                   txe_spec_add add, void *context);

#endif
