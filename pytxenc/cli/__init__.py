"""The commands of `python -m pytxenc`: one module each, imported when its command is run.

A module has `DESCRIPTION`, `add_arguments(parser)` and `run(arguments) -> None`.  Errors that
a user can cause (ValueError, OSError, ...) are printed as one line with exit status 2.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from .settings import expand

COMMANDS = {
    "classify": "label texts",
    "encode": "turn texts in files into vectors",
    "evaluate": "tell how well a model does on the examples of a file",
    "fill-mask": "propose words for the masks in texts",
    "finetune": "train a model on the examples of a file",
    "info": "tell what a model is made of, without loading it",
    "predict": "let a fine-tuned model label the examples of a file",
    "pretrain": "train a new model on text",
    "profile": "tell where the time of a model's calls goes",
    "split": "hold out a share of the documents of text files",
    "tokenize": "encode text files into arrays of token ids",
    "train-tokenizer": "train a tokenizer on text files",
}


def run(command: str, arguments: Sequence[str]) -> int:
    """Run a command of COMMANDS; returns the exit status."""
    module = importlib.import_module(f"{__name__}.{command.replace('-', '_')}")
    parser = argparse.ArgumentParser(
        prog=f"python -m pytxenc {command}",
        description=module.DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    try:
        parsed = parser.parse_args(expand(parser, arguments))
        module.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads the output has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ImportError, RuntimeError, IndexError) as error:
        message = " ".join(line.strip() for line in str(error).splitlines())
        print(f"python -m pytxenc {command}: {message}", file=sys.stderr)
        return 2
    return 0
