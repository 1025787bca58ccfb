"""Our tokenizers against transformers', on random Unicode and on whole text files.

    python tests/fuzz/compare_tokenizers.py --runs 100000 --seed 1
    python tests/fuzz/compare_tokenizers.py --texts

Needs transformers and the reference data ($PYTXENC_DATA or ../shared/data).  Ids and offsets
must be identical; the first difference is printed and ends the run with status 1.
"""

import argparse
import lzma
import os
import random
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import transformers

import pytxenc

ROOT = Path(__file__).resolve().parents[2]
BATCH = 500
UNCASED = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def data_dir() -> Path:
    return Path(os.environ.get("PYTXENC_DATA") or ROOT.parent / "shared" / "data")


def tokenizer_pairs(data: Path, scratch: Path):
    """name -> (theirs, ours) for every kind of file."""
    files = data / "tokenizers"
    bpe_only = scratch / "roberta-vocab-merges"
    bpe_only.mkdir()
    for name in ("vocab.json", "merges.txt"):
        (bpe_only / name).symlink_to(files / "roberta-base" / name)
    uncased = scratch / "bert-uncased"
    uncased.mkdir()
    cased = (files / "bert-base-cased" / "vocab.txt").read_text(encoding="utf-8").split("\n")
    lowered = dict.fromkeys(word.lower() for word in cased if word and word not in UNCASED)
    (uncased / "vocab.txt").write_text("\n".join([*UNCASED, *lowered]) + "\n", encoding="utf-8")
    sources = {
        "roberta": ("RobertaTokenizer", files / "roberta-base", {}),
        "roberta-vocab-merges": ("RobertaTokenizer", bpe_only, {}),
        "roberta-prefix-space": ("RobertaTokenizer", bpe_only, {"add_prefix_space": True}),
        "albert": ("AlbertTokenizer", files / "albert-base-v2", {}),
        "albert-cased-accents": (
            "AlbertTokenizer",
            files / "albert-base-v2",
            {"do_lower_case": False, "keep_accents": True},
        ),
        "bert-cased": ("BertTokenizer", files / "bert-base-cased", {"do_lower_case": False}),
        "bert-uncased": ("BertTokenizer", uncased, {}),
        "bert-chinese": ("BertTokenizer", files / "bert-base-chinese", {}),
    }
    for name, (cls, directory, options) in sources.items():
        theirs = getattr(transformers, cls).from_pretrained(str(directory), **options)
        ours = getattr(pytxenc, cls).from_pretrained(str(directory), **options)
        yield name, theirs, ours


# ---- random text ----

SPECIALS = (
    "<mask>", "<s>", "</s>", "<pad>", "<unk>", "[MASK]", "[CLS]", "[SEP]", "[PAD]", "[UNK]",
    "##", "Ġ", "▁", "``", "''",
)  # fmt: skip
WORDS = (
    "the", "The", "don't", "DON'T", "we'll", "I'm", "9,999", "3.0,", "a(b)c", "U.S.", "naïve",
    "Straße", "ΟΔΟΣ", "İstanbul", "ﬁne", "Ｆｕｌｌ", "℃", "½", "한국어", "日本語", "中文", "ไทย",
    "हिन्दी", "العربية", "עברית", "e\u0301", "o\u0302\u0323", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪🇫🇷", "1️⃣",
    "\r\n", "\t", "\x00", "\ufffd", "\u200d", "\u00ad", "\u3000", "\u2028", "  ", "\x85", "\ufeff",
)  # fmt: skip
RANGES = (
    (0x20, 0x7E), (0x00, 0x9F), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0x8FF),
    (0x900, 0xDFF), (0xE00, 0x11FF), (0x1200, 0x1FFF), (0x2000, 0x2BFF), (0x2C00, 0x303F),
    (0x3040, 0x33FF), (0x3400, 0x9FFF), (0xA000, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF),
    (0x20000, 0x10FFFF),
)  # fmt: skip
MARKS = [chr(c) for c in range(0x30000) if unicodedata.category(chr(c))[0] == "M"]


def random_piece(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.25:
        return rng.choice(WORDS)
    if kind < 0.33:
        return rng.choice(SPECIALS)
    if kind < 0.5:
        return "".join(
            rng.choices("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789.,'\"-", k=rng.randint(1, 9))
        )
    if kind < 0.6:
        return rng.choice("aeo한あक") + "".join(rng.choices(MARKS, k=rng.randint(1, 3)))
    low, high = rng.choice(RANGES)
    codes = (rng.randint(low, high) for _ in range(rng.randint(1, 4)))
    return "".join(chr(c) for c in codes if not 0xD800 <= c <= 0xDFFF)


def random_text(rng: random.Random) -> str:
    glue = rng.choice((" ", " ", "", ""))
    return glue.join(random_piece(rng) for _ in range(rng.randint(1, 12)))


# ---- comparison ----


def differences(theirs, ours, texts):
    """The first text on which ids or offsets differ, as a message; None when all agree."""
    options = {"return_offsets_mapping": True, "return_attention_mask": False, "verbose": False}
    expected, got = theirs(texts, **options), ours(texts, **options)
    for key in ("input_ids", "offset_mapping"):
        if expected[key] == got[key]:
            continue
        for text, one, other in zip(texts, expected[key], got[key], strict=True):
            if list(one) != [tuple(x) if isinstance(x, list) else x for x in other]:
                at = next(
                    (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
                    min(len(one), len(other)),
                )
                window = slice(max(at - 3, 0), at + 4)
                shown = ascii(text if len(text) < 300 else text[:300] + "...")
                return f"{key}[{at}] of {shown}:\n  theirs {one[window]}\n  ours   {other[window]}"
    return None


def batches(items):
    for i in range(0, len(items), BATCH):
        yield items[i : i + BATCH]


def file_texts(path: Path):
    """The paragraphs of a file, and runs of 50 of them glued together with their newlines."""
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        lines = file.read().split("\n")
    yield from batches(lines)
    glued = ["\n".join(lines[i : i + 50]) for i in range(0, len(lines), 50)]
    for i in range(0, len(glued), 20):
        yield glued[i : i + 20]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=2000, help="random texts a tokenizer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="names of tokenizers")
    parser.add_argument("--texts", action="store_true", help="whole text files instead")
    args = parser.parse_args()
    data = data_dir()
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name, theirs, ours in tokenizer_pairs(data, Path(scratch)):
            if args.only and name not in args.only:
                continue
            start, count = time.monotonic(), 0
            if args.texts:
                groups = (g for path in sorted((data / "text").iterdir()) for g in file_texts(path))
            else:
                rng = random.Random(f"{args.seed} {name}")
                groups = batches([random_text(rng) for _ in range(args.runs)])
            message = None
            for group in groups:
                message = differences(theirs, ours, group)
                if message:
                    break
                count += len(group)
            took = time.monotonic() - start
            print(f"{name}: {count:,} texts identical, {took:.0f} s", flush=True)
            if message:
                print(f"{name}: DIFFERENT: {message}", flush=True)
                failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
