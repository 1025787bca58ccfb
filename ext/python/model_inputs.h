/* What models take from Python: parameters, and the inputs of a batch. */
#ifndef TXE_PYTHON_MODEL_INPUTS_H
#define TXE_PYTHON_MODEL_INPUTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "model/batch.h"
#include "model/weights.h"
#include "python/convert.h"

/* NumPy's type of txe_real. */
#define TXE_REAL_DTYPE (sizeof(txe_real) == sizeof(double) ? TXE_F64 : TXE_F32)

/* The arguments of a call, None where there is none; all borrowed. */
struct txe_input_objects {
    PyObject *ids, *embeds, *mask, *bias, *types, *positions;
};
#define TXE_NO_INPUTS                                        \
    {                                                        \
        Py_None, Py_None, Py_None, Py_None, Py_None, Py_None \
    }

/* The arrays that struct txe_inputs points to. */
struct txe_input_arrays {
    struct txe_array ids, embeds, mask, bias, types, positions;
};

/* Fills *in and *arrays; shapes are checked, ids are not.  0, or -1 with an exception
 * set. Release the arrays in either case. */
int txe_inputs_read(struct txe_inputs *in, struct txe_input_arrays *arrays,
                    const struct txe_input_objects *objects,
                    const struct txe_config *config);
void txe_inputs_release(struct txe_input_arrays *arrays);

/* Reads an optional argument that must have the batch's shape (B, S); None leaves
 * *array as it is.  0, or -1 with an exception set. */
int txe_grid_read(struct txe_array *array, PyObject *object, txe_dtype dtype,
                  const char *what, const struct txe_inputs *inputs);

/* Takes weights[param->name] in the right shape and points the slot at it.  0, or -1
 * with an exception set. */
int txe_param_take(struct txe_array *array, const struct txe_param *param,
                   PyObject *weights);

/* A shape as a tuple of ints. */
PyObject *txe_shape_tuple(size_t ndim, const size_t *shape);

#endif
