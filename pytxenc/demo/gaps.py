"""Gaps in sentences filled by the two bundled models."""

from .. import pipeline
from .report import Report

MODELS = ("pytxenc/roberta-mini", "pytxenc/albert-mini")
SENTENCES = (
    "She opened the {} and went into the house.",
    "The price of wheat will {} when the harvest fails.",
    "“I am very glad to {} you,” said the countess.",
)


def run(report: Report) -> None:
    """Print the best guesses for every gap."""
    for name in MODELS:
        report.title(f"What belongs into the gap?  {name}, which comes with the package")
        fill = pipeline("fill-mask", name)
        for sentence in SENTENCES:
            guesses = fill(sentence.format(fill.tokenizer.mask_token), top_k=4)
            print(f"  {sentence.format('____')}")
            told = (f"{guess['token_str'].strip()} {guess['score']:.2f}" for guess in guesses)
            print(f"      {', '.join(told)}")
