/* The "model" of a tokenizer spec. */
#include "python/spec_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "python/spec_fields.h"

/* Fills model->vocab from a dict of ids. */
static bool
read_vocab_dict(struct txe_model *model, PyObject *spec, const struct txe_path *path)
{
    struct txe_path place = txe_path_key(path, "vocab");
    PyObject *dict = txe_spec_get(spec, "vocab");
    if (!txe_spec_is_dict(dict, &place))
        return false;
    struct txe_error err;
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        const char *bytes;
        size_t nbytes;
        uint64_t id;
        if (!txe_spec_string(key, &place, &bytes, &nbytes) ||
            !txe_spec_number(value, &place, TXE_VOCAB_MAX_IDS, &id))
            return false;
        if (txe_vocab_add(&model->vocab, bytes, nbytes, (uint32_t)id, false, &err) !=
            TXE_OK)
            return txe_spec_raise(&place, &err);
    }
    return true;
}

/* The unknown token, which need not be in the vocabulary until a text needs it. */
static bool
read_unk_token(const struct txe_model *model, PyObject *spec,
               const struct txe_path *path, bool *has_unk, uint32_t *unk_id)
{
    const char *bytes;
    size_t nbytes;
    if (!txe_spec_string_field(spec, "unk_token", path, &bytes, &nbytes))
        return false;
    const struct txe_vocab_entry *entry = txe_vocab_find(&model->vocab, bytes, nbytes);
    *has_unk = entry != NULL;
    *unk_id = entry != NULL ? entry->id : 0;
    return true;
}

static bool
read_wordpiece(struct txe_model *model, PyObject *spec, const struct txe_path *path)
{
    const char *prefix;
    size_t prefix_nbytes;
    uint64_t max_nchars;
    struct txe_path max_path = txe_path_key(path, "max_input_chars_per_word");
    bool has_unk;
    uint32_t unk_id;
    if (!read_vocab_dict(model, spec, path) ||
        !read_unk_token(model, spec, path, &has_unk, &unk_id) ||
        !txe_spec_string_field(spec, "continuing_subword_prefix", path, &prefix,
                               &prefix_nbytes) ||
        !txe_spec_number(txe_spec_get(spec, "max_input_chars_per_word"), &max_path,
                         SIZE_MAX / 2, &max_nchars))
        return false;
    struct txe_error err;
    if (txe_wordpiece_init(&model->as.wordpiece, &model->vocab, prefix, prefix_nbytes,
                           (size_t)max_nchars, &err) != TXE_OK)
        return txe_spec_raise(path, &err);
    model->kind = TXE_MODEL_WORDPIECE;
    model->as.wordpiece.has_unk = has_unk;
    model->as.wordpiece.unk_id = unk_id;
    return true;
}

static bool
read_wordlevel(struct txe_model *model, PyObject *spec, const struct txe_path *path)
{
    return read_vocab_dict(model, spec, path) &&
           read_unk_token(model, spec, path, &model->as.wordlevel.has_unk,
                          &model->as.wordlevel.unk_id);
}

/* The two halves of a merge, written "a b" or as a pair. */
static bool
read_merge(PyObject *item, const struct txe_path *path, const char *half[2],
           size_t nbytes[2])
{
    if (PyUnicode_Check(item)) {
        if (!txe_spec_string(item, path, &half[0], &nbytes[0]))
            return false;
        const char *space = memchr(half[0], ' ', nbytes[0]);
        size_t left = space != NULL ? (size_t)(space - half[0]) : 0;
        if (space == NULL || memchr(space + 1, ' ', nbytes[0] - left - 1) != NULL)
            return txe_spec_fail(path, "a merge must be two tokens with one space "
                                       "between them");
        half[1] = space + 1;
        nbytes[1] = nbytes[0] - left - 1;
        nbytes[0] = left;
        return true;
    }
    if (!txe_spec_is_list(item, path))
        return false;
    if (PySequence_Fast_GET_SIZE(item) != 2)
        return txe_spec_fail(path, "a merge must be of two tokens, not of %zd",
                             PySequence_Fast_GET_SIZE(item));
    for (int i = 0; i < 2; i++)
        if (!txe_spec_string(PySequence_Fast_GET_ITEM(item, i), path, &half[i],
                             &nbytes[i]))
            return false;
    return true;
}

static bool
read_merges(struct txe_bpe *bpe, PyObject *merges, const struct txe_path *path)
{
    struct txe_path place = txe_path_key(path, "merges");
    struct txe_error err;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(merges); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(merges, i);
        struct txe_path item_path = txe_path_item(&place, (size_t)i);
        const char *half[2];
        size_t nbytes[2];
        /* The first line of a merges.txt may have come along. */
        if (PyUnicode_Check(item) && PyUnicode_GetLength(item) >= 8) {
            const char *line;
            size_t line_nbytes;
            if (!txe_spec_string(item, &item_path, &line, &line_nbytes))
                return false;
            if (strncmp(line, "#version", 8) == 0)
                continue;
        }
        if (!read_merge(item, &item_path, half, nbytes))
            return false;
        if (txe_bpe_add_merge(bpe, half[0], nbytes[0], half[1], nbytes[1], &err) !=
            TXE_OK)
            return txe_spec_raise(&item_path, &err);
    }
    return true;
}

/* A string that may be absent, or null. */
static bool
read_affix(PyObject *spec, const char *key, const struct txe_path *path,
           const char **bytes, size_t *nbytes)
{
    return txe_spec_get(spec, key) == NULL ||
           txe_spec_string_field(spec, key, path, bytes, nbytes);
}

static bool
read_bpe_options(const struct txe_model *model, PyObject *spec,
                 const struct txe_path *path, struct txe_bpe_options *options)
{
    PyObject *dropout = txe_spec_get(spec, "dropout");
    if (dropout != NULL && !PyFloat_Check(dropout) && !PyLong_Check(dropout))
        return txe_spec_fail(path, "dropout must be null or a number, not %s",
                             Py_TYPE(dropout)->tp_name);
    if (dropout != NULL && PyObject_IsTrue(dropout) != 0)
        return txe_spec_fail(path, "dropout is not supported: it must be null");
    if (!txe_spec_bool_field(spec, "fuse_unk", path, 0, &options->fuse_unk) ||
        !txe_spec_bool_field(spec, "ignore_merges", path, 0, &options->ignore_merges) ||
        !txe_spec_bool_field(spec, "byte_fallback", path, 0, &options->byte_fallback) ||
        !read_affix(spec, "continuing_subword_prefix", path, &options->prefix,
                    &options->prefix_nbytes) ||
        !read_affix(spec, "end_of_word_suffix", path, &options->suffix,
                    &options->suffix_nbytes))
        return false;
    if (txe_spec_get(spec, "unk_token") == NULL)
        return true;
    if (!read_unk_token(model, spec, path, &options->has_unk, &options->unk_id))
        return false;
    return options->has_unk ||
           txe_spec_fail(path, "unk_token is not in the vocabulary");
}

static bool
read_bpe(struct txe_model *model, PyObject *spec, const struct txe_path *path,
         bool byte_level)
{
    PyObject *merges;
    struct txe_bpe_options options = {.byte_level = byte_level};
    if (!read_vocab_dict(model, spec, path) ||
        !read_bpe_options(model, spec, path, &options) ||
        !txe_spec_list_field(spec, "merges", path, &merges))
        return false;
    struct txe_error err;
    struct txe_bpe *bpe = &model->as.bpe;
    if (txe_bpe_init(bpe, &model->vocab, &options,
                     (size_t)PySequence_Fast_GET_SIZE(merges), &err) != TXE_OK)
        return txe_spec_raise(path, &err);
    model->kind = TXE_MODEL_BPE;
    return read_merges(bpe, merges, path) &&
           (txe_bpe_finish(bpe, &err) == TXE_OK || txe_spec_raise(path, &err));
}

/* Fills the vocabulary, whose ids are positions, and the scores from a list of pairs.
 */
static bool
read_pieces(struct txe_model *model, PyObject *list, const struct txe_path *path,
            double *scores)
{
    struct txe_error err;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(list, i);
        struct txe_path place = txe_path_item(path, (size_t)i);
        const char *bytes;
        size_t nbytes;
        if (!txe_spec_is_list(item, &place))
            return false;
        if (PySequence_Fast_GET_SIZE(item) != 2)
            return txe_spec_fail(&place, "expected a piece and its score");
        PyObject *score = PySequence_Fast_GET_ITEM(item, 1);
        if (!txe_spec_string(PySequence_Fast_GET_ITEM(item, 0), &place, &bytes,
                             &nbytes))
            return false;
        if (!PyFloat_Check(score) && (!PyLong_Check(score) || PyBool_Check(score)))
            return txe_spec_fail(&place, "a score must be a number, not %s",
                                 Py_TYPE(score)->tp_name);
        scores[i] = PyFloat_AsDouble(score);
        if (scores[i] == -1.0 && PyErr_Occurred())
            return false;
        if (!isfinite(scores[i]))
            return txe_spec_fail(&place, "a score must be finite");
        if (txe_vocab_add(&model->vocab, bytes, nbytes, (uint32_t)i, true, &err) !=
            TXE_OK)
            return txe_spec_raise(&place, &err);
    }
    return true;
}

static bool
read_unigram(struct txe_model *model, PyObject *spec, const struct txe_path *path)
{
    PyObject *list;
    uint64_t unk_id = 0;
    struct txe_unigram_options options = {0};
    struct txe_path place = txe_path_key(path, "vocab");
    struct txe_path unk_path = txe_path_key(path, "unk_id");
    if (!txe_spec_list_field(spec, "vocab", path, &list) ||
        !txe_spec_bool_field(spec, "byte_fallback", path, 0, &options.byte_fallback))
        return false;
    size_t count = (size_t)PySequence_Fast_GET_SIZE(list);
    if (count > TXE_VOCAB_MAX_IDS)
        return txe_spec_fail(&place, "%zu pieces are too many", count);
    PyObject *unk = txe_spec_get(spec, "unk_id");
    if (unk != NULL && !txe_spec_number(unk, &unk_path, count, &unk_id))
        return false;
    options.has_unk = unk != NULL;
    options.unk_id = (uint32_t)unk_id;
    double *scores = txe_alloc(count, sizeof *scores);
    if (scores == NULL) {
        PyErr_NoMemory();
        return false;
    }
    struct txe_error err;
    bool good = read_pieces(model, list, &place, scores);
    if (good && txe_unigram_init(&model->as.unigram, &model->vocab, scores, &options,
                                 &err) != TXE_OK)
        good = txe_spec_raise(path, &err);
    else if (good)
        model->kind = TXE_MODEL_UNIGRAM;
    free(scores);
    return good;
}

/* The type of a model that does not say, as files from before 2020 do not: by the
 * fields that only it has. */
static const char *
guess_type(PyObject *spec)
{
    PyObject *vocab = txe_spec_get(spec, "vocab");
    if (txe_spec_get(spec, "merges") != NULL)
        return "BPE";
    if (txe_spec_get(spec, "max_input_chars_per_word") != NULL)
        return "WordPiece";
    if (vocab != NULL && PyList_Check(vocab))
        return "Unigram";
    return "WordLevel";
}

bool
txe_spec_model_takes_bytes(PyObject *spec)
{
    if (spec == NULL || !PyDict_Check(spec))
        return false;
    PyObject *type = txe_spec_get(spec, "type");
    return type == NULL ? strcmp(guess_type(spec), "BPE") == 0
                        : PyUnicode_Check(type) &&
                              PyUnicode_CompareWithASCIIString(type, "BPE") == 0;
}

bool
txe_spec_read_model(struct txe_model *model, PyObject *spec,
                    const struct txe_path *path, bool byte_level)
{
    const char *type;
    if (!txe_spec_is_dict(spec, path))
        return false;
    if (txe_spec_get(spec, "type") == NULL)
        type = guess_type(spec);
    else if (!txe_spec_type(spec, path, &type))
        return false;
    if (strcmp(type, "BPE") == 0)
        return read_bpe(model, spec, path, byte_level);
    if (strcmp(type, "WordPiece") == 0)
        return read_wordpiece(model, spec, path);
    if (strcmp(type, "Unigram") == 0)
        return read_unigram(model, spec, path);
    if (strcmp(type, "WordLevel") == 0)
        return read_wordlevel(model, spec, path);
    return txe_spec_fail(path, "the type '%.80s' is not supported", type);
}
