/* What the tests reach below the models: every table of kernels, OpenBLAS, the pool.
 * The products are in py_testing_products.c. */
#include "python/state.h"

#include <stdatomic.h>
#include <string.h>

#include "base/common.h"
#include "base/threads.h"
#include "kernels/blas.h"
#include "python/convert.h"
#include "python/testing.h"

bool
txe_extent(size_t *out, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t stride)
{
    if (rows < 0 || n < 0 || stride < 0) {
        PyErr_SetString(PyExc_ValueError, "sizes and strides must not be negative");
        return false;
    }
    *out = 0;
    if (rows == 0 || n == 0)
        return true;
    if (!txe_mul_size((size_t)rows - 1, (size_t)stride, out) ||
        !txe_add_size(*out, (size_t)n, out)) {
        PyErr_SetString(PyExc_ValueError, "sizes exceed the address space");
        return false;
    }
    return true;
}

int
txe_kernels_named(struct txe_kernels *kernels, const char *isa)
{
    struct txe_error err;
    if (txe_kernels_choose(kernels, isa, &err) != TXE_OK) {
        txe_raise(&err);
        return -1;
    }
    return 0;
}

static PyObject *
kernel_isas(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < TXE_NISAS; i++) {
        struct txe_kernels kernels;
        struct txe_error err;
        if (txe_kernels_choose(&kernels, txe_isa_names[i], &err) != TXE_OK)
            continue;
        PyObject *name = PyUnicode_FromString(kernels.name);
        if (name == NULL || PyList_Append(list, name) < 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

static PyObject *
kernel_layernorm(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *y_arg, *x_arg, *bias_arg, *residual_arg, *gamma_arg, *beta_arg;
    float eps;
    Py_ssize_t T, C;
    if (!PyArg_ParseTuple(args, "sOOOOOOfnn", &isa, &y_arg, &x_arg, &bias_arg,
                          &residual_arg, &gamma_arg, &beta_arg, &eps, &T, &C))
        return NULL;
    struct txe_kernels kernels;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    float *y;
    const float *x, *bias, *residual, *gamma, *beta;
    size_t size;
    if (txe_kernels_named(&kernels, isa) < 0 || !txe_extent(&size, T, C, C) ||
        WRITE(y, y_arg, "f", size) < 0 || READ(x, x_arg, "f", size) < 0 ||
        READ(bias, bias_arg, "f", (size_t)C) < 0 ||
        READ(residual, residual_arg, "f", size) < 0 ||
        READ(gamma, gamma_arg, "f", (size_t)C) < 0 ||
        READ(beta, beta_arg, "f", (size_t)C) < 0)
        goto done;
    Py_BEGIN_ALLOW_THREADS
    kernels.layernorm(y, x, bias, residual, gamma, beta, eps, (size_t)T, (size_t)C);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    txe_buffers_release(&buffers);
    return result;
}

bool
txe_activation_named(txe_activation *act, const char *name)
{
    if (txe_activation_find(name, act))
        return true;
    PyErr_Format(PyExc_ValueError, "unknown activation '%s'", name);
    return false;
}

static PyObject *
kernel_bias_act(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa, *name;
    PyObject *x_arg, *bias_arg, *params_arg;
    Py_ssize_t T, F, stride;
    if (!PyArg_ParseTuple(args, "sOOnnnsO", &isa, &x_arg, &bias_arg, &T, &F, &stride,
                          &name, &params_arg))
        return NULL;
    struct txe_kernels kernels;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    txe_activation act;
    float *x;
    const float *bias, *params;
    size_t size;
    if (txe_kernels_named(&kernels, isa) < 0 || !txe_activation_named(&act, name) ||
        !txe_extent(&size, T, F, stride) || WRITE(x, x_arg, "f", size) < 0 ||
        READ(bias, bias_arg, "f", (size_t)F) < 0 ||
        READ(params, params_arg, "f", txe_activation_nparams(act)) < 0)
        goto done;
    if (params == NULL && txe_activation_nparams(act) != 0) {
        PyErr_Format(PyExc_ValueError, "%s needs %zu parameters", name,
                     txe_activation_nparams(act));
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
    kernels.bias_act(x, bias, (size_t)T, (size_t)F, (size_t)stride, act, params);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    txe_buffers_release(&buffers);
    return result;
}

static PyObject *
kernel_softmax(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *x_arg, *mask_arg;
    Py_ssize_t rows, n, stride, mask_stride;
    float scale;
    if (!PyArg_ParseTuple(args, "sOnnnfOn", &isa, &x_arg, &rows, &n, &stride, &scale,
                          &mask_arg, &mask_stride))
        return NULL;
    struct txe_kernels kernels;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    float *x;
    const float *mask;
    size_t size, mask_size;
    if (txe_kernels_named(&kernels, isa) < 0 || !txe_extent(&size, rows, n, stride) ||
        !txe_extent(&mask_size, rows, n, mask_stride) ||
        WRITE(x, x_arg, "f", size) < 0 || READ(mask, mask_arg, "f", mask_size) < 0)
        goto done;
    Py_BEGIN_ALLOW_THREADS
    kernels.softmax(x, (size_t)rows, (size_t)n, (size_t)stride, scale, mask,
                    (size_t)mask_stride);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    txe_buffers_release(&buffers);
    return result;
}

/* _kernel_from_f16 and _kernel_from_bf16. */
static PyObject *
convert_16(PyObject *args, bool half)
{
    const char *isa;
    PyObject *y_arg, *x_arg;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "sOOn", &isa, &y_arg, &x_arg, &n))
        return NULL;
    struct txe_kernels kernels;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    float *y;
    const uint16_t *x;
    size_t size;
    if (txe_kernels_named(&kernels, isa) < 0 || !txe_extent(&size, 1, n, 0) ||
        WRITE(y, y_arg, "f", size) < 0 || READ(x, x_arg, "H", size) < 0)
        goto done;
    Py_BEGIN_ALLOW_THREADS(half ? kernels.from_f16 : kernels.from_bf16)
    (y, x, size);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    txe_buffers_release(&buffers);
    return result;
}

static PyObject *
kernel_from_f16(PyObject *Py_UNUSED(module), PyObject *args)
{
    return convert_16(args, true);
}

static PyObject *
kernel_from_bf16(PyObject *Py_UNUSED(module), PyObject *args)
{
    return convert_16(args, false);
}

static PyObject *
kernel_add(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *y_arg, *a_arg, *b_arg, *c_arg;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "sOOOOn", &isa, &y_arg, &a_arg, &b_arg, &c_arg, &n))
        return NULL;
    struct txe_kernels kernels;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    float *y;
    const float *a, *b, *c;
    size_t size;
    if (txe_kernels_named(&kernels, isa) < 0 || !txe_extent(&size, 1, n, 0) ||
        WRITE(y, y_arg, "f", size) < 0 || READ(a, a_arg, "f", size) < 0 ||
        READ(b, b_arg, "f", size) < 0 || READ(c, c_arg, "f", size) < 0)
        goto done;
    Py_BEGIN_ALLOW_THREADS
    kernels.add(y, a, b, c, size);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    txe_buffers_release(&buffers);
    return result;
}

static PyObject *
kernel_activation(PyObject *Py_UNUSED(module), PyObject *arg)
{
    Py_ssize_t nbytes;
    const char *name = txe_utf8(arg, &nbytes, "activation");
    txe_activation act;
    if (name == NULL || !txe_activation_named(&act, name))
        return NULL;
    return Py_BuildValue("(in)", (int)act, (Py_ssize_t)txe_activation_nparams(act));
}

static PyObject *
kernel_blas_linear(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *y_arg, *x_arg, *W_arg;
    Py_ssize_t ldy, ldx, T, N, K;
    int add;
    if (!PyArg_ParseTuple(args, "OnOnOnnnp", &y_arg, &ldy, &x_arg, &ldx, &W_arg, &T, &N,
                          &K, &add))
        return NULL;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    float *y;
    const float *x, *W;
    size_t y_size, x_size, W_size;
    if (!txe_extent(&y_size, T, N, ldy) || !txe_extent(&x_size, T, K, ldx) ||
        !txe_extent(&W_size, N, K, K) || WRITE(y, y_arg, "f", y_size) < 0 ||
        READ(x, x_arg, "f", x_size) < 0 || READ(W, W_arg, "f", W_size) < 0)
        goto done;
    Py_BEGIN_ALLOW_THREADS
    txe_blas_init();
    txe_blas_linear(y, (size_t)ldy, x, (size_t)ldx, W, (size_t)T, (size_t)N, (size_t)K,
                    add);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    txe_buffers_release(&buffers);
    return result;
}

struct visits {
    int32_t *counts;  /* [count] how often each index was run */
    int32_t *workers; /* [count] by which worker last */
    size_t work;      /* additions per index, to make iterations last */
    atomic_size_t sink;
};

static void
visit(void *context, size_t index, size_t worker)
{
    struct visits *visits = context;
    for (size_t i = 0; i < visits->work; i++)
        atomic_fetch_add_explicit(&visits->sink, 1, memory_order_relaxed);
    visits->counts[index]++;
    visits->workers[index] = (int32_t)worker;
}

static PyObject *
kernel_parallel_for(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *counts_arg, *workers_arg;
    Py_ssize_t count, work;
    if (!PyArg_ParseTuple(args, "OOnn", &counts_arg, &workers_arg, &count, &work))
        return NULL;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    struct visits visits = {.work = (size_t)TXE_MAX(work, 0)};
    size_t size;
    if (!txe_extent(&size, 1, count, 0) ||
        WRITE(visits.counts, counts_arg, "i", size) < 0 ||
        WRITE(visits.workers, workers_arg, "i", size) < 0)
        goto done;
    Py_BEGIN_ALLOW_THREADS
    txe_parallel_for(size, txe_threads_get(), visit, &visits);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    txe_buffers_release(&buffers);
    return result;
}

static PyMethodDef testing_methods[] = {
    {"_kernel_isas", kernel_isas, METH_NOARGS, NULL},
    {"_kernel_layernorm", kernel_layernorm, METH_VARARGS, NULL},
    {"_kernel_bias_act", kernel_bias_act, METH_VARARGS, NULL},
    {"_kernel_softmax", kernel_softmax, METH_VARARGS, NULL},
    {"_kernel_from_f16", kernel_from_f16, METH_VARARGS, NULL},
    {"_kernel_from_bf16", kernel_from_bf16, METH_VARARGS, NULL},
    {"_kernel_add", kernel_add, METH_VARARGS, NULL},
    {"_kernel_activation", kernel_activation, METH_O, NULL},
    {"_kernel_blas_linear", kernel_blas_linear, METH_VARARGS, NULL},
    {"_kernel_parallel_for", kernel_parallel_for, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int
txe_add_testing(PyObject *module)
{
    return PyModule_AddFunctions(module, testing_methods);
}
