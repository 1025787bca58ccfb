"""Encoders with the classes and behaviour of transformers 5.23, computed by pytxenc._core."""

from .albert import AlbertForMaskedLM, AlbertModel, AlbertPreTrainedModel
from .bert import BertForMaskedLM, BertModel, BertPreTrainedModel
from .pretrained import PreTrainedModel
from .roberta import (
    RobertaForMaskedLM,
    RobertaModel,
    RobertaPreTrainedModel,
    XLMRobertaForMaskedLM,
    XLMRobertaModel,
    XLMRobertaPreTrainedModel,
)

__all__ = [
    "AlbertForMaskedLM",
    "AlbertModel",
    "AlbertPreTrainedModel",
    "BertForMaskedLM",
    "BertModel",
    "BertPreTrainedModel",
    "PreTrainedModel",
    "RobertaForMaskedLM",
    "RobertaModel",
    "RobertaPreTrainedModel",
    "XLMRobertaForMaskedLM",
    "XLMRobertaModel",
    "XLMRobertaPreTrainedModel",
]
