"""Checkpoints of a training run: complete or not there, and enough to go on bit by bit.

A checkpoint is a directory `checkpoint-<step>`:

- config.json, model.safetensors and the tokenizer's files, as save_pretrained writes them;
- trainer_state.json, what the Trainer of transformers has there;
- training_state.safetensors, the arrays of the optimiser and of averages;
- training_state.json, everything else: numbers, what model it is of, which of the run's
  checkpoints was saved after which and which is the best, sizes and checksums of the arrays.
"""

from __future__ import annotations

import json
import operator
import os
import re
import secrets
import shutil
import signal
import threading
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..arguments import directory_to_write
from ..checkpoint import read_json
from ..safetensors_file import save_file, write_text

if TYPE_CHECKING:
    from ..modeling import PreTrainedModel
    from ..tokenization import PreTrainedTokenizerBase

__all__ = [
    "Checkpointer",
    "SaveClock",
    "StopSignals",
    "find_last",
    "get_last_checkpoint",
    "load_weights",
]

WEIGHTS_FILE = "model.safetensors"
ARRAYS_FILE = "training_state.safetensors"
STATE_FILE = "training_state.json"
TRAINER_STATE_FILE = "trainer_state.json"
_FORMAT = 1
_NAME = re.compile(r"checkpoint-(\d+)")
# Names of what a killed process may leave: a directory that was being written or deleted, and
# one that was to make room for another of its name.
_DEBRIS = re.compile(r"\.(checkpoint-\d+)\.[0-9a-f]{8}\.(partial|replaced)")
_VOLATILE = ("architectures", "dtype", "transformers_version", "_name_or_path", "problem_type")


class _Saved(NamedTuple):
    """A checkpoint of ours in the output directory."""

    serial: int  # grows by one with every save of the run
    step: int
    best: int | None  # step of the best checkpoint when it was saved
    path: Path


class Checkpointer:
    """Writes, deletes and reads the checkpoints of one run.  One process at a time writes.

    Args:
        output_dir: where they are; made at the first save.
        keep_last: how many to keep; None keeps all.  The others are deleted after a new one
            stands, and only those that a Checkpointer has written.
        keep_best: also keep the one that was last saved as the best.

    Whenever the process is killed, the machine stops or the disk is full, the checkpoints that
    were there remain.  What was half written is removed at the next save.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        *,
        keep_last: int | None = None,
        keep_best: bool = False,
    ) -> None:
        if keep_last is not None and operator.index(keep_last) < 1:
            raise ValueError(f"keep_last is {keep_last}; it must be at least 1, or None for all")
        self.output_dir = Path(output_dir)
        self.keep_last, self.keep_best = keep_last, keep_best

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step is or will be."""
        return self.output_dir / f"checkpoint-{step}"

    @property
    def last(self) -> Path | None:
        """The checkpoint saved last, whatever its step."""
        return find_last(self.output_dir)

    @property
    def best(self) -> Path | None:
        """The one last saved with best=True, if it is still there."""
        saved = _scan(self.output_dir)
        best = saved[-1].best if saved else None
        return next((one.path for one in saved if one.step == best), None)

    def save(
        self,
        step: int,
        *,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase | None = None,
        arrays: Mapping[str, NDArray[Any]],
        numbers: Mapping[str, Any],
        trainer_state: Mapping[str, Any] | None = None,
        best: bool = False,
    ) -> Path:
        """Write the checkpoint of a step, replacing one of the same step; its path.

        Args:
            step: number of optimiser steps done.
            model: its state_dict is saved, in float32.
            arrays: by name, of any dtype that safetensors has.
            numbers: what json can write.
            trainer_state: content of trainer_state.json.
            best: it is the best so far.

        Raises:
            OSError: it cannot be written; nothing has changed then.
            TypeError, ValueError: arrays or numbers that the files cannot hold; likewise.
        """
        if operator.index(step) < 0:
            raise ValueError(f"step is {step}; it must be at least 0")
        self.clean()
        saved = _scan(self.output_dir)
        state = {
            "format": _FORMAT,
            "serial": saved[-1].serial + 1 if saved else 1,
            "step": step,
            "best": step if best else saved[-1].best if saved else None,
            "model": _fingerprint(model),
            "numbers": dict(numbers),
        }
        texts = {STATE_FILE: state, TRAINER_STATE_FILE: dict(trainer_state or {})}
        json.dumps(texts, sort_keys=True)  # what it refuses is refused before anything is written
        final = self.path(step)
        partial = _aside(final, "partial")
        try:
            directory_to_write(partial)
            model.save_pretrained(partial)
            if tokenizer is not None:
                tokenizer.save_pretrained(partial)
            save_file(arrays, partial / ARRAYS_FILE, {"step": str(step)})
            state["files"] = {name.name: _measured(name) for name in partial.glob("*.safetensors")}
            for name, content in texts.items():
                write_text(partial / name, json.dumps(content, indent=2, sort_keys=True) + "\n")
            self._put(partial, final)
        except BaseException as error:
            shutil.rmtree(partial, ignore_errors=True)
            if isinstance(error, OSError):
                reason = error.strerror or str(error)
                text = f"the checkpoint of step {step} cannot be written: {reason}"
                raise OSError(error.errno, text, str(error.filename or final)) from error
            raise
        self._delete_old()
        return final

    def load(
        self, path: str | os.PathLike[str], model: PreTrainedModel | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The arrays (read-only, read when they are used) and the numbers of a checkpoint.

        Args:
            path: its directory.
            model: must have the configuration and the parameters of the one that was saved.

        Raises:
            OSError: a file is missing or cannot be read.
            ValueError: a file is damaged or not of this checkpoint, or the checkpoint is of
                another model.
        """
        path = Path(path)
        state = _read_state(path)
        for name, expected in state["files"].items():
            found = _measured(path / name)
            if found != expected:
                raise ValueError(
                    f"{path / name}: has {found['bytes']} bytes with CRC-32 {found['crc32']}, not "
                    f"{expected['bytes']} with {expected['crc32']} as {STATE_FILE} says: it is "
                    "damaged or of another checkpoint"
                )
        if model is not None:
            difference = _difference(state["model"], _fingerprint(model))
            if difference:
                raise ValueError(f"{path}: a checkpoint of another model: {difference}")
        file = _core.SafeTensors(path / ARRAYS_FILE)
        return {name: file.tensor(name) for name in file.keys()}, state["numbers"]  # noqa: SIM118

    def clean(self) -> None:
        """Remove what a killed process has left half written; for the start of a run."""
        for entry in _entries(self.output_dir):
            debris = _DEBRIS.fullmatch(entry.name)
            if debris is None:
                continue
            final = self.output_dir / debris[1]
            if debris[2] == "replaced" and not final.exists():
                os.rename(entry, final)
                _sync(self.output_dir)
            else:
                shutil.rmtree(entry)

    def _put(self, partial: Path, final: Path) -> None:
        """Give the complete directory its name, in place of what has it."""
        replaced = None
        if final.exists():
            replaced = _aside(final, "replaced")
            os.rename(final, replaced)
        try:
            os.rename(partial, final)
        except OSError:
            if replaced is not None:
                os.rename(replaced, final)
            raise
        _sync(self.output_dir)
        if replaced is not None:
            shutil.rmtree(replaced)

    def _delete_old(self) -> None:
        if self.keep_last is None:
            return
        saved = _scan(self.output_dir)
        for old in saved[: -self.keep_last]:
            if not (self.keep_best and old.step == saved[-1].best) and not old.path.is_symlink():
                partial = _aside(old.path, "partial")  # a kill must not leave half of it
                os.rename(old.path, partial)
                shutil.rmtree(partial)


def find_last(output_dir: str | os.PathLike[str]) -> Path | None:
    """The checkpoint in a directory that a Checkpointer has saved last, or None.

    It is the last in time, not the one of the highest step: a run that began again from an
    earlier one goes on from its own.  Directories without a readable training_state.json, or
    without the files that it names, are passed over.
    """
    saved = _scan(Path(output_dir))
    return saved[-1].path if saved else None


def get_last_checkpoint(folder: str | os.PathLike[str]) -> str | None:
    """The subdirectory `checkpoint-<step>` of the highest step, or None, as in transformers."""
    names = [p for p in os.listdir(folder) if _NAME.fullmatch(p)]
    steps = {int(p.removeprefix("checkpoint-")): os.path.join(folder, p) for p in names}
    return max((item for item in steps.items() if os.path.isdir(item[1])), default=(0, None))[1]


def load_weights(path: str | os.PathLike[str], into: Mapping[str, NDArray[np.float32]]) -> None:
    """Copy the parameters of a checkpoint into the arrays of the same names.

    `into` may have more names than the file for arrays that are tied to others of it.  OSError
    when the file cannot be read, ValueError when names or shapes differ; nothing has changed
    then.
    """
    file = Path(path) / WEIGHTS_FILE
    reader = _core.SafeTensors(file)
    names = reader.keys()
    shapes = {name: reader.shape(name) for name in names}
    for name, shape in shapes.items():
        if name not in into:
            raise ValueError(f"{file}: the model has no parameter {name!r}")
        if shape != into[name].shape:
            raise ValueError(
                f"{file}: {name!r} has shape {shape}, the model needs {into[name].shape}"
            )
    filled = {into[name].ctypes.data for name in names}
    for name, array in into.items():
        if array.ctypes.data not in filled:
            raise ValueError(f"{file}: the model's parameter {name!r} is missing")
    for name in names:
        into[name][...] = reader.float32(name)


class StopSignals:
    """Within its `with`, SIGTERM and the first Ctrl-C ask for a save and a stop.

    A second Ctrl-C is a KeyboardInterrupt at once.  Signals that were ignored stay so.  Outside
    the main thread, where Python lets nobody handle signals, it does nothing.

    Attributes:
        requested: whether to save and stop.
        signal: what asked first, such as signal.SIGTERM, or None.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._interrupts = 0
        self._previous: dict[signal.Signals, Any] = {}

    @property
    def requested(self) -> bool:
        return self.signal is not None

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            # None stands for a handler that is not Python's, which cannot be given back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._previous.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = self.signal or signal.Signals(number)
        self._interrupts += number == signal.SIGINT
        if self._interrupts > 1:
            raise KeyboardInterrupt


class SaveClock:
    """Tells when so many minutes have passed since it was made or restarted; never if None."""

    def __init__(self, minutes: float | None) -> None:
        if minutes is not None and not minutes > 0:
            raise ValueError(f"minutes between saves are {minutes}; they must be positive")
        self._seconds = None if minutes is None else 60 * minutes
        self.restart()

    def due(self) -> bool:
        return self._seconds is not None and time.monotonic() - self._begin >= self._seconds

    def restart(self) -> None:
        self._begin = time.monotonic()


# ---- what model it is of ----


def _fingerprint(model: PreTrainedModel) -> dict[str, Any]:
    config = {k: v for k, v in model.config.to_dict().items() if k not in _VOLATILE}
    content = {
        "class": type(model).__name__,
        "parameters": {name: list(value.shape) for name, value in model.state_dict().items()},
        "config": config,
    }
    return json.loads(json.dumps(content))  # as it will be read back


def _difference(saved: Any, current: Mapping[str, Any]) -> str | None:
    """The first difference of two fingerprints in words."""
    if not isinstance(saved, dict) or saved.get("class") != current["class"]:
        name = saved.get("class") if isinstance(saved, dict) else saved
        return f"of class {name!r}, not {current['class']!r}"
    for part, what in (("parameters", "the parameter"), ("config", "the configuration's")):
        ours, theirs = current[part], saved.get(part)
        if not isinstance(theirs, dict):
            return f"its {part} are not told"
        for name in [*ours, *theirs]:
            if name not in theirs:
                return f"it lacks {what} {name!r}"
            if name not in ours:
                return f"it has {what} {name!r}, which the model has not"
            if ours[name] != theirs[name]:
                return f"{what} {name!r} is {theirs[name]!r} there, {ours[name]!r} in the model"
    return None


# ---- files ----


def _read_state(path: Path) -> dict[str, Any]:
    """The validated training_state.json of a checkpoint."""
    file = path / STATE_FILE
    if not file.is_file():
        raise FileNotFoundError(
            f"{path} is no checkpoint that training can go on from: it has no {STATE_FILE}"
        )
    state = read_json(file)
    if state.get("format") != _FORMAT:
        raise ValueError(f"{file}: format {state.get('format')!r}; this version reads {_FORMAT}")
    kinds = {"serial": int, "step": int, "best": int | None, "numbers": dict, "files": dict}
    for key, kind in kinds.items():
        if key not in state or not isinstance(state[key], kind):
            raise ValueError(f"{file}: {key!r} is {state.get(key)!r:.80}")
    for name, sizes in state["files"].items():
        if Path(name).name != name or not isinstance(sizes, dict) or {*sizes} != {"bytes", "crc32"}:
            raise ValueError(f"{file}: 'files' has {name!r}: {sizes!r:.80}")
    for name in (WEIGHTS_FILE, ARRAYS_FILE):
        if name not in state["files"]:
            raise ValueError(f"{file}: 'files' lacks {name!r}")
    return state


def _scan(output_dir: Path) -> list[_Saved]:
    """The complete checkpoints of ours in a directory, those saved last at the end."""
    saved = []
    for path in _entries(output_dir):
        name = _NAME.fullmatch(path.name)
        with suppress(OSError, ValueError):  # not ours, or damaged
            if name is not None:
                state = _read_state(path)
                sizes = {n: (path / n).stat().st_size for n in state["files"]}
                if state["step"] == int(name[1]) and all(
                    sizes[n] == entry["bytes"] for n, entry in state["files"].items()
                ):
                    saved.append(_Saved(state["serial"], state["step"], state["best"], path))
    return sorted(saved)


def _entries(directory: Path) -> list[Path]:
    return list(directory.iterdir()) if directory.is_dir() else []


def _aside(final: Path, purpose: str) -> Path:
    return final.with_name(f".{final.name}.{secrets.token_hex(4)}.{purpose}")


def _measured(path: Path) -> dict[str, int]:
    """Size and checksum of a file."""
    crc = size = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            crc = zlib.crc32(block, crc)
            size += len(block)
    return {"bytes": size, "crc32": crc}


def _sync(directory: Path) -> None:
    """Have the names in a directory on disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
