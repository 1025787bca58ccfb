"""Deliberate errors in the training sources: each must be noticed.

An error is a text of the sources and what takes its place.  The changed sources are built and
gradients of one model, with dropout, are held against differences of its loss, as in
test_double_models.py.
"""

import shutil
from typing import NamedTuple

import core64_build
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from double_models import SLOPE_TOLERANCE, DoubleModel, ragged
from training_pairs import labelled_batch, pair_of

pytestmark = pytest.mark.slow


class Mutation(NamedTuple):
    model: str  # that notices
    file: str
    old: str
    new: str
    hidden_act: str = "gelu"


BERT, ALBERT, LABELS = "BertForPreTraining", "AlbertForMaskedLM", "BertForTokenClassification"
KERNELS, SLOPES = "kernels/training_impl.h", "kernels/slopes_impl.h"
ATTENTION, LAYERS, HEADS, STEP = (f"train/{n}.c" for n in ("attention", "layers", "heads", "step"))
LOSSES = "train/losses.c"

MUTATIONS = {
    "LayerNorm without the mean of the gradient": Mutation(
        BERT, KERNELS,
        "vf g = v_fma(v_load(gamma + at), of_y, v_set(-mean_g));",
        "vf g = v_mul(v_load(gamma + at), of_y);",
    ),
    "LayerNorm without the term of the variance": Mutation(
        BERT, KERNELS,
        "v_store(dx + at, v_mul(v_fma(n, v_set(-mean_gn), g), v_set(r)));",
        "v_store(dx + at, v_mul(g, v_set(r)));",
    ),
    "eps outside the root": Mutation(
        BERT, KERNELS,
        "v_sqrt(v_set(variance + eps))", "v_add(v_sqrt(v_set(variance)), v_set(eps))",
    ),
    "gamma's gradient of rows that are not normalised": Mutation(
        BERT, KERNELS,
        "v_store(dgamma + at, v_fma(of_y, n,", "v_store(dgamma + at, v_fma(of_y, v_load(x + at),",
    ),
    "softmax without the mean of the gradient": Mutation(
        BERT, KERNELS, "vf from_mean = v_sub(v_load(dp + at), mean);",
        "vf from_mean = v_load(dp + at);",
    ),
    "cross-entropy divided by the wrong sum": Mutation(
        BERT, KERNELS, "(double)weight / sum", "(double)weight / (double)n",
    ),
    "cross-entropy without its label": Mutation(
        BERT, KERNELS, "x[label] -= weight * (1 - smoothing);", "",
    ),
    "gelu without x phi(x)": Mutation(
        BERT, SLOPES, "return v_fma(v_mul(x, V(0.39894228040143268)), bell, below);",
        "return below;",
    ),
    "mish without the slope of its tanh": Mutation(
        BERT, SLOPES, "return v_fma(v_mul(x, s), rest, t);", "return t;", "mish",
    ),
    "scores' gradient without 1 / sqrt d": Mutation(
        BERT, ATTENTION,
        "head.sequence->uniform ? 0 : (txe_real)(1 / sqrt((double)D))",
        "head.sequence->uniform ? 0 : 1",
    ),
    "probabilities' gradient not dropped": Mutation(
        BERT, ATTENTION, "drop(&head, room->ds, room->ds, first, n);", ";",
    ),
    "values' gradient of probabilities not dropped": Mutation(
        BERT, ATTENTION,
        "lower_block(&head, find_probabilities(&head, first, n), n);\n        add_transposed",
        "find_probabilities(&head, first, n), lower_block(&head, room->p, n);\n"
        "        add_transposed",
    ),
    "keys' gradient of probabilities": Mutation(
        BERT, ATTENTION, "lower_block(&head, room->ds, n);", "lower_block(&head, room->p, n);",
    ),
    "dropout of another place on the way back": Mutation(
        BERT, LAYERS, "norm.dropout = layer.output;", "norm.dropout = layer.feed_forward;",
    ),
    "embeddings' dropout forgotten": Mutation(
        BERT, LAYERS, "txe_step_rows(step, T, BLOCK_ROWS, drop_rows_back, &dropout);",
        "(void)drop_rows_back;",
    ),
    "no residual around attention": Mutation(
        BERT, LAYERS, "txe_dense_backward(step, &input, &dqkv, T, step->dx, C, NULL, true);",
        "txe_dense_backward(step, &input, &dqkv, T, step->dx, C, NULL, false);",
    ),
    "no residual around the feed-forward": Mutation(
        BERT, LAYERS,
        "txe_dense_backward(step, &up, &step->du, n, step->dx + first * C, C, NULL,\n"
        "                           true);",
        "txe_dense_backward(step, &up, &step->du, n, step->dx + first * C, C, NULL, false);",
    ),
    "queries of the rows that are wanted get no gradient": Mutation(
        BERT, LAYERS,
        "txe_dense_gradient(step, &query, &step->dqueries, &saved->x_wanted, layer.R);", "",
    ),
    "projection without a gradient": Mutation(
        ALBERT, LAYERS, "txe_dense_gradient(step, &projection, &step->dy, &step->e, T);", "",
    ),
    "all types' gradients in one row": Mutation(
        BERT, LAYERS, "const int64_t row = lookups->rows != NULL ? lookups->rows[place] : 0;",
        "const int64_t row = lookups->rows != NULL && lookups->plain ? lookups->rows[place] : 0;",
    ),
    "shared layers' gradients not summed": Mutation(
        ALBERT, STEP, ".ldy = dense->in,\n                .add = true,",
        ".ldy = dense->in,\n                .add = false,",
    ),
    "no gradient of biases": Mutation(
        BERT, STEP, "txe_matmul_transpose(step->transposed, stride, bias,",
        "txe_matmul_transpose(step->transposed, stride, NULL,",
    ),
    "gradients of beta and gamma exchanged": Mutation(
        BERT, STEP, "dx, sums, sums + C, dx,", "dx, sums + C, sums, dx,",
    ),
    "the tied decoder's gradient forgotten": Mutation(
        BERT, HEADS, "txe_dense_gradient(step, &head.decoder, &dlogits, &y, n);", "",
    ),
    "the head's dropout forgotten": Mutation(
        LABELS, HEADS, "drop_rows(step, dh, n, &head->output);", "",
    ),
    "the pooler's activation forgotten": Mutation(
        BERT, HEADS,
        "transform_back(step, &head->transform, n,\n"
        "                       &step->training->gradients.pooler_act);", "",
    ),
    "the second loss over the count of the first": Mutation(
        BERT, LOSSES, "(targets->scales[which] *", "(targets->scales[0] *",
    ),
    "the label's score added": Mutation(
        LABELS, LOSSES, "(exp(scores[i * stride] - log_total) - target));",
        "(exp(scores[i * stride] - log_total) + target));",
    ),
}  # fmt: skip


def slope_error(module, mutation):
    name = mutation.model
    _, ours = pair_of(name, num_hidden_layers=2, hidden_act=mutation.hidden_act)
    batch = ragged(labelled_batch(name, np.random.default_rng(1)))
    return DoubleModel(module, ours).slope_error(batch, 0.2)


@pytest.mark.parametrize("name", MUTATIONS)
def test_an_error_is_noticed(core64, name, tmp_path):
    mutation = MUTATIONS[name]
    assert slope_error(core64, mutation) <= SLOPE_TOLERANCE
    shutil.copytree(core64_build.EXT, tmp_path / "ext")
    path = tmp_path / "ext" / mutation.file
    text = path.read_text()
    assert text.count(mutation.old) == 1, "the sources have changed: change the mutation"
    path.write_text(text.replace(mutation.old, mutation.new))
    changed = core64_build.load(core64_build.build(tmp_path / "ext"))
    assert not slope_error(changed, mutation) <= 10 * SLOPE_TOLERANCE
