/* What the tests reach of the matrix products: tiles, packing, conversions between
 * precisions, attention.
 *
 * The format of a buffer of rows tells the precision of a product: "f" float32, "H"
 * bfloat16, "B" int8.  Strides count elements. */
#include "python/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/common.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/blas.h"
#include "kernels/gemm.h"
#include "model/attention.h"
#include "python/convert.h"
#include "python/testing.h"

/* Elements of a format; how many make a step of 32 bits. */
struct element {
    txe_precision precision;
    size_t nbytes, per_step;
};

static bool
element_of(struct element *out, const char *format)
{
    static const struct {
        const char *format;
        struct element element;
    } known[] = {{"f", {TXE_FLOAT32, 4, 1}},
                 {"H", {TXE_BFLOAT16, 2, 2}},
                 {"B", {TXE_INT8, 1, 4}}};
    for (size_t i = 0; i < TXE_LEN(known); i++)
        if (strcmp(format, known[i].format) == 0) {
            *out = known[i].element;
            return true;
        }
    PyErr_Format(PyExc_ValueError, "no precision has elements of format '%s'", format);
    return false;
}

/* ---- conversions ---- */

static PyObject *
kernel_to_bf16(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *y_arg, *x_arg;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "sOOn", &isa, &y_arg, &x_arg, &n))
        return NULL;
    struct txe_kernels kernels;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    uint16_t *y;
    const float *x;
    size_t size;
    if (txe_kernels_named(&kernels, isa) < 0 || !txe_extent(&size, 1, n, 0) ||
        WRITE(y, y_arg, "H", size) < 0 || READ(x, x_arg, "f", size) < 0)
        goto done;
    kernels.to_bf16(y, x, size);
    result = Py_NewRef(Py_None);
done:
    txe_buffers_release(&buffers);
    return result;
}

/* _kernel_quantize and _kernel_quantize_weights. */
static PyObject *
quantize(PyObject *args, bool weights)
{
    const char *isa;
    PyObject *y_arg, *x_arg;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "sOOn", &isa, &y_arg, &x_arg, &n))
        return NULL;
    struct txe_kernels kernels;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    void *y;
    const float *x;
    float scale, other;
    size_t size;
    if (txe_kernels_named(&kernels, isa) < 0 || !txe_extent(&size, 1, n, 0) ||
        WRITE(y, y_arg, weights ? "b" : "B", size) < 0 || READ(x, x_arg, "f", size) < 0)
        goto done;
    if (size == 0) {
        PyErr_SetString(PyExc_ValueError, "there must be at least one element");
        goto done;
    }
    if (weights)
        kernels.quantize_weights(y, &scale, &other, x, size);
    else
        kernels.quantize(y, &scale, &other, x, size);
    result = Py_BuildValue("(ff)", scale, other);
done:
    txe_buffers_release(&buffers);
    return result;
}

static PyObject *
kernel_quantize(PyObject *Py_UNUSED(module), PyObject *args)
{
    return quantize(args, false);
}

static PyObject *
kernel_quantize_weights(PyObject *Py_UNUSED(module), PyObject *args)
{
    return quantize(args, true);
}

static PyObject *
kernel_transpose(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa;
    PyObject *y_arg, *x_arg;
    Py_ssize_t ldy, ldx, rows, columns;
    if (!PyArg_ParseTuple(args, "sOnOnnn", &isa, &y_arg, &ldy, &x_arg, &ldx, &rows,
                          &columns))
        return NULL;
    struct txe_kernels kernels;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    uint32_t *y;
    const uint32_t *x;
    size_t y_size, x_size;
    if (txe_kernels_named(&kernels, isa) < 0 ||
        !txe_extent(&y_size, columns, rows, ldy) ||
        !txe_extent(&x_size, rows, columns, ldx) || WRITE(y, y_arg, "I", y_size) < 0 ||
        READ(x, x_arg, "I", x_size) < 0)
        goto done;
    kernels.transpose(y, (size_t)ldy, x, (size_t)ldx, (size_t)rows, (size_t)columns);
    result = Py_NewRef(Py_None);
done:
    txe_buffers_release(&buffers);
    return result;
}

/* ---- one tile ---- */

static PyObject *
kernel_tile_sizes(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa, *format;
    struct txe_kernels kernels;
    struct element element;
    if (!PyArg_ParseTuple(args, "ss", &isa, &format) ||
        txe_kernels_named(&kernels, isa) < 0 || !element_of(&element, format))
        return NULL;
    return Py_BuildValue("(nnn)", (Py_ssize_t)kernels.lanes,
                         (Py_ssize_t)kernels.panel_vectors,
                         (Py_ssize_t)kernels.tiles[element.precision].rows);
}

static PyObject *
kernel_tile(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa, *format;
    PyObject *x_arg, *panel_arg, *scale_arg, *low_arg, *bias_arg, *column_scale_arg,
        *column_sum_arg, *out_arg;
    Py_ssize_t ldx, steps, ldo, rows, vectors, last;
    int add;
    if (!PyArg_ParseTuple(args, "ssOnOnOOOOOOnpnnn", &isa, &format, &x_arg, &ldx,
                          &panel_arg, &steps, &scale_arg, &low_arg, &bias_arg,
                          &column_scale_arg, &column_sum_arg, &out_arg, &ldo, &add,
                          &rows, &vectors, &last))
        return NULL;
    struct txe_kernels kernels;
    struct element element;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    if (txe_kernels_named(&kernels, isa) < 0 || !element_of(&element, format))
        goto done;
    const struct txe_tiles *tiles = &kernels.tiles[element.precision];
    const Py_ssize_t lanes = (Py_ssize_t)kernels.lanes;
    if (rows < 1 || (size_t)rows > tiles->rows || vectors < 1 ||
        (size_t)vectors > kernels.panel_vectors || last < 1 || last > lanes) {
        PyErr_SetString(PyExc_ValueError, "no tile has this size");
        goto done;
    }
    struct txe_tile tile = {.ldx = (size_t)ldx * element.nbytes,
                            .steps = (size_t)steps,
                            .ldo = (size_t)ldo,
                            .add = add,
                            .rows = (size_t)rows,
                            .vectors = (size_t)vectors,
                            .last = (size_t)last};
    const size_t width = (size_t)(vectors * lanes);
    size_t x_size, panel_size, out_size;
    if (!txe_extent(&x_size, rows, steps * (Py_ssize_t)element.per_step, ldx) ||
        !txe_extent(&panel_size, steps, vectors * lanes, vectors * lanes) ||
        !txe_extent(&out_size, rows, (vectors - 1) * lanes + last, ldo) ||
        READ(tile.x, x_arg, format, x_size) < 0 ||
        READ(tile.panel, panel_arg, "I", panel_size) < 0 ||
        READ(tile.scale, scale_arg, "f", (size_t)rows) < 0 ||
        READ(tile.low, low_arg, "f", (size_t)rows) < 0 ||
        READ(tile.bias, bias_arg, "f", width) < 0 ||
        READ(tile.column_scale, column_scale_arg, "f", width) < 0 ||
        READ(tile.column_sum, column_sum_arg, "f", width) < 0 ||
        WRITE(tile.out, out_arg, "f", out_size) < 0)
        goto done;
    if (element.precision == TXE_INT8 &&
        (tile.scale == NULL || tile.low == NULL || tile.column_scale == NULL ||
         tile.column_sum == NULL)) {
        PyErr_SetString(PyExc_ValueError, "products of int8 need scales");
        goto done;
    }
    txe_tiles_begin(tiles);
    tiles->run(&tile);
    txe_tiles_end(tiles);
    result = Py_NewRef(Py_None);
done:
    txe_buffers_release(&buffers);
    return result;
}

/* ---- whole products ---- */

/* The parts of *matrix, N and K set, from tuples of buffers. */
static bool
take_parts(struct txe_matrix *matrix, struct txe_buffers *buffers, PyObject *weights,
           PyObject *biases)
{
    const Py_ssize_t nparts = PyTuple_GET_SIZE(weights);
    if (nparts < 1 || nparts > TXE_MAX_PARTS || PyTuple_GET_SIZE(biases) != nparts ||
        matrix->N % (size_t)nparts != 0) {
        PyErr_Format(PyExc_ValueError,
                     "%zu columns in %zd parts with %zd biases do not fit", matrix->N,
                     nparts, PyTuple_GET_SIZE(biases));
        return false;
    }
    matrix->nparts = (size_t)nparts;
    const size_t width = matrix->N / matrix->nparts;
    for (Py_ssize_t i = 0; i < nparts; i++)
        if (txe_buffers_add(buffers, &matrix->weight[i], PyTuple_GET_ITEM(weights, i),
                            "f", width * matrix->K, PyBUF_SIMPLE) < 0 ||
            txe_buffers_add(buffers, &matrix->bias[i], PyTuple_GET_ITEM(biases, i), "f",
                            width, PyBUF_SIMPLE) < 0)
            return false;
    return true;
}

static PyObject *
kernel_multiply(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa, *format, *name;
    PyObject *y_arg, *x_arg, *scale_arg, *low_arg, *weights, *biases, *params_arg;
    Py_ssize_t ldy, ldx, rows, N, K, first, last;
    int narrow, add, plain;
    if (!PyArg_ParseTuple(args, "ssOnpOnOOnO!O!nnnnpsOp", &isa, &format, &y_arg, &ldy,
                          &narrow, &x_arg, &ldx, &scale_arg, &low_arg, &rows,
                          &PyTuple_Type, &weights, &PyTuple_Type, &biases, &N, &K,
                          &first, &last, &add, &name, &params_arg, &plain))
        return NULL;
    struct txe_kernels kernels;
    struct element element;
    txe_activation act;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    if (txe_kernels_named(&kernels, isa) < 0 || !element_of(&element, format) ||
        !txe_activation_named(&act, name))
        goto done;
    const Py_ssize_t panel = (Py_ssize_t)(kernels.panel_vectors * kernels.lanes);
    const Py_ssize_t written = last != 0 ? TXE_MIN(N, last + panel) : N;
    const Py_ssize_t K_padded =
        (Py_ssize_t)(txe_steps(element.precision, (size_t)K) * element.per_step);
    size_t W_size, x_size, y_size;
    if (!txe_extent(&W_size, N, K, K) || !txe_extent(&x_size, rows, K_padded, ldx) ||
        !txe_extent(&y_size, rows, written, ldy))
        goto done;
    struct txe_matrix matrix = {
        .N = (size_t)N, .K = (size_t)K, .precision = element.precision};
    struct txe_product product = {
        .x = {.stride = (size_t)ldx * element.nbytes},
        .rows = (size_t)rows,
        .first = (size_t)first,
        .last = (size_t)last,
        .ldy = (size_t)ldy,
        .ldy16 = (size_t)ldy,
        .add = add,
        .act = act,
    };
    if (!take_parts(&matrix, &buffers, weights, biases) ||
        READ(product.x.data, x_arg, format, x_size) < 0 ||
        READ(product.x.scale, scale_arg, "f", (size_t)rows) < 0 ||
        READ(product.x.low, low_arg, "f", (size_t)rows) < 0 ||
        READ(product.act_params, params_arg, "f", txe_activation_nparams(act)) < 0 ||
        (narrow ? WRITE(product.y16, y_arg, "H", y_size)
                : WRITE(product.y, y_arg, "f", y_size)) < 0)
        goto done;
    const bool int8 = element.precision == TXE_INT8;
    if (first < 0 || last < 0 || last > N || (last != 0 && first >= last) ||
        (int8 && (K == 0 || product.x.scale == NULL || product.x.low == NULL)) ||
        (plain && (element.precision != TXE_FLOAT32 || narrow)) ||
        (add && (act != TXE_ACT_LINEAR || narrow)) ||
        (txe_activation_nparams(act) != 0 && product.act_params == NULL)) {
        PyErr_SetString(PyExc_ValueError, "these arguments do not go together");
        goto done;
    }
    struct txe_error err;
    const struct txe_packed *packed;
    txe_status status = TXE_OK;
    Py_BEGIN_ALLOW_THREADS
    if (plain) {
        txe_blas_init();
        txe_multiply_plain(&product, &matrix, &kernels);
    } else {
        status = txe_matrix_pack(&packed, &matrix, &kernels, &err);
        if (status == TXE_OK)
            txe_multiply(&product, packed, &kernels);
        txe_matrix_free(&matrix);
    }
    Py_END_ALLOW_THREADS
    result = status == TXE_OK ? Py_NewRef(Py_None) : txe_raise(&err);
done:
    txe_buffers_release(&buffers);
    return result;
}

/* ---- attention ---- */

static PyObject *
kernel_attention(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *isa, *format;
    PyObject *out_arg, *q_arg, *k_arg, *v_arg, *mask_arg, *needed_arg, *bias_arg,
        *probs_arg;
    Py_ssize_t ldo, ldq, ldkv, B, S, H, D;
    int narrow, results_only;
    if (!PyArg_ParseTuple(args, "ssOnpOnOOnnnnnOOpOO", &isa, &format, &out_arg, &ldo,
                          &narrow, &q_arg, &ldq, &k_arg, &v_arg, &ldkv, &B, &S, &H, &D,
                          &mask_arg, &needed_arg, &results_only, &bias_arg, &probs_arg))
        return NULL;
    struct txe_kernels kernels;
    struct element element;
    struct txe_buffers buffers = {.count = 0};
    PyObject *result = NULL;
    void *memory = NULL, *scratch = NULL;
    size_t tokens, scores, plan_nbytes, q_size, kv_size, out_size;
    if (txe_kernels_named(&kernels, isa) < 0 || !element_of(&element, format))
        goto done;
    if (B < 1 || S < 1 || H < 1 || D < 1 || element.precision == TXE_INT8 ||
        D % (Py_ssize_t)element.per_step != 0) {
        PyErr_SetString(PyExc_ValueError, "attention has no such sizes");
        goto done;
    }
    const struct txe_config config = {.family = TXE_DISTILBERT,
                                      .hidden_size = (size_t)(H * D),
                                      .num_heads = (size_t)H,
                                      .max_positions = (size_t)S};
    struct txe_inputs inputs = {.B = (size_t)B, .S = (size_t)S};
    inputs.bias_strides[2] = inputs.S;
    inputs.bias_strides[1] = inputs.S * inputs.S;
    inputs.bias_strides[0] = (size_t)H * inputs.S * inputs.S;
    struct txe_plan plan;
    struct txe_attention attention = {.plan = &plan,
                                      .inputs = &inputs,
                                      .config = &config,
                                      .kernels = &kernels,
                                      .precision = element.precision,
                                      .ldq = (size_t)ldq,
                                      .ldkv = (size_t)ldkv,
                                      .results_only = results_only,
                                      .ldo16 = (size_t)ldo};
    struct txe_error err;
    const bool *needed;
    if (!txe_extent(&tokens, B, S, S) || !txe_extent(&scores, B * H, S * S, S * S) ||
        READ(inputs.mask, mask_arg, "?", tokens) < 0 ||
        READ(needed, needed_arg, "?", tokens) < 0 ||
        READ(inputs.bias, bias_arg, "f", scores) < 0 ||
        WRITE(attention.probs, probs_arg, "f", scores) < 0)
        goto done;
    if (needed == NULL || (results_only && (inputs.bias || attention.probs)) ||
        (narrow ? element.precision != TXE_BFLOAT16 : ldo != H * D)) {
        PyErr_SetString(PyExc_ValueError, "these arguments do not go together");
        goto done;
    }
    if (!txe_plan_nbytes(&plan_nbytes, inputs.B, inputs.S) ||
        (memory = txe_alloc_lines(plan_nbytes)) == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    if (txe_plan_make(&plan, memory, &inputs, &config, needed, results_only, &err) !=
        TXE_OK) {
        txe_raise(&err);
        goto done;
    }
    const Py_ssize_t nqueries = (Py_ssize_t)(results_only ? plan.N : plan.T);
    if (!txe_extent(&q_size, nqueries, H * D, ldq) ||
        !txe_extent(&kv_size, (Py_ssize_t)plan.T, H * D, ldkv) ||
        !txe_extent(&out_size, nqueries, H * D, ldo) ||
        READ(attention.q, q_arg, format, q_size) < 0 ||
        READ(attention.k, k_arg, format, kv_size) < 0 ||
        READ(attention.v, v_arg, format, kv_size) < 0 ||
        (narrow ? WRITE(attention.out16, out_arg, "H", out_size)
                : WRITE(attention.out, out_arg, "f", out_size)) < 0)
        goto done;
    const size_t nworkers = txe_threads_get();
    scratch = txe_alloc_lines(nworkers * txe_attention_scratch(&attention));
    if (scratch == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
    txe_attention_run(&attention, scratch, nworkers);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    free(scratch);
    free(memory);
    txe_buffers_release(&buffers);
    return result;
}

static PyMethodDef testing_methods[] = {
    {"_kernel_to_bf16", kernel_to_bf16, METH_VARARGS, NULL},
    {"_kernel_quantize", kernel_quantize, METH_VARARGS, NULL},
    {"_kernel_quantize_weights", kernel_quantize_weights, METH_VARARGS, NULL},
    {"_kernel_transpose", kernel_transpose, METH_VARARGS, NULL},
    {"_kernel_tile_sizes", kernel_tile_sizes, METH_VARARGS, NULL},
    {"_kernel_tile", kernel_tile, METH_VARARGS, NULL},
    {"_kernel_multiply", kernel_multiply, METH_VARARGS, NULL},
    {"_kernel_attention", kernel_attention, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int
txe_add_testing_products(PyObject *module)
{
    return PyModule_AddFunctions(module, testing_methods);
}
