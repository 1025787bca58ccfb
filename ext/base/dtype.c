/* Element types: see dtype.h. */
#include "base/dtype.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[TXE_NDTYPES] = {
    [TXE_BOOL] = {"bool", 1},     [TXE_U8] = {"uint8", 1},
    [TXE_I8] = {"int8", 1},       [TXE_U16] = {"uint16", 2},
    [TXE_I16] = {"int16", 2},     [TXE_U32] = {"uint32", 4},
    [TXE_I32] = {"int32", 4},     [TXE_U64] = {"uint64", 8},
    [TXE_I64] = {"int64", 8},     [TXE_F16] = {"float16", 2},
    [TXE_BF16] = {"bfloat16", 2}, [TXE_F32] = {"float32", 4},
    [TXE_F64] = {"float64", 8},
};

size_t
txe_dtype_size(txe_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *
txe_dtype_name(txe_dtype dtype)
{
    return dtypes[dtype].name;
}
