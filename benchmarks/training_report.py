"""Training compared: tokens a second, ratios, memory, in print and as Markdown.

As a program, this prints result files of bench_training.py as Markdown tables:

    python benchmarks/training_report.py benchmarks/results/training.json
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness import Line, Summary
from training_engines import DTYPES, ENGINES

OURS, PEER = ENGINES
# How many times as fast as the peer, and at most which share of its memory.
SPEED_GOALS = {"float32": 3.0, "bfloat16": 2.5}
MEMORY_GOAL = 0.7
EDGE = 50  # steps at the beginning and the end of many


def compare(told: dict[str, Any]) -> None:
    """Add our speed and memory as ratios to the peer's, round by round, where both ran."""
    seconds, peaks = told["seconds"], told["peaks"]
    if {OURS, PEER} <= seconds.keys():
        pairs = zip(seconds[OURS], seconds[PEER], strict=True)
        told["ratio"] = Summary.of([theirs / ours for ours, theirs in pairs])._asdict()
        told["memory"] = peaks[OURS] / peaks[PEER]


def speed(told: dict[str, Any], engine: str) -> Summary:
    """Tokens a second."""
    return Summary.of([told["tokens"] / s for s in told["seconds"][engine]])


def show(told: dict[str, Any]) -> None:
    """Print what was measured in one work and precision."""
    dtype = told["dtype"]
    print(
        f"{told['title']}, {told['batch']} × {told['length']}, {dtype}, "
        f"{told['threads']} thread(s); tokens a second:"
    )
    for engine in told["seconds"]:
        middle, least, most = speed(told, engine)
        print(
            f"  {engine:10}{middle:9.1f}   ({least:.1f} to {most:.1f})   first loss "
            f"{told['losses'][engine]:.4f}, {told['peaks'][engine] / 2**20:.0f} MiB at most"
        )
    if "ratio" in told:
        middle, least, most = told["ratio"].values()
        print(
            f"  {middle:.2f} times {PEER} ({least:.2f} to {most:.2f}), goal "
            f"{SPEED_GOALS[dtype]:g}: {_met(middle >= SPEED_GOALS[dtype])}; "
            f"{told['memory']:.0%} of its memory, goal {MEMORY_GOAL:.0%}: "
            f"{_met(told['memory'] <= MEMORY_GOAL)}"
        )
    print(flush=True)


def _met(met: bool) -> str:
    return "met" if met else "NOT met"


def show_growth(dtype: str, sizes: Sequence[dict[str, Any]]) -> dict[str, Line]:
    """Print speeds by batch and length, and how well time is linear in the tokens of a length."""
    lengths = list(dict.fromkeys(one["length"] for one in sizes))
    print(f"{OURS} {dtype}, tokens a second, by batch and length:")
    lines = {}
    for length in lengths:
        of_length = [one for one in sizes if one["length"] == length]
        tokens = [one["batch"] * length for one in of_length]
        seconds = [Summary.of(one["seconds"]).median for one in of_length]
        lines[str(length)] = line = Line.through(tokens, seconds)
        speeds = ", ".join(
            f"{one['batch']}: {n / s:.0f}"
            for one, n, s in zip(of_length, tokens, seconds, strict=True)
        )
        print(
            f"  length {length}: {speeds}; {1e3 * line.start:.2f} ms and {1e6 * line.each:.1f} µs "
            f"a token, times deviate by {line.deviation:.1%} at most"
        )
    print(flush=True)
    return lines


def show_steps(name: str, seconds: list[float], memory: list[int]) -> dict[str, float]:
    """Print how the last steps of many compare with the first ones."""
    first, last = (Summary.of(part).median for part in (seconds[:EDGE], seconds[-EDGE:]))
    grown = memory[-1] - memory[min(EDGE, len(memory)) - 1]
    print(
        f"{name}, {len(seconds)} steps: {1e3 * first:.1f} ms in the first {EDGE}, "
        f"{1e3 * last:.1f} ms in the last ({last / first:.3f} times); memory grew by "
        f"{grown / 2**20:.1f} MiB after the first {EDGE}",
        flush=True,
    )
    return dict(first=first, last=last, ratio=last / first, grown=grown)


def markdown(works: Iterable[dict[str, Any]]) -> str:
    """One row a work, precision and number of threads."""
    lines = [
        "| work | precision | threads | torch | pytxenc | ratio (goal) | torch MiB | pytxenc MiB "
        f"| share (goal {MEMORY_GOAL:.0%}) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for told in works:
        if "ratio" not in told:
            continue
        theirs, ours = (f"{speed(told, engine).median:.0f}" for engine in (PEER, OURS))
        memory = [f"{told['peaks'][engine] / 2**20:.0f}" for engine in (PEER, OURS)]
        ratio = f"**{told['ratio']['median']:.2f}×** ({SPEED_GOALS[told['dtype']]:g})"
        size = f"{told['batch']} × {told['length']}"
        cells = [f"{told['title']}, {size}", told["dtype"], str(told["threads"]), theirs, ours]
        lines.append(f"| {' | '.join([*cells, ratio, *memory, format(told['memory'], '.0%')])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Results of bench_training.py as Markdown.")
    parser.add_argument("files", nargs="+", type=Path)
    for path in parser.parse_args().files:
        told = json.loads(path.read_text())
        works = told["results"]["works"]
        works.sort(key=lambda one: DTYPES.index(one["dtype"]))
        print(f"{told['machine']['date']}, {told['machine']['cpu']}:\n\n{markdown(works)}\n")


if __name__ == "__main__":
    main()
