"""What all optimisers share: groups of parameters, clipping, skipped steps, state."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core

if TYPE_CHECKING:
    from ..training.flat import FlatParameters, Segment
    from ..training.session import Session

__all__ = ["Optimizer", "StepReport", "flat_of", "not_in"]


class StepReport(NamedTuple):
    """What a step found."""

    grad_norm: float  # of all gradients together, before clipping
    skipped: bool  # a gradient was infinite or NaN: nothing changed


def flat_of(target: FlatParameters | Session) -> FlatParameters:
    """The flat parameters of a session, or the argument itself."""
    flat: Any = getattr(target, "flat", target)
    if not hasattr(flat, "segments") or not hasattr(flat, "gradients"):
        raise TypeError(
            f"expected FlatParameters or a Session, got {type(target).__name__}; "
            "FlatParameters(model) makes them from a model"
        )
    return flat


class Optimizer:
    """Base of the optimisers: updates flat parameters in place.

    Attributes:
        flat: the parameters, and the gradients that `step` reads.
        param_groups: a dict for each group, with "names" of its parameters, "lr", "initial_lr"
            (what schedules multiply) and the optimiser's other numbers.  They may be changed
            between steps, except for "names".
        state: flat float32 arrays by name.
        steps: updates made, skipped ones not counted.
        skipped: updates left out because a gradient was not finite.

    Without groups there is one of all parameters but those that the session has frozen.
    A parameter that no group names is never changed, and its gradient is not part of the norm.
    Sums are taken in an order of their own, so that results are the same bits for any number of
    threads.
    """

    defaults: dict[str, Any]
    state: dict[str, NDArray[np.float32]]
    _states: ClassVar[tuple[str, ...]] = ()  # names of the arrays of state
    _mode: ClassVar[tuple[str, ...]] = ()  # attributes that another state must share

    def __init__(
        self,
        target: FlatParameters | Session,
        defaults: Mapping[str, Any],
        groups: Iterable[Mapping[str, Any]] | None,
    ) -> None:
        self.flat = flat_of(target)
        self._zero_grad = getattr(target, "zero_grad", None)
        self.defaults = dict(defaults)
        self.steps = self.skipped = 0
        if groups is None:
            frozen = getattr(target, "frozen", ())
            names = [segment.name for segment in self.flat.segments]
            groups = [{"names": [name for name in names if name not in frozen]}]
        self.param_groups = [self._complete(group) for group in groups]
        self._segments_of = self._find_segments()
        self._layout = np.array(
            [
                (segment.offset, segment.size, index)
                for index, segments in enumerate(self._segments_of)
                for segment in segments
            ],
            np.int64,
        ).reshape(-1, 3)
        self.state = self._new_state()
        self._check()

    # ---- groups ----

    def _complete(self, group: Mapping[str, Any]) -> dict[str, Any]:
        if "names" not in group:
            raise ValueError(f'a group needs the "names" of its parameters; it has {list(group)}')
        names = group["names"]
        if isinstance(names, str):
            raise ValueError(f'a group\'s "names" must be a list of names, not {names!r}')
        known = [*self.defaults, "names", "initial_lr"]
        for key in group:
            if key not in known:
                nearest = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
                raise ValueError(f"{type(self).__name__} has no {key!r} in its groups{hint}")
        complete = {**self.defaults, **group, "names": list(names)}
        complete.setdefault("initial_lr", complete["lr"])
        return complete

    def _find_segments(self) -> list[list[Segment]]:
        by_name = {segment.name: segment for segment in self.flat.segments}
        owner: dict[str, int] = {}
        for index, group in enumerate(self.param_groups):
            for name in group["names"]:
                if name not in by_name:
                    nearest = difflib.get_close_matches(str(name), list(by_name), n=1)
                    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
                    raise ValueError(f"group {index}: there is no parameter {name!r}{hint}")
                if name in owner:
                    raise ValueError(f"{name!r} is in group {owner[name]} and in group {index}")
                owner[name] = index
        return [[by_name[name] for name in group["names"]] for group in self.param_groups]

    def _check(self) -> None:
        """ValueError for a number that makes no sense, in any group."""
        for index, group in enumerate(self.param_groups):
            for key, value in group.items():
                problem = self._problem(key, value)
                if problem:
                    raise ValueError(f"group {index}: {key} = {value!r}, but it must be {problem}")

    def _problem(self, key: str, value: Any) -> str | None:
        """What a number of a group must be, where it is not that."""
        if key in ("lr", "initial_lr", "weight_decay", "eps"):
            return not_in(value, 0.0)
        if key == "betas":
            pair = isinstance(value, list | tuple) and len(value) == 2
            good = pair and all(not_in(beta, 0.0) is None and beta < 1 for beta in value)
            return None if good else "two numbers from 0 to below 1"
        return None

    # ---- steps ----

    def step(self, max_grad_norm: float | None = None) -> StepReport:
        """Update the parameters from `flat.gradients`, which stay as they are.

        Args:
            max_grad_norm: gradients are multiplied by min(1, max_grad_norm / (norm + 1e-6)), norm
                being that of all together; None or 0 leaves them as they are.

        Where a gradient is infinite or NaN nothing changes but the count of `skipped` steps.
        A model's own calls see the new values after `Session.sync`.
        """
        problem = None if max_grad_norm is None else not_in(max_grad_norm, 0.0)
        if problem:
            raise ValueError(f"max_grad_norm = {max_grad_norm!r}, but it must be {problem}")
        self._check()
        norm = _core.gradient_norm(self.flat.gradients, self._layout)
        if not math.isfinite(norm):
            self.skipped += 1
            return StepReport(norm, True)
        clip = min(1.0, max_grad_norm / (norm + 1e-6)) if max_grad_norm else 1.0
        self.steps += 1
        self._update(clip, norm)
        return StepReport(norm, False)

    def _update(self, clip: float, norm: float) -> None:
        """Make step number `self.steps` with gradients multiplied by clip."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Set all gradients to zero."""
        if self._zero_grad is not None:
            self._zero_grad()
        else:
            _core.fill_zero(self.flat.gradients)

    # ---- state ----

    def _new_state(self) -> dict[str, NDArray[np.float32]]:
        """The arrays of state before the first step, once the groups are known."""
        return {name: self.flat.zeros() for name in self._states}

    def state_dict(self) -> dict[str, Any]:
        """{"state": the arrays of `state`, not copied, "numbers": the rest, as JSON has it}."""
        numbers = {
            "optimizer": type(self).__name__,
            "mode": {name: getattr(self, name) for name in self._mode},
            "steps": self.steps,
            "skipped": self.skipped,
            "param_groups": [
                {key: _plain(value) for key, value in group.items()} for group in self.param_groups
            ],
        }
        return {"state": dict(self.state), "numbers": numbers}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` gave; the arrays are copied.

        ValueError where it is of another optimiser or of other parameters; nothing changes then.
        """
        state, numbers = state_dict["state"], state_dict["numbers"]
        own = self.state_dict()["numbers"]
        for key in ("optimizer", "mode"):
            if numbers[key] != own[key]:
                raise ValueError(f"the state's {key} is {numbers[key]!r}, this one's {own[key]!r}")
        names = [group["names"] for group in numbers["param_groups"]]
        if names != [group["names"] for group in own["param_groups"]]:
            raise ValueError("the state is of other groups of parameters")
        if set(state) != set(self.state):
            raise ValueError(f"the state has {sorted(state)}; needed are {sorted(self.state)}")
        for name, array in self.state.items():
            if state[name].shape != array.shape or state[name].dtype != array.dtype:
                raise ValueError(
                    f"the state's {name!r} is {state[name].dtype} {state[name].shape}, "
                    f"not {array.dtype} {array.shape}"
                )
        groups = [self._complete(group) for group in numbers["param_groups"]]
        before, self.param_groups = self.param_groups, groups
        try:
            self._check()
        except ValueError:
            self.param_groups = before
            raise
        # In place: schedules and callers may hold the dicts.
        self.param_groups = before
        for group, loaded in zip(before, groups, strict=True):
            group.update(loaded)
        for name, array in self.state.items():
            array[...] = state[name]
        self.steps, self.skipped = int(numbers["steps"]), int(numbers["skipped"])

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}("]
        for index, group in enumerate(self.param_groups):
            numbers = {key: value for key, value in group.items() if key != "names"}
            lines.append(f"  group {index}: {len(group['names'])} parameters, {numbers}")
        return "\n".join([*lines, ")"])


def not_in(value: Any, low: float, high: float = math.inf) -> str | None:
    """What a number must be, where it is not a finite one from low to high."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if number and math.isfinite(value) and low <= value <= high:
        return None
    return f"a number from {low:g} to {high:g}" if high < math.inf else f"at least {low:g}"


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
