"""Random configurations of every family and head, each with a batch and labels."""

import numpy as np
from head_cases import CASES, FAMILIES, batch_for, labels_for
from model_pairs import FACTORISED

ALL = [*CASES, *((family, head) for family in FAMILIES for head in ("Model", "ForMaskedLM"))]
ACTIVATIONS = ("gelu", "gelu_new", "relu", "silu", "tanh", "gelu_pytorch_tanh", "mish", "prelu")


def random_case(number, cases=ALL):
    """(family, head, fields of the configuration, batch, labels) of a number."""
    rng = np.random.default_rng(number)
    family, head = cases[number % len(cases)]
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
