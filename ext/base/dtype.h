/* Element types of arrays and stored tensors. */
#ifndef TXE_BASE_DTYPE_H
#define TXE_BASE_DTYPE_H

#include <stddef.h>

typedef enum {
    TXE_BOOL,
    TXE_U8,
    TXE_I8,
    TXE_U16,
    TXE_I16,
    TXE_U32,
    TXE_I32,
    TXE_U64,
    TXE_I64,
    TXE_F16,
    TXE_BF16, /* upper 16 bits of an f32; NumPy has no such type */
    TXE_F32,
    TXE_F64,
    TXE_NDTYPES
} txe_dtype;

/* Bytes of one element. */
size_t txe_dtype_size(txe_dtype dtype);

/* NumPy's name ("float32", "bfloat16", ...); a static string. */
const char *txe_dtype_name(txe_dtype dtype);

#endif
