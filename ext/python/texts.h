/* Texts as Python programs give them, as the tokenizer takes them. */
#ifndef TXE_PYTHON_TEXTS_H
#define TXE_PYTHON_TEXTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

#include "text/tokenizer.h"

/* Zero-initialise; free with txe_texts_free. */
struct txe_texts {
    PyObject *keep; /* owns the bytes: a str, or a tuple of str or of tuples of str */
    struct txe_str *strings;
    struct txe_input *inputs; /* [count], parts in `strings` */
    size_t count, nbytes;
    struct txe_str one_string; /* of a single text, so that nothing is allocated */
    struct txe_input one_input;
};

/* Reads a sequence of str, or, with `pretokenized`, of sequences of str; `name` is what
 * errors call it.  A single str is a sequence of one text.  False with an exception. */
bool txe_texts_read(struct txe_texts *texts, PyObject *object, bool pretokenized,
                    const char *name);
void txe_texts_free(struct txe_texts *texts);

#endif
