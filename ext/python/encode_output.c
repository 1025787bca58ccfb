/* Encoded rows as Python objects: see encode_output.h. */
#include "python/encode_output.h"

#include <stddef.h>
#include <string.h>

#include "base/threads.h"
#include "python/convert.h"

/* Arrays with fewer positions than this are filled by the calling thread. */
#define MIN_PARALLEL_COUNT ((size_t)1 << 16)

/* Rows in parts, as rows of one table that padding has widened. */
struct table {
    const struct txe_plan *plan;
    const struct txe_tokenizer *tokenizer;
    const struct txe_rows *parts;
    size_t nparts, nrows;
    size_t narrowest, widest; /* of the rows, padding included */
    size_t width;             /* that padding widens every row to */
    size_t count;             /* positions of all rows */
    size_t starts[1];         /* [nparts] first position of each part */
};

/* A row before padding. */
struct row {
    const struct txe_rows *part;
    size_t start, end; /* tokens of the part */
};

static struct row
row_at(const struct txe_rows *part, size_t index)
{
    return (struct row){part, index > 0 ? part->ends[index - 1] : 0, part->ends[index]};
}

/* Width of a row once it is padded; one too long already stays as it is. */
static size_t
padded(const struct table *table, struct row row)
{
    return TXE_MAX(row.end - row.start, table->width);
}

#define MAX_WIDTH ((size_t)1 << 40) /* more than any memory holds */

static bool
find_width(struct table *table)
{
    const struct txe_padding *padding = &table->plan->padding;
    size_t width = padding->width;
    if (!padding->wanted)
        return true;
    for (size_t p = 0; !padding->fixed && p < table->nparts; p++) {
        const struct txe_rows *part = &table->parts[p];
        for (size_t i = 0; i < part->nrows; i++) {
            struct row row = row_at(part, i);
            bool cut_off = i > 0 && part->samples[i] == part->samples[i - 1];
            if (!cut_off)
                width = TXE_MAX(width, row.end - row.start);
        }
    }
    if (padding->multiple != 0 && width % padding->multiple != 0 &&
        width <= MAX_WIDTH && padding->multiple <= MAX_WIDTH)
        width += padding->multiple - width % padding->multiple;
    if (width > MAX_WIDTH || padding->multiple > MAX_WIDTH) {
        PyErr_Format(PyExc_ValueError,
                     "rows cannot be padded to %zu tokens: at most %zu are possible",
                     TXE_MAX(width, padding->multiple), MAX_WIDTH);
        return false;
    }
    table->width = width;
    return true;
}

static struct table *
make_table(const struct txe_plan *plan, const struct txe_tokenizer *tokenizer,
           const struct txe_rows *parts, size_t nparts)
{
    struct table *table =
        txe_calloc(1, sizeof *table + nparts * sizeof table->starts[0]);
    if (table == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    table->plan = plan;
    table->tokenizer = tokenizer;
    table->parts = parts;
    table->nparts = nparts;
    table->narrowest = SIZE_MAX;
    if (!find_width(table)) {
        free(table);
        return NULL;
    }
    for (size_t p = 0; p < nparts; p++) {
        table->starts[p] = table->count;
        table->nrows += parts[p].nrows;
        for (size_t i = 0; i < parts[p].nrows; i++) {
            size_t width = padded(table, row_at(&parts[p], i));
            table->narrowest = TXE_MIN(table->narrowest, width);
            table->widest = TXE_MAX(table->widest, width);
            table->count += width;
        }
    }
    return table;
}

/* ---- numbers of each token ---- */

/* Where a field's numbers are, and what a pad position holds. */
struct column {
    size_t offset; /* of the array in struct txe_rows; 0: ones */
    size_t width;  /* numbers for each token */
    int32_t fill;
};

static struct column
column_of(const struct table *table, txe_field field)
{
    const struct txe_padding *padding = &table->plan->padding;
    switch (field) {
    case TXE_FIELD_IDS:
        return (struct column){offsetof(struct txe_rows, ids), 1, padding->id};
    case TXE_FIELD_TYPE_IDS:
        return (struct column){offsetof(struct txe_rows, type_ids), 1,
                               padding->type_id};
    case TXE_FIELD_SPECIAL_TOKENS_MASK:
        return (struct column){offsetof(struct txe_rows, special), 1, 1};
    case TXE_FIELD_OFFSETS:
        return (struct column){offsetof(struct txe_rows, offsets), 2, 0};
    case TXE_FIELD_WORD_IDS:
        return (struct column){offsetof(struct txe_rows, words), 1, -1};
    case TXE_FIELD_SEQUENCE_IDS:
        return (struct column){offsetof(struct txe_rows, sequences), 1, -1};
    default: /* the attention mask */
        return (struct column){SIZE_MAX, 1, 0};
    }
}

/* The numbers of a row's tokens; NULL: all are 1. */
static const int32_t *
numbers_of(struct column column, struct row row)
{
    if (column.offset == SIZE_MAX)
        return NULL;
    const int32_t *numbers;
    memcpy(&numbers, (const char *)row.part + column.offset, sizeof numbers);
    return numbers + row.start * column.width;
}

static int64_t *
put_fill(int64_t *out, size_t count, int32_t fill)
{
    for (size_t i = 0; i < count; i++)
        out[i] = fill;
    return out + count;
}

static int64_t *
put_row(int64_t *out, const struct table *table, struct column column, struct row row)
{
    size_t count = (row.end - row.start) * column.width;
    size_t pads = padded(table, row) * column.width - count;
    bool left = table->plan->padding.left;
    if (left)
        out = put_fill(out, pads, column.fill);
    const int32_t *numbers = numbers_of(column, row);
    for (size_t i = 0; i < count; i++)
        out[i] = numbers != NULL ? numbers[i] : 1;
    out += count;
    return left ? out : put_fill(out, pads, column.fill);
}

struct fill_job {
    const struct table *table;
    struct column column;
    int64_t *out;
};

static void
fill_part(void *context, size_t index, size_t worker)
{
    const struct fill_job *job = context;
    const struct txe_rows *part = &job->table->parts[index];
    int64_t *out = job->out + job->table->starts[index] * job->column.width;
    (void)worker;
    for (size_t i = 0; i < part->nrows; i++)
        out = put_row(out, job->table, job->column, row_at(part, i));
}

/* ---- arrays ---- */

/* Whether all rows are equally long; if not, says so. */
static bool
check_rectangle(const struct table *table, PyObject *key)
{
    if (table->nrows == 0 || table->narrowest == table->widest)
        return true;
    PyErr_Format(
        PyExc_ValueError,
        "cannot make a tensor of '%U': the rows hold from %zu to %zu tokens; use "
        "padding=True and/or truncation=True to make them equal",
        key, table->narrowest, table->widest);
    return false;
}

static PyObject *
token_array(const struct table *table, txe_field field, PyObject *key)
{
    bool flat = table->plan->form == TXE_FORM_FLAT;
    if (!flat && !check_rectangle(table, key))
        return NULL;
    struct fill_job job = {table, column_of(table, field), NULL};
    size_t shape[3], ndim = 0;
    if (!flat)
        shape[ndim++] = table->nrows;
    shape[ndim++] = flat ? table->count : table->widest;
    if (job.column.width != 1)
        shape[ndim++] = job.column.width;
    PyObject *array = txe_array_new(TXE_I64, ndim, shape, &job.out);
    if (array == NULL)
        return NULL;
    if (table->count < MIN_PARALLEL_COUNT) {
        for (size_t p = 0; p < table->nparts; p++)
            fill_part(&job, p, 0);
        return array;
    }
    Py_BEGIN_ALLOW_THREADS
    txe_parallel_for(table->nparts, txe_threads_get(), fill_part, &job);
    Py_END_ALLOW_THREADS
    return array;
}

/* One number for each row: its width, or whose it is. */
static int64_t *
put_row_numbers(int64_t *out, const struct table *table, bool samples)
{
    for (size_t p = 0; p < table->nparts; p++) {
        const struct txe_rows *part = &table->parts[p];
        for (size_t i = 0; i < part->nrows; i++)
            *out++ =
                (int64_t)(samples ? part->samples[i] : padded(table, row_at(part, i)));
    }
    return out;
}

static PyObject *
row_array(const struct table *table, txe_field field)
{
    int64_t *out;
    PyObject *array = txe_array_new(TXE_I64, 1, &table->nrows, &out);
    if (array != NULL)
        put_row_numbers(out, table, field == TXE_FIELD_SAMPLE);
    return array;
}

/* Where each row begins among all positions, and where the last one ends. */
static PyObject *
row_starts(const struct table *table)
{
    int64_t *out;
    const size_t shape = table->nrows + 1;
    PyObject *array = txe_array_new(TXE_I64, 1, &shape, &out);
    if (array == NULL)
        return NULL;
    out[0] = 0;
    put_row_numbers(out + 1, table, false);
    for (size_t i = 1; i < shape; i++)
        out[i] += out[i - 1];
    return array;
}

/* ---- lists ---- */

/* The object for one token: an int, or a pair of them. */
static PyObject *
number_object(const int32_t *numbers, size_t width)
{
    if (width == 1)
        return PyLong_FromLong(numbers[0]);
    return Py_BuildValue("(ii)", (int)numbers[0], (int)numbers[1]);
}

static bool
put_objects(PyObject *list, Py_ssize_t first, size_t count, const int32_t *numbers,
            size_t width)
{
    for (size_t i = 0; i < count; i++) {
        PyObject *object = number_object(numbers + i * width, width);
        if (object == NULL)
            return false;
        PyList_SET_ITEM(list, first + (Py_ssize_t)i, object);
    }
    return true;
}

static void
put_same(PyObject *list, Py_ssize_t first, size_t count, PyObject *object)
{
    for (size_t i = 0; i < count; i++)
        PyList_SET_ITEM(list, first + (Py_ssize_t)i, Py_NewRef(object));
}

static PyObject *
row_list(const struct table *table, struct column column, struct row row)
{
    const int32_t pad[2] = {column.fill, column.fill}, one = 1;
    size_t count = row.end - row.start, width = padded(table, row);
    bool left = table->plan->padding.left;
    Py_ssize_t first = left ? (Py_ssize_t)(width - count) : 0;
    const int32_t *numbers = numbers_of(column, row);
    PyObject *list = PyList_New((Py_ssize_t)width);
    PyObject *filler = number_object(pad, column.width);
    PyObject *constant = number_object(&one, 1);
    if (list == NULL || filler == NULL || constant == NULL) {
        Py_CLEAR(list);
    } else {
        put_same(list, left ? 0 : (Py_ssize_t)count, width - count, filler);
        if (numbers == NULL)
            put_same(list, first, count, constant);
        else if (!put_objects(list, first, count, numbers, column.width))
            Py_CLEAR(list);
    }
    Py_XDECREF(filler);
    Py_XDECREF(constant);
    return list;
}

static PyObject *
token_lists(const struct table *table, txe_field field, bool single)
{
    struct column column = column_of(table, field);
    if (single)
        return row_list(table, column, row_at(&table->parts[0], 0));
    PyObject *lists = PyList_New((Py_ssize_t)table->nrows);
    Py_ssize_t at = 0;
    for (size_t p = 0; p < table->nparts; p++) {
        const struct txe_rows *part = &table->parts[p];
        for (size_t i = 0; lists != NULL && i < part->nrows; i++) {
            PyObject *list = row_list(table, column, row_at(part, i));
            if (list == NULL)
                Py_CLEAR(lists);
            else
                PyList_SET_ITEM(lists, at++, list);
        }
    }
    return lists;
}

/* ---- strings ---- */

static bool
put_string(PyObject *list, Py_ssize_t *at, PyObject *string)
{
    if (string != NULL)
        PyList_SET_ITEM(list, (*at)++, string);
    return string != NULL;
}

static PyObject *
token_string(const struct table *table, const struct txe_rows *part, size_t token)
{
    size_t nbytes = 0;
    const char *bytes =
        part->own[token] != 0
            ? txe_strings_at(&part->values, (size_t)part->own[token] - 1, &nbytes)
            : txe_token_text(table->tokenizer, part->ids[token], &nbytes);
    return PyUnicode_DecodeUTF8(bytes != NULL ? bytes : "", (Py_ssize_t)nbytes,
                                "replace");
}

/* The strings of all positions of all rows. */
static PyObject *
token_strings(const struct table *table)
{
    const struct txe_padding *padding = &table->plan->padding;
    PyObject *pad = padding->token != NULL ? Py_NewRef(padding->token)
                                           : PyUnicode_FromStringAndSize(NULL, 0);
    PyObject *list = PyList_New((Py_ssize_t)table->count);
    bool good = pad != NULL && list != NULL;
    Py_ssize_t at = 0;
    for (size_t p = 0; p < table->nparts; p++) {
        const struct txe_rows *part = &table->parts[p];
        for (size_t i = 0; good && i < part->nrows; i++) {
            struct row row = row_at(part, i);
            size_t pads = padded(table, row) - (row.end - row.start);
            for (size_t k = 0; good && padding->left && k < pads; k++)
                good = put_string(list, &at, Py_NewRef(pad));
            for (size_t k = row.start; good && k < row.end; k++)
                good = put_string(list, &at, token_string(table, part, k));
            for (size_t k = 0; good && !padding->left && k < pads; k++)
                good = put_string(list, &at, Py_NewRef(pad));
        }
    }
    Py_XDECREF(pad);
    if (!good)
        Py_CLEAR(list);
    return list;
}

/* ---- all fields ---- */

static PyObject *
field_object(const struct table *table, txe_field field, PyObject *key, bool single)
{
    bool lists = table->plan->form == TXE_FORM_LISTS;
    if (field == TXE_FIELD_TOKENS)
        return token_strings(table);
    if (field != TXE_FIELD_LENGTH && field != TXE_FIELD_SAMPLE)
        return lists ? token_lists(table, field, single)
                     : token_array(table, field, key);
    PyObject *array = row_array(table, field);
    if (array != NULL && lists) {
        PyObject *list = PyObject_CallMethod(array, "tolist", NULL);
        Py_SETREF(array, list);
    }
    return array;
}

static bool
put_field(PyObject *dict, PyObject *key, PyObject *value)
{
    bool good = value != NULL && PyDict_SetItem(dict, key, value) == 0;
    Py_XDECREF(value);
    return good;
}

PyObject *
txe_encode_output(const struct txe_plan *plan, const struct txe_tokenizer *tokenizer,
                  const struct txe_rows *parts, size_t nparts, bool single)
{
    struct table *table = make_table(plan, tokenizer, parts, nparts);
    if (table == NULL)
        return NULL;
    PyObject *dict = PyDict_New();
    bool good = dict != NULL;
    if (good && plan->form == TXE_FORM_FLAT) {
        PyObject *key = PyUnicode_InternFromString("rows");
        good = key != NULL && put_field(dict, key, row_starts(table));
        Py_XDECREF(key);
    }
    bool alone = single && !plan->options.truncate.overflow;
    for (size_t i = 0; good && i < plan->nfields; i++) {
        PyObject *key = plan->fields[i].key;
        good = put_field(dict, key,
                         field_object(table, plan->fields[i].field, key, alone));
    }
    if (!good)
        Py_CLEAR(dict);
    free(table);
    return dict;
}
