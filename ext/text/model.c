/* Dispatch over the models: see model.h. */
#include "text/model.h"

#include <string.h>

static txe_status
encode_word_level(const struct txe_model *model, const char *word, size_t nbytes,
                  struct txe_tokens *tokens, struct txe_error *err)
{
    const struct txe_vocab_entry *entry = txe_vocab_find(&model->vocab, word, nbytes);
    if (entry == NULL && !model->as.wordlevel.has_unk)
        return txe_fail(
            err, TXE_EVALUE,
            "the word '%.*s' is unknown and the model's unk_token is not in "
            "its vocabulary",
            (int)TXE_MIN(nbytes, 80), word);
    uint32_t id = entry != NULL ? entry->id : model->as.wordlevel.unk_id;
    if (!txe_tokens_push(tokens, id, 0, nbytes))
        return txe_fail_nomem(err, tokens->capacity);
    return TXE_OK;
}

txe_status
txe_model_encode(const struct txe_model *model, const char *word, size_t nbytes,
                 struct txe_tokens *tokens, struct txe_scratch *scratch,
                 struct txe_error *err)
{
    switch (model->kind) {
    case TXE_MODEL_WORDPIECE:
        return txe_wordpiece_encode(&model->as.wordpiece, word, nbytes, tokens, err);
    case TXE_MODEL_BPE:
        return txe_bpe_encode(&model->as.bpe, word, nbytes, tokens, scratch, err);
    case TXE_MODEL_UNIGRAM:
        return txe_unigram_encode(&model->as.unigram, word, nbytes, tokens, scratch,
                                  err);
    case TXE_MODEL_WORDLEVEL:
        break;
    }
    return encode_word_level(model, word, nbytes, tokens, err);
}

void
txe_model_free(struct txe_model *model)
{
    switch (model->kind) {
    case TXE_MODEL_WORDPIECE:
        txe_wordpiece_free(&model->as.wordpiece);
        break;
    case TXE_MODEL_BPE:
        txe_bpe_free(&model->as.bpe);
        break;
    case TXE_MODEL_UNIGRAM:
        txe_unigram_free(&model->as.unigram);
        break;
    case TXE_MODEL_WORDLEVEL:
        break;
    }
    txe_vocab_free(&model->vocab);
    memset(model, 0, sizeof *model);
}
