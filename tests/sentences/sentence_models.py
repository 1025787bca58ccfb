"""Small sentence models in the files of sentence-transformers, with random weights."""

import json

import numpy as np
import small_tokenizers

import pytxenc
from pytxenc.safetensors_file import save_file

SIZES = dict(
    hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
    max_position_embeddings=40, initializer_range=0.3, hidden_act="gelu",
)  # fmt: skip
# Family: its classes, the file of a small tokenizer, and the name that it gets.
FAMILIES = {
    "bert": ("Bert", "vocab.txt", None),
    "roberta": ("Roberta", "vocab.json", None),
    "xlm-roberta": ("XLMRoberta", "spiece.model", "sentencepiece.bpe.model"),
    "albert": ("Albert", "spiece.model", None),
    "distilbert": ("DistilBert", "vocab.txt", None),
    "electra": ("Electra", "vocab.txt", None),
}
TEXTS = [
    "hello world",
    "",
    "aab 9,9 hello, world. ba",
    "Hello World",
    "b" * 20 + " hello" * 30,
    "a",
    "hello world hello",
    "中 é ' . b",
]

OLD = "sentence_transformers.models."
NEW = {
    "Transformer": "sentence_transformers.base.modules.transformer.Transformer",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    "Normalize": "sentence_transformers.base.modules.normalize.Normalize",
    "Dense": "sentence_transformers.base.modules.dense.Dense",
}


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def write_modules(folder, *kinds, names=OLD):
    """modules.json for a transformer in the folder itself and parts behind it."""
    write_json(
        folder / "modules.json",
        [
            {
                "idx": index,
                "name": str(index),
                "path": f"{index}_{kind}" if index else "",
                "type": OLD + kind if names is OLD else NEW[kind],
            }
            for index, kind in enumerate(["Transformer", *kinds])
        ],
    )


def write_pooling(folder, *modes, include_prompt=True, width=SIZES["hidden_size"]):
    """The old form: modes are the ends of its keys."""
    keys = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    keys += ("weightedmean_tokens", "lasttoken")
    write_json(
        folder / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": width,
            **{f"pooling_mode_{key}": key in modes for key in keys},
            "include_prompt": include_prompt,
        },
    )


def write_dense(folder, width, out, activation="Tanh", **config):
    """A dense layer with random weights, in safetensors."""
    rng = np.random.default_rng(out)
    tensors = {"linear.weight": rng.normal(size=(out, width)).astype(np.float32)}
    if config.get("bias", True):
        tensors["linear.bias"] = rng.normal(size=out).astype(np.float32)
    if config.get("use_residual") and width != out:
        tensors["residual.weight"] = rng.normal(size=(out, width)).astype(np.float32)
    part = "linear" if activation == "Identity" else "activation"
    write_json(
        folder / "config.json",
        {
            "in_features": width,
            "out_features": out,
            "bias": True,
            "activation_function": f"torch.nn.modules.{part}.{activation}",
            **config,
        },
    )
    save_file(tensors, folder / "model.safetensors")


def sizes(family):
    """SIZES by the names that the family has for them."""
    if family != "distilbert":
        return SIZES
    names = {"intermediate_size": "hidden_dim", "hidden_act": "activation"}
    return {names.get(key, key): value for key, value in SIZES.items()}


def write_encoder(folder, family, **fields):
    """An encoder of random weights, all of them, and a small tokenizer."""
    name, kind, file = FAMILIES[family]
    for original, data in small_tokenizers.vocabulary_files()[kind][1].items():
        (folder / (file if original == kind and file else original)).write_bytes(data)
    tokenizer = getattr(pytxenc, f"{name}Tokenizer").from_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if family in ("albert", "electra"):
        fields = {"embedding_size": 12, **fields}
    config = getattr(pytxenc, f"{name}Config")(
        **{**sizes(family), "vocab_size": len(tokenizer), **fields},
        pad_token_id=tokenizer.pad_token_id,
    )
    np.random.seed(0)
    model = getattr(pytxenc, f"{name}Model")(config)
    rng = np.random.default_rng(1)
    weights = {
        key: value + rng.normal(scale=0.1, size=value.shape).astype(np.float32)
        for key, value in model.state_dict().items()
    }
    model.load_state_dict(weights)
    model.save_pretrained(folder)
