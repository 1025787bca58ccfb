/* Reader of SentencePiece .model files: see spm_model.h.
 *
 * The wire format is a sequence of fields: a varint holding field number * 8 + wire
 * type, then the value.  Fields that are not known here are skipped by their wire type.
 */
#include "text/spm_model.h"

#include <math.h>
#include <string.h>

#include "base/common.h"
#include "text/unicode.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, GROUP = 3, GROUP_END = 4, FIXED32 = 5 };

#define MAX_GROUP_DEPTH 32

/* Where the reader stands in the file, and where the message it reads ends. */
struct reader {
    const uint8_t *data; /* the whole file */
    size_t at, end;
    struct txe_error *err;
};

struct field {
    uint32_t number;
    int wire;
    size_t at;            /* offset of the field, for errors */
    uint64_t value;       /* VARINT, FIXED32, FIXED64 */
    size_t start, nbytes; /* BYTES */
};

static txe_status
malformed(struct reader *reader, size_t at, const char *what)
{
    return txe_fail(reader->err, TXE_EVALUE,
                    "not a SentencePiece model: %s at byte %zu", what, at);
}

static txe_status
read_varint(struct reader *reader, uint64_t *value)
{
    size_t at = reader->at;
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->at == reader->end)
            return malformed(reader, at, "a number is cut off");
        uint8_t byte = reader->data[reader->at++];
        if (shift == 63 && byte > 1)
            break;
        result |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = result;
            return TXE_OK;
        }
    }
    return malformed(reader, at, "a number has more than 64 bits");
}

static txe_status
read_fixed(struct reader *reader, size_t nbytes, uint64_t *value)
{
    if (reader->end - reader->at < nbytes)
        return malformed(reader, reader->at, "a number is cut off");
    uint64_t result = 0;
    for (size_t i = 0; i < nbytes; i++)
        result |= (uint64_t)reader->data[reader->at + i] << (8 * i);
    reader->at += nbytes;
    *value = result;
    return TXE_OK;
}

static txe_status
read_key(struct reader *reader, struct field *field)
{
    uint64_t key;
    memset(field, 0, sizeof *field);
    field->at = reader->at;
    if (read_varint(reader, &key) != TXE_OK)
        return reader->err->status;
    if (key >> 3 == 0 || key >> 3 > 0x1FFFFFFF)
        return malformed(reader, field->at, "an impossible field number");
    field->number = (uint32_t)(key >> 3);
    field->wire = (int)(key & 7);
    return TXE_OK;
}

static txe_status
read_value(struct reader *reader, struct field *field)
{
    switch (field->wire) {
    case VARINT:
        return read_varint(reader, &field->value);
    case FIXED64:
        return read_fixed(reader, 8, &field->value);
    case FIXED32:
        return read_fixed(reader, 4, &field->value);
    case BYTES: {
        uint64_t nbytes;
        if (read_varint(reader, &nbytes) != TXE_OK)
            return reader->err->status;
        if (nbytes > reader->end - reader->at)
            return malformed(reader, field->at,
                             "a field is longer than what is left of the message");
        field->start = reader->at;
        field->nbytes = (size_t)nbytes;
        reader->at += (size_t)nbytes;
        return TXE_OK;
    }
    default:
        return malformed(reader, field->at, "an impossible wire type");
    }
}

/* Skips to the end of the group that `outer` opened. */
static txe_status
skip_group(struct reader *reader, const struct field *outer)
{
    uint32_t open[MAX_GROUP_DEPTH] = {outer->number};
    size_t depth = 1;
    while (depth > 0) {
        struct field field;
        if (reader->at == reader->end)
            return malformed(reader, outer->at, "a group has no end");
        if (read_key(reader, &field) != TXE_OK)
            return reader->err->status;
        if (field.wire == GROUP) {
            if (depth == MAX_GROUP_DEPTH)
                return malformed(reader, field.at, "groups are nested too deeply");
            open[depth++] = field.number;
        } else if (field.wire == GROUP_END) {
            if (open[--depth] != field.number)
                return malformed(reader, field.at, "the end of another group");
        } else if (read_value(reader, &field) != TXE_OK) {
            return reader->err->status;
        }
    }
    return TXE_OK;
}

/* The next field of the message; *more is false at its end. */
static txe_status
next_field(struct reader *reader, struct field *field, bool *more)
{
    for (;;) {
        *more = reader->at != reader->end;
        if (!*more)
            return TXE_OK;
        if (read_key(reader, field) != TXE_OK)
            return reader->err->status;
        if (field->wire != GROUP)
            return read_value(reader, field);
        if (skip_group(reader, field) != TXE_OK)
            return reader->err->status;
    }
}

static txe_status
expect_wire(struct reader *reader, const struct field *field, int wire)
{
    if (field->wire != wire)
        return malformed(reader, field->at, "a field of the wrong wire type");
    return TXE_OK;
}

static struct reader
inside(const struct reader *outer, const struct field *field)
{
    return (struct reader){outer->data, field->start, field->start + field->nbytes,
                           outer->err};
}

static txe_status
read_piece(struct reader *reader, struct txe_spm_piece *piece)
{
    *piece = (struct txe_spm_piece){reader->at, 0, 0.0f, TXE_SPM_NORMAL};
    struct field field;
    bool more;
    while (next_field(reader, &field, &more) == TXE_OK) {
        if (!more)
            return TXE_OK;
        if (field.number == 1) {
            if (expect_wire(reader, &field, BYTES) != TXE_OK)
                break;
            piece->start = field.start;
            piece->nbytes = field.nbytes;
            if (!txe_utf8_valid((const char *)reader->data + field.start, field.nbytes))
                return malformed(reader, field.start, "a piece that is not UTF-8");
        } else if (field.number == 2) {
            if (expect_wire(reader, &field, FIXED32) != TXE_OK)
                break;
            uint32_t bits = (uint32_t)field.value;
            memcpy(&piece->score, &bits, sizeof bits);
            if (!isfinite(piece->score))
                return malformed(reader, field.at, "a score that is not finite");
        } else if (field.number == 3) {
            if (expect_wire(reader, &field, VARINT) != TXE_OK)
                break;
            if (field.value < TXE_SPM_NORMAL || field.value > TXE_SPM_BYTE)
                return malformed(reader, field.at, "an unknown type of piece");
            piece->type = (txe_spm_type)field.value;
        }
    }
    return reader->err->status;
}

static txe_status
add_piece(struct txe_spm_model *model, struct reader *reader)
{
    if (model->npieces == model->capacity) {
        size_t capacity = model->capacity + model->capacity / 2 + 64;
        struct txe_spm_piece *pieces =
            txe_realloc(model->pieces, capacity, sizeof *pieces);
        if (pieces == NULL)
            return txe_fail_nomem(reader->err, capacity * sizeof *pieces);
        model->pieces = pieces;
        model->capacity = capacity;
    }
    if (read_piece(reader, &model->pieces[model->npieces]) != TXE_OK)
        return reader->err->status;
    model->npieces++;
    return TXE_OK;
}

static txe_status
read_trainer_spec(struct txe_spm_model *model, struct reader *reader)
{
    struct field field;
    bool more;
    while (next_field(reader, &field, &more) == TXE_OK) {
        if (!more)
            return TXE_OK;
        int32_t *target = field.number == 3    ? &model->model_type
                          : field.number == 40 ? &model->unk_id
                          : field.number == 41 ? &model->bos_id
                          : field.number == 42 ? &model->eos_id
                          : field.number == 43 ? &model->pad_id
                                               : NULL;
        if (target == NULL)
            continue;
        if (expect_wire(reader, &field, VARINT) != TXE_OK)
            break;
        /* An int32, sign-extended to 64 bits when negative. */
        if (field.value > INT32_MAX && field.value != UINT64_MAX)
            return malformed(reader, field.at, "a value out of range");
        *target = field.value == UINT64_MAX ? -1 : (int32_t)field.value;
    }
    return reader->err->status;
}

static txe_status
read_normalizer_spec(struct txe_spm_model *model, struct reader *reader)
{
    struct field field;
    bool more;
    while (next_field(reader, &field, &more) == TXE_OK) {
        if (!more)
            return TXE_OK;
        if (field.number == 2) {
            if (expect_wire(reader, &field, BYTES) != TXE_OK)
                break;
            model->charsmap_start = field.start;
            model->charsmap_nbytes = field.nbytes;
            continue;
        }
        bool *target = field.number == 3   ? &model->add_dummy_prefix
                       : field.number == 4 ? &model->remove_extra_whitespaces
                       : field.number == 5 ? &model->escape_whitespaces
                                           : NULL;
        if (target == NULL)
            continue;
        if (expect_wire(reader, &field, VARINT) != TXE_OK)
            break;
        *target = field.value != 0;
    }
    return reader->err->status;
}

static txe_status
read_model(struct txe_spm_model *model, struct reader *reader)
{
    struct field field;
    bool more;
    while (next_field(reader, &field, &more) == TXE_OK) {
        if (!more)
            break;
        if (field.number < 1 || field.number > 3)
            continue;
        if (expect_wire(reader, &field, BYTES) != TXE_OK)
            return reader->err->status;
        struct reader inner = inside(reader, &field);
        txe_status status = field.number == 1   ? add_piece(model, &inner)
                            : field.number == 2 ? read_trainer_spec(model, &inner)
                                                : read_normalizer_spec(model, &inner);
        if (status != TXE_OK)
            return status;
    }
    if (more)
        return reader->err->status;
    if (model->npieces == 0)
        return malformed(reader, reader->end, "no piece before the end");
    return TXE_OK;
}

txe_status
txe_spm_parse(struct txe_spm_model *model, const uint8_t *data, size_t nbytes,
              struct txe_error *err)
{
    *model = (struct txe_spm_model){
        .model_type = 1,
        .unk_id = 0,
        .bos_id = 1,
        .eos_id = 2,
        .pad_id = -1,
        .add_dummy_prefix = true,
        .remove_extra_whitespaces = true,
        .escape_whitespaces = true,
    };
    struct reader reader = {data, 0, nbytes, err};
    txe_status status = read_model(model, &reader);
    if (status == TXE_OK && model->unk_id >= 0 &&
        (size_t)model->unk_id >= model->npieces)
        status = txe_fail(err, TXE_EVALUE,
                          "not a SentencePiece model: unk_id is %ld and there are %zu "
                          "pieces",
                          (long)model->unk_id, model->npieces);
    if (status != TXE_OK)
        txe_spm_free(model);
    return status;
}

void
txe_spm_free(struct txe_spm_model *model)
{
    free(model->pieces);
    memset(model, 0, sizeof *model);
}
