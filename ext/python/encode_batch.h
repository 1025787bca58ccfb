/* Tokenizer.encode_batch once its options are read. */
#ifndef TXE_PYTHON_ENCODE_BATCH_H
#define TXE_PYTHON_ENCODE_BATCH_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "text/tokenizer.h"

/* Encodes the sequence `texts` with `pairs` (may be None) on as many threads as are
 * set, without the GIL, and returns the dict of arrays that _core.pyi describes.  The
 * with_* flags of *wanted say which.  NULL with an exception set. */
PyObject *txe_encode_batch(const struct txe_tokenizer *tokenizer,
                           const struct txe_encode_options *options, PyObject *texts,
                           PyObject *pairs, const struct txe_rows *wanted);

#endif
