"""Calls as programs make them: batches padded and cut into arrays or lists, and single texts.

As a program, this is one engine in a process of its own: it prints the seconds of each call
as JSON, and with --digest what the calls answered.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness import data_dir, take_turns
from tokenizer_data import FILE, KINDS, read_json, read_text, split
from tokenizer_peers import environment
from tokenizer_report import Row, medians, report

MAX_LENGTH = 512
TEXT = "tenth"  # where the long documents come from
DOCUMENTS = 300
SINGLE = 300  # sentences given one at a time
REPEATS, ENOUGH_SECONDS = 5, 1.0
# Tokenizers and threads.
COMPARISONS = (("roberta", 1), ("roberta", 2), ("albert", 1), ("xlm-roberta", 1), ("bert", 1))
PARTS = {
    "sst2 np": ("SST-2's sentences, padded, as arrays", 30.0),
    "sst2 lists": ("SST-2's sentences, padded, as lists", 30.0),
    "documents np": (f"long documents, padded, cut to {MAX_LENGTH}, as arrays", 30.0),
    "documents lists": (f"long documents, padded, cut to {MAX_LENGTH}, as lists", 30.0),
    "sentence": ("one sentence of SST-2 at a time", 10.0),
}
Call = Callable[[], Any]


def read_sentences() -> list[str]:
    """All training sentences of SST-2."""
    lines = (data_dir() / "tasks" / "sst2" / "train.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[0] for line in lines]


def texts_of(folder: Path, share: int) -> dict[str, list[str]]:
    data, ends = read_text(folder, TEXT)
    documents = [document.decode() for document in split(data, ends)[:DOCUMENTS]]
    return {"sst2": read_sentences()[::share], "documents": documents}


def calls_of(tokenizer: Any, texts: Mapping[str, list[str]]) -> dict[str, Call]:
    """The calls of a tokenizer with the interface of transformers."""
    single = texts["sst2"][:SINGLE]
    calls: dict[str, Call] = {"sentence": lambda: [tokenizer(text) for text in single]}
    for name, batch in texts.items():
        for form, kind in (("np", "np"), ("lists", None)):
            calls[f"{name} {form}"] = lambda batch=batch, kind=kind: tokenizer(
                batch, padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors=kind
            )
    return calls


def gigatoken_tokenizer(file: Path) -> Any:
    """gigatoken's class in the manner of transformers.

    It knows RoBERTa's post-processor only in the form of a template.
    """
    import gigatoken

    saved = read_json(file)
    first, last = "<s>", "</s>"
    pieces: list[dict[str, Any]] = [{"SpecialToken": {"id": first, "type_id": 0}}]
    pieces.append({"Sequence": {"id": "A", "type_id": 0}})
    pieces.append({"SpecialToken": {"id": last, "type_id": 0}})
    ids = {token: [saved["model"]["vocab"][token]] for token in (first, last)}
    saved["post_processor"] = {
        "type": "TemplateProcessing",
        "single": pieces,
        "pair": [],
        "special_tokens": {
            token: {"id": token, "ids": ids[token], "tokens": [token]} for token in ids
        },
    }
    tokenizer = gigatoken.Tokenizer.from_json(json.dumps(saved)).as_hf()
    tokenizer.pad_token = "<pad>"
    return tokenizer


def digest(call: Call) -> dict[str, str]:
    """Checksums of what a call answers, the same for equal numbers of any type and form."""
    import numpy as np

    answer = call()
    if isinstance(answer, list):  # of answers to single texts
        answer = {name: [i for one in answer for i in one[name]] for name in answer[0]}
    told = {}
    for name, value in answer.items():
        array = np.asarray(value, np.int64)
        told[name] = f"{array.shape} {hashlib.sha256(array.tobytes()).hexdigest()[:16]}"
    return told


def measure(call: Call) -> list[float]:
    """Seconds of a call; the first one is not counted."""
    seconds: list[float] = []
    while len(seconds) < 2 or (len(seconds) < 1 + REPEATS and sum(seconds) < ENOUGH_SECONDS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=["pytxenc", "transformers", "gigatoken"])
    parser.add_argument("kind", choices={kind for kind, _ in COMPARISONS})
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--share", type=int, default=1, help="use one sentence of so many")
    parser.add_argument("--digest", action="store_true")
    options = parser.parse_args()

    texts = texts_of(options.folder, options.share)
    source = options.folder / options.kind
    if options.engine == "gigatoken":
        tokenizer = gigatoken_tokenizer(source / FILE)
    else:
        if options.engine == "pytxenc":
            import pytxenc as package

            package.set_num_threads(options.threads)
        else:
            import transformers as package
        tokenizer = getattr(package, str(KINDS[options.kind].cls)).from_pretrained(source)
    calls = calls_of(tokenizer, texts)
    tell: Callable[[Call], Any] = digest if options.digest else measure
    print(json.dumps({name: tell(call) for name, call in calls.items()}))


# ---- the comparison ----


def ask(engine: str, kind: str, folder: Path, threads: int, *more: str) -> dict[str, Any]:
    """What one engine tells, in a process of its own."""
    command = [sys.executable, __file__, engine, kind, f"--folder={folder}"]
    done = subprocess.run(
        [*command, f"--threads={threads}", *more],
        stdout=subprocess.PIPE,
        check=True,
        env=environment(threads),
    )
    return dict(json.loads(done.stdout))


def same(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """What to say of a peer's answer beside ours."""
    names = sorted({*ours, *theirs})
    wrong = [name for name in names if theirs.get(name) != ours.get(name)]
    return f"differs from ours in {', '.join(wrong)}" if wrong else "equal"


def name_of(kind: str, threads: int) -> str:
    return f"calls {kind} {threads}"


def run(
    kind: str, threads: int, folder: Path, absent: list[str], rounds: int, share: int
) -> Iterator[dict[str, Any]]:
    """Measure and print all calls of one class."""
    engines = ["pytxenc", "transformers"]
    if kind == "roberta" and "gigatoken" not in absent:
        engines.append("gigatoken")
    turns = {
        engine: partial(ask, engine, kind, folder, threads, f"--share={share}")
        for engine in engines
    }
    digests = {engine: turn("--digest") for engine, turn in turns.items()}
    told = take_turns(turns, rounds, warm_up=0)  # the digests were one
    for part, (title, goal) in PARTS.items():
        scale, unit = (1e6 / SINGLE, "µs") if part == "sentence" else (1e3, "ms")
        figures = medians({e: [answers[part] for answers in told[e]] for e in engines}, scale)
        rows = [Row("pytxenc", figures["pytxenc"])]
        for peer in engines[1:]:
            note = same(digests["pytxenc"][part], digests[peer][part])
            wanted = goal if peer == "transformers" else None
            rows.append(Row(peer, figures[peer], "pytxenc", wanted, note))
        title = f"{KINDS[kind].title}, {title}, {threads} thread{'s' if threads > 1 else ''}"
        yield {"name": f"{name_of(kind, threads)} {part}", **report(title, unit, rows)}


if __name__ == "__main__":
    main()
