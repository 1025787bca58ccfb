"""How the loss of the bundled models fell while they were pretrained: read from logs, and drawn."""

import json
import statistics
from pathlib import Path
from typing import Any

from model_recipes import Recipe

from pytxenc.cli.pretrain import length_stages
from pytxenc.cli.settings import RUN_FILE, tomllib

POINTS = 400  # at most, of a part's training
Part = dict[str, Any]


def courses(recipe: Recipe, work: Path, before: list[Part]) -> list[Part]:
    """The parts of a model's pretraining, in order.

    before: parts told of in the results, which are kept where the runs themselves are gone; each
    tells of one stage or of several.  FileNotFoundError for a stage of which neither is left.
    """
    kept = {part["stages"][0]: part for part in before
            if not all((work / stage).exists() for stage in part["stages"])}  # fmt: skip
    covered = {stage for part in kept.values() for stage in part["stages"]}
    names = [stage.name for stage in recipe.stages]
    return [
        kept[name] if name in kept else _course(work / name)
        for name in names
        if name in kept or name not in covered
    ]


def _course(run: Path) -> Part:
    """Of one run: [tokens, nats] of training and of held-out text, [tokens, length] of blocks."""
    settings = tomllib.loads((run / RUN_FILE).read_text())
    stages = length_stages(settings.get("lengths", ())) or [(0.0, settings["block-size"])]
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    steps = settings.get("max-steps", rows[-1]["step"])  # a run of so many minutes tells none
    due = [(begin * steps, length) for begin, length in stages]
    train: list[tuple[int, float]] = []
    held_out: list[tuple[int, float]] = []
    lengths: list[tuple[int, int]] = []
    tokens, seconds = 0, 0.0
    for row in rows:
        while due and row["step"] >= due[0][0]:
            lengths.append((tokens, due.pop(0)[1]))
        if "tokens" in row:
            tokens, seconds = row["tokens"], row["elapsed"]
            train.append((tokens, row["loss"]))
        elif "eval_loss" in row:
            held_out.append((tokens, round(row["eval_loss"], 4)))
    thin = max(1, len(train) // POINTS)
    means = [
        (train[i][0], round(statistics.mean(loss for _, loss in train[i : i + thin]), 4))
        for i in range(0, len(train), thin)
    ]
    return {
        "stages": [run.name],
        "tokens": tokens,
        "hours": seconds / 3600,
        "cpu": settings["versions"]["CPU"],
        "lengths": lengths,
        "train": means,
        "held_out": held_out,
    }


def draw(results: dict[str, Any], path: Path) -> None:
    """One panel a model: nats a token of training and held-out text over millions of tokens.

    Lines show where samples became longer or a part begins; held-out text has the same length as
    training's.
    """
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "models"  # the same file from the same figures
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * len(results), 3.6), layout="constrained")
    for number, (name, told) in enumerate(results.items(), 1):
        axes = figure.add_subplot(1, len(results), number)
        start = 0
        for part in told["pretraining"]:
            for key, label, style in (
                ("train", "train", {"color": "C0", "alpha": 0.6, "lw": 0.8}),
                ("held_out", "held out", {"color": "C1", "marker": "o", "ms": 3}),
            ):
                axes.plot(
                    [(start + tokens) / 1e6 for tokens, _ in part[key]],
                    [loss for _, loss in part[key]],
                    label=None if start else label, **style,
                )  # fmt: skip
            for tokens, length in part["lengths"]:
                axes.axvline((start + tokens) / 1e6, color="grey", lw=0.5)
                axes.annotate(
                    f" {length}", ((start + tokens) / 1e6, 1),
                    xycoords=("data", "axes fraction"), va="top",
                )  # fmt: skip
            start += part["tokens"]
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
