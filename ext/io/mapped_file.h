/* Read-only files in memory: what the readers of this layer stand on. */
#ifndef TXE_IO_MAPPED_FILE_H
#define TXE_IO_MAPPED_FILE_H

#include <stddef.h>

#include "base/error.h"

/* A whole file mapped privately.  The pages are read when they are first touched and
 * can be dropped by the system again, so opening costs nothing per byte.  A file that
 * another program shortens while it is mapped ends this process with SIGBUS, as
 * everywhere with mmap; replacing a file (rename) is safe. */
struct txe_mapped_file {
    const unsigned char *data; /* [nbytes]; page-aligned; NULL for an empty file */
    size_t nbytes;
};

/* Maps the regular file at `path` (bytes as the system takes them).  TXE_EIO, naming
 * the path and what the system said, when it cannot be opened, is a directory, a device
 * or a pipe (which is never waited for), or cannot be mapped; *out is then untouched.
 */
txe_status txe_mapped_file_open(struct txe_mapped_file *out, const char *path,
                                struct txe_error *err);

/* Unmaps and zeroes *file; harmless on a zeroed one. */
void txe_mapped_file_close(struct txe_mapped_file *file);

#endif
