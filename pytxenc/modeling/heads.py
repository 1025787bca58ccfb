"""The forward passes that the families share: encoder states, masked language modelling."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..outputs import (
    BaseModelOutputWithPooling,
    MaskedLMOutput,
    ModelOutput,
)
from .pretrained import PreTrainedModel, as_array, chosen_states, finish

IGNORED_LABEL = -100


class EncoderModel(PreTrainedModel):
    """An encoder without a head: hidden states and, with a pooler, a vector a sequence."""

    _output: ClassVar[type[ModelOutput]] = BaseModelOutputWithPooling

    def forward(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Encode a batch.

        Args:
            input_ids: integers (batch, length).
            attention_mask: (batch, length), nonzero at real tokens; or four-dimensional,
                broadcast to (batch, heads, length, length), bool or added to the scores.
                Padding marked here costs no arithmetic, and its rows of the results are
                zero.  Without a mask every token is attended to.
            token_type_ids: integers (batch, length); zeros by default.
            position_ids: integers (batch, length); by the family's rule by default.
            inputs_embeds: float32 (batch, length, embedding), instead of input_ids.
            output_hidden_states: True for all, or an index or a list of indices.
            output_attentions: also return the attention probabilities.
            return_dict: False for a plain tuple.

        Returns:
            last_hidden_state float32 (batch, length, hidden); pooler_output (batch,
            hidden); hidden_states and attentions where asked for.  Arrays in the caller's
            kind: NumPy for NumPy, torch for torch.

        Raises:
            IndexError: an id outside its table, and where.
            ValueError: a wrong shape, or too long a sequence.
            TypeError: a wrong dtype or an unknown keyword.
        """
        hidden, attentions, as_dict = self._options(kwargs)
        results, kind = self._run(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            hidden_states=hidden is not False,
            attentions=attentions,
            pooled=self._core_config["pooler"],
        )
        return finish(
            self._output,
            as_dict,
            kind,
            last_hidden_state=results["last_hidden_state"],
            pooler_output=results.get("pooler_output"),
            hidden_states=chosen_states(results.get("hidden_states"), hidden),
            attentions=results.get("attentions"),
        )


class MaskedLMModel(PreTrainedModel):
    """An encoder with a head that predicts the token at every position."""

    _head = "masked_lm"

    def __init__(self, config: Any) -> None:
        super().__init__(config, add_pooling_layer=False)

    def _predict(
        self,
        input_ids: Any,
        attention_mask: Any,
        token_type_ids: Any,
        position_ids: Any,
        inputs_embeds: Any,
        labels: Any,
        kwargs: dict[str, Any],
    ) -> Any:
        hidden, attentions, as_dict = self._options(kwargs)
        label_ids = as_array("labels", labels)
        results, kind = self._run(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            wanted=None if label_ids is None else label_ids != IGNORED_LABEL,
            last_hidden=False,
            hidden_states=hidden is not False,
            attentions=attentions,
            logits=True,
        )
        logits = results["logits"]
        return finish(
            MaskedLMOutput,
            as_dict,
            kind,
            loss=None if label_ids is None else cross_entropy(logits, label_ids),
            logits=logits,
            hidden_states=chosen_states(results.get("hidden_states"), hidden),
            attentions=results.get("attentions"),
        )


def cross_entropy(logits: NDArray[np.float32], labels: NDArray[Any]) -> NDArray[np.float32]:
    """Mean of -log softmax(logits)[label] over labels other than -100, in nats.

    Args:
        logits: float32 (..., classes).
        labels: integers (...); -100 is ignored.

    Returns:
        A float32 scalar array; NaN when every label is ignored, as in the reference.

    Raises:
        ValueError: shapes differ.
        IndexError: a label is no class, and where.
    """
    if labels.shape != logits.shape[:-1]:
        raise ValueError(f"labels have shape {labels.shape}; the logits need {logits.shape[:-1]}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, not {labels.dtype}")
    counted = labels != IGNORED_LABEL
    chosen = labels[counted]
    wrong = (chosen < 0) | (chosen >= logits.shape[-1])
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(counted)[int(wrong.argmax())])
        raise IndexError(
            f"labels{list(where)} is {labels[where]}; it must be -100 (ignored) or from 0 to "
            f"{logits.shape[-1] - 1}"
        )
    if not chosen.size:
        return np.array(np.nan, np.float32)
    rows = logits[counted].astype(np.float64)
    top = rows.max(axis=1)
    log_sum = top + np.log(np.exp(rows - top[:, None]).sum(axis=1))
    return np.array((log_sum - rows[np.arange(len(rows)), chosen]).mean(), np.float32)
