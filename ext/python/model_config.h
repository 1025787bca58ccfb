/* A model's configuration from a mapping of Python. */
#ifndef TXE_PYTHON_MODEL_CONFIG_H
#define TXE_PYTHON_MODEL_CONFIG_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "model/config.h"

/* Fills and checks *out from the fields of transformers' configurations and "family",
 * "head", "pooler".  0, or -1 with KeyError, TypeError or ValueError set. */
int txe_model_config_read(struct txe_config *out, PyObject *config);

#endif
