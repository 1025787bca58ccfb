/* Packing of a corpus: which tokens make up each sample of pretraining.
 *
 * A corpus is an array of ids, of which only the places matter here: lines (sentences)
 * lie one behind the other, and so do documents, which are made of lines.  Samples are
 * spans of it; ids are not copied.  Lengths are in tokens, special tokens around a
 * sample not counted. */
#ifndef TXE_DATA_PACKING_H
#define TXE_DATA_PACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Tokens begin to end (not included) of the corpus. */
struct txe_span {
    int64_t begin;
    int64_t end;
};

/* No line and no document is empty. */
struct txe_lines {
    const int64_t *bounds;    /* [L + 1] line l is tokens bounds[l] to bounds[l + 1] */
    const int64_t *documents; /* [D + 1] document d is lines documents[d] to [d + 1] */
    size_t D;
};

/* Zeroed, there are none.  Free with txe_samples_free. */
struct txe_samples {
    int64_t *starts;        /* [N + 1] sample i is spans starts[i] to starts[i + 1] */
    struct txe_span *spans; /* [M] */
    int8_t *labels;         /* [N], of pairs only */
    size_t N, M;
    size_t N_capacity, M_capacity;
};

void txe_samples_free(struct txe_samples *samples);

/* How text runs on in samples (Liu et al., 2019, section 4.2).  Every token is in one
 * sample.  Between two spans of a sample comes a separator, which counts as a token. */
struct txe_run_rules {
    size_t room;    /* most tokens of a sample, at least 1 */
    bool cut_lines; /* fill samples to the last token, wherever that is in a line */
    bool cross_documents; /* go on with the next document in the same sample */
    bool line_separators; /* a separator between lines, two between documents, instead
                           * of one between documents */
    bool shuffle;         /* documents in random order, else in theirs */
    uint64_t seed, epoch; /* of that order */
};

/* Appends the samples that whole lines, as many as there is room for, make up: the
 * FULL-SENTENCES and DOC-SENTENCES of RoBERTa, or with cut_lines contiguous blocks.  A
 * line longer than a sample is cut: pieces that fill samples, and a rest, after which
 * the next lines follow.  TXE_ENOMEM. */
txe_status txe_pack_runs(struct txe_samples *out, const struct txe_lines *corpus,
                         const struct txe_run_rules *rules, struct txe_error *err);

enum txe_pair_kind {
    TXE_SEGMENT_PAIR,  /* BERT: segments of several sentences, for NSP */
    TXE_SENTENCE_PAIR, /* RoBERTa's comparison: single sentences, for NSP */
    TXE_SENTENCE_ORDER /* ALBERT: segments of several sentences, for SOP */
};

struct txe_pair_rules {
    enum txe_pair_kind kind;
    size_t room;       /* most tokens of a pair, at least 2 */
    double short_prob; /* of a document getting a shorter target length */
    bool quirk;        /* segments of one sentence, see below */
    uint64_t seed, epoch;
};

/* Appends samples of two spans, A and B, with a label (google-research/bert and albert,
 * create_pretraining_data.py).
 *
 * Segments: for every document a target length is drawn, room, or with short_prob
 * uniform from 2 to room.  Sentences gather in a chunk until it has the target length
 * or the document ends; A is the first of them, at least one and not all, B the rest.
 * NSP: with probability 1/2 B is instead from a random place in another document (label
 * 1), and the sentences not used begin the next chunk.  SOP: with probability 1/2 A and
 * B change places (label 1).  A chunk of one sentence has no B and is left out; with
 * `quirk` it gets one from another document and label 1, for SOP too, as in the
 * reference.
 *
 * Sentence pairs: a sentence and with probability 1/2 the one behind it (label 0) or
 * one from another document (label 1).
 *
 * While a pair is too long, the longer side (B when equal) loses a token, its first or
 * its last by coin.  What is drawn for a document depends on (seed, epoch, document)
 * alone.  Except for SOP without quirk there must be two documents.  TXE_ENOMEM. */
txe_status txe_pack_pairs(struct txe_samples *out, const struct txe_lines *corpus,
                          const struct txe_pair_rules *rules, struct txe_error *err);

#endif
