/* SentencePiece's .model files: a protocol-buffer message, read without a library. */
#ifndef TXE_TEXT_SPM_MODEL_H
#define TXE_TEXT_SPM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum {
    TXE_SPM_NORMAL = 1,
    TXE_SPM_UNKNOWN,
    TXE_SPM_CONTROL,
    TXE_SPM_USER_DEFINED,
    TXE_SPM_UNUSED,
    TXE_SPM_BYTE,
} txe_spm_type;

struct txe_spm_piece {
    size_t start, nbytes; /* of its valid UTF-8 in the data */
    float score;          /* finite */
    txe_spm_type type;
};

/* What the file says, and the format's defaults where it says nothing. */
struct txe_spm_model {
    struct txe_spm_piece *pieces; /* [npieces], owned */
    size_t npieces, capacity;
    int32_t model_type;                     /* 1 unigram, 2 BPE, 3 word, 4 character */
    int32_t unk_id, bos_id, eos_id, pad_id; /* -1: none */
    size_t charsmap_start, charsmap_nbytes; /* in the data */
    bool add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces;
};

/* Parses data[0, nbytes), any bytes at all.  TXE_EVALUE with the offset of what is
 * wrong; *model then needs no freeing.  Linear time. */
txe_status txe_spm_parse(struct txe_spm_model *model, const uint8_t *data,
                         size_t nbytes, struct txe_error *err);
void txe_spm_free(struct txe_spm_model *model);

#endif
