"""Our tokenizers against transformers', on random Unicode and on whole text files.

    python tests/fuzz/compare_tokenizers.py --runs 1000000 --seed 1
    python tests/fuzz/compare_tokenizers.py --texts

Needs transformers and the reference data ($PYTXENC_DATA or ../shared/data).  Ids must be
identical however they are asked for: with offsets, without, as a batch and one by one; and so
must offsets.  The first difference of every tokenizer is printed and ends with status 1.
"""

import argparse
import functools
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the work is shared between processes

import tokenizers
import transformers
from corpora import corpus_files, corpus_texts
from random_texts import Texts

import pytxenc

ROOT = Path(__file__).resolve().parents[2]
BATCH = 1000
CHUNK = 20 * BATCH  # texts that one task compares
UNCASED = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ADDED = [
    {"content": "Newtok"},
    {"content": "two words", "lstrip": True, "normalized": False},
    {"content": "<new>", "rstrip": True, "special": True},
    {"content": "able", "single_word": True},
    {"content": "9,", "lstrip": True, "rstrip": True},
    {"content": "\u4e2d"},
]


def data_dir() -> Path:
    return Path(os.environ.get("PYTXENC_DATA") or ROOT.parent / "shared" / "data")


def sources(data: Path, scratch: Path) -> dict[str, tuple[str, Path, dict[str, Any]]]:
    """name -> (class, folder, options) for every kind of file; some are made in `scratch`."""
    files = data / "tokenizers"
    bpe_only, uncased, xlm = (scratch / name for name in ("roberta-vocab", "bert-uncased", "xlm-r"))
    if not xlm.exists():
        for folder in (bpe_only, uncased, xlm):
            folder.mkdir()
        for name in ("vocab.json", "merges.txt"):
            (bpe_only / name).symlink_to(files / "roberta-base" / name)
        cased = (files / "bert-base-cased" / "vocab.txt").read_text(encoding="utf-8").split("\n")
        lowered = dict.fromkeys(word.lower() for word in cased if word and word not in UNCASED)
        text = "\n".join([*UNCASED, *lowered]) + "\n"
        (uncased / "vocab.txt").write_text(text, encoding="utf-8")
        model = files / "albert-base-v2" / "spiece.model"
        (xlm / "sentencepiece.bpe.model").symlink_to(model)
    albert = files / "albert-base-v2"
    cased_accents = {"do_lower_case": False, "keep_accents": True}
    return {
        "roberta": ("RobertaTokenizer", files / "roberta-base", {}),
        "roberta-vocab-merges": ("RobertaTokenizer", bpe_only, {}),
        "roberta-prefix-space": ("RobertaTokenizer", bpe_only, {"add_prefix_space": True}),
        "roberta-added": ("RobertaTokenizer", bpe_only, {"add": True, "trim_offsets": False}),
        "albert": ("AlbertTokenizer", albert, {}),
        "albert-cased-accents": ("AlbertTokenizer", albert, cased_accents),
        "albert-added": ("AlbertTokenizer", albert, {"add": True}),
        "bert-cased": ("BertTokenizer", files / "bert-base-cased", {"do_lower_case": False}),
        "bert-uncased": ("BertTokenizer", uncased, {}),
        "bert-added": ("BertTokenizer", uncased, {"add": True}),
        "bert-chinese": ("BertTokenizer", files / "bert-base-chinese", {}),
        "xlm-roberta": ("XLMRobertaTokenizer", xlm, {}),
    }


def load_pair(source: tuple[str, Path, dict[str, Any]]) -> tuple[Any, Any]:
    """(theirs, ours)."""
    name, folder, options = source
    options = dict(options)
    add = options.pop("add", False)
    theirs = getattr(transformers, name).from_pretrained(str(folder), **options)
    ours = getattr(pytxenc, name).from_pretrained(str(folder), **options)
    if add:
        theirs.add_tokens([tokenizers.AddedToken(**token) for token in ADDED])
        ours.add_tokens([pytxenc.AddedToken(**token) for token in ADDED])
    return theirs, ours


def tokenizer_pairs(data: Path, scratch: Path) -> Iterator[tuple[str, Any, Any]]:
    """(name, theirs, ours) of every source."""
    for name, source in sources(data, scratch).items():
        yield name, *load_pair(source)


# ---- comparison ----


def first_difference(what: str, texts: list[str], expected: list[Any], got: list[Any]) -> str:
    for text, one, other in zip(texts, expected, got, strict=True):
        if list(one) != list(other):
            at = next(
                (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
                min(len(one), len(other)),
            )
            window = slice(max(at - 3, 0), at + 4)
            shown = ascii(text if len(text) < 300 else text[:300] + "...")
            return (
                f"{what}[{at}] of {shown}:\n  theirs {list(one)[window]}"
                f"\n  ours   {list(other)[window]}"
            )
    return f"{what}: of different types"


def differences(theirs: Any, ours: Any, texts: list[str], alone: bool = True) -> str | None:
    """The first text on which ids or offsets differ, as a message; None when all agree.

    With `alone` every text is also encoded by itself.
    """
    encodings = theirs.backend_tokenizer.encode_batch(texts)
    ids = [encoding.ids for encoding in encodings]
    offsets = [encoding.offsets for encoding in encodings]
    options = {"return_attention_mask": False, "return_token_type_ids": False, "verbose": False}
    with_offsets = ours(texts, return_offsets_mapping=True, **options)
    results = [
        ("ids with offsets", ids, with_offsets["input_ids"]),
        ("offsets", offsets, with_offsets["offset_mapping"]),
        ("ids of a batch", ids, ours(texts, **options)["input_ids"]),
    ]
    if alone:
        results.append(("ids of one text", ids, [ours.encode(t, verbose=False) for t in texts]))
    for what, expected, got in results:
        if expected != got:
            return first_difference(what, texts, expected, got)
    return None


@functools.cache
def _pair(source: tuple[str, Path, tuple[tuple[str, Any], ...]]) -> tuple[Any, Any]:
    name, folder, options = source
    return load_pair((name, folder, dict(options)))


@functools.cache
def _lexicon(data: Path) -> list[str]:
    """Words of the reference texts, each once, in a fixed order."""
    words: dict[str, None] = {}
    for name in ("botchan.txt", "wagahaiwa-ja.txt", "wikitext-2-valid.txt"):
        text = (data / "text" / name).read_text(encoding="utf-8")
        words.update(dict.fromkeys(word[:40] for word in text.split()))
    return list(words)[::3]


def compare_random(source: Any, data: Path, seed: str, count: int) -> tuple[int, str | None]:
    """(texts compared, the first difference)."""
    texts = Texts(random.Random(seed), _lexicon(data))
    for done in range(0, count, BATCH):
        message = differences(*_pair(source), texts.draw(min(BATCH, count - done)))
        if message:
            return done, message
    return count, None


def compare_file(source: Any, path: Path) -> tuple[int, str | None]:
    """The texts of a file, and runs of 50 of them glued together with their newlines."""
    texts = corpus_texts(path)
    glued = ["\n".join(texts[i : i + 50]) for i in range(0, len(texts), 50)]
    batches = [texts[i : i + BATCH] for i in range(0, len(texts), BATCH)]
    batches += [glued[i : i + 20] for i in range(0, len(glued), 20)]
    done = 0
    for batch in batches:
        message = differences(*_pair(source), batch)
        if message:
            return done, message
        done += len(batch)
    return done, None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=2000, help="random texts a tokenizer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="names of tokenizers")
    parser.add_argument("--texts", action="store_true", help="whole text files instead")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    args = parser.parse_args()
    data = data_dir()
    failed = 0
    context = get_context("spawn")
    with tempfile.TemporaryDirectory() as scratch:
        known = sources(data, Path(scratch))
        if unknown := set(args.only or ()) - known.keys():
            parser.error(f"no such tokenizer: {', '.join(unknown)}; there are {', '.join(known)}")
        for name in args.only or known:
            cls, folder, options = known[name]
            source = (cls, folder, tuple(options.items()))
            start, count = time.monotonic(), 0
            with ProcessPoolExecutor(args.jobs, context) as pool:
                if args.texts:
                    work = [pool.submit(compare_file, source, path) for path in corpus_files(data)]
                else:
                    work = [
                        pool.submit(
                            compare_random, source, data, f"{args.seed} {name} {done}",
                            min(CHUNK, args.runs - done),
                        )
                        for done in range(0, args.runs, CHUNK)
                    ]  # fmt: skip
                message = None
                for future in as_completed(work):
                    compared, message = future.result()
                    count += compared
                    if message:
                        pool.shutdown(cancel_futures=True)
                        break
            took = time.monotonic() - start
            print(f"{name}: {count:,} texts identical, {took:.0f} s", flush=True)
            if message:
                print(f"{name}: DIFFERENT: {message}", flush=True)
                failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
