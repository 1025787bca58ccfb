"""How pytxenc's speed grows with the batch, the length of its sequences and the threads.

Full batches of random ids on roberta-base's shape, in every precision; the precisions take turns.
Printed too is how well time is linear in tokens at a fixed length.  With matplotlib the curves
are drawn.
"""

import importlib.util
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from engines import prepare_process
from harness import Line, Summary, arguments, finish, positive, take_turns
from inference_engines import Contender, Pytxenc
from inference_works import RandomModel, make_batches

SHAPE = "roberta-base"
LENGTH, BATCHES = 64, (1, 2, 4, 8, 16, 32, 64)
LENGTHS, OF_LENGTHS = (8, 16, 32, 64, 128, 256, 512), (1, 8)
OF_THREADS = (8, 128)  # the batch and its length
SIZES = sorted(
    {(b, LENGTH) for b in BATCHES} | {(b, n) for b in OF_LENGTHS for n in LENGTHS} | {OF_THREADS}
)


def measure(
    model: RandomModel, dtypes: list[str], threads: int, rounds: int, seconds: float
) -> list[dict[str, Any]]:
    """Seconds of every size in every precision."""
    remotes = {dtype: model.remote(Contender("pytxenc", dtype), threads) for dtype in dtypes}
    print(f"{threads} thread(s), tokens a second:")
    print(f"  {'batch':>9}" + "".join(f"{dtype:>10}" for dtype in dtypes))
    told = []
    for batch, length in SIZES:
        for remote in remotes.values():
            remote.call("begin", make_batches(f"{batch}x{length}", SHAPE))
        turns = take_turns(
            {dtype: partial(remote.call, "turn", seconds) for dtype, remote in remotes.items()},
            rounds,
            warm_up=0,
        )
        for dtype in dtypes:
            taken = [turn.seconds for turn in turns[dtype]]
            told.append(
                dict(dtype=dtype, threads=threads, batch=batch, length=length, seconds=taken)
            )
        speeds = "".join(f"{speed(one):10.0f}" for one in told[-len(dtypes) :])
        print(f"  {f'{batch}x{length}':>9}{speeds}", flush=True)
    for remote in remotes.values():
        remote.close()
    return told


def speed(one: dict[str, Any]) -> float:
    """Tokens a second."""
    return one["batch"] * one["length"] / Summary.of(one["seconds"]).median


def chosen(
    told: list[dict[str, Any]], dtype: str, threads: int, **size: int
) -> list[dict[str, Any]]:
    """The figures in a precision, with so many threads, of a batch or a length, in order."""
    wanted = dict(dtype=dtype, threads=threads, **size)
    found = [one for one in told if wanted.items() <= one.items()]
    if size.get("length") == LENGTH:
        found = [one for one in found if one["batch"] in BATCHES]
    return sorted(found, key=lambda one: (one["batch"], one["length"]))


def linear(told: list[dict[str, Any]], dtype: str, threads: int) -> dict[str, Any]:
    """Fit seconds = start + tokens * each over the batches of one length, and print it."""
    points = chosen(told, dtype, threads, length=LENGTH)
    line = Line.through(
        [one["batch"] * LENGTH for one in points],
        [Summary.of(one["seconds"]).median for one in points],
    )
    print(
        f"  {dtype}, {threads} thread(s), length {LENGTH}: {1e3 * line.start:.2f} ms and "
        f"{1e6 * line.each:.1f} µs a token; times deviate from that by {line.deviation:.1%} at most"
    )
    return dict(dtype=dtype, threads=threads, **line._asdict())


def draw(told: list[dict[str, Any]], path: Path) -> None:
    """Tokens a second against the batch, the length and the threads."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    dtypes = list(dict.fromkeys(one["dtype"] for one in told))
    threads = list(dict.fromkeys(one["threads"] for one in told))
    figure, axes = pyplot.subplots(1, 4, figsize=(16, 4.5), sharey=True, layout="constrained")
    for colour, dtype in enumerate(dtypes):
        for count, style in zip(threads, ("-", "--", ":", "-.") * len(threads), strict=False):
            look: Any = dict(color=f"C{colour}", linestyle=style, marker=".")
            look["label"] = f"{dtype}, {count} thread{'s' if count > 1 else ''}"
            series = chosen(told, dtype, count, length=LENGTH)
            axes[0].plot([one["batch"] for one in series], [*map(speed, series)], **look)
            for panel, batch in zip(axes[1:3], OF_LENGTHS, strict=True):
                series = chosen(told, dtype, count, batch=batch)
                panel.plot([one["length"] for one in series], [*map(speed, series)], **look)
        batch, length = OF_THREADS
        series = [
            one for t in threads for one in chosen(told, dtype, t, batch=batch, length=length)
        ]
        axes[3].plot(threads, [*map(speed, series)], color=f"C{colour}", marker="o")
    labels = (
        f"sequences of {LENGTH} tokens in a batch",
        *(f"length of {batch} sequence{'s' if batch > 1 else ''}" for batch in OF_LENGTHS),
        f"threads, {OF_THREADS[0]} sequences of {OF_THREADS[1]} tokens",
    )
    for panel, label in zip(axes, labels, strict=True):
        panel.set_xlabel(label)
        panel.grid(alpha=0.3)
        panel.set_ylim(bottom=0)
    for panel, sizes in zip(axes, (BATCHES, LENGTHS, LENGTHS, threads), strict=True):
        if sizes is not threads:
            panel.set_xscale("log", base=2)
        panel.set_xticks(sizes, [str(size) for size in sizes])
    axes[0].set_ylabel("tokens a second")
    axes[0].legend(fontsize="small")
    figure.savefig(path)


def main() -> None:
    parser = arguments("Speed against batch, length and threads.", rounds=3)
    parser.add_argument("--dtypes", nargs="+", choices=Pytxenc.dtypes, default=list(Pytxenc.dtypes))
    parser.add_argument("--threads", type=positive, nargs="+", default=[1, 2])
    parser.add_argument(
        "--seconds", type=float, default=0.3, help="that a turn takes at least (default 0.3)"
    )
    parser.add_argument("--plot", type=Path, help="draw the curves into this file (.svg or .png)")
    options = parser.parse_args()
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib (`make bench-peers` installs it)")
    prepare_process()
    told: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        model = RandomModel(SHAPE, Path(temporary))
        for threads in options.threads:
            told += measure(model, options.dtypes, threads, options.rounds, options.seconds)
    print("Time against tokens:")
    fits = [linear(told, d, threads) for threads in options.threads for d in options.dtypes]
    if options.plot:
        draw(told, options.plot)
    finish(options.json, {"sizes": told, "linear": fits})


if __name__ == "__main__":
    main()
