/* Cutting one word: the part of a pre-tokenizer that split.c does for every word. */
#ifndef TXE_TEXT_CUT_H
#define TXE_TEXT_CUT_H

#include "text/split.h"

/* Appends a word unless it is empty.  TXE_ENOMEM only. */
txe_status txe_words_push(struct txe_words *words, size_t start, size_t end,
                          struct txe_error *err);

/* Appends what the step makes of one word of bytes[]; `work` is needed where the step
 * has a regex.  TXE_ENOMEM; TXE_EVALUE where the regex gives up. */
txe_status txe_cut(const struct txe_split_step *step, const char *bytes,
                   struct txe_word word, struct txe_regex_work *work,
                   struct txe_words *words, struct txe_error *err);

#endif
