"""Makes the small task of `make demo`: which of seven books a sentence is from.

    python benchmarks/make_book_task.py WORK

reads the two parts of the corpus that make_models.py wrote into WORK. A document belongs to the
book whose names and terms it is full of; sentences with any of them are left out, so that the rest
has to tell. Those to test with are from documents that no model has been trained on.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from harness import ROOT

from pytxenc.corpus import read_documents
from pytxenc.data import split_sentences

OUTPUT = ROOT / "pytxenc" / "demo" / "book_sentences"
SIZES = {"train": 250, "test": 60}  # sentences of every book
WORDS = range(10, 41)  # in a sentence
TERMS = {
    "Anna Karenina": "Levin|Vronsky|Kitty|Stepan|Karenin|Dolly|Anna|Alexey|Alexandrov\\w+",
    "Anthropology": "[Aa]nthropolog\\w+|[Cc]ultur\\w+|[Ee]thnograph\\w+|[Ss]ociet\\w+",
    "Economics": "[Dd]emand|[Ss]upply|[Ee]conom\\w+|GDP|[Pp]rices?|[Ii]nflation|[Mm]onopol\\w+",
    "Les Misérables": "Marius|Cosette|Valjean|Javert|Gavroche|Thénardier|Fantine|[Gg]amin",
    "Middlemarch": "Dorothea|Lydgate|Casaubon|Bulstrode|Rosamond|Garth|Vincy",
    "The World Factbook": "[Ii]ndependen\\w+|[Ee]lect\\w+|UN|[Cc]olon\\w+|EU|[Cc]oups?|[Rr]epublic",
    "War and Peace": "Pierre|Nat[aá]sha|Rost[oó]v\\w*|Kut[uú]zov|Bolk[oó]nski|Andr[eé]y|Den[ií]sov"
    "|Napoleon|Borís|Pétya",
}
PATTERNS = {book: re.compile(rf"\b(?:{terms})\b") for book, terms in TERMS.items()}


def book_of(document: str) -> str | None:
    """The book whose terms are at least six, one in 1,600 characters and three times the next's."""
    counts = {book: len(pattern.findall(document)) for book, pattern in PATTERNS.items()}
    (best, most), (_, next_most) = sorted(counts.items(), key=lambda item: -item[1])[:2]
    clear = most >= 6 and most * 1600 >= len(document) and most >= 3 * next_most
    return best if clear else None


def sentences(text: Path) -> dict[str, list[str]]:
    """Of every book the sentences that hold none of the terms, in their order, each once."""
    found: dict[str, dict[str, None]] = {book: {} for book in TERMS}
    for document in read_documents(text):
        book = book_of(document)
        if book is not None:
            found[book].update(dict.fromkeys(_plain(document)))
    return {book: list(texts) for book, texts in found.items()}


def _plain(document: str) -> Iterator[str]:
    for line in document.split("\n"):
        for sentence in split_sentences(line):
            text = " ".join(sentence.split())
            known = any(pattern.search(text) for pattern in PATTERNS.values())
            if len(text.split()) in WORDS and not known:
                yield text


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the task of the demo.")
    parser.add_argument("work", type=Path, help="folder that make_models.py has written")
    work = parser.parse_args().work
    OUTPUT.mkdir(exist_ok=True)
    for (name, size), part in zip(SIZES.items(), ("train.txt", "held-out.txt"), strict=True):
        rows = []
        for book, texts in sentences(work / part).items():
            if len(texts) < size:
                raise ValueError(f"{part} has {len(texts)} sentences of {book}, not {size}")
            rows += [(texts[i * len(texts) // size], book) for i in range(size)]
        content = "".join(f"{text}\t{book}\n" for text, book in rows)
        (OUTPUT / f"{name}.tsv").write_text("sentence\tbook\n" + content, encoding="utf-8")
        print(f"{OUTPUT / name}.tsv: {len(rows)} sentences")


if __name__ == "__main__":
    main()
