"""Opening a corpus: what it offers, and files that are not what they should be."""

import copy
import io
import json
import operator
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from pytxenc.corpus import TokenCorpus, encode_corpus


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tokenizers, text):
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "text.txt").write_text(text, encoding="utf-8")
    encode_corpus(tokenizers["roberta"], folder / "text.txt", folder / "out", keep_lines=True)
    return folder / "out"


def test_a_sequence_of_documents(folder):
    corpus = TokenCorpus(folder)
    every = list(corpus)
    assert len(every) == len(corpus) == 60
    assert np.array_equal(np.concatenate(every), corpus.ids)
    for index in (0, 7, -1, -60, np.int64(5)):
        assert np.array_equal(corpus[index], every[index])
    assert np.shares_memory(corpus[3], corpus.ids) and type(corpus[3]) is np.ndarray
    for part in (slice(2, 5), slice(None, None, -7), slice(100, 200)):
        assert [ids.tolist() for ids in corpus[part]] == [ids.tolist() for ids in every[part]]
    for index in (60, -61):
        with pytest.raises(IndexError, match=f"document {index} of a corpus of 60"):
            corpus[index]
    with pytest.raises(TypeError):
        corpus["0"]
    with pytest.raises(ValueError, match="read-only"):
        corpus[0][0] = 1
    with pytest.raises(ValueError, match="read-only"):
        corpus.offsets[0] = 1
    assert "60 documents" in repr(corpus) and "out" in repr(corpus)
    assert corpus.meta["tokenizer"]["class"] == "RobertaTokenizer"


def test_copies_open_it_again(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    corpus = TokenCorpus("out")
    monkeypatch.chdir("/")
    data = pickle.dumps(corpus)
    assert len(data) < 500
    for other in (pickle.loads(data), copy.deepcopy(corpus)):
        assert np.array_equal(other.ids, corpus.ids)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        found = pool.submit(operator.getitem, corpus, 3).result()
    assert len(found) and np.array_equal(found, corpus[3])


def test_another_tokenizer(folder, tokenizers):
    corpus = TokenCorpus(folder)
    corpus.check_tokenizer(tokenizers["roberta"])
    with pytest.raises(ValueError, match=r"another tokenizer: RobertaTokenizer .*BertTokenizer"):
        corpus.check_tokenizer(tokenizers["bert"])


def test_without_lines(tmp_path, tokenizers):
    (tmp_path / "a.txt").write_text("a\nb")
    corpus = encode_corpus(tokenizers["bert"], tmp_path / "a.txt", tmp_path / "out")
    with pytest.raises(ValueError, match="without keep_lines"):
        corpus.document(0)


# ---- files that are not what they should be ----


@pytest.fixture
def damaged(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "out")
    return tmp_path / "out"


def change_meta(folder, **changes):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "x"}, "not that of a token corpus"),
        ({"version": 2}, "version 2 of the format; this pytxenc reads version 1"),
        ({"version": None}, "version None"),
        ({"dtype": "object"}, "dtype 'object' is not uint16 or uint32"),
        ({"dtype": ["uint16"]}, "is not uint16 or uint32"),
        ({"dtype": "uint32"}, r"ids\.npy: not a \.npy file of \d+ items of uint32"),
        ({"tokens": -1}, "'tokens' must be a whole number, got -1"),
        ({"tokens": 1 << 70}, "'tokens' must be a whole number"),
        ({"tokens": True}, "'tokens' must be a whole number"),
        ({"tokens": 5}, r"ids\.npy: not a \.npy file of"),
        ({"documents": 1.0}, "'documents' must be a whole number"),
        ({"documents": (1 << 62) - 1}, r"offsets\.npy: not a \.npy file of"),
        ({"documents": 59}, r"offsets\.npy: not a \.npy file of"),
        ({"lines": 3}, r"lines\.npy: not a \.npy file of"),
        ({"lines": "3"}, "'lines' must be a whole number"),
        ({"tokenizer": None}, "'tokenizer' must have"),
        ({"tokenizer": {"class": "x"}}, "'tokenizer' must have"),
    ],
)
def test_meta(damaged, changes, message):
    change_meta(damaged, **changes)
    with pytest.raises(ValueError, match=message):
        TokenCorpus(damaged)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 100000, b"null"])
def test_meta_that_is_no_object(damaged, data):
    (damaged / "meta.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"meta\.json"):
        TokenCorpus(damaged)


def npy(array, version=(1, 0)):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


@pytest.mark.parametrize("name", ["ids", "offsets", "lines", "document_lines"])
def test_arrays(damaged, name):
    path = damaged / f"{name}.npy"
    good = path.read_bytes()
    array = np.load(path)
    bad = [
        b"",
        good[:50],
        good[:-1],
        good + b"\0",
        good.replace(b"NUMPY", b"NUMPI"),
        good.replace(b"'shape'", b"'sharp'"),
        good.replace(b"NUMPY\x01", b"NUMPY\x09"),
        good[:8] + b"\xff\xff" + good[10:],
        good[:10] + b"(" * 118 + good[128:],
        npy(array.reshape(1, -1)),
        npy(array.astype(">i8")),
        npy(array.astype(np.float64)),
        npy(array, (2, 0)),
        npy(np.array([{}], object)),
    ]
    for data in bad:
        path.write_bytes(data)
        with pytest.raises(ValueError, match=name):
            TokenCorpus(damaged)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=name):
        TokenCorpus(damaged)


@pytest.mark.parametrize("name", ["offsets", "lines", "document_lines"])
def test_offsets(damaged, name):
    path = damaged / f"{name}.npy"
    good = np.load(path)
    for index, value in ((0, 1), (0, -1), (-1, good[-1] + 1), (-1, 1 << 62), (5, 1 << 40), (5, -3)):
        array = good.copy()
        array[index] = value
        np.save(path, array)
        with pytest.raises(ValueError, match=name):
            TokenCorpus(damaged)


def test_lines_of_other_documents(damaged):
    lines = np.load(damaged / "document_lines.npy")
    lines[5] = lines[4]
    np.save(damaged / "document_lines.npy", lines)
    with pytest.raises(ValueError, match=r"lines\.npy does not agree with offsets\.npy"):
        TokenCorpus(damaged)


def test_a_fall_far_into_many_offsets(tmp_path, tokenizers):
    count = (1 << 20) + 5
    (tmp_path / "a.txt").write_text("\n" * count)
    corpus = encode_corpus(tokenizers["bert"], tmp_path / "a.txt", tmp_path / "out", split="line")
    assert len(corpus) == count
    offsets = np.load(tmp_path / "out" / "offsets.npy")
    offsets[1 << 20] = 1
    np.save(tmp_path / "out" / "offsets.npy", offsets)
    with pytest.raises(ValueError, match=f"item {(1 << 20) + 1} is less than the one before"):
        TokenCorpus(tmp_path / "out")


def test_no_corpus(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(FileNotFoundError, match="there is no token corpus at"):
            TokenCorpus(path)
