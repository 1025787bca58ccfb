/* Checking labels: see step.h. */
#include <math.h>

#include "base/common.h"
#include "train/step.h"

/* labels [rows, columns], each negative or below `limit`. */
static txe_status
check_labels(const char *what, const int64_t *labels, size_t rows, size_t columns,
             size_t limit, struct txe_error *err)
{
    for (size_t i = 0; i < rows * columns; i++) {
        if (labels[i] < 0 || (uint64_t)labels[i] < limit)
            continue;
        if (columns == 1)
            return txe_fail(
                err, TXE_EINDEX,
                "%s[%zu] is %lld; it must be -100 (ignored) or from 0 to %zu", what, i,
                (long long)labels[i], limit - 1);
        return txe_fail(
            err, TXE_EINDEX,
            "%s[%zu, %zu] is %lld; it must be -100 (ignored) or from 0 to %zu", what,
            i / columns, i % columns, (long long)labels[i], limit - 1);
    }
    return TXE_OK;
}

static txe_status
check_values(const txe_real *values, size_t rows, size_t columns, struct txe_error *err)
{
    for (size_t i = 0; i < rows * columns; i++)
        if (!isfinite(values[i]))
            return txe_fail(err, TXE_EVALUE,
                            "labels[%zu, %zu] is %g; targets must be finite numbers",
                            i / columns, i % columns, (double)values[i]);
    return TXE_OK;
}

/* Marks the labelled tokens. */
static void
need_labelled(bool *needed, const int64_t *labels, size_t n)
{
    for (size_t i = 0; labels != NULL && i < n; i++)
        needed[i] = labels[i] >= 0;
}

/* Labels of tokens, from 0 to limit - 1. */
static txe_status
check_token_labels(bool *needed, const struct txe_inputs *inputs, const int64_t *labels,
                   size_t limit, struct txe_error *err)
{
    if (labels != NULL)
        TXE_TRY(check_labels("labels", labels, inputs->B, inputs->S, limit, err));
    need_labelled(needed, labels, inputs->B * inputs->S);
    return TXE_OK;
}

/* An answer's softmax runs over all places, padding among them. */
static txe_status
check_answers(bool *needed, const struct txe_inputs *inputs, const int64_t *labels,
              struct txe_error *err)
{
    for (size_t i = 0; i < inputs->B * inputs->S; i++)
        needed[i] = true;
    if (labels == NULL)
        return TXE_OK;
    return check_labels("positions", labels, inputs->B, 2, inputs->S, err);
}

static txe_status
check_sequences(const struct txe_config *config, const struct txe_inputs *inputs,
                const struct txe_targets *targets, struct txe_error *err)
{
    const size_t K = config->num_labels;
    if (targets->values != NULL)
        return check_values(targets->values, inputs->B, K, err);
    if (targets->labels == NULL)
        return TXE_OK;
    if (config->head == TXE_HEAD_CHOICE)
        return check_labels("labels", targets->labels, inputs->B / targets->choices, 1,
                            targets->choices, err);
    return check_labels("labels", targets->labels, inputs->B, 1, K, err);
}

txe_status
txe_targets_check(bool *needed, bool *narrow, const struct txe_config *config,
                  const struct txe_inputs *inputs, const struct txe_targets *targets,
                  struct txe_error *err)
{
    const bool given = targets->loss == TXE_LOSS_GIVEN;
    *narrow = inputs->bias == NULL && !given;
    if (!given && txe_config_predicts_tokens(config))
        TXE_TRY(check_token_labels(needed, inputs, targets->labels, config->vocab_size,
                                   err));
    else if (!given && config->head == TXE_HEAD_ANSWER)
        TXE_TRY(check_answers(needed, inputs, targets->labels, err));
    else if (!given && txe_config_classifies_tokens(config))
        TXE_TRY(check_token_labels(
            needed, inputs, targets->labels,
            config->head == TXE_HEAD_REPLACED ? 2 : config->num_labels, err));
    else if (!given)
        TXE_TRY(check_sequences(config, inputs, targets, err));
    if (targets->sentence_labels != NULL)
        TXE_TRY(check_labels("sentence labels", targets->sentence_labels, inputs->B, 1,
                             config->num_labels, err));
    for (size_t b = 0; txe_config_classifies_sequences(config) && b < inputs->B; b++)
        needed[b * inputs->S] = true;
    return TXE_OK;
}
