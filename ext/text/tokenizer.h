/* The whole tokenizer: added tokens, normaliser, splitter, model, post-processor. */
#ifndef TXE_TEXT_TOKENIZER_H
#define TXE_TEXT_TOKENIZER_H

#include <stdatomic.h>

#include "text/added_tokens.h"
#include "text/decode.h"
#include "text/model.h"
#include "text/postprocess.h"
#include "text/split.h"
#include "text/word_loops.h"

/* Longer texts are refused, so that positions in what a normaliser makes of them (at
 * most 11 bytes for one) always fit. */
#define TXE_MAX_TEXT_NBYTES ((size_t)1 << 28)

/* What tokenizers that differ only in added tokens or post-processor share.
 * Reference-counted; immutable once built. */
struct txe_core {
    atomic_size_t nrefs;
    struct txe_normalizer normalizer;
    struct txe_splitter splitter;
    struct txe_model model;
    struct txe_decoder decoder;
};

/* An empty one with one reference, to be filled; NULL when there is no memory. */
struct txe_core *txe_core_new(void);
struct txe_core *txe_core_retain(struct txe_core *core);
void txe_core_release(struct txe_core *core);

struct txe_workspace;

/* Workspaces kept for the next call; more than so many are freed after use. */
#define TXE_IDLE_WORKSPACES 16

/* A reference to each of the parts, all set.  Immutable but for the workspaces, which
 * change no result: any number of threads may use one at a time. */
struct txe_tokenizer {
    struct txe_core *core;
    struct txe_added *added;
    struct txe_post *post;
    struct txe_chunker chunker;
    const struct txe_word_loops *loops;
    _Atomic(struct txe_workspace *) idle[TXE_IDLE_WORKSPACES];
};

/* Makes a tokenizer of its parts, whose references it takes over, on failure too.
 * `loops` are for the processor at hand.  TXE_ENOMEM only. */
txe_status txe_tokenizer_init(struct txe_tokenizer *tokenizer, struct txe_core *core,
                              struct txe_added *added, struct txe_post *post,
                              const struct txe_word_loops *loops,
                              struct txe_error *err);

/* Gives the references back; harmless on a zeroed one. */
void txe_tokenizer_clear(struct txe_tokenizer *tokenizer);

/* Valid UTF-8 that somebody else owns. */
struct txe_str {
    const char *bytes;
    size_t nbytes;
};

/* A text, or the words it was cut into beforehand. */
struct txe_input {
    const struct txe_str *parts;
    size_t nparts;
};

struct txe_encode_options {
    struct txe_truncate_options truncate;
    bool pretokenized;         /* parts are words: each is encoded on its own */
    bool split_special_tokens; /* special tokens in a text are plain text */
};

/* Memory that encoding one text after the other uses again, for one thread at a time.
 */
struct txe_workspace {
    struct txe_text text, piece; /* normalised; a piece of it between added tokens */
    struct txe_segments raw, normal;
    struct txe_words words;
    struct txe_tokens tokens[2]; /* of a text and its pair */
    struct txe_scratch scratch;
    struct txe_word_cache cache;
    bool ids_only; /* nothing is asked but ids */
};

/* A workspace for rows like *rows, to be given back; NULL when there is no memory.  One
 * for ids alone remembers words from call to call. */
struct txe_workspace *txe_workspace_take(struct txe_tokenizer *tokenizer,
                                         const struct txe_rows *rows);
/* NULL is allowed. */
void txe_workspace_give_back(struct txe_tokenizer *tokenizer,
                             struct txe_workspace *workspace);

/* Encodes a text and, unless NULL, its pair, and appends the rows (see
 * txe_post_process). rows->with_* say what is wanted and must be as they were when the
 * workspace was taken.  Offsets are in code points.  TXE_EVALUE for
 * a text that is too long, that the model cannot write, or that cannot be truncated as
 * asked; TXE_ENOMEM; rows are then as they were. */
txe_status txe_encode(const struct txe_tokenizer *tokenizer,
                      const struct txe_encode_options *options,
                      const struct txe_input *text, const struct txe_input *pair,
                      size_t sample, struct txe_workspace *workspace,
                      struct txe_rows *rows, struct txe_error *err);

/* Appends the ids of a text, without special tokens around it, to *tokens, which has
 * nothing but ids.  The workspace must be one for ids alone.  Errors as above; the ids
 * may then be there in part. */
txe_status txe_encode_ids(const struct txe_tokenizer *tokenizer,
                          bool split_special_tokens, struct txe_str text,
                          struct txe_workspace *workspace, struct txe_tokens *tokens,
                          struct txe_error *err);

/* The string that an id stands for when it is decoded, or NULL. */
const char *txe_token_text(const struct txe_tokenizer *tokenizer, int64_t id,
                           size_t *nbytes);

/* The id of a token's string; false when there is none. */
bool txe_token_id(const struct txe_tokenizer *tokenizer, const char *token,
                  size_t nbytes, uint32_t *id);

#endif
