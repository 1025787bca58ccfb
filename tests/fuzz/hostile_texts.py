"""Texts that no tokenizer expects: how long they take at n characters and at 4n.

    python tests/fuzz/hostile_texts.py --size 1000000

A ratio near 4 is linear.  Nothing is judged here but that every text is encoded.
"""

import argparse
import gc
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import small_tokenizers as small

import pytxenc

# A text of about n characters; more than one of them is told by a list.
TEXTS: dict[str, Callable[[int], str]] = {
    "no space": lambda n: ("abcdefghij,.'9\xe9\u4e2d" * (n // 16 + 1))[:n],
    "one letter": lambda n: "a" * n,
    "unknown letters": lambda n: "\u0e01" * n,
    "marks after a letter": lambda n: "e" + "\u0301" * n,
    "unordered marks": lambda n: "e" + "\u0301\u0323" * (n // 2),
    "hangul letters": lambda n: "\u1100\u1161\u11a8" * (n // 3),
    "joiners": lambda n: "\U0001f468\u200d" * (n // 2),
    "flags": lambda n: "\U0001f1e6" * n,
    "masks": lambda n: "<mask>[MASK]" * n,
    "masks in spaces": lambda n: " <mask>  [MASK] " * (n // 4),
    "spaces": lambda n: " " * n,
    "spaces before masks": lambda n: (" " * 1000 + "<mask>[MASK]") * (n // 1000),
    "newlines": lambda n: "\n" * n,
    "ideographs": lambda n: "\u4e2d\u56fd" * (n // 2),
    "metaspaces": lambda n: "\u2581" * n,
    "quotes": lambda n: "'" * n,
    "backquotes": lambda n: "`" * n,
    "lower-case dotted I": lambda n: "\u0130" * n,
    "ligatures": lambda n: "\ufdfa" * (n // 4),
    "controls": lambda n: "\x00\x07\u200b" * (n // 3),
    "sharp accents": lambda n: "\u1e69\u0323" * (n // 2),
    "half a mask": lambda n: "<mas[MAS" * (n // 8),
    "added tokens": lambda n: "<100> <99999> <7>" * (n // 16),
}
CLASSES = {
    "roberta": pytxenc.RobertaTokenizer,
    "albert": pytxenc.AlbertTokenizer,
    "bert": pytxenc.BertTokenizer,
}


def tokenizers(folder: Path, added: int) -> Iterator[tuple[str, Any]]:
    """Small tokenizers of each family with `added` more tokens, which may strip spaces."""
    for name, (family, files) in small.vocabulary_files().items():
        if "tokenizer.json" in name:
            continue
        for file, contents in files.items():
            (folder / file).write_bytes(contents)
        variants: dict[str, dict[str, Any]] = {"": {}}
        if family == "albert":
            variants[" original"] = {"original_rules": True}
        for variant, options in variants.items():
            tokenizer = CLASSES[family].from_pretrained(folder, **options)
            tokenizer.add_tokens(
                [
                    pytxenc.AddedToken(f"<{i}>", lstrip=i % 2 == 0, rstrip=i % 3 == 0)
                    for i in range(added)
                ]
            )
            strip = {"lstrip": True, "rstrip": True}
            tokenizer.add_tokens([pytxenc.AddedToken(c, **strip) for c in ("\t", "~")])
            yield family + variant, tokenizer
        for file in files:
            (folder / file).unlink()


def encode(tokenizer: Any, text: str) -> float:
    """Seconds that it takes, with all that a call can give."""
    start = time.perf_counter()
    encoded = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    seconds = time.perf_counter() - start
    assert len(encoded["input_ids"]) == len(encoded["offset_mapping"])
    assert all(0 <= a <= b <= len(text) for a, b in encoded["offset_mapping"])
    return seconds


def decode(tokenizer: Any, text: str) -> float:
    ids = tokenizer(text)["input_ids"]
    start = time.perf_counter()
    tokenizer.decode(ids)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=200_000, help="characters of the larger text")
    parser.add_argument("--added", type=int, default=100_000, help="added tokens")
    parser.add_argument("--only", nargs="*", help="names of texts")
    options = parser.parse_args()
    gc.disable()  # its cost grows with all the lists there are
    with tempfile.TemporaryDirectory() as folder:
        for family, tokenizer in tokenizers(Path(folder), options.added):
            for name, make in TEXTS.items():
                if options.only and name not in options.only:
                    continue
                less, more = make(options.size // 4), make(options.size)
                times = encode(tokenizer, less), encode(tokenizer, more), decode(tokenizer, more)
                print(
                    f"{family:16} {name:22} n {times[0]:7.3f} s, 4n {times[1]:7.3f} s, ratio"
                    f" {times[1] / times[0]:5.1f}; decode {times[2]:7.3f} s",
                    flush=True,
                )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


if __name__ == "__main__":
    main()
