/* Documents in, one array of ids out: what corpora are made of. */
#include "python/encode_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "python/convert.h"
#include "python/texts.h"
#include "text/unicode.h"

/* Documents of about so many bytes are encoded by one thread at a time. */
#define CHUNK_NBYTES ((size_t)1 << 20)
/* Ids for which memory is asked at first: of English, a token has 4 bytes. */
#define BYTES_PER_ID 3

/* Neighbouring documents and their ids. */
struct chunk {
    size_t first, end;
    struct txe_tokens tokens; /* of 4 bytes each; of the last document where there is */
    uint16_t *narrow;         /* or 2 */
    size_t count, capacity;   /* of narrow */
    struct txe_error err;
};

struct job {
    struct txe_tokenizer *tokenizer;
    const struct txe_input *inputs;
    bool validate; /* the texts may not be UTF-8 */
    bool add_special_tokens, split_special_tokens;
    size_t width;  /* bytes of an id */
    int64_t *ends; /* [documents] ids of each; later, where each ends */
    struct chunk *chunks;
    char *out;
    size_t *starts; /* [chunks] of each one's ids in *out */
};

/* Moves a document's ids to the narrow ones. */
static txe_status
narrow_ids(struct chunk *chunk, struct txe_error *err)
{
    const uint32_t *ids = chunk->tokens.ids;
    size_t count = chunk->tokens.count;
    if (chunk->capacity - chunk->count < count) {
        size_t capacity = chunk->count + count + chunk->count / 2;
        uint16_t *larger = txe_realloc(chunk->narrow, capacity, sizeof *larger);
        if (larger == NULL)
            return txe_fail_nomem(err, (unsigned long long)capacity * sizeof *larger);
        chunk->narrow = larger;
        chunk->capacity = capacity;
    }
    uint16_t *out = chunk->narrow + chunk->count;
    uint32_t all = 0;
    for (size_t i = 0; i < count; i++) {
        all |= ids[i];
        out[i] = (uint16_t)ids[i];
    }
    chunk->count += count;
    chunk->tokens.count = 0;
    if (all > UINT16_MAX)
        return txe_fail(err, TXE_EVALUE, "an id is above %u; use dtype='uint32'",
                        (unsigned)UINT16_MAX);
    return TXE_OK;
}

static txe_status
encode_document(const struct job *job, struct chunk *chunk, struct txe_str text,
                struct txe_workspace *workspace, struct txe_error *err)
{
    static const struct txe_piece text_alone = {.kind = TXE_PIECE_A};
    const struct txe_template *template = &job->tokenizer->post->single;
    const struct txe_piece *pieces = template->pieces;
    size_t npieces = template->npieces;
    if (!job->add_special_tokens) {
        pieces = &text_alone;
        npieces = 1;
    }
    size_t valid = job->validate
                       ? job->tokenizer->loops->utf8_prefix(text.bytes, text.nbytes)
                       : text.nbytes;
    if (valid != text.nbytes)
        return txe_fail(err, TXE_EVALUE, "byte %zu is not UTF-8", valid);
    for (size_t i = 0; i < npieces; i++) {
        if (pieces[i].kind == TXE_PIECE_A)
            TXE_TRY(txe_encode_ids(job->tokenizer, job->split_special_tokens, text,
                                   workspace, &chunk->tokens, err));
        else if (pieces[i].kind == TXE_PIECE_SPECIAL &&
                 !txe_tokens_push(&chunk->tokens, (uint32_t)pieces[i].id, 0, 0))
            return txe_fail_nomem(err, chunk->tokens.capacity);
    }
    return job->width == sizeof *chunk->narrow ? narrow_ids(chunk, err) : TXE_OK;
}

static const void *
ids_of(const struct job *job, const struct chunk *chunk)
{
    return job->width == sizeof *chunk->narrow ? (const void *)chunk->narrow
                                               : chunk->tokens.ids;
}

static size_t
count_of(const struct chunk *chunk)
{
    return chunk->count + chunk->tokens.count; /* one of them is 0 */
}

static txe_status
prepare_chunk(const struct job *job, struct chunk *chunk, struct txe_error *err)
{
    size_t nbytes = 0;
    for (size_t i = chunk->first; i < chunk->end; i++)
        nbytes += job->inputs[i].parts[0].nbytes;
    size_t capacity = nbytes / BYTES_PER_ID + 1;
    void *ids = txe_alloc_lines(capacity * job->width);
    if (ids == NULL)
        return txe_fail_nomem(err, capacity * job->width);
    if (job->width == sizeof *chunk->narrow) {
        chunk->narrow = ids;
        chunk->capacity = capacity;
    } else {
        chunk->tokens.ids = ids;
        chunk->tokens.capacity = capacity;
    }
    return TXE_OK;
}

static void
encode_chunk(void *context, size_t index, size_t worker)
{
    const struct job *job = context;
    struct chunk *chunk = &job->chunks[index];
    const struct txe_rows ids_only = {0};
    struct txe_workspace *workspace = txe_workspace_take(job->tokenizer, &ids_only);
    struct txe_error cause;
    (void)worker;
    if (workspace == NULL)
        txe_fail_nomem(&chunk->err, sizeof *workspace);
    else
        prepare_chunk(job, chunk, &chunk->err);
    for (size_t i = chunk->first; chunk->err.status == TXE_OK && i < chunk->end; i++) {
        size_t before = count_of(chunk);
        txe_status status =
            encode_document(job, chunk, job->inputs[i].parts[0], workspace, &cause);
        if (status != TXE_OK)
            txe_fail(&chunk->err, status, "document %zu: %s", i, cause.message);
        job->ends[i] = (int64_t)(count_of(chunk) - before);
    }
    txe_workspace_give_back(job->tokenizer, workspace);
}

static size_t
cut_chunks(const struct job *job, size_t ndocuments, bool parallel)
{
    size_t used = 0, nbytes = 0;
    for (size_t i = 0; parallel && i + 1 < ndocuments; i++) {
        nbytes += job->inputs[i].parts[0].nbytes;
        if (nbytes < CHUNK_NBYTES)
            continue;
        job->chunks[used++].end = i + 1;
        job->chunks[used].first = i + 1;
        nbytes = 0;
    }
    job->chunks[used].end = ndocuments;
    return used + 1;
}

static void
copy_chunk(void *context, size_t index, size_t worker)
{
    const struct job *job = context;
    const struct chunk *chunk = &job->chunks[index];
    (void)worker;
    if (count_of(chunk) != 0)
        memcpy(job->out + job->starts[index] * job->width, ids_of(job, chunk),
               count_of(chunk) * job->width);
}

/* All ids in one array; one chunk's memory becomes the array's. */
static PyObject *
join_chunks(struct job *job, size_t nchunks)
{
    const txe_dtype dtype = job->width == 2 ? TXE_U16 : TXE_U32;
    if (nchunks == 1) {
        struct chunk *only = &job->chunks[0];
        size_t size = count_of(only);
        void *ids = (void *)ids_of(job, only);
        void *exact = txe_realloc(ids, size, job->width); /* no larger */
        only->narrow = NULL;
        only->tokens.ids = NULL;
        return txe_array_adopt(dtype, size, exact != NULL ? exact : ids);
    }
    size_t count = 0;
    job->starts = txe_alloc(nchunks, sizeof *job->starts);
    if (job->starts == NULL)
        return PyErr_NoMemory();
    for (size_t i = 0; i < nchunks; i++) {
        job->starts[i] = count;
        count += count_of(&job->chunks[i]);
    }
    PyObject *array = txe_array_new(dtype, 1, &count, &job->out);
    if (array != NULL) {
        Py_BEGIN_ALLOW_THREADS
        txe_parallel_for(nchunks, txe_threads_get(), copy_chunk, job);
        Py_END_ALLOW_THREADS
    }
    free(job->starts);
    return array;
}

static PyObject *
run(struct job *job, size_t ndocuments, size_t nbytes)
{
    const size_t nends = ndocuments;
    PyObject *ends = txe_array_new(TXE_I64, 1, &nends, &job->ends);
    PyObject *ids = NULL;
    size_t most = nbytes / CHUNK_NBYTES + 1, nchunks = 0;
    job->chunks = txe_calloc(most, sizeof *job->chunks);
    if (ends == NULL || job->chunks == NULL) {
        if (ends != NULL)
            PyErr_NoMemory();
        goto done;
    }
    nchunks = cut_chunks(job, ndocuments, txe_threads_get() > 1);
    Py_BEGIN_ALLOW_THREADS
    if (nchunks == 1)
        encode_chunk(job, 0, 0);
    else
        txe_parallel_for(nchunks, txe_threads_get(), encode_chunk, job);
    Py_END_ALLOW_THREADS
    for (size_t i = 0; i < nchunks; i++)
        if (job->chunks[i].err.status != TXE_OK) {
            txe_raise(&job->chunks[i].err);
            goto done;
        }
    for (size_t i = 1; i < ndocuments; i++)
        job->ends[i] += job->ends[i - 1];
    ids = join_chunks(job, nchunks);

done:
    for (size_t i = 0; i < nchunks; i++) {
        free(job->chunks[i].narrow);
        txe_tokens_free(&job->chunks[i].tokens);
    }
    free(job->chunks);
    if (ids == NULL) {
        Py_XDECREF(ends);
        return NULL;
    }
    return Py_BuildValue("NN", ids, ends);
}

/* Documents that lie end to end in one buffer, as inputs. */
static bool
cut_documents(struct txe_texts *texts, const Py_buffer *data,
              const struct txe_array *ends)
{
    const int64_t *at = ends->data;
    texts->count = ends->size;
    texts->nbytes = (size_t)data->len;
    texts->strings = txe_alloc(texts->count, sizeof *texts->strings);
    texts->inputs = txe_alloc(texts->count, sizeof *texts->inputs);
    if (texts->strings == NULL || texts->inputs == NULL) {
        PyErr_NoMemory();
        return false;
    }
    int64_t start = 0;
    for (size_t i = 0; i < texts->count; i++) {
        if (at[i] < start || at[i] > data->len) {
            PyErr_Format(
                PyExc_ValueError,
                "ends[%zu] is %lld; it must be from %lld to %zd, where the data "
                "ends",
                i, (long long)at[i], (long long)start, data->len);
            return false;
        }
        texts->strings[i] =
            (struct txe_str){(const char *)data->buf + start, (size_t)(at[i] - start)};
        texts->inputs[i] = (struct txe_input){&texts->strings[i], 1};
        start = at[i];
    }
    return true;
}

PyObject *
txe_encode_flat(struct txe_tokenizer *tokenizer, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {
        "data", "ends", "dtype", "add_special_tokens", "split_special_tokens", NULL};
    PyObject *data, *ends = Py_None, *result = NULL;
    const char *dtype = "uint32";
    int add_special = 0, split_special = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O$spp:encode_flat", names, &data,
                                     &ends, &dtype, &add_special, &split_special))
        return NULL;
    if (strcmp(dtype, "uint16") != 0 && strcmp(dtype, "uint32") != 0)
        return PyErr_Format(PyExc_ValueError,
                            "encode_flat: dtype must be 'uint16' or 'uint32', not '%s'",
                            dtype);
    struct txe_texts texts = {0};
    struct txe_array at = {0};
    Py_buffer buffer = {0};
    if (ends == Py_None) {
        if (!txe_texts_read(&texts, data, false, "data"))
            goto done;
    } else if (PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE) < 0 ||
               txe_array_read(&at, ends, TXE_I64, "ends") < 0 ||
               !cut_documents(&texts, &buffer, &at)) {
        goto done;
    }
    struct job job = {
        .tokenizer = tokenizer,
        .inputs = texts.inputs,
        .validate = ends != Py_None,
        .add_special_tokens = add_special,
        .split_special_tokens = split_special,
        .width = strcmp(dtype, "uint16") == 0 ? 2 : 4,
    };
    result = run(&job, texts.count, texts.nbytes);

done:
    txe_texts_free(&texts);
    txe_array_release(&at);
    if (buffer.obj != NULL)
        PyBuffer_Release(&buffer);
    return result;
}
