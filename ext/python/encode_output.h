/* Encoded rows out: the dict of lists or arrays that a plan describes. */
#ifndef TXE_PYTHON_ENCODE_OUTPUT_H
#define TXE_PYTHON_ENCODE_OUTPUT_H

#include "python/encode_plan.h"

/* The result of rows that lie in `nparts` parts one after the other, each with the
 * fields of plan->wanted.  `single`: the rows are of one text, whose lists stand for
 * themselves unless overflow was asked for.  NULL with an exception set: ValueError
 * where rows of different lengths are to make an array. */
PyObject *txe_encode_output(const struct txe_plan *plan,
                            const struct txe_tokenizer *tokenizer,
                            const struct txe_rows *parts, size_t nparts, bool single);

#endif
