/* Reading models out of the text of files: see spec_text.h. */
#include "python/spec_text.h"

#include <math.h>
#include <string.h>

#include "io/json.h"
#include "text/spm_model.h"
#include "text/unicode.h"

#define MAX_NUMBER \
    40 /* characters of a score; those that were written by code have 25 */

bool
txe_spec_file_text(PyObject *value, struct txe_file_text *text)
{
    if (value == NULL || !PyTuple_Check(value) || PyTuple_GET_SIZE(value) < 2)
        return false;
    PyObject *format = PyTuple_GET_ITEM(value, 0), *bytes = PyTuple_GET_ITEM(value, 1);
    if (!PyUnicode_Check(format) || !PyBytes_Check(bytes))
        return false;
    text->format = PyUnicode_AsUTF8(format);
    if (text->format == NULL) {
        PyErr_Clear();
        return false;
    }
    text->bytes = PyBytes_AS_STRING(bytes);
    text->nbytes = (size_t)PyBytes_GET_SIZE(bytes);
    return true;
}

static bool
unknown_format(const struct txe_file_text *text, const struct txe_path *path)
{
    return txe_spec_fail(path, "the format '%.80s' is not one of those for this place",
                         text->format);
}

/* ---- JSON ---- */

/* A walk over JSON text.  `buffer` has room for any string in it. */
struct walk {
    struct txe_json json;
    char *buffer;
};

static txe_status
walk_start(struct walk *walk, const struct txe_file_text *text, struct txe_error *err)
{
    txe_json_start(&walk->json, text->bytes, text->nbytes, text->format);
    walk->buffer = txe_alloc(text->nbytes, 1);
    return walk->buffer != NULL ? TXE_OK : txe_fail_nomem(err, text->nbytes);
}

/* A bound on the number of entries, each with a `mark` and `least` bytes or more. */
static size_t
count_entries(const struct txe_file_text *text, char mark, size_t least)
{
    size_t count = 0;
    for (size_t i = 0; i < text->nbytes; i++)
        count += text->bytes[i] == mark;
    return TXE_MIN(count, text->nbytes / least) + 1;
}

static txe_status
read_vocab_json(struct txe_vocab *vocab, struct walk *walk, struct txe_error *err)
{
    bool more;
    TXE_TRY(txe_json_open(&walk->json, '{', err));
    for (;;) {
        size_t nbytes;
        uint64_t id;
        TXE_TRY(txe_json_next(&walk->json, '}', &more, err));
        if (!more)
            return txe_json_end(&walk->json, err);
        TXE_TRY(txe_json_key(&walk->json, walk->buffer, &nbytes, err));
        TXE_TRY(txe_json_u64(&walk->json, &id, err));
        TXE_TRY(txe_vocab_add(vocab, walk->buffer, nbytes,
                              (uint32_t)TXE_MIN(id, UINT32_MAX), false, err));
    }
}

static txe_status
read_score(struct txe_json *json, double *score, struct txe_error *err)
{
    char number[MAX_NUMBER + 1] = "";
    TXE_TRY(
        txe_json_skip(json, err)); /* which checks it, and may skip space in front */
    size_t end = json->at, start = end;
    while (start > 0 && strchr("+-.0123456789eE", json->text[start - 1]) != NULL)
        start--;
    if (end - start <= MAX_NUMBER)
        memcpy(number, json->text + start, end - start);
    double value = PyOS_string_to_double(number, NULL, NULL);
    bool good = !PyErr_Occurred() && isfinite(value);
    PyErr_Clear();
    if (!good)
        return txe_fail(err, TXE_EVALUE, "this is no score: '%s'", number);
    *score = value;
    return TXE_OK;
}

static txe_status
read_pieces_json(struct txe_vocab *vocab, double *scores, struct walk *walk,
                 struct txe_error *err)
{
    struct txe_json *json = &walk->json;
    bool more;
    TXE_TRY(txe_json_open(json, '[', err));
    for (;;) {
        size_t nbytes;
        TXE_TRY(txe_json_next(json, ']', &more, err));
        if (!more)
            return txe_json_end(json, err);
        TXE_TRY(txe_json_open(json, '[', err));
        TXE_TRY(txe_json_next(json, ']', &more, err));
        TXE_TRY(txe_json_string(json, walk->buffer, &nbytes, err));
        if (more)
            TXE_TRY(txe_json_next(json, ']', &more, err));
        if (more)
            TXE_TRY(read_score(json, &scores[vocab->count], err));
        bool third = false;
        if (more)
            TXE_TRY(txe_json_next(json, ']', &third, err));
        if (!more || third)
            return txe_fail(err, TXE_EVALUE, "entry %zu is not a piece and a score",
                            vocab->count);
        TXE_TRY(txe_vocab_add(vocab, walk->buffer, nbytes, (uint32_t)vocab->count, true,
                              err));
    }
}

/* Adds the merge that is written "a b". */
static txe_status
add_merge_line(struct txe_bpe *bpe, const char *line, size_t nbytes,
               struct txe_error *err)
{
    const char *space = memchr(line, ' ', nbytes);
    size_t left = space != NULL ? (size_t)(space - line) : 0;
    if (left == 0 || left + 1 == nbytes ||
        memchr(space + 1, ' ', nbytes - left - 1) != NULL)
        return txe_fail(err, TXE_EVALUE,
                        "merge %zu is not two tokens with one space between them",
                        bpe->nmerges);
    return txe_bpe_add_merge(bpe, line, left, space + 1, nbytes - left - 1, err);
}

/* Reads the rest of a merge written ["a", "b"] and adds it. */
static txe_status
add_merge_pair(struct txe_bpe *bpe, struct walk *walk, struct txe_error *err)
{
    size_t nbytes[2] = {0, 0};
    bool more = true;
    for (int i = 0; i < 2 && more; i++) {
        TXE_TRY(txe_json_next(&walk->json, ']', &more, err));
        if (more)
            TXE_TRY(txe_json_string(&walk->json, walk->buffer + nbytes[0], &nbytes[i],
                                    err));
    }
    if (more)
        TXE_TRY(txe_json_next(&walk->json, ']', &more, err));
    if (more || nbytes[0] == 0 || nbytes[1] == 0 ||
        memchr(walk->buffer, ' ', nbytes[0] + nbytes[1]) != NULL)
        return txe_fail(err, TXE_EVALUE, "merge %zu is not two tokens", bpe->nmerges);
    return txe_bpe_add_merge(bpe, walk->buffer, nbytes[0], walk->buffer + nbytes[0],
                             nbytes[1], err);
}

static txe_status
read_merges_json(struct txe_bpe *bpe, struct walk *walk, struct txe_error *err)
{
    bool more;
    TXE_TRY(txe_json_open(&walk->json, '[', err));
    for (;;) {
        TXE_TRY(txe_json_next(&walk->json, ']', &more, err));
        if (!more)
            return txe_json_end(&walk->json, err);
        if (txe_json_peek(&walk->json) == '[') {
            TXE_TRY(txe_json_open(&walk->json, '[', err));
            TXE_TRY(add_merge_pair(bpe, walk, err));
            continue;
        }
        size_t nbytes;
        TXE_TRY(txe_json_string(&walk->json, walk->buffer, &nbytes, err));
        if (nbytes >= 8 && memcmp(walk->buffer, "#version", 8) == 0)
            return txe_fail(err, TXE_EVALUE, "a version among the merges");
        TXE_TRY(add_merge_line(bpe, walk->buffer, nbytes, err));
    }
}

/* ---- lines ---- */

/* The next line from *at on, without its end; false when there is none. */
static bool
next_line(const struct txe_file_text *text, size_t *at, const char **line,
          size_t *nbytes)
{
    if (*at == text->nbytes)
        return false;
    *line = text->bytes + *at;
    const char *end = memchr(*line, '\n', text->nbytes - *at);
    *nbytes = end != NULL ? (size_t)(end - *line) : text->nbytes - *at;
    *at += *nbytes + (end != NULL);
    if (*nbytes != 0 && (*line)[*nbytes - 1] == '\r')
        --*nbytes;
    return true;
}

static size_t
without_trailing_space(const char *line, size_t nbytes)
{
    while (nbytes != 0) {
        size_t at = nbytes - 1, width;
        while (at > 0 && ((unsigned char)line[at] & 0xC0) == 0x80)
            at--;
        if (!txe_is_whitespace(txe_utf8_decode(line + at, &width)))
            break;
        nbytes = at;
    }
    return nbytes;
}

static txe_status
check_utf8(const struct txe_file_text *text, struct txe_error *err)
{
    return txe_utf8_valid(text->bytes, text->nbytes)
               ? TXE_OK
               : txe_fail(err, TXE_EVALUE, "this is not UTF-8");
}

static txe_status
read_vocab_lines(struct txe_vocab *vocab, const struct txe_file_text *text,
                 struct txe_error *err)
{
    const char *line;
    size_t nbytes, at = 0;
    TXE_TRY(check_utf8(text, err));
    while (next_line(text, &at, &line, &nbytes))
        TXE_TRY(txe_vocab_add(vocab, line, without_trailing_space(line, nbytes),
                              (uint32_t)vocab->count, false, err));
    return TXE_OK;
}

static txe_status
read_merge_lines(struct txe_bpe *bpe, const struct txe_file_text *text,
                 struct txe_error *err)
{
    const char *line;
    size_t nbytes, at = 0;
    TXE_TRY(check_utf8(text, err));
    while (next_line(text, &at, &line, &nbytes))
        if (nbytes < 8 || memcmp(line, "#version", 8) != 0)
            TXE_TRY(add_merge_line(bpe, line, nbytes, err));
    return TXE_OK;
}

/* ---- SentencePiece ---- */

static txe_status
read_sentencepiece(struct txe_vocab *vocab, double **scores,
                   const struct txe_file_text *text, struct txe_error *err)
{
    struct txe_spm_model model;
    TXE_TRY(txe_spm_parse(&model, (const uint8_t *)text->bytes, text->nbytes, err));
    txe_status status = txe_vocab_reserve(vocab, model.npieces, text->nbytes, err);
    *scores = txe_alloc(model.npieces, sizeof **scores);
    if (*scores == NULL)
        status = txe_fail_nomem(err, model.npieces * sizeof **scores);
    for (size_t i = 0; i < model.npieces && status == TXE_OK; i++) {
        const struct txe_spm_piece *piece = &model.pieces[i];
        (*scores)[i] = (double)piece->score;
        status = txe_vocab_add(vocab, text->bytes + piece->start, piece->nbytes,
                               (uint32_t)i, true, err);
    }
    txe_spm_free(&model);
    return status;
}

/* ---- any format ---- */

static bool
finish(txe_status status, const struct txe_vocab *vocab, const struct txe_path *path,
       struct txe_error *err)
{
    if (status == TXE_OK && vocab->count == 0)
        status = txe_fail(err, TXE_EVALUE, "the vocabulary is empty");
    return status == TXE_OK || txe_spec_raise(path, err);
}

bool
txe_spec_read_vocab_text(struct txe_vocab *vocab, const struct txe_file_text *text,
                         const struct txe_path *path)
{
    bool lines = strcmp(text->format, "vocab.txt") == 0;
    if (!lines && strcmp(text->format, "vocab.json") != 0)
        return unknown_format(text, path);
    struct txe_error err;
    struct walk walk = {.buffer = NULL};
    size_t count = count_entries(text, lines ? '\n' : ':', 4); /* if more, it grows */
    txe_status status = txe_vocab_reserve(vocab, count, text->nbytes, &err);
    if (status == TXE_OK && lines)
        status = read_vocab_lines(vocab, text, &err);
    else if (status == TXE_OK && (status = walk_start(&walk, text, &err)) == TXE_OK)
        status = read_vocab_json(vocab, &walk, &err);
    free(walk.buffer);
    return finish(status, vocab, path, &err);
}

bool
txe_spec_read_pieces_text(struct txe_vocab *vocab, double **scores,
                          const struct txe_file_text *text, const struct txe_path *path)
{
    struct txe_error err;
    struct walk walk = {.buffer = NULL};
    txe_status status;
    *scores = NULL;
    if (strcmp(text->format, "sentencepiece") == 0) {
        status = read_sentencepiece(vocab, scores, text, &err);
    } else if (strcmp(text->format, "pieces.json") == 0) {
        size_t count = count_entries(text, '[', sizeof "[\"\",0]" - 1);
        status = txe_vocab_reserve(vocab, count, text->nbytes, &err);
        *scores = txe_alloc(count, sizeof **scores);
        if (*scores == NULL)
            status = txe_fail_nomem(&err, count * sizeof **scores);
        if (status == TXE_OK)
            status = walk_start(&walk, text, &err);
        if (status == TXE_OK)
            status = read_pieces_json(vocab, *scores, &walk, &err);
        free(walk.buffer);
    } else {
        return unknown_format(text, path);
    }
    if (finish(status, vocab, path, &err))
        return true;
    free(*scores);
    *scores = NULL;
    return false;
}

size_t
txe_spec_count_merges_text(const struct txe_file_text *text)
{
    bool lines = strcmp(text->format, "merges.txt") == 0;
    return lines ? count_entries(text, '\n', sizeof "a b\n" - 1)
                 : count_entries(text, '"', sizeof "\"a b\"" - 1);
}

bool
txe_spec_read_merges_text(struct txe_bpe *bpe, const struct txe_file_text *text,
                          const struct txe_path *path)
{
    struct txe_error err;
    txe_status status;
    if (strcmp(text->format, "merges.txt") == 0) {
        status = read_merge_lines(bpe, text, &err);
    } else if (strcmp(text->format, "merges.json") == 0) {
        struct walk walk;
        status = walk_start(&walk, text, &err);
        if (status == TXE_OK)
            status = read_merges_json(bpe, &walk, &err);
        free(walk.buffer);
    } else {
        return unknown_format(text, path);
    }
    return status == TXE_OK || txe_spec_raise(path, &err);
}
