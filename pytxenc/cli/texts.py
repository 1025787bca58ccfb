"""What the commands share that go over texts: where these come from and where results go."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pytxenc.cli.computing import add_computing_arguments, set_threads
from pytxenc.cli.output import check_output
from pytxenc.cli.reading import add_reading_arguments, read_options
from pytxenc.corpus.readers import read_batches
from pytxenc.safetensors_file import atomic_file

T = TypeVar("T")

_JSON_LINES = (".jsonl", ".ndjson")


def add_text_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the texts, by which `read_texts` goes."""
    add = parser.add_argument
    add("texts", nargs="*", metavar="TEXT", help="texts; by default the lines of standard input")
    add(
        *("--file", "-f"),
        action="append",
        default=[],
        metavar="FILE",
        help="read texts from a file; may be given again",
    )
    add_reading_arguments(parser, split="line")


def add_result_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where results go and how they are computed, by which `start` goes."""
    add = parser.add_argument_group("results").add_argument
    add(
        *("--output", "-o"),
        metavar="FILE",
        help="write to a file, which appears when it is complete (default: standard output)",
    )
    add("--force", action="store_true", help="replace the file if it is there already")
    add(
        "--json",
        action="store_true",
        help="write JSON Lines, an object for every text; also for a file named .jsonl",
    )
    add("--quiet", "-q", action="store_true", help="no progress bar")
    add_computing_arguments(parser)


def read_texts(arguments: argparse.Namespace) -> tuple[Iterator[str], int | None]:
    """The texts that were asked for, and how many they are, where that is known."""
    if arguments.texts and arguments.file:
        raise ValueError("give either texts or --file, not both")
    if arguments.texts:
        return iter(arguments.texts), len(arguments.texts)
    if arguments.file:
        batches = read_batches(arguments.file, read_options(arguments), nbytes=1 << 20)
        return (text for batch in batches for text in batch.documents()), None
    stream = io.TextIOWrapper(sys.stdin.buffer, "utf-8", errors=arguments.errors)
    return (line.rstrip("\r\n") for line in stream), None


def start(arguments: argparse.Namespace) -> None:
    """Check the output, before any work is done; settle its form and the number of threads."""
    if arguments.output is not None:
        check_output(arguments.output, arguments.force)
    if str(arguments.output).lower().endswith(_JSON_LINES):
        arguments.json = True
    set_threads(arguments)


@contextmanager
def open_results(path: str | None) -> Generator[Callable[[str], Any], None, None]:
    """A function that writes a line: to a file, by `atomic_file`, or to standard output."""
    if path is None:
        yield print
        return
    with atomic_file(path) as file:
        yield lambda line: file.write(line.encode("utf-8", "surrogatepass") + b"\n")


def to_json(record: dict[str, Any]) -> str:
    """A record as a line of JSON."""
    return json.dumps(record, ensure_ascii=False)


def with_progress(
    results: Iterable[T], arguments: argparse.Namespace, total: int | None
) -> Iterator[T]:
    """The results; where they go to a file and errors to a terminal, under a progress bar."""
    if arguments.quiet or arguments.output is None or not sys.stderr.isatty():
        return iter(results)
    from tqdm import tqdm

    return iter(tqdm(results, total=total, unit=" texts"))


def with_inputs(
    process: Callable[[Iterator[str]], Iterable[T]], texts: Iterator[str]
) -> Iterator[tuple[str, T]]:
    """Every text with its result, where `process` reads ahead as it likes."""
    read: deque[str] = deque()

    def remembered() -> Iterator[str]:
        for text in texts:
            read.append(text)
            yield text

    for result in process(remembered()):
        yield read.popleft(), result
