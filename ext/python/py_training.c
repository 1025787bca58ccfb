/* `_core.Training`: the passes of ext/train for Python. */
#include "python/state.h"

#include <string.h>

#include "base/common.h"
#include "python/convert.h"
#include "python/model_config.h"
#include "python/model_inputs.h"
#include "train/training.h"

typedef struct {
    PyObject_HEAD
    struct txe_training training;
    struct txe_array *arrays; /* [narrays] keep parameters and gradients alive */
    size_t narrays;
    bool busy; /* a step is under way; guarded by the GIL */
} TrainingObject;

/* Takes the gradient of a parameter, which is written to where it lies, or None. */
static int
take_gradient(struct txe_array *array, const struct txe_param *param,
              PyObject *gradients)
{
    PyObject *value = PyMapping_GetItemString(gradients, param->name);
    if (value == NULL)
        return -1;
    int failed = 0;
    if (value != Py_None) {
        failed = txe_param_take(array, param, gradients);
        if (!failed && array->owner != value) {
            PyErr_Format(PyExc_ValueError,
                         "the gradient of '%s' must be a C-contiguous array of the "
                         "parameter's type, as it is added to",
                         param->name);
            failed = -1;
        }
    }
    Py_DECREF(value);
    return failed;
}

/* Points every slot of `weights` at an array of `mapping`. */
static int
take_all(TrainingObject *self, struct txe_weights *weights, PyObject *mapping,
         bool gradients)
{
    struct txe_error err;
    struct txe_param *params = NULL;
    size_t nparams = 0;
    const struct txe_config *config = &self->training.config;
    if (txe_weights_init(weights, config, &err) != TXE_OK ||
        txe_weights_list(&params, &nparams, weights, config, &err) != TXE_OK) {
        txe_raise(&err);
        return -1;
    }
    struct txe_array *arrays =
        txe_realloc(self->arrays, self->narrays + nparams, sizeof *arrays);
    if (arrays == NULL) {
        PyErr_NoMemory();
        free(params);
        return -1;
    }
    self->arrays = arrays;
    for (size_t i = 0; i < nparams; i++) {
        struct txe_array *array = &self->arrays[self->narrays++];
        memset(array, 0, sizeof *array);
        if ((gradients ? take_gradient : txe_param_take)(array, &params[i], mapping) <
            0) {
            free(params);
            return -1;
        }
    }
    free(params);
    return 0;
}

static PyObject *
training_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"config", "parameters",    "gradients",
                               "dtype",  "checkpointing", NULL};
    PyObject *mapping, *parameters, *gradients;
    const char *dtype = "float32";
    int checkpointing = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO|sp:Training", keywords,
                                     &mapping, &parameters, &gradients, &dtype,
                                     &checkpointing))
        return NULL;
    const bool bf16 = strcmp(dtype, "bfloat16") == 0;
    if (!bf16 && strcmp(dtype, "float32") != 0)
        return PyErr_Format(PyExc_ValueError,
                            "dtype is '%s'; models train in 'float32' or in 'bfloat16'",
                            dtype);
    TrainingObject *self = (TrainingObject *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    struct txe_training *training = &self->training;
    training->kernels = &txe_type_state(type)->kernels;
    txe_training_kernels_choose(&training->math, training->kernels);
    training->precision = bf16 ? TXE_BFLOAT16 : TXE_FLOAT32;
    training->checkpointing = checkpointing;
    if (txe_model_config_read(&training->config, mapping) < 0 ||
        take_all(self, &training->weights, parameters, false) < 0 ||
        take_all(self, &training->gradients, gradients, true) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
training_traverse(PyObject *object, visitproc visit, void *arg)
{
    TrainingObject *self = (TrainingObject *)object;
    Py_VISIT(Py_TYPE(self));
    for (size_t i = 0; i < self->narrays; i++)
        Py_VISIT(self->arrays[i].owner);
    return 0;
}

static void
training_dealloc(PyObject *object)
{
    TrainingObject *self = (TrainingObject *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    for (size_t i = 0; i < self->narrays; i++)
        txe_array_release(&self->arrays[i]);
    free(self->arrays);
    txe_weights_free(&self->training.weights);
    txe_weights_free(&self->training.gradients);
    txe_spare_free(&self->training.spare_plan);
    txe_spare_free(&self->training.spare_rows);
    type->tp_free(object);
    Py_DECREF(type);
}

/* ---- a step ---- */

/* One call, held while C computes with it. */
struct call {
    const struct txe_config *config;
    struct txe_inputs inputs;
    struct txe_input_arrays arrays;
    struct txe_array labels, sentence_labels, values, dscores;
    struct txe_targets targets;
    struct txe_step_options options;
    PyObject *scores; /* the array of scores, or NULL */
    PyObject *loss;   /* what gives a loss, or NULL */
    PyObject *ready;  /* what is told of gradients, or NULL */
    double given;     /* the loss that was given */
};

static void
call_release(struct call *call)
{
    txe_inputs_release(&call->arrays);
    txe_array_release(&call->labels);
    txe_array_release(&call->sentence_labels);
    txe_array_release(&call->values);
    txe_array_release(&call->dscores);
    Py_XDECREF(call->scores);
}

static const char *const drop_names[TXE_NDROPS] = {
    [TXE_DROP_EMBEDDINGS] = "embeddings",
    [TXE_DROP_ATTENTION] = "attention",
    [TXE_DROP_ATTENTION_OUTPUT] = "attention_output",
    [TXE_DROP_FEED_FORWARD] = "feed_forward",
    [TXE_DROP_HEAD_INPUT] = "head_input",
    [TXE_DROP_HEAD_OUTPUT] = "head_output",
};

static int
read_rates(double rates[TXE_NDROPS], PyObject *mapping)
{
    for (int i = 0; mapping != Py_None && i < TXE_NDROPS; i++) {
        PyObject *value = PyMapping_GetItemString(mapping, drop_names[i]);
        if (value == NULL)
            return -1;
        rates[i] = PyFloat_AsDouble(value);
        Py_DECREF(value);
        if (rates[i] == -1 && PyErr_Occurred())
            return -1;
        if (!(rates[i] >= 0 && rates[i] < 0.9999)) {
            PyErr_Format(PyExc_ValueError,
                         "the dropout of %s must be from 0 to below 1", drop_names[i]);
            return -1;
        }
    }
    return 0;
}

/* Reads an optional array of labels, [rows] or [rows, columns]. */
static int
read_labels(struct txe_array *array, PyObject *object, txe_dtype dtype, size_t rows,
            size_t columns, const char *what)
{
    if (object == Py_None)
        return 0;
    if (txe_array_read(array, object, dtype, what) < 0)
        return -1;
    if (array->shape[0] == rows &&
        (columns == 0 ? array->ndim == 1
                      : array->ndim == 2 && array->shape[1] == columns))
        return 0;
    PyObject *shape = txe_shape_tuple(array->ndim, array->shape);
    if (shape != NULL && columns == 0)
        PyErr_Format(PyExc_ValueError, "%s have shape %S; the batch needs (%zu,)", what,
                     shape, rows);
    else if (shape != NULL)
        PyErr_Format(PyExc_ValueError, "%s have shape %S; the batch needs (%zu, %zu)",
                     what, shape, rows, columns);
    Py_XDECREF(shape);
    return -1;
}

static int
read_targets(struct call *call, PyObject *labels, PyObject *sentence_labels,
             PyObject *values, Py_ssize_t choices)
{
    const struct txe_config *config = call->config;
    const size_t B = call->inputs.B, S = call->inputs.S;
    struct txe_targets *targets = &call->targets;
    const bool choice = config->head == TXE_HEAD_CHOICE;
    if (choice && (choices < 1 || B % (size_t)choices != 0)) {
        PyErr_Format(PyExc_ValueError,
                     "a batch of %zu sequences is not one of whole choices of %zd", B,
                     choices);
        return -1;
    }
    targets->choices = choice ? (size_t)choices : 1;
    size_t rows = B, columns = 0;
    if (choice)
        rows = B / targets->choices;
    else if (config->head == TXE_HEAD_ANSWER)
        columns = 2;
    else if (txe_config_predicts_tokens(config) || txe_config_classifies_tokens(config))
        columns = S;
    if (read_labels(&call->labels, labels, TXE_I64, rows, columns, "labels") < 0 ||
        read_labels(&call->sentence_labels, sentence_labels, TXE_I64, B, 0,
                    "sentence labels") < 0 ||
        read_labels(&call->values, values, TXE_REAL_DTYPE, B, config->num_labels,
                    "labels") < 0)
        return -1;
    targets->labels = call->labels.data;
    targets->sentence_labels = call->sentence_labels.data;
    targets->values = call->values.data;
    return 0;
}

/* What a loss needs, and the head that it is for. */
static int
check_loss(const struct call *call)
{
    const struct txe_config *config = call->config;
    const struct txe_targets *t = &call->targets;
    const char *missing = NULL;
    const bool values = t->loss == TXE_LOSS_SQUARED_ERROR || t->loss == TXE_LOSS_BINARY;
    if (config->head == TXE_HEAD_NONE && t->loss != TXE_LOSS_GIVEN)
        missing = "a model without a head has no loss of its own: give one";
    else if (config->head == TXE_HEAD_PRETRAINING && t->loss == TXE_LOSS_GIVEN)
        missing = "a model with two heads takes no other loss than its own";
    else if (values && config->head != TXE_HEAD_SEQUENCE)
        missing = "squared_error and binary are losses of sequence classifiers";
    else if (values && t->values == NULL)
        missing = "values must be given for this loss";
    else if (t->sentence_labels != NULL && config->head != TXE_HEAD_PRETRAINING)
        missing = "sentence labels are for models with two heads";
    else if (t->loss == TXE_LOSS_CROSS_ENTROPY && t->labels == NULL &&
             t->sentence_labels == NULL)
        missing = "labels must be given";
    if (missing != NULL)
        PyErr_SetString(PyExc_ValueError, missing);
    return missing != NULL ? -1 : 0;
}

static int
read_loss(struct call *call, PyObject *loss)
{
    static const char *const names[] = {[TXE_LOSS_CROSS_ENTROPY] = "cross_entropy",
                                        [TXE_LOSS_SQUARED_ERROR] = "squared_error",
                                        [TXE_LOSS_BINARY] = "binary"};
    if (PyCallable_Check(loss)) {
        call->targets.loss = TXE_LOSS_GIVEN;
        call->loss = loss;
        return 0;
    }
    for (size_t i = 0; PyUnicode_Check(loss) && i < TXE_LEN(names); i++)
        if (PyUnicode_CompareWithASCIIString(loss, names[i]) == 0) {
            call->targets.loss = (txe_loss)i;
            return 0;
        }
    PyErr_Format(PyExc_ValueError,
                 "loss is %R; it must be 'cross_entropy', 'squared_error', 'binary' or "
                 "a function of the scores",
                 loss);
    return -1;
}

/* Columns of the scores that a loss is given. */
static size_t
score_width(const struct txe_config *config)
{
    if (config->head == TXE_HEAD_NONE)
        return config->hidden_size;
    return txe_config_predicts_tokens(config) ? config->vocab_size : config->num_labels;
}

static int
make_scores(struct call *call)
{
    const struct txe_config *config = call->config;
    const bool tokens = !txe_config_classifies_sequences(config);
    const size_t K = score_width(config);
    const size_t shape[3] = {call->inputs.B, tokens ? call->inputs.S : K, K};
    call->scores =
        txe_array_zeros(TXE_REAL_DTYPE, tokens ? 3 : 2, shape, &call->options.scores);
    return call->scores == NULL ? -1 : 0;
}

/* Called without the GIL: scores to their gradient. */
static txe_status
give_loss(void *context, const txe_real **d_scores, struct txe_error *err)
{
    struct call *call = context;
    txe_status status = TXE_EVALUE;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *result = PyObject_CallFunctionObjArgs(call->loss, call->scores, NULL);
    PyObject *gradient = NULL;
    if (result != NULL && !PyTuple_Check(result))
        PyErr_Format(
            PyExc_TypeError,
            "a loss must return the loss and the gradient of the scores, not %R",
            result);
    else if (result != NULL &&
             PyArg_ParseTuple(result, "dO", &call->given, &gradient) &&
             txe_array_read(&call->dscores, gradient, TXE_REAL_DTYPE,
                            "the gradient of the scores") == 0) {
        const size_t sequences = call->inputs.B, tokens = sequences * call->inputs.S;
        const bool classifies = txe_config_classifies_sequences(call->config);
        const size_t size =
            (classifies ? sequences : tokens) * score_width(call->config);
        if (call->dscores.size == size)
            status = TXE_OK;
        else
            PyErr_Format(PyExc_ValueError,
                         "the gradient of the scores has %zu elements; there are %zu "
                         "scores",
                         call->dscores.size, size);
    }
    Py_XDECREF(result);
    PyGILState_Release(gil);
    *d_scores = call->dscores.data;
    /* The exception is set already. */
    return status == TXE_OK ? TXE_OK : txe_fail(err, TXE_EVALUE, "%s", "");
}

/* Called without the GIL: the gradients of an application are complete. */
static void
tell_ready(void *context, long application)
{
    const struct call *call = context;
    PyGILState_STATE gil = PyGILState_Ensure();
    if (!PyErr_Occurred()) {
        PyObject *result = PyObject_CallFunction(call->ready, "l", application);
        Py_XDECREF(result);
    }
    PyGILState_Release(gil);
}

static PyObject *
make_result(const struct call *call, const struct txe_step_result *r)
{
    const bool given = call->targets.loss == TXE_LOSS_GIVEN;
    return Py_BuildValue("{s(dd)s(nn)s(nn)sns:O}", "losses",
                         given ? call->given : r->losses[0], r->losses[1], "counts",
                         (Py_ssize_t)r->counts[0], (Py_ssize_t)r->counts[1], "correct",
                         (Py_ssize_t)r->correct[0], (Py_ssize_t)r->correct[1], "tokens",
                         (Py_ssize_t)r->ntokens, "scores",
                         call->scores != NULL ? call->scores : Py_None);
}

static PyObject *
training_step(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"loss",
                               "input_ids",
                               "inputs_embeds",
                               "attention_mask",
                               "attention_bias",
                               "token_type_ids",
                               "position_ids",
                               "labels",
                               "sentence_labels",
                               "values",
                               "choices",
                               "scales",
                               "label_smoothing",
                               "dropout",
                               "seed",
                               "step",
                               "first_sample",
                               "backward",
                               "scores",
                               "ready",
                               NULL};
    TrainingObject *self = (TrainingObject *)object;
    struct call call = {.config = &self->training.config};
    struct txe_input_objects objects = TXE_NO_INPUTS;
    PyObject *loss, *labels = Py_None, *sentence_labels = Py_None, *values = Py_None;
    PyObject *dropout = Py_None, *ready = Py_None;
    Py_ssize_t choices = 0;
    double scales[2] = {1, 1}, smoothing = 0;
    unsigned long long seed = 0, step = 0, first_sample = 0;
    int backward = 1, scores = 0;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O|$OOOOOOOOOn(dd)dOKKKppO:step", keywords, &loss,
            &objects.ids, &objects.embeds, &objects.mask, &objects.bias, &objects.types,
            &objects.positions, &labels, &sentence_labels, &values, &choices,
            &scales[0], &scales[1], &smoothing, &dropout, &seed, &step, &first_sample,
            &backward, &scores, &ready))
        return NULL;
    PyObject *result = NULL;
    struct txe_error err;
    struct txe_step_result found;
    if (txe_inputs_read(&call.inputs, &call.arrays, &objects, call.config) < 0 ||
        read_loss(&call, loss) < 0 ||
        read_targets(&call, labels, sentence_labels, values, choices) < 0 ||
        check_loss(&call) < 0 || read_rates(call.options.rates, dropout) < 0)
        goto done;
    call.targets.scales[0] = (txe_real)scales[0];
    call.targets.scales[1] = (txe_real)scales[1];
    call.targets.smoothing = (txe_real)smoothing;
    call.targets.given = give_loss;
    call.targets.context = &call;
    call.options.backward = backward;
    call.options.seed = seed;
    call.options.step = step;
    call.options.first_sample = first_sample;
    call.ready = ready;
    call.options.ready = ready != Py_None ? tell_ready : NULL;
    call.options.context = &call;
    if ((scores || call.loss != NULL) && make_scores(&call) < 0)
        goto done;
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this model is in the middle of a step in another thread");
        goto done;
    }
    self->busy = true;
    txe_status status;
    Py_BEGIN_ALLOW_THREADS
    status = txe_training_step(&self->training, &call.inputs, &call.targets,
                               &call.options, &found, &err);
    Py_END_ALLOW_THREADS
    self->busy = false;
    if (PyErr_Occurred())
        goto done;
    if (status != TXE_OK)
        txe_raise(&err);
    else
        result = make_result(&call, &found);

done:
    call_release(&call);
    return result;
}

static PyMethodDef training_methods[] = {
    {"step", (PyCFunction)(void (*)(void))training_step, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "step($self, loss, /, *, input_ids=None, inputs_embeds=None,\n"
         "     attention_mask=None, attention_bias=None, token_type_ids=None,\n"
         "     position_ids=None, labels=None, sentence_labels=None, values=None,\n"
         "     choices=0, scales=(1.0, 1.0), label_smoothing=0.0, dropout=None, seed=0,\n"
         "     step=0, first_sample=0, backward=True, scores=False, ready=None)\n--\n\n"
         "Forward and, with backward, backward pass over one batch; gradients are added\n"
         "to.  Returns a dict: losses (sums), counts, correct, pairs of numbers; tokens;\n"
         "scores, an array or None.  The GIL is released.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot training_slots[] = {
    {Py_tp_doc,
     (void *)PyDoc_STR(
         "Training(config, parameters, gradients, dtype='float32', checkpointing=False)\n"
         "--\n\n"
         "Training passes of one model over arrays that it is given.")},
    {Py_tp_new, (void *)training_new},
    {Py_tp_dealloc, (void *)training_dealloc},
    {Py_tp_traverse, (void *)training_traverse},
    {Py_tp_methods, training_methods},
    {0, NULL},
};

static PyType_Spec training_spec = {
    .name = "pytxenc._core.Training",
    .basicsize = sizeof(TrainingObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = training_slots,
};

int
txe_add_training(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &training_spec, NULL);
    if (type == NULL)
        return -1;
    const int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}
