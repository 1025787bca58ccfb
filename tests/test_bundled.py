"""The models that come with the package: the same in transformers, without a network, useful."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import pytxenc
from pytxenc import tasks
from pytxenc.bundled import bundled_folder, bundled_models
from pytxenc.demo import books

NAMES = ["pytxenc/albert-mini", "pytxenc/roberta-mini"]
TEXTS = [
    "She opened the door and went into the house.",
    "The price of corn rose when the harvest failed.",
    "“Well!” said he; 1812 was a hard year, naïve façade or not.",
    "yes",
]
ALONE = """\
import sys
import pytxenc
fill = pytxenc.pipeline("fill-mask")
print(fill("She opened the <mask> and went into the house.")[0]["token_str"].strip())
vectors = pytxenc.pipeline("feature-extraction")("Hello")
scores = pytxenc.pipeline("sentence-similarity")(source_sentence="a", sentences=["a", "b c"])
print(len(vectors[0][0]), round(scores[0], 3))
print([name for name in ("torch", "transformers", "huggingface_hub") if name in sys.modules])
"""


def masked(tokenizer, text):
    """The text with its third word hidden."""
    words = text.split()
    words[2:3] = [tokenizer.mask_token] if len(words) > 2 else []
    return " ".join(words)


def test_these_are_there():
    assert bundled_models() == NAMES
    for name in NAMES:
        folder = bundled_folder(name)
        nbytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        assert nbytes < 12.5e6
        assert (folder / "README.md").read_text("utf-8").startswith("---\nlicense: apache-2.0\n")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_in_transformers(name):
    """Ids, scores of all words, pairs and hidden states of the files as both read them."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = bundled_folder(name)
    ours, theirs = (
        library.AutoTokenizer.from_pretrained(where)
        for library, where in ((pytxenc, name), (transformers, folder))
    )
    texts = [masked(ours, text) for text in TEXTS]
    batch = ours(texts, padding=True, return_tensors="np")
    expected = theirs(texts, padding=True, return_tensors="np")
    for key in ("input_ids", "attention_mask"):
        np.testing.assert_array_equal(batch[key], expected[key])
    assert ours.batch_decode(batch["input_ids"]) == theirs.batch_decode(batch["input_ids"])
    for auto in ("AutoModelForPreTraining", "AutoModel"):
        model, report = getattr(transformers, auto).from_pretrained(
            folder, output_loading_info=True
        )
        assert model.dtype == torch.float32
        assert not report["mismatched_keys"]
        assert auto == "AutoModel" or (not report["missing_keys"] and not report["unexpected_keys"])
        mine = getattr(pytxenc, auto).from_pretrained(name)
        with torch.no_grad():
            known = model(**{key: torch.as_tensor(value) for key, value in batch.items()})
        found = mine(**batch)
        real = batch["attention_mask"].astype(bool)
        for key, value in known.items():
            if key == "pooler_output" and report["missing_keys"]:
                continue  # new, of other random numbers in either
            one, two = found[key], value.numpy()
            if one.ndim == 3:
                one, two = one[real], two[real]
            np.testing.assert_allclose(one, two, atol=1e-5 * np.abs(two).max(), err_msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_in_sentence_transformers(name):
    library = pytest.importorskip("sentence_transformers")
    ours = pytxenc.SentenceTransformer(name).encode(TEXTS)
    theirs = library.SentenceTransformer(str(bundled_folder(name)), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(ours, theirs, atol=2e-5)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)


def test_defaults_need_no_network(tmp_path):
    """No cache, nobody at the hub's address, and none of its library."""
    environment = {
        **os.environ, "HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HUB_OFFLINE": "0",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, env=environment, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    word, numbers, loaded = done.stdout.splitlines()
    assert word == "door" and numbers == "256 1.0" and loaded == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_they_know_english(name):
    """Words where grammar leaves no choice, and what belongs together."""
    fill = pytxenc.pipeline("fill-mask", name)
    for text, word in (
        ("He had never {} so happy in his life.", "been"),
        ("They looked at each {} and laughed.", "other"),
        ("She was a year older {} her brother.", "than"),
    ):
        guesses = [g["token_str"].strip() for g in fill(text.format(fill.tokenizer.mask_token))]
        assert word in guesses, (text, guesses)
    model = pytxenc.SentenceTransformer(name)
    vectors = model.encode([
        "The ship sailed into the harbour at night.", "At night a vessel came into the port.",
        "The central bank raised its interest rates.",
    ])  # fmt: skip
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


@pytest.fixture
def benchmarks(root, monkeypatch):
    """The folder of benchmarks, whose modules can be imported."""
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    return root / "benchmarks"


def test_cards_are_those_of_the_results(benchmarks):
    """To the letter what the committed results give; and the results are of these weights."""
    import model_cards
    import prove_models
    from model_recipes import RECIPES

    told = json.loads((benchmarks / "results" / "models.json").read_text())["results"]
    kept = json.loads(prove_models.RESULTS.read_text())["results"]
    runs = prove_models.known(prove_models.RESULTS)
    assert runs == kept  # none is of other weights
    for name in NAMES:
        figures = told[name.removeprefix("pytxenc/")]
        card = model_cards.card(RECIPES[name.removeprefix("pytxenc/")], figures, runs)
        assert (bundled_folder(name) / "README.md").read_text("utf-8") == card
        model = pytxenc.AutoModelForPreTraining.from_pretrained(name)
        assert model.num_parameters() == figures["parameters"]


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_figures_in_the_readme(benchmarks, page):
    text = (benchmarks.parent / page).read_text("utf-8")
    told = json.loads((benchmarks / "results" / "models.json").read_text())["results"]
    for figures in told.values():
        for measured in figures["masked"]:
            if measured["block"] == 128:
                cell = f"{measured['perplexity']:.1f}, {100 * measured['accuracy']:.1f} %"
                assert f" {cell} |" in text
        tokens, hours = (
            sum(part[key] for part in figures["pretraining"]) for key in ("tokens", "hours")
        )
        assert f"{tokens / 1e6:.0f} " in text and f"{hours:.1f} " in text


def test_page_of_twins_is_that_of_the_results(benchmarks, data_dir):
    import model_verdicts
    import prove_models

    runs = prove_models.known(prove_models.RESULTS)
    page = model_verdicts.page(runs, list(prove_models.RECIPES))
    assert prove_models.PAGE.read_text() == page


def test_the_books(benchmarks):
    """No sentence is on both sides, none tells by its terms, and classes are balanced."""
    from make_book_task import PATTERNS

    sides = [
        list(tasks.read_records(books.FOLDER / f"{name}.tsv", books.COLUMNS))
        for name in ("train", "test")
    ]
    texts = [{record.text("text") for record in side} for side in sides]
    assert not texts[0] & texts[1]
    assert not [t for t in texts[0] | texts[1] if any(p.search(t) for p in PATTERNS.values())]
    for side, size in zip(sides, (250, 60), strict=True):
        labels = [record.label("label") for record in side]
        assert {labels.count(label) for label in labels} == {size} and len(set(labels)) == 6


@pytest.mark.slow
def test_demo_of_the_books(capsys):
    from pytxenc.demo.report import Report

    report = Report()
    books.run(report)
    printed, bars = capsys.readouterr()
    assert (report.checks, report.failures) == (1, 0), printed
    assert printed.count("right after") == 2 and "█" in printed
    assert "step/s" in bars and "tokens/s" in bars


@pytest.mark.parametrize("name", NAMES)
def test_cards_name_the_sources(name):
    text = (bundled_folder(name) / "README.md").read_text("utf-8")
    for source in ("Standard Ebooks", "[CC0 1.0](", "OpenStax", "[CC BY 4.0](", "Factbook", "Rust"):
        assert source in text
