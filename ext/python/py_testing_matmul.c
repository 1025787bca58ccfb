/* What the tests reach of the products of training (kernels/matmul.h).
 *
 * The format of a buffer tells its precision: "f" float32, "H" bfloat16.  Strides count
 * elements. */
#include "python/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/common.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/matmul.h"
#include "python/testing.h"

static bool
precision_of(txe_precision *out, const char *format)
{
    if (strcmp(format, "f") != 0 && strcmp(format, "H") != 0) {
        PyErr_Format(PyExc_ValueError, "no such product has elements of format '%s'",
                     format);
        return false;
    }
    *out = format[0] == 'f' ? TXE_FLOAT32 : TXE_BFLOAT16;
    return true;
}

static size_t
element_nbytes(txe_precision precision)
{
    return precision == TXE_FLOAT32 ? sizeof(float) : sizeof(uint16_t);
}

/* K in whole steps. */
static Py_ssize_t
padded(txe_precision precision, Py_ssize_t K)
{
    return precision == TXE_BFLOAT16 ? K + K % 2 : K;
}

/* Pieces of `extent` rows each, [rows, n] together, `stride` apart; as many as that
 * takes, or a single one. */
struct pieces {
    const char *format;
    Py_ssize_t rows, extent, n, stride;
    int flags;
};

static bool
take_pieces(const void **out, struct txe_buffers *buffers, PyObject *tuple,
            const struct pieces *pieces)
{
    const Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    if (count < 1 || count > TXE_MAX_PIECES || pieces->extent < 1 ||
        pieces->rows > count * pieces->extent) {
        PyErr_Format(PyExc_ValueError, "%zd rows are not %zd pieces of %zd",
                     pieces->rows, count, pieces->extent);
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        const Py_ssize_t left = pieces->rows - i * pieces->extent;
        const Py_ssize_t rows = TXE_MAX(TXE_MIN(left, pieces->extent), 0);
        size_t size;
        if (!txe_extent(&size, rows, pieces->n, pieces->stride) ||
            txe_buffers_add(buffers, &out[i], PyTuple_GET_ITEM(tuple, i),
                            pieces->format, size, pieces->flags) < 0)
            return false;
    }
    return true;
}

static PyObject *
kernel_matmul(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa, *format, *b_format, *name;
    PyObject *y_arg, *a_arg, *b_arg, *bias_arg, *params_arg;
    Py_ssize_t ldy, y_extent, lda, ldb, extent, M, N, K;
    int narrow, rows, add, here;
    if (!PyArg_ParseTuple(args, "ssO!nnpOnsO!nnpO!nnnpsOp", &isa, &format,
                          &PyTuple_Type, &y_arg, &ldy, &y_extent, &narrow, &a_arg, &lda,
                          &b_format, &PyTuple_Type, &b_arg, &ldb, &extent, &rows,
                          &PyTuple_Type, &bias_arg, &M, &N, &K, &add, &name,
                          &params_arg, &here))
        return NULL;
    struct txe_kernels kernels;
    struct txe_buffers buffers = {.count = 0};
    struct txe_matmul m = {.M = (size_t)M,
                           .N = (size_t)N,
                           .K = (size_t)K,
                           .b = {.npieces = (size_t)PyTuple_GET_SIZE(b_arg),
                                 .extent = (size_t)extent,
                                 .ld = (size_t)ldb,
                                 .rows = rows},
                           .y_extent = (size_t)y_extent,
                           .ldy = (size_t)ldy,
                           .ldy16 = (size_t)ldy,
                           .add = add};
    PyObject *result = NULL;
    void *scratch = NULL;
    txe_precision b_precision;
    const void *y[TXE_MAX_PIECES] = {NULL}, *bias[TXE_MAX_PIECES] = {NULL};
    size_t a_size;
    if (txe_kernels_named(&kernels, isa) < 0 || !precision_of(&m.precision, format) ||
        !precision_of(&b_precision, b_format) || !txe_activation_named(&m.act, name) ||
        !txe_extent(&a_size, M, padded(m.precision, K), lda) ||
        READ(m.a, a_arg, format, a_size) < 0 ||
        READ(m.act_params, params_arg, "f", txe_activation_nparams(m.act)) < 0)
        goto done;
    m.lda_nbytes = (size_t)lda * element_nbytes(m.precision);
    m.b.bf16 = b_precision == TXE_BFLOAT16;
    if (y_extent < 0 || N < 1 || (m.b.bf16 && m.precision != TXE_BFLOAT16) ||
        (narrow && (add || y_extent != 0)) || (add && m.act != TXE_ACT_LINEAR) ||
        (txe_activation_nparams(m.act) != 0 && m.act_params == NULL)) {
        PyErr_SetString(PyExc_ValueError, "these arguments do not go together");
        goto done;
    }
    const struct pieces b_pieces = {b_format,     rows ? K : N, extent,
                                    rows ? N : K, ldb,          PyBUF_SIMPLE};
    const struct pieces bias_pieces = {"f", N, rows ? N : extent, 1, 1, PyBUF_SIMPLE};
    const struct pieces y_pieces = {
        narrow ? "H" : "f", M, y_extent ? y_extent : M + 1, N, ldy, PyBUF_WRITABLE};
    if (!take_pieces(m.b.data, &buffers, b_arg, &b_pieces) ||
        !take_pieces(bias, &buffers, bias_arg, &bias_pieces) ||
        !take_pieces(y, &buffers, y_arg, &y_pieces))
        goto done;
    for (size_t i = 0; i < TXE_MAX_PIECES; i++) {
        m.bias[i] = bias[i];
        m.y[i] = narrow ? NULL : (float *)y[i];
    }
    m.y16 = narrow ? (uint16_t *)y[0] : NULL;
    const size_t nworkers = here ? 1 : txe_threads_get();
    scratch =
        txe_alloc_lines(nworkers * txe_matmul_scratch(&kernels, m.precision, m.K));
    if (scratch == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
    if (here)
        txe_matmul_run_here(&m, &kernels, scratch);
    else
        txe_matmul_run(&m, &kernels, scratch, nworkers);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    free(scratch);
    txe_buffers_release(&buffers);
    return result;
}

static PyObject *
kernel_matmul_transpose(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa, *format;
    PyObject *out_arg, *sums_arg, *x_arg;
    Py_ssize_t ldout, ld, T, C;
    int here;
    if (!PyArg_ParseTuple(args, "ssOnOOnnnp", &isa, &format, &out_arg, &ldout,
                          &sums_arg, &x_arg, &ld, &T, &C, &here))
        return NULL;
    struct txe_kernels kernels;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    txe_precision precision;
    void *out;
    const void *x;
    float *sums;
    size_t out_size, x_size;
    if (txe_kernels_named(&kernels, isa) < 0 || !precision_of(&precision, format) ||
        !txe_extent(&out_size, C, padded(precision, T), ldout) ||
        !txe_extent(&x_size, T, C, ld) || WRITE(out, out_arg, format, out_size) < 0 ||
        WRITE(sums, sums_arg, "f", (size_t)C) < 0 || READ(x, x_arg, format, x_size) < 0)
        goto done;
    if (padded(precision, ldout) != ldout) {
        PyErr_SetString(PyExc_ValueError,
                        "rows of the transpose are whole steps apart");
        goto done;
    }
    const size_t size = element_nbytes(precision);
    Py_BEGIN_ALLOW_THREADS
    if (here)
        txe_matmul_transpose_here(out, (size_t)ldout * size, sums, x, (size_t)ld * size,
                                  precision, (size_t)T, (size_t)C, &kernels);
    else
        txe_matmul_transpose(out, (size_t)ldout * size, sums, x, (size_t)ld * size,
                             precision, (size_t)T, (size_t)C, &kernels,
                             txe_threads_get());
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    txe_buffers_release(&buffers);
    return result;
}

static PyObject *
kernel_interleave(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *y_arg, *low_arg, *high_arg;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "sOOOn", &isa, &y_arg, &low_arg, &high_arg, &n))
        return NULL;
    struct txe_kernels kernels;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    uint32_t *y;
    const uint16_t *low, *high;
    size_t size;
    if (txe_kernels_named(&kernels, isa) < 0 || !txe_extent(&size, 1, n, 0) ||
        WRITE(y, y_arg, "I", size) < 0 || READ(low, low_arg, "H", size) < 0 ||
        READ(high, high_arg, "H", size) < 0)
        goto done;
    kernels.interleave(y, low, high, size);
    result = Py_NewRef(Py_None);
done:
    txe_buffers_release(&buffers);
    return result;
}

static PyMethodDef testing_methods[] = {
    {"_kernel_matmul", kernel_matmul, METH_VARARGS, NULL},
    {"_kernel_matmul_transpose", kernel_matmul_transpose, METH_VARARGS, NULL},
    {"_kernel_interleave", kernel_interleave, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int
txe_add_testing_matmul(PyObject *module)
{
    return PyModule_AddFunctions(module, testing_methods);
}
