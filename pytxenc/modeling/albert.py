"""ALBERT (Lan et al., arXiv 1909.11942): shared layers, factorised embeddings."""

from __future__ import annotations

from typing import Any, ClassVar

from ..configuration import AlbertConfig
from .heads import EncoderModel, MaskedLMModel
from .pretrained import PreTrainedModel


class AlbertPreTrainedModel(PreTrainedModel):
    """Base of the ALBERT models."""

    config_class = AlbertConfig
    base_model_prefix = "albert"
    _family = "albert"


class AlbertModel(EncoderModel, AlbertPreTrainedModel):
    """The ALBERT encoder: hidden states and the pooled first token."""


class AlbertForMaskedLM(MaskedLMModel, AlbertPreTrainedModel):
    """ALBERT that predicts masked tokens."""

    _ties: ClassVar[dict[str, str]] = {
        "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
        "predictions.decoder.bias": "predictions.bias",
    }

    def forward(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        labels: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Logits (batch, length, vocabulary); with labels (batch, length) also the loss.

        Other arguments and errors as for AlbertModel; labels of -100 are ignored.
        """
        return self._predict(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, labels, kwargs
        )
