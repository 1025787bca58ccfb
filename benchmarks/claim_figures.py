"""The figures of claims.py: paired differences, and curves of held-out loss."""

from pathlib import Path
from typing import Any

from claim_arms import ARMS, CLAIMS, METRICS

COLUMNS = 3
TICKS = (0.03, 0.1, 0.3, 1)  # of differences, linear below the first


def _figure(width: float, height: float) -> Any:
    """A figure whose file is the same for the same results."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "claims"
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})


def draw_differences(results: Any, path: Path) -> None:
    """Loss of every arm less that of its claim's baseline: seeds, mean and 95 % interval."""
    found = [
        (claim, one)
        for claim in CLAIMS.values()
        for one in results.differences(claim)
        if one.metric == "loss"
    ]
    figure = _figure(8, 1.2 + 0.34 * len(found))
    axes = figure.add_subplot()
    for row, (_, one) in enumerate(found):
        axes.plot(one.values, [row] * len(one.values), ".", color="grey", ms=5, alpha=0.7)
        mean, half = one.interval.mean, one.interval.high - one.interval.mean
        colour = "C0" if one.detected else "C7"
        error = [half] if half == half else None  # one seed has no interval
        axes.errorbar([mean], [row], xerr=error, fmt="o", color=colour, capsize=3)
    names = [f"{claim.name}: {one.arm} − {one.baseline}" for claim, one in found]
    axes.set_yticks(range(len(found)), names)
    axes.axvline(0, color="black", lw=0.8)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.set_xscale("symlog", linthresh=TICKS[0])
    low, high = axes.get_xlim()
    ticks = [tick for size in TICKS for tick in (-size, size) if low <= tick <= high]
    axes.set_xticks([0, *ticks], ["0", *(f"{tick:+g}" for tick in ticks)])
    axes.minorticks_off()
    axes.set(xlabel="difference in held-out loss, nats a masked token; left is better")
    _save(figure, path)


def draw_curves(results: Any, path: Path) -> None:
    """A panel a claim: means over seeds of held-out loss, over tokens with those of the start."""
    measured = [
        claim
        for claim in CLAIMS.values()
        if "loss" in claim.metrics and any(_curve(results, arm) for arm in claim.arms)
    ]
    lines = -(-len(measured) // COLUMNS)
    figure = _figure(4.4 * COLUMNS, 0.4 + 3.1 * max(1, lines))
    for place, claim in enumerate(measured, 1):
        axes = figure.add_subplot(lines, COLUMNS, place)
        for arm in claim.arms:
            curve = _curve(results, arm)
            if curve:
                axes.plot(*zip(*curve, strict=True), label=arm, marker=".", ms=3, lw=1)
        starts = {start for arm in claim.arms if (start := ARMS[arm].start)}
        for arm in sorted(starts - {*claim.arms}):
            curve = _curve(results, arm)
            if curve:
                axes.plot(*zip(*curve, strict=True), color="grey", lw=1, ls="--", label=arm)
        axes.axhline(results.floor, color="black", lw=0.8, ls=":")
        axes.set_title(claim.title, fontsize="medium")
        axes.set(xlabel="million tokens", ylabel=METRICS["loss"].title)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    _save(figure, path)


def _curve(results: Any, arm: str) -> list[tuple[float, float]]:
    """(million tokens, nats): means over the seeds, point by point."""
    runs = [run for run in results.of(arm).values() if run.get("curve")]
    points = []
    for at in zip(*(run["curve"] for run in runs), strict=False):
        tokens = [p[0] + run["tokens_before"] for p, run in zip(at, runs, strict=True)]
        points.append((sum(tokens) / len(runs) / 1e6, sum(p[2] for p in at) / len(runs)))
    return points
