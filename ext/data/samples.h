/* How the packers add samples; shared by packing.c and pairs.c. */
#ifndef TXE_DATA_SAMPLES_H
#define TXE_DATA_SAMPLES_H

#include "data/packing.h"

/* Adds a span to the sample that is open.  TXE_ENOMEM. */
txe_status txe_samples_span(struct txe_samples *out, struct txe_span span,
                            struct txe_error *err);

/* Ends the open sample; label -1: samples have none.  TXE_ENOMEM. */
txe_status txe_samples_close(struct txe_samples *out, int label, struct txe_error *err);

#endif
