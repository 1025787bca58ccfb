"""Makes the models that come with the package, from text to files: pytxenc/bundled.

Up to pretraining every step is one of the package's own commands, with the settings in recipes/,
and is left out when the folder of work has its result; an interrupted pretraining goes on. What
was measured goes into results/models.json, its curves into results/models.svg, and the cards of
the models are written from it.

    python benchmarks/make_models.py /somewhere/with/space
    python benchmarks/make_models.py /somewhere/with/space --models albert-mini --until corpora
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from harness import ROOT, data_dir, finish, machine, positive, without_tuning
from model_bundle import bundle, bundled
from model_cards import RESULTS, write_cards
from model_curves import courses, draw
from model_measures import measure
from model_recipes import RECIPES, Recipe
from model_repeats import write_repeats
from prove_models import RESULTS as TASK_RESULTS
from prove_models import known

STEPS = ("text", "tokenizers", "corpora", "pretrain", "bundle", "measure")


class Maker:
    """The steps, in a folder of work."""

    def __init__(self, work: Path, threads: int) -> None:
        self.work, self.threads = work, threads
        work.mkdir(parents=True, exist_ok=True)

    def command(self, *arguments: object) -> None:
        """Run one of the package's commands."""
        subprocess.run([sys.executable, "-m", "pytxenc", *map(str, arguments)], check=True)

    def text(self) -> None:
        """Hold out a fiftieth of the documents, by hash, before anything learns from them."""
        train, held_out = self.work / "train.txt", self.work / "held-out.txt"
        if not (train.exists() and held_out.exists()):
            train.unlink(missing_ok=True)
            held_out.unlink(missing_ok=True)
            corpus = data_dir() / "text" / "open-corpus.txt.xz"
            self.command("split", corpus, "--train", train, "--held-out", held_out)
        for source, name, apart in (
            (train, "repeats", False), (train, "pairs", True), (held_out, "held-out-pairs", True)
        ):  # fmt: skip
            text = self.work / f"{name}.txt"
            if not text.exists():
                write_repeats(source, text, apart=apart)

    def tokenizers(self, recipe: Recipe) -> None:
        """Train the tokenizer."""
        if not recipe.tokenizer(self.work).exists():
            self.command(
                "train-tokenizer", "--type", recipe.kind, "--vocab-size", recipe.vocab_size,
                "--output", recipe.tokenizer(self.work), self.work / "train.txt",
            )  # fmt: skip

    def corpora(self, recipe: Recipe) -> None:
        """Encode what is trained on, what is held out, and WikiText-2."""
        names = (*recipe.texts, "held-out", *(["held-out-pairs"] if recipe.pairs else []))
        texts = {name: self.work / f"{name}.txt" for name in names}
        texts["wikitext-2"] = data_dir() / "text" / "wikitext-2-test.txt"
        for name, text in texts.items():
            corpus = recipe.corpus(self.work, name)
            if not corpus.exists():
                self.command(
                    "tokenize", "--tokenizer", recipe.tokenizer(self.work), "--output", corpus,
                    "--split-special-tokens", recipe.lines, text,
                )  # fmt: skip

    def pretrain(self, recipe: Recipe) -> None:
        """Pretrain in one stage after another, or go on with it."""
        before: Path | None = None
        for stage in recipe.stages:
            output = self.work / stage.name
            if not (output / "results.json").exists():
                more: list[object] = ["--model", before] if before is not None else []
                if (output / "run.toml").exists():
                    more.append("--resume")
                self.command(
                    "pretrain", "--config", ROOT / "benchmarks" / "recipes" / f"{stage.name}.toml",
                    "--corpus", recipe.corpus(self.work, stage.text),
                    "--dev-corpus", recipe.corpus(self.work, "held-out"),
                    "--tokenizer", recipe.tokenizer(self.work), "--output", output,
                    "--threads", self.threads, *more,
                )  # fmt: skip
            before = output


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the models that come with the package.")
    parser.add_argument("work", type=Path, help="folder for what is made on the way")
    parser.add_argument("--models", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--since", choices=STEPS, default=STEPS[0], help="the first step")
    parser.add_argument("--until", choices=STEPS, default=STEPS[-1], help="the last step")
    parser.add_argument("--threads", type=positive, default=2)
    options = parser.parse_args()
    without_tuning()
    maker = Maker(options.work, options.threads)
    steps = STEPS[STEPS.index(options.since) : STEPS.index(options.until) + 1]
    if "text" in steps:
        maker.text()
    for name in options.models:
        recipe = RECIPES[name]
        for step in ("tokenizers", "corpora", "pretrain"):
            if step in steps:
                getattr(maker, step)(recipe)
        if "bundle" in steps:
            bundle(recipe, options.work)
        if "measure" in steps:
            told = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else {}
            before = told.get(name, {}).get("pretraining", [])
            parts = courses(recipe, options.work, before)  # first: it can fail for want of logs
            figures = measure(recipe, options.work, bundled(recipe))
            told[name] = {**figures, "pretraining": parts, "machine": machine()}
            finish(RESULTS, told)
    if "measure" in steps:
        draw(json.loads(RESULTS.read_text())["results"], RESULTS.with_suffix(".svg"))
        write_cards(known(TASK_RESULTS))


if __name__ == "__main__":
    main()
