/* Losses of scores: see losses.h. */
#include "train/losses.h"

#include <math.h>
#include <string.h>

#include "base/common.h"

void
txe_losses_add(struct txe_step *step, size_t which, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        step->result->losses[which] += step->losses[i];
        step->result->correct[which] += step->right[i];
    }
    step->result->counts[which] += n;
}

/* Cross-entropy of n scores, each `stride` from the next, into the result; the gradient
 * into dscores likewise.  A negative label leaves zeros. */
static void
lose_classes(struct txe_step *step, size_t which, const txe_real *scores,
             txe_real *dscores, size_t n, size_t stride, int64_t label)
{
    const struct txe_targets *targets = step->targets;
    for (size_t i = 0; i < n; i++)
        dscores[i * stride] = 0;
    if (label < 0)
        return;
    double top = scores[0], total = 0, mean = 0;
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (scores[i * stride] > top) {
            top = scores[i * stride];
            best = i;
        }
    for (size_t i = 0; i < n; i++) {
        total += exp(scores[i * stride] - top);
        mean += scores[i * stride] / (double)n;
    }
    const double smoothing = targets->smoothing, log_total = top + log(total);
    step->result->losses[which] +=
        log_total - (1 - smoothing) * scores[(size_t)label * stride] - smoothing * mean;
    step->result->counts[which]++;
    step->result->correct[which] += best == (size_t)label;
    for (size_t i = 0; i < n; i++) {
        const double target =
            (i == (size_t)label ? 1 - smoothing : 0) + smoothing / (double)n;
        dscores[i * stride] =
            (txe_real)(targets->scales[which] *
                       (exp(scores[i * stride] - log_total) - target));
    }
}

/* Entropy of sigmoid(x) against t. */
static void
lose_binary(struct txe_step *step, txe_real *dscore, double x, double t)
{
    step->result->losses[0] += fmax(x, 0) - x * t + log1p(exp(-fabs(x)));
    step->result->counts[0]++;
    const double e = exp(-fabs(x)), s = x > 0 ? 1 / (1 + e) : e / (1 + e);
    *dscore = (txe_real)(step->targets->scales[0] * (s - t));
}

static void
lose_values(struct txe_step *step, size_t n)
{
    const struct txe_targets *targets = step->targets;
    for (size_t i = 0; i < n; i++) {
        if (targets->loss == TXE_LOSS_BINARY) {
            lose_binary(step, &step->dscores[i], step->scores[i], targets->values[i]);
            continue;
        }
        const double difference = (double)step->scores[i] - targets->values[i];
        step->result->losses[0] += difference * difference;
        step->result->counts[0]++;
        step->dscores[i] = (txe_real)(2 * targets->scales[0] * difference);
    }
}

/* Rows of scores are the places of the sequences in any order: each sequence's starts
 * and ends are put in order first. */
static void
lose_answers(struct txe_step *step)
{
    const struct txe_plan *plan = &step->plan;
    for (size_t b = 0, row = 0; b < plan->B; b++) {
        const size_t count = plan->sequences[b].nresults;
        for (size_t which = 0; which < 2; which++) {
            const int64_t place = step->targets->labels[2 * b + which];
            int64_t label = -1;
            for (size_t i = 0; place >= 0 && i < count; i++)
                if (plan->rows[plan->results[row + i]] == b * plan->S + (size_t)place)
                    label = (int64_t)i;
            lose_classes(step, which, step->scores + 2 * row + which,
                         step->dscores + 2 * row + which, count, 2, label);
        }
        row += count;
    }
}

void
txe_losses_of_scores(struct txe_step *step, size_t n)
{
    const struct txe_config *config = &step->training->config;
    const struct txe_targets *targets = step->targets;
    const size_t K = config->num_labels;
    const size_t sentences = config->head == TXE_HEAD_PRETRAINING;
    const int64_t *labels = sentences ? targets->sentence_labels : targets->labels;
    if (targets->loss != TXE_LOSS_CROSS_ENTROPY) {
        lose_values(step, n * K);
    } else if (config->head == TXE_HEAD_ANSWER) {
        lose_answers(step);
    } else if (config->head == TXE_HEAD_CHOICE) {
        for (size_t i = 0; i < n; i += targets->choices)
            lose_classes(step, 0, step->scores + i, step->dscores + i, targets->choices,
                         1, labels[i / targets->choices]);
    } else {
        const bool sequences = txe_config_classifies_sequences(config);
        for (size_t i = 0; i < n; i++) {
            const size_t result = step->plan.results[step->found[i]];
            const int64_t label = labels[sequences ? i : step->plan.rows[result]];
            if (config->head == TXE_HEAD_REPLACED) {
                lose_binary(step, &step->dscores[i], step->scores[i], (double)label);
                step->result->correct[0] += (step->scores[i] > 0) == (label != 0);
            } else {
                lose_classes(step, sentences, step->scores + i * K,
                             step->dscores + i * K, K, 1, label);
            }
        }
    }
}
