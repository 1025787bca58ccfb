/* Steps of optimisers as Python sees them: train/optimizer.h over NumPy arrays. */
#include "python/state.h"

#include <string.h>

#include "base/common.h"
#include "base/memory.h"
#include "python/buffers.h"
#include "python/convert.h"
#include "train/optimizer.h"

/* ---- rules: the coefficients of a group, in the order of _core.pyi ---- */

static struct txe_adam
adam_of(const double *row, double clip)
{
    return (struct txe_adam){
        .clip = (float)clip,
        .beta1 = (float)row[0],
        .rest1 = (float)(1.0 - row[0]),
        .beta2 = (float)row[1],
        .rest2 = (float)(1.0 - row[1]),
        .step = (float)row[2],
        .scale = (float)row[3],
        .eps = (float)row[4],
        .decay = (float)row[5],
    };
}

static void
set_adam(void *groups, size_t i, const double *row, double clip)
{
    ((struct txe_adam *)groups)[i] = adam_of(row, clip);
}

static void
set_lamb(void *groups, size_t i, const double *row, double clip)
{
    ((struct txe_lamb *)groups)[i] = (struct txe_lamb){
        .adam = adam_of(row, clip),
        .lr = row[6],
        .adapt = row[7] != 0.0,
        .low = row[8],
        .high = row[9],
        .max_ratio = row[10],
    };
}

static void
set_sgd(void *groups, size_t i, const double *row, double clip)
{
    ((struct txe_sgd *)groups)[i] = (struct txe_sgd){
        .clip = (float)clip,
        .lr = (float)row[0],
        .decay = (float)row[1],
        .momentum = (float)row[2],
        .rest = (float)row[3],
        .nesterov = row[4] != 0.0,
    };
}

struct call {
    struct txe_buffers buffers;
    float *values, *states[2];
    const float *gradients;
    struct txe_segment *segments;
    size_t nsegments;
    void *groups;
    size_t ngroups;
};

static txe_status
run_adam(const struct call *c, const struct txe_optimizer_kernels *kernels,
         struct txe_error *err)
{
    return txe_adam_step(c->values, c->states[0], c->states[1], c->gradients,
                         (struct txe_segments){c->segments, c->nsegments}, c->groups,
                         kernels, err);
}

static txe_status
run_lamb(const struct call *c, const struct txe_optimizer_kernels *kernels,
         struct txe_error *err)
{
    return txe_lamb_step(c->values, c->states[0], c->states[1], c->gradients,
                         (struct txe_segments){c->segments, c->nsegments}, c->groups,
                         kernels, err);
}

static txe_status
run_sgd(const struct call *c, const struct txe_optimizer_kernels *kernels,
        struct txe_error *err)
{
    return txe_sgd_step(c->values, c->states[0], c->gradients,
                        (struct txe_segments){c->segments, c->nsegments}, c->groups,
                        kernels, err);
}

static const struct rule {
    const char *name;
    size_t min_states, max_states;
    size_t columns; /* of the coefficients */
    size_t nbytes;  /* of a group */
    void (*set)(void *groups, size_t i, const double *row, double clip);
    txe_status (*run)(const struct call *c, const struct txe_optimizer_kernels *kernels,
                      struct txe_error *err);
} rules[] = {
    {"adam", 2, 2, 6, sizeof(struct txe_adam), set_adam, run_adam},
    {"lamb", 2, 2, 11, sizeof(struct txe_lamb), set_lamb, run_lamb},
    {"sgd", 0, 1, 5, sizeof(struct txe_sgd), set_sgd, run_sgd},
};

/* ---- arguments ---- */

static void
call_release(struct call *call)
{
    txe_buffers_release(&call->buffers);
    free(call->segments);
    free(call->groups);
}

/* *out = the elements of a float32 array, of at least `count`. */
static int
read_floats(struct call *call, void *out, PyObject *object, size_t count, int flags)
{
    if (object == Py_None) {
        PyErr_SetString(PyExc_TypeError, "expected a float32 array, got None");
        return -1;
    }
    return txe_buffers_add(&call->buffers, out, object, "f", count, flags);
}

/* Elements of the array that was read last. */
static size_t
count_of(const struct call *call)
{
    const Py_buffer *view = &call->buffers.views[call->buffers.count - 1];
    return (size_t)(view->len / view->itemsize);
}

/* Reads segments [N, 3] (offset, size, group) of arrays of `size` elements. */
static int
read_segments(struct call *call, PyObject *object, size_t size, size_t ngroups)
{
    struct txe_array array;
    if (txe_array_read(&array, object, TXE_I64, "segments") < 0)
        return -1;
    int result = -1;
    if (array.ndim != 2 || array.shape[1] != 3) {
        PyErr_SetString(PyExc_ValueError,
                        "segments: expected an array of shape [N, 3]");
        goto done;
    }
    call->nsegments = array.shape[0];
    call->segments = txe_alloc(call->nsegments, sizeof *call->segments);
    if (call->segments == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    const int64_t *row = array.data;
    for (size_t i = 0; i < call->nsegments; i++, row += 3) {
        if (row[0] < 0 || row[1] < 0 || (uint64_t)row[0] > size ||
            (uint64_t)row[1] > size - (size_t)row[0] || row[2] < 0 ||
            (uint64_t)row[2] >= ngroups) {
            PyErr_Format(
                PyExc_ValueError,
                "segments[%zu]: %lld elements from %lld on, of group %lld, where "
                "there are %zu elements and %zu groups",
                i, (long long)row[1], (long long)row[0], (long long)row[2], size,
                ngroups);
            goto done;
        }
        call->segments[i] =
            (struct txe_segment){(size_t)row[0], (size_t)row[1], (size_t)row[2]};
    }
    result = 0;

done:
    txe_array_release(&array);
    return result;
}

static int
read_groups(struct call *call, const struct rule *rule, PyObject *object, double clip)
{
    struct txe_array array;
    if (txe_array_read(&array, object, TXE_F64, "groups") < 0)
        return -1;
    int result = -1;
    if (array.ndim != 2 || array.shape[1] != rule->columns) {
        PyErr_Format(PyExc_ValueError, "groups: expected an array of shape [G, %zu]",
                     rule->columns);
        goto done;
    }
    call->ngroups = array.shape[0];
    call->groups = txe_alloc(call->ngroups, rule->nbytes);
    if (call->groups == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (size_t i = 0; i < call->ngroups; i++)
        rule->set(call->groups, i, (const double *)array.data + i * rule->columns,
                  clip);
    result = 0;

done:
    txe_array_release(&array);
    return result;
}

static int
read_states(struct call *call, const struct rule *rule, PyObject *states, size_t size)
{
    size_t count = (size_t)PyTuple_GET_SIZE(states);
    if (count < rule->min_states || count > rule->max_states) {
        PyErr_Format(PyExc_ValueError, "%s: not a rule with %zu arrays of state",
                     rule->name, count);
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (read_floats(call, &call->states[i], PyTuple_GET_ITEM(states, (Py_ssize_t)i),
                        size, PyBUF_WRITABLE) < 0)
            return -1;
    return 0;
}

/* ---- functions ---- */

static PyObject *
optimizer_step(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *values, *states, *gradients, *segments, *groups;
    double clip;
    if (!PyArg_ParseTuple(args, "sOO!OOOd:optimizer_step", &name, &values,
                          &PyTuple_Type, &states, &gradients, &segments, &groups,
                          &clip))
        return NULL;
    const struct rule *rule = NULL;
    for (size_t i = 0; i < TXE_LEN(rules); i++)
        if (strcmp(name, rules[i].name) == 0)
            rule = &rules[i];
    if (rule == NULL)
        return PyErr_Format(PyExc_ValueError, "optimizer_step: no rule '%s'", name);
    const struct txe_optimizer_kernels *kernels =
        &txe_module_state(module)->kernels.optimizer;
    struct call call = {.buffers = {.count = 0}};
    PyObject *result = NULL;
    if (read_floats(&call, &call.values, values, 0, PyBUF_WRITABLE) < 0)
        goto done;
    size_t size = count_of(&call);
    if (read_states(&call, rule, states, size) < 0 ||
        read_floats(&call, &call.gradients, gradients, size, PyBUF_SIMPLE) < 0 ||
        read_groups(&call, rule, groups, clip) < 0 ||
        read_segments(&call, segments, size, call.ngroups) < 0)
        goto done;
    struct txe_error err;
    txe_status status;
    Py_BEGIN_ALLOW_THREADS
    status = rule->run(&call, kernels, &err);
    Py_END_ALLOW_THREADS
    result = status == TXE_OK ? Py_NewRef(Py_None) : txe_raise(&err);

done:
    call_release(&call);
    return result;
}

static PyObject *
gradient_norm(PyObject *module, PyObject *args)
{
    PyObject *gradients, *segments;
    if (!PyArg_ParseTuple(args, "OO:gradient_norm", &gradients, &segments))
        return NULL;
    const struct txe_optimizer_kernels *kernels =
        &txe_module_state(module)->kernels.optimizer;
    struct call call = {.buffers = {.count = 0}};
    PyObject *result = NULL;
    if (read_floats(&call, &call.gradients, gradients, 0, PyBUF_SIMPLE) < 0 ||
        read_segments(&call, segments, count_of(&call), SIZE_MAX) < 0)
        goto done;
    double norm;
    struct txe_error err;
    txe_status status;
    Py_BEGIN_ALLOW_THREADS
    status = txe_gradient_norm(&norm, call.gradients,
                               (struct txe_segments){call.segments, call.nsegments},
                               kernels, &err);
    Py_END_ALLOW_THREADS
    result = status == TXE_OK ? PyFloat_FromDouble(norm) : txe_raise(&err);

done:
    call_release(&call);
    return result;
}

static PyObject *
fill_zero(PyObject *Py_UNUSED(module), PyObject *array)
{
    struct call call = {.buffers = {.count = 0}};
    PyObject *result = NULL;
    if (read_floats(&call, &call.values, array, 0, PyBUF_WRITABLE) == 0) {
        Py_BEGIN_ALLOW_THREADS
        txe_fill_zero(call.values, count_of(&call));
        Py_END_ALLOW_THREADS
        result = Py_NewRef(Py_None);
    }
    call_release(&call);
    return result;
}

static PyObject *
use_small_pages(PyObject *Py_UNUSED(module), PyObject *array)
{
    struct call call = {.buffers = {.count = 0}};
    PyObject *result = NULL;
    if (read_floats(&call, &call.values, array, 0, PyBUF_WRITABLE) == 0) {
        txe_pages_small(call.values, count_of(&call) * sizeof *call.values);
        result = Py_NewRef(Py_None);
    }
    call_release(&call);
    return result;
}

static PyObject *
blend(PyObject *module, PyObject *args)
{
    PyObject *average, *values;
    float weight;
    if (!PyArg_ParseTuple(args, "OOf:blend", &average, &values, &weight))
        return NULL;
    struct call call = {.buffers = {.count = 0}};
    PyObject *result = NULL;
    if (read_floats(&call, &call.values, average, 0, PyBUF_WRITABLE) == 0) {
        size_t size = count_of(&call);
        if (read_floats(&call, &call.gradients, values, size, PyBUF_SIMPLE) == 0) {
            Py_BEGIN_ALLOW_THREADS
            txe_blend(call.values, call.gradients, weight, size,
                      &txe_module_state(module)->kernels.optimizer);
            Py_END_ALLOW_THREADS
            result = Py_NewRef(Py_None);
        }
    }
    call_release(&call);
    return result;
}

static PyMethodDef functions[] = {
    {"optimizer_step", optimizer_step, METH_VARARGS,
     PyDoc_STR(
         "optimizer_step(rule, values, states, gradients, segments, groups, clip, "
         "/)\n--\n\nUpdate the segments of flat parameters.")},
    {"gradient_norm", gradient_norm, METH_VARARGS,
     PyDoc_STR("gradient_norm(gradients, segments, /)\n--\n\n"
               "Euclidean norm of all segments together.")},
    {"fill_zero", fill_zero, METH_O,
     PyDoc_STR("fill_zero(array, /)\n--\n\nSet a float32 array to zero.")},
    {"use_small_pages", use_small_pages, METH_O,
     PyDoc_STR("use_small_pages(array, /)\n--\n\n"
               "Ask for small pages under a float32 array of which little will be\n"
               "written.")},
    {"blend", blend, METH_VARARGS,
     PyDoc_STR("blend(average, values, weight, /)\n--\n\n"
               "average += weight * (values - average), in float32.")},
    {NULL, NULL, 0, NULL},
};

int
txe_add_optimizer(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
