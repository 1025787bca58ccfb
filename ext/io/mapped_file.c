/* Mapping files: see mapped_file.h. */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include "io/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

static txe_status
fail_errno(struct txe_error *err, const char *path, const char *doing, int number)
{
    /* POSIX's strerror_r writes no more than it is given and leaves no global behind.
     */
    char reason[128];
    if (strerror_r(number, reason, sizeof reason) != 0)
        strcpy(reason, "unknown error");
    return txe_fail(err, TXE_EIO, "%s: cannot %s: %s (errno %d)", path, doing, reason,
                    number);
}

txe_status
txe_mapped_file_open(struct txe_mapped_file *out, const char *path,
                     struct txe_error *err)
{
    struct txe_mapped_file file = {NULL, 0};
    txe_status status = TXE_OK;
    int fd;
    /* O_NONBLOCK: opening a pipe must not wait for somebody to write into it. */
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return fail_errno(err, path, "open", errno);

    struct stat info;
    if (fstat(fd, &info) != 0) {
        status = fail_errno(err, path, "stat", errno);
        goto done;
    }
    if (S_ISDIR(info.st_mode)) {
        status = txe_fail(err, TXE_EIO, "%s: is a directory, not a file", path);
        goto done;
    }
    if (!S_ISREG(info.st_mode)) {
        status = txe_fail(err, TXE_EIO, "%s: is not a regular file", path);
        goto done;
    }
    if (info.st_size < 0 || (uintmax_t)info.st_size > SIZE_MAX) {
        status = txe_fail(err, TXE_EIO, "%s: too large to map (%jd bytes)", path,
                          (intmax_t)info.st_size);
        goto done;
    }
    file.nbytes = (size_t)info.st_size;
    if (file.nbytes != 0) {
        void *data = mmap(NULL, file.nbytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            status = fail_errno(err, path, "map", errno);
            goto done;
        }
        file.data = data;
        txe_pages_note(data, file.nbytes);
    }
    *out = file;

done:
    /* The mapping outlives the descriptor; nothing was written that close could lose.
     */
    close(fd);
    return status;
}

void
txe_mapped_file_close(struct txe_mapped_file *file)
{
    if (file->data != NULL) {
        txe_pages_end(file->data);
        munmap((void *)(uintptr_t)file->data, file->nbytes);
    }
    file->data = NULL;
    file->nbytes = 0;
}
