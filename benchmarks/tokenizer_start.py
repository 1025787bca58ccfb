"""Starting up: from roberta-base's files to the ids of one sentence, once in a process."""

import subprocess
import sys
import tempfile
import time
from functools import partial
from typing import Any

from harness import data_dir, take_turns
from tokenizer_peers import environment
from tokenizer_report import Row, report

GOAL = 3.0
SENTENCE = "Hello, my dog is cute"
# The package that must be there, what is imported, and what is done with {folder}.
CONTENDERS = {
    "pytxenc": (
        "pytxenc",
        "from pytxenc import RobertaTokenizer",
        "RobertaTokenizer.from_pretrained('{folder}')('{sentence}')",
    ),
    "pytxenc, vocab.json and merges.txt": (
        "pytxenc",
        "from pytxenc import RobertaTokenizer",
        "RobertaTokenizer('{folder}/vocab.json', '{folder}/merges.txt')('{sentence}')",
    ),
    "tokenizers": (
        "tokenizers",
        "from tokenizers import Tokenizer",
        "Tokenizer.from_file('{folder}/tokenizer.json').encode('{sentence}')",
    ),
    "tokenizers, vocab.json and merges.txt": (
        "tokenizers",
        "from tokenizers import ByteLevelBPETokenizer",
        "ByteLevelBPETokenizer('{folder}/vocab.json', '{folder}/merges.txt').encode('{sentence}')",
    ),
    "transformers": (
        "transformers",
        "from transformers import RobertaTokenizer",
        "RobertaTokenizer.from_pretrained('{folder}')('{sentence}')",
    ),
    "gigatoken": (
        "gigatoken",
        "from gigatoken import Tokenizer",
        "Tokenizer('{folder}/tokenizer.json').encode('{sentence}')",
    ),
    "kitoken": (
        "kitoken",
        "from kitoken import Kitoken",
        "Kitoken.from_tokenizers_file('{folder}/tokenizer.json').encode('{sentence}')",
    ),
}
BARE = {"Python alone": ("", ""), "Python with NumPy": ("import numpy", "")}
# Which of our rows each peer is compared with: both read the same files.
OURS = {
    key: key.replace(package, "pytxenc")
    for key, (package, _, _) in CONTENDERS.items()
    if package != "pytxenc"
}
GOALS = ("tokenizers", "tokenizers, vocab.json and merges.txt")
TIMED = """
{imports}
from time import perf_counter
start = perf_counter()
{what}
print(perf_counter() - start)
"""
NAMES = ("start in process", "start whole process")


def seconds_in_process(imports: str, what: str) -> float:
    """Seconds that `what` takes in a new process, behind its imports."""
    return float(_run(TIMED.format(imports=imports, what=what)))


def seconds_of_process(imports: str, what: str) -> float:
    """Seconds of a new process that imports and does `what`."""
    start = time.perf_counter()
    _run(f"{imports}\n{what}")
    return time.perf_counter() - start


def _run(code: str) -> str:
    # Elsewhere than here: python -c would find the source tree before the installed package.
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=tempfile.gettempdir(),
        env=environment(1),
    )
    return done.stdout


def run(name: str, absent: list[str], rounds: int) -> dict[str, Any]:
    """Measure and print one of `NAMES`."""
    folder = (data_dir() / "tokenizers" / "roberta-base").resolve()
    codes = {
        key: (imports, what.format(folder=folder, sentence=SENTENCE))
        for key, (package, imports, what) in CONTENDERS.items()
        if package not in absent
    }
    if name == NAMES[0]:
        title, seconds = "From roberta-base's files to one sentence's ids", seconds_in_process
    else:
        title, seconds = "The same as a whole process, imports included", seconds_of_process
        codes.update(BARE)
    told = take_turns({key: partial(seconds, *code) for key, code in codes.items()}, rounds)
    rows = []
    for key, figures in told.items():
        goal = GOAL if name == NAMES[0] and key in GOALS else None
        rows.append(Row(key, [1e3 * figure for figure in figures], OURS.get(key), goal))
    return {"name": name, **report(title, "ms", rows)}
