"""Pipelines on trained models, against transformers' on the same files."""

import numpy as np
import pytest

import pytxenc
from pytxenc.demo.weights import model_dir

transformers = pytest.importorskip("transformers")


@pytest.fixture
def load():
    """A function to both pipelines of a task; skips where the model cannot be fetched."""

    def both(task, name, tokenizer=None):
        try:
            folder = str(model_dir(name))
        except OSError as error:
            pytest.skip(f"the model cannot be fetched: {error}")
        ours = pytxenc.pipeline(task, folder, tokenizer=load_tokenizer(pytxenc, tokenizer, folder))
        theirs = transformers.pipeline(
            task, folder, tokenizer=load_tokenizer(transformers, tokenizer, folder), device="cpu"
        )
        return ours, theirs

    return both


def load_tokenizer(library, cls, folder):
    """The folder's tokenizer, of a class that its files do not tell."""
    return None if cls is None else getattr(library, cls).from_pretrained(folder)


@pytest.mark.parametrize("chain", ["vh", "vl"])
def test_antibodies(load, assert_same, chain):
    fill, theirs = load("fill-mask", f"sapiens-roberta-{chain}", "RobertaTokenizer")
    texts = [
        "QVQLVQSGVEVKKPGASVKVSCKASGYTFTNYYMYWV",
        "DIQMTQSPSSLSASVGDRVTITCRASQSISSYLNWYQ",
    ]
    masked = [text[:i] + "<mask>" + text[i + 1 :] for text in texts for i in (0, 7, 20, 36)]
    for options in ({}, {"top_k": 20}, {"targets": ["Q", "V", "S"]}):
        assert_same(fill(masked, **options), theirs(masked, **options))
    two = masked[3].replace("Q", "<mask>", 1)
    assert_same(fill(two), theirs(two))


def test_sentences(load):
    extract, theirs = load("feature-extraction", "all-minilm-l6-v2")
    texts = ["That is a happy person", "Today is a sunny day, is it not?", "", "x " * 200]
    for mine, yours in zip(extract(texts), theirs(texts), strict=True):
        np.testing.assert_allclose(mine, yours, atol=1e-5)


def test_published_similarities(load):
    extract, _ = load("feature-extraction", "all-minilm-l6-v2")
    compare = pytxenc.pipeline("sentence-similarity", extract.model.name_or_path)
    got = compare(
        source_sentence="That is a happy person",
        sentences=["That is a happy dog", "That is a very happy person", "Today is a sunny day"],
    )
    np.testing.assert_allclose(got, [0.69458, 0.94292, 0.25688], atol=2e-5)
