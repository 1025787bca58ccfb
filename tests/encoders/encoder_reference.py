"""BERT's forward pass in double precision, rounded where the precisions of encoder.h round.

bfloat16: rows and weights of every product of the layers, among them queries, keys,
probabilities and values, and what attention gives.  int8: weights by row of the matrix, to
127 parts of the largest; rows to 255 parts of their range; attention in bfloat16.
"""

import math

import numpy as np
from precisions import from_bfloat16, to_bfloat16

ERF = np.vectorize(math.erf, otypes=[float])


def round_bfloat16(x):
    return from_bfloat16(to_bfloat16(x)).astype(float)


def round_rows(x, dtype):
    if dtype == "bfloat16":
        return round_bfloat16(x)
    if dtype == "int8":
        low, high = x.min(axis=-1, keepdims=True), x.max(axis=-1, keepdims=True)
        scale = (high - low) / 255
        return low + scale * np.rint((x - low) / np.where(scale == 0, 1, scale))
    return x


def round_weights(w, dtype):
    if dtype == "int8":
        scale = np.abs(w).max(axis=1, keepdims=True) / 127
        return scale * np.rint(w / scale)
    return round_rows(w.astype(float), dtype)


def layer_norm(x, w, name, eps):
    d = x - x.mean(axis=-1, keepdims=True)
    d /= np.sqrt((d * d).mean(axis=-1, keepdims=True) + eps)
    return d * w[f"{name}.weight"] + w[f"{name}.bias"]


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def gelu(x):
    return x / 2 * (1 + ERF(x / math.sqrt(2)))


def forward(config, weights, ids, dtype):
    """Last hidden states [S, C] and logits [S, V] of one sequence of ids [S], of a BERT with the
    head "masked_lm" and gelu."""
    w = {name.removeprefix("bert."): value for name, value in weights.items()}
    C, H, eps = config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]
    D, S = C // H, len(ids)

    def linear(x, name):
        matrix = round_weights(w[f"{name}.weight"], dtype)
        return round_rows(x, dtype) @ matrix.T + w[f"{name}.bias"]

    def attend(x, layer):
        parts = [linear(x, f"{layer}.self.{name}") for name in ("query", "key", "value")]
        low = round_bfloat16 if dtype != "float32" and D % 2 == 0 else np.asarray
        q, k, v = (low(part).reshape(S, H, D).transpose(1, 0, 2) for part in parts)
        p = low(softmax(q @ k.transpose(0, 2, 1) / math.sqrt(D)))
        return (p @ v).transpose(1, 0, 2).reshape(S, C)

    tables = [w[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position")]
    types = w["embeddings.token_type_embeddings.weight"].astype(float)
    x = tables[0][ids].astype(float) + types[0] + tables[1][:S]
    x = layer_norm(x, w, "embeddings.LayerNorm", eps)
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        a = linear(attend(x, f"{layer}.attention"), f"{layer}.attention.output.dense")
        x = layer_norm(x + a, w, f"{layer}.attention.output.LayerNorm", eps)
        f = gelu(linear(x, f"{layer}.intermediate.dense"))
        x = layer_norm(x + linear(f, f"{layer}.output.dense"), w, f"{layer}.output.LayerNorm", eps)
    head = "cls.predictions.transform"
    y = layer_norm(gelu(linear(x, f"{head}.dense")), w, f"{head}.LayerNorm", eps)
    return x, linear(y, "cls.predictions.decoder")
