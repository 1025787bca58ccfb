/* Normalizers, pre-tokenizers and decoders: see spec_steps.h. */
#include "python/spec_steps.h"

#include <stdlib.h>
#include <string.h>

#include "python/spec_fields.h"

static bool
no_memory(void)
{
    PyErr_NoMemory();
    return false;
}

/* The place of `type` in a table of `count` names, count where it has none. */
static size_t
find_name(const char *const *names, size_t count, const char *type)
{
    size_t at = 0;
    while (at < count && (names[at] == NULL || strcmp(names[at], type) != 0))
        at++;
    return at;
}

static bool
read_prepend_scheme(PyObject *spec, const struct txe_path *path, txe_prepend *out)
{
    const char *scheme = "always";
    size_t nbytes;
    if (txe_spec_get(spec, "prepend_scheme") != NULL &&
        !txe_spec_string_field(spec, "prepend_scheme", path, &scheme, &nbytes))
        return false;
    bool add_prefix_space; /* what older files say */
    if (!txe_spec_bool_field(spec, "add_prefix_space", path, 1, &add_prefix_space))
        return false;
    if (strcmp(scheme, "never") == 0 ||
        (!add_prefix_space && txe_spec_get(spec, "prepend_scheme") == NULL))
        *out = TXE_PREPEND_NEVER;
    else if (!add_prefix_space)
        return txe_spec_fail(path, "add_prefix_space contradicts prepend_scheme");
    else if (strcmp(scheme, "always") == 0)
        *out = TXE_PREPEND_ALWAYS;
    else if (strcmp(scheme, "first") == 0)
        *out = TXE_PREPEND_FIRST;
    else
        return txe_spec_fail(path,
                             "prepend_scheme must be always, first or never, not "
                             "'%.80s'",
                             scheme);
    return true;
}

/* A pattern, {"String": ...} or {"Regex": ...}.  An empty string occurs between all
 * characters, as the empty regular expression does. */
static bool
read_pattern(PyObject *spec, const struct txe_path *path, char **bytes, size_t *nbytes,
             struct txe_regex **regex)
{
    struct txe_path place = txe_path_key(path, "pattern");
    PyObject *pattern = txe_spec_get(spec, "pattern");
    if (!txe_spec_is_dict(pattern, &place))
        return false;
    bool literal = txe_spec_get(pattern, "String") != NULL;
    if (literal == (txe_spec_get(pattern, "Regex") != NULL))
        return txe_spec_fail(&place, "expected one of String and Regex");
    const char *key = literal ? "String" : "Regex";
    if (!txe_spec_copy_field(pattern, key, &place, bytes, nbytes))
        return false;
    if (literal && *nbytes != 0)
        return true;
    struct txe_error err;
    place = txe_path_key(&place, key);
    return txe_regex_new(regex, *bytes, *nbytes, &err) == TXE_OK ||
           txe_spec_raise(&place, &err);
}

/* ---- normalizer ---- */

/* The compiled character map: base64 in a file, or the bytes themselves. */
static bool
read_charsmap(PyObject *spec, const struct txe_path *path,
              struct txe_normalizer_step *step)
{
    struct txe_path place = txe_path_key(path, "precompiled_charsmap");
    PyObject *value = txe_spec_get(spec, "precompiled_charsmap");
    PyObject *data = NULL;
    if (value != NULL && PyBytes_Check(value)) {
        data = Py_NewRef(value);
    } else {
        const char *bytes;
        size_t nbytes;
        if (!txe_spec_string(value, &place, &bytes, &nbytes))
            return false;
        PyObject *binascii = PyImport_ImportModule("binascii");
        if (binascii != NULL)
            data = PyObject_CallMethod(binascii, "a2b_base64", "O", value);
        Py_XDECREF(binascii);
        if (data == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_ValueError))
                return false;
            PyErr_Clear();
            return txe_spec_fail(&place, "this is not base64");
        }
    }
    struct txe_error err;
    txe_status status = txe_charsmap_new(&step->charsmap, PyBytes_AS_STRING(data),
                                         (size_t)PyBytes_GET_SIZE(data), &err);
    Py_DECREF(data);
    return status == TXE_OK || txe_spec_raise(&place, &err);
}

static bool
read_bert_normalizer(PyObject *spec, const struct txe_path *path,
                     struct txe_normalizer_step *step)
{
    return txe_spec_bool_field(spec, "clean_text", path, -1, &step->clean_text) &&
           txe_spec_bool_field(spec, "handle_chinese_chars", path, -1,
                               &step->handle_chinese_chars) &&
           txe_spec_bool_field(spec, "lowercase", path, -1, &step->lowercase) &&
           txe_spec_bool_field(spec, "strip_accents", path, step->lowercase,
                               &step->strip_accents);
}

static const char *const normalizer_names[] = {
    [TXE_NORM_BERT] = "BertNormalizer",
    [TXE_NORM_NFC] = "NFC",
    [TXE_NORM_NFD] = "NFD",
    [TXE_NORM_NFKC] = "NFKC",
    [TXE_NORM_NFKD] = "NFKD",
    [TXE_NORM_LOWERCASE] = "Lowercase",
    [TXE_NORM_STRIP_ACCENTS] = "StripAccents",
    [TXE_NORM_STRIP] = "Strip",
    [TXE_NORM_REPLACE] = "Replace",
    [TXE_NORM_PREPEND] = "Prepend",
    [TXE_NORM_PRECOMPILED] = "Precompiled",
    [TXE_NORM_NMT] = "Nmt",
    [TXE_NORM_BYTE_CHARS] = "ByteLevel",
};

static bool
add_normalizer(void *context, PyObject *spec, const char *type,
               const struct txe_path *path)
{
    struct txe_normalizer *normalizer = context;
    size_t kind = find_name(normalizer_names, TXE_LEN(normalizer_names), type);
    if (kind == TXE_LEN(normalizer_names))
        return txe_spec_unsupported(path, type);
    struct txe_normalizer_step *steps =
        txe_realloc(normalizer->steps, normalizer->nsteps + 1, sizeof *steps);
    if (steps == NULL)
        return no_memory();
    normalizer->steps = steps;
    struct txe_normalizer_step *step = &steps[normalizer->nsteps++];
    *step = (struct txe_normalizer_step){.kind = (txe_normalizer_kind)kind};
    switch (step->kind) {
    case TXE_NORM_BERT:
        return read_bert_normalizer(spec, path, step);
    case TXE_NORM_STRIP:
        return txe_spec_bool_field(spec, "strip_left", path, -1, &step->left) &&
               txe_spec_bool_field(spec, "strip_right", path, -1, &step->right);
    case TXE_NORM_REPLACE:
        return read_pattern(spec, path, &step->pattern, &step->pattern_nbytes,
                            &step->regex) &&
               txe_spec_copy_field(spec, "content", path, &step->content,
                                   &step->content_nbytes);
    case TXE_NORM_PREPEND:
        return txe_spec_copy_field(spec, "prepend", path, &step->content,
                                   &step->content_nbytes);
    case TXE_NORM_PRECOMPILED:
        return read_charsmap(spec, path, step);
    default:
        return true;
    }
}

bool
txe_spec_read_normalizer(struct txe_normalizer *normalizer, PyObject *spec)
{
    const struct txe_path path = {"normalizer"};
    return txe_spec_each(spec, &path, "normalizers", add_normalizer, normalizer);
}

/* ---- pre-tokenizer ---- */

/* What a byte-level pre-tokenizer cuts by. */
static const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
    "\\s+(?!\\S)|\\s+";

static const char *const splitter_names[] = {
    [TXE_SPLIT_BERT] = "BertPreTokenizer",
    [TXE_SPLIT_BYTE_LEVEL] = "ByteLevel",
    [TXE_SPLIT_WHITESPACE] = "WhitespaceSplit",
    [TXE_SPLIT_METASPACE] = "Metaspace",
    [TXE_SPLIT_WORDS] = "Whitespace",
    [TXE_SPLIT_PUNCTUATION] = "Punctuation",
    [TXE_SPLIT_DIGITS] = "Digits",
    [TXE_SPLIT_PATTERN] = "Split",
    [TXE_SPLIT_LENGTH] = "FixedLength",
    [TXE_SPLIT_SCRIPTS] = "UnicodeScripts",
};

static const char *const delimiter_names[] = {
    [TXE_DELIMITER_REMOVED] = "Removed",
    [TXE_DELIMITER_ISOLATED] = "Isolated",
    [TXE_DELIMITER_WITH_PREVIOUS] = "MergedWithPrevious",
    [TXE_DELIMITER_WITH_NEXT] = "MergedWithNext",
    [TXE_DELIMITER_CONTIGUOUS] = "Contiguous",
};

static struct txe_split_step *
append_split_step(struct txe_splitter *splitter, txe_split_kind kind)
{
    struct txe_split_step *steps =
        txe_realloc(splitter->steps, splitter->nsteps + 1, sizeof *steps);
    if (steps == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    splitter->steps = steps;
    struct txe_split_step *step = &steps[splitter->nsteps++];
    *step = (struct txe_split_step){.kind = kind};
    return step;
}

bool
txe_spec_ends_in_bytes(const struct txe_splitter *splitter)
{
    size_t n = splitter->nsteps;
    return n != 0 && splitter->steps[n - 1].kind == TXE_SPLIT_BYTE_LEVEL;
}

bool
txe_spec_write_bytes(struct txe_splitter *splitter)
{
    return append_split_step(splitter, TXE_SPLIT_BYTE_CHARS) != NULL;
}

static bool
read_delimiter(PyObject *spec, const struct txe_path *path, struct txe_split_step *step)
{
    const char *name;
    size_t nbytes;
    if (!txe_spec_string_field(spec, "behavior", path, &name, &nbytes))
        return false;
    size_t which = find_name(delimiter_names, TXE_LEN(delimiter_names), name);
    if (which == TXE_LEN(delimiter_names))
        return txe_spec_fail(path, "the behavior '%.80s' is not known", name);
    step->delimiter = (txe_delimiter)which;
    return true;
}

static bool
read_split(PyObject *spec, const struct txe_path *path, struct txe_split_step *step)
{
    if (!read_pattern(spec, path, &step->pattern, &step->pattern_nbytes,
                      &step->regex) ||
        !read_delimiter(spec, path, step) ||
        !txe_spec_bool_field(spec, "invert", path, -1, &step->invert))
        return false;
    if (step->regex != NULL && step->pattern_nbytes == sizeof gpt2_pattern - 1 &&
        memcmp(step->pattern, gpt2_pattern, step->pattern_nbytes) == 0)
        step->kind = TXE_SPLIT_GPT2;
    return true;
}

static bool
read_metaspace(PyObject *spec, const struct txe_path *path, struct txe_split_step *step)
{
    const char *bytes;
    if (!txe_spec_char_field(spec, "replacement", path, &bytes,
                             &step->replacement_nbytes))
        return false;
    memcpy(step->replacement, bytes, step->replacement_nbytes);
    return read_prepend_scheme(spec, path, &step->prepend) &&
           txe_spec_bool_field(spec, "split", path, 1, &step->cut);
}

static bool
read_length(PyObject *spec, const struct txe_path *path, struct txe_split_step *step)
{
    struct txe_path place = txe_path_key(path, "length");
    uint64_t length = 5;
    if (txe_spec_get(spec, "length") != NULL &&
        !txe_spec_number(txe_spec_get(spec, "length"), &place, SIZE_MAX / 2, &length))
        return false;
    if (length == 0)
        return txe_spec_fail(&place, "pieces of no characters are not possible");
    step->length = (size_t)length;
    return true;
}

static bool
read_digits(PyObject *spec, const struct txe_path *path, struct txe_split_step *step)
{
    bool individual;
    if (!txe_spec_bool_field(spec, "individual_digits", path, -1, &individual))
        return false;
    step->delimiter = individual ? TXE_DELIMITER_ISOLATED : TXE_DELIMITER_CONTIGUOUS;
    return true;
}

/* CharDelimiterSplit: one character, removed. */
static bool
read_char_delimiter(PyObject *spec, const struct txe_path *path,
                    struct txe_split_step *step)
{
    const char *bytes;
    return txe_spec_char_field(spec, "delimiter", path, &bytes,
                               &step->pattern_nbytes) &&
           txe_spec_copy_field(spec, "delimiter", path, &step->pattern,
                               &step->pattern_nbytes);
}

static bool
read_byte_level(PyObject *spec, const struct txe_path *path,
                struct txe_split_step *step)
{
    return txe_spec_bool_field(spec, "add_prefix_space", path, -1,
                               &step->add_prefix_space) &&
           txe_spec_bool_field(spec, "use_regex", path, 1, &step->use_regex);
}

/* A Split by GPT-2's pattern and a ByteLevel that does not cut are one ByteLevel that
 * does. */
static void
join_byte_level(struct txe_splitter *splitter)
{
    struct txe_split_step *last = &splitter->steps[splitter->nsteps - 1];
    if (splitter->nsteps < 2 || last->use_regex || last->add_prefix_space)
        return;
    struct txe_split_step *before = last - 1;
    if (before->kind != TXE_SPLIT_GPT2 || before->delimiter != TXE_DELIMITER_ISOLATED)
        return;
    last->use_regex = true;
    free(before->pattern);
    txe_regex_free(before->regex);
    *before = *last;
    splitter->nsteps--;
}

static bool
add_splitter(void *context, PyObject *spec, const char *type,
             const struct txe_path *path)
{
    struct txe_splitter *splitter = context;
    bool is_char_delimiter = strcmp(type, "CharDelimiterSplit") == 0;
    size_t kind = find_name(splitter_names, TXE_LEN(splitter_names), type);
    if (is_char_delimiter)
        kind = TXE_SPLIT_PATTERN;
    if (kind == TXE_LEN(splitter_names))
        return txe_spec_unsupported(path, type);
    if (txe_spec_ends_in_bytes(splitter) && !txe_spec_write_bytes(splitter))
        return false;
    struct txe_split_step *step = append_split_step(splitter, (txe_split_kind)kind);
    if (step == NULL)
        return false;
    if (is_char_delimiter)
        return read_char_delimiter(spec, path, step);
    switch (step->kind) {
    case TXE_SPLIT_BYTE_LEVEL:
        if (!read_byte_level(spec, path, step))
            return false;
        join_byte_level(splitter);
        return true;
    case TXE_SPLIT_METASPACE:
        return read_metaspace(spec, path, step);
    case TXE_SPLIT_PATTERN:
        return read_split(spec, path, step);
    case TXE_SPLIT_PUNCTUATION:
        step->delimiter = TXE_DELIMITER_ISOLATED;
        return txe_spec_get(spec, "behavior") == NULL ||
               read_delimiter(spec, path, step);
    case TXE_SPLIT_DIGITS:
        return read_digits(spec, path, step);
    case TXE_SPLIT_LENGTH:
        return read_length(spec, path, step);
    default:
        return true;
    }
}

bool
txe_spec_read_splitter(struct txe_splitter *splitter, PyObject *spec)
{
    const struct txe_path path = {"pre_tokenizer"};
    return txe_spec_each(spec, &path, "pretokenizers", add_splitter, splitter);
}

/* ---- decoder ---- */

static const char *const decoder_names[] = {
    [TXE_DECODE_BYTE_LEVEL] = "ByteLevel",
    [TXE_DECODE_WORDPIECE] = "WordPiece",
    [TXE_DECODE_METASPACE] = "Metaspace",
    [TXE_DECODE_BPE] = "BPEDecoder",
    [TXE_DECODE_REPLACE] = "Replace",
    [TXE_DECODE_STRIP] = "Strip",
    [TXE_DECODE_FUSE] = "Fuse",
    [TXE_DECODE_BYTE_FALLBACK] = "ByteFallback",
    [TXE_DECODE_CTC] = "CTC",
};

static bool
read_metaspace_decoder(PyObject *spec, const struct txe_path *path,
                       struct txe_decode_step *step)
{
    const char *bytes;
    txe_prepend prepend;
    if (!txe_spec_char_field(spec, "replacement", path, &bytes,
                             &step->pattern_nbytes) ||
        !txe_spec_copy_field(spec, "replacement", path, &step->pattern,
                             &step->pattern_nbytes) ||
        !read_prepend_scheme(spec, path, &prepend))
        return false;
    step->keep_first = prepend == TXE_PREPEND_NEVER;
    return true;
}

static bool
read_strip_decoder(PyObject *spec, const struct txe_path *path,
                   struct txe_decode_step *step)
{
    struct txe_path start_path = txe_path_key(path, "start");
    struct txe_path stop_path = txe_path_key(path, "stop");
    uint64_t start, stop;
    const char *bytes;
    if (!txe_spec_char_field(spec, "content", path, &bytes, &step->pattern_nbytes) ||
        !txe_spec_copy_field(spec, "content", path, &step->pattern,
                             &step->pattern_nbytes) ||
        !txe_spec_number(txe_spec_get(spec, "start"), &start_path, SIZE_MAX / 2,
                         &start) ||
        !txe_spec_number(txe_spec_get(spec, "stop"), &stop_path, SIZE_MAX / 2, &stop))
        return false;
    step->start = (size_t)start;
    step->stop = (size_t)stop;
    return true;
}

static bool
add_decoder(void *context, PyObject *spec, const char *type,
            const struct txe_path *path)
{
    struct txe_decoder *decoder = context;
    size_t kind = find_name(decoder_names, TXE_LEN(decoder_names), type);
    if (kind == TXE_LEN(decoder_names))
        return txe_spec_unsupported(path, type);
    struct txe_decode_step *steps =
        txe_realloc(decoder->steps, decoder->nsteps + 1, sizeof *steps);
    if (steps == NULL)
        return no_memory();
    decoder->steps = steps;
    struct txe_decode_step *step = &steps[decoder->nsteps++];
    *step = (struct txe_decode_step){.kind = (txe_decode_kind)kind};
    switch (step->kind) {
    case TXE_DECODE_WORDPIECE:
        return txe_spec_copy_field(spec, "prefix", path, &step->pattern,
                                   &step->pattern_nbytes) &&
               txe_spec_bool_field(spec, "cleanup", path, -1, &step->cleanup);
    case TXE_DECODE_METASPACE:
        return read_metaspace_decoder(spec, path, step);
    case TXE_DECODE_BPE:
        return txe_spec_copy_field(spec, "suffix", path, &step->pattern,
                                   &step->pattern_nbytes);
    case TXE_DECODE_REPLACE:
        return read_pattern(spec, path, &step->pattern, &step->pattern_nbytes,
                            &step->regex) &&
               txe_spec_copy_field(spec, "content", path, &step->content,
                                   &step->content_nbytes);
    case TXE_DECODE_STRIP:
        return read_strip_decoder(spec, path, step);
    case TXE_DECODE_CTC:
        return txe_spec_copy_field(spec, "pad_token", path, &step->pattern,
                                   &step->pattern_nbytes) &&
               txe_spec_copy_field(spec, "word_delimiter_token", path, &step->content,
                                   &step->content_nbytes) &&
               txe_spec_bool_field(spec, "cleanup", path, -1, &step->cleanup);
    default:
        return true;
    }
}

bool
txe_spec_read_decoder(struct txe_decoder *decoder, PyObject *spec)
{
    const struct txe_path path = {"decoder"};
    decoder->present = spec != NULL;
    return txe_spec_each(spec, &path, "decoders", add_decoder, decoder);
}
