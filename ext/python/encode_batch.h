/* Encoding many texts on many threads. */
#ifndef TXE_PYTHON_ENCODE_BATCH_H
#define TXE_PYTHON_ENCODE_BATCH_H

#include "python/encode_plan.h"

/* Encodes `texts`, a str or a sequence, with `pairs` (may be None) as the plan says, on
 * as many threads as are set, without the GIL, and returns what encode_output.h makes
 * of the rows.  `single`: the one text given stands for itself.  NULL with an
 * exception. */
PyObject *txe_encode_texts(struct txe_tokenizer *tokenizer, const struct txe_plan *plan,
                           PyObject *texts, PyObject *pairs, bool single);

/* Tokenizer.encode_flat, which _core.pyi describes. */
PyObject *txe_encode_flat(struct txe_tokenizer *tokenizer, PyObject *args,
                          PyObject *kwargs);

#endif
