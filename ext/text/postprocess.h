/* After the model: truncation, special tokens around the text, rows of output. */
#ifndef TXE_TEXT_POSTPROCESS_H
#define TXE_TEXT_POSTPROCESS_H

#include <stdatomic.h>

#include "text/strings.h"
#include "text/tokens.h"

typedef enum { TXE_PIECE_A, TXE_PIECE_B, TXE_PIECE_SPECIAL } txe_piece_kind;

/* One element of a template: the tokens of a text, or a special token. */
struct txe_piece {
    txe_piece_kind kind;
    int32_t type_id;
    int32_t id; /* SPECIAL */
};

#define TXE_MAX_PIECES 32

struct txe_template {
    struct txe_piece pieces[TXE_MAX_PIECES];
    size_t npieces;
    size_t nspecial;
};

#define TXE_MAX_TRIMS 4

/* A post-processor.  Reference-counted, immutable once built.
 *
 * Trimming takes white space off the ends of a token's offsets; each of the `ntrims`
 * does it once, and spares the one space that add_prefix_space put in front of a text.
 */
struct txe_post {
    atomic_size_t nrefs;
    bool present; /* false: no post-processor at all */
    /* RobertaProcessing: what was cut off has type 0 too, but only with special tokens.
     */
    bool zero_overflow_types;
    size_t ntrims;
    bool trim_spares_prefix[TXE_MAX_TRIMS];
    struct txe_template single, pair;
};

/* One that adds nothing, with one reference; NULL when there is no memory. */
struct txe_post *txe_post_new(void);
struct txe_post *txe_post_retain(struct txe_post *post);
void txe_post_release(struct txe_post *post);

typedef enum {
    TXE_TRUNCATE_NONE,
    TXE_TRUNCATE_LONGEST_FIRST,
    TXE_TRUNCATE_ONLY_FIRST,
    TXE_TRUNCATE_ONLY_SECOND,
} txe_truncation;

struct txe_truncate_options {
    txe_truncation strategy;
    size_t max_length; /* with special tokens */
    size_t stride;     /* tokens that a piece cut off shares with the one before it */
    bool left;         /* cut at the beginning */
    bool add_special_tokens;
    bool overflow; /* keep what was cut off as rows of their own */
};

/* TXE_EVALUE when the stride leaves no room in max_length. */
txe_status txe_truncate_check(const struct txe_post *post,
                              const struct txe_truncate_options *options,
                              struct txe_error *err);

/* Of a single text so many tokens are enough to truncate it as the whole would be, so
 * that the others need not be found; SIZE_MAX where all are needed. */
size_t txe_truncate_limit(const struct txe_post *post,
                          const struct txe_truncate_options *options);

/* Rows of encoded tokens, end to end.  The arrays but ids are NULL while not wanted. */
struct txe_rows {
    int32_t *ids, *type_ids, *special, *offsets;
    int32_t *words, *sequences; /* -1 at special tokens */
    int32_t *own; /* number from 1 on in `values` of a token's own string, or 0 */
    size_t count, capacity; /* tokens; offsets has two elements for each */
    size_t *ends;           /* [nrows] end of each row in the arrays above */
    size_t *samples;        /* [nrows] whose row it is */
    size_t nrows, rows_capacity;
    /* Strings that differ from the vocabulary's: an unknown piece of text, an added
     * token with the white space it took in. */
    struct txe_strings values;
    bool with_type_ids, with_special, with_offsets, with_words, with_sequences;
    bool with_values;
};
void txe_rows_free(struct txe_rows *rows);

/* Truncates the tokens of text `a` and, unless NULL, of its pair `b`, puts the special
 * tokens around them, and appends the row, with `overflow` followed by a row for each
 * combination of pieces that were cut off.  TXE_EVALUE when it cannot be truncated as
 * asked, TXE_ENOMEM. */
txe_status txe_post_process(const struct txe_post *post,
                            const struct txe_truncate_options *options,
                            const struct txe_tokens *a, const struct txe_tokens *b,
                            size_t sample, struct txe_rows *rows,
                            struct txe_error *err);

#endif
