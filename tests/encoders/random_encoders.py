"""Small encoders of random weights in every precision, without torch."""

import numpy as np

from pytxenc import _core

DTYPES = ("float32", "bfloat16", "int8")


def make_config(family="bert", head="none", **fields):
    return {
        "family": family, "head": head, "pooler": True, "hidden_act": "gelu",
        "summary_activation": "gelu", "vocab_size": 101, "hidden_size": 48, "embedding_size": 20,
        "num_hidden_layers": 3, "num_hidden_groups": 2, "inner_group_num": 1,
        "num_attention_heads": 4, "intermediate_size": 72, "max_position_embeddings": 130,
        "type_vocab_size": 2, "num_labels": 3, "layer_norm_eps": 1e-5, "pad_token_id": 1,
        **fields,
    }  # fmt: skip


def make_weights(config, seed=0):
    """Weights of the sizes that trained models have, norms and biases among them."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape, init in _core.encoder_parameters(config):
        spread = 0.5 / np.sqrt(shape[-1]) if len(shape) == 2 else 0.1
        start = 1.0 if init == "ones" else 0.0
        weights[name] = (start + spread * rng.normal(size=shape)).astype(np.float32)
    return weights


def make_encoder(config, dtype="float32", weights=None, packed=True):
    weights = make_weights(config) if weights is None else weights
    return _core.Encoder(config, weights, dtype, packed)
