/* The whole tokenizer: added tokens, normaliser, splitter, model, post-processor. */
#ifndef TXE_TEXT_TOKENIZER_H
#define TXE_TEXT_TOKENIZER_H

#include <stdatomic.h>

#include "text/added_tokens.h"
#include "text/decode.h"
#include "text/model.h"
#include "text/postprocess.h"
#include "text/split.h"

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

/* A reference to each of the parts, all set.  Immutable: any number of threads may use
 * one at a time. */
struct txe_tokenizer {
    struct txe_core *core;
    struct txe_added *added;
    struct txe_post *post;
};

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

/* Memory that encoding one text after the other uses again.  Zero-initialise; one for
 * each thread. */
struct txe_workspace {
    struct txe_text text, piece; /* normalised; a piece of it between added tokens */
    struct txe_segments raw, normal;
    struct txe_words words;
    struct txe_tokens tokens[2]; /* of a text and its pair */
    struct txe_scratch scratch;
};
void txe_workspace_free(struct txe_workspace *workspace);

/* Encodes a text and, unless NULL, its pair, and appends the rows (see
 * txe_post_process). rows->with_* say what is wanted and must stay the same from call
 * to call, as must tokenizer and options.  Offsets are in code points.  TXE_EVALUE for
 * a text that is too long, that the model cannot write, or that cannot be truncated as
 * asked; TXE_ENOMEM; rows are then as they were. */
txe_status txe_encode(const struct txe_tokenizer *tokenizer,
                      const struct txe_encode_options *options,
                      const struct txe_input *text, const struct txe_input *pair,
                      int64_t sample, struct txe_workspace *workspace,
                      struct txe_rows *rows, struct txe_error *err);

/* The string that an id stands for when it is decoded, or NULL. */
const char *txe_token_text(const struct txe_tokenizer *tokenizer, int64_t id,
                           size_t *nbytes);

/* The id of a token's string; false when there is none. */
bool txe_token_id(const struct txe_tokenizer *tokenizer, const char *token,
                  size_t nbytes, uint32_t *id);

#endif
