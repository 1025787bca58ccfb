"""Whole texts to ids: MB/s of the first pass and of later ones, and whether the ids agree.

Every turn is a process of its own, which loads a tokenizer and passes over a text several
times.  The first pass of a tokenizer that keeps words it has met is a figure of its own, with
imports and start of threads behind it; others have one figure.  A pass ends with the ids in
whatever form the package answers them.
"""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from harness import Summary, take_turns
from tokenizer_data import KINDS, TEXTS
from tokenizer_peers import PEERS, environment
from tokenizer_report import Row, report

PROGRAM = Path(__file__).with_name("tokenizer_peers.py")
OURS, REFERENCE = "pytxenc", "tokenizers"


class Comparison(NamedTuple):
    """A tokenizer on a text."""

    kind: str
    text: str
    peers: tuple[str, ...]  # beside ours
    goal: tuple[str, float]  # the peer, and how many times its speed is wanted
    threads: int = 1

    @property
    def name(self) -> str:
        return f"corpus {self.kind} {self.text} {self.threads}"


GIGATOKEN = ("gigatoken", 1.2)
SENTENCEPIECE = ("sentencepiece", 6.0)
WORDPIECE = ("tokenizers", 40.0)
BPE_PEERS = ("gigatoken", "tokenizers", "tiktoken", "kitoken", "blingfire")
UNIGRAM_PEERS = ("sentencepiece", "tokenizers", "kitoken")
WORDPIECE_PEERS = ("tokenizers", "kitoken", "blingfire")
# The slow ones get a tenth of the corpus: they keep nothing, so their speed is the same.
COMPARISONS = (
    Comparison("roberta", "corpus", ("gigatoken",), GIGATOKEN),
    Comparison("roberta", "corpus", ("gigatoken",), GIGATOKEN, threads=2),
    Comparison("roberta", "tenth", BPE_PEERS, GIGATOKEN),
    Comparison("roberta", "wikitext", BPE_PEERS, GIGATOKEN),
    Comparison("roberta", "wagahaiwa", BPE_PEERS, GIGATOKEN),
    Comparison("sentencepiece", "corpus", ("sentencepiece",), SENTENCEPIECE),
    Comparison("sentencepiece", "tenth", UNIGRAM_PEERS, SENTENCEPIECE),
    Comparison("sentencepiece", "tenth", UNIGRAM_PEERS, SENTENCEPIECE, threads=2),
    Comparison("albert", "tenth", UNIGRAM_PEERS, SENTENCEPIECE),
    Comparison("albert", "wikitext", UNIGRAM_PEERS, SENTENCEPIECE),
    Comparison("bert", "tenth", WORDPIECE_PEERS, WORDPIECE),
    Comparison("bert", "tenth", WORDPIECE_PEERS, WORDPIECE, threads=2),
    Comparison("bert", "wikitext", WORDPIECE_PEERS, WORDPIECE),
    Comparison("bert-lower", "tenth", WORDPIECE_PEERS, WORDPIECE),
    Comparison("bert-chinese", "reviews", WORDPIECE_PEERS, WORDPIECE),
    Comparison("bert-chinese", "wagahaiwa", WORDPIECE_PEERS, WORDPIECE),
)


def contenders(comparison: Comparison, absent: list[str]) -> list[str]:
    """Ours and the peers that can take part."""
    return [
        peer
        for peer in (OURS, *comparison.peers)
        if peer not in absent
        and comparison.kind in PEERS[peer].kinds
        and (comparison.threads == 1 or PEERS[peer].threads)
    ]


def encode(
    peer: str, kind: str, text: str, threads: int, folder: Path, ids: Path | None = None
) -> list[float]:
    """Seconds of every pass of one contender in a process of its own."""
    command = [sys.executable, str(PROGRAM), peer, kind, text, f"--folder={folder}"]
    command.append(f"--threads={threads}")
    if ids is not None:
        command.append(f"--ids={ids}")
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment(threads))
    return [float(seconds) for seconds in json.loads(done.stdout)]


class Ids:
    """The ids of each contender for each text, compared with those of `tokenizers`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _read(self, peer: str, kind: str, text: str, threads: int) -> Any:
        import numpy as np

        file = self.folder / f"ids-{peer}-{kind}-{text}.npz"
        if peer != REFERENCE or not file.exists():
            encode(peer, kind, text, threads, self.folder, file)
        with np.load(file) as saved:
            ids, ends = saved["ids"], np.cumsum(saved["lengths"])
        if peer != REFERENCE:
            file.unlink()
        return np.split(ids, ends[:-1])

    def note(self, peer: str, comparison: Comparison) -> str:
        """What to say of a contender's ids."""
        import numpy as np

        if peer == REFERENCE:
            return "the ids that count"
        kind, text, threads = comparison.kind, comparison.text, comparison.threads
        right = self._read(REFERENCE, kind, text, 2)
        given = self._read(peer, kind, text, threads)
        if len(given) != len(right):
            return f"{len(given)} documents instead of {len(right)}"
        pairs = zip(given, right, strict=True)
        wrong = sum(not np.array_equal(one, other) for one, other in pairs)
        return f"ids differ in {wrong} of {len(right)} documents" if wrong else "exact ids"


def later(seconds: list[float]) -> float:
    """The seconds of a pass once the tokenizer has met the text."""
    return Summary.of(seconds[2:] or seconds[-1:]).median


def run(
    comparison: Comparison, sizes: tuple[int, int], folder: Path, absent: list[str], rounds: int
) -> dict[str, Any]:
    """Measure and print one comparison."""
    kind, text, threads = comparison.kind, comparison.text, comparison.threads
    names = contenders(comparison, absent)
    ids = Ids(folder)
    notes = {} if REFERENCE in absent else {name: ids.note(name, comparison) for name in names}
    turns = {name: partial(encode, name, kind, text, threads, folder) for name in names}
    passes = take_turns(turns, rounds, warm_up=0)  # the ids were one

    megabytes = sizes[0] / 1e6
    rows = []
    for name in names:
        first = [megabytes / seconds[0] for seconds in passes[name]]
        steady = [megabytes / later(seconds) for seconds in passes[name]]
        goal = comparison.goal[1] if name == comparison.goal[0] else None
        ours, note = None if name == OURS else OURS, notes.get(name, "")
        if PEERS[name].caches:
            against = None if name == OURS else f"{OURS}, first pass"
            rows.append(Row(f"{name}, first pass", first, against, goal))
        rows.append(Row(name, steady, ours, goal, note))
    title = (
        f"{KINDS[kind].title}, {TEXTS[text]} ({megabytes:.1f} MB in {sizes[1]} documents),"
        f" {threads} thread{'s' if threads > 1 else ''}"
    )
    return {"name": comparison.name, **report(title, "MB/s", rows)}
