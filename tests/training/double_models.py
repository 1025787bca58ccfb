"""A model's training passes in double precision."""

import numpy as np

from pytxenc.training.flat import FlatParameters
from pytxenc.training.objectives import objective_of

PLACES = (
    "embeddings", "attention", "attention_output", "feed_forward", "head_input", "head_output",
)  # fmt: skip

STEP = 1e-3
SLOPE_TOLERANCE = 1e-7  # 3e-9 is what steps and rounding leave


def ragged(batch):
    """The batch with a mask: sequences of other lengths, one of a single token."""
    rows, length = batch["input_ids"].reshape(-1, batch["input_ids"].shape[-1]).shape
    real = np.resize([length, 5, 1, 8], rows)[:, None]
    mask = (np.arange(length) < real).astype(np.int64)
    return {**batch, "attention_mask": mask.reshape(batch["input_ids"].shape)}


class DoubleModel:
    """The parameters of one of our models as double, and passes over them by `core64`."""

    def __init__(self, core64, model, checkpointing=False):
        self.model, self.flat = model, FlatParameters(model)
        self.values = self.flat.values.astype(float)
        self.gradients = np.zeros_like(self.values)
        self.passes = core64.Training(
            model._core_config,
            self.flat.views(self.values),
            self.flat.views(self.gradients),
            checkpointing=checkpointing,
        )

    def loss(self, batch, rate=0.0, backward=False, smoothing=0.0):
        """The loss of a batch; every place drops out at `rate`, always the same elements."""
        objective = objective_of(self.model, batch, given=False)
        scales = [
            w / c if c else 0.0 for w, c in zip(objective.weights, objective.counts, strict=True)
        ]
        found = self.passes.step(
            objective.loss,
            **objective.inputs,
            **objective.labels,
            scales=tuple(scales),
            dropout=dict.fromkeys(PLACES, rate),
            seed=5,
            label_smoothing=smoothing,
            backward=backward,
        )
        return sum(scale * loss for scale, loss in zip(scales, found["losses"], strict=True))

    def loss_and_gradients(self, batch, rate=0.0, **options):
        """The loss and its gradients by name."""
        self.gradients[:] = 0
        loss = self.loss(batch, rate, backward=True, **options)
        return loss, self.flat.views(self.gradients)

    def slopes(self, batch, direction, step, rate=0.0, **options):
        """The derivative of the loss along a direction: by gradients, and by differences.

        The differences are those of fourth order, whose error goes with the step's fourth power.
        """
        self.loss_and_gradients(batch, rate, **options)
        by_gradients = float(self.gradients @ direction)
        start, losses = self.values.copy(), {}
        for k in (-2, -1, 1, 2):
            self.values[:] = start + k * step * direction
            losses[k] = self.loss(batch, rate, **options)
        self.values[:] = start
        return by_gradients, (8 * (losses[1] - losses[-1]) - losses[2] + losses[-2]) / (12 * step)

    def directions(self, count):
        """Random directions that change every parameter tensor by a like share."""
        rng = np.random.default_rng(3)
        for _ in range(count):
            direction = np.zeros_like(self.values)
            for view in self.flat.views(direction).values():
                view[...] = rng.standard_normal(view.shape) / np.sqrt(view.size)
            yield direction

    def slope_error(self, batch, rate=0.0, **options):
        """The larger relative error of gradients along two directions."""
        errors = []
        for direction in self.directions(2):
            found, exact = self.slopes(batch, direction, STEP, rate, **options)
            errors.append(abs(found - exact) / abs(exact))
        return max(errors)
