"""Arguments of the commands that compute: with which precision and how many threads."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import pytxenc

from ..modeling.precision import PRECISIONS


def add_computing_arguments(
    parser: argparse.ArgumentParser, precisions: Sequence[str] = PRECISIONS
) -> None:
    """Declare the group "computing", with a choice of precisions."""
    add = parser.add_argument_group("computing").add_argument
    add(
        "--dtype",
        choices=precisions,
        default="float32",
        help="precision of the matrix products (default: %(default)s)",
    )
    add("--threads", type=int, metavar="N", help="threads to compute with (default: all cores)")


def set_threads(arguments: argparse.Namespace) -> None:
    """Use as many threads as the group says."""
    if arguments.threads is not None:
        pytxenc.set_num_threads(arguments.threads)
