/* Pretraining data as Python sees it: packing a corpus and making batches of it. */
#include "python/state.h"

#include <stdint.h>
#include <string.h>

#include "base/common.h"
#include "data/batch.h"
#include "data/packing.h"
#include "python/convert.h"

/* Arrays of a corpus, kept while they are used. */
struct lines {
    struct txe_array bounds, documents;
    struct txe_lines view;
};

static void
lines_release(struct lines *lines)
{
    txe_array_release(&lines->bounds);
    txe_array_release(&lines->documents);
}

/* Reads and checks what says where lines and documents begin.  Release in any case. */
static int
lines_read(struct lines *lines, PyObject *bounds, PyObject *documents)
{
    *lines = (struct lines){0};
    if (txe_array_read(&lines->bounds, bounds, TXE_I64, "bounds") < 0 ||
        txe_array_read(&lines->documents, documents, TXE_I64, "documents") < 0)
        return -1;
    if (lines->bounds.size == 0 || lines->documents.size == 0) {
        PyErr_SetString(PyExc_ValueError,
                        "bounds and documents need an item more than there are lines "
                        "and documents");
        return -1;
    }
    const int64_t *b = lines->bounds.data, *d = lines->documents.data;
    size_t L = lines->bounds.size - 1, D = lines->documents.size - 1;
    bool rising = b[0] >= 0 && d[0] >= 0 && (uint64_t)d[D] <= L;
    for (size_t i = 0; i < L && rising; i++)
        rising = b[i] < b[i + 1];
    for (size_t i = 0; i < D && rising; i++)
        rising = d[i] < d[i + 1];
    if (!rising) {
        PyErr_SetString(PyExc_ValueError,
                        "bounds and documents must rise, and documents "
                        "must be numbers of lines");
        return -1;
    }
    lines->view = (struct txe_lines){b, d, D};
    return 0;
}

/* (starts, spans) or (starts, spans, labels) of the samples, which are freed. */
static PyObject *
samples_to_tuple(struct txe_samples *samples, bool labels)
{
    static const int64_t none = 0; /* memory is never NULL, for memcpy's sake */
    PyObject *result = NULL, *arrays[3] = {NULL, NULL, NULL};
    const int64_t *starts = samples->starts != NULL ? samples->starts : &none;
    arrays[0] = txe_array_copy(TXE_I64, samples->N + 1, starts);
    void *data;
    arrays[1] = txe_array_new(TXE_I64, 2, (size_t[]){samples->M, 2}, &data);
    if (arrays[1] != NULL && samples->M != 0)
        memcpy(data, samples->spans, samples->M * sizeof *samples->spans);
    if (labels)
        arrays[2] = txe_array_copy(
            TXE_I8, samples->N,
            samples->labels != NULL ? (const void *)samples->labels : &none);
    if (arrays[0] != NULL && arrays[1] != NULL && (arrays[2] != NULL || !labels))
        result = PyTuple_Pack(labels ? 3 : 2, arrays[0], arrays[1], arrays[2]);
    for (size_t i = 0; i < TXE_LEN(arrays); i++)
        Py_XDECREF(arrays[i]);
    txe_samples_free(samples);
    return result;
}

static PyObject *
pack_runs(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {
        "bounds",          "documents", "room", "cut_lines", "cross_documents",
        "line_separators", "shuffle",   "seed", "epoch",     NULL};
    PyObject *bounds, *documents;
    Py_ssize_t room;
    int cut, cross, separators, shuffle;
    unsigned long long seed, epoch;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO$nppppKK:pack_runs", names,
                                     &bounds, &documents, &room, &cut, &cross,
                                     &separators, &shuffle, &seed, &epoch))
        return NULL;
    if (room < 1)
        return PyErr_Format(PyExc_ValueError,
                            "room for %zd tokens; at least 1 is needed", room);
    struct txe_run_rules rules = {(size_t)room, cut != 0, cross != 0, separators != 0,
                                  shuffle != 0, seed,     epoch};
    struct lines lines;
    struct txe_samples samples = {0};
    struct txe_error err;
    PyObject *result = NULL;
    if (lines_read(&lines, bounds, documents) < 0)
        goto done;
    txe_status status;
    Py_BEGIN_ALLOW_THREADS
    status = txe_pack_runs(&samples, &lines.view, &rules, &err);
    Py_END_ALLOW_THREADS
    result = status == TXE_OK ? samples_to_tuple(&samples, false) : txe_raise(&err);
done:
    txe_samples_free(&samples);
    lines_release(&lines);
    return result;
}

static PyObject *
pack_pairs(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"bounds", "documents", "kind",  "room", "short_prob",
                            "quirk",  "seed",      "epoch", NULL};
    static const char *const kinds[] = {"segment_pair", "sentence_pair", "sop"};
    PyObject *bounds, *documents;
    const char *name;
    Py_ssize_t room;
    double short_prob;
    int quirk;
    unsigned long long seed, epoch;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO$sndpKK:pack_pairs", names,
                                     &bounds, &documents, &name, &room, &short_prob,
                                     &quirk, &seed, &epoch))
        return NULL;
    size_t kind = 0;
    while (kind < TXE_LEN(kinds) && strcmp(name, kinds[kind]) != 0)
        kind++;
    if (kind == TXE_LEN(kinds))
        return PyErr_Format(PyExc_ValueError, "there are no pairs of the kind '%s'",
                            name);
    if (room < 2)
        return PyErr_Format(PyExc_ValueError, "room for %zd tokens; a pair needs 2",
                            room);
    struct txe_pair_rules rules = {
        (enum txe_pair_kind)kind, (size_t)room, short_prob, quirk != 0, seed, epoch};
    struct lines lines;
    struct txe_samples samples = {0};
    struct txe_error err;
    PyObject *result = NULL;
    if (lines_read(&lines, bounds, documents) < 0)
        goto done;
    if (lines.view.D == 1 && (rules.kind != TXE_SENTENCE_ORDER || rules.quirk)) {
        PyErr_SetString(
            PyExc_ValueError,
            "pairs take sentences from other documents, but this corpus has "
            "only one that is not empty");
        goto done;
    }
    txe_status status;
    Py_BEGIN_ALLOW_THREADS
    status = txe_pack_pairs(&samples, &lines.view, &rules, &err);
    Py_END_ALLOW_THREADS
    result = status == TXE_OK ? samples_to_tuple(&samples, true) : txe_raise(&err);
done:
    txe_samples_free(&samples);
    lines_release(&lines);
    return result;
}

/* The arrays a batch is made from. */
struct sources {
    struct txe_array ids, starts, spans, parts, flags, rows, lengths, random_ids;
};

static void
sources_release(struct sources *sources)
{
    struct txe_array *arrays = &sources->ids;
    for (size_t i = 0; i < sizeof *sources / sizeof *arrays; i++)
        txe_array_release(arrays + i);
}

/* Reads (count, rate, most, words, alike, lengths, mask, random, mask_id, random_ids).
 */
static int
rules_read(struct txe_mask_rules *rules, struct sources *sources, PyObject *masking)
{
    static const char *const counts[] = {"exact", "fairseq", "bernoulli"};
    const char *count;
    Py_ssize_t most;
    int words, alike;
    long long mask_id;
    PyObject *lengths, *random_ids;
    if (!PyArg_ParseTuple(masking, "sdnppOddLO;masking", &count, &rules->rate, &most,
                          &words, &alike, &lengths, &rules->mask, &rules->random,
                          &mask_id, &random_ids) ||
        txe_array_read(&sources->lengths, lengths, TXE_F64, "lengths") < 0 ||
        txe_array_read(&sources->random_ids, random_ids, TXE_I32, "random_ids") < 0)
        return -1;
    size_t kind = 0;
    while (kind < TXE_LEN(counts) && strcmp(count, counts[kind]) != 0)
        kind++;
    if (kind == TXE_LEN(counts) || !(rules->rate >= 0 && rules->rate <= 1) ||
        most < 0 || sources->lengths.size == 0 || sources->random_ids.size == 0) {
        PyErr_SetString(
            PyExc_ValueError,
            "masking: a count is exact, fairseq or bernoulli; a rate is from "
            "0 to 1; there must be lengths and random_ids");
        return -1;
    }
    rules->count = (enum txe_mask_count)kind;
    rules->most = (size_t)most;
    rules->words = words != 0;
    rules->alike = alike != 0;
    rules->lengths = sources->lengths.data;
    rules->nlengths = sources->lengths.size;
    rules->mask_id = mask_id;
    rules->random_ids = sources->random_ids.data;
    rules->nrandom = sources->random_ids.size;
    return 0;
}

static int
shapes_check(const struct sources *sources)
{
    const struct txe_array *spans = &sources->spans, *parts = &sources->parts;
    bool shaped = sources->starts.size != 0 && spans->ndim == 2 &&
                  spans->shape[1] == 2 && parts->ndim == 2 && parts->shape[1] == 3;
    if (!shaped) {
        PyErr_SetString(
            PyExc_ValueError,
            "make_batch: starts must be [N + 1], spans [M, 2], parts [K, 3]");
        return -1;
    }
    return 0;
}

static PyObject *
make_batch(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"ids",   "wide",    "starts", "spans",     "rows",
                            "width", "parts",   "pairs",  "separator", "pad",
                            "flags", "masking", "seed",   "epoch",     NULL};
    PyObject *ids, *starts, *spans, *rows, *parts, *flags, *masking;
    int wide, pairs;
    Py_ssize_t width;
    long long separator, pad;
    unsigned long long seed, epoch;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O$pOOOnOpLLOOKK:make_batch", names,
                                     &ids, &wide, &starts, &spans, &rows, &width,
                                     &parts, &pairs, &separator, &pad, &flags, &masking,
                                     &seed, &epoch))
        return NULL;
    if (width < 0)
        return PyErr_Format(PyExc_ValueError, "rows cannot have %zd tokens", width);
    struct sources in = {0};
    struct txe_mask_rules rules;
    PyObject *outputs[5] = {NULL}, *result = NULL;
    if (txe_array_read(&in.ids, ids, wide ? TXE_U32 : TXE_U16, "ids") < 0 ||
        txe_array_read(&in.starts, starts, TXE_I64, "starts") < 0 ||
        txe_array_read(&in.spans, spans, TXE_I64, "spans") < 0 ||
        txe_array_read(&in.rows, rows, TXE_I64, "rows") < 0 ||
        txe_array_read(&in.parts, parts, TXE_I64, "parts") < 0 ||
        txe_array_read(&in.flags, flags, TXE_U8, "flags") < 0 ||
        shapes_check(&in) < 0 ||
        (masking != Py_None && rules_read(&rules, &in, masking) < 0))
        goto done;
    struct txe_batch_source source = {
        .ids16 = wide ? NULL : in.ids.data,
        .ids32 = wide ? in.ids.data : NULL,
        .nids = in.ids.size,
        .starts = in.starts.data,
        .spans = in.spans.data,
        .N = in.starts.size - 1,
        .M = in.spans.shape[0],
        .parts = in.parts.data,
        .nparts = in.parts.shape[0],
        .pairs = pairs != 0,
        .separator = separator,
        .pad = pad,
        .flags = in.flags.data,
        .V = in.flags.size,
        .rules = masking == Py_None ? NULL : &rules,
        .seed = seed,
        .epoch = epoch,
    };
    static const txe_dtype types[] = {TXE_I64, TXE_BOOL, TXE_I64, TXE_BOOL, TXE_I64};
    size_t shape[] = {in.rows.size, (size_t)width}, count = masking == Py_None ? 4 : 5;
    void *data[5] = {NULL};
    for (size_t i = 0; i < count; i++)
        if ((outputs[i] = txe_array_new(types[i], 2, shape, data + i)) == NULL)
            goto done;
    struct txe_error err;
    txe_status status;
    Py_BEGIN_ALLOW_THREADS
    status = txe_batch_make(data[0], data[1], data[2], data[3], data[4], &source,
                            in.rows.data, shape[0], shape[1], &err);
    Py_END_ALLOW_THREADS
    if (status != TXE_OK)
        txe_raise(&err);
    else
        result = Py_BuildValue("OOOOO", outputs[0], outputs[1], outputs[2], outputs[3],
                               masking == Py_None ? Py_None : outputs[4]);
done:
    for (size_t i = 0; i < TXE_LEN(outputs); i++)
        Py_XDECREF(outputs[i]);
    sources_release(&in);
    return result;
}

static PyMethodDef functions[] = {
    {"pack_runs", (PyCFunction)(void (*)(void))pack_runs, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "pack_runs(bounds, documents, *, room, cut_lines, cross_documents, "
         "line_separators, shuffle, seed, epoch)\n--\n\nSamples of running text as "
         "spans of a corpus: (starts int64 [N + 1], spans int64 [M, 2]).")},
    {"pack_pairs", (PyCFunction)(void (*)(void))pack_pairs,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("pack_pairs(bounds, documents, *, kind, room, short_prob, quirk, seed, "
               "epoch)\n--\n\nPairs of segments as spans of a corpus: (starts int64 "
               "[N + 1], spans int64 [2 N, 2], labels int8 [N]).")},
    {"make_batch", (PyCFunction)(void (*)(void))make_batch,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "make_batch(ids, *, wide, starts, spans, rows, width, parts, pairs, "
         "separator, pad, flags, masking, seed, epoch)\n--\n\nSamples with special "
         "tokens, padded and masked: (input_ids int64, attention_mask bool,\n"
         "token_type_ids int64, special_tokens_mask bool, labels int64 or None), "
         "all [B, width].")},
    {NULL, NULL, 0, NULL},
};

int
txe_add_data(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
