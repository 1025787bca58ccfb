"""What distinguishes the models that come with the package, and where their parts lie."""

from pathlib import Path
from typing import NamedTuple


class Recipe(NamedTuple):
    """A model: its tokenizer, its text, and the runs of pretraining, each from the one before."""

    name: str
    kind: str  # of tokenizer and model
    vocab_size: int
    lines: str  # how the text is encoded: by lines, or by sentences
    pairs: bool  # trained on the order of sentences too
    stages: tuple[str, ...]  # recipes/<stage>.toml, and the folder of the run

    @property
    def run(self) -> str:
        """The folder of the last run."""
        return self.stages[-1]

    def tokenizer(self, work: Path) -> Path:
        """Folder of the tokenizer."""
        return work / f"{self.kind}-tokenizer"

    def corpus(self, work: Path, text: str) -> Path:
        """Folder of an encoded text."""
        return work / f"{self.kind}-{text}"


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "roberta-mini", "roberta", 8192, "--keep-lines", False,
            ("roberta-mini-start", "roberta-mini"),
        ),
        Recipe(
            "albert-mini", "albert", 8192, "--sentences", True,
            ("albert-mini-start", "albert-mini-short", "albert-mini"),
        ),
    )
}  # fmt: skip
