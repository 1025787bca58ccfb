"""The examples in transformers' own docstrings, run by transformers and by pytxenc.

They are taken from the installed transformers.  Each runs on small models under the names that
it uses; everything that it assigns, shows and prints must come out the same.
"""

import importlib
import inspect
import json
import pickle
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hub_cache import TOKENIZERS, HubCache, save_model

import pytxenc

pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

FAMILIES = ["Bert", "Roberta", "XLMRoberta", "Albert", "DistilBert", "Electra"]
FAMILIES = [family for family in FAMILIES if hasattr(pytxenc, f"{family}Model")]
PIPELINES = [
    "fill_mask",
    "text_classification",
    "token_classification",
    "feature_extraction",
    "zero_shot_classification",
]
MODELS = {
    "google-bert/bert-base-uncased": "Bert",
    "google-bert/bert-base-cased": "Bert",
    "dbmdz/bert-base-german-cased": "Bert",
    "FacebookAI/roberta-base": "Roberta",
    "FacebookAI/xlm-mlm-en-2048": "XLMRoberta",
    "albert/albert-base-v2": "Albert",
    "albert/albert-xxlarge-v2": "Albert",
    "google/distilbert-base-uncased": "DistilBert",
    "distilbert-base-cased": "DistilBert",
    "google/electra-small-discriminator": "Electra",
    "google/electra-base-discriminator": "Electra",
    "google/electra-base-generator": "Electra",
}
CLASSIFIER, TAGGER = "ForSequenceClassification", "ForTokenClassification"
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
TASKS = {
    "distilbert/distilbert-base-uncased-finetuned-sst-2-english": (
        *("DistilBert", CLASSIFIER),
        ["NEGATIVE", "POSITIVE"],
    ),
    # Stands for a BART, whose kind is not computed here.
    "facebook/bart-large-mnli": (
        *("Roberta", CLASSIFIER),
        ["contradiction", "neutral", "entailment"],
    ),
    "Jean-Baptiste/camembert-ner": ("Roberta", TAGGER, TAGS),
    "vblagoje/bert-english-uncased-finetuned-pos": ("Bert", TAGGER, ["NOUN", "VERB", "PRON"]),
    "dbmdz/bert-large-cased-finetuned-conll03-english": ("Bert", TAGGER, TAGS),
}
BLOCK = re.compile(r"^[ \t]*```(?:python|py)[^\n]*\n(.*?)^[ \t]*```", re.S | re.M)

# What an example leaves to its reader.  A pipeline's task would be looked up on the hub.
EDITS = {
    # Smaller, to be quick.
    **{f"{family}Config": [("Config()", "Config(num_hidden_layers=1)")] for family in FAMILIES},
    "AlbertConfig": [("Config()", "Config(hidden_size=64, intermediate_size=64)")],
    "PreTrainedConfig.from_pretrained": [("", "from transformers import BertConfig\n")],
    "PreTrainedTokenizerBase.from_pretrained": [
        ("", "from transformers import BertTokenizer\n"),
        ("saved_model/my_vocab.txt", "saved_model/"),  # asks the hub for that name
    ],
    # As they stand these mask nothing, and fail.
    **{
        f"{family}ForMaskedLM.forward": [("<mask>", "[MASK]")]
        for family in ("Bert", "DistilBert", "Electra")
    },
    "BertForNextSentencePrediction.forward": [("assert ", "")],  # holds of trained weights
    **{
        f"{family}ForCausalLM.forward": [("**inputs", "**inputs, use_cache=False")]
        for family in ("Roberta", "XLMRoberta", "Electra")
    },
    "PreTrainedTokenizerBase.add_tokens": [
        ("", "from transformers import BertModel, BertTokenizerFast\n"),
        ("model.resize", "__table = model.resize"),  # a module there, an array here
    ],
    "pipelines.fill_mask": [("pipeline(model", "pipeline('fill-mask', model")],
    "pipelines.text_classification": [("pipeline(model", "pipeline('text-classification', model")],
    "pipelines.token_classification": [
        ("pipeline(model", "pipeline('token-classification', model")
    ],
    "pipelines.zero_shot_classification": [
        ("pipeline(model", "pipeline('zero-shot-classification', model")
    ],
}

SKIPPED = {
    "GenerationMixin.compute_transition_scores": "generates text",
    "PeftAdapterMixin.load_adapter": "adapters; not runnable as it stands",
    "PreTrainedModel.add_model_tags": "uploads to the hub",
    "PreTrainedTokenizerBase.add_tokens[0]": "changes parts of an object of the tokenizers library",
    "PreTrainedTokenizerBase.add_special_tokens": "GPT2Model is not computed here",
    "PushToHubMixin.push_to_hub": "uploads to the hub",
}


def pieces_of(text):
    """The blocks of Python in a docstring or a source file, without prompts and results."""
    pieces = []
    for block in BLOCK.findall(text or ""):
        code = textwrap.dedent(block)
        if code.lstrip().startswith(">>>"):
            lines = [line[4:] for line in code.splitlines() if line.startswith((">>>", "..."))]
            code = "\n".join(lines)
        pieces.append(code)
    return pieces


def documented():
    """Name -> documentation with examples in it, for everything that pytxenc stands for."""
    found = {}
    base = ["PreTrainedConfig", "PreTrainedModel", "PreTrainedTokenizerFast", "BatchEncoding"]
    classes = [getattr(transformers, name) for name in base]
    for name in pytxenc.__all__:
        theirs = getattr(transformers, name, None)
        if inspect.isclass(theirs) and name.startswith((*FAMILIES, "Auto")):
            classes.append(theirs)
            found[theirs.__name__] = theirs.__doc__
    for owner in classes:
        for attribute in dir(owner):
            method = getattr(owner, attribute, None)
            if not attribute.startswith("_") and hasattr(method, "__qualname__"):
                name = method.__qualname__.replace("_BaseAutoModelClass", owner.__name__)
                found.setdefault(name, method.__doc__)
    if hasattr(pytxenc, "pipeline"):
        found["pipeline"] = transformers.pipeline.__doc__
        for name in PIPELINES:
            module = importlib.import_module(f"transformers.pipelines.{name}")
            found[f"pipelines.{name}"] = inspect.getsource(module)
    return {name: text for name, text in found.items() if BLOCK.search(text or "")}


def snippets():
    result = {}
    for name, text in documented().items():
        pieces = pieces_of(text)
        pieces = [p for i, p in enumerate(pieces) if f"{name}[{i}]" not in SKIPPED]
        for old, new in EDITS.get(name, []):
            pieces = [piece.replace(old, new) if old else new + piece for piece in pieces]
        result[name] = pieces
    return result


SNIPPETS = snippets()


def make_models(folder):
    cache = HubCache(folder / "cache")
    for name, family in MODELS.items():
        cased = {"do_lower_case": False} if "-cased" in name or "german" in name else {}
        if family in FAMILIES:
            cache.add(name, family, TOKENIZERS[family](model_max_length=512, **cased))
    for name, (family, head, labels) in TASKS.items():
        if family in FAMILIES:
            cache.add(name, family, architecture=head, id2label=dict(enumerate(labels)))
    shutil.copytree(
        cache.snapshot("google-bert/bert-base-uncased"), folder / "work" / "test" / "saved_model"
    )
    default = transformers.pipelines.SUPPORTED_TASKS["text-classification"]["default"]
    cache.snapshot(*default["model"])  # under the revision that transformers asks for
    saved = folder / "work" / "test" / "saved_model"
    shutil.copyfile(saved / "config.json", saved / "my_configuration.json")
    shutil.copytree(saved, saved.with_name("bert_saved_model"))
    # The classifier of multiple choice has the name of another head's: these models, with it,
    # stand where its examples run.
    for name, family in MODELS.items():
        if family in FAMILIES:
            local = folder / "choice" / name
            shutil.copytree(cache.snapshot(name), local)
            vocabulary = len(pytxenc.AutoTokenizer.from_pretrained(local))
            save_model(local, family, choice=True, vocab_size=vocabulary)
    return cache


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Name -> (records of transformers, records of pytxenc), one record a piece."""
    folder = tmp_path_factory.mktemp("snippets")
    cache = make_models(folder)
    wanted = []
    for name in sorted(set(SNIPPETS) - set(SKIPPED)):
        place = folder / ("choice" if "MultipleChoice" in name else "work")
        wanted.append([name, str(place), SNIPPETS[name]])
    (folder / "snippets.json").write_text(json.dumps(wanted))
    runner = str(Path(__file__).with_name("snippet_runner.py"))
    commands = {"transformers": [sys.executable], "pytxenc": [sys.executable, "-m", "pytxenc"]}
    started = {
        side: subprocess.Popen(
            [*command, runner, str(folder / "snippets.json"), str(folder / side)],
            env=cache.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for side, command in commands.items()
    }
    results = {}
    for side, process in started.items():
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
        results[side] = pickle.loads((folder / side).read_bytes())
    return {name: (results["transformers"][name], results["pytxenc"][name]) for name, *_ in wanted}


def differences(theirs, ours, path):
    """Where two pictures of values differ, one sentence a place."""
    if type(theirs) is not type(ours):
        yield f"{path}: {ours!r}, not {theirs!r}"
    elif isinstance(theirs, np.ndarray | float):
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            yield f"{path}: {ours.dtype}{ours.shape}, not {theirs.dtype}{theirs.shape}"
        elif theirs.dtype.kind != "f":
            if (ours != theirs).any():
                yield f"{path}: {ours}, not {theirs}"
        else:
            largest = np.abs(theirs[np.isfinite(theirs)]).max(initial=1)
            if not np.allclose(ours, theirs, rtol=0, atol=1e-5 * largest, equal_nan=True):
                yield f"{path}: off by {np.abs(ours - theirs).max()}"
    elif isinstance(theirs, dict):
        if set(theirs) != set(ours):
            yield f"{path}: names {sorted(ours)}, not {sorted(theirs)}"
        else:
            for key in theirs:
                yield from differences(theirs[key], ours[key], f"{path}.{key}")
    elif isinstance(theirs, list | tuple):
        if len(theirs) != len(ours):
            yield f"{path}: {len(ours)} items, not {len(theirs)}"
        for i, (their_item, our_item) in enumerate(zip(theirs, ours, strict=False)):
            yield from differences(their_item, our_item, f"{path}[{i}]")
    elif theirs != ours:
        yield f"{path}: {ours!r}, not {theirs!r}"


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippet(name, request):
    if name in SKIPPED:
        pytest.skip(SKIPPED[name])
    theirs, ours = request.getfixturevalue("records")[name]
    for piece, record in zip(SNIPPETS[name], theirs, strict=True):
        assert record["error"] is None, f"transformers fails on\n{piece}"
    assert list(differences(theirs, ours, name)) == []


def test_enough_are_run():
    assert {name.partition("[")[0] for name in SKIPPED} <= set(SNIPPETS)
    assert sum(len(pieces) for name, pieces in SNIPPETS.items() if name not in SKIPPED) >= 30


def test_differences_are_seen():
    theirs = {"loss": 0.5, "logits": ("Tensor", np.ones((1, 2), np.float32)), "label": "A"}
    assert list(differences(theirs, theirs, "")) == []
    for key, value in (
        ("loss", 0.50002),
        ("loss", float("nan")),
        ("logits", ("Tensor", np.full((1, 2), 1.00002, np.float32))),
        ("logits", ("Tensor", np.ones((2, 1), np.float32))),
        ("label", "B"),
    ):
        assert len(list(differences(theirs, {**theirs, key: value}, ""))) == 1
