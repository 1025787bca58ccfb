"""The precision of a model: the ways to ask for it, and what keeps it."""

import copy
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

import pytxenc
from pytxenc.checkpoint import Checkpoint

SIZES = dict(
    vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=40, max_position_embeddings=20,
)  # fmt: skip
IDS = np.random.default_rng(0).integers(3, 50, (3, 9))
NAMES = {
    "float32": [None, "auto", "float32", "float", np.float32, np.dtype("float32"), float],
    "bfloat16": ["bfloat16"],
    "int8": ["int8", "qint8", np.int8, np.dtype("int8")],
}
WRONG = ["float64", "int4", "fp16", "torch.bfloat16", "", 3, np.float64, np.int16, bool, {"": "x"}]
try:
    import torch
except ImportError:
    pass
else:
    NAMES["float32"].append(torch.float32)
    NAMES["bfloat16"].append(torch.bfloat16)
    NAMES["int8"] += [torch.int8, torch.qint8]
    WRONG += [torch.float64, torch.quint8]
DTYPES = [(dtype, precision) for precision, dtypes in NAMES.items() for dtype in dtypes]
HEADS = [n for n in pytxenc._EXPORTS["modeling"] if "For" in n and not n.startswith("Auto")]
KNOWN = r'"float32", "bfloat16" or "int8"'


@pytest.fixture
def model():
    pytxenc.set_seed(0)
    return pytxenc.BertForMaskedLM(pytxenc.BertConfig(**SIZES, initializer_range=0.3)).eval()


@pytest.fixture
def folder(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def logits(model):
    return model(IDS).logits


def error(ours, exact):
    return np.sqrt(np.mean((ours - exact) ** 2) / np.mean(exact**2))


# ---- asking for it ----


@pytest.mark.parametrize(("dtype", "precision"), DTYPES, ids=str)
def test_every_way_to_say_it(model, folder, dtype, precision, caplog):
    expected = logits(model.to(precision))
    for made in (
        pytxenc.BertForMaskedLM.from_pretrained(folder, dtype=dtype),
        pytxenc.BertForMaskedLM.from_pretrained(folder, torch_dtype=dtype),
        pytxenc.BertForMaskedLM.from_pretrained(folder, dtype=None, torch_dtype=dtype),
        pytxenc.AutoModelForMaskedLM.from_pretrained(folder, dtype=dtype),
        model.float().to(dtype=dtype if dtype is not None else "float32"),
        model.float().to(dtype),
        model.float().to("cpu", dtype),
    ):
        assert made.precision == precision
        assert np.array_equal(logits(made), expected)
    config = pytxenc.BertConfig(**SIZES)
    for keyword in ("dtype", "torch_dtype"):
        new = pytxenc.AutoModelForMaskedLM.from_config(config, **{keyword: dtype})
        assert new.precision == precision and config.dtype == precision
    assert not caplog.records


def test_dtype_wins_over_its_older_name(folder):
    cls = pytxenc.BertForMaskedLM
    assert cls.from_pretrained(folder, dtype="int8", torch_dtype="bfloat16").precision == "int8"


@pytest.mark.parametrize("dtype", WRONG, ids=str)
def test_other_dtypes_are_refused(model, folder, dtype):
    for cls in (pytxenc.BertForMaskedLM, pytxenc.AutoModel):
        for keyword in ("dtype", "torch_dtype"):
            with pytest.raises(ValueError, match=f"dtype=.* is not supported.*{KNOWN}"):
                cls.from_pretrained(folder, **{keyword: dtype})
    with pytest.raises(ValueError, match=KNOWN):
        pytxenc.AutoModel.from_config(pytxenc.BertConfig(**SIZES), dtype=dtype)
    for arguments in ((dtype,), ("cpu", dtype)):
        with pytest.raises(ValueError, match=f"CPU only, in {KNOWN}"):
            model.bfloat16().to(*arguments)
        assert model.precision == "bfloat16"


def test_float16_is_float32_and_a_warning(model, folder, caplog):
    dtypes = ["float16", "half", np.float16, np.dtype("float16")]
    for dtype in dtypes:
        loaded = pytxenc.BertForMaskedLM.from_pretrained(folder, dtype=dtype)
        assert loaded.precision == loaded.config.dtype == "float32"
        assert model.bfloat16().to(dtype) is model and model.precision == "float32"
    assert model.bfloat16().half() is model and model.precision == "float32"
    assert len(caplog.records) == 2 * len(dtypes) + 1
    assert all("no kernels for float16" in record.getMessage() for record in caplog.records)


def test_devices(model):
    assert model.to("cpu") is model.to("cpu:0") is model.cpu() is model.to(None) is model
    for elsewhere in (lambda: model.to("cuda"), lambda: model.to(device="mps"), model.cuda):
        with pytest.raises(ValueError, match="CPU only"):
            elsewhere()


def test_a_misspelt_keyword(folder):
    for wrong, near in (("dtyp", "dtype"), ("pack_weight", "pack_weights")):
        with pytest.raises(TypeError, match=f"did you mean '{near}'"):
            pytxenc.BertModel.from_pretrained(folder, **{wrong: True})


# ---- what it does ----


def test_there_and_back(model):
    before, weights = logits(model), model.state_dict()
    results = {}
    for turn in (model.bfloat16, lambda: model.to("int8"), model.bfloat16, model.float):
        assert turn() is model
        got = logits(model)
        assert got.dtype == model.dtype == np.float32
        assert all(value is weights[name] for name, value in model.state_dict().items())
        assert np.array_equal(results.setdefault(model.precision, got), got)
    assert np.array_equal(results["float32"], before)
    assert 0 < error(results["bfloat16"], before) < 0.03
    assert error(results["bfloat16"], before) < error(results["int8"], before) < 0.2


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
@pytest.mark.parametrize("name", HEADS)
def test_every_head(name, precision):
    pytxenc.set_seed(0)
    cls = getattr(pytxenc, name)
    model = cls(
        cls.config_class(
            vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
            initializer_range=0.3,
        )
    )  # fmt: skip
    ids = IDS[:, None] if name.endswith("MultipleChoice") else IDS
    exact, rounded = model(ids).to_tuple(), model.to(precision)(ids).to_tuple()
    for one, other in zip(rounded, exact, strict=True):
        assert one.dtype == np.float32 and error(one, other) < 0.2
    assert any(not np.array_equal(one, other) for one, other in zip(rounded, exact, strict=True))


def test_weights_where_they_lie(model, folder):
    cls = pytxenc.BertForMaskedLM
    unpacked = cls.from_pretrained(folder, pack_weights=False)
    np.testing.assert_allclose(logits(unpacked), logits(model), rtol=1e-4, atol=1e-5)
    before = logits(unpacked)
    assert np.array_equal(logits(unpacked.bfloat16()), logits(model.bfloat16()))
    assert np.array_equal(logits(unpacked.float()), before)
    assert np.array_equal(logits(pickle.loads(pickle.dumps(unpacked))), before)
    for dtype in ("bfloat16", "int8"):
        with pytest.raises(ValueError, match=f"pack_weights=False is for float32.*{dtype}"):
            cls.from_pretrained(folder, pack_weights=False, dtype=dtype)
    with pytest.raises(TypeError, match="pack_weights must be True or False"):
        cls.from_pretrained(folder, pack_weights="no")


# ---- what keeps it ----


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_what_keeps_it(model, precision):
    exact, rounded = logits(model), logits(model.to(precision))
    for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.precision == precision
        assert np.array_equal(logits(other), rounded)
        assert np.array_equal(logits(other.float()), exact)
    model.load_state_dict(model.state_dict())
    assert model.precision == precision and np.array_equal(logits(model), rounded)
    model.tie_weights()
    assert model.precision == precision and np.array_equal(logits(model), rounded)
    model.resize_token_embeddings(60)
    assert model.precision == precision
    assert np.array_equal(logits(model)[..., :50], rounded)
    assert model.train().eval().precision == precision


def test_parts(model):
    hidden = model.bfloat16()(IDS, output_hidden_states=True).hidden_states[-1]
    part = model.bert
    assert part.precision == "bfloat16"
    assert np.array_equal(part(IDS).last_hidden_state, hidden)
    assert part.to("bfloat16") is part.to("cpu") is part
    with pytest.raises(RuntimeError, match="part of a BertForMaskedLM: change the whole"):
        part.float()
    assert part.precision == model.precision == "bfloat16"


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_saving(model, folder, tmp_path, precision):
    loaded = pytxenc.BertForMaskedLM.from_pretrained(folder, dtype=precision)
    assert loaded.config.dtype == precision
    loaded.save_pretrained(tmp_path / "again")
    assert loaded.config.dtype == loaded.precision == precision
    assert pytxenc.BertConfig.from_pretrained(tmp_path / "again").dtype == "float32"
    files = [Checkpoint(f / "model.safetensors") for f in (folder, tmp_path / "again")]
    for name in files[0]:
        assert np.array_equal(*(file[name] for file in files)), name
    again = pytxenc.BertForMaskedLM.from_pretrained(tmp_path / "again")
    assert np.array_equal(logits(again), logits(model))


def test_one_configuration_for_two_models(model, folder):
    config = pytxenc.BertConfig.from_pretrained(folder)
    one = pytxenc.BertForMaskedLM.from_pretrained(folder, config=config, dtype="int8")
    other = pytxenc.BertForMaskedLM.from_pretrained(folder, config=config)
    assert (one.precision, other.precision) == ("int8", "float32")
    assert np.array_equal(logits(other), logits(model))
    assert np.array_equal(logits(one), logits(model.to("int8")))


# ---- looking at it ----


@pytest.mark.parametrize("name", HEADS)
def test_footprint_and_repr(name):
    """Matrices are those of torch's linear layers, but for heads other than of vocabularies."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    cls = getattr(pytxenc, name)
    sizes = dict(vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2)
    model = cls(cls.config_class(**sizes))
    theirs = getattr(transformers, name)(getattr(transformers, cls.config_class.__name__)(**sizes))
    layers = {n: m.weight for n, m in theirs.named_modules() if isinstance(m, torch.nn.Linear)}
    words = theirs.get_input_embeddings().weight
    vocabulary = any(weight is words for weight in layers.values())
    inner = [theirs.base_model.get_submodule(part) for part in ("encoder", "transformer")
             if hasattr(theirs.base_model, part)]  # fmt: skip
    rounded = [m.weight for part in inner for m in part.modules() if isinstance(m, torch.nn.Linear)]
    if hasattr(theirs.base_model, "embeddings_project"):
        rounded.append(theirs.base_model.embeddings_project.weight)
    if vocabulary:
        head = {n: w for n, w in layers.items() if not n.startswith(theirs.base_model_prefix + ".")}
        rounded += [w for n, w in head.items() if "seq_relationship" not in n and "sop" not in n]
    total = theirs.get_memory_footprint(return_buffers=False)
    numbers = sum(weight.numel() for weight in rounded)
    rest = total - 4 * (numbers - (words.numel() if vocabulary else 0))
    for precision, expected in (
        ("float32", total),
        ("bfloat16", rest + 2 * numbers),
        ("int8", rest + numbers + 8 * sum(len(weight) for weight in rounded)),
    ):
        assert model.to(precision).get_memory_footprint() == expected
        size = f"{expected / 1e6:,.2f} MB"
        assert re.search(rf"parameters: [\d,]+, {precision}, {re.escape(size)}\n", repr(model))


# ---- pipelines, sentence embeddings ----


@pytest.fixture
def classifier(tmp_path):
    """A directory of a classifier, with a tokenizer."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]
    words = {token: i for i, token in enumerate(tokens)}
    pytxenc.set_seed(0)
    config = pytxenc.BertConfig(**SIZES, initializer_range=0.3)
    pytxenc.BertForSequenceClassification(config).save_pretrained(tmp_path)
    pytxenc.BertTokenizer(vocab=words).save_pretrained(tmp_path)
    return str(tmp_path)


@pytest.mark.parametrize(
    "keywords",
    [
        {"dtype": "int8"},
        {"torch_dtype": np.int8},
        {"dtype": None, "torch_dtype": "int8"},
        {"model_kwargs": {"dtype": "int8"}},
        {"model_kwargs": {"torch_dtype": "int8"}},
        {"dtype": None, "model_kwargs": {"dtype": "int8"}},
    ],
    ids=str,
)
def test_pipelines(classifier, keywords):
    pipe = pytxenc.pipeline("text-classification", classifier, **keywords)
    assert pipe.model.precision == "int8" and pipe.dtype == np.float32
    plain = pytxenc.pipeline("text-classification", classifier)
    assert plain.model.precision == "float32"
    assert pipe("good film") != plain("good film")
    plain.model.to("int8")
    assert pipe("good film") == plain("good film")


def test_wrong_dtypes_of_pipelines(classifier, caplog):
    with pytest.raises(ValueError, match=KNOWN):
        pytxenc.pipeline("text-classification", classifier, dtype="float64")
    with pytest.raises(ValueError, match="dtype is given twice: 'int8', and 'bfloat16'"):
        pytxenc.pipeline(
            "text-classification", classifier, dtype="int8", model_kwargs={"dtype": "bfloat16"}
        )
    plain = pytxenc.pipeline("text-classification", classifier)
    parts = {"model": plain.model, "tokenizer": plain.tokenizer}
    for dtype, warnings in (("auto", 0), ("float32", 0), ("bfloat16", 1)):
        caplog.clear()
        pipe = pytxenc.pipeline("text-classification", **parts, dtype=dtype)
        assert pipe.model is plain.model and pipe.model.precision == "float32"
        assert [r.levelname for r in caplog.records] == ["WARNING"] * warnings
        assert all("the model was given, and computes in float32" in r.message
                   for r in caplog.records)  # fmt: skip


def test_sentence_embeddings(classifier):
    exact = pytxenc.SentenceTransformer(classifier)
    model = pytxenc.SentenceTransformer(classifier, model_kwargs={"dtype": "bfloat16"})
    texts = ["good film", "bad", "film " * 7]
    vectors = model.encode(texts)
    assert vectors.dtype == np.float32 and model.transformers_model.precision == "bfloat16"
    assert 0 < error(vectors, exact.encode(texts)) < 0.03
    for turn in (exact.bfloat16, lambda: exact.to("bfloat16"), lambda: exact.to(dtype="bfloat16")):
        assert turn() is exact and np.array_equal(exact.encode(texts), vectors)
        assert exact.float() is exact and exact.transformers_model.precision == "float32"
    assert exact.bfloat16().half().transformers_model.precision == "float32"
    with pytest.raises(ValueError, match=KNOWN):
        pytxenc.SentenceTransformer(classifier, model_kwargs={"dtype": "float64"})
    pipe = pytxenc.pipeline("sentence-similarity", classifier, dtype="int8")
    assert pipe.model.transformers_model.precision == "int8"


def test_programs_written_for_transformers(classifier):
    code = (
        "from transformers import AutoModel, pipeline\n"
        f"model = AutoModel.from_pretrained({classifier!r}, torch_dtype='bfloat16')\n"
        f"pipe = pipeline('text-classification', {classifier!r}, torch_dtype='int8')\n"
        "print(model.precision, pipe.model.precision, model.float().precision)\n"
    )
    command = [sys.executable, "-m", "pytxenc", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["bfloat16", "int8", "float32"], done.stderr
