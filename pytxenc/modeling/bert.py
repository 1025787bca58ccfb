"""BERT (Devlin et al., arXiv 1810.04805)."""

from __future__ import annotations

from typing import Any, ClassVar

from ..configuration import BertConfig
from ..outputs import (
    BaseModelOutputWithPoolingAndCrossAttentions,
    BertForPreTrainingOutput,
    MaskedLMOutput,
)
from .heads import (
    CausalLMModel,
    EncoderModel,
    MaskedLMModel,
    MultipleChoiceModel,
    NextSentenceModel,
    PretrainingModel,
    QuestionAnsweringModel,
    SequenceClassificationModel,
    TokenClassificationModel,
)
from .pretrained import PreTrainedModel


class BertPreTrainedModel(PreTrainedModel):
    """Base of the BERT models."""

    config_class = BertConfig
    base_model_prefix = "bert"
    _family = "bert"


class BertModel(EncoderModel[BaseModelOutputWithPoolingAndCrossAttentions], BertPreTrainedModel):
    """The BERT encoder: hidden states and the pooled first token."""

    _output = BaseModelOutputWithPoolingAndCrossAttentions


class BertForMaskedLM(MaskedLMModel, BertPreTrainedModel):
    """BERT that predicts masked tokens."""

    _ties: ClassVar[dict[str, str]] = {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }

    def forward(  # type: ignore[override]
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        encoder_hidden_states: Any = None,
        encoder_attention_mask: Any = None,
        labels: Any = None,
        **kwargs: Any,
    ) -> MaskedLMOutput:
        """Logits (batch, length, vocabulary); with labels (batch, length) also the loss.

        Other arguments and errors as for BertModel; labels of -100 are ignored.
        """
        kwargs["encoder_hidden_states"] = encoder_hidden_states
        kwargs["encoder_attention_mask"] = encoder_attention_mask
        inputs = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        return self._predict(inputs, labels, kwargs)


class BertLMHeadModel(CausalLMModel, BertPreTrainedModel):
    """BERT that predicts the next token."""

    _ties = BertForMaskedLM._ties


class BertForPreTraining(PretrainingModel[BertForPreTrainingOutput], BertPreTrainedModel):
    """BERT as it is pretrained: masked tokens, and whether the second segment follows."""

    _output = BertForPreTrainingOutput
    _sentence_field = "seq_relationship_logits"
    _ties = BertForMaskedLM._ties

    def forward(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        labels: Any = None,
        next_sentence_label: Any = None,
        **kwargs: Any,
    ) -> BertForPreTrainingOutput:
        """prediction_logits (batch, length, vocabulary), seq_relationship_logits (batch, 2).

        With both labels (batch, length) and next_sentence_label (batch,), 0 where the second
        segment follows, also the sum of the two losses.  Other arguments and errors as for
        BertModel.
        """
        inputs = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        return self._predict(inputs, labels, next_sentence_label, kwargs)


class BertForNextSentencePrediction(NextSentenceModel, BertPreTrainedModel):
    """BERT that tells whether the second segment follows the first."""


class BertForSequenceClassification(SequenceClassificationModel, BertPreTrainedModel):
    """BERT that classifies sequences, by the pooled first token."""


class BertForTokenClassification(TokenClassificationModel, BertPreTrainedModel):
    """BERT that classifies every token."""


class BertForQuestionAnswering(QuestionAnsweringModel, BertPreTrainedModel):
    """BERT that finds the start and the end of an answer."""


class BertForMultipleChoice(MultipleChoiceModel, BertPreTrainedModel):
    """BERT that scores continuations, by the pooled first token."""
