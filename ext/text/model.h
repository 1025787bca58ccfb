/* The model of a tokenizer, whichever it is: words in, tokens out. */
#ifndef TXE_TEXT_MODEL_H
#define TXE_TEXT_MODEL_H

#include "text/bpe.h"
#include "text/unigram.h"
#include "text/vocab.h"
#include "text/wordpiece.h"

typedef enum {
    TXE_MODEL_WORDPIECE,
    TXE_MODEL_BPE,
    TXE_MODEL_UNIGRAM,
    TXE_MODEL_WORDLEVEL, /* a word is a token or unknown */
} txe_model_kind;

/* Zero-initialise; fill `vocab`, then the member for `kind`.  Immutable once built. */
struct txe_model {
    txe_model_kind kind;
    struct txe_vocab vocab;
    union {
        struct txe_wordpiece wordpiece;
        struct txe_bpe bpe;
        struct txe_unigram unigram;
        struct {
            uint32_t unk_id;
            bool has_unk;
        } wordlevel;
    } as;
};

/* Appends the tokens of word[0, nbytes), not empty, with spans in bytes of the word. On
 * failure (TXE_EVALUE for what the model cannot write, TXE_ENOMEM) none are added. */
txe_status txe_model_encode(const struct txe_model *model, const char *word,
                            size_t nbytes, struct txe_tokens *tokens,
                            struct txe_scratch *scratch, struct txe_error *err);
void txe_model_free(struct txe_model *model);

#endif
