"""What a run logs, as JSON Lines beside its results."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .callbacks import TrainerCallback
from .state import TrainerControl, TrainerState

if TYPE_CHECKING:
    from .arguments import TrainingArguments

__all__ = ["LOG_NAME", "JsonLinesCallback", "read_log"]

LOG_NAME = "log.jsonl"


class JsonLinesCallback(TrainerCallback):
    """Appends everything logged to <output_dir>/log.jsonl, one JSON object a line.

    A new run begins the file anew; a resumed one drops the lines after the step it resumes at,
    so that steps never repeat.
    """

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if not state.is_world_process_zero:
            return
        path = _path(args)
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = []
        if state.global_step and path.exists():
            kept = [line for line in read_log(path) if line["step"] <= state.global_step]
        path.write_text("".join(map(_line, kept)), encoding="utf-8")

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero and _path(args).parent.is_dir():
            with open(_path(args), "a", encoding="utf-8") as file:
                file.write(_line({"step": state.global_step, **kwargs["logs"]}))


def read_log(log_or_dir: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The lines of a log.jsonl, or of the one in a run's folder, in their order.

    A last line that was cut short, as by a kill, is left out.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a line that is no JSON object with a "step".
    """
    path = Path(log_or_dir)
    path = path / LOG_NAME if path.is_dir() else path
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if lines and not text.endswith("\n"):
        lines.pop()
    found = []
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {number} is no JSON: {error}") from None
        if not isinstance(entry, dict) or not isinstance(entry.get("step"), int):
            raise ValueError(f"{path}, line {number} is no object with a step")
        found.append(entry)
    return found


def _path(args: TrainingArguments) -> Path:
    assert args.output_dir is not None
    return Path(args.output_dir) / LOG_NAME


def _line(entry: dict[str, Any]) -> str:
    """One line; numbers that JSON has not, NaN and infinities, as null."""
    plain = {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in entry.items()
    }
    return json.dumps(plain) + "\n"
