"""python -m pytxenc tokenize: encode text files into arrays of token ids."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

import pytxenc
from pytxenc import hub
from pytxenc.cli.reading import add_reading_arguments
from pytxenc.corpus import ReadOptions, encode_corpus, has_unfinished
from pytxenc.tokenization.files import read_json

DESCRIPTION = """\
Encode text files into a directory of token ids that training reads: ids.npy
(all tokens, uint16 or uint32), offsets.npy (where documents begin) and meta.json.

  A folder of text, documents separated by blank lines, as plain files or compressed:

    python -m pytxenc tokenize --tokenizer roberta-base --output corpus data/*.txt.xz

  JSON Lines whose text is in the field "content", for sentence-order prediction:

    python -m pytxenc tokenize --tokenizer albert-base-v2 --output corpus \\
        --text-field content --sentences data/*.jsonl.gz

  A file of one document a line, some of it not UTF-8:

    python -m pytxenc tokenize --tokenizer ./my-tokenizer --output corpus \\
        --split line --errors replace reviews.txt

Files may be larger than memory.  Interrupted, killed or out of disk space, the
same command goes on where it was; the output appears only when it is complete.
In Python it is read by pytxenc.TokenCorpus("corpus"), or by
numpy.load("corpus/ids.npy", mmap_mode="r").
"""

_TYPES = {
    "albert": "AlbertTokenizer",
    "bert": "BertTokenizer",
    "roberta": "RobertaTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
}
_DEFAULTS = ReadOptions()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="text, JSON Lines or Parquet; .gz .bz2 .xz .zst")
    add(
        *("--tokenizer", "-t"),
        required=True,
        metavar="DIR_OR_NAME",
        help="directory of a tokenizer, or name of a model on the hub",
    )
    add("--type", choices=sorted(_TYPES), help="kind of the tokenizer, if its files do not tell")
    add("--output", "-o", required=True, metavar="DIR", help="directory to write")

    add = add_reading_arguments(parser).add_argument
    add(
        "--long-documents",
        choices=("error", "cut"),
        default=_DEFAULTS.long_documents,
        help="stop at documents that are too long, or cut them into several (default: %(default)s)",
    )
    add(
        "--max-document-bytes",
        type=int,
        default=_DEFAULTS.max_document_bytes,
        metavar="N",
        help="what is too long (default: %(default)s)",
    )

    group = parser.add_argument_group("encoding")
    add = group.add_argument
    add(
        "--keep-lines",
        action="store_true",
        help="encode lines by themselves and store where they begin (for NSP and SOP)",
    )
    add(
        "--sentences",
        dest="split_sentences",
        action="store_true",
        help="the same with sentences: lines are paragraphs that are split into them",
    )
    add(
        "--add-special-tokens",
        action="store_true",
        help="put [CLS] and [SEP], or <s> and </s>, around each document",
    )
    add(
        "--split-special-tokens",
        action="store_true",
        default=None,
        help="read special tokens that are written in the text as plain text",
    )
    add(
        "--dtype",
        choices=("uint16", "uint32"),
        help="of the ids (default: the smallest that holds the vocabulary)",
    )

    group = parser.add_argument_group("running")
    add = group.add_argument
    add("--threads", type=int, metavar="N", help="threads to encode with (default: all cores)")
    add("--restart", action="store_true", help="discard unfinished work instead of going on")
    add("--force", action="store_true", help="replace the output if it is there already")
    add("--quiet", "-q", action="store_true", help="no progress bar and no summary")


def run(arguments: argparse.Namespace) -> None:
    """Encode the files and say what came out."""
    options = vars(arguments).copy()
    name, kind = options.pop("tokenizer"), options.pop("type")
    files, output = options.pop("files"), options.pop("output")
    threads, quiet = options.pop("threads"), options.pop("quiet")
    if threads is not None:
        pytxenc.set_num_threads(threads)
    tokenizer = _load_tokenizer(name, kind)
    resumed = has_unfinished(output) and not arguments.restart
    if resumed and not quiet:
        print(f"going on with the unfinished work for {output}")
    start = time.monotonic()
    try:
        corpus = encode_corpus(
            tokenizer, files, output, progress=False if quiet else None, **options
        )
    except KeyboardInterrupt:
        if has_unfinished(output):
            print("what is done is kept; the same command goes on with it", file=sys.stderr)
        raise
    seconds = time.monotonic() - start
    if quiet:
        return
    nbytes = corpus.meta["bytes"]
    rate = "" if resumed else f", {nbytes / 1e6 / max(seconds, 1e-9):.1f} MB/s"
    print(f"{len(corpus):,} documents, {len(corpus.ids):,} tokens ({corpus.ids.dtype})")
    print(f"{nbytes:,} bytes of text in {seconds:.1f} s{rate}")
    print(f"written to {os.path.join(output, '')}")


def _load_tokenizer(name: str, kind: str | None) -> Any:
    """The tokenizer in a directory or on the hub, of the class that `kind` or its files tell."""
    auto = getattr(pytxenc, "AutoTokenizer", None)
    if kind is None and auto is not None:
        return auto.from_pretrained(name)
    if kind is not None:
        return getattr(pytxenc, _TYPES[kind]).from_pretrained(name)
    files = hub.Source(name).files(["tokenizer_config.json", "config.json"])
    told = {}
    for file in ("config.json", "tokenizer_config.json"):  # the second wins
        if file in files:
            told.update(read_json(files[file]))
    wanted = str(told.get("tokenizer_class") or "").removesuffix("Fast")
    if wanted not in _TYPES.values():
        wanted = _TYPES.get(str(told.get("model_type")), "")
    if not wanted:
        raise ValueError(
            f"the files of {name} do not tell what kind of tokenizer this is; give --type"
            f" {', '.join(sorted(_TYPES))}"
        )
    return getattr(pytxenc, wanted).from_pretrained(name)
