"""Documents of Parquet files."""

import sys

import numpy as np
import pytest

from pytxenc.corpus import ReadOptions, encode_corpus, read_batches, read_documents

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

TEXTS = [f"document {i}\r\n, é " * (i % 5) for i in range(500)]


def write(path, texts=TEXTS, kind=None, rows=64, **options):
    columns = {
        "n": range(len(texts)),
        "text": pyarrow.array(texts, kind),
        "other": ["x"] * len(texts),
    }
    parquet.write_table(pyarrow.table(columns), path, row_group_size=rows, **options)
    return path


KINDS = {
    "string": pyarrow.string(),
    "large_string": pyarrow.large_string(),
    "string_view": pyarrow.string_view(),
    "binary": pyarrow.binary(),
    "large_binary": pyarrow.large_binary(),
    "dictionary": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nbytes", [100, 8 << 20])
def test_column_types(tmp_path, kind, nbytes):
    path = tmp_path / "a.parquet"
    if kind == "dictionary":
        array = pyarrow.array(TEXTS).dictionary_encode()
        parquet.write_table(pyarrow.table({"text": array}), path, row_group_size=64)
    else:
        write(path, [t.encode() for t in TEXTS] if "binary" in kind else TEXTS, KINDS[kind])
    batches = list(read_batches(path, nbytes=nbytes))
    assert [text for batch in batches for text in batch.documents()] == TEXTS
    done = 0
    for number, batch in enumerate(batches[:20]):
        done += len(batch.ends)
        if number % 6:
            continue
        rest = read_batches(path, nbytes=nbytes, start=batch.next)
        assert [text for batch in rest for text in batch.documents()] == TEXTS[done:]
    assert batches[-1].progress == path.stat().st_size
    assert batches[0].data.dtype == np.uint8 and batches[0].ends.dtype == np.int64


def test_nulls(tmp_path):
    texts = ["a", None, "b", None, "c\n\nd"]
    path = write(tmp_path / "a.pq", texts, rows=2)
    with pytest.raises(ValueError, match=r"a\.pq: row 1: column 'text' is null; missing='skip'"):
        list(read_documents(path))
    assert list(read_documents(path, missing="skip")) == ["a", "b", "c\n\nd"]
    path = write(tmp_path / "b.pq", [None] * 10, pyarrow.string(), rows=2)
    assert list(read_documents(path, missing="skip")) == []


def test_not_utf8(tmp_path):
    texts = [b"a\xc3", b"\xa9b", b"fine", b"\xff"]
    path = write(tmp_path / "a.parquet", texts, pyarrow.binary())
    with pytest.raises(ValueError, match=r"row 0: not UTF-8: byte 0xc3 at byte 1"):
        list(read_documents(path))
    expected = [text.decode("utf-8", "replace") for text in texts]
    assert list(read_documents(path, errors="replace")) == expected
    path = write(tmp_path / "b.parquet", [b"ok", b"x\xff"], pyarrow.binary(), rows=1)
    with pytest.raises(ValueError, match=r"row 1: not UTF-8: byte 0xff at byte 1"):
        list(read_documents(path))


def test_long_documents(tmp_path):
    path = write(tmp_path / "a.parquet", ["short", "long " * 10, "\n" * 20])
    with pytest.raises(ValueError, match=r"row 1: this document is longer than 12 bytes"):
        list(read_documents(path, max_document_bytes=12))
    pieces = list(read_documents(path, max_document_bytes=12, long_documents="cut"))
    assert pieces[:3] == ["short", "long long", " long long"]
    assert max(map(len, pieces)) <= 12 and "".join(pieces[1:]).split() == ["long"] * 10


@pytest.mark.parametrize("texts", [[], [""], ["", "", "a"]])
def test_empty(tmp_path, texts):
    assert list(read_documents(write(tmp_path / "a.parquet", texts, pyarrow.string()))) == texts


def test_other_columns(tmp_path):
    path = write(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"no column 'body'; it has 'n', 'text', 'other'"):
        list(read_documents(path, text_field="body"))
    with pytest.raises(ValueError, match=r"column 'n' holds int64, not strings"):
        list(read_documents(path, text_field="n"))


def test_damaged(tmp_path):
    data = write(tmp_path / "a.parquet", compression="gzip").read_bytes()
    bad = {
        "empty": b"",
        "short": data[:100],
        "text": b"not a table" * 10,
        "tail": data[:-50],
        "pages": data[:4] + bytes(500) + data[504:],
    }
    for name, content in bad.items():
        path = tmp_path / f"{name}.parquet"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name}\.parquet: not a sound Parquet file"):
            list(read_documents(path))


def test_a_file_that_became_shorter(tmp_path):
    place = list(read_batches(write(tmp_path / "a.parquet"), nbytes=100))[-2].next
    path = write(tmp_path / "a.parquet", TEXTS[:10])
    with pytest.raises(ValueError, match="shorter than it was"):
        list(read_batches(path, start=place))


def test_encoding(tmp_path, tokenizers):
    path = write(tmp_path / "a.parquet")
    corpus = encode_corpus(tokenizers["bert"], path, tmp_path / "out", batch_bytes=500)
    expected = tokenizers["bert"](TEXTS, add_special_tokens=False)["input_ids"]
    assert [ids.tolist() for ids in corpus] == expected


def test_without_pyarrow(tmp_path, monkeypatch):
    path = write(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"needs pyarrow .*pip install pytxenc\[parquet\]"):
        list(read_documents(path))
    assert list(read_documents(path, format="text", errors="replace", split="file"))
    assert ReadOptions(format="parquet")
