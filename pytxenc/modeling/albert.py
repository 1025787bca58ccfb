"""ALBERT (Lan et al., arXiv 1909.11942): shared layers, factorised embeddings."""

from __future__ import annotations

from typing import Any, ClassVar

from ..configuration import AlbertConfig
from ..outputs import AlbertForPreTrainingOutput, BaseModelOutputWithPooling
from .heads import (
    EncoderModel,
    MaskedLMModel,
    MultipleChoiceModel,
    PretrainingModel,
    QuestionAnsweringModel,
    SequenceClassificationModel,
    TokenClassificationModel,
)
from .pretrained import PreTrainedModel


class AlbertPreTrainedModel(PreTrainedModel):
    """Base of the ALBERT models."""

    config_class = AlbertConfig
    base_model_prefix = "albert"
    _family = "albert"


class AlbertModel(EncoderModel[BaseModelOutputWithPooling], AlbertPreTrainedModel):
    """The ALBERT encoder: hidden states and the pooled first token."""


class AlbertForMaskedLM(MaskedLMModel, AlbertPreTrainedModel):
    """ALBERT that predicts masked tokens."""

    _ties: ClassVar[dict[str, str]] = {
        "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
        "predictions.decoder.bias": "predictions.bias",
    }


class AlbertForPreTraining(PretrainingModel[AlbertForPreTrainingOutput], AlbertPreTrainedModel):
    """ALBERT as it is pretrained: masked tokens, and the order of two segments."""

    _output = AlbertForPreTrainingOutput
    _sentence_field = "sop_logits"
    _ties = AlbertForMaskedLM._ties

    def forward(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        labels: Any = None,
        sentence_order_label: Any = None,
        **kwargs: Any,
    ) -> AlbertForPreTrainingOutput:
        """prediction_logits (batch, length, vocabulary) and sop_logits (batch, num_labels).

        With both labels (batch, length) and sentence_order_label (batch,), 1 where the
        segments are swapped, also the sum of the two losses.  Other arguments and errors as
        for AlbertModel.
        """
        inputs = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        return self._predict(inputs, labels, sentence_order_label, kwargs)


class AlbertForSequenceClassification(SequenceClassificationModel, AlbertPreTrainedModel):
    """ALBERT that classifies sequences, by the pooled first token."""


class AlbertForTokenClassification(TokenClassificationModel, AlbertPreTrainedModel):
    """ALBERT that classifies every token."""


class AlbertForQuestionAnswering(QuestionAnsweringModel, AlbertPreTrainedModel):
    """ALBERT that finds the start and the end of an answer."""


class AlbertForMultipleChoice(MultipleChoiceModel, AlbertPreTrainedModel):
    """ALBERT that scores continuations, by the pooled first token."""
