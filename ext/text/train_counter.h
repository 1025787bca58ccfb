/* Counts the words of a corpus: normaliser and splitter over many texts, on all
 * threads.
 *
 * Where the pipeline works on what lies between two spaces without looking further
 * (BERT's and RoBERTa's do), a text is cut there first, and what is cut off often, like
 * " the", is counted as it stands and only normalised and split once. */
#ifndef TXE_TEXT_TRAIN_COUNTER_H
#define TXE_TEXT_TRAIN_COUNTER_H

#include "text/tokenizer.h"
#include "text/train_words.h"

struct txe_counting_worker; /* what one thread has counted: train_counter.c */

typedef enum {
    TXE_CUT_NOWHERE,       /* the pipeline needs whole texts */
    TXE_CUT_AT_SPACES,     /* spaces are only there to separate */
    TXE_CUT_BEFORE_SPACES, /* spaces belong to what follows them */
    TXE_CUT_BEFORE_BLANKS, /* the same with ' ' only: it need not be put there */
} txe_text_cut;

struct txe_word_counter {
    struct txe_core *core; /* a reference; its normaliser and splitter are used */
    txe_text_cut cut;
    struct txe_counting_worker *workers; /* [nworkers] */
    size_t nworkers;
};

/* Retains the core.  Free with txe_word_counter_free.  Cannot fail. */
void txe_word_counter_init(struct txe_word_counter *counter, struct txe_core *core);

/* Counts the words of the texts (valid UTF-8), as if no token had been added to the
 * tokenizer.  Runs on all threads; one call at a time.  TXE_ENOMEM; TXE_EVALUE for a
 * text that is too long to be normalised as a whole.  After an error the counter may
 * only be freed. */
txe_status txe_word_counter_add(struct txe_word_counter *counter,
                                const struct txe_str *texts, size_t ntexts,
                                struct txe_error *err);

/* All the words counted so far, in *words until the next call or the counter's end. The
 * words are the splitter's: raw bytes where the last step is TXE_SPLIT_BYTE_LEVEL.
 * Errors as above. */
txe_status txe_word_counter_words(struct txe_word_counter *counter,
                                  const struct txe_word_counts **words,
                                  struct txe_error *err);

void txe_word_counter_free(struct txe_word_counter *counter);

#endif
