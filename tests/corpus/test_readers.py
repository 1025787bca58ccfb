"""Documents of text and JSON Lines files, against a plain restatement of the rules."""

import bz2
import gzip
import json
import lzma
import os
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytxenc.corpus import ReadOptions, read_batches, read_documents

WHITE = " \t\r\v\f"


def documents_of(text: str, split: str) -> list[str]:
    """What documents a text has, said in the simplest way."""
    text = text.replace("\r\n", "\n")
    if split == "file":
        return [text.removesuffix("\n")]
    lines = text.removesuffix("\n").split("\n") if text else []
    if split == "line":
        return lines
    documents: list[list[str]] = [[]]
    for line in lines:
        if line.strip(WHITE):
            documents[-1].append(line)
        elif documents[-1]:
            documents.append([])
    return ["\n".join(lines) for lines in documents if lines]


def read(path, nbytes=8 << 20, start=None, **options):
    batches = read_batches(path, ReadOptions(**options), nbytes=nbytes, start=start)
    return [document for batch in batches for document in batch.documents()]


def write(folder, data, name="file.txt"):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("texts")


TEXTS = st.text(st.sampled_from("ab é中😀 \t\r\n\n\n"), max_size=60)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(["blank-line", "line", "file"]), st.integers(1, 40))
def test_text(folder, text, split, nbytes):
    path = write(folder, text)
    expected = documents_of(text, split)
    assert read(path, nbytes, split=split) == expected
    assert list(read_documents(path, split=split)) == expected


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.sampled_from(["blank-line", "line", "file"]), st.integers(1, 20))
def test_going_on_after_any_batch(folder, text, split, nbytes):
    path = write(folder, text)
    paths = [path, path]
    options = ReadOptions(split=split)
    batches = list(read_batches(paths, options, nbytes=nbytes))
    everything = documents_of(text, split) * 2
    done = 0
    for batch in batches:
        done += len(batch.ends)
        assert read(paths, nbytes, batch.next, split=split) == everything[done:]
    assert done == len(everything)


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from("aab é中😀 \t\r\n"), max_size=120),
    st.sampled_from(["blank-line", "line", "file"]),
    st.integers(4, 12),
    st.integers(1, 30),
)
def test_long_documents_are_cut_alike_whatever_the_batches(folder, text, split, limit, nbytes):
    path = write(folder, text)
    options = {"split": split, "long_documents": "cut", "max_document_bytes": limit}
    whole = read(path, **options)
    assert read(path, nbytes, **options) == whole
    assert all(len(document.encode()) <= limit for document in whole)
    letters = re.sub(r"\s", "", text)
    assert re.sub(r"\s", "", "".join(whole)) == letters


def test_cuts_are_at_lines_then_spaces_then_characters(tmp_path):
    options = {"long_documents": "cut", "max_document_bytes": 8}
    path = write(tmp_path, "one two\nthree\r\nfour five six\nx" + "é" * 6)
    pieces = ["one two", "three", "four", " five", " six", "xééé", "ééé"]
    assert read(path, **options) == pieces
    assert list(read_documents(write(tmp_path, "short\n\nalso"), **options)) == ["short", "also"]


def test_a_long_document_is_an_error(tmp_path):
    path = write(tmp_path, "a\n\nb\n\n" + "c " * 50 + "\n\nd")
    for nbytes in (7, 1000):
        with pytest.raises(ValueError, match=r"file.txt: line 5: this document is longer than 40"):
            read(path, nbytes, max_document_bytes=40)
    path = write(tmp_path, '{"text": "a"}\n' + json.dumps({"text": "c" * 50}), "a.jsonl")
    for nbytes in (7, 1000):
        with pytest.raises(ValueError, match=r"a.jsonl: line 2: this record is longer than 40"):
            read(path, nbytes, max_document_bytes=40, long_documents="cut")


def test_endless_white_space_is_an_error(tmp_path):
    path = write(tmp_path, "a\n\nb" + " " * (3 << 20) + "c")
    with pytest.raises(ValueError, match=r"file\.txt: line 3: white space without end"):
        read(path, 1000, max_document_bytes=100)


@pytest.mark.parametrize("text", ["", "\n", "\n\n \n", "a", "a\n", "\n\na\n\n\n\nb c\nd\n \t\ne"])
@pytest.mark.parametrize("split", ["blank-line", "line", "file"])
def test_ends_of_files(tmp_path, text, split):
    for given_text in (text, text.replace("\n", "\r\n")):
        assert read(write(tmp_path, given_text), split=split) == documents_of(text, split)


def test_byte_order_mark(tmp_path):
    assert read(write(tmp_path, b"\xef\xbb\xbfa\n\nb\xef\xbb\xbf")) == ["a", "b\ufeff"]
    assert read(write(tmp_path, b"\xef\xbb\xbf"), split="file") == [""]
    for encoding in ("utf-16-le", "utf-16-be"):
        path = write(tmp_path, "\ufeffa".encode(encoding))
        with pytest.raises(ValueError, match=r"file\.txt: this is UTF-16 text"):
            read(path)


@pytest.mark.parametrize(
    ("data", "line", "byte"),
    [
        (b"a\n\nb\xff", 3, 4),
        (b"\x80", 1, 0),
        (b"ok\n\xc3\n", 2, 3),
        (b"ok \xe4\xb8", 1, 3),
        (b"\xed\xa0\x80", 1, 0),  # half of a surrogate pair
        (b"\xc0\x80", 1, 0),
        ("é".encode() + b"\n\n" + b"x" * 100 + b"\n\xf5", 4, 105),
        (b"\xef\xbb\xbf\n\nab\xff", 3, 7),
    ],
)
@pytest.mark.parametrize("nbytes", [3, 1 << 20])
def test_not_utf8(tmp_path, data, line, byte, nbytes):
    path = write(tmp_path, data)
    message = rf"file\.txt: line {line}: not UTF-8: byte 0x\w\w at byte {byte} of the text"
    with pytest.raises(ValueError, match=message):
        read(path, nbytes)
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    expected = documents_of(text, "blank-line")
    assert read(path, nbytes, errors="replace") == expected
    batches = list(read_batches(path, ReadOptions(errors="replace"), nbytes=nbytes))
    rest = [d for batch in batches[1:] for d in batch.documents()]
    assert read(path, nbytes, batches[0].next, errors="replace") == rest


# ---- compression ----

COMPRESS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
TEXT = "".join(f"document {i}\nof two lines, é\n\n" for i in range(300))


@pytest.mark.parametrize("suffix", COMPRESS)
def test_compressed(tmp_path, suffix):
    whole = COMPRESS[suffix](TEXT.encode())
    path = write(tmp_path, whole, "a.txt" + suffix)
    expected = documents_of(TEXT, "blank-line")
    assert read(path) == read(path, 100) == expected
    two = COMPRESS[suffix](TEXT.encode()[:1000]) + COMPRESS[suffix](TEXT.encode()[1000:])
    assert read(write(tmp_path, two, "b.TXT" + suffix.upper())) == expected
    lines = "".join(json.dumps({"text": text}) + "\n" for text in expected)
    assert read(write(tmp_path, COMPRESS[suffix](lines.encode()), "c.jsonl" + suffix)) == expected
    batches = list(read_batches(path, nbytes=1000))
    rest = [d for batch in batches[3:] for d in batch.documents()]
    assert len(batches) > 3 and read(path, 1000, batches[2].next) == rest


@pytest.mark.parametrize("suffix", COMPRESS)
def test_damaged_compression(tmp_path, suffix):
    data = COMPRESS[suffix](TEXT.encode())
    for number, bad in enumerate((data[:-20], b"not compressed at all", data[:30] + b"x" * 50)):
        path = write(tmp_path, bad, f"{number}.txt{suffix}")
        with pytest.raises(ValueError, match=rf"{number}\.txt{suffix}: not a sound {suffix} file"):
            read(path)


def test_zstd(tmp_path):
    try:
        from compression import zstd
    except ImportError:
        zstd = pytest.importorskip("backports.zstd")
    path = write(tmp_path, zstd.compress(TEXT.encode()), "a.txt.zst")
    assert read(path) == read(path, 1000) == documents_of(TEXT, "blank-line")
    path = write(tmp_path, zstd.compress(TEXT.encode())[:-20], "b.txt.zst")
    with pytest.raises(ValueError, match=r"b\.txt\.zst: not a sound \.zst file"):
        read(path)


def test_zstd_without_its_library(tmp_path, monkeypatch):
    import importlib

    def absent(name, *rest):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ImportError, match=r"a\.zst: reading .zst files .*pytxenc\[zstd\]"):
        list(read_documents(write(tmp_path, b"", "a.zst")))


# ---- JSON Lines ----


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=10), st.integers(1, 60), st.booleans())
def test_json_lines(folder, texts, nbytes, ascii_only):
    lines = [json.dumps({"id": 7, "body": t}, ensure_ascii=ascii_only) for t in texts]
    path = write(folder, "\r\n\n".join(lines), "a.jsonl")
    assert read(path, nbytes, text_field="body") == texts
    batches = list(read_batches(path, ReadOptions(text_field="body"), nbytes=nbytes))
    done = len(batches[0].ends)
    assert read(path, nbytes, batches[0].next, text_field="body") == texts[done:]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON: .* at column 2"),
        ('{"text": "a"} x', "line 2: not JSON: Extra data at column 14"),
        ('"text"', "line 2: expected a JSON object, got a string"),
        ("[1]", "line 2: expected a JSON object, got an array"),
        ('{"text": 5}', "line 2: field 'text' is a number, not a string"),
        ('{"text": null}', "line 2: field 'text' is null; missing='skip'"),
        ('{"txt": "a", "n": 1}', "line 2: no field 'text'; it has 'txt', 'n'"),
        ("{}", "line 2: no field 'text'; it has none"),
        ('{"text": "\\ud800"}', "line 2: the text has half of a surrogate pair at character 0"),
        ("[" * 100000, "line 2: JSON that is nested too deeply"),
        ("", None),
        ("   ", None),
        ('{"n": %s, "text": "b"}' % ("9" * 10000), None),
    ],
)
def test_records(tmp_path, line, message):
    path = write(tmp_path, '{"text": "a"}\n' + line + "\n", "a.json")
    if message is None:
        assert read(path) in (["a"], ["a", "b"])
        return
    with pytest.raises(ValueError, match="a.json: " + message):
        read(path)


def test_missing_text_and_surrogates(tmp_path):
    lines = ['{"text": null}', "{}", '{"text": "a\\ud800b\\ud83d\\ude00"}']
    path = write(tmp_path, "\n".join(lines), "a.jsonl")
    assert read(path, missing="skip", errors="replace") == ["a\ufffdb😀"]


# ---- arguments ----


def test_many_small_files_share_batches(tmp_path):
    paths = [write(tmp_path, f"text {i}", f"{i}.txt") for i in range(100)]
    batches = list(read_batches(paths, ReadOptions(split="file")))
    assert len(batches) == 1
    assert list(batches[0].documents()) == [f"text {i}" for i in range(100)]
    assert batches[0].progress == sum(map(os.path.getsize, paths))
    assert batches[0].data.dtype == np.uint8 and batches[0].ends.dtype == np.int64


def test_formats_are_told_by_names(tmp_path):
    line = '{"text": "a"}'
    for name in ("a.jsonl", "a.json", "a.ndjson", "A.JSONL"):
        assert list(read_documents(write(tmp_path, line, name))) == ["a"]
    for name in ("a.txt", "a", "a.en", "jsonl"):
        assert list(read_documents(write(tmp_path, line, name))) == [line]
    assert list(read_documents(write(tmp_path, line, "a.csv"), format="text")) == [line]
    with pytest.raises(ValueError, match=r"a\.csv: \.csv files are not read"):
        read_documents(tmp_path / "a.csv")


def test_arguments(tmp_path):
    path = write(tmp_path, "a")
    assert list(read_documents(os.fspath(path))) == list(read_documents([path])) == ["a"]
    with pytest.raises(FileNotFoundError, match="nothing: there is no such file"):
        read_documents([path, tmp_path / "nothing"])
    with pytest.raises(IsADirectoryError, match="name the files in it"):
        read_documents(tmp_path)
    with pytest.raises(ValueError, match="no files"):
        read_documents([])
    with pytest.raises(ValueError, match="split must be 'blank-line' or 'line' or 'file', not 'x'"):
        read_documents(path, split="x")
    with pytest.raises(ValueError, match="max_document_bytes must be at least 4"):
        read_documents(path, max_document_bytes=3)
    with pytest.raises(TypeError, match="max_document_bytes must be an int"):
        read_documents(path, max_document_bytes=1e9)
    with pytest.raises(TypeError, match="text_field"):
        read_documents(path, text_field=None)
    with pytest.raises(ValueError, match="nbytes"):
        read_batches(path, nbytes=0)


def test_a_file_that_became_shorter(tmp_path):
    path = write(tmp_path, "a\n\n" * 100)
    place = list(read_batches(path, nbytes=50))[5].next
    write(tmp_path, "a")
    with pytest.raises(ValueError, match="the file is shorter than it was"):
        read(path, start=place)


def test_memory_is_bounded(tmp_path, resident):
    path = tmp_path / "large.txt.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(100):
            file.write(b"a document of some length\n\n" * 40000)
    before = most = resident()
    for _ in read_batches(path, nbytes=1 << 20):
        most = max(most, resident())
    assert most - before < 40 << 20  # the text has 108 MB
    for split in ("file", "blank-line"):
        options = ReadOptions(split=split, max_document_bytes=1 << 20, long_documents="cut")
        for batch in read_batches(path, options, nbytes=1 << 20):
            most = max(most, resident(), batch.data.size)
    assert most - before < 60 << 20
