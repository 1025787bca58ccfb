/* One call of an encoder: Python's arguments to what the model takes, and its results
 * to arrays. */
#ifndef TXE_PYTHON_ENCODER_CALL_H
#define TXE_PYTHON_ENCODER_CALL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "model/encoder.h"

/* The dict of results of Encoder.forward with these arguments; NULL with an exception
 * set on failure.  The GIL is released while it computes.  Where the time goes is put
 * into *profile if that is not NULL; its entries are allocated here: free with free(),
 * also on failure. */
PyObject *txe_encoder_call(struct txe_encoder *encoder, PyObject *args,
                           PyObject *kwargs, struct txe_profile *profile);

#endif
