/* Components of a tokenizer.json: see tokenizer_spec.h. */
#include "python/tokenizer_spec.h"

#include <stdlib.h>
#include <string.h>

#include "python/spec_fields.h"
#include "python/spec_model.h"
#include "python/spec_steps.h"

/* ---- post-processor ---- */

static bool
add_piece(struct txe_template *template, txe_piece_kind kind, uint64_t type_id,
          uint64_t id, const struct txe_path *path)
{
    if (template->npieces == TXE_MAX_PIECES)
        return txe_spec_fail(path, "more than %d pieces are not supported",
                             TXE_MAX_PIECES);
    template->pieces[template->npieces++] =
        (struct txe_piece){kind, (uint32_t)type_id, (uint32_t)id};
    template->nspecial += kind == TXE_PIECE_SPECIAL;
    return true;
}

/* The ids of a special token named in a template. */
static bool
add_special(struct txe_template *template, PyObject *tokens, PyObject *name,
            uint64_t type_id, const struct txe_path *path)
{
    PyObject *token = PyDict_GetItemWithError(tokens, name), *ids;
    if (token == NULL)
        return PyErr_Occurred() == NULL &&
               txe_spec_fail(path, "this token is not among special_tokens");
    struct txe_path place = txe_path_key(path, "ids");
    if (!txe_spec_is_dict(token, path) ||
        !txe_spec_list_field(token, "ids", path, &ids))
        return false;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(ids); i++) {
        uint64_t id;
        if (!txe_spec_number(PySequence_Fast_GET_ITEM(ids, i), &place,
                             TXE_VOCAB_MAX_IDS, &id) ||
            !add_piece(template, TXE_PIECE_SPECIAL, type_id, id, path))
            return false;
    }
    return true;
}

static bool
read_piece(struct txe_template *template, PyObject *piece, PyObject *tokens,
           const struct txe_path *path)
{
    if (!txe_spec_is_dict(piece, path))
        return false;
    PyObject *sequence = txe_spec_get(piece, "Sequence");
    PyObject *special = txe_spec_get(piece, "SpecialToken");
    PyObject *inner = sequence != NULL ? sequence : special;
    if (PyDict_Size(piece) != 1 || inner == NULL)
        return txe_spec_fail(path, "expected one of Sequence and SpecialToken");
    struct txe_path place =
        txe_path_key(path, sequence != NULL ? "Sequence" : "SpecialToken");
    struct txe_path type_path = txe_path_key(&place, "type_id");
    const char *id;
    size_t nbytes;
    uint64_t type_id;
    if (!txe_spec_is_dict(inner, &place) ||
        !txe_spec_string_field(inner, "id", &place, &id, &nbytes) ||
        !txe_spec_number(txe_spec_get(inner, "type_id"), &type_path, UINT32_MAX,
                         &type_id))
        return false;
    if (special != NULL)
        return add_special(template, tokens, txe_spec_get(inner, "id"), type_id,
                           &place);
    if (strcmp(id, "A") != 0 && strcmp(id, "B") != 0)
        return txe_spec_fail(&place, "the id must be A or B, not '%.80s'", id);
    return add_piece(template, id[0] == 'A' ? TXE_PIECE_A : TXE_PIECE_B, type_id, 0,
                     path);
}

static bool
read_template(struct txe_template *template, PyObject *spec, const char *key,
              PyObject *tokens, const struct txe_path *path)
{
    PyObject *list;
    if (!txe_spec_list_field(spec, key, path, &list))
        return false;
    memset(template, 0, sizeof *template);
    struct txe_path place = txe_path_key(path, key);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list); i++) {
        struct txe_path item_path = txe_path_item(&place, (size_t)i);
        if (!read_piece(template, PySequence_Fast_GET_ITEM(list, i), tokens,
                        &item_path))
            return false;
    }
    size_t uses[2] = {0, 0};
    for (size_t i = 0; i < template->npieces; i++)
        if (template->pieces[i].kind != TXE_PIECE_SPECIAL)
            uses[template->pieces[i].kind == TXE_PIECE_B]++;
    bool is_pair = strcmp(key, "pair") == 0;
    if (uses[0] != 1 || uses[1] != (is_pair ? 1 : 0))
        return txe_spec_fail(&place, is_pair ? "A and B must be there once each"
                                             : "A must be there once, and no B");
    return true;
}

/* A ["token", id] pair. */
static bool
read_token_pair(PyObject *spec, const char *key, const struct txe_path *path,
                uint64_t *id)
{
    struct txe_path place = txe_path_key(path, key);
    PyObject *pair;
    const char *token;
    size_t nbytes;
    if (!txe_spec_list_field(spec, key, path, &pair))
        return false;
    if (PySequence_Fast_GET_SIZE(pair) != 2)
        return txe_spec_fail(&place, "expected a token and its id");
    return txe_spec_string(PySequence_Fast_GET_ITEM(pair, 0), &place, &token,
                           &nbytes) &&
           txe_spec_number(PySequence_Fast_GET_ITEM(pair, 1), &place, TXE_VOCAB_MAX_IDS,
                           id);
}

/* cls A sep, and cls A sep B sep or, for RoBERTa, cls A sep sep B sep with types 0. */
static bool
read_fixed_template(struct txe_post *post, PyObject *spec, const struct txe_path *path,
                    bool roberta)
{
    uint64_t sep, cls;
    if (!read_token_pair(spec, "sep", path, &sep) ||
        !read_token_pair(spec, "cls", path, &cls))
        return false;
    uint64_t type_b = roberta ? 0 : 1;
    for (int is_pair = 0; is_pair < 2; is_pair++) {
        struct txe_template *template = is_pair ? &post->pair : &post->single;
        memset(template, 0, sizeof *template);
        add_piece(template, TXE_PIECE_SPECIAL, 0, cls, path);
        add_piece(template, TXE_PIECE_A, 0, 0, path);
        add_piece(template, TXE_PIECE_SPECIAL, 0, sep, path);
        if (!is_pair)
            continue;
        if (roberta)
            add_piece(template, TXE_PIECE_SPECIAL, 0, sep, path);
        add_piece(template, TXE_PIECE_B, type_b, 0, path);
        add_piece(template, TXE_PIECE_SPECIAL, type_b, sep, path);
    }
    return true;
}

static bool
add_trim(struct txe_post *post, PyObject *spec, const struct txe_path *path)
{
    bool trim, add_prefix_space;
    if (!txe_spec_bool_field(spec, "trim_offsets", path, -1, &trim) ||
        !txe_spec_bool_field(spec, "add_prefix_space", path, -1, &add_prefix_space))
        return false;
    if (!trim)
        return true;
    if (post->ntrims == TXE_MAX_TRIMS)
        return txe_spec_fail(path,
                             "more than %d trimming post-processors are not "
                             "supported",
                             TXE_MAX_TRIMS);
    post->trim_spares_prefix[post->ntrims++] = add_prefix_space;
    return true;
}

struct post_context {
    struct txe_post *post;
    bool done; /* a template is set */
};

static bool
add_post(void *context, PyObject *spec, const char *type, const struct txe_path *path)
{
    struct post_context *state = context;
    struct txe_post *post = state->post;
    if (state->done)
        return txe_spec_fail(path,
                             "nothing may follow the post-processor that adds the "
                             "special tokens");
    if (strcmp(type, "ByteLevel") == 0)
        return add_trim(post, spec, path);
    state->done = true;
    if (strcmp(type, "BertProcessing") == 0)
        return read_fixed_template(post, spec, path, false);
    if (strcmp(type, "RobertaProcessing") == 0) {
        post->zero_overflow_types = true;
        return add_trim(post, spec, path) &&
               read_fixed_template(post, spec, path, true);
    }
    if (strcmp(type, "TemplateProcessing") == 0) {
        struct txe_path place = txe_path_key(path, "special_tokens");
        PyObject *tokens = txe_spec_get(spec, "special_tokens");
        return txe_spec_is_dict(tokens, &place) &&
               read_template(&post->single, spec, "single", tokens, path) &&
               read_template(&post->pair, spec, "pair", tokens, path);
    }
    return txe_spec_unsupported(path, type);
}

struct txe_post *
txe_spec_post(PyObject *spec)
{
    const struct txe_path path = {"post_processor"};
    struct txe_post *post = txe_post_new();
    if (post == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    struct post_context context = {post, false};
    post->present = spec != NULL && spec != Py_None;
    if (!txe_spec_each(spec, &path, "processors", add_post, &context)) {
        txe_post_release(post);
        return NULL;
    }
    return post;
}

/* ---- added tokens ---- */

/* The id of an added token that the spec says has id `given`. */
static bool
choose_id(const struct txe_core *core, const char *content, size_t nbytes,
          bool ids_as_given, uint64_t given, uint32_t *next_id,
          const struct txe_path *path, uint32_t *id)
{
    const struct txe_vocab *vocab = &core->model.vocab;
    const struct txe_vocab_entry *entry = txe_vocab_find(vocab, content, nbytes);
    if (entry != NULL && ids_as_given && entry->id != given)
        return txe_spec_fail(path, "'%.*s' has id %lu in the model, not %lu",
                             (int)TXE_MIN(nbytes, 80), content,
                             (unsigned long)entry->id, (unsigned long)given);
    if (entry == NULL && ids_as_given && txe_vocab_at(vocab, (uint32_t)given) != NULL)
        return txe_spec_fail(path,
                             "the id %lu of '%.*s' is another token's in the model",
                             (unsigned long)given, (int)TXE_MIN(nbytes, 80), content);
    *id = entry != NULL ? entry->id : ids_as_given ? (uint32_t)given : (*next_id)++;
    return true;
}

static bool
add_token(struct txe_added *added, PyObject *spec, const struct txe_core *core,
          bool ids_as_given, uint32_t *next_id, const struct txe_path *path)
{
    struct txe_path id_path = txe_path_key(path, "id");
    struct txe_added_token token = {0};
    const char *content;
    size_t nbytes;
    uint64_t id;
    if (!txe_spec_is_dict(spec, path) ||
        !txe_spec_string_field(spec, "content", path, &content, &nbytes) ||
        !txe_spec_number(txe_spec_get(spec, "id"), &id_path, TXE_VOCAB_MAX_IDS, &id) ||
        !txe_spec_bool_field(spec, "single_word", path, 0, &token.single_word) ||
        !txe_spec_bool_field(spec, "lstrip", path, 0, &token.lstrip) ||
        !txe_spec_bool_field(spec, "rstrip", path, 0, &token.rstrip) ||
        !txe_spec_bool_field(spec, "special", path, 0, &token.special) ||
        !txe_spec_bool_field(spec, "normalized", path, !token.special,
                             &token.normalized))
        return false;
    if (nbytes == 0)
        return ids_as_given ? txe_spec_fail(path, "the content is empty") : true;
    if (!choose_id(core, content, nbytes, ids_as_given, id, next_id, path, &token.id))
        return false;
    struct txe_error err;
    return txe_added_append(added, content, nbytes, &token, &err) == TXE_OK ||
           txe_spec_raise(path, &err);
}

struct txe_added *
txe_spec_added(PyObject *spec, const struct txe_core *core, bool ids_as_given)
{
    const struct txe_path path = {"added_tokens"};
    struct txe_added *added = txe_added_new();
    if (added == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    uint32_t next_id = (uint32_t)core->model.vocab.count;
    if (spec != NULL && spec != Py_None) {
        if (!txe_spec_is_list(spec, &path))
            goto fail;
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(spec); i++) {
            struct txe_path place = txe_path_item(&path, (size_t)i);
            if (!add_token(added, PySequence_Fast_GET_ITEM(spec, i), core, ids_as_given,
                           &next_id, &place))
                goto fail;
        }
    }
    struct txe_error err;
    if (txe_added_finish(added, &core->normalizer, &err) != TXE_OK) {
        txe_spec_raise(&path, &err);
        goto fail;
    }
    return added;

fail:
    txe_added_release(added);
    return NULL;
}

/* ---- the shared part ---- */

struct txe_core *
txe_spec_core(PyObject *spec)
{
    const struct txe_path path = {"model"};
    struct txe_core *core = txe_core_new();
    if (core == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    PyObject *model = txe_spec_get(spec, "model");
    if (!txe_spec_read_normalizer(&core->normalizer,
                                  txe_spec_get(spec, "normalizer")) ||
        !txe_spec_read_splitter(&core->splitter, txe_spec_get(spec, "pre_tokenizer")) ||
        !txe_spec_read_decoder(&core->decoder, txe_spec_get(spec, "decoder")))
        goto fail;
    bool byte_level = txe_spec_ends_in_bytes(&core->splitter);
    if (byte_level && !txe_spec_model_takes_bytes(model)) {
        if (!txe_spec_write_bytes(&core->splitter))
            goto fail;
        byte_level = false;
    }
    if (!txe_spec_read_model(&core->model, model, &path, byte_level))
        goto fail;
    return core;

fail:
    txe_core_release(core);
    return NULL;
}
