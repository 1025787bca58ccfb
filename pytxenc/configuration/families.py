"""The configuration of every family of models: its fields, and what they are without a say."""

from __future__ import annotations

from types import UnionType
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

from .base import BOOL, INT, OPTIONAL_INT, REAL, STR, PreTrainedConfig


def _encoder_fields(**defaults: Any) -> dict[str, tuple[tuple[type, ...], Any]]:
    """The fields that all encoders have, with a family's defaults, over the common ones."""
    shared = {
        "num_hidden_layers": 12,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-12,
        "tie_word_embeddings": True,
    }
    values = {**shared, **defaults}
    hints = get_type_hints(PreTrainedConfig)
    own = {name: (_accepted(hints[name]), value) for name, value in values.items()}
    return {**PreTrainedConfig._fields, **own}


def _accepted(hint: Any) -> tuple[type, ...]:
    """The types that a field annotated so takes; integers too where it is a float."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    types = [get_origin(kind) or kind for kind in kinds]
    return tuple([int, *types] if float in types else types)


_BASE_SIZES = {
    "hidden_size": 768,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "use_cache": True,
    "is_decoder": False,
    "add_cross_attention": False,
    "classifier_dropout": None,
}


class BertConfig(PreTrainedConfig):
    """Configuration of BERT (arXiv 1810.04805); the defaults are bert-base-uncased's."""

    model_type = "bert"
    _fields = _encoder_fields(
        **_BASE_SIZES, vocab_size=30522, pad_token_id=0, bos_token_id=None, eos_token_id=None
    )


class RobertaConfig(PreTrainedConfig):
    """Configuration of RoBERTa (arXiv 1907.11692).

    Published checkpoints differ from these defaults, which are the reference's: they have
    max_position_embeddings 514, type_vocab_size 1 and layer_norm_eps 1e-5.  The longest
    sequence is max_position_embeddings - pad_token_id - 1 tokens.
    """

    model_type = "roberta"
    _fields = _encoder_fields(
        **_BASE_SIZES, vocab_size=50265, pad_token_id=1, bos_token_id=0, eos_token_id=2
    )


class XLMRobertaConfig(PreTrainedConfig):
    """Configuration of XLM-RoBERTa (arXiv 1911.02116): RoBERTa with another vocabulary."""

    model_type = "xlm-roberta"
    _fields = _encoder_fields(
        **_BASE_SIZES, vocab_size=30522, pad_token_id=1, bos_token_id=0, eos_token_id=2
    )


class AlbertConfig(PreTrainedConfig):
    """Configuration of ALBERT (arXiv 1909.11942); the defaults are albert-xxlarge's.

    Layers share parameters in num_hidden_groups groups, each of inner_group_num layers.
    """

    model_type = "albert"
    _fields = _encoder_fields(
        vocab_size=30000,
        embedding_size=128,
        hidden_size=4096,
        num_hidden_groups=1,
        inner_group_num=1,
        num_attention_heads=64,
        intermediate_size=16384,
        hidden_act="gelu_new",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        classifier_dropout_prob=0.1,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )


class DistilBertConfig(PreTrainedConfig):
    """Configuration of DistilBERT (arXiv 1910.01108); the defaults are distilbert-base's.

    `hidden_size`, `num_hidden_layers` and `num_attention_heads` are other names of dim,
    n_layers and n_heads.
    """

    model_type = "distilbert"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
    }
    _fields: ClassVar[dict[str, tuple[tuple[type, ...], Any]]] = {
        **PreTrainedConfig._fields,
        "vocab_size": (INT, 30522),
        "max_position_embeddings": (INT, 512),
        "sinusoidal_pos_embds": (BOOL, False),
        "n_layers": (INT, 6),
        "n_heads": (INT, 12),
        "dim": (INT, 768),
        "hidden_dim": (INT, 3072),
        "dropout": (REAL, 0.1),
        "attention_dropout": (REAL, 0.1),
        "activation": (STR, "gelu"),
        "initializer_range": (REAL, 0.02),
        "qa_dropout": (REAL, 0.1),
        "seq_classif_dropout": (REAL, 0.2),
        "pad_token_id": (OPTIONAL_INT, 0),
        "bos_token_id": (OPTIONAL_INT, None),
        "eos_token_id": ((int, list, type(None)), None),
        "tie_word_embeddings": (BOOL, True),
    }


class ElectraConfig(PreTrainedConfig):
    """Configuration of ELECTRA (arXiv 2003.10555); the defaults are electra-small's.

    The summary_* fields say what a multiple choice is scored by.
    """

    model_type = "electra"
    _fields = _encoder_fields(
        **{**_BASE_SIZES, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024},
        vocab_size=30522,
        embedding_size=128,
        summary_type="first",
        summary_use_proj=True,
        summary_activation="gelu",
        summary_last_dropout=0.1,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
    )
