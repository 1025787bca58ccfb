"""ELECTRA (Clark et al., arXiv 2003.10555): a generator, and what tells its tokens from others.

Embeddings of a width other than the layers' are projected to theirs.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..configuration import ElectraConfig, PreTrainedConfig
from ..outputs import BaseModelOutputWithPastAndCrossAttentions, ElectraForPreTrainingOutput
from .heads import (
    CausalLMModel,
    EncoderModel,
    Inputs,
    LabelledModel,
    MaskedLMModel,
    MultipleChoiceModel,
    QuestionAnsweringModel,
    SequenceClassificationModel,
    TokenClassificationModel,
)
from .inputs import as_array
from .losses import replaced_token_loss
from .pretrained import PreTrainedModel


class ElectraPreTrainedModel(PreTrainedModel):
    """Base of the ELECTRA models."""

    config_class = ElectraConfig
    base_model_prefix = "electra"
    _family = "electra"
    _has_pooler = False


class ElectraModel(EncoderModel[BaseModelOutputWithPastAndCrossAttentions], ElectraPreTrainedModel):
    """The ELECTRA encoder, of a generator or a discriminator: hidden states."""

    _output = BaseModelOutputWithPastAndCrossAttentions

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)


class ElectraForMaskedLM(MaskedLMModel, ElectraPreTrainedModel):
    """ELECTRA's generator, which predicts masked tokens.

    Its head uses GELU whatever hidden_act is.
    """

    _ties: ClassVar[dict[str, str]] = {
        "generator_lm_head.weight": "electra.embeddings.word_embeddings.weight",
    }


class ElectraForCausalLM(CausalLMModel, ElectraPreTrainedModel):
    """ELECTRA that predicts the next token."""

    _ties = ElectraForMaskedLM._ties


class ElectraForPreTraining(LabelledModel[ElectraForPreTrainingOutput], ElectraPreTrainedModel):
    """ELECTRA's discriminator, which tells tokens that were replaced from original ones.

    Logits (batch, length), positive for replaced; labels (batch, length), 1 where a token was
    replaced and 0 where not.
    """

    _head = "replaced"
    _output = ElectraForPreTrainingOutput

    def _predict(
        self, inputs: Inputs, labels: Any, kwargs: dict[str, Any]
    ) -> ElectraForPreTrainingOutput:
        label_ids = as_array("labels", labels)
        mask = as_array("attention_mask", inputs[1])

        def fields(results: dict[str, Any]) -> dict[str, Any]:
            logits: NDArray[np.float32] = results["scores"].reshape(results["scores"].shape[:2])
            loss = None if label_ids is None else replaced_token_loss(logits, label_ids, mask)
            return {"loss": loss, "logits": logits}

        return self._compute(inputs, kwargs, fields, scores=True)


class ElectraForSequenceClassification(SequenceClassificationModel, ElectraPreTrainedModel):
    """ELECTRA that classifies sequences, by two layers on the first token."""


class ElectraForTokenClassification(TokenClassificationModel, ElectraPreTrainedModel):
    """ELECTRA that classifies every token."""


class ElectraForQuestionAnswering(QuestionAnsweringModel, ElectraPreTrainedModel):
    """ELECTRA that finds the start and the end of an answer."""


class ElectraForMultipleChoice(MultipleChoiceModel, ElectraPreTrainedModel):
    """ELECTRA that scores continuations, by two layers on the first token.

    Of the configuration's summaries it has the usual one alone: ValueError unless
    summary_type is "first" and summary_use_proj true.
    """

    def _core_fields(self) -> dict[str, Any]:
        config = self.config
        for name, needed in (("summary_type", "first"), ("summary_use_proj", True)):
            if getattr(config, name) != needed:
                raise ValueError(
                    f"{name} is {getattr(config, name)!r}; {type(self).__name__} computes "
                    f"{needed!r} only"
                )
        return {
            **super()._core_fields(),
            "summary_activation": config.summary_activation or "linear",
        }
