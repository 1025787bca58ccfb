"""Forward and backward passes of one model: what the Trainer and hand-written loops stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..modeling import PreTrainedModel
from .flat import FlatParameters
from .objectives import Objective, dropout_rates, objective_of

if TYPE_CHECKING:
    from ..optim.base import Optimizer

__all__ = ["Loss", "Session", "StepResult"]

GivenLoss = Callable[[NDArray[Any]], tuple[float, NDArray[Any]]]


@dataclass
class StepResult:
    """What one pass over one (micro-)batch found.

    Sums are of losses in nats (of squared errors for regression).  A model with two losses has
    two of each: of tokens and sentences; of the starts and ends of answers, half of each.
    """

    loss: float  # sum of loss_sums[i] / items[i]: the batch's share of the step's loss
    loss_sums: tuple[float, float]
    counts: tuple[int, int]  # labels that count; for regression and several labels, numbers
    correct: tuple[int, int]  # of them predicted right; 0 for regression and several labels
    tokens: int  # tokens that were computed: those that are not padding
    scores: NDArray[np.float32] | None = None  # logits, with scores=True


class Loss:
    """The loss of a batch, as a session's call gives it.

    `backward()` computes the loss and adds its gradients to the session's; `item()` is its
    value, computed without gradients if there was no backward pass.  A number may multiply or
    divide it beforehand: `(loss / 4).backward()` for the mean of four batches of as many labels.
    """

    def __init__(
        self, session: Session, batch: Mapping[str, Any], options: dict[str, Any], factor: float = 1
    ) -> None:
        self._session, self._batch, self._options, self._factor = session, batch, options, factor
        self._value: float | None = None

    def backward(self) -> None:
        """Add the gradients.  RuntimeError the second time."""
        if self._value is not None:
            raise RuntimeError("this loss is computed: call the session again for another pass")
        counts = self._session.count(self._batch)
        items = (counts[0] / self._factor, counts[1] / self._factor)
        self._value = self._session.backward(self._batch, items=items, **self._options).loss

    def item(self) -> float:
        """The loss, in nats where it is an entropy."""
        if self._value is None:
            self._value = self._factor * self._session.evaluate(self._batch).loss
        return self._value

    __float__ = item

    def __mul__(self, factor: float) -> Loss:
        if self._value is not None or not factor > 0:
            raise ValueError("a loss is multiplied by positive numbers, before its backward pass")
        return Loss(self._session, self._batch, self._options, self._factor * factor)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Loss:
        return self * (1 / divisor)

    def __repr__(self) -> str:
        return f"Loss({self.item():.4f})"


class Session:
    """Trains one model: gradients accumulate in `flat.gradients`.

    The loop of other libraries is this one:

        session = Session(model)
        optimizer = AdamW(session, lr=5e-5)
        for batch in batches:
            loss = session(**batch)
            loss.backward()
            optimizer.step(max_grad_norm=1.0)
            optimizer.zero_grad()

    and `session.train_step(batch, optimizer)`, or `model.train_step`, is its body.  Calls of the
    model see what was learned after `sync()`.

    Args:
        model: any model with a loss (every class with a head).  One without a head is trained
            by a loss of its own, of the hidden states.
        dtype: "float32", or "bfloat16" for products of bfloat16 with float32 sums, parameters
            and everything else.
        checkpointing: keep the inputs of layers alone and compute the rest again in the backward
            pass: less memory, a third more arithmetic, the same bits.
        frozen: names of parameters, or beginnings of names, that get no gradient.
        seed: of the dropout masks, which are a function of (seed, step, sample, place) alone.

    Attributes:
        flat: the parameters and gradients.  The model's arrays are views of it.
        dropout: the rate of each place that drops out, as `dropout_rates` finds it; may be
            changed.

    Raises:
        ValueError: another dtype, or a name in `frozen` that begins no parameter's name.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        dtype: str = "float32",
        checkpointing: bool = False,
        frozen: Iterable[str] = (),
        seed: int = 0,
    ) -> None:
        self.model, self.dtype, self.seed = model, dtype, seed
        self.flat = FlatParameters(model)
        self.dropout = dropout_rates(model)
        self.frozen = frozenset(_frozen_names(self.flat, frozen))
        parameters = self.flat.views(self.flat.values)
        gradients: dict[str, NDArray[np.float32] | None] = dict(
            self.flat.views(self.flat.gradients)
        )
        words = model._word_table()
        if list(self.flat.sources.values()).count(words) == 1:
            # Look-ups write to the rows of some words; a decoder tied to them, to all.
            table = gradients[words]
            assert table is not None
            _core.use_small_pages(table.reshape(-1))
        for name, source in self.flat.sources.items():
            if source in self.frozen:
                gradients[name] = None
        self._core = _core.Training(
            model._core_config, parameters, gradients, dtype=dtype, checkpointing=checkpointing
        )
        self._parameters = parameters
        self._calls = 0
        self.sync()
        model._session = self

    def __call__(self, *, label_smoothing: float = 0.0, **batch: Any) -> Loss:
        """The loss of a batch: the model's arguments by name, labels among them.

        Nothing is computed before `backward()` or `item()`.  Every backward pass of a session
        that begins in this way drops out anew.
        """
        self._calls += 1
        return Loss(self, batch, {"label_smoothing": label_smoothing, "step": self._calls - 1})

    def train_step(
        self,
        batch: Mapping[str, Any],
        optimizer: Optimizer,
        *,
        max_grad_norm: float | None = None,
        label_smoothing: float = 0.0,
    ) -> StepResult:
        """One step on one batch: gradients from zero, clipping to `max_grad_norm`, update."""
        if optimizer.flat is not self.flat:
            raise ValueError("the optimizer is one of other parameters than this session's")
        optimizer.zero_grad()
        self._calls += 1
        result = self.backward(batch, step=self._calls - 1, label_smoothing=label_smoothing)
        optimizer.step(max_grad_norm=max_grad_norm)
        return result

    def count(self, batch: Mapping[str, Any]) -> tuple[int, int]:
        """How many labels of a batch count towards each of the model's losses."""
        return objective_of(self.model, batch, given=False).counts

    def backward(
        self,
        batch: Mapping[str, Any],
        *,
        items: tuple[float, float] | None = None,
        step: int = 0,
        first_sample: int = 0,
        label_smoothing: float = 0.0,
        loss: GivenLoss | None = None,
        scores: bool = False,
        ready: Callable[[int], None] | None = None,
    ) -> StepResult:
        """Add the gradients of sum_i loss_sums[i] / items[i] to flat.gradients.

        Args:
            batch: the model's arguments, labels among them, as a call of the model takes them.
            items: what the sums are divided by: the counts of the whole step over all its
                micro-batches and ranks; by default those of this batch, that is means.
            step: number of the optimiser step, for dropout.
            first_sample: number of the batch's first sequence within the step, for dropout:
                with it micro-batches drop what the whole batch would.
            label_smoothing: share of the uniform distribution in the targets of classes.
            loss: instead of the model's own loss: from the scores (logits, float32, as the
                model's call gives them) to (the loss, its gradient, of the scores' shape).
            scores: also return the logits.  Where losses read only some tokens, the others'
                are zeros; those of vocabulary heads are never kept.
            ready: called with the number of an application of a layer when the gradients of
                its parameters are complete for this batch, the last layer first; before them
                with the number of layers, for the head; at last with -1, for the embeddings.

        Raises:
            IndexError: an id or a label outside its range, and where.
            ValueError, TypeError: as a call of the model; a batch without labels.
        """
        return self._step(
            batch, items, loss, backward=True, scores=scores, ready=ready, step=step,
            first_sample=first_sample, label_smoothing=label_smoothing, dropout=self.dropout,
        )  # fmt: skip

    def evaluate(
        self,
        batch: Mapping[str, Any],
        *,
        items: tuple[float, float] | None = None,
        label_smoothing: float = 0.0,
        scores: bool = False,
    ) -> StepResult:
        """The same losses without dropout and without gradients."""
        return self._step(
            batch, items, None, backward=False, scores=scores, label_smoothing=label_smoothing
        )

    def _step(
        self,
        batch: Mapping[str, Any],
        items: tuple[float, float] | None,
        loss: GivenLoss | None,
        **options: Any,
    ) -> StepResult:
        if self.model._weights is not self._parameters:
            self.sync()
        objective = objective_of(self.model, batch, given=loss is not None)
        divisors = objective.counts if items is None else items
        weights = objective.weights
        options["scores"] = options["scores"] and self.model._head not in (
            "masked_lm", "pretraining",
        )  # fmt: skip
        result = self._core.step(
            loss if loss is not None else objective.loss,
            **objective.inputs,
            **objective.labels,
            scales=(_share(weights[0], divisors[0]), _share(weights[1], divisors[1])),
            seed=self.seed,
            **options,
        )
        return _result(result, objective, divisors, given=loss is not None)

    def zero_grad(self) -> None:
        """Set all gradients to zero."""
        _core.fill_zero(self.flat.gradients)

    def sync(self) -> None:
        """Let calls of the model see the parameters as they are now.

        What the model was given since, by load_state_dict and its like, is taken over first.
        """
        if self.model._weights is not self._parameters:
            self._adopt()
        self.model._set_weights(self._parameters, self.model._precision)

    def _adopt(self) -> None:
        for name, view in self._parameters.items():
            value = self.model._weights[name]
            if value.shape != view.shape:
                raise ValueError(
                    f"'{name}' has shape {value.shape} now, {view.shape} when this session began: "
                    "begin another"
                )
            view[...] = value


def _share(weight: float, divisor: float) -> float:
    return weight / divisor if divisor else 0.0


def _result(
    found: Any, objective: Objective, divisors: tuple[float, float], *, given: bool
) -> StepResult:
    sums = tuple(w * s for w, s in zip(objective.weights, found["losses"], strict=True))
    shares = (_share(s, d) for s, d in zip(sums, divisors, strict=True))
    return StepResult(
        loss=found["losses"][0] if given else sum(shares),
        loss_sums=(sums[0], sums[1]),
        counts=found["counts"],
        correct=found["correct"],
        tokens=found["tokens"],
        scores=found["scores"],
    )


def _frozen_names(flat: FlatParameters, frozen: Iterable[str]) -> set[str]:
    names: set[str] = set()
    for start in frozen:
        found = {segment.name for segment in flat.segments if segment.name.startswith(start)}
        if not found:
            raise ValueError(f"frozen: no parameter's name begins with {start!r}")
        names |= found
    return names
