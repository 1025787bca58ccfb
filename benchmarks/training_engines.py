"""Training steps by pytxenc and by torch with transformers, each as its users write them.

A step is the forward and the backward pass with the dropout of the configuration, clipping by
the global norm, and AdamW.
"""

import contextlib
import resource
import time
from pathlib import Path
from typing import Any, Protocol

ENGINES = ("pytxenc", "torch")
DTYPES = ("float32", "bfloat16")
ADAMW = dict(lr=1e-4, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.01)
MAX_NORM = 1.0


class Engine(Protocol):
    """A model in training."""

    def give(self, batch: dict[str, Any]) -> Any:
        """What `step` takes; making it is not timed."""

    def step(self, given: Any) -> float:
        """One step; returns the loss before it."""


class Pytxenc:
    def __init__(self, folder: Path, model: str, dtype: str, threads: int) -> None:
        import pytxenc
        from pytxenc.optim import AdamW
        from pytxenc.training.session import Session

        pytxenc.set_num_threads(threads)
        self._session = Session(getattr(pytxenc, model).from_pretrained(folder), dtype=dtype)
        self._optimizer = AdamW(self._session.flat, **ADAMW)
        self._steps = 0

    def give(self, batch: dict[str, Any]) -> Any:
        return batch

    def step(self, given: Any) -> float:
        self._optimizer.zero_grad()
        loss = self._session.backward(given, step=self._steps).loss
        self._optimizer.step(max_grad_norm=MAX_NORM)
        self._steps += 1
        return loss


class Torch:
    def __init__(self, folder: Path, model: str, dtype: str, threads: int) -> None:
        import torch
        import transformers

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        loaded = getattr(transformers, model).from_pretrained(folder, attn_implementation="sdpa")
        self._model = loaded.train()
        self._optimizer = torch.optim.AdamW(self._model.parameters(), fused=True, **ADAMW)
        self._cast = torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16")
        self._clip = torch.nn.utils.clip_grad_norm_

    def give(self, batch: dict[str, Any]) -> Any:
        import torch

        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def step(self, given: Any) -> float:
        self._optimizer.zero_grad()
        with self._cast:
            loss = self._model(**given).loss
        loss.backward()
        self._clip(self._model.parameters(), MAX_NORM)
        self._optimizer.step()
        return float(loss.detach())


class Runner:
    """An engine at work, in a process of its own."""

    def __init__(self, engine: str, folder: Path, model: str, dtype: str, threads: int) -> None:
        made = {"pytxenc": Pytxenc, "torch": Torch}[engine](folder, model, dtype, threads)
        self._engine: Engine = made
        self._given: list[Any] = []
        _forget_peak()  # loading is not training

    def begin(self, batches: list[dict[str, Any]]) -> float:
        """Take batches and a step on the first; returns its loss."""
        self._given = [self._engine.give(batch) for batch in batches]
        return self._engine.step(self._given[0])

    def turn(self, seconds: float) -> float:
        """Seconds of a step, of as many as fill so many seconds, at least one.

        Another step comes before that: others have used the caches.
        """
        self._engine.step(self._given[0])
        start = time.perf_counter()
        steps, spent = 0, 0.0
        while steps == 0 or spent < seconds:
            self._engine.step(self._given[steps % len(self._given)])
            steps += 1
            spent = time.perf_counter() - start
        return spent / steps

    def steps(self, count: int) -> tuple[list[float], list[int]]:
        """Seconds of every one of so many steps, and the bytes in memory after it."""
        seconds, memory = [], []
        for i in range(count):
            start = time.perf_counter()
            self._engine.step(self._given[i % len(self._given)])
            seconds.append(time.perf_counter() - start)
            memory.append(_status("VmRSS"))
        return seconds, memory

    def peak(self) -> int:
        """The most bytes that the process has had in memory, since it loaded the model."""
        return _status("VmHWM")


def _forget_peak() -> None:
    with contextlib.suppress(OSError):  # then loading counts too
        Path("/proc/self/clear_refs").write_text("5")


def _status(field: str) -> int:
    """A field of the process's memory, in bytes; where Linux does not tell, the peak."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))
