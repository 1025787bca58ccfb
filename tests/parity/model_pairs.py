"""Models of transformers with random weights, and ours with the same."""

import numpy as np
import torch
import transformers

import pytxenc.configuration as configuration
import pytxenc.modeling as modeling

TOLERANCE = 1e-5

FAMILIES = ("Bert", "Roberta", "Albert", "DistilBert", "Electra")
# Families whose embeddings have a width of their own.
FACTORISED = ("Albert", "Electra")
# DistilBERT's names of fields; None for what it has no field for.
DISTILBERT_NAMES = {
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "type_vocab_size": None,
    "layer_norm_eps": None,
}


def named_fields(family, fields):
    """The fields by the names of the family's configuration."""
    if family != "DistilBert":
        return fields
    named = {DISTILBERT_NAMES.get(name, name): value for name, value in fields.items()}
    return {name: value for name, value in named.items() if name is not None}


def make_config(family, **fields):
    """The same configuration there and here."""
    sizes = dict(
        vocab_size=101, hidden_size=36, num_hidden_layers=3, num_attention_heads=3,
        intermediate_size=50, max_position_embeddings=70, type_vocab_size=3,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, layer_norm_eps=1e-5,
        initializer_range=0.15,
    )  # fmt: skip
    if family in FACTORISED:
        sizes["embedding_size"] = 20
    sizes = named_fields(family, {**sizes, **fields})
    theirs = getattr(transformers, f"{family}Config")(**sizes)
    ours = getattr(configuration, f"{family}Config")(**sizes)
    return theirs, ours


def make_pair(family, head, seed=0, **fields):
    """A transformers model with random weights, and ours with the same."""
    theirs_config, ours_config = make_config(family, **fields)
    torch.manual_seed(seed)
    theirs_class = getattr(transformers, family + head)
    theirs = theirs_class._from_config(theirs_config, attn_implementation="eager").float().eval()
    with torch.no_grad():  # biases and norms too must matter
        for parameter in theirs.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    theirs.tie_weights()
    ours = getattr(modeling, family + head).from_pretrained(
        None, config=ours_config, state_dict=theirs.state_dict()
    )
    return theirs, ours


def assert_near(ours, theirs, what):
    """Equal within the tolerance, relative to the largest magnitude."""
    ours, theirs = np.asarray(ours), theirs.detach().numpy()
    assert ours.shape == theirs.shape, what
    error = np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-6)
    assert error < TOLERANCE, f"{what}: relative error {error:.2e}"


def random_batch(rng, batch=3, length=11, vocabulary=101, types=3):
    return {
        "input_ids": rng.integers(2, vocabulary, (batch, length)),
        "token_type_ids": rng.integers(0, types, (batch, length)),
    }
