/* How C below python/ reports failure.
 *
 * A function that can fail takes a `struct txe_error *` the caller owns and returns a
 * status; the message is written where the fact is known (which tensor, which offset,
 * what was expected).  There is no global error state, so any number of threads can
 * fail at once.  python/convert.c is the one place that turns a status into a Python
 * exception. */
#ifndef TXE_BASE_ERROR_H
#define TXE_BASE_ERROR_H

typedef enum {
    TXE_OK = 0,
    TXE_ENOMEM, /* MemoryError */
    TXE_EIO,    /* OSError: the system refused (message holds strerror) */
    TXE_EVALUE, /* ValueError: an argument is wrong, or a file is malformed */
    TXE_ETYPE,  /* TypeError */
    TXE_EINDEX  /* IndexError: an id outside its table */
} txe_status;

struct txe_error {
    txe_status status;
    char message[1024]; /* UTF-8, always terminated; "" when status is TXE_OK */
};

#if defined(__GNUC__)
#define TXE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define TXE_PRINTF(fmt, args)
#endif

/* Fills *err (printf-style; cut to fit, never inside a UTF-8 sequence) and returns
 * `status`, so that a caller can write `return txe_fail(err, TXE_EVALUE, "...")`.
 * err must not be NULL.  Thread-safe for distinct err. */
txe_status txe_fail(struct txe_error *err, txe_status status, const char *fmt, ...)
    TXE_PRINTF(3, 4);

/* txe_fail with TXE_ENOMEM and a message naming the size asked for. */
txe_status txe_fail_nomem(struct txe_error *err, unsigned long long nbytes);

/* Returns the status of `call` from the calling function when it is not TXE_OK. */
#define TXE_TRY(call)                   \
    do {                                \
        txe_status try_status = (call); \
        if (try_status != TXE_OK)       \
            return try_status;          \
    } while (0)

#endif
