/* The Python type EncodePlan: see encode_plan.h. */
#include "python/encode_plan.h"

#include <string.h>

#include "python/convert.h"
#include "python/state.h"

struct plan_object {
    PyObject_HEAD
    struct txe_plan plan;
};

static const char *const field_names[TXE_FIELD_COUNT] = {
    [TXE_FIELD_IDS] = "ids",
    [TXE_FIELD_TYPE_IDS] = "type_ids",
    [TXE_FIELD_ATTENTION_MASK] = "attention_mask",
    [TXE_FIELD_SPECIAL_TOKENS_MASK] = "special_tokens_mask",
    [TXE_FIELD_OFFSETS] = "offsets",
    [TXE_FIELD_WORD_IDS] = "word_ids",
    [TXE_FIELD_SEQUENCE_IDS] = "sequence_ids",
    [TXE_FIELD_TOKENS] = "tokens",
    [TXE_FIELD_LENGTH] = "length",
    [TXE_FIELD_SAMPLE] = "sample",
};

static int
read_choice(const char *text, const char *const *choices, int count, const char *what)
{
    for (int i = 0; i < count; i++)
        if (strcmp(text, choices[i]) == 0)
            return i;
    PyErr_Format(PyExc_ValueError, "'%s' is not a %s", text, what);
    return -1;
}

static int
read_size(PyObject *object, size_t *out, const char *what)
{
    if (object == NULL)
        return 0;
    Py_ssize_t value = PyNumber_AsSsize_t(object, PyExc_ValueError);
    if (value == -1 && PyErr_Occurred())
        return -1;
    if (value < 0) {
        PyErr_Format(PyExc_ValueError, "%s must not be negative: %zd", what, value);
        return -1;
    }
    *out = (size_t)value;
    return 0;
}

static void
want(struct txe_plan *plan, txe_field field)
{
    struct txe_rows *rows = &plan->wanted;
    rows->with_type_ids |= field == TXE_FIELD_TYPE_IDS;
    rows->with_special |= field == TXE_FIELD_SPECIAL_TOKENS_MASK;
    rows->with_offsets |= field == TXE_FIELD_OFFSETS;
    rows->with_words |= field == TXE_FIELD_WORD_IDS;
    rows->with_sequences |= field == TXE_FIELD_SEQUENCE_IDS;
    rows->with_values |= field == TXE_FIELD_TOKENS;
}

/* Fields by name from a mapping of name to key, or from an iterable of names that are
 * their own keys. */
static int
read_fields(struct txe_plan *plan, PyObject *fields)
{
    PyObject *names = PySequence_Tuple(fields);
    if (names == NULL)
        return -1;
    int result = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names) && result >= 0; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        Py_ssize_t nbytes;
        const char *text = txe_utf8(name, &nbytes, "fields");
        result = text != NULL ? read_choice(text, field_names, TXE_FIELD_COUNT, "field")
                              : -1;
        if (result < 0 || plan->nfields == TXE_FIELD_COUNT)
            break;
        PyObject *key =
            PyDict_Check(fields) ? PyDict_GetItemWithError(fields, name) : name;
        if (key == NULL || !PyUnicode_Check(key)) {
            PyErr_Format(PyExc_TypeError, "fields['%s'] must be a str", text);
            result = -1;
            break;
        }
        plan->fields[plan->nfields].field = (txe_field)result;
        plan->fields[plan->nfields++].key = Py_NewRef(key);
        want(plan, (txe_field)result);
    }
    Py_DECREF(names);
    return result < 0 ? -1 : 0;
}

static int
read_id(PyObject *object, int32_t *out, const char *what)
{
    if (object == NULL)
        return 0;
    long value = PyLong_AsLong(object);
    if (value == -1 && PyErr_Occurred())
        return -1;
    if (value < INT32_MIN || value > INT32_MAX) {
        PyErr_Format(PyExc_ValueError, "%s %ld does not fit in 32 bits", what, value);
        return -1;
    }
    *out = (int32_t)value;
    return 0;
}

static int
read_padding(struct txe_padding *out, PyObject *padding, PyObject *multiple,
             const char *side, PyObject *id, PyObject *type_id, PyObject *token)
{
    static const char *const sides[] = {"right", "left"};
    int left = read_choice(side, sides, 2, "padding side");
    if (left < 0 || read_size(multiple, &out->multiple, "pad_to_multiple_of") < 0 ||
        read_id(id, &out->id, "pad_id") < 0 ||
        read_id(type_id, &out->type_id, "pad_type_id") < 0)
        return -1;
    out->left = left;
    out->token = Py_XNewRef(token);
    if (padding == NULL || padding == Py_None)
        return 0;
    out->wanted = true;
    if (PyUnicode_Check(padding) &&
        PyUnicode_CompareWithASCIIString(padding, "longest") == 0)
        return 0;
    out->fixed = true;
    return read_size(padding, &out->width, "padding");
}

static int
read_plan(struct txe_plan *plan, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"pretokenized",
                            "add_special_tokens",
                            "truncation",
                            "max_length",
                            "stride",
                            "truncation_side",
                            "split_special_tokens",
                            "overflow",
                            "fields",
                            "form",
                            "padding",
                            "pad_to_multiple_of",
                            "padding_side",
                            "pad_id",
                            "pad_type_id",
                            "pad_token",
                            NULL};
    static const char *const strategies[] = {"", "longest_first", "only_first",
                                             "only_second"};
    static const char *const sides[] = {"right", "left"};
    static const char *const forms[] = {"flat", "lists", "arrays"};
    int pretokenized = 0, add_special = 1, split_special = 0, overflow = 0;
    const char *truncation = NULL, *side = "right", *padding_side = "right";
    const char *form_name = "flat";
    PyObject *max_length = NULL, *stride = NULL, *fields = NULL, *padding = NULL;
    PyObject *multiple = NULL, *pad_id = NULL, *pad_type_id = NULL, *pad_token = NULL;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "|$ppzOOsppOsOOsOOU:EncodePlan", names, &pretokenized,
            &add_special, &truncation, &max_length, &stride, &side, &split_special,
            &overflow, &fields, &form_name, &padding, &multiple, &padding_side, &pad_id,
            &pad_type_id, &pad_token))
        return -1;
    struct txe_truncate_options *truncate = &plan->options.truncate;
    plan->options.pretokenized = pretokenized;
    plan->options.split_special_tokens = split_special;
    truncate->add_special_tokens = add_special;
    truncate->overflow = overflow;
    int strategy = 0;
    if (truncation != NULL)
        strategy = read_choice(truncation[0] != '\0' ? truncation : "''", strategies,
                               (int)TXE_LEN(strategies), "truncation strategy");
    int left = read_choice(side, sides, (int)TXE_LEN(sides), "truncation side");
    int form = read_choice(form_name, forms, (int)TXE_LEN(forms), "form");
    if (strategy < 0 || left < 0 || form < 0 ||
        (fields != NULL && read_fields(plan, fields) < 0) ||
        read_size(max_length, &truncate->max_length, "max_length") < 0 ||
        read_size(stride, &truncate->stride, "stride") < 0)
        return -1;
    truncate->strategy = (txe_truncation)strategy;
    truncate->left = left;
    plan->form = (txe_form)form;
    return read_padding(&plan->padding, padding, multiple, padding_side, pad_id,
                        pad_type_id, pad_token);
}

static PyObject *
plan_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *self = type->tp_alloc(type, 0);
    if (self != NULL &&
        read_plan(&((struct plan_object *)self)->plan, args, kwargs) < 0)
        Py_CLEAR(self);
    return self;
}

static void
plan_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct txe_plan *plan = &((struct plan_object *)self)->plan;
    for (size_t i = 0; i < plan->nfields; i++)
        Py_DECREF(plan->fields[i].key);
    Py_XDECREF(plan->padding.token);
    type->tp_free(self);
    Py_DECREF(type);
}

const struct txe_plan *
txe_plan_of(PyObject *object, PyTypeObject *plan_type)
{
    if (Py_IS_TYPE(object, plan_type))
        return &((struct plan_object *)object)->plan;
    PyErr_Format(PyExc_TypeError, "expected an EncodePlan, got %s",
                 Py_TYPE(object)->tp_name);
    return NULL;
}

static PyType_Slot plan_slots[] = {
    {Py_tp_new, plan_new},
    {Py_tp_dealloc, plan_dealloc},
    {Py_tp_doc, (void *)PyDoc_STR("EncodePlan(**options)\n--\n\nHow texts are to be "
                                  "encoded and what is to come back.")},
    {0, NULL},
};

static PyType_Spec plan_spec = {
    .name = "pytxenc._core.EncodePlan",
    .basicsize = sizeof(struct plan_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = plan_slots,
};

int
txe_add_encode_plan(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &plan_spec, NULL);
    if (type == NULL)
        return -1;
    txe_module_state(module)->plan_type = (PyTypeObject *)type;
    return PyModule_AddType(module, (PyTypeObject *)type);
}
