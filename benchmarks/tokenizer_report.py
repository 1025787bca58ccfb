"""A comparison of pytxenc with its peers: rows of figures, ratios beside them, goals met or not."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from harness import Summary


class Row(NamedTuple):
    """What one contender measured, a figure a round."""

    name: str
    figures: list[float]
    ours: str | None = None  # the row that it is compared with
    goal: float | None = None  # how many times better that row should be
    note: str = ""


def report(title: str, unit: str, rows: list[Row]) -> dict[str, Any]:
    """Print a comparison, and return it for the results.

    Rates ("MB/s") are better when larger, times ("ms") when smaller.  Ratios are taken round by
    round.
    """
    rate = unit.endswith("/s")
    figures = {row.name: row.figures for row in rows}
    width = max(len(row.name) for row in rows)
    print(f"{title}, {unit}:")
    told: list[dict[str, Any]] = []
    for row in rows:
        middle, least, most = Summary.of(row.figures)
        line = f"  {row.name:{width}} {_shown(middle)}  ({_shown(least)} to {_shown(most)})"
        entry: dict[str, Any] = {"name": row.name, "figures": row.figures}
        if row.ours is not None:
            pairs = zip(figures[row.ours], row.figures, strict=True)
            ratio = Summary.of([o / t if rate else t / o for o, t in pairs])
            line += f"  {ratio.median:7.2f} times"
            entry.update(ours=row.ours, ratio=ratio._asdict())
            if row.goal is not None:
                met = ratio.median >= row.goal
                line += f", goal {row.goal:g}: {'met' if met else 'NOT met'}"
                entry.update(goal=row.goal)
        if row.note:
            line += f"  [{row.note}]"
            entry.update(note=row.note)
        print(line)
        told.append(entry)
    print(flush=True)
    return {"title": title, "unit": unit, "rows": told}


def _shown(figure: float) -> str:
    """Three figures that count."""
    return f"{figure:9.{2 if figure < 10 else 1 if figure < 100 else 0}f}"


def medians(by_round: Mapping[str, list[Any]], scale: float = 1.0) -> dict[str, list[float]]:
    """The median of what each contender measured within every round, times `scale`."""
    return {
        name: [Summary.of(seconds).median * scale for seconds in rounds]
        for name, rounds in by_round.items()
    }
