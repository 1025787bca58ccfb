"""The tokenizers and the texts that the tokenizer benchmarks measure.

`write_kinds` and `write_texts` put them into a folder once; every contender reads them there
in a process of its own.
"""

import json
import lzma
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from harness import data_dir


class Kind(NamedTuple):
    """A tokenizer under measurement."""

    title: str
    cls: str | None  # its class, here and in transformers; None: a tokenizer.json alone
    source: str  # its folder of the reference data
    arguments: dict[str, Any] | None = None  # of the class
    blingfire: str | None = None  # the file that blingfire brings for it


KINDS = {
    "roberta": Kind(
        "Byte-level BPE (RobertaTokenizer, roberta-base)",
        "RobertaTokenizer",
        "roberta-base",
        blingfire="roberta.bin",
    ),
    "albert": Kind(
        "Unigram, lower-casing (AlbertTokenizer, albert-base-v2)",
        "AlbertTokenizer",
        "albert-base-v2",
    ),
    "sentencepiece": Kind(
        "Unigram by SentencePiece's own rules (albert-base-v2's pieces)", None, "albert-base-v2"
    ),
    "xlm-roberta": Kind(
        "Unigram (XLMRobertaTokenizer, albert-base-v2's pieces)",
        "XLMRobertaTokenizer",
        "albert-base-v2",
    ),
    "bert": Kind(
        "WordPiece (BertTokenizer, bert-base-cased)",
        "BertTokenizer",
        "bert-base-cased",
        {"do_lower_case": False},
        blingfire="bert_base_cased_tok.bin",
    ),
    "bert-lower": Kind(
        "WordPiece, lower-casing (BertTokenizer, bert-base-cased's words)",
        "BertTokenizer",
        "bert-base-cased",
        {"do_lower_case": True},
    ),
    "bert-chinese": Kind(
        "WordPiece, lower-casing (BertTokenizer, bert-base-chinese)",
        "BertTokenizer",
        "bert-base-chinese",
        blingfire="bert_chinese.bin",
    ),
}
FILE = "tokenizer.json"


def write_kinds(folder: Path, names: Iterable[str]) -> None:
    """Save tokenizers as transformers does, each in `folder` under its name."""
    import transformers

    for name in names:
        kind = KINDS[name]
        source = data_dir() / "tokenizers" / kind.source
        (folder / name).mkdir()
        if kind.cls is None:
            _sentencepiece_rules(source / "spiece.model").save(str(folder / name / FILE))
            continue
        if name == "xlm-roberta":
            model = (source / "spiece.model").read_bytes()
            source = folder / name
            (source / "sentencepiece.bpe.model").write_bytes(model)
        tokenizer = getattr(transformers, kind.cls).from_pretrained(
            source, **(kind.arguments or {})
        )
        tokenizer.save_pretrained(folder / name)


def _sentencepiece_rules(model: Path) -> Any:
    """A `tokenizers` pipeline that cuts as SentencePiece itself does, with its ids."""
    from tokenizers import Tokenizer
    from tokenizers.models import Unigram
    from tokenizers.normalizers import Precompiled
    from tokenizers.pre_tokenizers import Metaspace, Sequence, WhitespaceSplit

    from pytxenc._core import read_sentencepiece

    read = read_sentencepiece(model.read_bytes())
    pieces = [(piece, score) for piece, score, _ in read["pieces"]]
    tokenizer = Tokenizer(Unigram(pieces, read["unk_id"], byte_fallback=False))
    tokenizer.normalizer = Precompiled(read["precompiled_charsmap"])
    tokenizer.pre_tokenizer = Sequence([WhitespaceSplit(), Metaspace()])
    tokenizer.add_special_tokens([pieces[read["unk_id"]][0]])
    return tokenizer


# ---- texts ----

TEXTS = {
    "corpus": "the open corpus",
    "tenth": "every tenth document of the open corpus",
    "wikitext": "WikiText-2, by lines",
    "wagahaiwa": "a Japanese novel, by lines",
    "reviews": "Chinese reviews",
}


def _documents(name: str) -> list[bytes]:
    text = data_dir() / "text"
    if name in ("corpus", "tenth"):
        documents = lzma.decompress((text / "open-corpus.txt.xz").read_bytes()).split(b"\n\n")
        return documents if name == "corpus" else documents[::10]
    if name == "wikitext":
        files = [text / f"wikitext-2-{part}.txt" for part in ("valid", "test")]
        return [line for file in files for line in file.read_bytes().splitlines()]
    if name == "wagahaiwa":
        return (text / "wagahaiwa-ja.txt").read_bytes().splitlines()
    reviews = data_dir() / "tasks" / "chnsenticorp" / "train.tsv"
    return [line.partition(b"\t")[2] for line in reviews.read_bytes().splitlines()]


def write_texts(folder: Path, names: Iterable[str], share: int = 1) -> dict[str, tuple[int, int]]:
    """Write texts into `folder`; returns the bytes and the documents of each.

    A text is the UTF-8 of its documents, one straight after another, and an array of where
    each ends.  `share` keeps one document of so many.
    """
    import numpy as np

    sizes = {}
    for name in names:
        documents = [document for document in _documents(name)[::share] if document]
        data = b"".join(documents)
        (folder / f"{name}.txt").write_bytes(data)
        ends = np.cumsum([len(document) for document in documents], dtype=np.int64)
        np.save(folder / f"{name}.npy", ends)
        sizes[name] = len(data), len(documents)
    return sizes


def read_text(folder: Path, name: str) -> tuple[bytes, Any]:
    """The UTF-8 of a text and where its documents end, int64 [D]."""
    import numpy as np

    return (folder / f"{name}.txt").read_bytes(), np.load(folder / f"{name}.npy")


def split(data: bytes, ends: Any) -> list[bytes]:
    """The documents of a text."""
    starts = [0, *ends[:-1].tolist()]
    return [data[start:end] for start, end in zip(starts, ends.tolist(), strict=True)]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
