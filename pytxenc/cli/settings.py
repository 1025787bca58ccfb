"""Settings of a run: from flags or a TOML file, and written beside what the run makes."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytxenc
from pytxenc.safetensors_file import write_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["RUN_FILE", "add_config_argument", "expand", "plain_json", "record_run", "write_json"]

RUN_FILE = "run.toml"
# Settings that say how this very call is made, not what the run is.
_NOT_OF_THE_RUN = ("config", "resume", "quiet")
# Settings that may differ from those of the run that is resumed.
_MAY_CHANGE = ("threads", "log_steps", "save_minutes", "keep")


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    """Declare --config, which `expand` goes by."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="TOML file of settings under the names of these flags; flags given here win",
    )


def expand(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> list[str]:
    """The arguments, those of the file that --config names in front of them.

    ValueError for a file that is not TOML or holds what is no flag of the command, and which.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config")
    path = finder.parse_known_args(list(arguments))[0].config
    if path is None or not any(action.dest == "config" for action in parser._actions):
        return list(arguments)
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not TOML: {error}") from None
    command = parser.prog.rpartition(" ")[2]
    if content.pop("command", command) != command:
        raise ValueError(f"{path}: these are settings of another command than {command}")
    content.pop("versions", None)
    options = {
        option.removeprefix("--"): action
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--") and action.dest not in ("help", "config")
    }
    found: list[str] = []
    for key, value in content.items():
        name = key.replace("_", "-")
        if name not in options:
            raise ValueError(f"{path}: {key} is no setting of {command}")
        found += _as_flags(name, options[name], value, f"{path}: {key}")
    return [*found, *arguments]


def _as_flags(name: str, action: argparse.Action, value: Any, where: str) -> list[str]:
    """A setting of the file as it would be given on the command line."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"{where} must be true or false, not {value!r}")
        if value:
            return [f"--{name}"]
        return [f"--no-{name}"] if f"--no-{name}" in action.option_strings else []
    several = action.nargs is not None
    values = value if several and isinstance(value, list) else [value]
    for one in values:
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            raise ValueError(f"{where} must not be {one!r}")
        try:
            checked = action.type(str(one)) if callable(action.type) else str(one)
        except (ValueError, argparse.ArgumentTypeError) as error:
            raise ValueError(f"{where}: {one!r}: {error}") from None
        if action.choices is not None and checked not in action.choices:
            known = ", ".join(map(str, action.choices))
            raise ValueError(f"{where} is {one!r}; it must be one of {known}")
    return [f"--{name}", *map(str, values)] if several else [f"--{name}={value}"]


def record_run(command: str, arguments: argparse.Namespace) -> None:
    """Write run.toml into --output: all settings and the versions; it can be a --config.

    With --resume the settings must be those of the run that is there, but for threads and how
    often it logs and saves; ValueError names one that is not, FileExistsError says that the
    folder is taken, FileNotFoundError that there is no run to resume.  Of several processes the
    first alone looks and writes.
    """
    from pytxenc.training.distributed import communicator

    if not communicator().is_main:
        return
    folder = arguments.output
    path = os.path.join(folder, RUN_FILE)
    settings = {
        name: value
        for name, value in vars(arguments).items()
        if value is not None and name not in _NOT_OF_THE_RUN
    }
    if arguments.resume:
        _check_same(path, command, settings)
    elif os.path.lexists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
        raise FileExistsError(
            f"--output {folder} is there already: choose another, or go on with --resume"
        )
    os.makedirs(folder, exist_ok=True)
    lines = [f"command = {_toml(command)}"]
    lines += [f"{name.replace('_', '-')} = {_toml(value)}" for name, value in settings.items()]
    versions = {**pytxenc.show_config(quiet=True), "CPU": _processor()}
    lines += ["", "[versions]"]
    lines += [f"{_toml(name)} = {_toml(value)}" for name, value in versions.items()]
    write_text(path, "\n".join(lines) + "\n")


def _check_same(path: str, command: str, settings: Mapping[str, Any]) -> None:
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no run to resume: {path} does not exist")
    with open(path, "rb") as file:
        before = tomllib.load(file)
    before.pop("versions", None)
    now = {name.replace("_", "-"): value for name, value in settings.items()}
    now["command"] = command
    for name in sorted({*before, *now} - {name.replace("_", "-") for name in _MAY_CHANGE}):
        old, new = before.get(name), now.get(name)
        if old != (list(new) if isinstance(new, tuple) else new):
            raise ValueError(
                f"the run in {os.path.dirname(path)} has another {name}: {old!r}, not {new!r};"
                " resume it with the same settings"
            )


def _toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return repr(value)
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _processor() -> str:
    """What the processor calls itself, or ""."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next(
                (x.partition(":")[2].strip() for x in file if x.startswith("model name")), ""
            )
    except OSError:
        return ""


def write_json(path: str, content: Any) -> None:
    """Write a JSON file; numbers that JSON has not, NaN and infinities, as null."""
    write_text(path, json.dumps(plain_json(content), ensure_ascii=False, indent=2) + "\n")


def plain_json(value: Any) -> Any:
    """The same with None for numbers that JSON has not."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
