/* Error messages: see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Drops a UTF-8 sequence that the end of the buffer cut in two. */
static void
trim_partial_utf8(char *text)
{
    size_t end = strlen(text);
    size_t start = end;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (end - (start - 1) < need)
        text[start - 1] = '\0';
}

txe_status
txe_fail(struct txe_error *err, txe_status status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    if (n < 0)
        err->message[0] = '\0';
    else if ((size_t)n >= sizeof err->message)
        trim_partial_utf8(err->message);
    err->status = status;
    return status;
}

txe_status
txe_fail_nomem(struct txe_error *err, unsigned long long nbytes)
{
    return txe_fail(err, TXE_ENOMEM, "out of memory: could not allocate %llu bytes",
                    nbytes);
}
