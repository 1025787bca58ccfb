"""Writes the cards of the bundled models, README.md in their folders, from results alone."""

import json
from typing import Any

from finetune_tasks import TASKS
from harness import ROOT
from model_bundle import bundled
from model_recipes import RECIPES, Recipe
from model_verdicts import ARMS, SEEDS, Runs, compare

RESULTS = ROOT / "benchmarks" / "results" / "models.json"
_FRONT = """\
---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: fill-mask
tags:
- {kind}
- sentence-similarity
---
"""
_ABOUT = {
    "roberta-mini": (
        "A RoBERTa of {layers} layers of width {width}, for trying things out, for tests, and as a"
        " warm start for small English tasks. It was pretrained by pytxenc itself, on a"
        " CPU."
    ),
    "albert-mini": (
        "An ALBERT of one layer of width {width} that is applied {layers} times, with embeddings"
        " of width {embedding}, for trying things out, for tests, and as a small warm start for"
        " English tasks. It was pretrained by pytxenc itself, on a CPU."
    ),
}
_USE = """\
## Use

It comes with the package and needs no network:

```python
from pytxenc import pipeline

pipeline("fill-mask", "pytxenc/{name}")("She opened the {mask} and went into the house.")
```

`AutoModel.from_pretrained("pytxenc/{name}")`, `SentenceTransformer("pytxenc/{name}")` and
`python -m pytxenc finetune --model pytxenc/{name} ...` work as with any other model, and so does
transformers with this folder's path. Weights are stored in bfloat16 and loaded as float32.

Vectors of sentences are means over tokens, whitened over sentences of the training text
(Su et al., 2103.15316), {vector} numbers of length 1.
"""
_TEXT = """\
## Training text

{tokens:.1f} million tokens of English, of which nothing stands under a licence that would keep the
weights from being given on; a fiftieth of the documents was held out by hash before the
tokenizer was trained:

- novels and essays in the editions of [Standard Ebooks](https://standardebooks.org)
  ([CC0 1.0](https://creativecommons.org/publicdomain/zero/1.0/)), most from the 19th century;
- textbooks on anthropology and on economics of [OpenStax](https://openstax.org), Rice University,
  and their authors ([CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)), made
  plain text;
- The World Factbook of the CIA and the 18F handbook (works of the US government);
- The Rust Programming Language by Steve Klabnik, Carol Nichols and contributors (MIT or
  Apache-2.0).
"""
_LIMITS = """\
## Limits

The model is small and has read little, most of it old novels: it knows how English is built and
few facts, writes of people as its sources did, prejudices of their times included, and knows no
other language. For work that matters take a larger model, fine-tune it on your own data and
measure: `roberta-base` is one name away.
"""


def write_cards(runs: Runs) -> None:
    """Write the card of every bundled model that results/models.json tells of.

    runs: those of prove_models.py.
    """
    told = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else {}
    for name, figures in told.items():
        if bundled(RECIPES[name]).is_dir():
            (bundled(RECIPES[name]) / "README.md").write_text(card(RECIPES[name], figures, runs))


def card(recipe: Recipe, told: dict[str, Any], runs: Runs) -> str:
    """The text of a card."""
    folder = bundled(recipe)
    config = json.loads((folder / "config.json").read_text())
    dense = json.loads((folder / "2_Dense" / "config.json").read_text())
    about = _ABOUT[recipe.name].format(
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        embedding=config.get("embedding_size"),
    )
    mask = "<mask>" if recipe.kind == "roberta" else "[MASK]"
    parts = [
        _FRONT.format(kind=recipe.kind) + f"\n# {recipe.name}\n\n{about}\n",
        f"{told['parameters']:,} parameters, {told['vocabulary']:,} tokens,"
        f" {config['max_position_embeddings'] - 2 * (recipe.kind == 'roberta')} positions.\n",
        _USE.format(name=recipe.name, mask=mask, vector=dense["out_features"]),
        _TEXT.format(tokens=told["training_tokens"] / 1e6),
        _settings(recipe, told),
        _results(recipe, told, runs),
        _LIMITS,
    ]
    return "\n".join(parts)


def _settings(recipe: Recipe, told: dict[str, Any]) -> str:
    parts = told["pretraining"]
    tokens = sum(part["tokens"] for part in parts)
    hours = sum(part["hours"] for part in parts)
    cpus = " and ".join(dict.fromkeys(part["cpu"] for part in parts))
    stages = ", then ".join(f"`benchmarks/recipes/{s.name}.toml`" for s in recipe.stages)
    return (
        "## Training\n\n"
        f"Settings: {stages}. {tokens / 1e6:.0f} million tokens, special tokens counted,"
        f" in {hours:.1f} hours in bfloat16 on {cpus}; masks are new in every"
        " pass over the text. The curves are in `benchmarks/results/models.svg`.\n"
    )


def _results(recipe: Recipe, told: dict[str, Any], runs: Runs) -> str:
    rows = [
        "## Results\n\nOf 15 % masked tokens, the same ones every time; the frequencies of words"
        f" alone would give {told['unigram_entropy']:.2f} nats on the held-out text:\n",
        "| text | tokens in a block | nats a token | perplexity | guessed right |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| {m['text']} | {m['block']} | {m['loss']:.3f} | {m['perplexity']:.1f} |"
        f" {100 * m['accuracy']:.1f} % |"
        for m in told["masked"]
    ]
    rows.append("")
    for pairs in told.get("sentence_order", ()):
        rows.append(
            f"The order of two held-out segments, {pairs['block']} tokens together, is told right"
            f" in {100 * pairs['accuracy']:.1f} % of {pairs['pairs']:,} pairs"
            f"{_against_chance(pairs)}.\n"
        )
    for pairs in told.get("returning", ()):
        rows.append(
            "Whether the second of two held-out sentences is the first without some of its words,"
            f" or another one, is told right in {100 * pairs['accuracy']:.1f} % of"
            f" {pairs['pairs']:,} pairs: the last stage has taught the head of pairs that.\n"
        )
    likeness = told["bundled_similarity"]
    rows.append(
        "Likeness of sentences on SICK's test set, Spearman's correlation with people's judgement,"
        f" without training on it: {likeness['sick_spearman']:.3f} (mean vectors without whitening:"
        f" {told['similarity']['sick_spearman']:.3f}).\n"
    )
    rows += ["Guesses for the gap, with their probabilities:\n"]
    rows += [
        f"- {prompt} {', '.join(f'`{word}` {score:.2f}' for word, score in guesses)}"
        for prompt, guesses in told["fill_mask"].items()
    ]
    return "\n".join([*rows, "", *_tasks(recipe, runs)])


def _against_chance(pairs: dict[str, Any]) -> str:
    """What that says, by the 95 % interval of guessing."""
    guessing = 0.5 + 1.96 * (0.25 / pairs["pairs"]) ** 0.5
    if pairs["accuracy"] > guessing:
        return f" (by chance 50 %, and at most {100 * guessing:.1f} % in 39 of 40 cases)"
    return ", which is no more than chance: **it has not learned the order of sentences**"


def _tasks(recipe: Recipe, runs: Runs) -> list[str]:
    """Fine-tuned scores, where they were measured."""
    rows = [
        f"Fine-tuned, test scores in percent, means of {SEEDS} seeds, beside a twin with random"
        " initial values (all of it: `benchmarks/MODELS-TASKS.md`):\n",
        "| task | metric | twin | pretrained | difference, 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for task, kind in TASKS.items():
        found = compare(runs, recipe.name, task)
        if found is not None:
            d = found.difference
            twin, pretrained = (sum(found.scores[arm]) / SEEDS for arm in reversed(ARMS))
            rows.append(
                f"| {task} | {kind.metric} | {twin:.1f} | {pretrained:.1f} |"
                f" {d.mean:+.1f} ({d.low:+.1f} to {d.high:+.1f}) |"
            )
    return [*rows, ""] if len(rows) > 3 else []
