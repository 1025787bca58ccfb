/* Batches of pretraining: samples with special tokens around them, padded and masked.
 */
#ifndef TXE_DATA_BATCH_H
#define TXE_DATA_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "data/masking.h"
#include "data/packing.h"

/* One part of what a tokenizer makes of a text or a pair. */
struct txe_part {
    int64_t text;    /* 0 or 1: the text A or B; -1: a special token */
    int64_t id;      /* of the special token */
    int64_t type_id; /* token type */
};

struct txe_batch_source {
    const uint16_t *ids16; /* [nids] the corpus; one of the two is NULL */
    const uint32_t *ids32;
    size_t nids;
    const int64_t *starts;        /* [N + 1] and */
    const struct txe_span *spans; /* [M], samples as in packing.h */
    size_t N, M;
    const struct txe_part *parts; /* [nparts]; those of a pair name both texts once, and
                                   * A and B are the sample's two spans */
    size_t nparts;
    bool pairs;
    int64_t separator, pad; /* ids: between the spans of a sample that is no pair, and
                             * of padding on the right */
    const uint8_t *flags;   /* [V] of every id, see masking.h */
    size_t V;
    const struct txe_mask_rules *rules; /* NULL: labels are not written */
    uint64_t seed, epoch;               /* of the masks */
};

/* Rows [B, S] of the samples `rows` [B].  ids: token ids; attended: no padding; types:
 * token types; fixed: special tokens and padding; labels: see masking.h.  Masks are a
 * function of (seed, epoch, sample).  TXE_EVALUE for what does not fit together: a
 * sample number, a span, an id outside the vocabulary or a row longer than S;
 * TXE_ENOMEM. Outputs are then undefined. */
txe_status txe_batch_make(int64_t *ids, bool *attended, int64_t *types, bool *fixed,
                          int64_t *labels, const struct txe_batch_source *source,
                          const int64_t *rows, size_t B, size_t S,
                          struct txe_error *err);

#endif
