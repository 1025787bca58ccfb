"""python -m pytxenc profile: tell where the time of a model's calls goes."""

from __future__ import annotations

import argparse
import json

import numpy as np

import pytxenc
from pytxenc import _core
from pytxenc.cli.computing import add_computing_arguments, set_threads
from pytxenc.cli.info import find_source, model_class

DESCRIPTION = """\
Call a model on a batch of random tokens and tell how long each operation took.

    python -m pytxenc profile roberta-base
    python -m pytxenc profile roberta-base --dtype bfloat16 --batch 1 --length 512

Printed are tokens a second and, summed over the layers, the time of every
operation and its share of the call; with --layers a line for each operation of
each layer, in the order of computing.  All figures are medians of --runs calls.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("model", metavar="DIR_OR_NAME", help="directory of a model, or its name on the hub")
    add("--batch", type=int, default=8, metavar="N", help="texts (default: %(default)s)")
    add("--length", type=int, default=128, metavar="N", help="tokens a text (default: %(default)s)")
    add("--runs", type=int, default=5, metavar="N", help="calls (default: %(default)s)")
    add("--layers", action="store_true", help="tell the layers apart")
    add("--json", action="store_true", help="print JSON")
    add_computing_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Call the model and print the times."""
    batch, length = arguments.batch, arguments.length
    if min(batch, length) < 1:
        raise ValueError(f"--batch {batch}, --length {length}: both must be at least 1")
    set_threads(arguments)
    source = find_source(arguments.model)
    hub = {"revision": source.commit} if source.commit else {}
    cls = model_class(pytxenc.AutoConfig.from_pretrained(source.name, **hub))
    model = cls.from_pretrained(source.name, dtype=arguments.dtype, **hub)
    ids = np.random.default_rng(0).integers(0, model.config.vocab_size, (batch, length))
    if cls.__name__.endswith("MultipleChoice"):
        ids = ids[:, None]
    profile = pytxenc.profile(model, ids, runs=arguments.runs)
    if arguments.json:
        facts = {
            "model": source.name,
            "class": cls.__name__,
            "dtype": model.precision,
            "instruction_set": _core.get_isa(),
            "threads": pytxenc.get_num_threads(),
            "batch": batch,
            "length": length,
            "seconds": profile.seconds,
            "tokens_per_second": profile.tokens_per_second,
            "operations": [operation._asdict() for operation in profile.operations],
        }
        print(json.dumps(facts, indent=2))
        return
    print(profile)
    if arguments.layers:
        width = max(len(operation.name) for operation in profile.operations)
        print(f"\nlayer  {'operation':{width}}         ms")
        for layer, name, seconds in profile.operations:
            print(f"{'-' if layer is None else layer:>5}  {name:{width}}  {1e3 * seconds:9.3f}")
