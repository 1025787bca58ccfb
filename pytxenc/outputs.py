"""What models return: ordered mappings whose entries are also attributes and indices.

Fields and their order are those of transformers 5.23 (`transformers.modeling_outputs`), so
`outputs[0]`, `outputs.last_hidden_state`, `outputs["last_hidden_state"]` and
`outputs.to_tuple()` mean the same there and here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**options: Any) -> Any:
        """For type checkers only: subclasses of what this decorates are dataclasses."""
        return lambda cls: cls


__all__ = [
    "AlbertForPreTrainingOutput",
    "BaseModelOutput",
    "BaseModelOutputWithPastAndCrossAttentions",
    "BaseModelOutputWithPooling",
    "BaseModelOutputWithPoolingAndCrossAttentions",
    "BertForPreTrainingOutput",
    "CausalLMOutputWithCrossAttentions",
    "ElectraForPreTrainingOutput",
    "MaskedLMOutput",
    "ModelOutput",
    "MultipleChoiceModelOutput",
    "NextSentencePredictorOutput",
    "QuestionAnsweringModelOutput",
    "SequenceClassifierOutput",
    "TokenClassifierOutput",
]


@dataclass_transform(eq_default=False)
class ModelOutput(OrderedDict[str, Any]):
    """Base of all outputs: an ordered mapping of the fields that are not None.

    Iteration yields keys; an int or a slice indexes the tuple of values; an absent field is
    None as an attribute and missing as a key until it is assigned.  Entries cannot be deleted.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(repr=False, eq=False)(cls)

    def __post_init__(self) -> None:
        # As in the reference, a mapping given alone holds the fields: copies are made so.
        first, *others = (field.name for field in fields(self))  # type: ignore[arg-type]
        given = getattr(self, first)
        if isinstance(given, Mapping) and all(getattr(self, name) is None for name in others):
            super().__delitem__(first)
            super().__setattr__(first, None)
            for name, value in given.items():
                self[name] = value

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"entries of {type(self).__name__} cannot be removed or merged")

    __delitem__ = pop = popitem = update = setdefault = clear = _refuse

    def __getitem__(self, key: str | int | slice) -> Any:
        if isinstance(key, str):
            return super().__getitem__(key)
        return self.to_tuple()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        super().__setattr__(key, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if value is not None and name in getattr(self, "__dataclass_fields__", ()):
            super().__setitem__(name, value)
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        entries = [_entry(key, value) for key, value in self.items()]
        line = f"{type(self).__name__}({', '.join(entries)})"
        if "\n" not in line and len(line) <= 100:
            return line
        body = "".join(f"  {entry.replace(chr(10), chr(10) + '  ')},\n" for entry in entries)
        return f"{type(self).__name__}(\n{body})"

    def __reduce__(self) -> Any:
        values = tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]
        return type(self), values

    def to_tuple(self) -> tuple[Any, ...]:
        """All values that are not None, in the order of the keys."""
        return tuple(self[key] for key in self)


def _entry(key: str, value: Any) -> str:
    """key=value for a repr; of several arrays, such as one for every layer, the shapes."""
    if isinstance(value, tuple) and value and all(hasattr(v, "shape") for v in value):
        shapes = list(dict.fromkeys(str(tuple(v.shape)) for v in value))
        return f"{key}=<{len(value)} of shape {' and '.join(shapes)}>"
    return f"{key}={value!r}".replace("\n", "\n" + " " * (len(key) + 1))


class BaseModelOutput(ModelOutput):
    """An encoder's states.

    Attributes:
        last_hidden_state: float32 (batch, length, hidden); rows of padding are zero.
        hidden_states: the input of every layer and the last output, each as above.
        attentions: each layer's probabilities, float32 (batch, heads, length, length).
    """

    last_hidden_state: Any = None
    hidden_states: tuple[Any, ...] | None = None
    attentions: tuple[Any, ...] | None = None


class BaseModelOutputWithPastAndCrossAttentions(ModelOutput):
    """As BaseModelOutput; the decoder's fields are always None here."""

    last_hidden_state: Any = None
    past_key_values: Any = None
    hidden_states: tuple[Any, ...] | None = None
    attentions: tuple[Any, ...] | None = None
    cross_attentions: tuple[Any, ...] | None = None


class BaseModelOutputWithPooling(ModelOutput):
    """As BaseModelOutput, with `pooler_output`: float32 (batch, hidden)."""

    last_hidden_state: Any = None
    pooler_output: Any = None
    hidden_states: tuple[Any, ...] | None = None
    attentions: tuple[Any, ...] | None = None


class BaseModelOutputWithPoolingAndCrossAttentions(ModelOutput):
    """As BaseModelOutputWithPooling; the decoder's fields are always None here."""

    last_hidden_state: Any = None
    pooler_output: Any = None
    hidden_states: tuple[Any, ...] | None = None
    past_key_values: Any = None
    attentions: tuple[Any, ...] | None = None
    cross_attentions: tuple[Any, ...] | None = None


class MaskedLMOutput(ModelOutput):
    """Masked language modelling.

    Attributes:
        loss: mean cross-entropy in nats over labels other than -100; only with labels.
        logits: float32 (batch, length, vocabulary); rows of padding are zero.
        hidden_states, attentions: as in BaseModelOutput.
    """

    loss: Any = None
    logits: Any = None
    hidden_states: tuple[Any, ...] | None = None
    attentions: tuple[Any, ...] | None = None


class CausalLMOutputWithCrossAttentions(ModelOutput):
    """Prediction of the next token.

    Attributes:
        loss: mean cross-entropy in nats of each token by those before it; only with labels.
        logits: float32 (batch, length, vocabulary).
        hidden_states, attentions: as in BaseModelOutput; the others are always None here.
    """

    loss: Any = None
    logits: Any = None
    past_key_values: Any = None
    hidden_states: tuple[Any, ...] | None = None
    attentions: tuple[Any, ...] | None = None
    cross_attentions: tuple[Any, ...] | None = None


class SequenceClassifierOutput(ModelOutput):
    """Classification of sequences.

    Attributes:
        loss: by the configuration's problem type; only with labels.
        logits: float32 (batch, labels).
        hidden_states, attentions: as in BaseModelOutput.
    """

    loss: Any = None
    logits: Any = None
    hidden_states: tuple[Any, ...] | None = None
    attentions: tuple[Any, ...] | None = None


class TokenClassifierOutput(SequenceClassifierOutput):
    """Classification of tokens: logits float32 (batch, length, labels)."""


class NextSentencePredictorOutput(SequenceClassifierOutput):
    """Next sentence prediction: logits float32 (batch, 2)."""


class MultipleChoiceModelOutput(SequenceClassifierOutput):
    """Choice between continuations: logits float32 (batch, choices)."""


class QuestionAnsweringModelOutput(ModelOutput):
    """Spans that answer: start_logits and end_logits float32 (batch, length)."""

    loss: Any = None
    start_logits: Any = None
    end_logits: Any = None
    hidden_states: tuple[Any, ...] | None = None
    attentions: tuple[Any, ...] | None = None


class BertForPreTrainingOutput(ModelOutput):
    """Pretraining of BERT.

    Attributes:
        loss: masked tokens plus next sentence; only with both labels.
        prediction_logits: float32 (batch, length, vocabulary).
        seq_relationship_logits: float32 (batch, 2).
        hidden_states, attentions: as in BaseModelOutput.
    """

    loss: Any = None
    prediction_logits: Any = None
    seq_relationship_logits: Any = None
    hidden_states: tuple[Any, ...] | None = None
    attentions: tuple[Any, ...] | None = None


class AlbertForPreTrainingOutput(ModelOutput):
    """Pretraining of ALBERT.

    Attributes:
        loss: masked tokens plus sentence order; only with both labels.
        prediction_logits: float32 (batch, length, vocabulary).
        sop_logits: float32 (batch, 2).
        hidden_states, attentions: as in BaseModelOutput.
    """

    loss: Any = None
    prediction_logits: Any = None
    sop_logits: Any = None
    hidden_states: tuple[Any, ...] | None = None
    attentions: tuple[Any, ...] | None = None


class ElectraForPreTrainingOutput(ModelOutput):
    """Pretraining of ELECTRA's discriminator.

    Attributes:
        loss: mean binary cross-entropy in nats over the tokens attended to; only with labels.
        logits: float32 (batch, length), positive where a token is taken for a replaced one;
            zero at padding.
        hidden_states, attentions: as in BaseModelOutput.
    """

    loss: Any = None
    logits: Any = None
    hidden_states: tuple[Any, ...] | None = None
    attentions: tuple[Any, ...] | None = None
