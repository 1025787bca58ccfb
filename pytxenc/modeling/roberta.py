"""RoBERTa (Liu et al., arXiv 1907.11692) and XLM-RoBERTa (Conneau et al., 1911.02116).

Positions count the tokens that are not padding, from pad_token_id + 1 on.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..configuration import PreTrainedConfig, RobertaConfig, XLMRobertaConfig
from ..outputs import BaseModelOutputWithPoolingAndCrossAttentions, MultipleChoiceModelOutput
from .bert import BertForMaskedLM
from .heads import (
    CausalLMModel,
    EncoderModel,
    MaskedLMModel,
    MultipleChoiceModel,
    QuestionAnsweringModel,
    SequenceClassificationModel,
    TokenClassificationModel,
)
from .pretrained import PreTrainedModel


class RobertaPreTrainedModel(PreTrainedModel):
    """Base of the RoBERTa models."""

    config_class: ClassVar[type[PreTrainedConfig]] = RobertaConfig
    _other_configs: ClassVar[tuple[type[PreTrainedConfig], ...]] = (XLMRobertaConfig,)
    base_model_prefix = "roberta"
    _family = "roberta"


class RobertaModel(
    EncoderModel[BaseModelOutputWithPoolingAndCrossAttentions], RobertaPreTrainedModel
):
    """The RoBERTa encoder: hidden states and the pooled first token."""

    _output = BaseModelOutputWithPoolingAndCrossAttentions


class RobertaForMaskedLM(MaskedLMModel, RobertaPreTrainedModel):
    """RoBERTa that predicts masked tokens.  Its head uses GELU whatever hidden_act is."""

    _ties: ClassVar[dict[str, str]] = {
        "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    }
    forward = BertForMaskedLM.forward  # type: ignore[assignment]


class RobertaForCausalLM(CausalLMModel, RobertaPreTrainedModel):
    """RoBERTa that predicts the next token."""

    _ties = RobertaForMaskedLM._ties


class RobertaForSequenceClassification(SequenceClassificationModel, RobertaPreTrainedModel):
    """RoBERTa that classifies sequences, by two layers on the first token."""


class RobertaForTokenClassification(TokenClassificationModel, RobertaPreTrainedModel):
    """RoBERTa that classifies every token."""


class RobertaForQuestionAnswering(QuestionAnsweringModel, RobertaPreTrainedModel):
    """RoBERTa that finds the start and the end of an answer."""


class RobertaForMultipleChoice(MultipleChoiceModel, RobertaPreTrainedModel):
    """RoBERTa that scores continuations, by the pooled first token.

    Its positional arguments have an order of their own, as in the reference.
    """

    def forward(  # type: ignore[override]
        self,
        input_ids: Any = None,
        token_type_ids: Any = None,
        attention_mask: Any = None,
        labels: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        **kwargs: Any,
    ) -> MultipleChoiceModelOutput:
        """Logits (batch, choices) of inputs (batch, choices, length); with labels the loss."""
        return super().forward(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            labels,
            **kwargs,
        )


class XLMRobertaPreTrainedModel(RobertaPreTrainedModel):
    """Base of the XLM-RoBERTa models."""

    config_class = XLMRobertaConfig
    _other_configs = (RobertaConfig,)


class XLMRobertaModel(RobertaModel, XLMRobertaPreTrainedModel):
    """The XLM-RoBERTa encoder."""


class XLMRobertaForMaskedLM(RobertaForMaskedLM, XLMRobertaPreTrainedModel):
    """XLM-RoBERTa that predicts masked tokens."""


class XLMRobertaForCausalLM(RobertaForCausalLM, XLMRobertaPreTrainedModel):
    """XLM-RoBERTa that predicts the next token."""


class XLMRobertaForSequenceClassification(
    RobertaForSequenceClassification, XLMRobertaPreTrainedModel
):
    """XLM-RoBERTa that classifies sequences."""


class XLMRobertaForTokenClassification(RobertaForTokenClassification, XLMRobertaPreTrainedModel):
    """XLM-RoBERTa that classifies every token."""


class XLMRobertaForQuestionAnswering(RobertaForQuestionAnswering, XLMRobertaPreTrainedModel):
    """XLM-RoBERTa that finds the start and the end of an answer."""


class XLMRobertaForMultipleChoice(RobertaForMultipleChoice, XLMRobertaPreTrainedModel):
    """XLM-RoBERTa that scores continuations."""
