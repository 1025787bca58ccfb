"""Encoders compared: speeds, ratios to the best peer of the same precision, shares of the peak.

As a program, this prints result files of bench_inference.py as Markdown tables:

    python benchmarks/inference_report.py benchmarks/results/inference.json
"""

import argparse
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness import Summary

OURS = "pytxenc"
DTYPES = ("float32", "bfloat16", "int8")
# How many times as fast as the best peer of the same precision, by shape and work.
GOALS: dict[str, dict[str, tuple[float, ...]]] = {
    "roberta-base": {
        "1x8": (2.0, 2.0, 4.0),
        "1x32": (1.5, 1.5, 2.3),
        "1x128": (1.15, 1.2, 1.8),
        "1x512": (1.1, 1.2, 1.6),
        "8x128": (1.1, 1.15, 1.6),
        "SST-2": (1.25, 2.5, 1.8),
        "WikiText-2": (1.4, 2.0, 2.5),
    },
    "albert-base-v2": {
        "1x8": (1.5, 1.5),
        "1x32": (1.5, 1.5),
        "1x128": (1.15, 1.15),
        "8x128": (1.15, 1.15),
        "SST-2": (2.0, 2.0),
    },
}
# The share of the measured peak, by shape and work.
PEAK_GOALS = {("roberta-base", "8x128"): (0.80, 0.75, 0.65)}


def entry(
    shape: str,
    work: str,
    threads: int,
    tokens: int,
    flops: int,
    turns: dict[str, list[Any]],
    differences: dict[str, float],
) -> dict[str, Any]:
    """What was measured in one work, by contender, for the results; turns are of `Turn`."""
    told: dict[str, Any] = {
        "shape": shape,
        "work": work,
        "threads": threads,
        "tokens": tokens,
        "flops": flops,
        "seconds": {name: [turn.seconds for turn in taken] for name, taken in turns.items()},
        "differences": differences,
        "peak": {
            name: [turn.peak for turn in taken]
            for name, taken in turns.items()
            if all(turn.peak is not None for turn in taken)
        },
    }
    told["compared"] = {
        dtype: _compare(told, index)
        for index, dtype in enumerate(DTYPES)
        if f"{OURS} {dtype}" in turns
    }
    return told


def _compare(told: dict[str, Any], index: int) -> dict[str, Any]:
    """Our figures in one precision beside the best peer's, round by round, and the goals."""
    dtype, ours = DTYPES[index], f"{OURS} {DTYPES[index]}"
    seconds = told["seconds"]
    compared: dict[str, Any] = {}
    peers = [name for name in seconds if name.endswith(f" {dtype}") and name != ours]
    if peers:
        best = min(peers, key=lambda name: Summary.of(seconds[name]).median)
        pairs = zip(seconds[ours], seconds[best], strict=True)
        compared["peer"] = best
        compared["ratio"] = Summary.of([t / o for o, t in pairs])._asdict()
        goals = GOALS.get(told["shape"], {}).get(told["work"], ())
        compared.update(goal=goals[index] if index < len(goals) else None)
    if ours in told["peak"]:
        pairs = zip(seconds[ours], told["peak"][ours], strict=True)
        shares = Summary.of([told["flops"] / s / peak for s, peak in pairs])
        compared["share"] = shares._asdict()
        goals = PEAK_GOALS.get((told["shape"], told["work"]), ())
        compared.update(share_goal=goals[index] if goals else None)
    return compared


def speed(told: dict[str, Any], name: str) -> Summary:
    """Real tokens a second."""
    return Summary.of([told["tokens"] / s for s in told["seconds"][name]])


def show(told: dict[str, Any]) -> None:
    """Print what was measured in one work."""
    print(
        f"{told['shape']}'s shape, {told['work']}, {told['threads']} thread(s), "
        f"{told['tokens']} real tokens; real tokens a second:"
    )
    for name in told["seconds"]:
        middle, least, most = speed(told, name)
        line = f"  {name:20}{middle:9.1f}   ({least:.1f} to {most:.1f})"
        if name in told["differences"]:
            line += f"   differs by {told['differences'][name]:.1e}"
        print(line)
    for dtype, compared in told["compared"].items():
        parts = []
        if "ratio" in compared:
            middle, least, most = compared["ratio"].values()
            text = f"{middle:.2f} times {compared['peer']} ({least:.2f} to {most:.2f})"
            parts.append(text + _goal(middle, compared["goal"], "g"))
        if "share" in compared:
            middle, least, most = compared["share"].values()
            text = f"{middle:.0%} of the measured peak ({least:.0%} to {most:.0%})"
            parts.append(text + _goal(middle, compared["share_goal"], ".0%"))
        if parts:
            print(f"  {OURS} {dtype}: {'; '.join(parts)}")
    print(flush=True)


def _goal(figure: float, goal: float | None, form: str) -> str:
    if goal is None:
        return ""
    return f", goal {goal:{form}}: {'met' if figure >= goal else 'NOT met'}"


def markdown(date: str, works: Iterable[dict[str, Any]]) -> str:
    """Tables of every shape and number of threads, one row a work; then one row a precision."""
    tables: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for told in works:
        tables.setdefault((told["shape"], told["threads"]), []).append(told)
    full = [_table(*key, rows) for key, rows in tables.items()]
    return "\n".join([*full, *_dated(date, tables)])


def _dated(date: str, tables: dict[tuple[str, int], list[dict[str, Any]]]) -> Iterator[str]:
    """Our figures alone, with their ratios: a table a shape, to which later rows can be added."""
    for shape in dict.fromkeys(shape for shape, _ in tables):
        works = dict.fromkeys(
            told["work"] for key, rows in tables.items() if key[0] == shape for told in rows
        )
        yield f"{shape}'s shape, pytxenc:\n"
        yield f"| date | threads | precision | {' | '.join(map(_shown, works))} |"
        yield f"|{'---|' * (3 + len(works))}"
        for (of, threads), rows in tables.items():
            for dtype in DTYPES if of == shape else ():
                cells = {told["work"]: _cell(told, dtype, goals=False) for told in rows}
                if any(cells.values()):
                    row = " | ".join(cells.get(work, "") for work in works)
                    yield f"| {date} | {threads} | {dtype} | {row} |"
        yield ""


def _shown(work: str) -> str:
    return re.sub(r"^(\d+)x(\d+)$", r"\1 × \2", work)


def _cell(told: dict[str, Any], dtype: str, goals: bool) -> str:
    """Our speed in a precision, its ratio, its share of the peak, with their goals or without."""
    name = f"{OURS} {dtype}"
    if name not in told["seconds"]:
        return ""
    cell = f"{speed(told, name).median:.0f}"
    compared = told["compared"][dtype]
    if "ratio" in compared:
        cell += f", **{compared['ratio']['median']:.2f}×**"
        cell += f" ({compared['goal']:g})" if goals and compared["goal"] else ""
    if "share" in compared:
        cell += f", {compared['share']['median']:.0%}"
        cell += f" ({compared['share_goal']:.0%})" if goals and compared["share_goal"] else ""
    return cell


def _table(shape: str, threads: int, rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for told in rows for name in told["seconds"]))
    names.sort(key=lambda name: name.startswith(OURS))  # ours last
    lines = [
        f"{shape}'s shape, {threads} thread{'s' if threads > 1 else ''}:",
        "",
        f"| work | {' | '.join(names)} |",
        f"|{'---|' * (1 + len(names))}",
    ]
    for told in rows:
        cells = [
            _cell(told, name.split()[1], goals=True)
            if name.startswith(OURS)
            else f"{speed(told, name).median:.0f}"
            if name in told["seconds"]
            else ""
            for name in names
        ]
        lines.append(f"| {_shown(told['work'])} | {' | '.join(cells)} |")
    reached = [
        compared[figure]["median"] >= compared[goal]
        for told in rows
        for compared in told["compared"].values()
        for figure, goal in (("ratio", "goal"), ("share", "share_goal"))
        if compared.get(goal)
    ]
    lines += ["", f"Goals met: {sum(reached)} of {len(reached)}.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Print results as Markdown tables.")
    parser.add_argument("files", type=Path, nargs="+", help="written by bench_inference.py --json")
    works: list[dict[str, Any]] = []
    for file in parser.parse_args().files:
        told = json.loads(file.read_text())
        works += told["results"]["works"]
    print(markdown(told["machine"]["date"], works))


if __name__ == "__main__":
    main()
