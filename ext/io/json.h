/* A strict reader for JSON text in memory (RFC 8259), pulled value by value.
 *
 * The caller walks the text in order and says what it expects; nothing is built behind
 * its back, so what a hostile file can cost is what the caller stores.  Reading is one
 * pass; nothing recurses.  Keys are handed out as they come: whether a repeated one is
 * an error is the caller's decision.
 *
 *     txe_json_start(&json, text, nbytes, path);
 *     txe_json_open(&json, '{', err);
 *     for (;;) {
 *         txe_json_next(&json, '}', &more, err);
 *         if (!more)
 *             break;
 *         txe_json_key(&json, key, &key_nbytes, err);
 *         txe_json_skip(&json, err);
 *     }
 *     txe_json_end(&json, err);
 *
 * Every function that takes `err` fails with TXE_EVALUE: "<what>: <problem> at byte N
 * of the JSON text".  After a failure the reader must not be used again. */
#ifndef TXE_IO_JSON_H
#define TXE_IO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Depth of arrays and objects that txe_json_skip goes through. */
#define TXE_JSON_MAX_DEPTH 128

struct txe_json {
    const unsigned char *text;
    size_t nbytes;
    size_t at;        /* bytes read so far */
    bool first;       /* directly after an opening bracket */
    const char *what; /* names the text in messages */
};

/* Puts the reader at the start of `text`, which (like `what`) must outlive it. */
void txe_json_start(struct txe_json *json, const void *text, size_t nbytes,
                    const char *what);

/* Goes into an object ('{') or an array ('['). */
txe_status txe_json_open(struct txe_json *json, char bracket, struct txe_error *err);

/* *more = whether another member follows; if not, the closing bracket `close` ('}' or
 * ']') has been read. */
txe_status txe_json_next(struct txe_json *json, char close, bool *more,
                         struct txe_error *err);

/* The first byte of the next value, such as '{' or '"'; 0 at the end of the text. */
char txe_json_peek(struct txe_json *json);

/* Reads a string as UTF-8 into out, *nbytes long and not terminated; `out` needs no
 * more room than the string has in the text without its quotes.  With out NULL it is
 * only checked. Invalid UTF-8, control characters and halves of surrogate pairs are
 * errors. */
txe_status txe_json_string(struct txe_json *json, char *out, size_t *nbytes,
                           struct txe_error *err);

/* The same for a key and its colon. */
txe_status txe_json_key(struct txe_json *json, char *out, size_t *nbytes,
                        struct txe_error *err);

/* Reads an integer in [0, 2^64); a sign, fraction or exponent is an error. */
txe_status txe_json_u64(struct txe_json *json, uint64_t *out, struct txe_error *err);

/* Reads one value of any kind, checking it. */
txe_status txe_json_skip(struct txe_json *json, struct txe_error *err);

/* Checks that nothing but white space is left. */
txe_status txe_json_end(struct txe_json *json, struct txe_error *err);

#endif
