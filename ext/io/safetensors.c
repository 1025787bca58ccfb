/* Reading safetensors files: see safetensors.h. */
#include "io/safetensors.h"

#include <inttypes.h>
#include <string.h>

#include "base/common.h"
#include "io/json.h"
#include "io/mapped_file.h"

struct txe_safetensors {
    struct txe_mapped_file mapping;
    char *strings; /* every decoded name, key and value; as large as the header */
    size_t strings_nbytes;
    size_t *dims; /* the shapes, one after another */
    size_t ndims, dims_capacity;
    struct txe_stored_tensor *tensors; /* by offset of their data */
    size_t ntensors, tensors_capacity;
    const struct txe_stored_tensor **by_name; /* the same, by name */
    struct txe_json_text *metadata;
    size_t nmetadata; /* texts, two for each entry */
    size_t metadata_capacity;
};

static const struct stored_dtype {
    const char *name;
    size_t nbits;
    txe_dtype dtype;
} stored_dtypes[] = {
    {"F32", 32, TXE_F32},        {"F16", 16, TXE_F16},
    {"BF16", 16, TXE_BF16},      {"F64", 64, TXE_F64},
    {"I64", 64, TXE_I64},        {"I32", 32, TXE_I32},
    {"I16", 16, TXE_I16},        {"I8", 8, TXE_I8},
    {"U64", 64, TXE_U64},        {"U32", 32, TXE_U32},
    {"U16", 16, TXE_U16},        {"U8", 8, TXE_U8},
    {"BOOL", 8, TXE_BOOL},       {"C64", 64, TXE_NDTYPES},
    {"F8_E4M3", 8, TXE_NDTYPES}, {"F8_E4M3FNUZ", 8, TXE_NDTYPES},
    {"F8_E5M2", 8, TXE_NDTYPES}, {"F8_E5M2FNUZ", 8, TXE_NDTYPES},
    {"F8_E8M0", 8, TXE_NDTYPES}, {"F6_E2M3", 6, TXE_NDTYPES},
    {"F6_E3M2", 6, TXE_NDTYPES}, {"F4", 4, TXE_NDTYPES},
};

/* What is known of one tensor while its JSON object is being read. */
struct entry {
    struct txe_json_text name;
    const struct stored_dtype *dtype;
    bool has_shape, has_offsets;
    size_t first_dim, ndim;
    uint64_t begin, end;
};

/* For "%.*s": names come out of the file and may be of any length. */
#define SHOWN(text) (int)TXE_MIN((text).nbytes, (size_t)200), (text).data

/* Makes room for one more element of `size` bytes in a growing array. */
static txe_status
grow(void **array, size_t *capacity, size_t count, size_t size, struct txe_error *err)
{
    if (count < *capacity)
        return TXE_OK;
    size_t wanted = *capacity != 0 ? 2 * *capacity : 16;
    void *larger = txe_realloc(*array, wanted, size);
    if (larger == NULL)
        return txe_fail_nomem(err, (unsigned long long)wanted * size);
    *array = larger;
    *capacity = wanted;
    return TXE_OK;
}

static bool
text_is(struct txe_json_text text, const char *word)
{
    return text.nbytes == strlen(word) && memcmp(text.data, word, text.nbytes) == 0;
}

static int
compare_texts(struct txe_json_text a, struct txe_json_text b)
{
    size_t common = TXE_MIN(a.nbytes, b.nbytes);
    int order = common != 0 ? memcmp(a.data, b.data, common) : 0;
    return order != 0 ? order : (a.nbytes > b.nbytes) - (a.nbytes < b.nbytes);
}

/* Reads a string, or a key with its colon, into the file's own memory.  The strings of
 * a text are never longer than the text, so there is always room. */
static txe_status
read_text(struct txe_safetensors *file, struct txe_json *json, bool key,
          struct txe_json_text *out, struct txe_error *err)
{
    out->data = file->strings + file->strings_nbytes;
    TXE_TRY((key ? txe_json_key : txe_json_string)(
        json, file->strings + file->strings_nbytes, &out->nbytes, err));
    file->strings_nbytes += out->nbytes;
    return TXE_OK;
}

static txe_status
read_metadata(struct txe_safetensors *file, struct txe_json *json,
              struct txe_error *err)
{
    bool more;
    TXE_TRY(txe_json_open(json, '{', err));
    for (;;) {
        TXE_TRY(txe_json_next(json, '}', &more, err));
        if (!more)
            return TXE_OK;
        for (int value = 0; value < 2; value++) {
            TXE_TRY(grow((void **)&file->metadata, &file->metadata_capacity,
                         file->nmetadata, sizeof *file->metadata, err));
            TXE_TRY(
                read_text(file, json, !value, &file->metadata[file->nmetadata], err));
            file->nmetadata++;
        }
    }
}

static txe_status
read_dtype(struct txe_safetensors *file, struct txe_json *json, struct entry *entry,
           struct txe_error *err)
{
    struct txe_json_text name;
    TXE_TRY(read_text(file, json, false, &name, err));
    for (size_t i = 0; i < TXE_LEN(stored_dtypes); i++) {
        if (text_is(name, stored_dtypes[i].name)) {
            entry->dtype = &stored_dtypes[i];
            return TXE_OK;
        }
    }
    return txe_fail(err, TXE_EVALUE, "%s: tensor \"%.*s\": unknown dtype \"%.*s\"",
                    json->what, SHOWN(entry->name), SHOWN(name));
}

static txe_status
read_shape(struct txe_safetensors *file, struct txe_json *json, struct entry *entry,
           struct txe_error *err)
{
    bool more;
    entry->has_shape = true;
    entry->first_dim = file->ndims;
    TXE_TRY(txe_json_open(json, '[', err));
    for (;;) {
        uint64_t dim;
        TXE_TRY(txe_json_next(json, ']', &more, err));
        if (!more)
            break;
        TXE_TRY(txe_json_u64(json, &dim, err));
        if (dim > PTRDIFF_MAX)
            return txe_fail(err, TXE_EVALUE,
                            "%s: tensor \"%.*s\": a dimension of %" PRIu64, json->what,
                            SHOWN(entry->name), dim);
        TXE_TRY(grow((void **)&file->dims, &file->dims_capacity, file->ndims,
                     sizeof *file->dims, err));
        file->dims[file->ndims++] = (size_t)dim;
    }
    entry->ndim = file->ndims - entry->first_dim;
    return TXE_OK;
}

static txe_status
read_offsets(struct txe_json *json, struct entry *entry, struct txe_error *err)
{
    bool more;
    uint64_t offsets[2];
    size_t count = 0;
    TXE_TRY(txe_json_open(json, '[', err));
    for (;;) {
        TXE_TRY(txe_json_next(json, ']', &more, err));
        if (!more)
            break;
        if (count == 2) {
            count++;
            break;
        }
        TXE_TRY(txe_json_u64(json, &offsets[count++], err));
    }
    if (count != 2)
        return txe_fail(err, TXE_EVALUE,
                        "%s: tensor \"%.*s\": data_offsets must be two numbers",
                        json->what, SHOWN(entry->name));
    entry->has_offsets = true;
    entry->begin = offsets[0];
    entry->end = offsets[1];
    return TXE_OK;
}

/* shape x bits == 8 x (end - begin), all inside the data. */
static txe_status
check_extent(const struct txe_safetensors *file, const char *path, size_t data_nbytes,
             const struct entry *entry, struct txe_error *err)
{
    if (entry->begin > entry->end || entry->end > data_nbytes)
        return txe_fail(err, TXE_EVALUE,
                        "%s: tensor \"%.*s\": data_offsets [%" PRIu64 ", %" PRIu64
                        "] do not lie in order within the file's %zu bytes of data",
                        path, SHOWN(entry->name), entry->begin, entry->end,
                        data_nbytes);
    size_t nbits = 1;
    bool fits = true;
    for (size_t i = 0; i < entry->ndim && fits; i++)
        fits = txe_mul_size(nbits, file->dims[entry->first_dim + i], &nbits);
    fits = fits && txe_mul_size(nbits, entry->dtype->nbits, &nbits);
    size_t nbytes = (size_t)(entry->end - entry->begin);
    if (!fits)
        return txe_fail(
            err, TXE_EVALUE,
            "%s: tensor \"%.*s\": its shape has more elements than memory has "
            "bytes",
            path, SHOWN(entry->name));
    if (nbits % 8 != 0 || nbits / 8 != nbytes)
        return txe_fail(err, TXE_EVALUE,
                        "%s: tensor \"%.*s\": its shape takes %zu bits of %s, but its "
                        "data_offsets give it %zu bytes (%zu bits would be right)",
                        path, SHOWN(entry->name), nbits, entry->dtype->name, nbytes,
                        nbytes * 8);
    return TXE_OK;
}

static txe_status
read_tensor(struct txe_safetensors *file, struct txe_json *json,
            struct txe_json_text name, const unsigned char *data, size_t data_nbytes,
            struct txe_error *err)
{
    struct entry entry = {.name = name};
    bool more;
    TXE_TRY(txe_json_open(json, '{', err));
    for (;;) {
        struct txe_json_text field;
        TXE_TRY(txe_json_next(json, '}', &more, err));
        if (!more)
            break;
        TXE_TRY(read_text(file, json, true, &field, err));
        bool repeated = false;
        if (text_is(field, "dtype")) {
            repeated = entry.dtype != NULL;
            TXE_TRY(read_dtype(file, json, &entry, err));
        } else if (text_is(field, "shape")) {
            repeated = entry.has_shape;
            TXE_TRY(read_shape(file, json, &entry, err));
        } else if (text_is(field, "data_offsets")) {
            repeated = entry.has_offsets;
            TXE_TRY(read_offsets(json, &entry, err));
        } else {
            TXE_TRY(txe_json_skip(json, err));
        }
        if (repeated)
            return txe_fail(err, TXE_EVALUE, "%s: tensor \"%.*s\": \"%.*s\" twice",
                            json->what, SHOWN(name), SHOWN(field));
    }
    if (entry.dtype == NULL || !entry.has_shape || !entry.has_offsets)
        return txe_fail(err, TXE_EVALUE, "%s: tensor \"%.*s\": no \"%s\"", json->what,
                        SHOWN(name),
                        entry.dtype == NULL ? "dtype"
                        : !entry.has_shape  ? "shape"
                                            : "data_offsets");
    TXE_TRY(check_extent(file, json->what, data_nbytes, &entry, err));
    TXE_TRY(grow((void **)&file->tensors, &file->tensors_capacity, file->ntensors,
                 sizeof *file->tensors, err));
    /* The shapes may still move: until all are read, `shape` is not set. */
    file->tensors[file->ntensors++] = (struct txe_stored_tensor){
        .name = name,
        .stored_as = entry.dtype->name,
        .dtype = entry.dtype->dtype,
        .ndim = entry.ndim,
        .data = data + entry.begin,
        .nbytes = (size_t)(entry.end - entry.begin),
    };
    return TXE_OK;
}

static int
by_data(const void *a, const void *b)
{
    const struct txe_stored_tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    if (x->nbytes != y->nbytes)
        return x->nbytes < y->nbytes ? -1 : 1;
    return compare_texts(x->name, y->name);
}

/* Reads everything; the tensors end up in the order of their data. */
static txe_status
read_header(struct txe_safetensors *file, struct txe_json *json,
            const unsigned char *data, size_t data_nbytes, struct txe_error *err)
{
    bool more, has_metadata = false;
    TXE_TRY(txe_json_open(json, '{', err));
    for (;;) {
        struct txe_json_text name;
        TXE_TRY(txe_json_next(json, '}', &more, err));
        if (!more)
            break;
        TXE_TRY(read_text(file, json, true, &name, err));
        if (text_is(name, "__metadata__")) {
            if (has_metadata)
                return txe_fail(err, TXE_EVALUE, "%s: \"__metadata__\" twice",
                                json->what);
            has_metadata = true;
            TXE_TRY(read_metadata(file, json, err));
        } else {
            TXE_TRY(read_tensor(file, json, name, data, data_nbytes, err));
        }
    }
    TXE_TRY(txe_json_end(json, err));
    const size_t *dims = file->dims;
    for (size_t i = 0; i < file->ntensors; i++) {
        file->tensors[i].shape = dims;
        if (file->tensors[i].ndim != 0)
            dims += file->tensors[i].ndim;
    }
    if (file->ntensors != 0)
        qsort(file->tensors, file->ntensors, sizeof *file->tensors, by_data);
    return TXE_OK;
}

/* No byte of the data may be left over, nor used twice. */
static txe_status
check_layout(const struct txe_safetensors *file, const char *path,
             const unsigned char *data, size_t data_nbytes, struct txe_error *err)
{
    size_t end = 0;
    for (size_t i = 0; i < file->ntensors; i++) {
        const struct txe_stored_tensor *tensor = &file->tensors[i];
        size_t begin = (size_t)(tensor->data - data);
        if (begin != end)
            return txe_fail(
                err, TXE_EVALUE,
                "%s: tensor \"%.*s\": its data begin at %zu, %s (%zu would be "
                "right)",
                path, SHOWN(tensor->name), begin,
                begin < end ? "inside another tensor's" : "leaving a gap before them",
                end);
        end += tensor->nbytes;
    }
    if (end != data_nbytes)
        return txe_fail(err, TXE_EVALUE,
                        "%s: %zu bytes of data, but the tensors end at %zu", path,
                        data_nbytes, end);
    return TXE_OK;
}

static int
by_name(const void *a, const void *b)
{
    const struct txe_stored_tensor *const *x = a, *const *y = b;
    return compare_texts((*x)->name, (*y)->name);
}

static int
by_key(const void *a, const void *b)
{
    const struct txe_json_text *const *x = a, *const *y = b;
    return compare_texts(**x, **y);
}

/* Makes the table of names; neither a tensor nor a key of the metadata may come twice.
 */
static txe_status
check_names(struct txe_safetensors *file, const char *path, struct txe_error *err)
{
    txe_status status = TXE_OK;
    size_t nkeys = file->nmetadata / 2;
    const struct txe_json_text **keys = txe_alloc(nkeys, sizeof *keys);
    file->by_name = txe_alloc(file->ntensors, sizeof *file->by_name);
    if (keys == NULL || file->by_name == NULL) {
        status = txe_fail_nomem(err, (unsigned long long)(nkeys + file->ntensors) *
                                         sizeof *keys);
        goto done;
    }
    for (size_t i = 0; i < file->ntensors; i++)
        file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, file->ntensors, sizeof *file->by_name, by_name);
    for (size_t i = 1; i < file->ntensors; i++) {
        if (by_name(&file->by_name[i - 1], &file->by_name[i]) == 0) {
            status = txe_fail(err, TXE_EVALUE, "%s: tensor \"%.*s\" twice", path,
                              SHOWN(file->by_name[i]->name));
            goto done;
        }
    }
    for (size_t i = 0; i < nkeys; i++)
        keys[i] = &file->metadata[2 * i];
    qsort(keys, nkeys, sizeof *keys, by_key);
    for (size_t i = 1; i < nkeys; i++) {
        if (by_key(&keys[i - 1], &keys[i]) == 0) {
            status = txe_fail(err, TXE_EVALUE, "%s: __metadata__ has \"%.*s\" twice",
                              path, SHOWN(*keys[i]));
            goto done;
        }
    }

done:
    free(keys);
    return status;
}

static txe_status
read_file(struct txe_safetensors *file, const char *path, struct txe_error *err)
{
    TXE_TRY(txe_mapped_file_open(&file->mapping, path, err));
    const unsigned char *bytes = file->mapping.data;
    size_t nbytes = file->mapping.nbytes;
    if (nbytes < 8)
        return txe_fail(err, TXE_EVALUE,
                        "%s: %zu bytes are too few for a safetensors file", path,
                        nbytes);
    uint64_t header_nbytes = 0;
    for (int i = 7; i >= 0; i--)
        header_nbytes = header_nbytes << 8 | bytes[i];
    if (header_nbytes > TXE_SAFETENSORS_MAX_HEADER && memcmp(bytes, "version ", 8) == 0)
        return txe_fail(err, TXE_EVALUE,
                        "%s: is a Git LFS pointer, not the file itself (run `git lfs "
                        "pull`)",
                        path);
    if (header_nbytes > TXE_SAFETENSORS_MAX_HEADER)
        return txe_fail(
            err, TXE_EVALUE,
            "%s: not a safetensors file: its first 8 bytes give a header of "
            "%" PRIu64 " bytes, more than %u",
            path, header_nbytes, TXE_SAFETENSORS_MAX_HEADER);
    if (header_nbytes > nbytes - 8)
        return txe_fail(err, TXE_EVALUE,
                        "%s: cut short: a header of %" PRIu64
                        " bytes does not fit in a file of %zu bytes",
                        path, header_nbytes, nbytes);
    size_t start = 8 + (size_t)header_nbytes;
    file->strings = txe_alloc((size_t)header_nbytes, 1);
    if (file->strings == NULL)
        return txe_fail_nomem(err, header_nbytes);

    struct txe_json json;
    txe_json_start(&json, bytes + 8, (size_t)header_nbytes, path);
    TXE_TRY(read_header(file, &json, bytes + start, nbytes - start, err));
    TXE_TRY(check_names(file, path, err));
    return check_layout(file, path, bytes + start, nbytes - start, err);
}

txe_status
txe_safetensors_open(struct txe_safetensors **out, const char *path,
                     struct txe_error *err)
{
    struct txe_safetensors *file = txe_calloc(1, sizeof *file);
    if (file == NULL)
        return txe_fail_nomem(err, sizeof *file);
    txe_status status = read_file(file, path, err);
    if (status == TXE_OK)
        *out = file;
    else
        txe_safetensors_free(file);
    return status;
}

void
txe_safetensors_free(struct txe_safetensors *file)
{
    if (file == NULL)
        return;
    free(file->strings);
    free(file->dims);
    free(file->tensors);
    free(file->by_name);
    free(file->metadata);
    txe_mapped_file_close(&file->mapping);
    free(file);
}

size_t
txe_safetensors_nbytes(const struct txe_safetensors *file)
{
    return file->mapping.nbytes;
}

const struct txe_stored_tensor *
txe_safetensors_tensors(const struct txe_safetensors *file, size_t *count)
{
    *count = file->ntensors;
    return file->tensors;
}

const struct txe_stored_tensor *
txe_safetensors_find(const struct txe_safetensors *file, const char *name,
                     size_t name_nbytes)
{
    const struct txe_stored_tensor key = {.name = {name, name_nbytes}};
    const struct txe_stored_tensor *wanted = &key;
    const struct txe_stored_tensor **found =
        bsearch(&wanted, file->by_name, file->ntensors, sizeof *file->by_name, by_name);
    return found != NULL ? *found : NULL;
}

const struct txe_json_text *
txe_safetensors_metadata(const struct txe_safetensors *file, size_t *count)
{
    *count = file->nmetadata / 2;
    return file->metadata;
}
