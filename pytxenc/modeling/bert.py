"""BERT (Devlin et al., arXiv 1810.04805)."""

from __future__ import annotations

from typing import Any, ClassVar

from ..configuration import BertConfig
from ..outputs import BaseModelOutputWithPoolingAndCrossAttentions
from .heads import EncoderModel, MaskedLMModel
from .pretrained import PreTrainedModel


class BertPreTrainedModel(PreTrainedModel):
    """Base of the BERT models."""

    config_class = BertConfig
    base_model_prefix = "bert"
    _family = "bert"


class BertModel(EncoderModel, BertPreTrainedModel):
    """The BERT encoder: hidden states and the pooled first token."""

    _output = BaseModelOutputWithPoolingAndCrossAttentions


class BertForMaskedLM(MaskedLMModel, BertPreTrainedModel):
    """BERT that predicts masked tokens."""

    _ties: ClassVar[dict[str, str]] = {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }

    def forward(
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
    ) -> Any:
        """Logits (batch, length, vocabulary); with labels (batch, length) also the loss.

        Other arguments and errors as for BertModel; labels of -100 are ignored.
        """
        kwargs["encoder_hidden_states"] = encoder_hidden_states
        kwargs["encoder_attention_mask"] = encoder_attention_mask
        return self._predict(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, labels, kwargs
        )
