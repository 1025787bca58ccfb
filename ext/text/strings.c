/* Lists of strings: see strings.h. */
#include "text/strings.h"

#include <string.h>

#include "base/common.h"

txe_status
txe_strings_append(struct txe_strings *strings, const char *bytes, size_t nbytes,
                   struct txe_error *err)
{
    if (nbytes > strings->capacity - strings->nbytes) {
        size_t capacity = strings->nbytes + nbytes;
        capacity += capacity / 2 + 64;
        char *bigger = txe_realloc(strings->bytes, capacity, 1);
        if (bigger == NULL)
            return txe_fail_nomem(err, capacity);
        strings->bytes = bigger;
        strings->capacity = capacity;
    }
    if (nbytes != 0)
        memcpy(strings->bytes + strings->nbytes, bytes, nbytes);
    strings->nbytes += nbytes;
    return TXE_OK;
}

txe_status
txe_strings_end(struct txe_strings *strings, struct txe_error *err)
{
    if (strings->count == strings->ends_capacity) {
        size_t capacity = strings->count + strings->count / 2 + 16;
        size_t *ends = txe_realloc(strings->ends, capacity, sizeof *ends);
        if (ends == NULL)
            return txe_fail_nomem(err, capacity * sizeof *ends);
        strings->ends = ends;
        strings->ends_capacity = capacity;
    }
    strings->ends[strings->count++] = strings->nbytes;
    return TXE_OK;
}

txe_status
txe_strings_add(struct txe_strings *strings, const char *bytes, size_t nbytes,
                struct txe_error *err)
{
    if (txe_strings_append(strings, bytes, nbytes, err) != TXE_OK)
        return err->status;
    return txe_strings_end(strings, err);
}

void
txe_strings_free(struct txe_strings *strings)
{
    free(strings->bytes);
    free(strings->ends);
    *strings = (struct txe_strings){0};
}

const char *
txe_strings_at(const struct txe_strings *strings, size_t index, size_t *nbytes)
{
    size_t start = index > 0 ? strings->ends[index - 1] : 0;
    *nbytes = strings->ends[index] - start;
    return strings->bytes + start;
}
