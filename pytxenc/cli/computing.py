"""Arguments of the commands that compute: with which precision and how many threads."""

from __future__ import annotations

import argparse

import pytxenc

from ..modeling.precision import PRECISIONS


def add_computing_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the group "computing"."""
    add = parser.add_argument_group("computing").add_argument
    add(
        "--dtype",
        choices=PRECISIONS,
        default="float32",
        help="precision of the matrix products (default: %(default)s)",
    )
    add("--threads", type=int, metavar="N", help="threads to compute with (default: all cores)")


def set_threads(arguments: argparse.Namespace) -> None:
    """Use as many threads as the group says."""
    if arguments.threads is not None:
        pytxenc.set_num_threads(arguments.threads)
