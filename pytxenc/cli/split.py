"""python -m pytxenc split: hold out a share of the documents of text files."""

from __future__ import annotations

import argparse

from pytxenc.cli.reading import add_reading_arguments, read_options
from pytxenc.corpus import split_documents

DESCRIPTION = """\
Write the documents of text files into two files, one to train on and one held out to
evaluate on.  A hash of its text decides where a document goes: the same text is never
in both, and what is held out stays so when more documents come.

    python -m pytxenc split data/*.txt.xz --share 0.02 --train train.txt --held-out dev.txt

Do this before training a tokenizer, so that it has not seen what is held out either.
Parts named .jsonl hold objects with the field "text", which may have blank lines.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="text, JSON Lines or Parquet; .gz .bz2 .xz .zst")
    add("--train", required=True, metavar="FILE", help="to write what is trained on into")
    add("--held-out", required=True, metavar="FILE", help="to write what is held out into")
    add(
        "--share",
        type=float,
        default=0.02,
        metavar="X",
        help="of the documents to hold out (default: %(default)s)",
    )
    add_reading_arguments(parser)
    add("--quiet", "-q", action="store_true", help="no summary")


def run(arguments: argparse.Namespace) -> None:
    """Split the documents and say what came out."""
    counts = split_documents(
        arguments.files, arguments.train, arguments.held_out, share=arguments.share,
        options=read_options(arguments),
    )  # fmt: skip
    if not arguments.quiet:
        print(f"{arguments.train}: {counts.documents:,} documents, {counts.nbytes:,} bytes")
        print(
            f"{arguments.held_out}: {counts.held_out_documents:,} documents,"
            f" {counts.held_out_nbytes:,} bytes"
        )
