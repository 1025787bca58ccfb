/* From the dict of a parsed tokenizer.json to the C structures of ext/text. */
#ifndef TXE_PYTHON_TOKENIZER_SPEC_H
#define TXE_PYTHON_TOKENIZER_SPEC_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "text/tokenizer.h"

/* Each returns a new reference, or NULL with an exception set: ValueError that names
 * the place in the spec for what is missing, malformed or not supported, TypeError
 * where Python's type is wrong, MemoryError. */

/* "model", "normalizer", "pre_tokenizer" and "decoder" of a tokenizer.json. */
struct txe_core *txe_spec_core(PyObject *spec);

/* A "post_processor"; `spec` may be None. */
struct txe_post *txe_spec_post(PyObject *spec);

/* A list of "added_tokens"; `spec` may be None.  With `ids_as_given` every id must be
 * the model's for a token that the model has and new otherwise; without, ids are given
 * out as the reference does when it reads the file. */
struct txe_added *txe_spec_added(PyObject *spec, const struct txe_core *core,
                                 bool ids_as_given);

#endif
