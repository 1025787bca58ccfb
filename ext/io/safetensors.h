/* Files of tensors in the safetensors format:
 *
 *     8 bytes         N, the length of the header, little-endian
 *     N bytes         JSON: {"name": {"dtype": "F32", "shape": [2, 3],
 *                     "data_offsets": [begin, end]}, ..., "__metadata__": {"k": "v"}}
 *     the rest        data; offsets count from its start
 *
 * Everything is checked when the file is opened, by the rules of the reference reader
 * (safetensors 0.8): the tensors cover the data without gap or overlap, and each is as
 * long as its shape and dtype say.  Beyond those rules a name may not occur twice. What
 * the functions below hand out is then safe to use unchecked. */
#ifndef TXE_IO_SAFETENSORS_H
#define TXE_IO_SAFETENSORS_H

#include <stddef.h>

#include "base/dtype.h"
#include "base/error.h"

/* Longest header that is accepted, as in the reference. */
#define TXE_SAFETENSORS_MAX_HEADER 100000000u

/* UTF-8 text inside the file object; not terminated, may hold NUL. */
struct txe_json_text {
    const char *data;
    size_t nbytes;
};

struct txe_stored_tensor {
    struct txe_json_text name;
    const char *stored_as; /* dtype in the file, "F8_E4M3"; a static string */
    txe_dtype dtype;       /* TXE_NDTYPES for one this library does not compute with */
    size_t ndim;
    const size_t *shape;       /* [ndim] */
    const unsigned char *data; /* [nbytes], mapped; may be misaligned for dtype */
    size_t nbytes;
};

struct txe_safetensors;

/* Maps and checks the file at `path`.  On success the caller owns *out, to be freed
 * with txe_safetensors_free.  TXE_EIO when the file cannot be read, TXE_EVALUE when it
 * is malformed (naming path, tensor and numbers), TXE_ENOMEM; *out is then untouched.
 */
txe_status txe_safetensors_open(struct txe_safetensors **out, const char *path,
                                struct txe_error *err);

/* Unmaps the file: all that was handed out dies with it.  NULL is allowed. */
void txe_safetensors_free(struct txe_safetensors *file);

/* The functions below cannot fail and are thread-safe: the object never changes. */

/* Bytes of the whole file. */
size_t txe_safetensors_nbytes(const struct txe_safetensors *file);

/* *count tensors in the order of their data. */
const struct txe_stored_tensor *
txe_safetensors_tensors(const struct txe_safetensors *file, size_t *count);

/* The tensor of that name, or NULL. */
const struct txe_stored_tensor *txe_safetensors_find(const struct txe_safetensors *file,
                                                     const char *name,
                                                     size_t name_nbytes);

/* *count pairs of __metadata__, in file order: key i is texts[2 i], its value
 * texts[2 i + 1]. */
const struct txe_json_text *txe_safetensors_metadata(const struct txe_safetensors *file,
                                                     size_t *count);

#endif
