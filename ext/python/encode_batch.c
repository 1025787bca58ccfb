/* Texts in, rows out: see encode_batch.h. */
#include "python/encode_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/threads.h"
#include "python/convert.h"
#include "python/encode_output.h"
#include "python/texts.h"

/* Batches with less text than this are not worth waking other threads for. */
#define MIN_PARALLEL_NBYTES ((size_t)16 << 10)
/* Parts of a batch for each thread, so that slow texts in one of them even out. */
#define CHUNKS_PER_THREAD 4

/* Neighbouring texts that one thread encodes into rows of their own. */
struct chunk {
    size_t first, end;
    struct txe_error err;
};

struct job {
    struct txe_tokenizer *tokenizer;
    const struct txe_encode_options *options;
    const struct txe_texts *texts, *pairs; /* pairs->count 0: none */
    struct chunk *chunks;
    struct txe_rows *rows; /* [chunks] */
};

static void
encode_chunk(void *context, size_t index, size_t worker)
{
    const struct job *job = context;
    struct chunk *chunk = &job->chunks[index];
    struct txe_rows *rows = &job->rows[index];
    struct txe_workspace *workspace = txe_workspace_take(job->tokenizer, rows);
    struct txe_error cause;
    (void)worker;
    if (workspace == NULL)
        txe_fail_nomem(&chunk->err, sizeof *workspace);
    for (size_t i = chunk->first; workspace != NULL && i < chunk->end; i++) {
        txe_status status =
            txe_encode(job->tokenizer, job->options, &job->texts->inputs[i],
                       job->pairs->count != 0 ? &job->pairs->inputs[i] : NULL, i,
                       workspace, rows, &cause);
        if (status != TXE_OK) {
            txe_fail(&chunk->err, status, "texts[%zu]: %s", i, cause.message);
            break;
        }
    }
    txe_workspace_give_back(job->tokenizer, workspace);
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
cut_chunks(const struct job *job, size_t nchunks)
{
    size_t count = job->texts->count;
    size_t share = (job->texts->nbytes + job->pairs->nbytes + count) / nchunks + 1;
    size_t used = 0, nbytes = 0;
    job->chunks[0].first = 0;
    for (size_t i = 0; nchunks > 1 && i < count; i++) {
        nbytes += input_nbytes(&job->texts->inputs[i]);
        if (job->pairs->count != 0)
            nbytes += input_nbytes(&job->pairs->inputs[i]) - 1;
        if (nbytes >= share && used + 1 < nchunks && i + 1 < count) {
            job->chunks[used++].end = i + 1;
            job->chunks[used].first = i + 1;
            nbytes = 0;
        }
    }
    job->chunks[used].end = count;
    return used + 1;
}

/* How many threads, and in how many chunks they share the texts. */
static size_t
choose_chunks(size_t nbytes, size_t *nthreads)
{
    *nthreads = nbytes < MIN_PARALLEL_NBYTES ? 1 : txe_threads_get();
    return *nthreads == 1 ? 1 : *nthreads * CHUNKS_PER_THREAD;
}

/* The first chunk that failed raises; true when none did. */
static bool
all_good(const struct chunk *chunks, size_t nchunks)
{
    for (size_t i = 0; i < nchunks; i++)
        if (chunks[i].err.status != TXE_OK) {
            txe_raise(&chunks[i].err);
            return false;
        }
    return true;
}

static PyObject *
run(struct job *job, const struct txe_plan *plan, bool single)
{
    struct chunk one = {0};
    struct txe_rows one_rows = plan->wanted;
    size_t nthreads;
    size_t nchunks = choose_chunks(job->texts->nbytes + job->pairs->nbytes, &nthreads);
    job->chunks = &one;
    job->rows = &one_rows;
    if (nchunks > 1) {
        job->chunks = txe_calloc(nchunks, sizeof *job->chunks);
        job->rows = txe_alloc(nchunks, sizeof *job->rows);
        if (job->chunks == NULL || job->rows == NULL) {
            free(job->chunks);
            free(job->rows);
            return PyErr_NoMemory();
        }
        for (size_t i = 0; i < nchunks; i++)
            job->rows[i] = plan->wanted;
    }
    size_t nused = cut_chunks(job, nchunks);
    Py_BEGIN_ALLOW_THREADS
    if (nused == 1)
        encode_chunk(job, 0, 0);
    else
        txe_parallel_for(nused, nthreads, encode_chunk, job);
    Py_END_ALLOW_THREADS
    PyObject *result = NULL;
    if (all_good(job->chunks, nused))
        result = txe_encode_output(plan, job->tokenizer, job->rows, nused, single);
    for (size_t i = 0; i < nchunks; i++)
        txe_rows_free(&job->rows[i]);
    if (nchunks > 1) {
        free(job->chunks);
        free(job->rows);
    }
    return result;
}

PyObject *
txe_encode_texts(struct txe_tokenizer *tokenizer, const struct txe_plan *plan,
                 PyObject *texts, PyObject *pairs, bool single)
{
    struct txe_texts first = {0}, second = {0};
    const bool words = plan->options.pretokenized;
    PyObject *result = NULL;
    struct txe_error err;
    if (txe_truncate_check(tokenizer->post, &plan->options.truncate, &err) != TXE_OK)
        return txe_raise(&err);
    if (!txe_texts_read(&first, texts, words, "texts") ||
        (pairs != Py_None && !txe_texts_read(&second, pairs, words, "pairs")))
        goto done;
    if (pairs != Py_None && first.count != second.count) {
        PyErr_Format(PyExc_ValueError,
                     "%zu texts and %zu pairs; there must be a pair for each text",
                     first.count, second.count);
        goto done;
    }
    struct job job = {tokenizer, &plan->options, &first, &second, NULL, NULL};
    result = run(&job, plan, single && first.count == 1);

done:
    txe_texts_free(&first);
    txe_texts_free(&second);
    return result;
}
