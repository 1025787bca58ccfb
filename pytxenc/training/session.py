"""Forward and backward passes of one model: what the Trainer and hand-written loops stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..modeling import PreTrainedModel
from .flat import FlatParameters

__all__ = ["Session", "StepResult"]


@dataclass
class StepResult:
    """What one pass over one (micro-)batch found.

    Sums are of losses in nats (of squared errors for regression); a model with two losses (MLM
    and sentence pairs; start and end of an answer) has two of each, others (x, 0).
    """

    loss: float  # sum of loss_sums[i] / items[i]: the batch's share of the step's loss
    loss_sums: tuple[float, float]
    counts: tuple[int, int]  # labels that count
    correct: tuple[int, int]  # of them predicted right; 0 for regression and several labels
    tokens: int  # real tokens of the batch
    scores: NDArray[Any] | None = None  # float32, with scores=True


class Session:
    """Trains one model: gradients accumulate in `flat.gradients`.

    Args:
        model: any model with a loss (every class with a head).
        dtype: "float32", or "bfloat16" for products of bfloat16 with float32 sums, masters and
            everything else.
        checkpointing: keep the inputs of layers alone and compute the rest again in the backward
            pass: less memory, a third more arithmetic, the same bits.
        frozen: names of parameters, or beginnings of names, that get no gradient.
        seed: of the dropout masks, which are a function of (seed, step, sample, place) alone.

    Attributes:
        flat: the parameters and gradients.  The model's arrays are views of it.
    """

    flat: FlatParameters
    model: PreTrainedModel

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        dtype: str = "float32",
        checkpointing: bool = False,
        frozen: Iterable[str] = (),
        seed: int = 0,
    ) -> None: ...

    def count(self, batch: Mapping[str, Any]) -> tuple[int, int]:
        """How many labels of a batch count towards each of the model's losses."""

    def backward(
        self,
        batch: Mapping[str, Any],
        *,
        items: tuple[float, float] | None = None,
        step: int = 0,
        first_sample: int = 0,
        label_smoothing: float = 0.0,
        loss: Callable[[NDArray[Any]], tuple[float, NDArray[Any]]] | None = None,
        scores: bool = False,
    ) -> StepResult:
        """Add the gradients of sum_i loss_sums[i] / items[i] to flat.gradients.

        Args:
            batch: the model's arguments, labels among them, as a call of the model takes them.
            items: what the sums are divided by: the counts of the whole step over all its
                micro-batches and ranks; by default those of this batch, that is means.
            step: number of the optimiser step, for dropout.
            first_sample: number of the batch's first sequence within the step, for dropout:
                with it micro-batches drop what the whole batch would.
            loss: instead of the model's own loss: from the scores (logits, float32, as the
                model's call gives them) to (the loss, its gradient, of the scores' shape).
            scores: also return the logits.
        """

    def evaluate(
        self,
        batch: Mapping[str, Any],
        *,
        items: tuple[float, float] | None = None,
        scores: bool = False,
    ) -> StepResult:
        """The same losses without dropout and without gradients."""

    def zero_grad(self) -> None:
        """Set all gradients to zero."""

    def sync(self) -> None:
        """Let calls of the model see the parameters as they are now."""
