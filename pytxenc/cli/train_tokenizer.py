"""python -m pytxenc train-tokenizer: train a tokenizer on text files."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytxenc
from pytxenc.cli.reading import add_reading_arguments
from pytxenc.corpus import read_documents

DESCRIPTION = """\
Train a tokenizer on text files and write it into a directory, in every file form
that its kind has.

  RoBERTa's byte-level BPE, from text files, plain or compressed:

    python -m pytxenc train-tokenizer --type roberta --output my-roberta data/*.txt.xz

  BERT's WordPiece with case, from JSON Lines whose text is in the field "content":

    python -m pytxenc train-tokenizer --type bert --no-lowercase --vocab-size 28996 \\
        --text-field content --output my-bert data/*.jsonl.gz

  ALBERT's unigram pieces (needs pip install pytxenc[sentencepiece]):

    python -m pytxenc train-tokenizer --type albert --output my-albert data/*.txt

In Python it is loaded by pytxenc.AutoTokenizer.from_pretrained("my-roberta"), and so it is
by transformers.
"""

_NAMED = {
    "roberta": ("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
    "bert": ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    "albert": ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"),
    "xlm-roberta": ("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
}
_LOWERS = ("bert", "albert")
_UNIGRAM = ("albert", "xlm-roberta")
# What a tokenizer's directory may hold, for --force to remove.
_FILES = {
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "vocab.txt", "spiece.model", "sentencepiece.bpe.model"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="text, JSON Lines or Parquet; .gz .bz2 .xz .zst")
    add("--type", choices=sorted(_NAMED), required=True, help="kind of the tokenizer")
    add("--output", "-o", required=True, metavar="DIR", help="directory to write")

    group = parser.add_argument_group("vocabulary")
    add = group.add_argument
    add(
        "--vocab-size",
        type=int,
        default=30000,
        metavar="N",
        help="tokens, special ones among them (default: %(default)s)",
    )
    add(
        "--min-frequency",
        type=int,
        metavar="N",
        help="join only pairs found so often (roberta, bert; default: 2)",
    )
    add(
        "--limit-alphabet",
        type=int,
        metavar="N",
        help="keep so many characters, the most frequent (bert)",
    )
    add(
        "--max-token-length",
        type=int,
        metavar="N",
        help="let no token grow beyond so many characters (roberta, albert, xlm-roberta)",
    )
    add(
        "--character-coverage",
        type=float,
        metavar="P",
        help="share of the characters that tokens cover (albert, xlm-roberta; default: 0.99995)",
    )
    add(
        "--special-token",
        action="append",
        default=[],
        metavar="TOKEN",
        help="a special token beside the usual ones; may be repeated",
    )

    group = parser.add_argument_group("tokenizer")
    add = group.add_argument
    add(
        "--lowercase",
        action=argparse.BooleanOptionalAction,
        help="lower-case all text (bert, albert; default: yes)",
    )
    add(
        "--strip-accents",
        action=argparse.BooleanOptionalAction,
        help="remove accents (bert: as --lowercase by default; albert: yes by default)",
    )
    add(
        "--add-prefix-space",
        action="store_true",
        help="treat texts as if a space were in front of them (roberta)",
    )
    add(
        "--model-max-length",
        type=int,
        default=512,
        metavar="N",
        help="tokens that the model will take (default: %(default)s)",
    )

    add_reading_arguments(parser)

    group = parser.add_argument_group("running")
    add = group.add_argument
    add("--threads", type=int, metavar="N", help="threads to count words with (default: all cores)")
    add("--force", action="store_true", help="replace the tokenizer that is in the output")
    add("--quiet", "-q", action="store_true", help="no progress bar and no summary")


def run(arguments: argparse.Namespace) -> None:
    """Train the tokenizer, write it and say what came out."""
    tokenizer = _blank_tokenizer(arguments)
    options = _trainer_options(arguments)
    if arguments.threads is not None:
        pytxenc.set_num_threads(arguments.threads)
    start = time.monotonic()
    with _new_directory(arguments.output, arguments.force) as folder:
        documents = read_documents(
            arguments.files,
            format=arguments.format,
            text_field=arguments.text_field,
            split=arguments.split,
            errors=arguments.errors,
            missing=arguments.missing,
        )
        trained = tokenizer.train_new_from_iterator(
            documents,
            arguments.vocab_size,
            new_special_tokens=arguments.special_token,
            show_progress=not arguments.quiet,
            **options,
        )
        trained.save_pretrained(folder)
        trained.save_vocabulary(folder)
    if not arguments.quiet:
        print(f"{len(trained):,} tokens in {time.monotonic() - start:.1f} s")
        print(f"written to {os.path.join(arguments.output, '')}")


def _blank_tokenizer(arguments: argparse.Namespace) -> Any:
    """A tokenizer with special tokens alone, numbered as in the published models."""
    kind = arguments.type
    tokens = _NAMED[kind]
    own: dict[str, Any] = {"model_max_length": arguments.model_max_length}
    if kind != "bert":  # the space before a mask belongs to it in the published models
        own["mask_token"] = pytxenc.AddedToken(tokens[-1], lstrip=True, special=True)
    for name in ("lowercase", "strip_accents"):
        if getattr(arguments, name) is not None and kind not in _LOWERS:
            raise ValueError(
                f"--{name.replace('_', '-')} is for {' and '.join(_LOWERS)}: a {kind} tokenizer"
                " leaves the text as it is"
            )
    if arguments.lowercase is not None:
        own["do_lower_case"] = arguments.lowercase
    if arguments.strip_accents is not None and kind == "bert":
        own["strip_accents"] = arguments.strip_accents
    if arguments.strip_accents is not None and kind == "albert":
        own["keep_accents"] = not arguments.strip_accents
    if arguments.add_prefix_space:
        if kind != "roberta":
            raise ValueError("--add-prefix-space is for roberta")
        own["add_prefix_space"] = True
    if kind == "roberta":
        return pytxenc.RobertaTokenizer(vocab=list(tokens), merges=[], **own)
    if kind == "bert":
        return pytxenc.BertTokenizer(vocab=list(tokens), **own)
    pieces = [(token, 0.0) for token in tokens]
    if kind == "albert":
        return pytxenc.AlbertTokenizer(vocab=pieces, **own)
    return pytxenc.XLMRobertaTokenizer(vocab=pieces, **own)


def _trainer_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, under the names that the trainer of this kind has."""
    kind = arguments.type
    unigram = kind in _UNIGRAM
    kinds = {
        "min_frequency": ("min_frequency", not unigram),
        "limit_alphabet": ("limit_alphabet", kind == "bert"),
        "max_token_length": (
            "max_piece_length" if unigram else "max_token_length",
            kind != "bert",
        ),
        "character_coverage": ("character_coverage", unigram),
    }
    options: dict[str, Any] = {} if unigram else {"min_frequency": 2}
    for name, (known, possible) in kinds.items():
        value = getattr(arguments, name)
        if value is None:
            continue
        if not possible:
            raise ValueError(f"--{name.replace('_', '-')} is not for a {kind} tokenizer")
        options[known] = value
    return options


@contextmanager
def _new_directory(path: str, force: bool) -> Iterator[str]:
    """A directory that takes its name when the block ends; nothing is left if that fails.

    With `force` it takes the place of one that holds a tokenizer and nothing else.
    """
    target = os.path.abspath(path)
    _check_free(target, force)
    parent, name = os.path.split(target)
    os.makedirs(parent, exist_ok=True)
    temporary = os.path.join(parent, f".{name}.{secrets.token_hex(4)}.tmp")
    os.mkdir(temporary)
    try:
        yield temporary
        _check_free(target, force)
        if os.path.lexists(target):
            aside = temporary + ".old"
            os.rename(target, aside)
            os.rename(temporary, target)
            shutil.rmtree(aside)
        else:
            os.rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_free(target: str, force: bool) -> None:
    """FileExistsError unless `target` may be written."""
    if not os.path.lexists(target):
        return
    if not force:
        raise FileExistsError(f"{target} exists; --force replaces it")
    others = [target]
    if os.path.isdir(target) and not os.path.islink(target):
        others = sorted({*os.listdir(target)} - _FILES)
    if others:
        raise FileExistsError(
            f"{target} is not replaced: {others[0]} in it is no file of a tokenizer"
            if others != [target]
            else f"{target} is not replaced: it is no directory"
        )
