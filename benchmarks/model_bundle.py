"""Puts a pretrained model into the package: weights in bfloat16, the tokenizer, and what makes
vectors of sentences of it.

Vectors are means over tokens, whitened: moved and turned so that over sentences of the training
text all directions vary alike, and cut to the directions that vary most (Su et al., 2103.15316).
It needs no labels, so that no data but the training text goes into the model.
"""

import shutil
from pathlib import Path

import numpy as np
from harness import ROOT
from model_recipes import Recipe
from numpy.typing import NDArray

import pytxenc
from pytxenc.corpus import read_documents
from pytxenc.data import split_sentences
from pytxenc.sentences.modules import Dense, Normalize

BUNDLED = ROOT / "pytxenc" / "bundled"
WIDTH = 128
SENTENCES = 20000
LONGEST = 128
FILES = ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json")


def bundled(recipe: Recipe) -> Path:
    """A model's folder in the package."""
    return BUNDLED / recipe.name


def bundle(recipe: Recipe, work: Path) -> None:
    """Write a model's folder in the package, but for its card, which `write_cards` writes."""
    run, folder = work / recipe.run, work / "bundles" / recipe.name
    shutil.rmtree(folder, ignore_errors=True)
    model = pytxenc.AutoModelForPreTraining.from_pretrained(run)
    model.save_pretrained(folder, dtype="bfloat16")
    pytxenc.AutoTokenizer.from_pretrained(run).save_pretrained(folder)
    sentences = pytxenc.SentenceTransformer(str(folder))
    sentences.max_seq_length = LONGEST
    weight, bias = whitening(sentences.encode(_sentences(work / "train.txt")), WIDTH)
    dense = Dense(weight, bias, "torch.nn.modules.linear.Identity")
    apart = work / "sentences" / recipe.name  # for it has weights in float32 as well
    pytxenc.SentenceTransformer(modules=[*sentences, dense, Normalize()]).save_pretrained(apart)
    for path in apart.rglob("*"):
        name = path.relative_to(apart)
        if path.is_file() and (len(name.parts) > 1 or path.name in FILES):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(path, folder / name)
    target = bundled(recipe)
    if (target / "README.md").exists():
        shutil.copy(target / "README.md", folder)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    nbytes = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"{target}: {nbytes / 1e6:.1f} MB")


def whitening(
    vectors: NDArray[np.float32], width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """weight (width, dim) and bias (width,) of the affine map that whitens vectors (n, dim)."""
    mean = vectors.mean(0, dtype=np.float64)
    covariance = np.cov(vectors, rowvar=False, dtype=np.float64)
    variances, directions = np.linalg.eigh(covariance)
    best = np.argsort(-variances)[:width]
    weight = (directions[:, best] / np.sqrt(variances[best])).T
    return weight.astype(np.float32), (-weight @ mean).astype(np.float32)


def _sentences(text: Path) -> list[str]:
    """Sentences of 5 to 40 words, evenly spread over a text."""
    found = [
        sentence
        for document in read_documents(text)
        for sentence in split_sentences(document)
        if 5 <= len(sentence.split()) <= 40
    ]
    count = min(SENTENCES, len(found))
    return [found[i * len(found) // count] for i in range(count)]
