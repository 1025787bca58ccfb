/* Texts in, arrays out: see encode_batch.h. */
#include "python/encode_batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/threads.h"
#include "python/convert.h"

/* Batches with less text than this are not worth waking other threads for. */
#define MIN_PARALLEL_NBYTES ((size_t)16 << 10)
/* Parts of a batch for each thread, so that slow texts in one of them even out. */
#define CHUNKS_PER_THREAD 4

/* The strings of `texts` or `pairs`. */
struct batch {
    PyObject *keep; /* tuple of str, or of tuples of str, which own the bytes */
    struct txe_str *strings;
    struct txe_input *inputs; /* [count], parts in `strings` */
    size_t count, nbytes;
};

static void
batch_free(struct batch *batch)
{
    Py_CLEAR(batch->keep);
    free(batch->strings);
    free(batch->inputs);
}

static bool
add_string(struct batch *batch, struct txe_str *string, PyObject *object,
           const char *name, Py_ssize_t index, Py_ssize_t word)
{
    Py_ssize_t nbytes;
    const char *bytes = NULL;
    if (PyUnicode_Check(object))
        bytes = PyUnicode_AsUTF8AndSize(object, &nbytes);
    if (bytes == NULL) {
        char what[80];
        if (word < 0)
            snprintf(what, sizeof what, "%s[%zd]", name, index);
        else
            snprintf(what, sizeof what, "%s[%zd][%zd]", name, index, word);
        PyErr_Clear();
        bytes = txe_utf8(object, &nbytes, what);
        if (bytes == NULL)
            return false;
    }
    *string = (struct txe_str){bytes, (size_t)nbytes};
    batch->nbytes += (size_t)nbytes;
    return true;
}

static PyObject *
as_tuple(PyObject *object, const char *name, Py_ssize_t index)
{
    if (!PyUnicode_Check(object) && PySequence_Check(object))
        return PySequence_Tuple(object);
    char where[32] = "";
    if (index >= 0)
        snprintf(where, sizeof where, "[%zd]", index);
    return PyErr_Format(PyExc_TypeError, "%s%s: expected a list of %s, got %s", name,
                        where, index >= 0 ? "words" : "texts",
                        Py_TYPE(object)->tp_name);
}

/* Replaces each text's list of words by a tuple of its own and counts the words. */
static bool
own_words(struct batch *batch, const char *name, size_t *nwords)
{
    *nwords = 0;
    PyObject *outer = PyTuple_New((Py_ssize_t)batch->count);
    if (outer == NULL)
        return false;
    for (size_t i = 0; i < batch->count; i++) {
        PyObject *words = PyTuple_GET_ITEM(batch->keep, (Py_ssize_t)i);
        PyObject *tuple = as_tuple(words, name, (Py_ssize_t)i);
        if (tuple == NULL) {
            Py_DECREF(outer);
            return false;
        }
        PyTuple_SET_ITEM(outer, (Py_ssize_t)i, tuple);
        *nwords += (size_t)PyTuple_GET_SIZE(tuple);
    }
    Py_SETREF(batch->keep, outer);
    return true;
}

static bool
batch_read(struct batch *batch, PyObject *texts, bool pretokenized, const char *name)
{
    batch->keep = as_tuple(texts, name, -1);
    if (batch->keep == NULL)
        return false;
    batch->count = (size_t)PyTuple_GET_SIZE(batch->keep);
    size_t nstrings = batch->count;
    if (pretokenized && !own_words(batch, name, &nstrings))
        return false;
    batch->strings = txe_alloc(nstrings, sizeof *batch->strings);
    batch->inputs = txe_alloc(batch->count, sizeof *batch->inputs);
    if (batch->strings == NULL || batch->inputs == NULL) {
        PyErr_NoMemory();
        return false;
    }
    struct txe_str *string = batch->strings;
    for (Py_ssize_t i = 0; i < (Py_ssize_t)batch->count; i++) {
        PyObject *text = PyTuple_GET_ITEM(batch->keep, i);
        struct txe_input *input = &batch->inputs[i];
        *input = (struct txe_input){string, 1};
        if (!pretokenized) {
            if (!add_string(batch, string++, text, name, i, -1))
                return false;
            continue;
        }
        input->nparts = (size_t)PyTuple_GET_SIZE(text);
        for (Py_ssize_t k = 0; k < (Py_ssize_t)input->nparts; k++)
            if (!add_string(batch, string++, PyTuple_GET_ITEM(text, k), name, i, k))
                return false;
    }
    return true;
}

/* Neighbouring texts that one thread encodes into rows of their own. */
struct chunk {
    size_t first, end;
    struct txe_rows rows;
    struct txe_error err;
};

struct job {
    const struct txe_tokenizer *tokenizer;
    const struct txe_encode_options *options;
    const struct txe_input *texts, *pairs; /* pairs may be NULL */
    struct chunk *chunks;
};

static void
encode_chunk(void *context, size_t index, size_t worker)
{
    const struct job *job = context;
    struct chunk *chunk = &job->chunks[index];
    struct txe_workspace workspace = {0};
    struct txe_error cause;
    (void)worker;
    for (size_t i = chunk->first; i < chunk->end; i++) {
        txe_status status = txe_encode(job->tokenizer, job->options, &job->texts[i],
                                       job->pairs != NULL ? &job->pairs[i] : NULL,
                                       (int64_t)i, &workspace, &chunk->rows, &cause);
        if (status != TXE_OK) {
            txe_fail(&chunk->err, status, "texts[%zu]: %s", i, cause.message);
            break;
        }
    }
    txe_workspace_free(&workspace);
}

static size_t
input_nbytes(const struct txe_input *input)
{
    size_t nbytes = 1; /* empty texts cost something too */
    for (size_t i = 0; i < input->nparts; i++)
        nbytes += input->parts[i].nbytes;
    return nbytes;
}

/* Cuts the batch into at most `nchunks` chunks of about the same number of bytes. */
static size_t
cut_chunks(const struct job *job, size_t count, size_t total_nbytes, size_t nchunks)
{
    size_t share = (total_nbytes + count) / nchunks + 1;
    size_t used = 0, nbytes = 0;
    job->chunks[0].first = 0;
    for (size_t i = 0; i < count; i++) {
        nbytes += input_nbytes(&job->texts[i]);
        if (job->pairs != NULL)
            nbytes += input_nbytes(&job->pairs[i]) - 1;
        if (nbytes >= share && used + 1 < nchunks && i + 1 < count) {
            job->chunks[used++].end = i + 1;
            job->chunks[used].first = i + 1;
            nbytes = 0;
        }
    }
    job->chunks[used].end = count;
    return used + 1;
}

/* ---- arrays ---- */

/* Adds to the dict the chunks' arrays at `offset` of struct txe_rows, end to end. */
static bool
add_array(PyObject *dict, const char *name, const struct chunk *chunks, size_t nchunks,
          size_t offset, size_t width, size_t count, bool by_row)
{
    char *out;
    const size_t shape[2] = {count, width};
    PyObject *array = txe_array_new(TXE_I64, width == 1 ? 1 : 2, shape, &out);
    if (array == NULL)
        return false;
    for (size_t i = 0; i < nchunks; i++) {
        const struct txe_rows *rows = &chunks[i].rows;
        const int64_t *from;
        memcpy(&from, (const char *)rows + offset, sizeof from);
        size_t nbytes = (by_row ? rows->nrows : rows->count) * width * sizeof *from;
        if (nbytes != 0)
            memcpy(out, from, nbytes);
        out += nbytes;
    }
    int result = PyDict_SetItemString(dict, name, array);
    Py_DECREF(array);
    return result == 0;
}

static bool
add_row_ends(PyObject *dict, const struct chunk *chunks, size_t nchunks, size_t nrows)
{
    int64_t *out;
    const size_t shape = nrows + 1;
    PyObject *array = txe_array_new(TXE_I64, 1, &shape, &out);
    if (array == NULL)
        return false;
    size_t before = 0;
    *out++ = 0;
    for (size_t i = 0; i < nchunks; i++) {
        const struct txe_rows *rows = &chunks[i].rows;
        for (size_t k = 0; k < rows->nrows; k++)
            *out++ = (int64_t)(before + rows->ends[k]);
        before += rows->count;
    }
    int result = PyDict_SetItemString(dict, "rows", array);
    Py_DECREF(array);
    return result == 0;
}

/* Adds the list of the strings of all tokens. */
static bool
add_tokens(PyObject *dict, const struct txe_tokenizer *tokenizer,
           const struct chunk *chunks, size_t nchunks, size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    Py_ssize_t at = 0;
    for (size_t i = 0; list != NULL && i < nchunks; i++) {
        const struct txe_rows *rows = &chunks[i].rows;
        for (size_t k = 0; list != NULL && k < rows->count; k++) {
            size_t nbytes = 0;
            const char *bytes =
                rows->own[k] != 0
                    ? txe_strings_at(&rows->values, (size_t)rows->own[k] - 1, &nbytes)
                    : txe_token_text(tokenizer, rows->ids[k], &nbytes);
            PyObject *token = PyUnicode_DecodeUTF8(bytes != NULL ? bytes : "",
                                                   (Py_ssize_t)nbytes, "replace");
            if (token == NULL)
                Py_CLEAR(list);
            else
                PyList_SET_ITEM(list, at++, token);
        }
    }
    int result = list == NULL ? -1 : PyDict_SetItemString(dict, "tokens", list);
    Py_XDECREF(list);
    return result == 0;
}

static PyObject *
make_arrays(const struct job *job, size_t nchunks, const struct txe_rows *wanted)
{
    const struct chunk *chunks = job->chunks;
    const bool overflow = job->options->truncate.overflow;
    const struct {
        const char *name;
        size_t offset, width;
        bool wanted, by_row;
    } fields[] = {
        {"ids", offsetof(struct txe_rows, ids), 1, true, false},
        {"sample", offsetof(struct txe_rows, samples), 1, overflow, true},
        {"type_ids", offsetof(struct txe_rows, type_ids), 1, wanted->with_type_ids,
         false},
        {"special_tokens_mask", offsetof(struct txe_rows, special), 1,
         wanted->with_special, false},
        {"offsets", offsetof(struct txe_rows, offsets), 2, wanted->with_offsets, false},
        {"word_ids", offsetof(struct txe_rows, words), 1, wanted->with_words, false},
        {"sequence_ids", offsetof(struct txe_rows, sequences), 1,
         wanted->with_sequences, false},
    };
    size_t count = 0, nrows = 0;
    for (size_t i = 0; i < nchunks; i++) {
        count += chunks[i].rows.count;
        nrows += chunks[i].rows.nrows;
    }
    PyObject *dict = PyDict_New();
    if (dict == NULL)
        return NULL;
    bool good = add_row_ends(dict, chunks, nchunks, nrows);
    for (size_t i = 0; good && i < TXE_LEN(fields); i++)
        if (fields[i].wanted)
            good = add_array(dict, fields[i].name, chunks, nchunks, fields[i].offset,
                             fields[i].width, fields[i].by_row ? nrows : count,
                             fields[i].by_row);
    if (good && wanted->with_values)
        good = add_tokens(dict, job->tokenizer, chunks, nchunks, count);
    if (!good)
        Py_CLEAR(dict);
    return dict;
}

static PyObject *
run(struct job *job, size_t count, size_t nbytes, const struct txe_rows *wanted)
{
    size_t nthreads = nbytes < MIN_PARALLEL_NBYTES ? 1 : txe_threads_get();
    size_t nchunks = nthreads == 1 ? 1 : nthreads * CHUNKS_PER_THREAD;
    job->chunks = txe_calloc(nchunks, sizeof *job->chunks);
    if (job->chunks == NULL)
        return PyErr_NoMemory();
    for (size_t i = 0; i < nchunks; i++)
        job->chunks[i].rows = *wanted;
    size_t nused = cut_chunks(job, count, nbytes, nchunks);
    Py_BEGIN_ALLOW_THREADS
    if (nused == 1)
        encode_chunk(job, 0, 0);
    else
        txe_parallel_for(nused, nthreads, encode_chunk, job);
    Py_END_ALLOW_THREADS
    PyObject *result = NULL;
    size_t bad = 0;
    while (bad < nused && job->chunks[bad].err.status == TXE_OK)
        bad++;
    if (bad < nused)
        txe_raise(&job->chunks[bad].err);
    else
        result = make_arrays(job, nused, wanted);
    for (size_t i = 0; i < nchunks; i++)
        txe_rows_free(&job->chunks[i].rows);
    free(job->chunks);
    return result;
}

PyObject *
txe_encode_batch(const struct txe_tokenizer *tokenizer,
                 const struct txe_encode_options *options, PyObject *texts,
                 PyObject *pairs, const struct txe_rows *wanted)
{
    struct batch first = {0}, second = {0};
    PyObject *result = NULL;
    bool has_pairs = pairs != Py_None;
    if (!batch_read(&first, texts, options->pretokenized, "texts") ||
        (has_pairs && !batch_read(&second, pairs, options->pretokenized, "pairs")))
        goto done;
    if (has_pairs && first.count != second.count) {
        PyErr_Format(PyExc_ValueError,
                     "encode_batch: %zu texts and %zu pairs; there must be a pair for "
                     "each text",
                     first.count, second.count);
        goto done;
    }
    struct job job = {tokenizer, options, first.inputs,
                      has_pairs ? second.inputs : NULL, NULL};
    result = run(&job, first.count, first.nbytes + second.nbytes, wanted);

done:
    batch_free(&first);
    batch_free(&second);
    return result;
}
