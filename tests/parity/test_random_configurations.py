"""Random configurations of every family and head, against transformers.

PYTXENC_RANDOM_CONFIGURATIONS says how many; each number is one configuration, always the same.
"""

import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from head_cases import CASES, FAMILIES, batch_for, compare, labels_for  # noqa: E402
from model_pairs import FACTORISED, assert_near, make_pair  # noqa: E402

COUNT = int(os.environ.get("PYTXENC_RANDOM_CONFIGURATIONS", "60"))
ALL = [*CASES, *((family, head) for family in FAMILIES for head in ("Model", "ForMaskedLM"))]
ACTIVATIONS = ("gelu", "gelu_new", "relu", "silu", "tanh", "gelu_pytorch_tanh", "mish", "prelu")


def random_case(number):
    """(family, head, fields of the configuration, batch, labels) of a number."""
    rng = np.random.default_rng(number)
    family, head = ALL[number % len(ALL)]
    heads = int(rng.integers(1, 5))
    length, vocabulary = int(rng.integers(1, 40)), int(rng.integers(20, 200))
    labels = 2 if head in ("ForQuestionAnswering", "ForPreTraining") else int(rng.integers(2, 6))
    fields = dict(
        vocab_size=vocabulary,
        num_attention_heads=heads,
        hidden_size=heads * int(rng.integers(1, 24)),
        intermediate_size=int(rng.integers(1, 90)),
        num_hidden_layers=int(rng.integers(1, 5)),
        max_position_embeddings=length + int(rng.integers(2, 9)),
        hidden_act=str(rng.choice(ACTIVATIONS)),
        layer_norm_eps=float(rng.choice([1e-12, 1e-5])),
        initializer_range=float(rng.choice([0.02, 0.1])),
        tie_word_embeddings=bool(rng.integers(0, 2)),
        num_labels=labels,
        pad_token_id=int(rng.integers(0, 2)),
    )
    if family in FACTORISED:
        fields["embedding_size"] = int(rng.integers(1, 50))
    if family == "Albert":
        fields["num_hidden_groups"] = int(rng.integers(1, fields["num_hidden_layers"] + 1))
        fields["inner_group_num"] = int(rng.integers(1, 3))
    mask = rng.integers(1, length + 1, 4) if rng.integers(0, 2) else None
    batch = batch_for(head, rng, mask, length=length, vocabulary=vocabulary)
    given = labels_for(family, head, rng, labels, length=length, vocabulary=vocabulary)
    return family, head, fields, batch, given


@pytest.mark.parametrize("number", range(COUNT))
def test_outputs_and_losses(number):
    family, head, fields, batch, labels = random_case(number)
    theirs, ours = make_pair(family, head, seed=number, **fields)
    hidden = compare(ours, theirs, batch)
    loss = compare(ours, theirs, {**batch, **labels})
    plain = ours(**batch)  # the last layer of what is needed alone
    for name in plain:
        assert_near(plain[name], torch.as_tensor(np.asarray(hidden[name])), name)
    assert ("loss" in loss) == bool(labels)
