"""python -m pytxenc encode: turn texts in files into vectors."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytxenc.cli.computing import add_computing_arguments, set_threads
from pytxenc.cli.output import check_output
from pytxenc.cli.reading import add_reading_arguments, read_options
from pytxenc.corpus.npy import rows_file
from pytxenc.corpus.parquet import vectors_file
from pytxenc.corpus.readers import list_files, read_batches
from pytxenc.sentences import Normalize, Pooling, SentenceTransformer
from pytxenc.sentences.batching import windows
from pytxenc.sentences.modules import POOLING_MODES

DESCRIPTION = """\
Turn texts into vectors, one a line, by a model of sentence-transformers or by any
encoder, and write them as an array (.npy) or, beside their texts, as a table (.parquet).

  A file of one text a line; vectors[i] is that of line i:

    python -m pytxenc encode --model all-MiniLM-L6-v2 --output vectors.npy lines.txt

  JSON Lines whose text is in the field "title", as a table of text and vector:

    python -m pytxenc encode --model ./my-model --output titles.parquet \\
        --text-field title data/*.jsonl.gz

  Sooner and less exactly, by 8-bit integers:

    python -m pytxenc encode --model all-MiniLM-L6-v2 --dtype int8 \\
        --output vectors.npy lines.txt

  Documents that are separated by blank lines, by the first token of an encoder that
  is no sentence model, in half the space:

    python -m pytxenc encode --model roberta-base --pooling cls --normalize \\
        --split blank-line --output-dtype float16 --output vectors.npy book.txt

Files may be larger than memory; the output appears only when it is complete.
In Python it is read by numpy.load("vectors.npy", mmap_mode="r").
"""

Append = Callable[[Sequence[str], NDArray[Any]], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="text, JSON Lines or Parquet; .gz .bz2 .xz .zst")
    add(
        *("--model", "-m"),
        required=True,
        metavar="DIR_OR_NAME",
        help="directory of a model, or its name on the hub",
    )
    add("--output", "-o", required=True, metavar="FILE", help="file to write: .npy or .parquet")

    add_reading_arguments(parser, split="line")

    group = parser.add_argument_group("vectors (by default as the model's files say)")
    add = group.add_argument
    add("--pooling", choices=POOLING_MODES, help="how the tokens' vectors become the text's")
    add(
        "--normalize",
        action=argparse.BooleanOptionalAction,
        help="divide each vector by its length, or not",
    )
    add("--prompt", metavar="TEXT", help="text to put in front of every text")
    add("--prompt-name", metavar="NAME", help="name of one of the model's prompts")
    add("--max-length", type=int, metavar="N", help="cut texts to so many tokens")
    add("--truncate-dim", type=int, metavar="N", help="keep so many numbers of each vector")
    add(
        "--output-dtype",
        choices=("float32", "float16"),
        default="float32",
        help="of the numbers written (default: %(default)s)",
    )

    add_computing_arguments(parser)
    group = parser.add_argument_group("running")
    add = group.add_argument
    add("--force", action="store_true", help="replace the output if it is there already")
    add("--quiet", "-q", action="store_true", help="no progress bar and no summary")


def run(arguments: argparse.Namespace) -> None:
    """Encode the files and say what came out."""
    output = arguments.output
    if os.path.splitext(output)[1] not in (".npy", ".parquet"):
        raise ValueError(f"--output {output}: its name must end in .npy or .parquet")
    check_output(output, arguments.force)
    options = read_options(arguments)
    files = list_files(arguments.files)
    batches = read_batches(files, options, nbytes=1 << 20)  # checks the files now
    if arguments.prompt is not None and arguments.prompt_name is not None:
        raise ValueError("give --prompt or --prompt-name, not both")
    set_threads(arguments)
    model = _load_model(arguments)
    width = model.get_embedding_dimension()
    read = count = 0

    def texts() -> Iterator[str]:
        nonlocal read
        for batch in batches:
            read = batch.progress
            yield from batch.documents()

    start = time.monotonic()
    total = sum(map(os.path.getsize, files))
    with (
        _writer(output, arguments.output_dtype, width) as append,
        _progress_bar(not arguments.quiet and sys.stderr.isatty(), total) as show,
    ):
        for window in windows(texts()):
            vectors = model.encode(
                window,
                prompt=arguments.prompt,
                prompt_name=arguments.prompt_name,
                normalize_embeddings=bool(arguments.normalize),
                show_progress_bar=False,
            )
            append(window, _as_dtype(vectors, arguments.output_dtype))
            count += len(window)
            show(read, count)
    if not arguments.quiet:
        seconds = time.monotonic() - start
        print(f"{count:,} texts, vectors of {width:,} numbers ({arguments.output_dtype})")
        print(f"{seconds:.1f} s, {count / max(seconds, 1e-9):,.0f} texts/s")
        print(f"written to {output}")


def _load_model(arguments: argparse.Namespace) -> SentenceTransformer:
    """The model, with what the arguments change in it."""
    model = SentenceTransformer(
        arguments.model,
        truncate_dim=arguments.truncate_dim,
        model_kwargs={"dtype": arguments.dtype},
    )
    modules = list(model)
    if arguments.pooling is not None:
        pooling = modules[1]
        modules[1] = Pooling(pooling.embedding_dimension, arguments.pooling, pooling.include_prompt)
    if arguments.normalize is False:
        modules = [module for module in modules if not isinstance(module, Normalize)]
    changed = SentenceTransformer(
        modules=modules,
        prompts=model.prompts,
        default_prompt_name=model.default_prompt_name,
        truncate_dim=model.truncate_dim,
    )
    if arguments.max_length is not None:
        changed.max_seq_length = arguments.max_length
    return changed


def _as_dtype(vectors: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    """The vectors in the dtype to write; ValueError for numbers that it cannot hold."""
    with np.errstate(over="ignore"):
        narrow = vectors.astype(dtype)
    if np.isinf(narrow).any() and not np.isinf(vectors).any():
        raise ValueError(
            f"--output-dtype {dtype}: holds no number as large as {np.abs(vectors).max():g}"
        )
    return narrow


@contextmanager
def _writer(path: str, dtype: str, width: int) -> Iterator[Append]:
    """A function that writes texts and vectors to the output, whichever kind of file it is."""
    if path.endswith(".parquet"):
        with vectors_file(path, dtype, width) as append:
            yield append
    else:
        with rows_file(path, dtype, width) as append_rows:
            yield lambda texts, vectors: append_rows(vectors)


@contextmanager
def _progress_bar(wanted: bool, total: int) -> Iterator[Callable[[int, int], None]]:
    """A function to call with the bytes read and the texts done."""
    if not wanted:
        yield lambda read, count: None
        return
    from tqdm import tqdm

    start = time.monotonic()
    with tqdm(total=total, unit="B", unit_scale=True) as bar:

        def show(read: int, count: int) -> None:
            rate = count / max(time.monotonic() - start, 1e-9)
            bar.set_postfix_str(f"{count:,} texts, {rate:,.0f} texts/s", refresh=False)
            bar.update(read - bar.n)

        yield show
