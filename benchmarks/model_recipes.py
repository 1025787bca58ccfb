"""What distinguishes the models that come with the package, and where their parts lie."""

from pathlib import Path
from typing import NamedTuple


class Stage(NamedTuple):
    """A run of pretraining, from the weights of the stage before."""

    name: str  # recipes/<name>.toml, and the folder of the run
    text: str = "train"  # or "repeats" or "pairs", model_repeats.py


class Recipe(NamedTuple):
    """A model: its tokenizer, its text, and the runs of pretraining."""

    name: str
    kind: str  # of tokenizer and model
    vocab_size: int
    lines: str  # how the text is encoded: by lines, or by sentences
    pairs: bool  # trained on pairs of sentences too
    stages: tuple[Stage, ...]

    @property
    def run(self) -> str:
        """The folder of the last run."""
        return self.stages[-1].name

    def tokenizer(self, work: Path) -> Path:
        """Folder of the tokenizer."""
        return work / f"{self.kind}-tokenizer"

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts its stages train on."""
        return tuple(dict.fromkeys(stage.text for stage in self.stages))

    def corpus(self, work: Path, text: str) -> Path:
        """Folder of an encoded text."""
        return work / f"{self.kind}-{text}"


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "roberta-mini", "roberta", 8192, "--keep-lines", False,
            (Stage("roberta-mini-start"), Stage("roberta-mini")),
        ),
        Recipe(
            "albert-mini", "albert", 8192, "--sentences", True,
            (
                Stage("albert-mini-start"), Stage("albert-mini-short"), Stage("albert-mini"),
                Stage("albert-mini-repeats", "repeats"), Stage("albert-mini-pairs", "pairs"),
            ),
        ),
    )
}  # fmt: skip
