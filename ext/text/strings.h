/* Lists of strings. */
#ifndef TXE_TEXT_STRINGS_H
#define TXE_TEXT_STRINGS_H

#include <stddef.h>

#include "base/error.h"

/* A list of strings, stored end to end.  Zero-initialise, free with txe_strings_free.
 */
struct txe_strings {
    char *bytes;
    size_t nbytes, capacity;
    size_t *ends; /* [count] */
    size_t count, ends_capacity;
};

/* Appends a string (copied).  TXE_ENOMEM only. */
txe_status txe_strings_add(struct txe_strings *strings, const char *bytes,
                           size_t nbytes, struct txe_error *err);

/* The same in steps: writes more of a string, ...  TXE_ENOMEM only. */
txe_status txe_strings_append(struct txe_strings *strings, const char *bytes,
                              size_t nbytes, struct txe_error *err);
/* ... and ends it.  TXE_ENOMEM only. */
txe_status txe_strings_end(struct txe_strings *strings, struct txe_error *err);

/* Bytes of string `index` < count, valid until the list grows. */
const char *txe_strings_at(const struct txe_strings *strings, size_t index,
                           size_t *nbytes);
void txe_strings_free(struct txe_strings *strings);

#endif
