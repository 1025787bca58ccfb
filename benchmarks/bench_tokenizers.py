"""The tokenizers against their peers: whole texts, calls, start; ids checked on the way.

Contenders take turns, each turn in a process of its own, and are bound to the same number of
threads.  Peers that are not installed are named and left out (`make bench-peers` installs them).
"""

import tempfile
from pathlib import Path
from typing import Any

import tokenizer_calls as calls
import tokenizer_corpus as corpus
import tokenizer_start as start
from harness import arguments, finish, machine
from tokenizer_data import write_kinds, write_texts
from tokenizer_peers import missing


def main() -> None:
    parser = arguments("Compare tokenizers.", rounds=5)
    parser.add_argument(
        "--only", metavar="NAME", help="the comparisons whose name contains this; see --list"
    )
    parser.add_argument("--list", action="store_true", help="list their names and stop")
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of each text, one round: a smoke test"
    )
    options = parser.parse_args()
    rounds, share = (1, 10) if options.quick else (options.rounds, 1)

    def wanted(name: str) -> bool:
        return options.only is None or options.only in name

    texts = [c for c in corpus.COMPARISONS if wanted(c.name)]
    called = [which for which in calls.COMPARISONS if wanted(calls.name_of(*which))]
    starts = [name for name in start.NAMES if wanted(name)]
    if options.list:
        names = [*(c.name for c in texts), *(calls.name_of(*which) for which in called), *starts]
        print("\n".join(names))
        return
    about = machine()
    print(f"{about['cpu']}, {about['instruction set']}, pytxenc {about['commit']}")
    absent = missing()
    if absent:
        print(f"not installed, left out: {', '.join(absent)}")
    print(flush=True)

    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_kinds(folder, {*(c.kind for c in texts), *(kind for kind, _ in called)})
        needed = {*(c.text for c in texts), *(calls.TEXT for _ in called)}
        sizes = write_texts(folder, needed, share)
        for comparison in texts:
            size = sizes[comparison.text]
            results.append(corpus.run(comparison, size, folder, absent, rounds))
        for kind, threads in called:
            results += calls.run(kind, threads, folder, absent, rounds, share)
        for name in starts:
            results.append(start.run(name, absent, rounds))
    finish(options.json, results)


if __name__ == "__main__":
    main()
