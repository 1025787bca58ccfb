"""python -m pytxenc encode."""

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from sentence_models import SIZES, TEXTS, write_json, write_modules

from pytxenc import SentenceTransformer, cli
from pytxenc.corpus.npy import rows_file
from pytxenc.sentences import batching

WIDTH = SIZES["hidden_size"]


def encode(*arguments):
    return cli.run("encode", [str(argument) for argument in (*arguments, "--quiet")])


@pytest.fixture
def lines(tmp_path_factory):
    """A text file of many lines, empty ones among them."""
    path = tmp_path_factory.mktemp("texts") / "lines.txt"
    path.write_text("\n".join(TEXTS * 9) + "\n", encoding="utf-8")
    return path


def test_as_a_program(bert, lines, tmp_path):
    output = tmp_path / "vectors.npy"
    command = [sys.executable, "-m", "pytxenc", "encode", "-m", str(bert), "-o", str(output)]
    done = subprocess.run([*command, str(lines)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == f"{9 * len(TEXTS)} texts, vectors of {WIDTH} numbers (float32)"
    assert said[1].endswith(" texts/s") and said[2] == f"written to {output}"
    assert done.stderr == ""  # the bar is for terminals
    vectors = np.load(output, mmap_mode="r")
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, SentenceTransformer(bert).encode(TEXTS * 9), atol=1e-5)
    again = subprocess.run([*command, str(lines)], capture_output=True, text=True, timeout=120)
    assert again.returncode == 2 and "--force replaces it" in again.stderr
    assert len(again.stderr.splitlines()) == 1


def test_windows(bert, lines, tmp_path, monkeypatch):
    monkeypatch.setattr(batching, "WINDOW_TEXTS", 10)
    shared = ["-m", bert, "--output-dtype", "float16", lines]
    assert encode("-o", tmp_path / "v.npy", *shared) == 0
    expected = SentenceTransformer(bert).encode(TEXTS * 9).astype(np.float16)
    vectors = np.load(tmp_path / "v.npy")
    assert vectors.dtype == np.float16
    np.testing.assert_allclose(vectors, expected, atol=2e-3)
    parquet = pytest.importorskip("pyarrow.parquet")
    assert encode("-o", tmp_path / "v.parquet", *shared) == 0
    table = parquet.read_table(tmp_path / "v.parquet")
    assert table["text"].to_pylist() == TEXTS * 9
    assert str(table["vector"].type) == f"fixed_size_list<element: halffloat>[{WIDTH}]"
    assert np.array_equal(np.stack(table["vector"].to_numpy()), vectors)


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_dtype(bert, lines, tmp_path, dtype):
    assert encode("-m", bert, "-o", tmp_path / "v.npy", "--dtype", dtype, lines) == 0
    vectors = np.load(tmp_path / "v.npy")
    model = SentenceTransformer(bert, model_kwargs={"dtype": dtype})
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, model.encode(TEXTS * 9), atol=1e-6)
    assert np.abs(vectors - SentenceTransformer(bert).encode(TEXTS * 9)).max() > 1e-4


def test_every_option(bert, tmp_path):
    write_modules(bert, "Pooling", "Normalize")
    write_json(bert / "config_sentence_transformers.json", {"prompts": {"query": "b: "}})
    path = tmp_path / "texts.csv"
    records = [{"body": text} for text in TEXTS]
    path.write_text("\n".join(map(json.dumps, [*records, {"x": 1}])))
    output = tmp_path / "v.npy"
    shared = ["-m", bert, "-o", output, "--format", "jsonl", "--text-field", "body", "--force"]
    shared += ["--missing", "skip", "--threads", "1", path]
    model = SentenceTransformer(bert)
    for options, expected in [
        ([], lambda: model.encode(TEXTS)),
        (["--prompt-name", "query"], lambda: model.encode(TEXTS, prompt_name="query")),
        (["--prompt", "a "], lambda: model.encode(TEXTS, prompt="a ")),
        (
            ["--truncate-dim", "5", "--normalize"],
            lambda: model.encode(TEXTS, truncate_dim=5, normalize_embeddings=True),
        ),
    ]:
        assert encode(*options, *shared) == 0
        np.testing.assert_allclose(np.load(output), expected(), atol=1e-5)
    assert encode("--pooling", "cls", "--no-normalize", "--max-length", "6", *shared) == 0
    tokenizer, encoder = model.tokenizer, model.transformers_model
    for text, vector in zip(TEXTS, np.load(output), strict=True):
        inputs = tokenizer(text, truncation=True, max_length=6, return_tensors="np")
        np.testing.assert_allclose(vector, encoder(**inputs)[0][0, 0], atol=1e-5)


def test_no_texts(bert, tmp_path):
    (tmp_path / "empty.txt").touch()
    assert encode("-m", bert, "-o", tmp_path / "v.npy", tmp_path / "empty.txt") == 0
    assert np.load(tmp_path / "v.npy").shape == (0, WIDTH)


def test_without_pyarrow(bert, lines, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert encode("-m", bert, "-o", tmp_path / "v.parquet", lines) == 2
    assert "pip install pytxenc[parquet]" in capsys.readouterr().err


def test_failures_leave_nothing(bert, tmp_path, capsys):
    texts = tmp_path / "bad.txt"
    texts.write_bytes(b"hello\n" * 3 + b"\xff\n")
    folder = tmp_path / "out"
    folder.mkdir()
    names = ["v.npy"] + ["v.parquet"] * (find_spec("pyarrow") is not None)
    for name in names:
        assert encode("-m", bert, "-o", folder / name, texts) == 2
        assert "bad.txt: line 4" in capsys.readouterr().err
    assert list(folder.iterdir()) == []
    (folder / "v.npy").write_text("before")
    assert encode("-m", bert, "-o", folder / "v.npy", "--force", texts) == 2
    assert (folder / "v.npy").read_text() == "before"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["-o", "v.txt"], "its name must end in .npy or .parquet"),
        (["-o", "nowhere/v.npy"], "there is no directory nowhere"),
        (["-o", "v.npy", "--prompt", "a", "--prompt-name", "query"], "not both"),
        (["-o", "v.npy", "--prompt-name", "x"], "no prompt named 'x'"),
        (["-o", "v.npy", "--max-length", "0"], "max_seq_length must be at least 1"),
        (["-o", "v.npy", "missing.txt"], "missing.txt: there is no such file"),
    ],
)
def test_wrong_use(bert, lines, arguments, match, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert encode("-m", bert, *arguments, lines) == 2
    assert match in capsys.readouterr().err
    assert not (tmp_path / "v.npy").exists()


def test_numbers_too_large_for_float16(bert, lines, tmp_path, monkeypatch, capsys):
    huge = np.full(WIDTH, 1e6, np.float32)
    monkeypatch.setattr(
        SentenceTransformer, "encode", lambda self, texts, **kwargs: np.stack([huge] * len(texts))
    )
    output = tmp_path / "out" / "vectors.npy"
    output.parent.mkdir()
    assert encode("-m", bert, "-o", output, "--output-dtype", "float16", lines) == 2
    assert "--output-dtype float16: holds no number as large as 1e+06" in capsys.readouterr().err
    assert not list(output.parent.iterdir())
    assert encode("-m", bert, "-o", output, lines) == 0


def test_rows_file(tmp_path):
    """The same bytes as numpy.save writes."""
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    with rows_file(tmp_path / "a.npy", "float32", 3) as append:
        append(rows[:1])
        append(rows[1:])
    np.save(tmp_path / "b.npy", rows)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
