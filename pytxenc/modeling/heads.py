"""The forward passes that the families share: encoder states and what heads make of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ClassVar, Generic

import numpy as np
from numpy.typing import NDArray

from ..configuration import PreTrainedConfig
from ..numeric import unit
from ..outputs import (
    BaseModelOutputWithPooling,
    CausalLMOutputWithCrossAttentions,
    MaskedLMOutput,
    ModelOutput,
    MultipleChoiceModelOutput,
    NextSentencePredictorOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from ..tensor import Kind, kind_of
from .inputs import as_array, as_bools, as_integers, chosen_states, finish
from .losses import IGNORED_LABEL, classification_loss, cross_entropy, next_token_loss, span_loss
from .pretrained import Output, PreTrainedModel

logger = logging.getLogger("pytxenc")

# input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds
Inputs = tuple[Any, Any, Any, Any, Any]
# From what C computed to the fields that an output has beyond hidden states.
FieldsOf = Callable[[dict[str, Any]], dict[str, Any]]


class EncoderModel(PreTrainedModel, Generic[Output]):
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
    ) -> Output:
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
            pooled=self._pooler,
        )
        return finish(
            self._output,
            as_dict,
            kind,
            last_hidden_state=results["last_hidden_state"],
            **{"pooler_output": results["pooler_output"]} if self._pooler else {},
            hidden_states=chosen_states(results.get("hidden_states"), hidden),
            attentions=results.get("attentions"),
        )

    def embed(
        self,
        input_ids: Any,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        *,
        pooling: str = "mean",
        normalize: bool = False,
        pooled: Any = None,
    ) -> NDArray[np.float32]:
        """One vector a sequence, without hidden states of padding in memory.

        Args:
            input_ids: integers (batch, length).
            attention_mask: (batch, length), nonzero at real tokens.
            token_type_ids, position_ids: as for a call of the model.
            pooling: which vector of the last hidden states of the real tokens: "cls" (the
                first token's) or "last", for which the last layer computes that token alone;
                "mean"; "max" (of each column); "mean_sqrt_len" (the sum, divided by the root
                of the number of tokens); "weighted_mean" (weights 1, 2, ... from the first
                real token).
            normalize: divide each vector by its Euclidean length.
            pooled: bool (batch, length): of the real tokens only those where it is true.

        Returns:
            float32 (batch, hidden); zeros for a sequence without a token to pool.

        Raises:
            ValueError: an unknown pooling, or a wrong shape.
            TypeError: a pooling that is no name, or pooled that are not bools.
            Others as for a call of the model.
        """
        if not isinstance(pooling, str):
            raise TypeError(f"pooling must be a name such as 'mean', not {pooling!r}")
        mask = as_array("attention_mask", attention_mask)
        if mask is not None and mask.ndim != 2:
            raise ValueError(
                f"attention_mask has shape {mask.shape}; to pool it must be (batch, length)"
            )
        results, _ = self._run(
            input_ids, mask, token_type_ids, position_ids, None,
            last_hidden=False, pooling=pooling, pooled_tokens=as_bools("pooled", pooled),
        )  # fmt: skip
        embeddings: NDArray[np.float32] = results["embeddings"]
        return unit(embeddings) if normalize else embeddings


class HeadModel(PreTrainedModel, Generic[Output]):
    """An encoder with a head."""

    _output: ClassVar[type[ModelOutput]]

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config, add_pooling_layer=False)

    def _compute(
        self,
        inputs: Inputs,
        kwargs: dict[str, Any],
        fields: FieldsOf,
        *,
        wanted: NDArray[np.bool_] | None = None,
        kind: Kind | None = None,
        logits: bool = False,
        scores: bool = False,
    ) -> Output:
        """Run the model and make its output, in the caller's kind of tensor."""
        hidden, attentions, as_dict = self._options(kwargs)
        results, kind = self._run(
            *inputs,
            wanted=wanted,
            kind=kind,
            last_hidden=False,
            hidden_states=hidden is not False,
            attentions=attentions,
            logits=logits,
            scores=scores,
        )
        return finish(
            self._output,
            as_dict,
            kind,
            **fields(results),
            hidden_states=chosen_states(results.get("hidden_states"), hidden),
            attentions=results.get("attentions"),
        )


class LabelledModel(HeadModel[Output]):
    """A head with one array of logits and one of labels."""

    _result: ClassVar[str] = "scores"  # what C calls the logits
    _labels_tokens: ClassVar[bool] = False

    def _loss(self, logits: NDArray[np.float32], labels: NDArray[Any]) -> Any:
        return cross_entropy(logits, labels)

    def _predict(self, inputs: Inputs, labels: Any, kwargs: dict[str, Any]) -> Output:
        label_ids = as_array("labels", labels)

        def fields(results: dict[str, Any]) -> dict[str, Any]:
            logits = results[self._result]
            loss = None if label_ids is None else self._loss(logits, label_ids)
            return {"loss": loss, "logits": logits}

        return self._compute(
            inputs,
            kwargs,
            fields,
            wanted=_counted(label_ids) if self._labels_tokens else None,
            logits=self._result == "logits",
            scores=self._result == "scores",
        )

    def forward(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        labels: Any = None,
        **kwargs: Any,
    ) -> Output:
        """The logits, and with labels the loss; see the class for the shapes of both.

        Other arguments and errors as for the encoder.
        """
        inputs = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        return self._predict(inputs, labels, kwargs)


def _counted(labels: NDArray[Any] | None) -> NDArray[np.bool_] | None:
    """Which tokens have labels that are not ignored."""
    return None if labels is None else labels != IGNORED_LABEL


class MaskedLMModel(LabelledModel[MaskedLMOutput]):
    """An encoder with a head that predicts the token at every position.

    Logits (batch, length, vocabulary); labels (batch, length), of which -100 are ignored.
    """

    _head = "masked_lm"
    _output = MaskedLMOutput
    _result = "logits"
    _labels_tokens = True

    def logits_at(
        self,
        positions: Any,
        input_ids: Any,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
    ) -> NDArray[np.float32]:
        """The logits of some positions: nothing else of the head or the last layer is computed.

        Args:
            positions: bool (batch, length), such as input_ids == tokenizer.mask_token_id.
            input_ids: integers (batch, length).
            attention_mask, token_type_ids, position_ids: as for a call of the model.

        Returns:
            float32 (n, vocabulary), for the n positions that are true, in the order of the
            batch's rows.

        Raises:
            TypeError: positions are not bools.
            ValueError: positions of another shape than the batch.
            Others as for a call of the model.
        """
        results, _ = self._run(
            input_ids, attention_mask, token_type_ids, position_ids, None,
            last_hidden=False, logits=True, predicted=as_bools("positions", positions),
        )  # fmt: skip
        logits: NDArray[np.float32] = results["logits"]
        return logits


class CausalLMModel(HeadModel[CausalLMOutputWithCrossAttentions]):
    """An encoder's layers with a head that predicts the next token.

    With `config.is_decoder` no token attends to one after it; without, all do, which is a
    warning.
    """

    _head = "masked_lm"
    _output = CausalLMOutputWithCrossAttentions

    def _set_up(self, config: Any, pooler: bool) -> None:
        super()._set_up(config, pooler)
        if not config.is_decoder:
            logger.warning(
                "%s with is_decoder=False: every token attends to those after it; set "
                "is_decoder=True in the configuration to predict the next token",
                type(self).__name__,
            )

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
        past_key_values: Any = None,
        use_cache: Any = None,
        logits_to_keep: Any = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithCrossAttentions:
        """Logits (batch, length, vocabulary); with labels (batch, length) also the loss.

        A label is predicted by the position before it; -100 is ignored.
        `num_items_in_batch` divides the sum of the losses instead of their number.
        `logits_to_keep` leaves the last so many positions of the logits, or those of an
        array of indices.  Nothing is cached: use_cache changes nothing, past_key_values is
        refused.  Other arguments and errors as for the encoder.
        """
        kwargs["encoder_hidden_states"] = encoder_hidden_states
        kwargs["encoder_attention_mask"] = encoder_attention_mask
        kwargs["past_key_values"] = past_key_values
        num_items = kwargs.pop("num_items_in_batch", None)
        label_ids = as_array("labels", labels)
        keep = as_integers("logits_to_keep", logits_to_keep)
        if keep is None:
            raise TypeError("logits_to_keep must be a number of positions or their indices")

        def fields(results: dict[str, Any]) -> dict[str, Any]:
            logits = results["logits"]
            kept = logits[:, keep if keep.ndim else slice(-int(keep), None)]
            loss = None
            if label_ids is not None:
                items = None if num_items is None else float(num_items)
                loss = next_token_loss(kept, label_ids, items)
            return {"loss": loss, "logits": np.ascontiguousarray(kept)}

        inputs = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        everywhere = np.ones(label_ids.shape, bool) if label_ids is not None else None
        return self._compute(inputs, kwargs, fields, wanted=everywhere, logits=True)


class PretrainingModel(HeadModel[Output]):
    """An encoder that predicts tokens and what a pair of segments is to each other."""

    _head = "pretraining"
    _sentence_field: ClassVar[str]

    def _predict(
        self, inputs: Inputs, labels: Any, sentence_labels: Any, kwargs: dict[str, Any]
    ) -> Output:
        label_ids = as_array("labels", labels)
        sentence_ids = as_array("sentence labels", sentence_labels)

        def fields(results: dict[str, Any]) -> dict[str, Any]:
            logits, scores = results["logits"], results["scores"]
            loss = None
            if label_ids is not None and sentence_ids is not None:
                tokens = cross_entropy(logits, label_ids)
                loss = tokens + cross_entropy(scores, sentence_ids.reshape(-1))
                loss = np.array(loss, np.float32)
            return {"loss": loss, "prediction_logits": logits, self._sentence_field: scores}

        return self._compute(
            inputs,
            kwargs,
            fields,
            wanted=_counted(label_ids),
            logits=True,
            scores=True,
        )


class NextSentenceModel(LabelledModel[NextSentencePredictorOutput]):
    """An encoder that tells whether the second segment follows the first.

    Logits (batch, 2); labels (batch,), 0 where it follows and 1 where not.
    """

    _head = "next_sentence"
    _output = NextSentencePredictorOutput

    def _predict(
        self, inputs: Inputs, labels: Any, kwargs: dict[str, Any]
    ) -> NextSentencePredictorOutput:
        old_name = kwargs.pop("next_sentence_label", None)
        return super()._predict(inputs, labels if labels is not None else old_name, kwargs)

    def _loss(self, logits: NDArray[np.float32], labels: NDArray[Any]) -> Any:
        return cross_entropy(logits, labels.reshape(-1))


class SequenceClassificationModel(LabelledModel[SequenceClassifierOutput]):
    """An encoder with a classifier, or a regression, of whole sequences.

    Logits (batch, num_labels).  Labels are integers (batch,); floats (batch,) for regression
    on one label; floats (batch, num_labels) for several labels at once.  A problem_type of the
    configuration that is None is inferred from them and stored, as the reference does.
    """

    _head = "sequence"
    _output = SequenceClassifierOutput

    def _loss(self, logits: NDArray[np.float32], labels: NDArray[Any]) -> Any:
        return classification_loss(logits, labels, self.config)


class TokenClassificationModel(LabelledModel[TokenClassifierOutput]):
    """An encoder with a classifier of every token.

    Logits (batch, length, num_labels); labels (batch, length), of which -100 are ignored.
    """

    _head = "tokens"
    _output = TokenClassifierOutput
    _labels_tokens = True


class QuestionAnsweringModel(HeadModel[QuestionAnsweringModelOutput]):
    """An encoder that scores every token as the start and as the end of an answer."""

    _head = "answer"
    _output = QuestionAnsweringModelOutput

    def forward(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        start_positions: Any = None,
        end_positions: Any = None,
        **kwargs: Any,
    ) -> QuestionAnsweringModelOutput:
        """start_logits and end_logits (batch, length); with both positions also the loss.

        Positions are integers (batch,); those beyond the length do not count.  Padding is
        scored too, as in the reference.  Other arguments and errors as for the encoder;
        ValueError unless the configuration has two labels.
        """
        starts = as_array("start_positions", start_positions)
        ends = as_array("end_positions", end_positions)
        if self.config.num_labels != 2:
            raise ValueError(
                f"num_labels is {self.config.num_labels}; the start and the end of an answer need 2"
            )

        def fields(results: dict[str, Any]) -> dict[str, Any]:
            start, end = (np.ascontiguousarray(results["scores"][:, :, i]) for i in (0, 1))
            loss = None
            if starts is not None and ends is not None:
                loss = span_loss(start, end, starts, ends)
            return {"loss": loss, "start_logits": start, "end_logits": end}

        tokens = as_array("input_ids", input_ids if input_ids is not None else inputs_embeds)
        everywhere = None if tokens is None or tokens.ndim < 2 else np.ones(tokens.shape[:2], bool)
        inputs = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        return self._compute(inputs, kwargs, fields, wanted=everywhere, scores=True)


class MultipleChoiceModel(HeadModel[MultipleChoiceModelOutput]):
    """An encoder that scores several continuations, one of which is right."""

    _head = "choice"
    _output = MultipleChoiceModelOutput

    def forward(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        labels: Any = None,
        **kwargs: Any,
    ) -> MultipleChoiceModelOutput:
        """Logits (batch, choices) of inputs (batch, choices, length); with labels the loss.

        Labels are integers (batch,), the number of the right choice.  Other errors as for
        the encoder.
        """
        label_ids = as_array("labels", labels)
        given = {
            "input_ids": input_ids,
            "inputs_embeds": inputs_embeds,
            "attention_mask": attention_mask,
            "token_type_ids": token_type_ids,
            "position_ids": position_ids,
        }
        batch: tuple[int, ...] = ()  # (batch, choices)
        flat: list[NDArray[Any] | None] = []
        for name, value in given.items():
            array = as_array(name, value)
            if array is not None:
                ndim = 4 if name == "inputs_embeds" else 3
                if array.ndim != ndim:
                    raise ValueError(
                        f"{name} has shape {array.shape}; it must be (batch, choices, length"
                        f"{', embedding' if ndim == 4 else ''})"
                    )
                batch = batch or array.shape[:2]
                if array.shape[:2] not in (batch, (1, 1)):
                    raise ValueError(f"{name} has shape {array.shape}; the batch needs {batch}")
                array = array.reshape(-1, *array.shape[2:])
            flat.append(array)

        def fields(results: dict[str, Any]) -> dict[str, Any]:
            scores = results["scores"].reshape(batch)
            loss = None if label_ids is None else cross_entropy(scores, label_ids)
            return {"loss": loss, "logits": scores}

        ids, embeds, mask, types, positions = flat
        return self._compute(
            (ids, mask, types, positions, embeds),
            kwargs,
            fields,
            kind=kind_of(input_ids, inputs_embeds),
            scores=True,
        )
