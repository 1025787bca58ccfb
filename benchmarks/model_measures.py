"""What is measured of a pretrained model: masked words, the order and the likeness of sentences."""

from pathlib import Path
from typing import Any

import numpy as np
from finetune_tasks import TASKS, Row
from harness import data_dir
from model_recipes import Recipe

import pytxenc
from pytxenc import metrics
from pytxenc.data import PretrainingDataset
from pytxenc.data.pretraining import Packing
from pytxenc.metrics import perplexity

PROMPTS = (
    "The capital of France is {}.",
    "She opened the {} and went into the house.",
    "The price of bread will {} when the harvest fails.",
    "He drank a cup of {} and read the newspaper.",
    "The whale dived under the {}.",
    "“I am very glad to {} you,” said the countess.",
)
PAIRS = (
    ("A man is riding a horse.", "Somebody sits on a horse."),
    ("A man is riding a horse.", "The bank raised its interest rates."),
    ("The central bank changed the price of money.", "The bank raised its interest rates."),
    ("The ship sailed into the harbour at night.", "At night a vessel came into the port."),
    ("The ship sailed into the harbour at night.", "She was glad to see her sister again."),
)
BLOCKS = (128, 512)
PAIRINGS: tuple[tuple[str, str, Packing, tuple[int, ...]], ...] = (
    ("sentence_order", "held-out", "sop", BLOCKS),
    ("returning", "held-out-pairs", "sentence_pair", (128,)),
)


def measure(recipe: Recipe, work: Path, bundled: Path) -> dict[str, Any]:
    """All figures of the model of a finished run and of the one in the package, JSON-able."""
    model = pytxenc.AutoModelForPreTraining.from_pretrained(bundled)
    tokenizer = pytxenc.AutoTokenizer.from_pretrained(bundled)
    print(recipe.name)
    told: dict[str, Any] = {
        "parameters": model.num_parameters(),
        "vocabulary": len(tokenizer),
        "training_tokens": len(pytxenc.TokenCorpus(recipe.corpus(work, "train")).ids),
        "unigram_entropy": unigram_entropy(recipe, work),
        "masked": [
            masked(model, tokenizer, recipe, work, text, block)
            for text in ("held-out", "wikitext-2")
            for block in BLOCKS
        ],
        "fill_mask": fill(bundled),
        "similarity": similarity(work / recipe.run),
        "bundled_similarity": similarity(bundled),
    }
    if recipe.pairs:
        for name, text, packing, blocks in PAIRINGS:
            told[name] = [
                told_pairs(model, tokenizer, recipe, work, text, packing, block) for block in blocks
            ]
    return told


def unigram_entropy(recipe: Recipe, work: Path) -> float:
    """Nats a token of held-out text by the frequencies in the training text, plus one each."""
    ids = pytxenc.TokenCorpus(recipe.corpus(work, "train")).ids
    counts = np.bincount(ids, minlength=recipe.vocab_size) + 1.0
    held_out = np.asarray(pytxenc.TokenCorpus(recipe.corpus(work, "held-out")).ids)
    return float(-np.log(counts / counts.sum())[held_out].mean())


def _evaluate(model: Any, dataset: PretrainingDataset) -> Any:
    """(sums of losses, counts, right ones) over a data set; the pairs' are the second of each."""
    session = pytxenc.Session(model)
    sums = np.zeros((3, 2))
    for first in range(0, len(dataset), 32):
        batch = dataset.batch(range(first, min(first + 32, len(dataset))))
        result = session.evaluate(batch)
        sums += [result.loss_sums, result.counts, result.correct]
    return sums


def masked(
    model: Any, tokenizer: Any, recipe: Recipe, work: Path, text: str, block: int
) -> dict[str, Any]:
    """How well 15 % of the tokens, masked once and for all, are told; single tokens as BERT's."""
    dataset = PretrainingDataset(
        recipe.corpus(work, text), tokenizer, block_size=block, static_duplicates=1, seed=0
    )
    (loss, _), (count, _), (right, _) = _evaluate(model, dataset)
    told = {
        "text": text, "block": block, "masked": int(count), "loss": loss / count,
        "perplexity": perplexity(loss / count), "accuracy": right / count,
    }  # fmt: skip
    print(f"  {text}, blocks of {block}: {told['perplexity']:.2f}, {told['accuracy']:.2%}")
    return told


def told_pairs(
    model: Any, tokenizer: Any, recipe: Recipe, work: Path, text: str, packing: Packing, block: int
) -> dict[str, Any]:
    """How often pairs of a text are told; half of them are swapped, or of two documents."""
    dataset = PretrainingDataset(
        recipe.corpus(work, text), tokenizer, block_size=block, packing=packing,
        static_duplicates=1, seed=0,
    )  # fmt: skip
    (_, loss), (_, count), (_, right) = _evaluate(model, dataset)
    told = {"block": block, "pairs": int(count), "loss": loss / count, "accuracy": right / count}
    print(f"  {packing}, blocks of {block}: {told['accuracy']:.2%} of {int(count)}")
    return told


def fill(folder: Path) -> dict[str, list[list[Any]]]:
    """The best five guesses for every prompt, with their probabilities."""
    pipe = pytxenc.pipeline("fill-mask", str(folder))
    told = {}
    for prompt in PROMPTS:
        guesses = pipe(prompt.format(pipe.tokenizer.mask_token))
        told[prompt.format("___")] = [
            [guess["token_str"].strip(), round(guess["score"], 4)] for guess in guesses
        ]
        print(f"  {prompt.format('___')}  {', '.join(g['token_str'].strip() for g in guesses)}")
    return told


def similarity(run: Path) -> dict[str, Any]:
    """Cosines of some pairs, and Spearman's correlation with people's judgement on SICK's test set.

    Of a run without parts for sentences they are of mean vectors.
    """
    sentences = pytxenc.SentenceTransformer(str(run))
    rows = TASKS["sick-relatedness"].read(data_dir() / "tasks" / "sick" / "test.txt")
    return {
        "sick_spearman": correlation(sentences, rows),
        "pairs": [[*pair, cosines(sentences, [pair])[0]] for pair in PAIRS],
    }


def cosines(sentences: Any, pairs: Any) -> list[float]:
    """Of the vectors of each pair's sentences."""
    first, second = (
        sentences.encode([pair[i] for pair in pairs], normalize_embeddings=True) for i in (0, 1)
    )
    return [round(float(value), 4) for value in (first * second).sum(1)]


def correlation(sentences: Any, rows: list[Row]) -> float:
    """Spearman's, of cosines and judgements."""
    return metrics.spearman([float(row[2]) for row in rows], cosines(sentences, rows))
