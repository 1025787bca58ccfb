"""Which of some sentences mean the same, by a bundled model."""

from .. import pipeline
from .report import Report

MODEL = "pytxenc/roberta-mini"
QUESTION = "The ship sailed into the harbour at night."
SENTENCES = (
    "At night a vessel came into the port.",
    "The whole fleet lay at anchor in the bay.",
    "A merchant's house stood near the old church.",
    "The central bank raised its interest rates.",
)


def run(report: Report) -> None:
    """Print the sentences, the likest first."""
    report.title(f"Which sentence says the same?  {MODEL}")
    scores = pipeline("sentence-similarity", MODEL)(
        {"source_sentence": QUESTION, "sentences": list(SENTENCES)}
    )
    print(f"  {QUESTION}")
    for score, sentence in sorted(zip(scores, SENTENCES, strict=True), reverse=True):
        print(f"      {score:5.2f}  {sentence}")
