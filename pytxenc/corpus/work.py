"""The work directory in which a corpus is written until it is complete.

`<output>.partial` beside the output holds:

    job.json      what is done: inputs, tokenizer, options; other work must not go on here
    journal.json  how far it is done, as far as it is surely on disk
    corpus/       the files, which become the output by one rename
    replaced/     the output that they replace, for a moment

The directory itself is locked, so two processes never work in one.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..safetensors_file import write_text
from .npy import GrowingArray
from .readers import Batch
from .token_corpus import META_FILE

__all__ = ["State", "Work", "has_unfinished"]

_RESTART = "restart=True (--restart) discards it and begins anew"


@dataclass(frozen=True)
class State:
    """How far the work is: where reading goes on, and what was written up to there."""

    file: int = 0
    offset: int = 0
    line: int = 1
    progress: int = 0  # bytes of the input files
    nbytes: int = 0  # of UTF-8
    documents: int = 0
    tokens: int = 0
    lines: int = 0


class Work:
    """The corpus being written at `output`; a context, which keeps what is done when it fails.

    job: what the work is, JSON values by name; unfinished work goes on only where they are the
        same.
    arrays: the dtype of each array of the corpus.
    OSError when the output exists (without `force`) or another process is at work; ValueError
    when there is other or damaged work (without `restart`).
    """

    def __init__(
        self,
        output: str,
        job: Mapping[str, Any],
        arrays: Mapping[str, str],
        *,
        restart: bool,
        force: bool,
    ) -> None:
        self.output = output
        self.folder = output + ".partial"
        self._force = force
        self._arrays: dict[str, GrowingArray] = {}
        self._lock = _locked(self.folder)
        try:
            self._tidy()
            if restart:
                self._clear()
            found = self._found(json.loads(json.dumps(job)))
            _check_output(output, force)
            if found is None:
                self._clear()
                os.mkdir(self._path("corpus"))
                write_text(self._path("job.json"), json.dumps(job, indent=1))
            self.state = self._saved = found or State()
            for name, dtype in arrays.items():
                path = self._path("corpus", name + ".npy")
                array = GrowingArray(path, dtype, 0 if found is None else self._size(name))
                self._arrays[name] = array
                if found is None and name != "ids":
                    array.append(np.zeros(1, np.int64))  # where the first begins
            _sync_folder(self._path("corpus"))
        except BaseException:
            self._close()
            raise

    def _path(self, *names: str) -> str:
        return os.path.join(self.folder, *names)

    def _size(self, name: str) -> int:
        state = self.state
        return {"ids": state.tokens, "lines": state.lines + 1}.get(name, state.documents + 1)

    def _tidy(self) -> None:
        """Put right what a kill at an unlucky moment has left."""
        for folder in (self.folder, self._path("corpus")):
            for path in glob.glob(os.path.join(glob.escape(folder), ".*.json.*.tmp")):
                os.unlink(path)
        if os.path.exists(self._path("replaced")):
            if os.path.exists(self.output):
                shutil.rmtree(self._path("replaced"))
            else:
                os.rename(self._path("replaced"), self.output)
        if os.path.exists(self._path("journal.json")) and not os.path.exists(self._path("corpus")):
            self._clear()  # it became the output

    def _clear(self) -> None:
        """Remove all work; job.json first, without which the rest counts for nothing."""
        for name in ("job.json", "journal.json"):
            with suppress(FileNotFoundError):
                os.unlink(self._path(name))
        if os.path.exists(self._path("corpus")):
            shutil.rmtree(self._path("corpus"))

    def _found(self, job: dict[str, Any]) -> State | None:
        """The state of unfinished work, which must be this job; None when there is none."""
        if not os.path.exists(self._path("job.json")):
            return None
        other = self._read("job.json")
        for name, value in job.items():
            if other.get(name) != value:
                raise ValueError(
                    f"{self.folder} holds unfinished work with other {name}"
                    f"{_difference(other.get(name), value)}; {_RESTART}"
                )
        if not os.path.exists(self._path("journal.json")):
            return None
        state = self._read("journal.json")
        names = {field.name for field in fields(State)}
        if state.keys() != names or not all(
            type(value) is int and 0 <= value < 1 << 62 for value in state.values()
        ):
            raise ValueError(f"{self._path('journal.json')}: not a journal; {_RESTART}")
        return State(**state)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            with open(self._path(name), "rb") as file:
                value = json.loads(file.read().decode())
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self._path(name)}: not JSON ({error}); {_RESTART}") from None
        if not isinstance(value, dict):
            raise ValueError(f"{self._path(name)}: not a JSON object; {_RESTART}")
        return value

    def append(
        self,
        batch: Batch,
        ids: NDArray[Any],
        ends: NDArray[np.int64],
        lines: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
    ) -> None:
        """Write what became of a batch.

        ids [N] and where in them the documents end [D]; with lines, where in them the lines
        end [L] and the number of lines up to the end of each document [D].
        """
        state = self.state
        self._arrays["ids"].append(ids)
        self._arrays["offsets"].append(ends + state.tokens)
        if lines is not None:
            self._arrays["lines"].append(lines[0] + state.tokens)
            self._arrays["document_lines"].append(lines[1] + state.lines)
        self.state = State(
            *batch.next,
            progress=batch.progress,
            nbytes=state.nbytes + batch.data.size,
            documents=state.documents + len(ends),
            tokens=state.tokens + len(ids),
            lines=state.lines + (0 if lines is None else len(lines[0])),
        )

    def commit(self) -> None:
        """Make sure that what was written so far survives whatever happens."""
        if self.state != self._saved:
            for array in self._arrays.values():
                array.sync()
            write_text(self._path("journal.json"), json.dumps(asdict(self.state)))
            self._saved = self.state

    def publish(self, meta: Mapping[str, Any]) -> None:
        """Complete the files and give them the name of the output, in one step."""
        self.commit()
        for array in self._arrays.values():
            array.finish()
        corpus, replaced = self._path("corpus"), self._path("replaced")
        write_text(os.path.join(corpus, META_FILE), json.dumps(meta, indent=2) + "\n")
        _check_output(self.output, self._force)
        if os.path.exists(self.output):
            os.rename(self.output, replaced)
        os.rename(corpus, self.output)
        _sync_folder(os.path.dirname(self.output))
        if os.path.exists(replaced):
            shutil.rmtree(replaced)
        self._clear()

    def _close(self) -> None:
        for array in self._arrays.values():
            array.close()
        with suppress(OSError):
            os.rmdir(self.folder)  # when there is nothing in it
        os.close(self._lock)

    def __enter__(self) -> Work:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is not None:
                with suppress(OSError):  # the disk may be full; the last commit stands
                    self.commit()
        finally:
            self._close()


def has_unfinished(output: str | os.PathLike[str]) -> bool:
    """Whether there is unfinished work for this output to go on with."""
    return os.path.exists(os.path.join(os.path.realpath(output) + ".partial", "journal.json"))


def _locked(folder: str) -> int:
    """A descriptor of the directory, made if need be, that holds its lock."""
    while True:
        os.makedirs(folder, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), os.stat(folder)):
                return lock
        except BlockingIOError as error:
            os.close(lock)
            raise BlockingIOError(
                error.errno, "another process is writing this corpus", folder
            ) from None
        except FileNotFoundError:  # whoever had the lock has finished and removed it
            pass
        os.close(lock)


def _check_output(output: str, force: bool) -> None:
    """Error unless the output can take its name."""
    if not os.path.lexists(output):
        return
    empty = os.path.isdir(output) and not os.path.islink(output) and not os.listdir(output)
    if not empty and not force:
        raise FileExistsError(
            errno.EEXIST, "it exists already; force=True (--force) replaces it", output
        )
    if not empty and not os.path.isfile(os.path.join(output, META_FILE)):
        raise ValueError(f"{output} is not a token corpus, so it is not replaced")


def _difference(old: Any, new: Any) -> str:
    """(old, now new) of the first of two values' members that differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in new:
            if old.get(key) != new[key]:
                return f": {key} {old.get(key)!r:.200}, now {new[key]!r:.200}"
    if isinstance(old, list) and isinstance(new, list):
        for index, value in enumerate(new):
            if index >= len(old) or old[index] != value:
                was = old[index] if index < len(old) else None
                return f": number {index} was {was!r:.200}, is {value!r:.200}"
    return f": {old!r:.200}, now {new!r:.200}"


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
