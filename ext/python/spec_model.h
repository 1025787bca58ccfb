/* The "model" of a tokenizer spec: for tokenizer_spec.c. */
#ifndef TXE_PYTHON_SPEC_MODEL_H
#define TXE_PYTHON_SPEC_MODEL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "python/spec_fields.h"
#include "text/model.h"

/* Whether the model at "model" can take words as raw bytes: byte-level BPE. */
bool txe_spec_model_takes_bytes(PyObject *spec);

/* Fills *model, fresh from txe_core_new, from the dict at `path`; `byte_level`: words
 * will be raw bytes.  False with an exception set; *model may be freed either way. */
bool txe_spec_read_model(struct txe_model *model, PyObject *spec,
                         const struct txe_path *path, bool byte_level);

#endif
