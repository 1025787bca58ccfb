/* What the tests reach of the kernels of training: every table of them.  The double
 * build has these too, over arrays of double. */
#include "python/state.h"

#include "base/common.h"
#include "kernels/training.h"
#include "python/testing.h"

#define REAL (sizeof(txe_real) == sizeof(double) ? "d" : "f")
#define READ_REALS(out, object, nitems) READ(out, object, REAL, nitems)
#define WRITE_REALS(out, object, nitems) WRITE(out, object, REAL, nitems)

static int
table_named(struct txe_training_kernels *table, const char *isa)
{
    struct txe_kernels kernels;
    if (txe_kernels_named(&kernels, isa) < 0)
        return -1;
    txe_training_kernels_choose(table, &kernels);
    return 0;
}

/* None, and the buffers are released; NULL where `ok` is not set. */
static PyObject *
finish(struct txe_buffers *buffers, bool ok)
{
    txe_buffers_release(buffers);
    return ok ? Py_NewRef(Py_None) : NULL;
}

static PyObject *
training_layernorm(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *y_arg, *x_arg, *gamma_arg, *beta_arg;
    double eps;
    Py_ssize_t T, C;
    if (!PyArg_ParseTuple(args, "sOOOOdnn", &isa, &y_arg, &x_arg, &gamma_arg, &beta_arg,
                          &eps, &T, &C))
        return NULL;
    struct txe_training_kernels table;
    struct txe_buffers buffers = {.count = 0};
    txe_real *y;
    const txe_real *x, *gamma, *beta;
    size_t size;
    bool ok = table_named(&table, isa) == 0 && txe_extent(&size, T, C, C) &&
              WRITE_REALS(y, y_arg, size) == 0 && READ_REALS(x, x_arg, size) == 0 &&
              READ_REALS(gamma, gamma_arg, (size_t)C) == 0 &&
              READ_REALS(beta, beta_arg, (size_t)C) == 0;
    if (ok)
        table.layernorm(y, x, gamma, beta, (txe_real)eps, (size_t)T, (size_t)C);
    return finish(&buffers, ok);
}

static PyObject *
training_layernorm_backward(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *dx_arg, *dgamma_arg, *dbeta_arg, *dy_arg, *x_arg, *gamma_arg;
    double eps;
    Py_ssize_t T, C;
    if (!PyArg_ParseTuple(args, "sOOOOOOdnn", &isa, &dx_arg, &dgamma_arg, &dbeta_arg,
                          &dy_arg, &x_arg, &gamma_arg, &eps, &T, &C))
        return NULL;
    struct txe_training_kernels table;
    struct txe_buffers buffers = {.count = 0};
    txe_real *dx, *dgamma, *dbeta;
    const txe_real *dy, *x, *gamma;
    size_t size;
    bool ok = table_named(&table, isa) == 0 && txe_extent(&size, T, C, C) &&
              WRITE_REALS(dx, dx_arg, size) == 0 &&
              WRITE_REALS(dgamma, dgamma_arg, (size_t)C) == 0 &&
              WRITE_REALS(dbeta, dbeta_arg, (size_t)C) == 0 &&
              READ_REALS(dy, dy_arg, size) == 0 && READ_REALS(x, x_arg, size) == 0 &&
              READ_REALS(gamma, gamma_arg, (size_t)C) == 0;
    if (ok)
        table.layernorm_backward(dx, dgamma, dbeta, dy, x, gamma, (txe_real)eps,
                                 (size_t)T, (size_t)C);
    return finish(&buffers, ok);
}

/* The activation and its parameters; false with an exception. */
static bool
read_activation(txe_activation *act, const txe_real **params,
                struct txe_buffers *buffers, const char *name, PyObject *params_arg)
{
    if (!txe_activation_named(act, name))
        return false;
    const size_t nparams = txe_activation_nparams(*act);
    if (txe_buffers_add(buffers, params, params_arg, REAL, nparams, PyBUF_SIMPLE) < 0)
        return false;
    if (*params == NULL && nparams != 0) {
        PyErr_Format(PyExc_ValueError, "%s needs %zu parameters", name, nparams);
        return false;
    }
    return true;
}

static PyObject *
training_act(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa, *name;
    PyObject *y_arg, *x_arg, *params_arg;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "sOOnsO", &isa, &y_arg, &x_arg, &n, &name, &params_arg))
        return NULL;
    struct txe_training_kernels table;
    struct txe_buffers buffers = {.count = 0};
    txe_activation act;
    txe_real *y;
    const txe_real *x, *params;
    size_t size;
    bool ok = table_named(&table, isa) == 0 && txe_extent(&size, 1, n, 0) &&
              WRITE_REALS(y, y_arg, size) == 0 && READ_REALS(x, x_arg, size) == 0 &&
              read_activation(&act, &params, &buffers, name, params_arg);
    if (ok)
        table.act(y, x, size, act, params);
    return finish(&buffers, ok);
}

static PyObject *
training_act_backward(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa, *name;
    PyObject *dx_arg, *y_arg, *dparams_arg, *dy_arg, *x_arg, *params_arg;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "sOOOOOnsO", &isa, &dx_arg, &y_arg, &dparams_arg,
                          &dy_arg, &x_arg, &n, &name, &params_arg))
        return NULL;
    struct txe_training_kernels table;
    struct txe_buffers buffers = {.count = 0};
    txe_activation act;
    txe_real *dx, *y, *dparams;
    const txe_real *dy, *x, *params;
    size_t size;
    bool ok = table_named(&table, isa) == 0 && txe_extent(&size, 1, n, 0) &&
              WRITE_REALS(dx, dx_arg, size) == 0 && WRITE_REALS(y, y_arg, size) == 0 &&
              READ_REALS(dy, dy_arg, size) == 0 && READ_REALS(x, x_arg, size) == 0 &&
              read_activation(&act, &params, &buffers, name, params_arg) &&
              WRITE_REALS(dparams, dparams_arg, txe_activation_nparams(act)) == 0;
    if (ok)
        table.act_backward(dx, y, dparams, dy, x, size, act, params);
    return finish(&buffers, ok);
}

static PyObject *
training_softmax(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *x_arg, *mask_arg;
    Py_ssize_t rows, n, stride, mask_stride;
    double scale;
    if (!PyArg_ParseTuple(args, "sOnnndOn", &isa, &x_arg, &rows, &n, &stride, &scale,
                          &mask_arg, &mask_stride))
        return NULL;
    struct txe_training_kernels table;
    struct txe_buffers buffers = {.count = 0};
    txe_real *x;
    const txe_real *mask;
    size_t size, mask_size;
    bool ok = table_named(&table, isa) == 0 && txe_extent(&size, rows, n, stride) &&
              txe_extent(&mask_size, rows, n, mask_stride) &&
              WRITE_REALS(x, x_arg, size) == 0 &&
              READ_REALS(mask, mask_arg, mask_size) == 0;
    if (ok)
        table.softmax(x, (size_t)rows, (size_t)n, (size_t)stride, (txe_real)scale, mask,
                      (size_t)mask_stride);
    return finish(&buffers, ok);
}

static PyObject *
training_softmax_backward(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *ds_arg, *p_arg, *dp_arg;
    Py_ssize_t rows, n, stride;
    double scale;
    if (!PyArg_ParseTuple(args, "sOOOnnnd", &isa, &ds_arg, &p_arg, &dp_arg, &rows, &n,
                          &stride, &scale))
        return NULL;
    struct txe_training_kernels table;
    struct txe_buffers buffers = {.count = 0};
    txe_real *ds;
    const txe_real *p, *dp;
    size_t size;
    bool ok = table_named(&table, isa) == 0 && txe_extent(&size, rows, n, stride) &&
              WRITE_REALS(ds, ds_arg, size) == 0 && READ_REALS(p, p_arg, size) == 0 &&
              READ_REALS(dp, dp_arg, size) == 0;
    if (ok)
        table.softmax_backward(ds, p, dp, (size_t)rows, (size_t)n, (size_t)stride,
                               (txe_real)scale);
    return finish(&buffers, ok);
}

static PyObject *
training_dropout(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *y_arg, *x_arg;
    Py_ssize_t n;
    unsigned long long seed, row;
    unsigned int site, threshold;
    double scale;
    int add;
    if (!PyArg_ParseTuple(args, "sOOnKIIdKp", &isa, &y_arg, &x_arg, &n, &seed, &site,
                          &threshold, &scale, &row, &add))
        return NULL;
    struct txe_training_kernels table;
    struct txe_buffers buffers = {.count = 0};
    const struct txe_dropout dropout = {
        .seed = seed, .site = site, .threshold = threshold, .scale = (txe_real)scale};
    txe_real *y;
    const txe_real *x;
    size_t size;
    bool ok = table_named(&table, isa) == 0 && txe_extent(&size, 1, n, 0) &&
              WRITE_REALS(y, y_arg, size) == 0 && READ_REALS(x, x_arg, size) == 0;
    if (ok)
        table.dropout(y, x, size, &dropout, row, add);
    return finish(&buffers, ok);
}

static PyObject *
training_cross_entropy(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *x_arg;
    Py_ssize_t n, label;
    double smoothing, weight, loss = 0;
    if (!PyArg_ParseTuple(args, "sOnndd", &isa, &x_arg, &n, &label, &smoothing,
                          &weight))
        return NULL;
    if (label < 0 || label >= n)
        return PyErr_Format(PyExc_ValueError, "label %zd is not one of %zd", label, n);
    struct txe_training_kernels table;
    struct txe_buffers buffers = {.count = 0};
    txe_real *x;
    size_t best = 0;
    bool ok = table_named(&table, isa) == 0 && WRITE_REALS(x, x_arg, (size_t)n) == 0;
    if (ok)
        loss = table.cross_entropy(x, (size_t)n, (size_t)label, (txe_real)smoothing,
                                   (txe_real)weight, &best);
    txe_buffers_release(&buffers);
    return ok ? Py_BuildValue("dn", loss, (Py_ssize_t)best) : NULL;
}

static PyObject *
training_add(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *y_arg, *a_arg, *b_arg, *c_arg;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "sOOOOn", &isa, &y_arg, &a_arg, &b_arg, &c_arg, &n))
        return NULL;
    struct txe_training_kernels table;
    struct txe_buffers buffers = {.count = 0};
    txe_real *y;
    const txe_real *a, *b, *c;
    size_t size;
    bool ok = table_named(&table, isa) == 0 && txe_extent(&size, 1, n, 0) &&
              WRITE_REALS(y, y_arg, size) == 0 && READ_REALS(a, a_arg, size) == 0 &&
              READ_REALS(b, b_arg, size) == 0 && READ_REALS(c, c_arg, size) == 0;
    if (ok)
        table.add(y, a, b, c, size);
    return finish(&buffers, ok);
}

static PyObject *
training_sum_columns(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *sums_arg, *x_arg;
    Py_ssize_t T, C, ld;
    if (!PyArg_ParseTuple(args, "sOOnnn", &isa, &sums_arg, &x_arg, &T, &C, &ld))
        return NULL;
    struct txe_training_kernels table;
    struct txe_buffers buffers = {.count = 0};
    txe_real *sums;
    const txe_real *x;
    size_t size;
    bool ok = table_named(&table, isa) == 0 && txe_extent(&size, T, C, ld) &&
              WRITE_REALS(sums, sums_arg, (size_t)C) == 0 &&
              READ_REALS(x, x_arg, size) == 0;
    if (ok)
        table.sum_columns(sums, x, (size_t)T, (size_t)C, (size_t)ld);
    return finish(&buffers, ok);
}

static PyMethodDef testing_methods[] = {
    {"_training_layernorm", training_layernorm, METH_VARARGS, NULL},
    {"_training_layernorm_backward", training_layernorm_backward, METH_VARARGS, NULL},
    {"_training_act", training_act, METH_VARARGS, NULL},
    {"_training_act_backward", training_act_backward, METH_VARARGS, NULL},
    {"_training_softmax", training_softmax, METH_VARARGS, NULL},
    {"_training_softmax_backward", training_softmax_backward, METH_VARARGS, NULL},
    {"_training_dropout", training_dropout, METH_VARARGS, NULL},
    {"_training_cross_entropy", training_cross_entropy, METH_VARARGS, NULL},
    {"_training_add", training_add, METH_VARARGS, NULL},
    {"_training_sum_columns", training_sum_columns, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int
txe_add_testing_training(PyObject *module)
{
    return PyModule_AddFunctions(module, testing_methods);
}
