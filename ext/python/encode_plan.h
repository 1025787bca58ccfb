/* How texts are to be encoded and what is to come back: the type EncodePlan.
 *
 * A plan is made once for all calls with the same arguments, so that a call has nothing
 * to read but its texts.  Immutable. */
#ifndef TXE_PYTHON_ENCODE_PLAN_H
#define TXE_PYTHON_ENCODE_PLAN_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "text/tokenizer.h"

/* What there is to be had of each token or row. */
typedef enum {
    TXE_FIELD_IDS,
    TXE_FIELD_TYPE_IDS,
    TXE_FIELD_ATTENTION_MASK,
    TXE_FIELD_SPECIAL_TOKENS_MASK,
    TXE_FIELD_OFFSETS,
    TXE_FIELD_WORD_IDS,
    TXE_FIELD_SEQUENCE_IDS,
    TXE_FIELD_TOKENS, /* their strings */
    TXE_FIELD_LENGTH, /* of each row, padding included */
    TXE_FIELD_SAMPLE, /* whose row each is */
    TXE_FIELD_COUNT
} txe_field;

typedef enum {
    TXE_FORM_FLAT,   /* rows end to end, int64, and where they begin */
    TXE_FORM_LISTS,  /* lists of Python integers */
    TXE_FORM_ARRAYS, /* int64 [rows, width] */
} txe_form;

/* How rows are widened; of rows that truncation cut off the length does not count. */
struct txe_padding {
    bool wanted;
    bool fixed; /* to `width` tokens; otherwise to the longest row */
    bool left;
    size_t width, multiple; /* up to a multiple of; 0: of one */
    int32_t id, type_id;
    PyObject *token; /* str, for TOKENS; NULL: "" */
};

struct txe_plan {
    struct txe_encode_options options;
    struct txe_rows wanted; /* its with_* flags */
    txe_form form;
    struct txe_padding padding;
    struct {
        txe_field field;
        PyObject *key; /* str, what it is called in the result */
    } fields[TXE_FIELD_COUNT];
    size_t nfields;
};

/* Makes the type and adds it to the module.  0, or -1 with an exception set. */
int txe_add_encode_plan(PyObject *module);

/* The plan of an EncodePlan, valid while it lives; NULL with a TypeError. */
const struct txe_plan *txe_plan_of(PyObject *object, PyTypeObject *plan_type);

#endif
