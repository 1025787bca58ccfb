"""DistilBERT (Sanh et al., arXiv 1910.01108): BERT without token types and pooler."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..configuration import DistilBertConfig, PreTrainedConfig
from ..outputs import (
    BaseModelOutput,
    MaskedLMOutput,
    MultipleChoiceModelOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from .heads import (
    EncoderModel,
    HeadModel,
    MaskedLMModel,
    MultipleChoiceModel,
    QuestionAnsweringModel,
    SequenceClassificationModel,
    TokenClassificationModel,
)
from .loading import Parameter
from .pretrained import Output, PreTrainedModel


class DistilBertPreTrainedModel(PreTrainedModel):
    """Base of the DistilBERT models.

    Calls take `token_type_ids` too, as tokenizers of BERT give them, and make nothing of
    them, as the reference does.
    """

    config_class = DistilBertConfig
    base_model_prefix = "distilbert"
    _family = "distilbert"
    _has_pooler = False

    def _core_fields(self) -> dict[str, Any]:
        return {
            **super()._core_fields(),
            "intermediate_size": self.config.hidden_dim,
            "hidden_act": self.config.activation,
            "layer_norm_eps": 1e-12,
        }

    def _arguments(
        self, input_ids: Any, attention_mask: Any, token_type_ids: Any, *args: Any
    ) -> Any:
        return super()._arguments(input_ids, attention_mask, None, *args)

    def _initialiser(self) -> Any:
        initial = super()._initialiser()

        def with_sinusoids(parameter: Parameter) -> NDArray[np.float32]:
            name, shape, _ = parameter
            if name.endswith("position_embeddings.weight"):
                return sinusoids(*shape)
            return initial(parameter)  # type: ignore[no-any-return]

        return with_sinusoids if self.config.sinusoidal_pos_embds else initial


def sinusoids(count: int, width: int) -> NDArray[np.float32]:
    """Vectors of positions 0 to count - 1 (Vaswani et al., arXiv 1706.03762, section 3.5)."""
    columns = np.arange(width)
    angles = np.arange(count)[:, None] / 10000 ** (2 * (columns // 2) / width)
    return np.where(columns % 2 == 0, np.sin(angles), np.cos(angles)).astype(np.float32)


class DistilBertModel(EncoderModel[BaseModelOutput], DistilBertPreTrainedModel):
    """The DistilBERT encoder: hidden states."""

    _output = BaseModelOutput

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)

    def forward(  # type: ignore[override]
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        inputs_embeds: Any = None,
        position_ids: Any = None,
        **kwargs: Any,
    ) -> BaseModelOutput:
        """Encode a batch; arguments, results and errors as for BertModel.

        There are no token types: token_type_ids are accepted and change nothing.
        """
        kwargs.pop("token_type_ids", None)
        return super().forward(
            input_ids, attention_mask, None, position_ids, inputs_embeds, **kwargs
        )


class _DistilBertWithLabels(HeadModel[Output]):
    """The order of the arguments of the heads that have labels."""

    def forward(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        inputs_embeds: Any = None,
        labels: Any = None,
        position_ids: Any = None,
        **kwargs: Any,
    ) -> Output:
        """The logits, and with labels the loss; see the class for the shapes of both.

        Other arguments and errors as for DistilBertModel.
        """
        kwargs.pop("token_type_ids", None)
        return super().forward(
            input_ids, attention_mask, None, position_ids, inputs_embeds, labels, **kwargs
        )


class DistilBertForMaskedLM(  # type: ignore[misc]
    _DistilBertWithLabels[MaskedLMOutput], MaskedLMModel, DistilBertPreTrainedModel
):
    """DistilBERT that predicts masked tokens.

    Logits (batch, length, vocabulary); labels (batch, length), of which -100 are ignored.
    """

    _ties: ClassVar[dict[str, str]] = {
        "vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight",
    }


class DistilBertForSequenceClassification(  # type: ignore[misc]
    _DistilBertWithLabels[SequenceClassifierOutput],
    SequenceClassificationModel,
    DistilBertPreTrainedModel,
):
    """DistilBERT that classifies sequences, by two layers on the first token.

    Logits (batch, num_labels); labels as for BertForSequenceClassification.
    """


class DistilBertForTokenClassification(  # type: ignore[misc]
    _DistilBertWithLabels[TokenClassifierOutput],
    TokenClassificationModel,
    DistilBertPreTrainedModel,
):
    """DistilBERT that classifies every token.

    Logits (batch, length, num_labels); labels (batch, length), of which -100 are ignored.
    """


class DistilBertForQuestionAnswering(QuestionAnsweringModel, DistilBertPreTrainedModel):
    """DistilBERT that finds the start and the end of an answer."""

    def forward(  # type: ignore[override]
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        inputs_embeds: Any = None,
        start_positions: Any = None,
        end_positions: Any = None,
        position_ids: Any = None,
        **kwargs: Any,
    ) -> QuestionAnsweringModelOutput:
        """start_logits and end_logits (batch, length); with both positions also the loss.

        Everything as for BertForQuestionAnswering, in another order.
        """
        kwargs.pop("token_type_ids", None)
        return super().forward(
            input_ids,
            attention_mask,
            None,
            position_ids,
            inputs_embeds,
            start_positions,
            end_positions,
            **kwargs,
        )


class DistilBertForMultipleChoice(  # type: ignore[misc]
    _DistilBertWithLabels[MultipleChoiceModelOutput], MultipleChoiceModel, DistilBertPreTrainedModel
):
    """DistilBERT that scores continuations, by two layers on the first token.

    Logits (batch, choices) of inputs (batch, choices, length); labels (batch,).
    """
