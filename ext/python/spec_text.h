/* Vocabularies and merges as their files have them, read without Python objects: for
 * spec_model.c.
 *
 * In a spec the place of a vocabulary or of merges may be taken by a tuple that begins
 * with the name of a format and the bytes in it:
 *
 *     "vocab.json"    an object of token to id             a dict
 *     "vocab.txt"     a token a line, ids in order         a dict
 *     "merges.json"   an array of "a b" or ["a", "b"]      a list of strings
 *     "merges.txt"    "a b" a line                         a list of strings
 *     "pieces.json"   an array of [piece, score]           a list of pairs
 *     "sentencepiece" a .model                             a list of pairs
 *
 * Only files in which nothing is out of the ordinary are taken: no repeated token, no
 * invalid UTF-8.  Others are a ValueError here and a matter for Python code, which
 * knows what a user should be told. */
#ifndef TXE_PYTHON_SPEC_TEXT_H
#define TXE_PYTHON_SPEC_TEXT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "python/spec_fields.h"
#include "text/bpe.h"
#include "text/vocab.h"

struct txe_file_text {
    const char *format; /* both live as long as the tuple */
    const char *bytes;
    size_t nbytes;
};

/* Whether `value` is such a tuple; then *text is filled. */
bool txe_spec_file_text(PyObject *value, struct txe_file_text *text);

/* All of these return false with an exception set that names the place. */

/* Fills an empty vocabulary. */
bool txe_spec_read_vocab_text(struct txe_vocab *vocab, const struct txe_file_text *text,
                              const struct txe_path *path);

/* Fills an empty vocabulary and *scores [vocab->count], to be freed by the caller. */
bool txe_spec_read_pieces_text(struct txe_vocab *vocab, double **scores,
                               const struct txe_file_text *text,
                               const struct txe_path *path);

/* At least as many merges as there are in the text. */
size_t txe_spec_count_merges_text(const struct txe_file_text *text);

/* Adds all merges. */
bool txe_spec_read_merges_text(struct txe_bpe *bpe, const struct txe_file_text *text,
                               const struct txe_path *path);

#endif
