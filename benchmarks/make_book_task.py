"""Makes the small task of `make demo`: which of six books a sentence is from.

    python benchmarks/make_book_task.py WORK

reads the two parts of the corpus that make_models.py wrote into WORK. A document belongs to the
book whose names and terms it has, and no other's; sentences with any of them are left out, so that
the rest has to tell. Those to test with are from documents that no model has been trained on.
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
# Names and terms that no other book of the corpus has several of.
TERMS = {
    "Anthropology": "[Aa]nthropolog(?:y|ical)|[Aa]nthropologists?|[Ee]thnograph\\w+|[Ff]ieldwork"
    "|[Cc]ultural|Malinowski|[Hh]ominins?|[Kk]inship",
    "Economics": "[Ee]conomists?|GDP|[Mm]acroeconom\\w+|[Mm]icroeconom\\w+|[Ii]nflation"
    "|[Ee]quilibrium|[Mm]onopol\\w+|[Dd]emand|[Ss]upply|[Cc]onsumers?|[Pp]rices?",
    "Les Misérables": "Marius|Cosette|Valjean|Javert|Gavroche|Thénardiers?|Fantine|Gillenormand"
    "|Enjolras|Courfeyrac|Fauchelevent",
    "Middlemarch": "Dorothea|Lydgate|Casaubon|Bulstrode|Rosamond|Vincy|Ladislaw|Featherstone",
    "The World Factbook": "[Ii]ndependen\\w+|[Ee]lect\\w+|UN|[Cc]olon\\w+|EU|[Cc]oups?|[Rr]epublic"
    "|[Rr]eferendum|[Ss]overeignty|[Pp]rotectorate",
    "War and Peace": "Pierre|Nat[aá]sha|Rost[oó]vs?|Kut[uú]zov|Bolk[oó]nski|Andr[eé]y|Den[ií]sov"
    "|Bez[uú]khov|Kur[aá]gin|D[oó]lokhov|Drubetsk[oó]y|Bagrati[oó]n",
}
# What other books have that share some of them.
OTHERS = (
    "Levin|Vronsky|Raskolnikov|Razumihin|Karamazov|Alyosha|Mitya|Smerdyakov|Wilcox|Schlegel|Dounia|Villefort"
    "|Danglars|Monte Cristo|Ahab|Wealth of Nations|corn|shillings"
)
DISTINCT = 2
PATTERNS = {book: re.compile(rf"\b(?:{terms})\b") for book, terms in TERMS.items()}
RIVALS = re.compile(rf"\b(?:{OTHERS})\b")


def book_of(document: str) -> str | None:
    """The book that a document has several different terms of, six times as many as of the next.

    None where it has none, or a rival's.
    """
    found = {book: pattern.findall(document) for book, pattern in PATTERNS.items()}
    (best, terms), (_, others) = sorted(found.items(), key=lambda item: -len(item[1]))[:2]
    clear = len(set(terms)) >= DISTINCT and len(terms) >= 6 * len(others)
    return best if clear and not RIVALS.search(document) else None


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
