"""RoBERTa (Liu et al., arXiv 1907.11692) and XLM-RoBERTa (Conneau et al., 1911.02116).

Positions count the tokens that are not padding, from pad_token_id + 1 on.
"""

from __future__ import annotations

from typing import ClassVar

from ..configuration import PreTrainedConfig, RobertaConfig, XLMRobertaConfig
from ..outputs import BaseModelOutputWithPoolingAndCrossAttentions
from .bert import BertForMaskedLM
from .heads import EncoderModel, MaskedLMModel
from .pretrained import PreTrainedModel


class RobertaPreTrainedModel(PreTrainedModel):
    """Base of the RoBERTa models."""

    config_class: ClassVar[type[PreTrainedConfig]] = RobertaConfig
    base_model_prefix = "roberta"
    _family = "roberta"


class RobertaModel(EncoderModel, RobertaPreTrainedModel):
    """The RoBERTa encoder: hidden states and the pooled first token."""

    _output = BaseModelOutputWithPoolingAndCrossAttentions


class RobertaForMaskedLM(MaskedLMModel, RobertaPreTrainedModel):
    """RoBERTa that predicts masked tokens.  Its head uses GELU whatever hidden_act is."""

    _ties: ClassVar[dict[str, str]] = {
        "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    }
    forward = BertForMaskedLM.forward


class XLMRobertaPreTrainedModel(RobertaPreTrainedModel):
    """Base of the XLM-RoBERTa models."""

    config_class = XLMRobertaConfig


class XLMRobertaModel(RobertaModel, XLMRobertaPreTrainedModel):
    """The XLM-RoBERTa encoder."""

    config_class = XLMRobertaConfig


class XLMRobertaForMaskedLM(RobertaForMaskedLM, XLMRobertaPreTrainedModel):
    """XLM-RoBERTa that predicts masked tokens."""

    config_class = XLMRobertaConfig
