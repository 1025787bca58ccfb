/* Sentences of plain UTF-8 text, by rules; English, and what other languages share.
 *
 * A sentence ends with its line, or where a run of stops (. ! ? … and their like in
 * other scripts), with the quotes and brackets that close behind it, is followed by
 * white space and by what can begin a sentence: anything but a lower-case letter,
 * quotes and brackets before it left aside.  A single full stop does not end one after
 *   - titles and what stands before names and numbers (Mr. Dr. vs. e.g.; No. 5, p. 7),
 *   - a number or a letter that the sentence begins with (1. Introduction),
 *   - initials and abbreviations with stops inside (J. Smith, U.S. Army), and those
 * that may also be last words (Inc. etc. Jan.), unless a word follows that often begins
 *     sentences and is no name (The, It, However, ...).
 * Full-width stops (。！？｡) need no white space; after a closing bracket hiragana goes
 * on with the sentence (「行く。」と言った。).
 *
 * Nothing here keeps state: any number of threads may call everything. */
#ifndef TXE_TEXT_SENTENCES_H
#define TXE_TEXT_SENTENCES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "text/documents.h"

/* Adds the sentences of the lines [L] of a text.  They tile the lines: white space
 * between two sentences belongs to the second.  counts [D]: lines up to the end of each
 * document, changed to sentences.  Bytes that are not UTF-8 are letters of some kind.
 * TXE_ENOMEM; spans added before it stay. */
txe_status txe_sentences_find(struct txe_ranges *out, int64_t *counts, size_t D,
                              const char *text, const struct txe_range *lines, size_t L,
                              struct txe_error *err);

#endif
