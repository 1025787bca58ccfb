"""split_documents and python -m pytxenc split."""

import hashlib
import json
import lzma

import pytest

from pytxenc import cli
from pytxenc.corpus import is_held_out, read_documents, split_documents

DOCUMENTS = [f"document {i}\nof two lines, {i * i % 97}" for i in range(4000)]


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt.xz"
    with lzma.open(path, "wt", encoding="utf-8", preset=0) as file:
        file.write("\n\n".join(DOCUMENTS))
    return path


def by_hash(document, share):
    digest = hashlib.blake2b(document.encode(), digest_size=8).hexdigest()
    return int(digest, 16) / 2**64 < share


def test_parts(text, tmp_path):
    train, held_out = tmp_path / "train.txt", tmp_path / "new" / "held-out.jsonl"
    held_out.parent.mkdir()
    counts = split_documents(text, train, held_out, share=0.1)
    kept, out = (list(read_documents(path)) for path in (train, held_out))
    assert out == [document for document in DOCUMENTS if by_hash(document, 0.1)]
    assert kept == [document for document in DOCUMENTS if not by_hash(document, 0.1)]
    assert counts == (
        len(kept), sum(map(len, kept)), len(out), sum(map(len, out)),
    )  # fmt: skip
    assert 320 < len(out) < 480  # binomial: 400 with a standard deviation of 19
    assert json.loads(held_out.read_text().splitlines()[0]) == {"text": out[0]}


def test_what_is_held_out_stays_so():
    assert not any(is_held_out(d, 0.02) and not is_held_out(d, 0.05) for d in DOCUMENTS)
    assert is_held_out("any text", 0.999999)


def test_command(text, tmp_path, capsys):
    train, held_out = tmp_path / "train.txt", tmp_path / "dev.txt"
    arguments = [str(text), "--share", "0.05", "--train", str(train), "--held-out", str(held_out)]
    assert cli.run("split", arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{train}: 3,") and lines[1].startswith(f"{held_out}: ")
    assert cli.run("split", arguments) == 2
    assert "train.txt exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("share", "content", "train", "message"),
    [
        (0.0, "a", "train.txt", "share is 0.0"),
        (1.0, "a", "train.txt", "share is 1.0"),
        (0.5, "a", "held-out.txt", "both parts cannot go into"),
        (0.5, "a", "train.txt.xz", "would be read otherwise"),
        (0.5, "a", "train.parquet", "would be read otherwise"),
        (1e-9, "a\n\nb", "train.txt", "of 2 documents there is none to hold out"),
        (1 - 1e-9, "a\n\nb", "train.txt", "of 2 documents there is none to train on"),
    ],
)
def test_what_cannot_be(tmp_path, share, content, train, message):
    path = tmp_path / "text.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        split_documents(path, tmp_path / train, tmp_path / "held-out.txt", share=share)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["text.txt"]


def test_lines_that_only_look_blank(tmp_path):
    """Blank are the lines that the reader takes for it: others come back as they were."""
    path = tmp_path / "text.txt"
    path.write_text("".join(f"a{i}\n\u3000\n\xa0\nb\n\n" for i in range(30)), encoding="utf-8")
    split_documents(path, tmp_path / "train.txt", tmp_path / "out.txt", share=0.5)
    parts = [list(read_documents(tmp_path / name)) for name in ("train.txt", "out.txt")]
    assert sorted(parts[0] + parts[1]) == sorted(read_documents(path))


def test_blank_lines_inside(tmp_path):
    path = tmp_path / "text.jsonl"
    path.write_text("".join(json.dumps({"text": f"a{i}\n \nb"}) + "\n" for i in range(20)))
    with pytest.raises(ValueError, match=r"let the parts be \.jsonl files"):
        split_documents(path, tmp_path / "train.txt", tmp_path / "out.jsonl", share=0.5)
    split_documents(path, tmp_path / "train.jsonl", tmp_path / "out.jsonl", share=0.5)
    parts = [list(read_documents(tmp_path / name)) for name in ("train.jsonl", "out.jsonl")]
    assert sorted(parts[0] + parts[1]) == sorted(read_documents(path))
