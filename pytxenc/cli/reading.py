"""Arguments of the commands that read text files."""

from __future__ import annotations

import argparse

from ..corpus import ReadOptions

_DEFAULTS = ReadOptions()


def add_reading_arguments(
    parser: argparse.ArgumentParser, split: str = _DEFAULTS.split
) -> argparse._ArgumentGroup:
    """Add the group "reading", whose arguments are fields of `ReadOptions`; returns it.

    split: the default of the argument of that name.
    """
    group = parser.add_argument_group("reading")
    add = group.add_argument
    add(
        "--format",
        choices=("text", "jsonl", "parquet"),
        help="format of all files (default: what their names say, else text)",
    )
    add(
        "--text-field",
        default=_DEFAULTS.text_field,
        metavar="NAME",
        help="field of JSON objects or column of Parquet files to read (default: %(default)s)",
    )
    add(
        "--split",
        choices=("blank-line", "line", "file"),
        default=split,
        help="what separates documents in text files (default: %(default)s)",
    )
    add(
        "--errors",
        choices=("strict", "replace"),
        default=_DEFAULTS.errors,
        help="stop at text that is not UTF-8, or read it as U+FFFD (default: %(default)s)",
    )
    add(
        "--missing",
        choices=("error", "skip"),
        default=_DEFAULTS.missing,
        help="stop at records without text, or leave them out (default: %(default)s)",
    )
    return group


def read_options(arguments: argparse.Namespace) -> ReadOptions:
    """What the arguments of the group say."""
    names = ("format", "text_field", "split", "errors", "missing")
    return ReadOptions(**{name: getattr(arguments, name) for name in names})
