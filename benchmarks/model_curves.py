"""Draws how the loss of the bundled models fell while they were pretrained."""

from pathlib import Path
from typing import Any


def draw(results: dict[str, Any], path: Path) -> None:
    """One panel a model: nats a token of training and held-out text over millions of tokens.

    Lines show where samples became longer; held-out text has the same length as training's.
    """
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "models"  # the same file from the same figures
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * len(results), 3.6), layout="constrained")
    for number, (name, told) in enumerate(results.items(), 1):
        axes = figure.add_subplot(1, len(results), number)
        for label, style in (
            ("train", {"alpha": 0.6, "lw": 0.8}),
            ("held_out", {"marker": "o", "ms": 3}),
        ):
            points = told["pretraining"][label]
            axes.plot(
                [tokens / 1e6 for tokens, _ in points], [loss for _, loss in points],
                label=label.replace("_", " "), **style,
            )  # fmt: skip
        for tokens, length in told["pretraining"]["lengths"]:
            axes.axvline(tokens / 1e6, color="grey", lw=0.5)
            axes.annotate(
                f" {length}", (tokens / 1e6, 1), xycoords=("data", "axes fraction"), va="top"
            )
        if not told.get("sentence_order"):
            axes.axhline(
                told["unigram_entropy"], ls=":", color="grey", label="frequencies of words"
            )
        axes.set(title=name, xlabel="million tokens", ylabel=_ylabel(told))
        axes.legend()
    figure.savefig(path, metadata={"Date": None})


def _ylabel(told: dict[str, Any]) -> str:
    pairs = " (+ nats a pair, after the first stage)" if told.get("sentence_order") else ""
    return "nats a masked token" + pairs
