"""python -m pytxenc fill-mask: propose words for the masks in texts."""

from __future__ import annotations

import argparse
from typing import Any

from pytxenc.cli.texts import (
    add_result_arguments,
    add_text_arguments,
    open_results,
    read_texts,
    start,
    to_json,
    with_inputs,
    with_progress,
)

DESCRIPTION = """\
Propose words for the masks in texts, by a masked language model.

  One text; the mask is the model's own, <mask> for RoBERTa, [MASK] for BERT and
  ALBERT:

    python -m pytxenc fill-mask --model roberta-base "The capital of France is <mask>."

  Choose among words of your own:

    python -m pytxenc fill-mask --model bert-base-uncased --targets good bad -- \\
        "The film was [MASK]."

  A file of one text a line, to JSON Lines:

    python -m pytxenc fill-mask --model roberta-base --file gaps.txt -o filled.jsonl

Written are the text and below it, by falling score, the probability of each
proposal and the token.  With --json every text gives an object: "text" and
"proposals", for several masks a list of proposals for each.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_text_arguments(parser)
    add = parser.add_argument_group("the model").add_argument
    add(
        *("--model", "-m"),
        required=True,
        metavar="DIR_OR_NAME",
        help="directory of a masked language model, or its name on the hub",
    )
    add("--top-k", type=int, default=5, metavar="N", help="proposals (default: %(default)s)")
    add("--targets", nargs="+", metavar="WORD", help="choose among these words only")
    add("--truncate", action="store_true", help="cut texts that are too long for the model")
    add_result_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Fill the masks and write what was proposed."""
    from pytxenc.pipelines import PipelineException, pipeline

    start(arguments)
    fill = pipeline("fill-mask", arguments.model, dtype=arguments.dtype, top_k=arguments.top_k)
    options: dict[str, Any] = {}
    if arguments.targets:
        options["targets"] = arguments.targets
    if arguments.truncate:
        options["tokenizer_kwargs"] = {"truncation": True}
    texts, total = read_texts(arguments)
    results = with_inputs(lambda stream: fill(stream, **options), texts)
    try:
        with open_results(arguments.output) as write:
            for text, proposals in with_progress(results, arguments, total):
                if arguments.json:
                    write(to_json({"text": text, "proposals": proposals}))
                    continue
                write(text)
                several = proposals if isinstance(proposals[0], list) else [proposals]
                for number, of_one in enumerate(several, 1):
                    if len(several) > 1:
                        write(f"  mask {number}:")
                    for proposal in of_one:
                        write(f"  {proposal['score']:.4f}  {proposal['token_str'].strip()}")
    except PipelineException as error:
        raise ValueError(str(error)) from None
