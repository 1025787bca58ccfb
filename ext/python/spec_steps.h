/* The components of a tokenizer spec that are sequences of steps: for tokenizer_spec.c.
 */
#ifndef TXE_PYTHON_SPEC_STEPS_H
#define TXE_PYTHON_SPEC_STEPS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "text/decode.h"
#include "text/normalize.h"
#include "text/split.h"

/* Each fills a zeroed struct from a component, NULL where there is none.  False with an
 * exception set; the struct may be freed either way. */
bool txe_spec_read_normalizer(struct txe_normalizer *normalizer, PyObject *spec);
bool txe_spec_read_splitter(struct txe_splitter *splitter, PyObject *spec);
bool txe_spec_read_decoder(struct txe_decoder *decoder, PyObject *spec);

/* Whether the words are raw bytes, which stand for byte-level characters. */
bool txe_spec_ends_in_bytes(const struct txe_splitter *splitter);
/* Makes them those characters, for a model that knows no bytes.  False with an
 * exception set. */
bool txe_spec_write_bytes(struct txe_splitter *splitter);

#endif
