"""Text in which many sentences are said twice, the second time a little shorter.

A small model whose layers are one does not find in plain text that words of one sentence return in
the next, and learns nothing of pairs.  Here half of the sentences return at once, and a tenth of
their words is left out, so that the second cannot be told by counting: in their places in the text,
or every one that returns with its return as a document of its own, so that to tell whether a
sentence stands behind another is to tell whether their words are the same.
"""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

from pytxenc.corpus import read_documents
from pytxenc.data import split_sentences
from pytxenc.safetensors_file import atomic_file

RETURNING = 0.5
LEFT_OUT = 0.1
SEED = 5


def repeated(document: str, rng: random.Random) -> Iterator[tuple[str, ...]]:
    """The sentences of a document, each alone or with its return."""
    for sentence in split_sentences(document):
        words = sentence.split()
        if rng.random() < RETURNING:
            yield sentence, " ".join([w for w in words if rng.random() >= LEFT_OUT] or words)
        else:
            yield (sentence,)


def write_repeats(source: Path, target: Path, *, apart: bool = False) -> None:
    """Write the documents of a text, or what returns apart; an interrupted run leaves no target."""
    rng = random.Random(SEED)
    with atomic_file(target) as file:
        for document in read_documents(source):
            said = list(repeated(document, rng))
            returning = (sentences for sentences in said if len(sentences) == 2)
            for sentences in returning if apart else [tuple(itertools.chain(*said))]:
                file.write("".join(f"{line}\n" for line in (*sentences, "")).encode())
