/* Losses of scores and their gradients.  Private to ext/train. */
#ifndef TXE_TRAIN_LOSSES_H
#define TXE_TRAIN_LOSSES_H

#include "train/step.h"

/* Adds the first n of step->losses, and of step->right, to loss `which` of the result.
 */
void txe_losses_add(struct txe_step *step, size_t which, size_t n);

/* From step->scores [n, K], rows as step->found has them, to the result's losses and,
 * with options->backward, to step->dscores. */
void txe_losses_of_scores(struct txe_step *step, size_t n);

#endif
